//! Plain memory that only an acknowledgement orders: `apply` writes it, and the thread that saw its
//! event acknowledged reads it. A receipt that said `Ok` without publishing what it stands for
//! would be a data race here, which ThreadSanitizer reports.
#![allow(
    unsafe_code,
    reason = "memory that nothing but the engine's promise orders"
)]

use std::cell::UnsafeCell;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use ringlog::{Durability, EventMeta, Pipeline, Publisher, State, rkyv};

const PUBLISHERS: u64 = 2;
const EVENTS: u64 = 20;

#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Written {
    key: u64,
    value: u64,
}

ringlog::events! {
    #[derive(Debug)]
    enum PlainEvent, view PlainView {
        Written(Written) = 1, "rig.written", version 1, key key;
    }
}

/// A cell of each publisher.
#[derive(Debug, Default)]
struct Cells([UnsafeCell<u64>; PUBLISHERS as usize]);

// SAFETY: a cell is written by `apply` between the publishing of an event and its acknowledgement,
// and read by the publisher between that and its next event. Ringlog promises the order.
unsafe impl Sync for Cells {}

impl Cells {
    fn set(&self, key: u64, value: u64) {
        let cell = self.0[usize::try_from(key).unwrap_or(0)].get();
        // SAFETY: see `Sync`.
        unsafe { *cell = value };
    }

    fn get(&self, key: u64) -> u64 {
        let cell = self.0[usize::try_from(key).unwrap_or(0)].get();
        // SAFETY: see `Sync`.
        unsafe { *cell }
    }
}

/// Takes no snapshots: their thread would apply the events a second time.
#[derive(Debug)]
struct Plain(Arc<Cells>);

impl State for Plain {
    type Event = PlainEvent;

    fn apply(&mut self, PlainView::Written(written): PlainView<'_>, _: &EventMeta) {
        self.0
            .set(written.key.to_native(), written.value.to_native());
    }
}

/// Publishes and reads back, some through the look that does not wait, which takes no lock on the way.
pub(crate) fn read_back(path: &Path, durability: Durability) -> Result<(), String> {
    let cells = Arc::new(Cells::default());
    let applied = Arc::clone(&cells);
    let opened = Pipeline::<Plain>::builder(path)
        .partitions(2)
        .durability(durability)
        .open(move |_| Plain(Arc::clone(&applied)));
    let pipeline = opened.map_err(|error| format!("opening: {error}"))?;
    let outcome = thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|key| {
                let (publisher, cells) = (pipeline.publisher(), &cells);
                scope.spawn(move || publish_and_read_back(&publisher, key, cells))
            })
            .collect();
        publishers.into_iter().try_for_each(|publisher| {
            let outcome = publisher.join();
            outcome.map_err(|_| "a publisher panicked".to_owned())?
        })
    });
    pipeline
        .close()
        .map_err(|error| format!("close: {error}"))?;
    outcome
}

fn publish_and_read_back(
    publisher: &Publisher<PlainEvent>,
    key: u64,
    cells: &Cells,
) -> Result<(), String> {
    for value in 1..=EVENTS {
        let published = publisher.publish(&Written { key, value }.into());
        let receipt = published.map_err(|error| format!("publish: {error}"))?;
        let acknowledged = if value % 2 == 0 {
            receipt.wait()
        } else {
            loop {
                match receipt.is_durable() {
                    Ok(false) => thread::yield_now(),
                    Ok(true) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        };
        acknowledged.map_err(|error| format!("receipt: {error}"))?;
        let read = cells.get(key);
        if read != value {
            return Err(format!("{value} was acknowledged, the memory holds {read}"));
        }
    }
    Ok(())
}
