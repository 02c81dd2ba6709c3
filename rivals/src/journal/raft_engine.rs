//! raft-engine: TiKV's log of raft entries.

use std::path::Path;

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use super::{Entry, Journal, number};

/// One raft group; a log batch a batch, an entry an event.
///
/// Durable by `fdatasync` in `write(batch, sync = true)`, which returns after it. Files are filled
/// beforehand and recycled; nothing is compressed, as in its own examples.
pub struct RaftEngine {
    engine: Engine,
    batch: LogBatch,
    messages: Vec<BytesValue>,
}

struct ByNumber;

impl MessageExt for ByNumber {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        let entry: &Entry = entry.value.as_slice().try_into().expect("it is whole");
        number(entry)
    }
}

const GROUP: u64 = 1;

impl RaftEngine {
    pub fn open(directory: &Path) -> Self {
        let settings = Config {
            dir: directory.to_str().expect("a plain name").to_owned(),
            batch_compression_threshold: ReadableSize::kb(0),
            target_file_size: ReadableSize::mb(64),
            purge_threshold: ReadableSize::mb(256),
            enable_log_recycle: true,
            prefill_for_recycle: true,
            prefill_limit: Some(ReadableSize::mb(512)),
            ..Config::default()
        };
        Self {
            engine: Engine::open(settings).expect("it opens"),
            batch: LogBatch::default(),
            messages: Vec::new(),
        }
    }
}

impl Journal for RaftEngine {
    fn append(&mut self, entries: &[Entry]) {
        self.messages
            .resize_with(entries.len(), BytesValue::default);
        for (message, entry) in self.messages.iter_mut().zip(entries) {
            message.value.clear();
            message.value.extend_from_slice(entry);
        }
        self.batch
            .add_entries::<ByNumber>(GROUP, &self.messages)
            .expect("it fits");
        self.engine.write(&mut self.batch, true).expect("it writes");
    }

    fn tidy(&mut self) {
        if let Some(last) = self.engine.last_index(GROUP) {
            self.engine.compact_to(GROUP, last);
        }
        self.engine.purge_expired_files().expect("it purges");
    }
}

impl std::fmt::Debug for RaftEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftEngine").finish_non_exhaustive()
    }
}
