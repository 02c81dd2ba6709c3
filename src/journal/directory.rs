//! A journal's directory: metadata, lock, and a folder per partition.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{JournalError, ReadError};
use super::format::{Damage, Metadata, ROUTING, parse_segment_file_name};
use super::writer::SegmentSizes;
use crate::canary::{Canary, is_planted};
use crate::storage::{OpenMode, Storage};
use crate::sync::{self, Arc};

const METADATA_FILE: &str = "journal.meta";
const LOCK_FILE: &str = "lock";
const PARTITION_PREFIX: &str = "partition-";
const INDEX_DIR: &str = "index";
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
/// Files that never carry anything but what is about to be written: removed at opening.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
/// Far above what the rest of the design (a thread and a pool per partition) is good for.
pub(crate) const PARTITIONS_MAX: u32 = 1024;

/// A directory opened for writing: it stays locked until this is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) segment_sizes: SegmentSizes,
    _lock: Box<dyn fmt::Debug + Send + Sync>,
}

impl Directory {
    /// Opens or creates the journal in `path`.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        path: &Path,
        partitions: u32,
    ) -> Result<Self, JournalError> {
        storage
            .create_dir(path)
            .map_err(ReadError::io("create the directory", path))?;
        if read_metadata(&*storage, path)?.is_none()
            // Before the lock file is made: what is not ours is left as it was.
            && let Err(foreign) = refuse_foreign(&*storage, path)
            // A rival may have created the journal in between; then nothing is foreign.
            && read_metadata(&*storage, path)?.is_none()
        {
            return Err(foreign.into());
        }
        let lock = lock(&*storage, &path.join(LOCK_FILE))?.ok_or(JournalError::AlreadyOpen)?;
        let metadata = match read_metadata(&*storage, path)? {
            Some(metadata) => metadata,
            None => create(&*storage, path, partitions)?,
        };
        if metadata.partitions != partitions {
            return Err(JournalError::PartitionCount {
                found: metadata.partitions,
                asked: partitions,
            });
        }
        // An earlier process may have made these and been killed before it synced them.
        let above = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let folders = (0..partitions).map(|partition| partition_dir(path, partition));
        let unsynced = is_planted(Canary::NewDirectoryNotSynced);
        for directory in folders
            .chain([path.to_owned()])
            .chain(above.map(std::path::Path::to_owned))
            .filter(|_| !unsynced)
        {
            storage
                .sync_dir(&directory)
                .map_err(ReadError::io("sync the directory", &directory))?;
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            storage,
            segment_sizes: SegmentSizes::default(),
            _lock: lock,
        })
    }

    /// Opens the journal in `path` as it is, whatever its partitions; changes nothing but the lock.
    pub(crate) fn open_existing(
        storage: Arc<dyn Storage>,
        path: &Path,
    ) -> Result<Self, JournalError> {
        let metadata =
            read_metadata(&*storage, path)?.ok_or_else(|| ReadError::no_journal(path))?;
        let lock = lock(&*storage, &path.join(LOCK_FILE))?.ok_or(JournalError::AlreadyOpen)?;
        Ok(Self {
            path: path.to_owned(),
            metadata,
            storage,
            segment_sizes: SegmentSizes::default(),
            _lock: lock,
        })
    }

    /// Whether there is a journal in `path`.
    pub(crate) fn exists(storage: &dyn Storage, path: &Path) -> Result<bool, ReadError> {
        Ok(read_metadata(storage, path)?.is_some())
    }

    pub(crate) fn partition_dir(&self, partition: u32) -> PathBuf {
        partition_dir(&self.path, partition)
    }
}

/// The number of partitions of the journal in `path`; `None` where there is no journal.
pub(crate) fn read_metadata(
    storage: &dyn Storage,
    path: &Path,
) -> Result<Option<Metadata>, ReadError> {
    let file_path = path.join(METADATA_FILE);
    let file = match storage.open(&file_path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::io("open", &file_path)(error)),
    };
    let mut text = [0; 1024];
    let read = file
        .read_at(&mut text, 0)
        .map_err(ReadError::io("read", &file_path))?;
    let metadata = Metadata::from_text(&text[..read]).map_err(|damage| match damage {
        Damage::Version(version) => ReadError::NewerFormat {
            path: file_path.clone(),
            version,
        },
        damage => ReadError::Metadata {
            path: file_path.clone(),
            damage,
        },
    })?;
    if metadata.routing != ROUTING || !(1..=PARTITIONS_MAX).contains(&metadata.partitions) {
        return Err(ReadError::NotAJournal {
            path: path.to_owned(),
            reason: format!(
                "its events are routed to {} partitions by `{}`, this program routes by `{ROUTING}`",
                metadata.partitions, metadata.routing
            ),
        });
    }
    Ok(Some(metadata))
}

