//! Read models on a disk that fails: a crash never parts a state from its place.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use ringlog::journal::JournalReader;
use ringlog::projection::{ProjectionError, ReadModel, Settings, Status};
use ringlog::sim::{Settings as SimSettings, Simulation};
use ringlog::storage::Storage;
use ringlog::storage::sim::{EIO, Effect, Fault, Operation, SimDisk};
use support::tally::Tally;
use support::{Counters, added};

const DIRECTORY: &str = "/journal";
const SELDOM: Duration = Duration::from_secs(3600);

fn settings() -> Settings {
    Settings::default()
        .checkpoint_every(20, SELDOM)
        .look_every(Duration::from_millis(1))
}

/// Opens the journal on `disk`, publishes, and closes it.
fn write(disk: &SimDisk, seed: u64, events: u64) {
    let settings = SimSettings::default();
    let mut simulation = Simulation::open(disk, settings, seed, |_| Counters::default()).unwrap();
    for event in 0..events {
        simulation.publish(&added(event, 1)).unwrap();
        if event % 7 == 0 {
            simulation.run_until_idle();
        }
    }
    simulation.close().unwrap();
}

fn try_follow(disk: &SimDisk) -> Result<ReadModel<Tally>, ProjectionError> {
    let reader = JournalReader::open_in(disk.clone(), DIRECTORY)?;
    ReadModel::follow(reader, "tally", settings(), Tally::new)
}

fn follow(disk: &SimDisk) -> ReadModel<Tally> {
    try_follow(disk).unwrap()
}

