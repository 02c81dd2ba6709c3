//! Real threads, more of them than cores, doing everything at once: what a sanitizer watches.
//!
//! It injects nothing. Every round opens a pipeline, publishes, reads and takes snapshots from all
//! sides, closes it, in half of the rounds under the publishers' hands, and counts.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use ringlog::journal::JournalReader;
use ringlog::snapshot::Retention;
use ringlog::source::{Source, SourcePublishError};
use ringlog::{Durability, Pipeline, PublishError, Publisher, Receipt, ReceiptError, Viewer};
use tempfile::TempDir;

use crate::outcome::{Outcome, Ran};
use crate::plain_memory;
use crate::process::stream;
use crate::random::{Random, seed_or_clock};
use crate::tally::{Tally, TallyEvent, TallyView};

const RIG: &str = "soak";
const PARTITIONS: u32 = 2;
/// The first publishes through a source.
const PUBLISHERS: u64 = 4;
const MEBIBYTE: u64 = 1024 * 1024;
/// Openings of one directory, so that a state and its checks stay small.
const OPENINGS_OF_A_DIRECTORY: u64 = 3;
const ROUND_MS_MIN: u64 = 100;
const ROUND_MS_SPREAD: u64 = 400;
const VIOLATIONS_MAX: usize = 10;

/// Publishes, reads, takes snapshots, closes and reopens with real threads, and checks the counts.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// For how long, at least.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Reproduces the choices, though not the schedule.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Default)]
struct Figures {
    published: u64,
    waited: u64,
    awaited: u64,
    reads: u64,
    read_live: u64,
    snapshots: u64,
    closed_under_publishers: u64,
}

impl Soak {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        println!("rig={RIG} seed={seed}");
        let mut random = Random::new(seed);
        let mut figures = Figures::default();
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        while begun.elapsed() < Duration::from_secs(self.seconds)
            && ran.violations.len() < VIOLATIONS_MAX
        {
            let round = ran.cycles;
            if let Err(violation) = one_directory(&mut random, &mut figures, &mut ran.cycles)? {
                ran.violations
                    .push(format!("opening {round} of --seed {seed}: {violation}"));
            }
        }
        ran.facts = vec![
            ("published", figures.published),
            ("waited", figures.waited),
            ("awaited", figures.awaited),
            ("reads", figures.reads),
            ("read_live", figures.read_live),
            ("snapshots", figures.snapshots),
            ("closed_under_publishers", figures.closed_under_publishers),
        ];
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }
}

/// A directory's life; the inner error is a violation.
fn one_directory(
    random: &mut Random,
    figures: &mut Figures,
    cycles: &mut u64,
) -> anyhow::Result<Result<(), String>> {
    let directory = TempDir::new().context("cannot make a directory")?;
    let durability = match random.below(4) {
        0 => Durability::Memory,
        1 => Durability::OsBuffer,
        _ => Durability::Sync,
    };
    let retention = match random.below(2) {
        0 => Retention::Everything,
        _ => Retention::FromOldestSnapshot { cursor_lag_max: 0 },
    };
    let builder = Pipeline::<Tally>::builder(directory.path())
        .partitions(PARTITIONS)
        .durability(durability)
        .retention(retention)
        .segment_bytes(MEBIBYTE)
        .group_bytes(usize::try_from(MEBIBYTE / 2)?)
        .snapshot_every(MEBIBYTE)
        .partition_threads(1 + usize::try_from(random.below(2))?);
    let plain = TempDir::new().context("cannot make a directory")?;
    if let Err(violation) = plain_memory::read_back(plain.path(), durability) {
        return Ok(Err(format!("plain memory, {durability:?}: {violation}")));
    }
    let mut published = [0; PUBLISHERS as usize];
    for _ in 0..OPENINGS_OF_A_DIRECTORY {
        *cycles += 1;
        if durability == Durability::Memory {
            published = [0; PUBLISHERS as usize];
        }
        let opened = builder.clone().open(|_| Tally::default());
        let pipeline = match opened {
            Ok(pipeline) => pipeline,
            Err(error) => return Ok(Err(format!("opening: {error}"))),
        };
        let round = Round {
            seed: random.number(),
            length: Duration::from_millis(ROUND_MS_MIN + random.below(ROUND_MS_SPREAD)),
            is_closed_under_publishers: random.below(2) == 0,
            has_journal: durability != Durability::Memory,
            keeps_everything: retention == Retention::Everything,
        };
        let outcome = check_state(&pipeline, &published)
            .and_then(|()| round.run(pipeline, directory.path(), &mut published, figures));
        if let Err(violation) = outcome {
            return Ok(Err(format!("{durability:?}, {round:?}: {violation}")));
        }
    }
    Ok(Ok(()))
}

