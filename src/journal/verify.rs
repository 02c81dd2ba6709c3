//! Checking every byte that matters.

use std::path::Path;

use super::control::{ControlRead, ControlWord};
use super::directory::{SegmentName, list_segments};
use super::error::{Corruption, ReadError};
use super::history::{History, Step};
use super::reader::{JournalReader, RecordedEvent};
use super::recovery::TornTail;
use crate::snapshot::{RejectedSnapshot, check_snapshots};
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
    /// How many sound groups were read in front of any damage.
    pub groups: u64,
    /// How many sound events were read in front of any damage.
    pub events: u64,
    /// Bytes of those groups.
    pub bytes: u64,
    /// A torn tail: never acknowledged, so nothing is lost with it.
    pub torn_tail: Option<TornTail>,
    /// Events at the end that are sound, but that no witness says were acknowledged: the next
    /// opening for writing keeps them.
    pub unacknowledged_events: u64,
    /// How many snapshots it has.
    pub snapshots: u64,
    /// Snapshots that are damaged: an opening passes them over.
    pub damaged_snapshots: Vec<RejectedSnapshot>,
    /// The first sequence that is still there: above 1 where older events are retired.
    pub earliest: u64,
    /// The control word cannot be believed: one witness less. The next opening writes a new one.
    pub control_unreadable: bool,
    /// The first damage, or why checking ended early.
    pub error: Option<ReadError>,
    /// More damage, behind the first one.
    pub further: Vec<Corruption>,
    /// Sound events behind the first damage, which salvage reads.
    pub salvageable_events: u64,
    /// Events whose archive is not what its type says: sequence and reason, the first ones.
    pub invalid: Vec<(u64, String)>,
    /// How many such events there are in all.
    pub invalid_events: u64,
}

/// How often a partition is checked that changes under the check: damage beside a busy writer is
/// still damage.
const ATTEMPTS_MAX: u32 = 8;

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
        let mut has_writer = self.has_writer()?;
        let mut partitions = Vec::new();
        for partition in 0..self.partitions() {
            let (check, met_writer) = self.check_partition(partition, &mut check_event)?;
            has_writer |= met_writer;
            partitions.push(check);
        }
        Ok(VerifyReport {
            has_writer,
            partitions,
        })
    }

    /// Checks one partition; also whether a writer was there.
    ///
    /// A writer that comes while it is being checked, or an opening that supersedes a tail, changes
    /// the end under the check: what is found then is looked at again.
    fn check_partition(
        &self,
        partition: u32,
        check_event: &mut impl FnMut(&RecordedEvent<'_>) -> Result<(), String>,
    ) -> Result<(PartitionCheck, bool), ReadError> {
        let directory = self.partition_dir(partition);
        let mut attempts = 1;
        loop {
            let before = Moment::of(self, &directory)?;
            let mut check = PartitionCheck::new(partition);
            let checked = verify_partition(
                &self.storage,
                &directory,
                self.journal_id(),
                before.has_writer,
                &mut check,
                check_event,
            );
            let is_retired = matches!(&checked, Err(ReadError::Retired { .. }));
            if is_retired && attempts < ATTEMPTS_MAX {
                // Beside a writer with retention: from the new first segment on.
                attempts += 1;
                continue;
            }
            if let Err(error) = checked {
                // What ends the check behind damage does not displace the damage.
                check.error.get_or_insert(error);
            }
            let is_settled = attempts == ATTEMPTS_MAX
                || !check.has_finding()
                || Moment::of(self, &directory)? == before;
            if is_settled {
                return Ok((check, before.has_writer));
            }
            attempts += 1;
        }
    }
}

/// What changes when a writer comes, goes, or writes.
#[derive(Debug, PartialEq, Eq)]
struct Moment {
    has_writer: bool,
    control: ControlRead,
    segments: Option<Vec<SegmentName>>,
}

impl Moment {
    fn of(reader: &JournalReader, directory: &Path) -> Result<Self, ReadError> {
        Ok(Self {
            has_writer: reader.has_writer()?,
            control: ControlWord::read(&*reader.storage, directory)
                .map_err(ReadError::io("read the control word in", directory))?,
            segments: list_segments(&*reader.storage, directory)?,
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
            snapshots: 0,
            damaged_snapshots: Vec::new(),
            earliest: 1,
            control_unreadable: false,
            error: None,
            further: Vec::new(),
            salvageable_events: 0,
            invalid: Vec::new(),
            invalid_events: 0,
        }
    }

    /// Whether anything is not as after a clean close.
    fn has_finding(&self) -> bool {
        self.error.is_some()
            || self.torn_tail.is_some()
            || self.control_unreadable
            || !self.damaged_snapshots.is_empty()
            || self.unacknowledged_events > 0
    }

    /// Takes note of damage; hands back what is no damage, and ends the check.
    fn damaged(&mut self, error: ReadError) -> Result<(), ReadError> {
        match error {
            ReadError::Corruption(corruption) if self.error.is_some() => {
                self.further.push(*corruption);
            }
            ReadError::Corruption(_) => self.error = Some(error),
            error => return Err(error),
        }
        Ok(())
    }

    /// Says how far the damage reaches that was met last.
    fn ends_at(&mut self, lost_up_to: Option<u64>) {
        let last = match (self.further.last_mut(), &mut self.error) {
            (Some(corruption), _) => corruption,
            (None, Some(ReadError::Corruption(corruption))) => &mut **corruption,
            _ => return,
        };
        last.lost_up_to = lost_up_to;
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
    (check.snapshots, check.damaged_snapshots) =
        check_snapshots(&**storage, directory, check.partition, journal_id)?;
    check.earliest = history.earliest();
    check.segments = history.segments.len() as u64;
    check.control_unreadable = history.control_unreadable;
    let limit = if has_writer {
        history.acknowledged_group
    } else {
        u64::MAX
    };
    loop {
        let header = match history.step(limit) {
            Ok(Step::Group(header)) => header,
            Ok(Step::End) => return Ok(()),
            Ok(Step::Torn(torn)) => {
                check.torn_tail = Some(torn);
                return Ok(());
            }
            Err(error) => {
                check.damaged(error)?;
                // Behind it there may be more damage, and more that is sound.
                let gap = history.skip_damage(limit)?;
                check.ends_at(gap.lost_up_to);
                if gap.lost_up_to.is_none() {
                    return Ok(());
                }
                continue;
            }
        };
        let partition = check.partition;
        let (mut invalid, mut invalid_events) = (Vec::new(), 0);
        let frames = history.group_frames(&header).for_each(|sequence, frame| {
            if frame.header.is_control() {
                return Ok(());
            }
            let event = RecordedEvent {
                meta: frame.header.meta(partition, sequence),
                kind: frame.header.kind,
                version: frame.header.version,
                body: frame.body,
            };
            if let Err(reason) = check_event(&event) {
                invalid_events += 1;
                if invalid.len() < INVALID_DESCRIBED_MAX {
                    invalid.push((sequence, reason));
                }
            }
            Ok::<_, ReadError>(())
        });
        if let Err(error) = frames {
            check.damaged(error)?;
            continue;
        }
        check.invalid.extend(invalid);
        check.invalid.truncate(INVALID_DESCRIBED_MAX);
        check.invalid_events += invalid_events;
        if check.error.is_some() {
            check.salvageable_events += u64::from(header.events);
            continue;
        }
        check.groups += 1;
        check.events += u64::from(header.events);
        check.bytes += header.padded_bytes() as u64;
        if header.group > history.acknowledged_group {
            check.unacknowledged_events += u64::from(header.events);
        }
    }
}
