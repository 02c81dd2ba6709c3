//! An index that is built while the machine stops or the disk fails, at any step: what is found is
//! what a scan finds, then and after the restart.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use ringlog::index::{FindError, IndexBy, PartitionIndex};
use ringlog::journal::JournalReader;
use ringlog::storage::sim::{EIO, ENOSPC, Effect, Fault, SimDisk, SyncFailure};
use ringlog::{Durability, Pipeline};
use support::sums::Sums;
use support::{added, noted};

const PATH: &str = "/journal";
const KEYS: u64 = 3;

/// A disk with a journal of a few segments.
fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let pipeline: Pipeline<Sums<1>> = Pipeline::<Sums<1>>::builder(PATH)
        .segment_bytes(1024 * 1024)
        .storage(disk.clone())
        .open(|_| Sums::default())
        .unwrap();
    let publisher = pipeline.publisher();
    for note in 0..12 {
        let event = noted(note % KEYS, format!("{note}{}", "n".repeat(100_000)));
        publisher.publish(&event).unwrap().wait().unwrap();
    }
    pipeline.close().unwrap();
    disk
}

/// The sequences of each key's events, by an index or by a scan.
fn found(disk: &SimDisk, by_index: bool) -> Result<Vec<Vec<u64>>, FindError> {
    let reader = JournalReader::open_in(disk.clone(), PATH)?;
    let by = IndexBy::key();
    let index = match by_index {
        true => PartitionIndex::open(&reader, 0, &by, || ())?,
        false => PartitionIndex::none(&reader, 0, &by)?,
    };
    (0..KEYS)
        .map(|key| {
            let mut found = index.find(key)?;
            let mut sequences = Vec::new();
            while let Some(event) = found.next_event()? {
                sequences.push(event.meta.sequence);
            }
            Ok(sequences)
        })
        .collect()
}

/// Has the n-th call about the index's files fail in this way, for every n; says how many there
/// were. What is found must be right at once where the machine goes on, and after a power cut.
fn fail_every_call(effect: Effect, goes_on: bool) -> u64 {
    let disk = disk(7);
    let expected = found(&disk, false).unwrap();
    assert!(expected.iter().all(|sequences| sequences.len() == 4));
    for call in 1.. {
        let disk = disk.fork();
        disk.plan(Fault::new(effect).on_path("/journal/index").nth(call));
        let at_once = found(&disk, true);
        if disk.faults_struck() == 0 {
            assert_eq!(at_once.unwrap(), expected);
            return call - 1;
        }
        if goes_on {
            assert_eq!(at_once.unwrap(), expected, "{effect:?} of call {call}");
            disk.clear_faults();
            assert_eq!(
                found(&disk, true).unwrap(),
                expected,
                "again, {effect:?} of call {call}"
            );
        }
        let disk = disk.power_cut();
        for _ in 0..2 {
            let after = found(&disk, true).unwrap();
            assert_eq!(after, expected, "after {effect:?} of call {call}");
        }
    }
    unreachable!("some call is the last")
}

#[test]
fn a_crash_in_any_call_leaves_a_right_index_or_none() {
    for effect in [Effect::Crash, Effect::CrashPartway] {
        let calls = fail_every_call(effect, false);
        assert!(calls > 10, "{calls} calls");
    }
}

#[test]
fn a_failing_disk_leaves_a_right_index_or_none() {
    for effect in [
        Effect::Error(EIO),
        Effect::Error(ENOSPC),
        Effect::TornWrite(EIO),
        Effect::FailedSync(SyncFailure::MarksClean),
        Effect::FlippedBit,
        Effect::Stale,
    ] {
        fail_every_call(effect, true);
    }
}

#[test]
fn a_disk_on_which_no_index_can_be_written_is_read() {
    let disk = disk(9);
    let expected = found(&disk, false).unwrap();
    let fault = Fault::new(Effect::Error(30)).on_path("/journal/index");
    disk.plan(fault.for_ever());
    assert_eq!(found(&disk, true).unwrap(), expected);
}

/// Publishes additions, and waits for them.
fn publish(pipeline: &Pipeline<Sums<1>>, count: u64) {
    let publisher = pipeline.publisher();
    let mut receipt = None;
    for number in 0..count {
        receipt = Some(publisher.publish(&added(number % KEYS, number)).unwrap());
    }
    receipt.unwrap().wait().unwrap();
}

fn open_unsynced(disk: &SimDisk) -> Pipeline<Sums<1>> {
    Pipeline::<Sums<1>>::builder(PATH)
        .durability(Durability::OsBuffer)
        .storage(disk.clone())
        .open(|_| Sums::default())
        .unwrap()
}

#[test]
fn what_a_power_cut_takes_back_is_not_found_any_more() {
    for seed in 1..3 {
        let disk = SimDisk::new(seed);
        let pipeline = open_unsynced(&disk);
        publish(&pipeline, 70_000);
        assert_eq!(found(&disk, true).unwrap(), found(&disk, false).unwrap());
        publish(&pipeline, 20_000);
        let before = found(&disk, true).unwrap();
        assert_eq!(before.iter().map(Vec::len).sum::<usize>(), 90_000);
        let cut = disk.fork().power_cut();
        pipeline.close().unwrap();
        // Before an opening has decided what is left, and after it, with other events in the place.
        assert_eq!(
            found(&cut, true).unwrap(),
            found(&cut, false).unwrap(),
            "seed {seed}"
        );
        let pipeline = open_unsynced(&cut);
        publish(&pipeline, 100);
        assert_eq!(
            found(&cut, true).unwrap(),
            found(&cut, false).unwrap(),
            "seed {seed}"
        );
        pipeline.close().unwrap();
        assert_eq!(
            found(&cut, true).unwrap(),
            found(&cut, false).unwrap(),
            "seed {seed}"
        );
    }
}
