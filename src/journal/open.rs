//! Opening a partition for writing: replay what is sound, set a torn tail aside, refuse corruption.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use super::buffer::GroupBuffer;
use super::directory::{Directory, QUARANTINE_DIR, TEMPORARY_SUFFIX};
use super::error::{ReadError, WriteFailure};
use super::format::{Damage, GroupHeader, GroupStamp, Position, SegmentHeader, segment_file_name};
use super::history::{GroupFrames, History, Step};
use super::prepare::{remove_temporaries, zero_range};
use super::recovery::TornTail;
use super::scan::Scanned;
use super::writer::{OpenSegment, SegmentSizes, publish_segment};
use crate::canary::{Canary, is_planted};
use crate::clock;
use crate::storage::{BLOCK_BYTES, OpenMode, Storage};

/// What opening a partition found and did.
#[derive(Debug, Default)]
pub(crate) struct PartitionRecovery {
    pub(crate) last_sequence: u64,
    pub(crate) last_group: u64,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
    pub(crate) torn_tail: Option<TornTail>,
    pub(crate) control_unreadable: bool,
    /// The fresh segment that an unwitnessed tail was copied to: the writer goes on there.
    pub(crate) segment: Option<OpenSegment>,
}

/// Why a partition could not be recovered.
#[derive(Debug)]
pub(crate) enum RecoverError<E> {
    Read(ReadError),
    /// The caller's own error for a frame.
    Frame(E),
}

