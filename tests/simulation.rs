//! A whole pipeline on a simulated disk: the same run for the same seed, and the engine's promises
//! across crashes.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the doors are the library's"
)]

mod support;

use std::path::Path;

use ringlog::journal::Repair;
use ringlog::sim::{Settings, Simulation};
use ringlog::storage::sim::{ENOSPC, Effect, Fault, Operation, SimDisk};
use ringlog::{CloseError, Durability, OpenError, Poison, PublishError, ReceiptError};
use support::sums::Sums;
use support::{Counters, added, exploded};

fn open(disk: &SimDisk, settings: &Settings, seed: u64) -> Simulation<Counters> {
    Simulation::open(disk, settings.clone(), seed, |_| Counters::default()).unwrap()
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "seg")
}

fn two_partitions() -> Settings {
    Settings {
        partitions: 2,
        clock_jumps: true,
        ..Settings::default()
    }
}

/// Publishes `count` events of several keys, stepping now and then.
fn publish(simulation: &mut Simulation<Counters>, count: u64) {
    for amount in 1..=count {
        while let Err(error) = simulation.publish(&added(amount % 5, amount)) {
            assert!(error.is_full(), "{error}");
            simulation.run_until_idle();
        }
        simulation.step();
    }
}

#[test]
fn a_run_is_a_function_of_its_seeds_down_to_the_bytes() {
    let run = |disk_seed, seed| {
        let disk = SimDisk::new(disk_seed);
        let mut simulation = open(&disk, &two_partitions(), seed);
        publish(&mut simulation, 300);
        simulation.close().unwrap();
        let files = disk.paths().into_iter();
        let files: Vec<_> = files
            .map(|path| (disk.device_bytes(&path).unwrap(), path))
            .collect();
        (files, disk.calls())
    };
    assert!(run(1, 2) == run(1, 2));
    assert!(run(1, 2) != run(1, 3));
    assert!(run(1, 2) != run(2, 2));
}

#[test]
fn what_was_acknowledged_survives_every_power_cut_and_a_clean_close_recovers_all() {
    for seed in 0..30 {
        let disk = SimDisk::new(seed);
        let mut simulation = open(&disk, &two_partitions(), seed);
        publish(&mut simulation, 100 + seed);
        let durable: Vec<_> = simulation.stats();
        drop(simulation);
        let disk = disk.power_cut();
        let simulation = open(&disk, &two_partitions(), seed + 1);
        for (partition, stats) in (0..).zip(durable) {
            let sequences = &simulation.state(partition).sequences;
            let recovered = sequences.len() as u64;
            assert!((stats.durable_sequence..=stats.applied_sequence).contains(&recovered));
            assert!(sequences.iter().copied().eq(1..=recovered));
        }
        let states = [0, 1].map(|partition| simulation.state(partition).clone());
        simulation.close().unwrap();
        let simulation = open(&disk, &two_partitions(), seed + 2);
        assert_eq!(
            states,
            [0, 1].map(|partition| simulation.state(partition).clone())
        );
    }
}

#[test]
fn events_of_a_source_are_taken_once_across_crashes() {
    let settings = two_partitions();
    let mut disk = SimDisk::new(3);
    for seed in 0..20 {
        let mut simulation = open(&disk, &settings, seed);
        let source = simulation.source("feed").unwrap();
        for number in 1..=40 {
            source.try_publish(number, &added(number, number)).unwrap();
            simulation.step();
        }
        drop(source);
        drop(simulation);
        disk = match seed % 2 {
            0 => disk.kill(),
            _ => disk.power_cut(),
        };
    }
    let mut simulation = open(&disk, &settings, 99);
    let source = simulation.source("feed").unwrap();
    for number in 1..=40 {
        drop(source.try_publish(number, &added(number, number)).unwrap());
    }
    simulation.run_until_idle();
    let totals = |partition| simulation.state(partition).totals.clone().into_iter();
    let mut seen: Vec<_> = totals(0).chain(totals(1)).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq((1..=40).map(|number| (number, number))));
}