/// The state holds what was published, each once and in order.
fn check_state(pipeline: &Pipeline<Tally>, published: &[u64]) -> Result<(), String> {
    for (thread, count) in (0..).zip(published) {
        for key in stream::keys(thread) {
            let expected = count_of(key, *count);
            let (found, is_gapless) = look_at(pipeline, key)?;
            if found != expected || !is_gapless {
                return Err(format!(
                    "key {key}: {found} of {expected}, gapless: {is_gapless}"
                ));
            }
        }
    }
    Ok(())
}

/// How many of a thread's first `published` marks are of `key`.
fn count_of(key: u64, published: u64) -> u64 {
    (1..)
        .take_while(|number| stream::source_number_of(key, *number) <= published)
        .count() as u64
}

/// How many marks of `key` the state holds, and whether they are the first ones, in order.
fn look_at(pipeline: &Pipeline<Tally>, key: u64) -> Result<(u64, bool), String> {
    pipeline
        .read(key, |tally| {
            let numbers = tally.numbers.get(&key).map_or(&[][..], |all| all);
            let is_gapless = numbers.iter().copied().eq(1..=numbers.len() as u64);
            (numbers.len() as u64, is_gapless)
        })
        .map_err(|error| format!("reading key {key}: {error}"))
}

/// One opening of a directory.
#[derive(Debug)]
struct Round {
    seed: u64,
    length: Duration,
    is_closed_under_publishers: bool,
    has_journal: bool,
    keeps_everything: bool,
}

/// What the threads of a round tell each other.
#[derive(Debug, Default)]
struct Shared {
    stop_publishing: AtomicBool,
    stop_reading: AtomicBool,
    /// By thread, how many marks are acknowledged.
    acknowledged: [AtomicU64; PUBLISHERS as usize],
}

impl Round {
    fn run(
        &self,
        pipeline: Pipeline<Tally>,
        path: &std::path::Path,
        published: &mut [u64; PUBLISHERS as usize],
        figures: &mut Figures,
    ) -> Result<(), String> {
        let shared = Shared::default();
        for (acknowledged, count) in shared.acknowledged.iter().zip(&*published) {
            acknowledged.store(*count, Ordering::Relaxed);
        }
        let mut publishing = Vec::new();
        for (thread, count) in (0..).zip(&*published) {
            publishing.push(Publishing {
                end: self.end_of(&pipeline, thread)?,
                thread,
                published: *count,
                random: Random::new(self.seed ^ (thread << 32)),
                waited: 0,
                awaited: 0,
            });
        }
        thread::scope(|scope| {
            let shared = &shared;
            let publishers: Vec<_> = publishing
                .into_iter()
                .map(|mut publishing| {
                    scope.spawn(move || publishing.run(shared).map(|()| publishing))
                })
                .collect();
            let beside = self.read_beside(&pipeline, path, shared, figures);
            if self.is_closed_under_publishers {
                figures.closed_under_publishers += 1;
            } else {
                shared.stop_publishing.store(true, Ordering::Relaxed);
            }
            // Publishers end with `Closed`, or with the flag.
            let closed = pipeline.close().map_err(|error| format!("close: {error}"));
            if closed.is_err() {
                shared.stop_publishing.store(true, Ordering::Relaxed);
            }
            for (publisher, count) in publishers.into_iter().zip(published) {
                let done = publisher.join().map_err(|_| "a publisher panicked")??;
                figures.published += done.published - *count;
                figures.waited += done.waited;
                figures.awaited += done.awaited;
                *count = done.published;
            }
            closed?;
            beside
        })
    }

