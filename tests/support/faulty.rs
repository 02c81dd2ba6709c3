//! Real files whose k-th call of a kind fails: what the poisoning tests need.
#![allow(
    dead_code,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a counter of the tests' own"
)]

use std::fmt;
use std::io;
use std::path::Path;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ringlog::storage::{Files, OpenMode, Storage, StorageFile};

/// Fails every journal write from the `writes_allowed`-th on, for ever, with `ENOSPC`.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) writes_left: Arc<AtomicU64>,
    before_list: Mutex<Option<Hook>>,
}

/// What somebody else does at the worst moment.
struct Hook(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Faulty {
    pub(crate) fn after_writes(writes_allowed: u64) -> Self {
        Self {
            writes_left: Arc::new(AtomicU64::new(writes_allowed)),
            before_list: Mutex::new(None),
        }
    }

    /// Fails nothing, but runs `hook` before the first look into a directory.
    pub(crate) fn before_first_list(hook: impl FnOnce() + Send + 'static) -> Self {
        Self {
            before_list: Mutex::new(Some(Hook(Box::new(hook)))),
            ..Self::after_writes(u64::MAX)
        }
    }
}

impl Storage for Faulty {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        Files.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        if let Some(Hook(hook)) = self.before_list.lock().unwrap().take() {
            hook();
        }
        Files.list(path)
    }
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let file = Files.open(path, mode)?;
        let counted = mode == OpenMode::WriteDurable;
        let writes_left = Arc::clone(&self.writes_left);
        Ok(Box::new(FaultyFile {
            file,
            counted,
            writes_left,
        }))
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

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn StorageFile>,
    counted: bool,
    writes_left: Arc<AtomicU64>,
}

impl StorageFile for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(bytes, position)
    }
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        // Segments being prepared are zeros: only what carries headers and groups counts.
        if self.counted && bytes.iter().any(|byte| *byte != 0) {
            let left = self.writes_left.load(Ordering::Relaxed);
            if left == 0 {
                return Err(io::Error::from_raw_os_error(28));
            }
            self.writes_left.store(left - 1, Ordering::Relaxed);
        }
        self.file.write_at(bytes, position)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
    fn try_lock_shared(&self) -> io::Result<bool> {
        self.file.try_lock_shared()
    }
    fn try_lock_exclusive(&self) -> io::Result<bool> {
        self.file.try_lock_exclusive()
    }
    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
}
