//! The engine's files, read through the page cache where it would read past it.

use std::path::Path;
use std::{fmt, io};

use ringlog::storage::{Files, OpenMode, Storage, StorageFile};

/// An opening reads what is on the disk; this is for measuring what it does with the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cached;

impl Storage for Cached {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        Files.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Files.list(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let mode = match mode {
            OpenMode::ReadUncached => OpenMode::Read,
            mode => mode,
        };
        Files.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Files.sync_dir(path)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        Files.try_lock(path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Files.is_locked(path)
    }

    fn is_volatile(&self, path: &Path) -> io::Result<bool> {
        Files.is_volatile(path)
    }

    fn random(&self) -> io::Result<u64> {
        Files.random()
    }
}