    fn end_of(&self, pipeline: &Pipeline<Tally>, thread: u64) -> Result<End, String> {
        if thread > 0 || !self.has_journal {
            return Ok(End::Publisher(pipeline.publisher()));
        }
        let source = pipeline.source("feed");
        Ok(End::Source(
            source.map_err(|error| format!("source: {error}"))?,
        ))
    }

    /// Reads of the state, snapshots, and readers of the journal, while others publish.
    fn read_beside(
        &self,
        pipeline: &Pipeline<Tally>,
        path: &std::path::Path,
        shared: &Shared,
        figures: &mut Figures,
    ) -> Result<(), String> {
        let (reads, snapshots, read_live) = thread::scope(|scope| {
            let reads = scope.spawn(|| self.read_state(pipeline, shared));
            let snapshots = scope.spawn(|| self.take_snapshots(pipeline, shared));
            let read_live = scope.spawn(|| self.read_journal(path, shared));
            thread::sleep(self.length);
            shared.stop_reading.store(true, Ordering::Relaxed);
            (reads.join(), snapshots.join(), read_live.join())
        });
        let panicked = |_| "a reader panicked".to_owned();
        figures.reads += reads.map_err(panicked)??;
        figures.snapshots += snapshots.map_err(panicked)??;
        figures.read_live += read_live.map_err(panicked)??;
        Ok(())
    }

    fn read_state(&self, pipeline: &Pipeline<Tally>, shared: &Shared) -> Result<u64, String> {
        let mut random = Random::new(self.seed ^ 1);
        let mut reads = 0;
        while !shared.stop_reading.load(Ordering::Relaxed) {
            let thread = random.below(PUBLISHERS);
            let acknowledged =
                shared.acknowledged[usize::try_from(thread).unwrap_or(0)].load(Ordering::Acquire);
            for key in stream::keys(thread) {
                let (found, is_gapless) = look_at(pipeline, key)?;
                reads += 1;
                let expected = count_of(key, acknowledged);
                if found < expected || !is_gapless {
                    return Err(format!(
                        "a read of key {key} saw {found}, {expected} were acknowledged, \
                         gapless: {is_gapless}"
                    ));
                }
            }
            let applied = pipeline.read_applied(random.number(), |tally| tally.last_sequence);
            applied.map_err(|error| format!("read_applied: {error}"))?;
        }
        Ok(reads)
    }