impl<E> From<ReadError> for RecoverError<E> {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Recovers `partition` behind `after`, and hands every group that was kept to `on_group`, in order.
pub(crate) fn recover_partition<E>(
    directory: &Directory,
    partition: u32,
    schema: u64,
    after: Option<Position>,
    mut on_group: impl FnMut(&GroupFrames<'_>) -> Result<(), RecoverError<E>>,
) -> Result<PartitionRecovery, RecoverError<E>> {
    let storage = &*directory.storage;
    let path = directory.partition_dir(partition);
    remove_temporaries(storage, &path)
        .map_err(ReadError::io("remove temporary files from", &path))?;
    let mut recovery = PartitionRecovery::default();
    let journal_id = directory.metadata.journal_id;
    let mut history = History::open(
        &directory.storage,
        &path,
        partition,
        journal_id,
        OpenMode::ReadUncached,
        after.as_ref(),
    )?;
    let before = history.reached();
    recovery.last_group = before.group;
    recovery.last_sequence = before.sequence;
    recovery.segments = history.segments.len() as u64;
    recovery.control_unreadable = history.control_unreadable;
    let mut tail = Tail::default();
    loop {
        match history.step(u64::MAX)? {
            Step::Group(header) => {
                on_group(&history.group_frames(&header))?;
                let position = history.position() - header.padded_bytes() as u64;
                tail.groups.push_back((position, header));
                while let Some((_, group)) = tail.groups.front()
                    && group.group <= history.witnessed_group
                {
                    recovery.keep(group);
                    tail.groups.pop_front();
                }
            }
            Step::End => break,
            Step::Torn(torn) => {
                quarantine(storage, &directory.path, &mut history, &torn)?;
                recovery.torn_tail = Some(torn);
                break;
            }
        }
    }
    // Without frames nothing is lost with the tail, so it need not be copied: its numbers are given
    // again, and the next segment supersedes it.
    if tail.holds_frames() {
        tail.groups
            .iter()
            .for_each(|(_, group)| recovery.keep(group));
    }
    if is_planted(Canary::TornSegmentContinued)
        && history.position() > 0
        && let Some(last) = history.segments.last()
    {
        let last = path.join(&last.name);
        let io = ReadError::io("open", &last);
        let file = storage.open(&last, OpenMode::WriteDurable).map_err(io)?;
        let capacity = file.len().map_err(ReadError::io("measure", &last))?;
        let (salt, position) = (history.salt(), history.position());
        recovery.segment = Some(OpenSegment {
            file,
            salt,
            position,
            capacity,
        });
    } else if tail.holds_frames() || recovery.torn_tail.is_some() {
        let template = SegmentHeader::new(directory.metadata.journal_id, partition, schema);
        let sizes = directory.segment_sizes;
        let copied = copy_tail(storage, &path, template, sizes, &history, &tail, &recovery)?;
        recovery.segment = Some(copied);
        recovery.segments += 1;
    }
    Ok(recovery)
}

impl PartitionRecovery {
    fn keep(&mut self, group: &GroupHeader) {
        self.last_group = group.group;
        self.last_sequence = group.last_sequence();
        self.bytes += group.padded_bytes() as u64;
    }
}

/// The sound groups that no witness covers (so far): always in the last segment.
///
/// They were never acknowledged, but they are kept, in a segment of their own, because their bytes
/// here may only be cached ones.
#[derive(Debug, Default)]
struct Tail {
    /// With their positions. A group's witness stands a few groups behind it; where nothing was
    /// synced, as with [`OsBuffer`](crate::Durability::OsBuffer), these are all of the segment.
    groups: VecDeque<(u64, GroupHeader)>,
}

impl Tail {
    fn holds_frames(&self) -> bool {
        self.groups.iter().any(|(_, group)| group.length > 0)
    }

    /// Position and header of the first group, if there is something to be copied.
    fn start(&self) -> Option<(u64, GroupHeader)> {
        self.groups.front().copied().filter(|_| self.holds_frames())
    }
}

/// Writes a fresh segment with the tail's groups, synced, and names it.
fn copy_tail(
    storage: &dyn Storage,
    directory: &Path,
    template: SegmentHeader,
    sizes: SegmentSizes,
    history: &History,
    tail: &Tail,
    recovery: &PartitionRecovery,
) -> Result<OpenSegment, ReadError> {
    let failed = |failure: WriteFailure| ReadError::Io {
        operation: failure.stage,
        path: directory.to_owned(),
        source: failure.source,
    };
    let (first_sequence, first_group) = match tail.start() {
        Some((_, header)) => (header.first_sequence, header.group),
        None => (recovery.last_sequence + 1, recovery.last_group + 1),
    };
    let temporary = directory.join(format!("recovered{TEMPORARY_SUFFIX}"));
    let file = storage
        .open(&temporary, OpenMode::WriteDurable)
        .map_err(ReadError::io("create", &temporary))?;
    let salt = storage
        .random()
        .map_err(ReadError::io("salt", &temporary))?;
    let header = template.starting_at(salt, first_sequence, first_group, clock::wall_ns());
    let mut position = BLOCK_BYTES as u64;
    if let Some((tail_position, _)) = tail.start() {
        let mut buffer = GroupBuffer::new(BLOCK_BYTES);
        let mut copied_group = 0;
        let mut scanner = history.scan_last_segment(tail_position)?;
        while let Scanned::Group(group) = scanner
            .step()
            .map_err(ReadError::io("read the tail in", directory))?
            && group.group <= recovery.last_group
        {
            buffer.clear();
            if buffer.room() < scanner.frames().len() {
                buffer = GroupBuffer::new(group.padded_bytes());
            }
            buffer.append_all(scanner.frames(), group.events);
            let bytes = buffer.seal(&GroupStamp {
                durability: group.durability,
                partition: group.partition,
                first_sequence: group.first_sequence,
                group: group.group,
                synced_group: first_group - 1,
                salt,
                position,
                events: group.events,
            });
            file.write_at(bytes, position)
                .map_err(ReadError::io("copy the tail to", &temporary))?;
            position += bytes.len() as u64;
            copied_group = group.group;
        }
        if copied_group != recovery.last_group {
            // Replayed, but not there on a second look: the device does not read the same twice.
            return Err(history.corruption(Damage::Checksum));
        }
    }
    let capacity = position.max(sizes.first);
    zero_range(&*file, position, capacity, || false)
        .map_err(ReadError::io("prepare", &temporary))?;
    let name = segment_file_name(first_sequence, first_group);
    publish_segment(storage, &*file, &header, &temporary, &directory.join(name)).map_err(failed)?;
    Ok(OpenSegment {
        file,
        salt,
        position,
        capacity,
    })
}

/// The name of a torn tail's copy. The salt tells two segments of one name apart, of which the second
/// replaced the first.
pub(crate) fn torn_file_name(torn: &TornTail, salt: u64) -> String {
    format!(
        "partition-{:04}-{}-{}-{salt:016x}.torn",
        torn.partition, torn.segment, torn.position,
    )
}

/// Copies torn bytes to the quarantine, once: a second opening finds them there.
fn quarantine(
    storage: &dyn Storage,
    root: &Path,
    history: &mut History,
    torn: &TornTail,
) -> Result<(), ReadError> {
    let directory = root.join(QUARANTINE_DIR);
    let name = torn_file_name(torn, history.salt());
    let path = directory.join(&name);
    let temporary = directory.join(format!("{name}{TEMPORARY_SUFFIX}"));
    let mut copy = || -> io::Result<()> {
        storage.create_dir(&directory)?;
        let file = storage.open(&temporary, OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        let mut position = 0;
        history.copy_range(torn.position, torn.position + torn.bytes, |bytes| {
            file.write_at(bytes, position)?;
            position += bytes.len() as u64;
            Ok(())
        })?;
        file.set_len(torn.bytes)?;
        file.sync()?;
        storage.rename(&temporary, &path)?;
        storage.sync_dir(&directory)
    };
    copy().map_err(ReadError::io("set a torn tail aside in", &path))
}
