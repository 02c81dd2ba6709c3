//! Where the bench writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{self, FlockOperation, Mode, OFlags};

use crate::files;

const PREFIX: &str = "ringlog-bench-";
/// Locked for as long as its bench runs.
const LOCK: &str = "in-use";

/// A folder of the bench's own, removed at the end, also when it fails.
#[derive(Debug)]
pub(super) struct Directory {
    directory: tempfile::TempDir,
    _lock: OwnedFd,
}

impl Directory {
    /// A folder in `asked`, which is created if it is missing, or in the current directory. Removes
    /// what benches left there that were interrupted.
    pub(super) fn choose(asked: Option<&Path>) -> Result<Self> {
        let parent = asked.map_or_else(|| PathBuf::from("."), Path::to_owned);
        remove_abandoned(&parent);
        Self::new(&parent)
            .with_context(|| format!("cannot create a directory in {}", parent.display()))
    }

    fn new(parent: &Path) -> Result<Self> {
        files::create_directory(parent)?;
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let path = directory.path().join(LOCK);
        let lock = fs::open(path, flags, Mode::from_raw_mode(0o644))?;
        fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn remove_abandoned(parent: &Path) {
    for path in files::directories(parent, PREFIX) {
        // One without the file may belong to a bench that is just starting.
        let Ok(lock) = fs::open(path.join(LOCK), OFlags::RDWR, Mode::empty()) else {
            continue;
        };
        if fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = files::remove_directory(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupted_bench_left_is_removed_and_a_running_one_keeps_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let abandoned = Directory::choose(Some(parent.path())).unwrap();
        let left = abandoned.directory.keep();
        drop(abandoned._lock);
        let running = Directory::choose(Some(parent.path())).unwrap();
        assert!(!left.exists());
        let another = Directory::choose(Some(parent.path())).unwrap();
        assert!(running.path().exists() && another.path().exists());
        let path = running.path().to_owned();
        drop(running);
        assert!(!path.exists());
    }
}