/// Whether a writer has the journal open.
pub(crate) fn has_writer(storage: &dyn Storage, path: &Path) -> Result<bool, ReadError> {
    let path = path.join(LOCK_FILE);
    match storage.is_locked(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        answer => answer.map_err(ReadError::io("look at the lock", &path)),
    }
}

/// Where the index `name` of a partition is kept, which is derived from the journal.
pub(crate) fn index_dir(path: &Path, name: &str, partition: u32) -> PathBuf {
    path.join(INDEX_DIR)
        .join(name)
        .join(format!("{PARTITION_PREFIX}{partition:04}"))
}

pub(crate) fn partition_dir(path: &Path, partition: u32) -> PathBuf {
    path.join(format!("{PARTITION_PREFIX}{partition:04}"))
}

/// The segments of a partition in journal order; `None` where it has no folder.
pub(crate) fn list_segments(
    storage: &dyn Storage,
    partition_dir: &Path,
) -> Result<Option<Vec<SegmentName>>, ReadError> {
    let names = match storage.list(partition_dir) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::io("list", partition_dir)(error)),
    };
    let mut segments: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let (first_sequence, first_group) = parse_segment_file_name(&name)?;
            Some(SegmentName {
                first_group,
                first_sequence,
                name,
            })
        })
        .collect();
    segments.sort();
    Ok(Some(segments))
}

/// A segment as the directory lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) first_group: u64,
    pub(crate) first_sequence: u64,
    pub(crate) name: String,
}

fn lock(
    storage: &dyn Storage,
    path: &Path,
) -> Result<Option<Box<dyn fmt::Debug + Send + Sync>>, ReadError> {
    // A reader that asks whether a writer is there holds a shared lock for a moment.
    for _ in 0..5 {
        if let Some(lock) = storage
            .try_lock(path)
            .map_err(ReadError::io("lock", path))?
        {
            return Ok(Some(lock));
        }
        sync::park_for(Duration::from_millis(2));
    }
    Ok(None)
}

/// Refuses a directory that holds anything but what an opening left that was killed before it wrote
/// the metadata.
fn refuse_foreign(storage: &dyn Storage, path: &Path) -> Result<(), ReadError> {
    let foreign = storage
        .list(path)
        .map_err(ReadError::io("list", path))?
        .into_iter()
        .find(|name| {
            let is_empty_folder = name.starts_with(PARTITION_PREFIX)
                && storage
                    .list(&path.join(name))
                    .is_ok_and(|names| names.is_empty());
            name != LOCK_FILE && !name.ends_with(TEMPORARY_SUFFIX) && !is_empty_folder
        });
    if let Some(name) = foreign {
        return Err(ReadError::NotAJournal {
            path: path.to_owned(),
            reason: format!("it holds `{name}` but no `{METADATA_FILE}`"),
        });
    }
    Ok(())
}

/// Makes the entries of `path` and of every directory above it durable. An earlier process may have
/// made some of them and been killed before it synced them; to this one they were there.
fn sync_above(storage: &dyn Storage, path: &Path) -> Result<(), ReadError> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    for above in path.ancestors().skip(1) {
        let above = match above.as_os_str().is_empty() {
            true => Path::new("."),
            false => above,
        };
        match storage.sync_dir(above) {
            // Nothing that an earlier process of ours could have made.
            Err(error)
                if matches!(
                    error.kind(),
                    PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported
                ) => {}
            synced => synced.map_err(ReadError::io("sync the directory", above))?,
        }
    }
    Ok(())
}

fn create(storage: &dyn Storage, path: &Path, partitions: u32) -> Result<Metadata, ReadError> {
    // Before there is metadata, which tells later openings that this has been done.
    sync_above(storage, path)?;
    let random = || {
        storage
            .random()
            .map_err(ReadError::io("name the journal in", path))
    };
    let metadata = Metadata {
        partitions,
        journal_id: [random()?, random()?],
        routing: ROUTING.to_owned(),
    };
    let (temporary, final_path) = (
        path.join(format!("{METADATA_FILE}{TEMPORARY_SUFFIX}")),
        path.join(METADATA_FILE),
    );
    for partition in 0..partitions {
        let path = partition_dir(path, partition);
        storage
            .create_dir(&path)
            .map_err(ReadError::io("create the directory", &path))?;
    }
    let write = || -> io::Result<()> {
        let file = storage.open(&temporary, OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        file.write_at(metadata.to_text().as_bytes(), 0)?;
        file.sync()?;
        storage.rename(&temporary, &final_path)?;
        storage.sync_dir(path)
    };
    write().map_err(ReadError::io("write", &final_path))?;
    Ok(metadata)
}
