//! The writing end of one partition's journal: group commits, rolls and witnesses.

use std::path::PathBuf;

use super::buffer::GroupBuffer;
use super::control::{CONTROL_FILE, ControlWord};
use super::directory::{Directory, TEMPORARY_SUFFIX};
use super::error::WriteFailure;
use super::format::{GroupStamp, SegmentHeader, segment_file_name};
use super::open::PartitionRecovery;
use super::prepare::Preparer;
use crate::canary::{Canary, is_planted};
use crate::clock;
use crate::storage::{BLOCK_BYTES, OpenMode, Storage, StorageFile};
use crate::sync::Arc;

/// The first segment after an opening: small, so that opening costs little.
#[cfg(not(any(loom, shuttle)))]
pub(crate) const SEGMENT_BYTES_MIN: u64 = 1024 * 1024;
#[cfg(any(loom, shuttle))]
pub(crate) const SEGMENT_BYTES_MIN: u64 = 64 * 1024;
const SEGMENT_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;

/// How a journal is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterSettings {
    /// The fingerprint of the program's event types.
    pub(crate) schema: u64,
    /// Whether each group is synced before it counts (`Sync`), or only handed to the kernel.
    pub(crate) sync_each: bool,
}

/// How large segments are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentSizes {
    /// Of the first one after an opening.
    pub(crate) first: u64,
    /// Each is twice as large as the one before, up to this.
    pub(crate) largest: u64,
}

impl Default for SegmentSizes {
    fn default() -> Self {
        Self {
            first: SEGMENT_BYTES_MIN,
            largest: SEGMENT_BYTES_DEFAULT,
        }
    }
}

/// Writes the groups of one partition. After an error it must not be used again.
#[derive(Debug)]
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    directory: PathBuf,
    preparer: Arc<Preparer>,
    template: SegmentHeader,
    partition: u32,
    settings: WriterSettings,
    segment: Option<OpenSegment>,
    control: Box<dyn StorageFile>,
    next_group: u64,
    next_sequence: u64,
    synced_group: u64,
    /// Whether the files themselves, without the control word, prove the last group.
    is_witnessed: bool,
    next_capacity: u64,
    largest_capacity: u64,
    /// A witness group has no frames, but needs a block like any other.
    witness: GroupBuffer,
    bytes_written: u64,
}

/// The segment being written.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) file: Box<dyn StorageFile>,
    pub(crate) salt: u64,
    pub(crate) position: u64,
    pub(crate) capacity: u64,
}

impl Writer {
    /// Goes on behind what recovery kept.
    pub(crate) fn resume(
        directory: &Directory,
        partition: u32,
        settings: WriterSettings,
        preparer: Arc<Preparer>,
        recovery: PartitionRecovery,
    ) -> Result<Self, WriteFailure> {
        let path = directory.partition_dir(partition);
        let control = directory
            .storage
            .open(&path.join(CONTROL_FILE), OpenMode::WriteBuffered)
            .map_err(WriteFailure::at("open the control word"))?;
        // A copied tail is proven by the control word alone until something follows it.
        let is_witnessed = recovery.segment.is_none();
        let writer = Self {
            storage: Arc::clone(&directory.storage),
            directory: path,
            template: SegmentHeader::new(directory.metadata.journal_id, partition, settings.schema),
            partition,
            settings,
            segment: recovery.segment,
            control,
            next_group: recovery.last_group + 1,
            next_sequence: recovery.last_sequence + 1,
            synced_group: recovery.last_group,
            is_witnessed,
            next_capacity: directory.segment_sizes.first,
            largest_capacity: directory.segment_sizes.largest,
            witness: GroupBuffer::new(BLOCK_BYTES),
            bytes_written: 0,
            preparer,
        };
        // Synced here and at close only: after a power cut it may be older, but a journal that was
        // merely opened and closed again has all of it witnessed.
        writer.store_control()?;
        writer.sync_control()?;
        writer.want_segment();
        Ok(writer)
    }

