//! A small domain for the tests of the public API: counters that remember their order.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

pub mod accounts;
pub mod sums;
pub mod tally;

use std::collections::HashMap;

use ringlog::{EventMeta, Pipeline, State, events, rkyv};

/// Adds to a counter.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Added {
    pub counter: u64,
    pub amount: u64,
}

/// Leaves a note of any length.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Noted {
    pub counter: u64,
    pub at_ms: i64,
    pub text: String,
}

/// Makes `apply` panic.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Exploded {
    pub counter: u64,
}

events! {
    /// What happens to counters.
    #[derive(Debug)]
    pub enum CounterEvent, view CounterView {
        Added(Added) = 1, "counter.added", version 1, key counter;
        Noted(Noted) = 2, "counter.noted", version 1, key counter, time at_ms;
        Exploded(Exploded) = 3, "counter.exploded", version 1, key counter;
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counters {
    pub totals: HashMap<u64, u64>,
    /// Every amount in the order in which it was applied, by counter.
    pub amounts: HashMap<u64, Vec<u64>>,
    pub notes: Vec<String>,
    pub sequences: Vec<u64>,
    /// Whether `Exploded` is survived: "mended code".
    pub is_mended: bool,
}

impl State for Counters {
    type Event = CounterEvent;

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) {
        match event {
            CounterView::Added(added) => {
                *self.totals.entry(added.counter.to_native()).or_default() +=
                    added.amount.to_native();
                self.amounts
                    .entry(added.counter.to_native())
                    .or_default()
                    .push(added.amount.to_native());
            }
            CounterView::Noted(noted) => self.notes.push(noted.text.as_str().to_owned()),
            CounterView::Exploded(_) => assert!(self.is_mended, "apply exploded"),
        }
        self.sequences.push(meta.sequence);
    }
}

pub fn added(counter: u64, amount: u64) -> CounterEvent {
    Added { counter, amount }.into()
}

pub fn noted(counter: u64, text: impl Into<String>) -> CounterEvent {
    Noted {
        counter,
        at_ms: 1,
        text: text.into(),
    }
    .into()
}

pub fn exploded(counter: u64) -> CounterEvent {
    Exploded { counter }.into()
}

/// Opens a pipeline of counters with small defaults.
pub fn open(path: &std::path::Path, partitions: u32) -> Pipeline<Counters> {
    Pipeline::<Counters>::builder(path)
        .partitions(partitions)
        .open(|_| Counters::default())
        .expect("the pipeline opens")
}

/// The states of all partitions.
pub fn states(pipeline: &Pipeline<Counters>) -> Vec<Counters> {
    (0..pipeline.partitions())
        .map(|partition| {
            pipeline
                .read_partition(partition, Counters::clone)
                .expect("readable")
        })
        .collect()
}

/// A counter of the given partition.
pub fn counter_in(partition: u32, partitions: u32) -> u64 {
    (1..)
        .find(|key| ringlog::partition_of(*key, partitions) == partition)
        .expect("some key")
}

/// The segments of the first partition, in journal order.
pub fn segments(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory.join("partition-0000"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    found.sort();
    found
}
