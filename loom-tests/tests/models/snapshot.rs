//! `snapshot::Snapshotter`: a reader of the journal beside the journaler, who is never asked.

use std::sync::Arc;

use loom::sync::Notify;
use ringlog::internal::{Gate, Signal};
use ringlog::snapshot::{AsOf, SnapshotError};
use ringlog_loom_tests::{Preemptions, explore, explore_outcomes, spawn};

use crate::written::{Fold, Written, event};

/// Takes a snapshot while group `group` is committed behind those in front of it.
fn a_snapshot_is_taken_while(group: u64) {
    explore(Preemptions::Unbounded, move || {
        let setup = spawn(move || {
            let written = Written::new(group - 1);
            let snapshots = written.snapshots();
            written.memory.start();
            (written, snapshots)
        });
        let (mut written, snapshots) = setup.join().unwrap();
        let takes = spawn(move || {
            let taken = snapshots.take().unwrap();
            assert!([group - 1, group].contains(&taken.sequence));
            taken.sequence
        });
        let commits = spawn(move || {
            written.commit(group, group);
            written
        });
        let sequence = takes.join().unwrap();
        let written = commits.join().unwrap();
        let restores = spawn(move || {
            let fresh = |_| Fold::default();
            let restored = written.reader.restore(0, AsOf::LATEST, fresh);
            restored.unwrap().0.last
        });
        assert_eq!(restores.join().unwrap(), sequence);
    });
}

#[test]
fn a_snapshot_beside_a_group_is_the_fold_of_what_was_durable() {
    a_snapshot_is_taken_while(2);
}

#[test]
fn a_snapshot_beside_a_roll_is_the_fold_of_what_was_durable() {
    a_snapshot_is_taken_while(3);
}

#[test]
fn a_snapshot_holds_nothing_that_was_only_handed_to_the_kernel() {
    explore(Preemptions::Unbounded, || {
        let setup = spawn(|| {
            let written = Written::with(1, false, 4);
            let (gate, wake) = (Gate::new(&Signal::new()), Signal::new());
            let snapshots = written.snapshotter(&gate, &wake, false, None);
            written.memory.start();
            (written, snapshots)
        });
        let (mut written, snapshots) = setup.join().unwrap();
        // Each event that it applies is asserted to be synced.
        let takes = spawn(move || snapshots.take().unwrap().sequence);
        assert!(written.writer.witness());
        assert!(written.writer.commit(event(2)));
        assert!([0, 1].contains(&takes.join().unwrap()));
    });
}

#[test]
fn the_snapshot_thread_is_woken_when_enough_was_written() {
    explore(Preemptions::Three, || {
        let (wake, saved) = (Signal::new(), Arc::new(Notify::new()));
        let gate = Arc::new(Gate::with_alarm(&Signal::new(), &wake, 1));
        let setup = {
            let (gate, saved) = (Arc::clone(&gate), Arc::clone(&saved));
            spawn(move || {
                let written = Written::new(1);
                let snapshots = written.snapshotter(&gate, &wake, true, Some(saved));
                (written, Arc::new(snapshots))
            })
        };
        let (_written, snapshots) = setup.join().unwrap();
        let runs = {
            let snapshots = Arc::clone(&snapshots);
            spawn(move || snapshots.run())
        };
        gate.written(1);
        // A lost wake-up is a deadlock here.
        saved.wait();
        snapshots.stop();
        runs.join().unwrap();
    });
}

#[test]
fn the_snapshot_thread_ends_when_it_is_told() {
    explore(Preemptions::Unbounded, || {
        let setup = spawn(|| {
            let written = Written::new(1);
            let snapshots = written.snapshots();
            (written, Arc::new(snapshots))
        });
        let (_written, snapshots) = setup.join().unwrap();
        let runs = {
            let snapshots = Arc::clone(&snapshots);
            spawn(move || snapshots.run())
        };
        snapshots.stop();
        runs.join().unwrap();
    });
}

#[test]
fn of_two_who_ask_for_a_snapshot_one_writes_it_and_both_have_it() {
    explore(Preemptions::Unbounded, || {
        let setup = spawn(|| {
            let written = Written::new(2);
            let snapshots = written.snapshots();
            written.memory.start();
            (written, Arc::new(snapshots))
        });
        let (_written, snapshots) = setup.join().unwrap();
        let asks = [0, 1].map(|_| {
            let snapshots = Arc::clone(&snapshots);
            spawn(move || snapshots.take().unwrap())
        });
        let reports = asks.map(|ask| ask.join().unwrap());
        assert!(reports.iter().all(|report| report.sequence == 2));
        let written = reports.iter().filter(|report| report.bytes > 0).count();
        assert_eq!(written, 1);
    });
}

#[test]
fn a_snapshot_beside_the_close_is_taken_or_given_up() {
    explore_outcomes(Preemptions::Unbounded, ["given up", "taken"], || {
        let setup = spawn(|| {
            let written = Written::new(2);
            let snapshots = written.snapshots();
            (written, Arc::new(snapshots))
        });
        let (written, snapshots) = setup.join().unwrap();
        let asks = {
            let snapshots = Arc::clone(&snapshots);
            spawn(move || snapshots.take())
        };
        snapshots.stop();
        match asks.join().unwrap() {
            Ok(report) => {
                assert_eq!(report.sequence, 2);
                "taken"
            }
            Err(SnapshotError::Closing) => {
                assert_eq!(written.files(".snap"), 0);
                "given up"
            }
            Err(error) => panic!("{error}"),
        }
    });
}