    /// Writes one group; `Ok` means that it is as durable as the journal promises.
    pub(crate) fn commit(&mut self, group: &mut GroupBuffer) -> Result<(), WriteFailure> {
        let bytes = group.padded_bytes() as u64;
        let fits = self.segment.as_ref().is_some_and(|segment| {
            segment.position + bytes <= segment.capacity || segment.position == BLOCK_BYTES as u64
        });
        if !fits {
            self.roll()?;
        }
        self.write(group)
    }

    /// The sequence of the last event written.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Whether [`witness`](Self::witness) would write anything.
    pub(crate) fn needs_witness(&self) -> bool {
        !self.is_witnessed
    }

    /// Writes a group without frames, so that the files alone prove what was acknowledged.
    pub(crate) fn witness(&mut self) -> Result<(), WriteFailure> {
        if self.is_witnessed {
            return Ok(());
        }
        self.sync()?;
        let mut witness = std::mem::replace(&mut self.witness, GroupBuffer::new(0));
        let written = self.write(&mut witness);
        self.witness = witness;
        written?;
        if !self.settings.sync_each {
            self.sync()?;
            self.store_control()?;
        }
        self.is_witnessed = true;
        Ok(())
    }

    /// Leaves the journal so that the next opening finds nothing to decide: a witness behind the
    /// last group, and no prepared space behind the witness.
    pub(crate) fn close(&mut self) -> Result<(), WriteFailure> {
        self.witness()?;
        if let Some(segment) = &self.segment {
            segment
                .file
                .set_len(segment.position)
                .map_err(WriteFailure::at("trim the last segment"))?;
            segment
                .file
                .sync()
                .map_err(WriteFailure::at("sync the last segment"))?;
        }
        self.sync_control()
    }

    fn sync_control(&self) -> Result<(), WriteFailure> {
        self.control
            .sync()
            .map_err(WriteFailure::at("sync the control word"))
    }

    fn write(&mut self, group: &mut GroupBuffer) -> Result<(), WriteFailure> {
        let segment = self
            .segment
            .as_mut()
            .expect("a group is written after a roll");
        let events = group.events();
        let synced_group = match is_planted(Canary::WitnessAheadOfTheSync) {
            false => self.synced_group,
            true => self.next_group - 1,
        };
        if is_planted(Canary::ControlBeforeTheWrite) {
            let sequence = self.next_sequence + u64::from(events) - 1;
            ControlWord::new(self.next_group, sequence, self.next_group)
                .store(&*self.control)
                .map_err(WriteFailure::at("store the control word"))?;
        }
        let bytes = group.seal(&GroupStamp {
            durability: u8::from(!self.settings.sync_each),
            partition: self.partition,
            first_sequence: self.next_sequence,
            group: self.next_group,
            synced_group,
            salt: segment.salt,
            position: segment.position,
            events,
        });
        segment
            .file
            .write_at(bytes, segment.position)
            .map_err(WriteFailure::at("write a group"))?;
        segment.position += bytes.len() as u64;
        self.bytes_written += bytes.len() as u64;
        if self.settings.sync_each {
            // The handle was opened for durable writes: the write's `Ok` was the sync's.
            self.synced_group = self.next_group;
        }
        self.next_group += 1;
        self.next_sequence += u64::from(events);
        self.is_witnessed = false;
        self.store_control()
    }

    /// Syncs what was only handed to the kernel.
    fn sync(&mut self) -> Result<(), WriteFailure> {
        if self.synced_group + 1 < self.next_group {
            let segment = self
                .segment
                .as_ref()
                .expect("unsynced groups lie in a segment");
            let mut synced = segment.file.sync();
            if synced.is_err() && is_planted(Canary::FailedSyncRetried) {
                synced = segment.file.sync();
            }
            synced.map_err(WriteFailure::at("sync a segment"))?;
            self.synced_group = self.next_group - 1;
        }
        Ok(())
    }

