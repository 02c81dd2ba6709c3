//! fjall: a log-structured merge tree.

use std::path::Path;

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Entry, Journal, number};

/// A write batch a batch, a key an event, big-endian as its documentation advises.
///
/// Durable by `PersistMode::SyncData` on the batch: `commit` returns after `fdatasync` of its
/// journal. The journal is not compressed.
pub struct Fjall {
    database: Database,
    events: Keyspace,
}

impl Fjall {
    pub fn open(directory: &Path) -> Self {
        let database = Database::builder(directory)
            .journal_compression(CompressionType::None)
            .open()
            .expect("it opens");
        let events = database
            .keyspace("events", KeyspaceCreateOptions::default)
            .expect("it opens");
        Self { database, events }
    }
}

impl Journal for Fjall {
    fn append(&mut self, entries: &[Entry]) {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for entry in entries {
            #[expect(clippy::big_endian_bytes, reason = "so that keys have an order")]
            let key = number(entry).to_be_bytes();
            batch.insert(&self.events, key, entry.as_slice());
        }
        batch.commit().expect("it commits");
    }
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall").finish_non_exhaustive()
    }
}