#[test]
fn a_full_disk_poisons_and_after_space_is_freed_reopening_goes_on() {
    let disk = SimDisk::new(1);
    let settings = Settings::default();
    let mut simulation = open(&disk, &settings, 1);
    disk.plan(
        Fault::new(Effect::Error(ENOSPC))
            .on(Operation::Write)
            .nth(50)
            .for_ever(),
    );
    let mut receipts = Vec::new();
    let refused = loop {
        assert!(receipts.len() < 1000, "the disk was never full");
        match simulation.publish(&added(1, 1)) {
            Ok(receipt) => receipts.push(receipt),
            Err(error) if error.is_full() => {}
            Err(error) => break error,
        }
        simulation.run_until_idle();
    };
    let PublishError::Poisoned(poison @ Poison::Journal { .. }) = refused else {
        panic!("{refused}")
    };
    assert!(poison.is_storage_full());
    let acknowledged = receipts
        .iter()
        .take_while(|receipt| matches!(receipt.is_durable(), Ok(true)))
        .count();
    for receipt in &receipts[acknowledged..] {
        let error = receipt.is_durable().unwrap_err();
        assert!(matches!(error, ReceiptError::Poisoned(_)), "{error}");
    }
    let error = simulation.close().unwrap_err();
    assert!(matches!(error, CloseError::Poisoned { .. }), "{error}");
    disk.clear_faults();
    let mut simulation = open(&disk, &settings, 2);
    let recovered = simulation.state(0).sequences.len();
    assert!((acknowledged..=receipts.len()).contains(&recovered));
    let receipt = simulation.publish(&added(1, 1)).unwrap();
    simulation.run_until_idle();
    assert!(receipt.is_durable().unwrap());
    simulation.close().unwrap();
}

#[test]
fn a_panicking_apply_poisons_its_partition_and_the_directory_opens_with_what_precedes_it() {
    let disk = SimDisk::new(1);
    let mut simulation = open(&disk, &Settings::default(), 1);
    publish(&mut simulation, 10);
    let exploding = simulation.publish(&exploded(1)).unwrap();
    simulation.run_until_idle();
    assert!(exploding.is_durable().is_err());
    let poisons = simulation.poisons();
    assert!(matches!(
        poisons[..],
        [Poison::ApplyPanicked { sequence: 11, .. }]
    ));
    simulation.close().unwrap_err();
    let simulation = open(&disk, &Settings::default(), 2);
    assert_eq!(simulation.state(0).sequences.len(), 10);
}

/// Found by `rigs sim`: an opening that was killed after it had made a directory, but before it had
/// synced the one above, left the next one to believe that the entry was durable.
#[test]
fn an_opening_that_was_killed_while_it_made_the_directories_costs_nothing() {
    let settings = Settings {
        path: "/above/data/journal".into(),
        ..Settings::default()
    };
    let disk = SimDisk::new(1);
    drop(open(&disk, &settings, 1));
    for call in 1..=disk.calls() {
        let disk = SimDisk::new(1);
        disk.plan(Fault::new(Effect::Crash).nth(call));
        let opened = Simulation::open(&disk, settings.clone(), 1, |_| Counters::default());
        drop(opened);
        let disk = disk.kill();
        let mut simulation = open(&disk, &settings, 1);
        let receipt = simulation.publish(&added(1, 1)).unwrap();
        simulation.run_until_idle();
        assert!(receipt.is_durable().unwrap());
        drop(simulation);
        let disk = disk.power_cut_choosing(&[]);
        let simulation = open(&disk, &settings, 1);
        assert_eq!(simulation.state(0).sequences, [1], "killed at call {call}");
    }
}

/// Found by `rigs sim`: the checksum of a snapshot was compared in one reading, and the state was
/// loaded in another, for which a failing device may return other bytes.
#[test]
fn a_snapshot_that_reads_differently_each_time_never_makes_a_wrong_state() {
    let open = |disk: &SimDisk| {
        Simulation::open(disk, Settings::default(), 1, |_| Sums::<1>::default()).unwrap()
    };
    let disk = SimDisk::new(1);
    let mut simulation = open(&disk);
    for amount in 1..=30 {
        drop(simulation.publish(&added(amount % 5, amount)).unwrap());
    }
    simulation.run_until_idle();
    simulation.snapshot().unwrap();
    let before = simulation.state(0).clone();
    simulation.close().unwrap();
    let is_from_snapshot = |disk: &SimDisk| {
        let simulation = open(disk);
        assert_eq!(simulation.state(0), &before);
        let start = &simulation.start_report().partitions[0];
        start.snapshot_sequence.is_some()
    };
    assert!(is_from_snapshot(&disk));
    let mut rejected = 0;
    for read in 1..=20 {
        let disk = disk.fork();
        disk.plan(
            Fault::new(Effect::FlippedBit)
                .on(Operation::Read)
                .on_path(".snap")
                .nth(read),
        );
        rejected += usize::from(!is_from_snapshot(&disk));
    }
    assert!(rejected >= 3, "header, check and loading: {rejected}");
}

