//! The snapshots of a partition as the journal needs to know them: by name and header.
//!
//! What is in them is `crate::snapshot`'s. Here they are witnesses: a snapshot gets its name only
//! after everything in it was synced, and only what a snapshot covers may be missing in front of the
//! first segment.

use std::io;
use std::path::Path;

use super::error::ReadError;
use super::format::{Damage, SnapshotHeader, parse_snapshot_file_name};
use crate::storage::{OpenMode, Storage, StorageFile};

/// A snapshot as the directory lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SnapshotName {
    pub(crate) group: u64,
    pub(crate) sequence: u64,
    pub(crate) name: String,
}

/// The snapshots in a partition's folder, oldest first; none where there is no folder.
pub(crate) fn list_snapshots(
    storage: &dyn Storage,
    partition_dir: &Path,
) -> Result<Vec<SnapshotName>, ReadError> {
    let names = match storage.list(partition_dir) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ReadError::io("list", partition_dir)(error)),
    };
    let mut snapshots: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let (sequence, group) = parse_snapshot_file_name(&name)?;
            Some(SnapshotName {
                group,
                sequence,
                name,
            })
        })
        .collect();
    snapshots.sort();
    Ok(snapshots)
}

/// The header of an open snapshot that claims to be `name`, or what is wrong with it.
pub(crate) fn read_snapshot_header(
    file: &dyn StorageFile,
    name: &SnapshotName,
    partition: u32,
    journal_id: [u64; 2],
) -> io::Result<Result<SnapshotHeader, Damage>> {
    let mut bytes = [0; SnapshotHeader::BYTES];
    let read = file.read_at(&mut bytes, 0)?;
    let header = SnapshotHeader::read(bytes.get(..read).unwrap_or_default());
    Ok(header.and_then(|header| {
        if header.journal_id != journal_id || header.partition != partition {
            return Err(Damage::Misplaced("another journal's snapshot"));
        }
        if (header.sequence, header.group) != (name.sequence, name.group) {
            return Err(Damage::Misplaced("another snapshot's header"));
        }
        header.position().checked()?;
        Ok(header)
    }))
}

/// The last group that a snapshot with a sound header holds; 0 where there is none.
pub(crate) fn last_snapshot_group(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
) -> Result<u64, ReadError> {
    let mut names = list_snapshots(storage, partition_dir)?;
    while let Some(name) = names.pop() {
        let path = partition_dir.join(&name.name);
        let file = match storage.open(&path, OpenMode::Read) {
            Ok(file) => file,
            // Beside a running writer: superseded by newer ones since the listing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                names = list_snapshots(storage, partition_dir)?;
                continue;
            }
            Err(error) => return Err(ReadError::io("open", &path)(error)),
        };
        let header = read_snapshot_header(&*file, &name, partition, journal_id)
            .map_err(ReadError::io("read", &path))?;
        if let Ok(header) = header {
            return Ok(header.group);
        }
    }
    Ok(0)
}
