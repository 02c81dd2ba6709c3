//! The cut: everything behind the last sound group leaves the journal.
//!
//! It can be killed anywhere and made again. What keeps it safe is the order:
//!
//! 1. Copies are whole, synced and named before anything is changed. Snapshots that hold what goes
//!    are set aside next, as they witness it, and the marks of cursors that have read it.
//! 2. The control word is lowered first. Until the last removal, the segments that are left still
//!    say that something is missing: an opening refuses, and another repair makes the same cut.
//! 3. Segments go from the last to the first, each durably before the next: what is left is always
//!    the journal's beginning, so no later segment ever stands alone.
//! 4. The fresh segment supersedes the damaged rest of the one before it, or takes its place.

use std::path::Path;

use super::copy::Copy;
use crate::clock;
use crate::journal::control::{CONTROL_FILE, ControlWord};
use crate::journal::directory::{Directory, QUARANTINE_DIR, TEMPORARY_SUFFIX};
use crate::journal::error::{ReadError, WriteFailure};
use crate::journal::format::{SegmentHeader, segment_file_name};
use crate::journal::prepare::remove_temporaries;
use crate::journal::scan::read_segment_header;
use crate::journal::writer::publish_segment;
use crate::storage::{OpenMode, Storage};

/// A cut behind `last_group`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) last_group: u64,
    pub(super) last_sequence: u64,
    /// The segment in which the last sound group lies.
    pub(super) kept: Option<String>,
    pub(super) copies: Vec<Copy>,
    /// The snapshots that hold what goes, and the marks of cursors that have read it.
    pub(super) aside: Vec<String>,
    /// The segments that go, in this order.
    pub(super) removed: Vec<String>,
}

impl Cut {
    /// The name of the segment that the cut starts.
    pub(super) fn fresh_name(&self) -> String {
        segment_file_name(self.last_sequence + 1, self.last_group + 1)
    }

    pub(super) fn make(&self, directory: &Directory, partition: u32) -> Result<(), ReadError> {
        let storage = &*directory.storage;
        let folder = directory.partition_dir(partition);
        remove_temporaries(storage, &folder)
            .map_err(ReadError::io("remove temporary files from", &folder))?;
        for copy in &self.copies {
            copy.make(storage, &directory.path, &folder, partition)?;
        }
        if let Some(kept) = &self.kept {
            // The fresh segment will witness what is in it.
            let path = folder.join(kept);
            storage
                .open(&path, OpenMode::WriteBuffered)
                .and_then(|file| file.sync())
                .map_err(ReadError::io("sync", &path))?;
        }
        // Snapshots witness what is about to go, and marks stand behind it.
        set_aside(directory, partition, &self.aside)?;
        store_control(storage, &folder, self.last_group, self.last_sequence)?;
        for name in &self.removed {
            let path = folder.join(name);
            storage
                .remove(&path)
                .map_err(ReadError::io("remove", &path))?;
            storage
                .sync_dir(&folder)
                .map_err(ReadError::io("sync the directory", &folder))?;
        }
        self.start_segment(directory, partition)
    }

    fn start_segment(&self, directory: &Directory, partition: u32) -> Result<(), ReadError> {
        let storage = &*directory.storage;
        let folder = directory.partition_dir(partition);
        let temporary = folder.join(format!("recovered{TEMPORARY_SUFFIX}"));
        let file = storage
            .open(&temporary, OpenMode::WriteDurable)
            .map_err(ReadError::io("create", &temporary))?;
        let salt = storage
            .random()
            .map_err(ReadError::io("salt", &temporary))?;
        let schema = match &self.kept {
            Some(kept) => schema_of(storage, &folder.join(kept))?,
            None => 0,
        };
        let header = SegmentHeader::new(directory.metadata.journal_id, partition, schema)
            .starting_at(
                salt,
                self.last_sequence + 1,
                self.last_group + 1,
                clock::wall_ns(),
            );
        let path = folder.join(self.fresh_name());
        publish_segment(storage, &*file, &header, &temporary, &path).map_err(
            |failure: WriteFailure| ReadError::Io {
                operation: failure.stage,
                path: path.clone(),
                source: failure.source,
            },
        )
    }
}

/// Moves files of a partition to the quarantine.
pub(super) fn set_aside(
    directory: &Directory,
    partition: u32,
    names: &[String],
) -> Result<(), ReadError> {
    if names.is_empty() {
        return Ok(());
    }
    let storage = &*directory.storage;
    let (folder, quarantine) = (
        directory.partition_dir(partition),
        directory.path.join(QUARANTINE_DIR),
    );
    let set_aside = || {
        storage.create_dir(&quarantine)?;
        for name in names {
            let to = quarantine.join(aside_name(partition, name));
            storage.rename(&folder.join(name), &to)?;
        }
        // The new names first: a file that is in both folders is better than one in none.
        storage.sync_dir(&quarantine)?;
        storage.sync_dir(&folder)
    };
    set_aside().map_err(ReadError::io("set files aside in", &quarantine))
}

/// The name of a file of a partition in the quarantine.
pub(super) fn aside_name(partition: u32, name: &str) -> String {
    format!("partition-{partition:04}-{name}")
}

/// The fingerprint of the event types in the segment at `path`; 0 where it cannot be read.
pub(super) fn schema_of(storage: &dyn Storage, path: &Path) -> Result<u64, ReadError> {
    storage
        .open(path, OpenMode::ReadUncached)
        .and_then(|file| read_segment_header(&*file))
        .map(|header| header.map_or(0, |header| header.schema))
        .map_err(ReadError::io("read", path))
}

/// Stores a control word durably.
pub(super) fn store_control(
    storage: &dyn Storage,
    folder: &Path,
    group: u64,
    sequence: u64,
) -> Result<(), ReadError> {
    let path = folder.join(CONTROL_FILE);
    let store = || {
        let file = storage.open(&path, OpenMode::WriteBuffered)?;
        ControlWord::new(group, sequence, group).store(&*file)?;
        file.sync()?;
        storage.sync_dir(folder)
    };
    store().map_err(ReadError::io("store the control word", &path))
}
