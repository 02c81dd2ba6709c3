//! Verifying beside a writer that writes, rolls, closes and opens again: never a false finding.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringlog::journal::{JournalReader, PartitionCheck};
use ringlog::{Durability, Pipeline};
use support::{Counters, noted, open};

/// Ends the writer, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[track_caller]
fn assert_sound(check: &PartitionCheck, round: u64) {
    assert!(
        check.error.is_none()
            && check.further.is_empty()
            && check.torn_tail.is_none()
            && !check.control_unreadable
            && check.invalid_events == 0,
        "round {round}: {check:?}"
    );
}

/// Verifies until `writer` has ended, and returns how often.
fn verify_while(reader: &JournalReader, mut is_running: impl FnMut() -> bool) -> u64 {
    let (mut rounds, mut events) = (0, 0);
    while is_running() {
        let report = reader.verify(|_| Ok(())).unwrap();
        rounds += 1;
        for check in &report.partitions {
            assert_sound(check, rounds);
        }
        // What was sound once stays.
        let found = report.partitions[0].events;
        assert!(
            found >= events,
            "round {rounds}: {events} events, then {found}"
        );
        events = found;
    }
    rounds
}

#[test]
fn a_writer_that_writes_and_rolls_is_always_sound() {
    let directory = tempfile::tempdir().unwrap();
    let text = "x".repeat(8 * 1024);
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let reader = JournalReader::open(directory.path()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            // Slow enough for a few hundred rounds over all of it, far enough for several segments.
            while !stop.load(Ordering::Relaxed) {
                publisher.publish(&noted(1, text.clone())).unwrap();
                std::thread::sleep(Duration::from_micros(1500));
            }
        });
        let ended = Stop(stop);
        let started = Instant::now();
        let mut left = 300;
        let rounds = verify_while(&reader, || {
            left -= 1;
            let segments = support::segments(directory.path()).len();
            (left > 0 || segments < 3) && started.elapsed() < Duration::from_secs(30)
        });
        drop(ended);
        assert!(
            support::segments(directory.path()).len() >= 2,
            "it never rolled"
        );
        assert!(rounds >= 50, "{rounds} rounds");
    });
    pipeline.close().unwrap();
}

/// Opens, writes a little and closes; or leaves a tail that the next opening copies.
fn opens_and_closes(durability: Durability, takes_witness_away: bool) {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), 1).close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let (stop, openings) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let pipeline = Pipeline::<Counters>::builder(directory.path())
                    .durability(durability)
                    .open(|_| Counters::default());
                // Whoever verifies holds a shared lock for a moment: that may be in the way.
                let Ok(pipeline) = pipeline else { continue };
                let publisher = pipeline.publisher();
                for _ in 0..5 {
                    let receipt = publisher.publish(&noted(1, "note")).unwrap();
                    receipt.wait().unwrap();
                }
                drop(publisher);
                pipeline.close().unwrap();
                openings.fetch_add(1, Ordering::Relaxed);
                if takes_witness_away {
                    // As after a kill: the next opening copies what nothing witnesses, and
                    // supersedes it here. The control word goes first: it knows of the witness.
                    let control = directory.path().join("partition-0000/control");
                    std::fs::remove_file(control).unwrap();
                    let last = support::segments(directory.path()).pop().unwrap();
                    let file = std::fs::File::options().write(true).open(last).unwrap();
                    let length = file.metadata().unwrap().len();
                    file.set_len(length - 4096).unwrap();
                }
            }
        });
        let ended = Stop(&stop);
        let (mut rounds, started) = (0, Instant::now());
        let openings = || openings.load(Ordering::Relaxed);
        while (rounds < 300 || openings() < 20) && started.elapsed() < Duration::from_secs(20) {
            rounds += 1;
            let report = reader.verify(|_| Ok(())).unwrap();
            assert_sound(&report.partitions[0], rounds);
        }
        drop(ended);
        assert!(rounds >= 100 && openings() >= 3, "{rounds} rounds");
    });
}

#[test]
fn a_writer_that_closes_and_opens_again_is_always_sound() {
    opens_and_closes(Durability::Sync, false);
}

#[test]
fn an_opening_that_supersedes_a_tail_in_the_middle_is_always_sound() {
    opens_and_closes(Durability::Sync, true);
    opens_and_closes(Durability::OsBuffer, true);
}