    fn take_snapshots(&self, pipeline: &Pipeline<Tally>, shared: &Shared) -> Result<u64, String> {
        let mut snapshots = 0;
        while self.has_journal && !shared.stop_reading.load(Ordering::Relaxed) {
            let taken = pipeline.snapshot();
            snapshots += taken.map_err(|error| format!("snapshot: {error}"))?.len() as u64;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(snapshots)
    }

    /// Follows the journal from its beginning; without retention, which would take it away.
    fn read_journal(&self, path: &std::path::Path, shared: &Shared) -> Result<u64, String> {
        if !self.has_journal || !self.keeps_everything {
            return Ok(0);
        }
        let failed = |error| format!("a reader of the journal: {error}");
        let reader = JournalReader::open(path).map_err(failed)?;
        let mut cursors = (0..PARTITIONS)
            .map(|partition| reader.cursor(partition).map_err(failed))
            .collect::<Result<Vec<_>, _>>()?;
        let mut numbers = std::collections::BTreeMap::new();
        let mut read = 0;
        while !shared.stop_reading.load(Ordering::Relaxed) {
            for cursor in &mut cursors {
                cursor.refresh().map_err(failed)?;
                while let Some(event) = cursor.next_event().map_err(failed)? {
                    let mut viewer = Viewer::default();
                    let view = event.view::<TallyEvent>(&mut viewer);
                    let TallyView::Marked(mark) = view.map_err(|error| error.to_string())?;
                    let number: &mut u64 = numbers.entry(mark.key.to_native()).or_default();
                    *number += 1;
                    read += 1;
                    if *number != mark.number.to_native() {
                        return Err(format!(
                            "a reader of the journal met {} of key {} for {number}",
                            mark.number, mark.key
                        ));
                    }
                    if shared.stop_reading.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            thread::yield_now();
        }
        Ok(read)
    }
}

enum End {
    Publisher(Publisher<TallyEvent>),
    Source(Source<TallyEvent>),
}

/// A publishing thread and what it has done.
struct Publishing {
    end: End,
    thread: u64,
    published: u64,
    random: Random,
    waited: u64,
    awaited: u64,
}

impl Publishing {
    /// Until it is told to stop, or the pipeline is closed.
    fn run(&mut self, shared: &Shared) -> Result<(), String> {
        let acknowledged = &shared.acknowledged[usize::try_from(self.thread).unwrap_or(0)];
        let mut held = Vec::new();
        while !shared.stop_publishing.load(Ordering::Relaxed) {
            let number = self.published + 1;
            let event = stream::event_of(self.thread, number);
            let when_full = match self.random.below(4) {
                0 => WhenFull::Refuse,
                _ => WhenFull::Wait,
            };
            let receipt = match publish(&self.end, number, &event, when_full) {
                Ok(receipt) => receipt,
                Err(NotTaken::Full) => {
                    thread::yield_now();
                    continue;
                }
                Err(NotTaken::Closed) => break,
                Err(NotTaken::Failed(error)) => return Err(error),
            };
            self.published = number;
            match self.random.below(64) {
                0 => {
                    self.waited += 1;
                    receipt.wait().map_err(|error| format!("wait: {error}"))?;
                }
                1 => {
                    self.awaited += 1;
                    block_on(receipt).map_err(|error| format!("await: {error}"))?;
                }
                2 => forget_in_flight(receipt),
                3 => held.push(receipt.detach()),
                _ => drop(receipt),
            }
            if held.len() == 8 {
                for receipt in held.drain(..) {
                    Receipt::wait(receipt).map_err(|error| format!("held: {error}"))?;
                }
                self.settle(acknowledged)?;
            }
        }
        held.into_iter()
            .map(Receipt::wait)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("held until the end: {error}"))?;
        Ok(())
    }

    /// Publishes a mark of each key and waits for all: then everything before them is acknowledged,
    /// in every partition.
    fn settle(&mut self, acknowledged: &AtomicU64) -> Result<(), String> {
        let mut receipts = Vec::new();
        for _ in stream::keys(self.thread) {
            let number = self.published + 1;
            let event = stream::event_of(self.thread, number);
            match publish(&self.end, number, &event, WhenFull::Wait) {
                Ok(receipt) => receipts.push(receipt.detach()),
                Err(NotTaken::Closed) => return Ok(()),
                Err(error) => return Err(format!("{error:?}")),
            }
            self.published = number;
        }
        for receipt in receipts {
            receipt.wait().map_err(|error| format!("wait: {error}"))?;
        }
        acknowledged.store(self.published, Ordering::Release);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenFull {
    Wait,
    Refuse,
}

/// Why an event was not taken.
#[derive(Debug)]
enum NotTaken {
    Full,
    Closed,
    Failed(String),
}

fn publish<'a>(
    end: &'a End,
    number: u64,
    event: &TallyEvent,
    when_full: WhenFull,
) -> Result<Receipt<'a>, NotTaken> {
    let published = match (end, when_full) {
        (End::Publisher(publisher), WhenFull::Wait) => publisher.publish(event),
        (End::Publisher(publisher), WhenFull::Refuse) => publisher.try_publish(event),
        (End::Source(source), _) => match source.publish(number, event) {
            Ok(receipt) => Ok(receipt),
            Err(SourcePublishError::Publish(error)) => Err(error),
            Err(error) => return Err(NotTaken::Failed(format!("source: {error}"))),
        },
    };
    published.map_err(|error| match error {
        PublishError::Full => NotTaken::Full,
        PublishError::Closed => NotTaken::Closed,
        error => NotTaken::Failed(format!("publish: {error}")),
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on(receipt: Receipt<'_>) -> Result<(), ReceiptError> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut receipt = pin!(receipt);
    loop {
        match receipt.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls once and drops the future, also while its waker is on the way.
fn forget_in_flight(receipt: Receipt<'_>) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut receipt = pin!(receipt);
    let _ = receipt.as_mut().poll(&mut TaskContext::from_waker(&waker));
}
