//! okaywal: a write-ahead log.

use std::path::Path;

use okaywal::{Configuration, LogVoid, WriteAheadLog};

use super::{Entry, Journal};

/// An entry a batch, a chunk an event.
///
/// Durable by `fdatasync` in `commit`, which returns after it. Its files are large and its buffer
/// takes a whole batch: its defaults, 1 MiB and 16 KiB, are slower here.
#[derive(Debug)]
pub struct OkayWal(WriteAheadLog);

impl OkayWal {
    pub fn open(directory: &Path) -> Self {
        let settings = Configuration::default_for(directory)
            .preallocate_bytes(64 * 1024 * 1024)
            .checkpoint_after_bytes(60 * 1024 * 1024)
            .buffer_bytes(128 * 1024);
        Self(settings.open(LogVoid).expect("it opens"))
    }
}

impl Journal for OkayWal {
    fn append(&mut self, entries: &[Entry]) {
        let mut entry = self.0.begin_entry().expect("it begins");
        for event in entries {
            entry.write_chunk(event).expect("it writes");
        }
        entry.commit().expect("it commits");
    }
}