/// Found by `rigs sim`: behind damage that a snapshot covers, a second damage right where the opening
/// goes on was refused by `repair` itself.
#[test]
fn damage_in_front_of_a_snapshot_and_right_behind_it_is_repaired() {
    let settings = Settings::default();
    let open =
        |disk: &SimDisk| Simulation::open(disk, settings.clone(), 1, |_| Sums::<1>::default());
    let disk = SimDisk::new(1);
    let mut simulation = open(&disk).unwrap();
    drop(simulation.publish(&added(1, 1)).unwrap());
    simulation.run_until_idle();
    simulation.snapshot().unwrap();
    let kept = simulation.state(0).clone();
    simulation.close().unwrap();
    let mut simulation = open(&disk).unwrap();
    drop(simulation.publish(&added(1, 2)).unwrap());
    simulation.close().unwrap();
    let segments: Vec<_> = disk
        .paths()
        .into_iter()
        .filter(|path| is_segment(path))
        .collect();
    assert_eq!(segments.len(), 2);
    for segment in &segments {
        assert!(disk.flip_bit(segment, 0));
    }
    let refused = open(&disk).unwrap_err();
    assert!(matches!(&refused, OpenError::Journal(error) if error.is_corruption()));
    let repair = Repair::new(&settings.path)
        .storage(disk.clone())
        .accept_loss(true);
    let plan = repair.execute().unwrap();
    assert_eq!(plan.losses().count(), 1);
    assert_eq!(open(&disk).unwrap().state(0), &kept);
}

/// Found by `rigs sim`: a repair that had to do nothing but what an opening does met the damage that
/// an opening passes over.
#[test]
fn a_repair_passes_over_damage_in_front_of_a_snapshot_as_an_opening_does() {
    let settings = Settings::default();
    let open =
        |disk: &SimDisk| Simulation::open(disk, settings.clone(), 1, |_| Sums::<1>::default());
    let disk = SimDisk::new(1);
    let mut simulation = open(&disk).unwrap();
    drop(simulation.publish(&added(1, 1)).unwrap());
    simulation.close().unwrap();
    let first = disk.paths().into_iter().find(|path| is_segment(path));
    let mut simulation = open(&disk).unwrap();
    drop(simulation.publish(&added(1, 2)).unwrap());
    simulation.run_until_idle();
    simulation.snapshot().unwrap();
    let kept = simulation.state(0).clone();
    simulation.close().unwrap();
    let control = disk
        .paths()
        .into_iter()
        .find(|path| path.ends_with("control"));
    assert!(disk.flip_bit(first.unwrap(), 0) && disk.flip_bit(control.unwrap(), 0));
    let plan = Repair::new(&settings.path)
        .storage(disk.clone())
        .execute()
        .unwrap();
    assert!(plan.partitions[0].control_unreadable && !plan.partitions[0].covered.is_empty());
    assert_eq!(open(&disk).unwrap().state(0), &kept);
}

#[test]
fn settings_out_of_their_limits_are_refused_by_name() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Simulation::open(&SimDisk::new(1), settings, 1, |_| Counters::default())
            .unwrap_err()
            .to_string()
    };
    assert!(with(|settings| settings.partitions = 0).contains("partitions"));
    assert!(with(|settings| settings.ring_slots = 63).contains("ring_slots"));
    assert!(with(|settings| settings.group_bytes = 4096).contains("group_bytes"));
    assert!(with(|settings| settings.durability = Durability::Memory).contains("durability"));
    assert!(with(|settings| settings.first_segment_bytes = 8193).contains("segment"));
}

#[test]
fn a_snapshot_that_reads_another_way_than_when_it_was_checked_is_passed_over() {
    let open = |disk: &SimDisk| {
        let settings = Settings::default();
        Simulation::open(disk, settings, 1, |_| Sums::<1>::default()).unwrap()
    };
    let disk = SimDisk::new(1);
    let mut simulation = open(&disk);
    for amount in 1..=20 {
        simulation.publish(&added(amount % 5, amount)).unwrap();
        simulation.run_until_idle();
    }
    assert!(simulation.snapshot().unwrap()[0].bytes > 0);
    let before = simulation.state(0).clone();
    simulation.close().unwrap();
    let reads = {
        let disk = disk.fork();
        disk.record_calls();
        drop(open(&disk));
        let calls = disk.recorded_calls().into_iter();
        calls
            .filter(|call| call.operation == Operation::Read)
            .count()
    };
    for call in 1..=reads {
        let disk = disk.fork();
        let fault = Fault::new(Effect::FlippedBit)
            .on(Operation::Read)
            .on_path(".snap");
        disk.plan(fault.nth(call as u64));
        assert_eq!(*open(&disk).state(0), before, "read {call} of snapshots");
    }
}
