//! Opening a partition for writing: replay what is sound, set a torn tail aside, refuse corruption.

use std::io;
use std::path::Path;

use super::buffer::GroupBuffer;
use super::directory::{Directory, QUARANTINE_DIR, TEMPORARY_SUFFIX};
use super::error::{ReadError, WriteFailure};
use super::format::{
    Damage, Frame, GroupHeader, GroupStamp, Position, SegmentHeader, segment_file_name,
};
use super::history::{History, Step};
use super::prepare::{remove_temporaries, zero_range};
use super::recovery::TornTail;
use super::scan::Scanned;
use super::writer::{OpenSegment, SEGMENT_BYTES_MIN, publish_segment};
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

/// Recovers `partition` behind `after`, and hands every frame that was kept to `on_frame`, in order, with the
/// sequence that it has if it is an event.
pub(crate) fn recover_partition<E>(
    directory: &Directory,
    partition: u32,
    schema: u64,
    after: Option<Position>,
    mut on_frame: impl FnMut(u64, &Frame<'_>) -> Result<(), E>,
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
    if let Some(after) = after {
        recovery.last_group = after.group;
        recovery.last_sequence = after.sequence;
    }
    recovery.segments = history.segments.len() as u64;
    recovery.control_unreadable = history.control_unreadable;
    let mut tail = Tail::default();
    loop {
        match history.step(u64::MAX)? {
            Step::Group(header) => {
                history.for_each_frame(&header, |sequence, frame| {
                    on_frame(sequence, frame).map_err(RecoverError::Frame)
                })?;
                // A group that no witness covers was never acknowledged, but it is sound: it is
                // kept, in a segment of its own, because its bytes here may only be cached ones.
                if header.group > history.witnessed_group {
                    tail.start
                        .get_or_insert((history.position() - header.padded_bytes() as u64, header));
                    tail.holds_frames |= header.length > 0;
                    if !tail.holds_frames {
                        // Nothing is lost with it, so it need not be copied: its number is given
                        // again, and the next segment supersedes it.
                        continue;
                    }
                }
                recovery.last_group = header.group;
                recovery.last_sequence = header.last_sequence();
                recovery.bytes += header.padded_bytes() as u64;
            }
            Step::End => break,
            Step::Torn(torn) => {
                quarantine(storage, &directory.path, &mut history, &torn)?;
                recovery.torn_tail = Some(torn);
                break;
            }
        }
    }
    if tail.holds_frames || recovery.torn_tail.is_some() {
        let template = SegmentHeader::new(directory.metadata.journal_id, partition, schema);
        let copied = copy_tail(storage, &path, template, &history, &tail, &recovery)?;
        recovery.segment = Some(copied);
        recovery.segments += 1;
    }
    Ok(recovery)
}

/// The sound groups that no witness covers: always in the last segment.
#[derive(Debug, Default)]
struct Tail {
    /// Position and header of the first one.
    start: Option<(u64, GroupHeader)>,
    holds_frames: bool,
}

/// Writes a fresh segment with the tail's groups, synced, and names it.
fn copy_tail(
    storage: &dyn Storage,
    directory: &Path,
    template: SegmentHeader,
    history: &History,
    tail: &Tail,
    recovery: &PartitionRecovery,
) -> Result<OpenSegment, ReadError> {
    let failed = |failure: WriteFailure| ReadError::Io {
        operation: failure.stage,
        path: directory.to_owned(),
        source: failure.source,
    };
    let (first_sequence, first_group) = match tail.start {
        Some((_, header)) if tail.holds_frames => (header.first_sequence, header.group),
        _ => (recovery.last_sequence + 1, recovery.last_group + 1),
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
    if let (true, Some((tail_position, _))) = (tail.holds_frames, tail.start) {
        let mut copied_group = 0;
        let mut scanner = history.scan_last_segment(tail_position)?;
        while let Scanned::Group(group) = scanner
            .step()
            .map_err(ReadError::io("read the tail in", directory))?
            && group.group <= recovery.last_group
        {
            let mut buffer = GroupBuffer::new(group.padded_bytes());
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
            return Err(history.corruption(Damage::Checksum, None));
        }
    }
    let capacity = position.max(SEGMENT_BYTES_MIN);
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

/// Copies torn bytes to the quarantine, once: a second opening finds them there.
fn quarantine(
    storage: &dyn Storage,
    root: &Path,
    history: &mut History,
    torn: &TornTail,
) -> Result<(), ReadError> {
    let directory = root.join(QUARANTINE_DIR);
    // The salt tells two segments of one name apart, of which the second replaced the first.
    let name = format!(
        "partition-{:04}-{}-{}-{:016x}.torn",
        torn.partition,
        torn.segment,
        torn.position,
        history.salt()
    );
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