/// Waits until the model has everything or has failed.
fn settle(model: &ReadModel<Tally>, events: u64) {
    let goes_on = |status| matches!(status, Status::Running | Status::Rebuilding);
    while model.position(0) != Some(events) && goes_on(model.status()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_crash_at_any_call_leaves_a_checkpoint_whose_state_is_that_of_its_place() {
    // Those that open, write, sync and name the checkpoint and the marks; those that sync a directory.
    let named = (1..=20).map(|call| Fault::new(Effect::CrashPartway).on_path("tally").nth(call));
    let syncs = (1..=8).map(|call| Fault::new(Effect::Crash).on(Operation::SyncDir).nth(call));
    let mut struck = 0;
    for (seed, fault) in (1..).zip(named.chain(syncs)) {
        let disk = SimDisk::new(seed);
        write(&disk, seed, 50);
        {
            let model = follow(&disk);
            settle(&model, 50);
        }
        write(&disk, seed + 1, 50);
        // Before it starts: how far it comes afterwards is up to the threads.
        disk.plan(fault);
        if let Ok(model) = try_follow(&disk) {
            settle(&model, 100);
        }
        struck += disk.faults_struck();
        disk.clear_faults();
        let disk = match seed % 3 {
            0 => disk.kill(),
            _ => disk.power_cut(),
        };
        let model = follow(&disk);
        let (events, sum) = model.read(|tally| (tally.events, tally.sum()));
        assert!(
            events >= 20 && sum == events,
            "seed {seed}: {sum} of {events}"
        );
        settle(&model, 100);
        // `apply` itself asserts that each event comes once and in order.
        let status = model.status();
        assert!(matches!(status, Status::Running), "seed {seed}: {status:?}");
        assert_eq!(model.read(|tally| (tally.events, tally.sum())), (100, 100));
    }
    assert!(struck > 15, "only {struck} crashes");
}

/// The state of a void checkpoint is told from the others by its factor.
fn follow_with(disk: &SimDisk, factor: u64) -> Result<ReadModel<Tally>, ProjectionError> {
    let reader = JournalReader::open_in(disk.clone(), DIRECTORY)?;
    let fresh = || Tally {
        factor,
        ..Tally::new()
    };
    ReadModel::follow(reader, "tally", settings(), fresh)
}

#[test]
fn a_checkpoint_that_a_repair_made_void_stays_void_over_a_crash_at_any_call() {
    let named = (1..=24).map(|call| Fault::new(Effect::CrashPartway).on_path("tally").nth(call));
    let renames = [
        Fault::new(Effect::Crash)
            .on(Operation::Rename)
            .on_path("tally.checkpoint"),
        Fault::new(Effect::Crash)
            .on(Operation::Rename)
            .on_path("tally.checkpoint")
            .nth(2),
    ];
    let mut struck = 0;
    for (seed, fault) in (1..).zip(renames.into_iter().chain(named)) {
        let disk = SimDisk::new(seed);
        write(&disk, seed, 50);
        let model = follow_with(&disk, 1000).unwrap();
        settle(&model, 50);
        model.stop();
        drop(model);
        // What a repair does that cuts events of the checkpoint away.
        let partition = Path::new(DIRECTORY).join("partition-0000");
        let mark = partition.join("tally.projection.cursor");
        let set_aside = Path::new(DIRECTORY).join("set-aside");
        disk.rename(&mark, &set_aside).unwrap();
        disk.sync_dir(&partition).unwrap();
        disk.sync_dir(Path::new(DIRECTORY)).unwrap();
        disk.plan(fault);
        if let Ok(model) = follow_with(&disk, 1) {
            settle(&model, 50);
            model.stop();
        }
        struck += disk.faults_struck();
        disk.clear_faults();
        let disk = match seed % 3 {
            0 => disk.kill(),
            _ => disk.power_cut(),
        };
        let model = follow_with(&disk, 1).unwrap();
        settle(&model, 50);
        assert_eq!(model.read(Tally::sum), 50, "seed {seed}");
    }
    assert!(struck > 15, "only {struck} crashes");
}

#[test]
fn a_checkpoint_that_failed_is_tried_again_while_nothing_is_published() {
    let disk = SimDisk::new(1);
    write(&disk, 1, 100);
    let failures = [
        Fault::new(Effect::Error(EIO))
            .on(Operation::Sync)
            .on_path("checkpoint"),
        Fault::new(Effect::Error(EIO))
            .on(Operation::Rename)
            .on_path("checkpoint"),
    ];
    for (name, failure) in ["sync", "rename"].into_iter().zip(failures) {
        disk.plan(failure.for_ever());
        let reader = JournalReader::open_in(disk.clone(), DIRECTORY).unwrap();
        let often = settings().checkpoint_every(20, Duration::from_millis(30));
        let model = ReadModel::follow(reader, name, often, Tally::new).unwrap();
        settle(&model, 100);
        let start = Instant::now();
        let eventually = |what: &str, holds: &dyn Fn() -> bool| {
            while !holds() {
                assert!(start.elapsed() < Duration::from_secs(20), "{name}: {what}");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        eventually("told", &|| model.checkpoint().failure.is_some());
        // Bounded by the interval, not by the looks.
        let struck = disk.faults_struck();
        std::thread::sleep(Duration::from_millis(300));
        let tries = disk.faults_struck() - struck;
        assert!((1..=11).contains(&tries), "{name}: {tries} tries");
        disk.clear_faults();
        eventually("stored", &|| model.checkpoint().sequences == [100]);
        assert_eq!(model.checkpoint().failure, None);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_stored_is_told_and_tried_again() {
    let disk = SimDisk::new(1);
    write(&disk, 1, 100);
    disk.plan(
        Fault::new(Effect::Error(EIO))
            .on(Operation::Sync)
            .on_path("checkpoint")
            .for_ever(),
    );
    let model = follow(&disk);
    settle(&model, 100);
    let start = Instant::now();
    while model.checkpoint().failure.is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is told");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(model.checkpoint().sequences.is_empty());
    assert!(matches!(model.status(), Status::Running));
    disk.clear_faults();
    model.stop();
    let stored = model.checkpoint();
    assert_eq!((stored.sequences, stored.failure), (vec![100], None));
    assert!(
        disk.list(&Path::new(DIRECTORY).join("projections"))
            .unwrap()
            .contains(&"tally.checkpoint".to_owned())
    );
}
