//! Keeping an index's pieces in files, where that is possible.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::format::{Entry, Stretch, parse_file_name};
use super::piece::{Kept, Piece};
use crate::storage::Storage;
use crate::sync::Arc;

const TEMPORARY_FILE: &str = "piece.tmp";
const LOCK_FILE: &str = "lock";

/// Writes the files of one index of one partition; one at a time does.
#[derive(Debug)]
pub(super) struct Keeper {
    storage: Arc<dyn Storage>,
    directory: PathBuf,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    NotTried,
    Held(#[expect(dead_code, reason = "held, not looked at")] Box<dyn fmt::Debug + Send + Sync>),
    /// Somebody else has it, or nothing can be written there.
    Refused,
}

impl Keeper {
    pub(super) fn new(storage: Arc<dyn Storage>, directory: PathBuf) -> Self {
        Self {
            storage,
            directory,
            lock: Lock::NotTried,
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether files can be written. The first call makes the directory, and removes the files of
    /// segments that start before group `first_group`, which are gone.
    pub(super) fn can_write(&mut self, first_group: u64) -> bool {
        if let Lock::NotTried = self.lock {
            self.lock = match self.take_lock(first_group) {
                Ok(Some(lock)) => Lock::Held(lock),
                Ok(None) => Lock::Refused,
                Err(error) => {
                    tracing::info!(
                        directory = %self.directory.display(), %error,
                        "an index cannot be kept here"
                    );
                    Lock::Refused
                }
            };
        }
        matches!(self.lock, Lock::Held(_))
    }

    fn take_lock(&self, first_group: u64) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        self.storage.create_dir(&self.directory)?;
        let Some(lock) = self.storage.try_lock(&self.directory.join(LOCK_FILE))? else {
            return Ok(None);
        };
        for name in self.storage.list(&self.directory)? {
            if parse_file_name(&name).is_some_and(|group| group < first_group) {
                self.storage.remove(&self.directory.join(name))?;
            }
        }
        Ok(Some(lock))
    }

    /// The piece in a file; in memory where it cannot be written.
    pub(super) fn keep(&mut self, stretch: Stretch, entries: Vec<Entry>) -> Piece {
        if matches!(self.lock, Lock::Held(_)) {
            let temporary = self.directory.join(TEMPORARY_FILE);
            let stored = Piece::store(
                &*self.storage,
                &self.directory,
                &temporary,
                &stretch,
                &entries,
            );
            match stored {
                Ok(piece) => return piece,
                Err(error) => {
                    tracing::warn!(
                        directory = %self.directory.display(), %error,
                        "an index cannot be written"
                    );
                    // A failed sync is not retried.
                    self.lock = Lock::Refused;
                }
            }
        }
        Piece {
            stretch,
            unknown: 0,
            kept: Kept::Memory(entries),
        }
    }
}
