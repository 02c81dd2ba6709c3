//! Checking every byte that matters.

use std::path::Path;

use super::error::ReadError;
use super::history::{History, Step};
use super::reader::{JournalReader, RecordedEvent};
use super::recovery::TornTail;
use crate::storage::{OpenMode, Storage};
use crate::sync::Arc;

/// What [`JournalReader::verify`] found, partition by partition.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Whether a writer was running: what it had in flight is then not judged.
    pub has_writer: bool,
    /// One entry a partition.
    pub partitions: Vec<PartitionCheck>,
}

/// One partition's check.
#[derive(Debug)]
#[non_exhaustive]
pub struct PartitionCheck {
    /// The partition.
    pub partition: u32,
    /// How many segments it has.
    pub segments: u64,
    /// How many sound groups were read.
    pub groups: u64,
    /// How many sound events were read.
    pub events: u64,
    /// Bytes of the sound groups.
    pub bytes: u64,
    /// A torn tail: never acknowledged, so nothing is lost with it.
    pub torn_tail: Option<TornTail>,
    /// Events at the end that are sound, but that no witness says were acknowledged: the next
    /// opening for writing keeps them.
    pub unacknowledged_events: u64,
    /// The control word cannot be believed: one witness less. The next opening writes a new one.
    pub control_unreadable: bool,
    /// Why checking ended early.
    pub error: Option<ReadError>,
    /// Events whose archive is not what its type says: sequence and reason, the first ones.
    pub invalid: Vec<(u64, String)>,
    /// How many such events there are in all.
    pub invalid_events: u64,
}

/// How many invalid events are described one by one.
const INVALID_DESCRIBED_MAX: usize = 10;

impl JournalReader {
    /// Reads everything: structure, checksums, numbering, and each event with `check_event`, which
    /// says what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`] when the lock cannot be looked at. What is wrong with a partition is in
    /// its [`PartitionCheck`].
    pub fn verify(
        &self,
        mut check_event: impl FnMut(&RecordedEvent<'_>) -> Result<(), String>,
    ) -> Result<VerifyReport, ReadError> {
        let has_writer = self.has_writer()?;
        let partitions = (0..self.partitions())
            .map(|partition| {
                let directory = self.partition_dir(partition);
                let mut check = PartitionCheck::new(partition);
                if let Err(error) = verify_partition(
                    &self.storage,
                    &directory,
                    self.journal_id(),
                    has_writer,
                    &mut check,
                    &mut check_event,
                ) {
                    check.error = Some(error);
                }
                check
            })
            .collect();
        Ok(VerifyReport {
            has_writer,
            partitions,
        })
    }
}

impl PartitionCheck {
    fn new(partition: u32) -> Self {
        Self {
            partition,
            segments: 0,
            groups: 0,
            events: 0,
            bytes: 0,
            torn_tail: None,
            unacknowledged_events: 0,
            control_unreadable: false,
            error: None,
            invalid: Vec::new(),
            invalid_events: 0,
        }
    }
}

fn verify_partition(
    storage: &Arc<dyn Storage>,
    directory: &Path,
    journal_id: [u64; 2],
    has_writer: bool,
    check: &mut PartitionCheck,
    check_event: &mut impl FnMut(&RecordedEvent<'_>) -> Result<(), String>,
) -> Result<(), ReadError> {
    let mut history = History::open(
        storage,
        directory,
        check.partition,
        journal_id,
        OpenMode::Read,
        None,
    )?;
    check.segments = history.segments.len() as u64;
    check.control_unreadable = history.control_unreadable;
    let limit = if has_writer {
        history.acknowledged_group
    } else {
        u64::MAX
    };
    loop {
        let header = match history.step(limit)? {
            Step::Group(header) => header,
            Step::End => return Ok(()),
            Step::Torn(torn) => {
                check.torn_tail = Some(torn);
                return Ok(());
            }
        };
        history.for_each_frame(&header, |sequence, frame| {
            if frame.header.is_control() {
                return Ok(());
            }
            let event = RecordedEvent {
                meta: frame.header.meta(check.partition, sequence),
                kind: frame.header.kind,
                version: frame.header.version,
                body: frame.body,
            };
            if let Err(reason) = check_event(&event) {
                check.invalid_events += 1;
                if check.invalid.len() < INVALID_DESCRIBED_MAX {
                    check.invalid.push((sequence, reason));
                }
            }
            Ok::<_, ReadError>(())
        })?;
        check.groups += 1;
        check.events += u64::from(header.events);
        check.bytes += header.padded_bytes() as u64;
        if header.group > history.acknowledged_group {
            check.unacknowledged_events += u64::from(header.events);
        }
    }
}
