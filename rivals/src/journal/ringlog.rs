//! ringlog, durable, one partition.
#![allow(missing_debug_implementations, reason = "what rkyv derives has none")]

use std::path::Path;

use ringlog::{EventMeta, Pipeline, Publisher, State, events, rkyv};

use super::{Entry, Journal, number};

/// 128 bytes.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub(super) struct Recorded {
    pub(super) number: u64,
    pub(super) body: [u8; 120],
}

events! {
    #[derive(Debug, Clone, Copy)]
    pub(super) enum JournalEvent, view JournalView {
        Recorded(Recorded) = 1, "rivals.recorded", version 1, key number;
    }
}

/// Adds up, so that nothing is optimized away.
#[derive(Debug, Default)]
struct Sum(u64);

impl State for Sum {
    type Event = JournalEvent;

    fn apply(&mut self, event: JournalView<'_>, _: &EventMeta) {
        let JournalView::Recorded(recorded) = event;
        let last = recorded.body[119];
        self.0 = self
            .0
            .wrapping_add(recorded.number.to_native() + u64::from(last));
    }
}

/// Batches published at once.
///
/// Durable by `Durability::Sync`, the default: a receipt's `wait` returns when the device has
/// confirmed the group.
#[derive(Debug)]
pub struct Ringlog {
    publisher: Publisher<JournalEvent>,
    _pipeline: Pipeline<Sum>,
    is_streamed: bool,
}

impl Ringlog {
    /// Waits for each batch before the next, as the others do.
    pub fn open(directory: &Path) -> Self {
        Self::open_with(directory, false)
    }

    /// Goes on while batches are being written; [`finish`](Journal::finish) waits for all of them.
    pub fn open_streamed(directory: &Path) -> Self {
        Self::open_with(directory, true)
    }

    fn open_with(directory: &Path, is_streamed: bool) -> Self {
        let pipeline = Pipeline::<Sum>::builder(directory.join("journal"))
            .open(|_| Sum::default())
            .expect("the pipeline opens");
        let report = pipeline.start_report();
        assert!(!report.is_volatile, "a file system in memory keeps nothing");
        Self {
            publisher: pipeline.publisher(),
            _pipeline: pipeline,
            is_streamed,
        }
    }
}

impl Journal for Ringlog {
    fn append(&mut self, entries: &[Entry]) {
        if let [entry] = entries {
            let receipt = self.publisher.publish(&event(entry)).expect("it publishes");
            if !self.is_streamed {
                receipt.wait().expect("it is durable");
            }
            return;
        }
        let receipt = self.publisher.publish_all(entries.iter().map(event));
        let receipt = receipt.expect("it publishes");
        if !self.is_streamed {
            receipt.wait().expect("they are durable");
        }
    }

    fn finish(&mut self) {
        if self.is_streamed {
            // One more: what was published before it is durable when it is.
            let receipt = self.publisher.publish(&event(&[0; 128]));
            let receipt = receipt.expect("it publishes");
            receipt.wait().expect("everything is durable");
        }
    }
}

fn event(entry: &Entry) -> JournalEvent {
    let (_, body) = entry.split_last_chunk().expect("it is longer");
    let recorded = Recorded {
        number: number(entry),
        body: *body,
    };
    recorded.into()
}