    fn store_control(&self) -> Result<(), WriteFailure> {
        ControlWord::new(
            self.next_group - 1,
            self.next_sequence - 1,
            self.synced_group,
        )
        .store(&*self.control)
        .map_err(WriteFailure::at("store the control word"))
    }

    /// Starts the next segment, prepared if one is ready. The one before is synced first: a
    /// segment's existence witnesses everything in front of it.
    fn roll(&mut self) -> Result<(), WriteFailure> {
        if !is_planted(Canary::RollWithoutSync) {
            self.sync()?;
        }
        let mode = if self.settings.sync_each {
            OpenMode::WriteDurable
        } else {
            OpenMode::WriteBuffered
        };
        // A prepared handle writes durably, which `OsBuffer` must not pay for.
        let prepared = if self.settings.sync_each {
            self.preparer.take(self.partition)
        } else {
            None
        };
        let (file, temporary, capacity, is_recycled) = match prepared {
            Some(prepared) => (
                prepared.file,
                prepared.path,
                prepared.capacity,
                prepared.is_recycled,
            ),
            None => {
                let temporary = self.directory.join(format!("segment{TEMPORARY_SUFFIX}"));
                let file = self
                    .storage
                    .open(&temporary, mode)
                    .map_err(WriteFailure::at("create a segment"))?;
                (file, temporary, self.next_capacity, false)
            }
        };
        let salt = self
            .storage
            .random()
            .map_err(WriteFailure::at("salt a segment"))?;
        let (sequence, group) = (self.next_sequence, self.next_group);
        let header = self
            .template
            .starting_at(salt, sequence, group, clock::wall_ns());
        let header = if is_recycled {
            header.recycled()
        } else {
            header
        };
        let name = segment_file_name(sequence, group);
        publish_segment(
            &*self.storage,
            &*file,
            &header,
            &temporary,
            &self.directory.join(name),
        )?;
        self.next_capacity = (capacity * 2).min(self.largest_capacity);
        self.segment = Some(OpenSegment {
            file,
            salt,
            position: BLOCK_BYTES as u64,
            capacity,
        });
        self.want_segment();
        Ok(())
    }

    fn want_segment(&self) {
        if self.settings.sync_each {
            self.preparer.request(self.partition, self.next_capacity);
        }
    }
}

/// Gives a segment its header and its name, durably: from then on its existence is a witness.
pub(crate) fn publish_segment(
    storage: &dyn Storage,
    file: &dyn StorageFile,
    header: &SegmentHeader,
    temporary: &std::path::Path,
    final_path: &std::path::Path,
) -> Result<(), WriteFailure> {
    let mut block = crate::storage::AlignedBuffer::zeroed(BLOCK_BYTES);
    block.copy_from_slice(&header.seal());
    if is_planted(Canary::SegmentNamedBeforeItsHeader) {
        storage
            .rename(temporary, final_path)
            .map_err(WriteFailure::at("name a segment"))?;
    }
    file.write_at(&block, 0)
        .map_err(WriteFailure::at("write a segment's header"))?;
    file.sync()
        .map_err(WriteFailure::at("sync a segment's header"))?;
    // A recycled file is locked until here. Who opened it under its old name meets another header
    // from now on; who opens it under its new one must not be kept out.
    file.unlock()
        .map_err(WriteFailure::at("unlock a segment"))?;
    if !is_planted(Canary::SegmentNamedBeforeItsHeader) {
        storage
            .rename(temporary, final_path)
            .map_err(WriteFailure::at("name a segment"))?;
    }
    if is_planted(Canary::SegmentNameNotSynced) {
        return Ok(());
    }
    let directory = final_path.parent().unwrap_or(final_path);
    storage
        .sync_dir(directory)
        .map_err(WriteFailure::at("sync the partition's directory"))
}
