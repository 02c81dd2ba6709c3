//! Whole pipelines with all their threads: three publishers, two partitions, journal, snapshots,
//! close, poison and crash. What was acknowledged is there, once and in order; everybody is
//! answered; every thread ends.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringlog::journal::JournalReader;
use ringlog::storage::sim::{EIO, Effect, Fault, Operation, SimDisk, SyncFailure};
use ringlog::{
    Builder, CloseError, EventMeta, Pipeline, PublishError, ReceiptError, State, Viewer, events,
    rkyv,
};
use ringlog_shuttle_tests::run;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

const PUBLISHERS: u64 = 3;
const EVENTS: u64 = 4;

/// A publisher's next number, under a key.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Count {
    key: u64,
    publisher: u64,
    number: u64,
    /// So that the ring is full now and then, and groups, too.
    ballast: Vec<u8>,
}

events! {
    /// What is counted.
    #[derive(Debug)]
    enum Counting, view CountingView {
        Count(Count) = 1, "count", version 1, key key;
    }
}

/// Of each publisher the numbers, in the order in which they were applied.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counts(BTreeMap<u64, Vec<u64>>);

impl State for Counts {
    type Event = Counting;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: CountingView<'_>, _meta: &EventMeta) {
        let CountingView::Count(count) = event;
        let numbers = self.0.entry(count.publisher.to_native()).or_default();
        numbers.push(count.number.to_native());
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        for (publisher, numbers) in &self.0 {
            for number in numbers {
                out.write_all(&publisher.to_le_bytes())?;
                out.write_all(&number.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        for pair in bytes.chunks_exact(16) {
            let [publisher, number] =
                [&pair[..8], &pair[8..]].map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
            self.0.entry(publisher).or_default().push(number);
        }
        Ok(())
    }
}

/// What a publisher was told of each of its numbers.
#[derive(Debug, Default)]
struct Told {
    taken: Vec<u64>,
    acknowledged: Vec<u64>,
}

fn builder(disk: &SimDisk) -> Builder {
    Pipeline::<Counts>::builder("/journal")
        .storage(disk.clone())
        .partitions(2)
        .partition_threads(2)
        .pin_threads(false)
}

/// Publishes until everything is published, or refused for a reason that may be.
fn publish(publisher: &ringlog::Publisher<Counting>, name: u64, may_fail: bool) -> Told {
    let mut told = Told::default();
    let mut is_closed = false;
    for number in 1..=EVENTS {
        // Each partition gets some of everybody's.
        let ballast = vec![0; [0, 3000, 7000][thread_rng().gen_range(0..3)]];
        let count = Count {
            key: number,
            publisher: name,
            number,
            ballast,
        };
        let receipt = match publisher.publish(&count.into()) {
            Ok(receipt) => receipt,
            Err(PublishError::Closed) => {
                is_closed = true;
                continue;
            }
            Err(PublishError::Poisoned(_)) if may_fail => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(!is_closed, "taken behind the close");
        told.taken.push(number);
        if thread_rng().r#gen() {
            match receipt.wait() {
                Ok(()) => told.acknowledged.push(number),
                Err(ReceiptError::Poisoned(_)) if may_fail => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    told
}

fn start_publishers(pipeline: &Pipeline<Counts>, may_fail: bool) -> Vec<thread::JoinHandle<Told>> {
    (0..PUBLISHERS)
        .map(|name| {
            let publisher = pipeline.publisher();
            thread::spawn(move || publish(&publisher, name, may_fail))
        })
        .collect()
}

/// Numbers by publisher and partition, as a later opening finds them.
fn recovered(disk: &SimDisk) -> Vec<Counts> {
    let recovered = builder(disk).recover(|_| Counts::default()).unwrap();
    recovered
        .into_iter()
        .map(|partition| partition.state)
        .collect()
}

/// Each publisher's numbers of each partition are in order and there once, up to some of `taken`;
/// and what was acknowledged is there.
fn check(partitions: &[Counts], told: &[Told]) {
    for (name, told) in (0..).zip(told) {
        let mut all = Vec::new();
        for counts in partitions {
            let numbers = counts.0.get(&name).cloned().unwrap_or_default();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{partitions:?}");
            all.extend(numbers);
        }
        for number in &told.acknowledged {
            assert!(
                all.contains(number),
                "lost {number} of {name}: {partitions:?}"
            );
        }
        for number in &all {
            assert!(told.taken.contains(number), "made up {number} of {name}");
        }
    }
}

/// Everything that was taken is there.
fn check_all(partitions: &[Counts], told: &[Told]) {
    check(partitions, told);
    let numbers = partitions.iter().flat_map(|counts| counts.0.values());
    let there: usize = numbers.map(Vec::len).sum();
    let taken: usize = told.iter().map(|told| told.taken.len()).sum();
    assert_eq!(there, taken);
}

#[test]
fn whatever_was_taken_is_durable_after_the_close() {
    run(5000, || {
        let disk = SimDisk::new(1);
        let pipeline = builder(&disk).open(|_| Counts::default()).unwrap();
        let threads = start_publishers(&pipeline, false);
        let report = pipeline.close().unwrap();
        let told: Vec<Told> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        // A power cut takes nothing of it.
        let disk = disk.power_cut();
        let partitions = recovered(&disk);
        check(&partitions, &told);
        check_all(&partitions, &told);
        let taken: usize = told.iter().map(|told| told.taken.len()).sum();
        assert_eq!(report.events(), taken as u64);
    });
}

#[test]
fn reads_and_live_readers_see_prefixes_beside_the_publishers() {
    run(3000, || {
        let disk = SimDisk::new(2);
        let pipeline = builder(&disk).open(|_| Counts::default()).unwrap();
        let threads = start_publishers(&pipeline, false);
        let mut seen = vec![Counts::default(); 2];
        for _ in 0..2 {
            for (partition, before) in (0..).zip(&mut seen) {
                let now = pipeline.read_partition(partition, Counts::clone).unwrap();
                for (name, numbers) in &before.0 {
                    assert!(now.0[name].starts_with(numbers), "{before:?} {now:?}");
                }
                *before = now;
            }
            // What a read saw is durable, so a reader of the journal finds it.
            let reader = JournalReader::open_in(disk.clone(), "/journal").unwrap();
            for (partition, seen) in (0..).zip(&seen) {
                let mut counts = Counts::default();
                let mut cursor = reader.cursor(partition).unwrap();
                while let Some(event) = cursor.next_event().unwrap() {
                    let mut viewer = Viewer::default();
                    counts.apply(event.view::<Counting>(&mut viewer).unwrap(), &event.meta);
                }
                for (name, numbers) in &seen.0 {
                    assert!(counts.0[name].starts_with(numbers), "{seen:?} {counts:?}");
                }
            }
        }
        let told: Vec<Told> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        pipeline.close().unwrap();
        check_all(&recovered(&disk), &told);
    });
}

#[test]
fn snapshots_beside_the_publishers_and_the_close_hold_what_the_journal_does() {
    run(2000, || {
        let disk = SimDisk::new(3);
        let pipeline = Arc::new(builder(&disk).open(|_| Counts::default()).unwrap());
        let threads = start_publishers(&pipeline, false);
        let takes = Arc::clone(&pipeline);
        let snapshots = thread::spawn(move || {
            for _ in 0..2 {
                takes.snapshot().unwrap();
            }
        });
        let told: Vec<Told> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        snapshots.join().unwrap();
        Arc::into_inner(pipeline).unwrap().close().unwrap();
        let disk = disk.power_cut();
        let recovered = builder(&disk).recover(|_| Counts::default()).unwrap();
        assert!(
            recovered
                .iter()
                .all(|partition| partition.rejected_snapshots.is_empty())
        );
        let partitions: Vec<_> = recovered
            .into_iter()
            .map(|partition| partition.state)
            .collect();
        check_all(&partitions, &told);
    });
}

#[test]
fn a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged() {
    static STRUCK: AtomicU64 = AtomicU64::new(0);
    run(5000, || {
        let disk = SimDisk::new(4);
        let pipeline = builder(&disk).open(|_| Counts::default()).unwrap();
        let nth = thread_rng().gen_range(1..8);
        let effect = match thread_rng().r#gen() {
            true => Effect::FailedSync(SyncFailure::MarksClean),
            false => Effect::Error(EIO),
        };
        disk.plan(Fault::new(effect).on(Operation::Write).nth(nth).for_ever());
        let threads = start_publishers(&pipeline, true);
        let told: Vec<Told> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        match pipeline.close() {
            Ok(_) => {}
            Err(CloseError::Poisoned { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        STRUCK.fetch_add(disk.faults_struck().min(1), Ordering::Relaxed);
        disk.clear_faults();
        let disk = disk.power_cut();
        check(&recovered(&disk), &told);
    });
    assert!(STRUCK.load(Ordering::Relaxed) > 0, "no write failed");
}

#[test]
fn a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged() {
    static STRUCK: AtomicU64 = AtomicU64::new(0);
    run(5000, || {
        let disk = SimDisk::new(5);
        let pipeline = builder(&disk).open(|_| Counts::default()).unwrap();
        let threads = start_publishers(&pipeline, true);
        let nth = thread_rng().gen_range(1..12);
        disk.plan(Fault::new(Effect::CrashPartway).nth(nth));
        let told: Vec<Told> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        drop(pipeline);
        STRUCK.fetch_add(disk.faults_struck().min(1), Ordering::Relaxed);
        disk.clear_faults();
        let disk = disk.power_cut();
        check(&recovered(&disk), &told);
    });
    assert!(STRUCK.load(Ordering::Relaxed) > 0, "the power never failed");
}
