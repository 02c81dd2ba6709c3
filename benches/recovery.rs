//! How long opening takes: a journal of many segments, in one partition and in sixteen, before and
//! after a snapshot.
//!
//! Without a snapshot everything is replayed, by as many threads as there are cores and partitions:
//! divide by the events, and see `replay` for what bounds it. With one right at the end what is left
//! is loading it, and what opening costs in itself: that should hang on the players, and not on the
//! journal. `empty` is a journal that was made and closed.
//!
//! `RECOVERY_EVENTS=10000000 cargo bench --bench recovery` sets how long the journal is.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench looks at its own environment and files"
)]

mod support;

use std::path::Path;
use std::time::Duration;

use ringlog::Pipeline;
use ringlog::game::Arena;
use support::{BenchDir, Random, game_event, median};

/// The least there is, for as many segments as can be.
const SEGMENT_BYTES: u64 = 1024 * 1024;
const ROUNDS: usize = 7;

fn main() {
    // Without it `cargo test` runs this, to see that it works.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let default = if is_measured { 2_000_000 } else { 20_000 };
    let events = std::env::var("RECOVERY_EVENTS").map_or(default, |events| {
        events.parse().expect("RECOVERY_EVENTS is a number")
    });
    let rounds = if is_measured { ROUNDS } else { 1 };
    for partitions in [1, 16] {
        measure(partitions, events, rounds);
    }
}

fn measure(partitions: u32, events: u64, rounds: usize) {
    let directory = BenchDir::new();
    let journal = directory.journal();
    open(&journal, partitions).close().expect("it closes");
    println!("{partitions} partitions, median (least, most) of {rounds}:");
    report("empty", &journal, partitions, 0, rounds);

    let pipeline = open(&journal, partitions);
    let mut random = Random(1);
    let published = pipeline
        .publisher()
        .publish_all((0..events).map(|_| game_event(&mut random)))
        .map(|receipt| receipt.wait());
    published.expect("they publish").expect("they are durable");
    pipeline.close().expect("it closes");
    report("without a snapshot", &journal, partitions, events, rounds);

    let pipeline = open(&journal, partitions);
    pipeline.snapshot().expect("snapshots are taken");
    pipeline.close().expect("it closes");
    report("with a snapshot", &journal, partitions, events, rounds);
}

/// Opens it round by round, and prints how long that took.
fn report(name: &str, journal: &Path, partitions: u32, events: u64, rounds: usize) {
    let mut segments = 0;
    let mut took: Vec<Duration> = (0..rounds)
        .map(|_| {
            let pipeline = open(journal, partitions);
            let start = pipeline.start_report();
            let sequences = start.partitions.iter().map(|start| start.last_sequence);
            assert_eq!(sequences.sum::<u64>(), events, "nothing is missing");
            segments = start.partitions.iter().map(|start| start.segments).sum();
            start.recovery
        })
        .collect();
    let middle = median(&mut took);
    println!(
        "  {name:<18} {middle:9.2?} ({:.2?}, {:.2?}); {segments} segments, {events} events",
        took[0],
        took[took.len() - 1],
    );
}

fn open(journal: &Path, partitions: u32) -> Pipeline<Arena> {
    Pipeline::<Arena>::builder(journal)
        .partitions(partitions)
        .segment_bytes(SEGMENT_BYTES)
        .open(|_| Arena::default())
        .expect("the pipeline opens")
}
