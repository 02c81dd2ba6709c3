//! Real files under a process that is killed at its k-th call that changes anything: that call is
//! done by half where it can be, and none is done after it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "each test file uses its own part; counters of the tests' own"
)]

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ringlog::storage::{Files, OpenMode, Storage, StorageFile};

/// The calls so far, and how many are allowed.
#[derive(Debug, Clone)]
pub struct Killed {
    calls: Arc<Mutex<Vec<String>>>,
    allowed: usize,
}

impl Killed {
    pub fn after(allowed: usize) -> Self {
        Self {
            calls: Arc::default(),
            allowed,
        }
    }

    /// Every call that changed something, in order, as `what name`.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Takes note of a call; an error once the process is dead, `true` in it while it is dying.
    fn call(&self, what: &str, path: &Path) -> Result<(), (io::Error, bool)> {
        let mut calls = self.calls.lock().unwrap();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        calls.push(format!("{what} {name}"));
        if calls.len() > self.allowed {
            let is_dying = calls.len() == self.allowed + 1;
            return Err((io::Error::other("killed"), is_dying));
        }
        Ok(())
    }

    fn change(&self, what: &str, path: &Path) -> io::Result<()> {
        self.call(what, path).map_err(|(error, _)| error)
    }
}

impl Storage for Killed {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change("create_dir", path)?;
        Files.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Files.list(path)
    }
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        if matches!(mode, OpenMode::WriteBuffered | OpenMode::WriteDurable) {
            self.change("create", path)?;
        }
        Ok(Box::new(KilledFile {
            file: Files.open(path, mode)?,
            path: path.to_owned(),
            killed: self.clone(),
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change("rename", to)?;
        Files.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change("remove", path)?;
        Files.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change("sync_dir", path)?;
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
struct KilledFile {
    file: Box<dyn StorageFile>,
    path: std::path::PathBuf,
    killed: Killed,
}

impl StorageFile for KilledFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(bytes, position)
    }
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        if let Err((error, is_dying)) = self.killed.call("write", &self.path) {
            if is_dying {
                self.file.write_at(&bytes[..bytes.len() / 2], position)?;
            }
            return Err(error);
        }
        self.file.write_at(bytes, position)
    }
    fn sync(&self) -> io::Result<()> {
        self.killed.change("sync", &self.path)?;
        self.file.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.killed.change("set_len", &self.path)?;
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
