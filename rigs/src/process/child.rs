//! The child: publishes, waits, and says what was acknowledged.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read};
use std::time::Instant;

use ringlog::source::{Source, SourceError, SourcePublishError};
use ringlog::{
    CloseError, OpenError, Pipeline, Poison, PublishError, ReadStateError, ReceiptError,
    partition_of,
};

use super::line::Line;
use super::settings::Settings;
use super::stream;
use crate::random::Random;
use crate::tally::{Tally, TallyEvent};

/// Receipts that are held at once, one choice a run.
const BATCHES: [u64; 4] = [1, 4, 16, 64];
/// Numbers that a reopened source publishes once more, at most.
const OVERLAP_MAX: u64 = 50;
/// Events that are tried on after a failure: none of a failed partition may be acknowledged.
const TRIED_AFTER_FAILURE: u64 = 20;

/// How a child ends: everything was done.
pub(super) const DONE: i32 = 0;
/// Nobody let it go.
pub(super) const DEAF: i32 = 2;
/// Something failed, and was said.
pub(super) const FAILED: i32 = 3;

/// Something failed, and was said.
#[derive(Debug)]
struct Failed;

/// Publishes until it is killed, everything is done, or something fails; returns the exit code.
pub(crate) fn run_child(settings: &Settings) -> i32 {
    // A parent that is killed leaves nothing running behind.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    if settings.wait_for_go && !matches!(io::stdin().read(&mut [0]), Ok(1)) {
        return DEAF;
    }
    let mut remaining = match settings.events {
        0 => u64::MAX,
        events => events,
    };
    let mut round = 0;
    while remaining > 0 {
        let share = match settings.reopen_after {
            0 => remaining,
            events => events.min(remaining),
        };
        if let Err(Failed) = open_publish_close(settings, round, share) {
            return FAILED;
        }
        remaining -= share;
        round += 1;
    }
    DONE
}

fn open_publish_close(settings: &Settings, round: u64, events: u64) -> Result<(), Failed> {
    Line::Opening.say();
    let begun = Instant::now();
    let pipeline = match settings.builder().open(|_| Tally::default()) {
        Ok(pipeline) => pipeline,
        Err(OpenError::AlreadyOpen { .. }) => {
            Line::Busy(begun.elapsed()).say();
            return Err(Failed);
        }
        Err(error) => {
            say_open_error(&error);
            return Err(Failed);
        }
    };
    Line::Opened(begun.elapsed()).say();
    let published = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..settings.threads)
            .map(|thread| {
                let pipeline = &pipeline;
                scope.spawn(move || Publishing::new(settings, pipeline, thread, round)?.run(events))
            })
            .collect();
        let ends: Vec<_> = threads
            .into_iter()
            // A panic goes on here, and ends the child with a code that tells.
            .map(|thread| match thread.join() {
                Ok(end) => end,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect();
        ends.into_iter().collect::<Result<(), Failed>>()
    });
    Line::Closing.say();
    match (pipeline.close(), &published) {
        (Ok(_), Ok(())) => Line::Closed.say(),
        (Ok(_), Err(Failed)) => {
            Line::Violation("close answered `Ok` after a failure".to_owned()).say();
        }
        (Err(CloseError::Poisoned { poisons, .. }), _) => {
            poisons.iter().for_each(say_poison);
            return Err(Failed);
        }
        (Err(error), _) => Line::Violation(format!("close: {error}")).say(),
    }
    published
}

/// One thread and its source.
struct Publishing<'a> {
    pipeline: &'a Pipeline<Tally>,
    source: Source<TallyEvent>,
    thread: u64,
    next: u64,
    batch: u64,
    partitions: u32,
    failed_partitions: BTreeSet<u32>,
}

impl<'a> Publishing<'a> {
    fn new(
        settings: &Settings,
        pipeline: &'a Pipeline<Tally>,
        thread: u64,
        round: u64,
    ) -> Result<Self, Failed> {
        let source = pipeline
            .source(&format!("feed-{thread}"))
            .map_err(|error| match error {
                SourceError::Publish(PublishError::Poisoned(poison))
                | SourceError::Receipt(ReceiptError::Poisoned(poison)) => {
                    say_poison(&poison);
                    Failed
                }
                error => violation(&error),
            })?;
        let mut random = Random::new(settings.seed ^ (thread << 32) ^ (round << 40));
        let mut publishing = Self {
            pipeline,
            source,
            thread,
            next: 1,
            batch: match settings.batch {
                0 => BATCHES[usize::try_from(random.below(BATCHES.len() as u64)).unwrap_or(0)],
                batch => batch,
            },
            partitions: settings.partitions,
            failed_partitions: BTreeSet::new(),
        };
        // Some that are there already are published again: they are acknowledged, and not repeated.
        let overlap = random.below(OVERLAP_MAX);
        publishing.next = publishing.first_missing()?.saturating_sub(overlap).max(1);
        Ok(publishing)
    }

    /// The lowest source number of this thread that the state does not have.
    fn first_missing(&self) -> Result<u64, Failed> {
        let mut first = u64::MAX;
        for key in stream::keys(self.thread) {
            let count = self
                .pipeline
                .read(key, |tally| {
                    tally.numbers.get(&key).map_or(0, |numbers| numbers.len())
                })
                .map_err(|error| match error {
                    ReadStateError::Poisoned(poison) => {
                        say_poison(&poison);
                        Failed
                    }
                    error => violation(&error),
                })?;
            first = first.min(stream::source_number_of(key, count as u64 + 1));
        }
        Ok(first)
    }

    fn run(mut self, events: u64) -> Result<(), Failed> {
        let end = self.next.saturating_add(events);
        while self.next < end {
            let batch = self.batch.min(end - self.next);
            self.publish(batch);
            if !self.failed_partitions.is_empty() {
                self.publish(TRIED_AFTER_FAILURE);
                return Err(Failed);
            }
        }
        Ok(())
    }

    /// Publishes `count` events, waits for each, and says how far each partition came.
    fn publish(&mut self, count: u64) {
        let mut receipts = Vec::new();
        for source_number in self.next..self.next + count {
            let event = stream::event_of(self.thread, source_number);
            match self.source.publish(source_number, &event) {
                Ok(receipt) => {
                    let partition = receipt.partition();
                    // Published after the failure was seen: it must not be acknowledged.
                    let is_late = self.failed_partitions.contains(&partition);
                    receipts.push((source_number, receipt, is_late));
                }
                Err(SourcePublishError::Publish(PublishError::Poisoned(poison))) => {
                    let (key, _) = stream::mark_of(self.thread, source_number);
                    let partition = partition_of(key, self.partitions);
                    fail(&mut self.failed_partitions, partition, &poison);
                }
                Err(error) => {
                    violation(&error);
                }
            }
        }
        self.next += count;
        // Partitions in which a receipt failed: none of a later event may be good.
        let mut unsettled = BTreeSet::new();
        let mut acked = vec![0; self.partitions as usize];
        for (source_number, receipt, is_late) in receipts {
            let partition = receipt.partition();
            match receipt.wait() {
                Ok(()) if is_late || unsettled.contains(&partition) => {
                    let text = format!(
                        "thread {}: {source_number} was acknowledged after partition {partition} \
                         had failed",
                        self.thread
                    );
                    Line::Violation(text).say();
                }
                Ok(()) => acked[partition as usize] = source_number,
                Err(ReceiptError::Poisoned(poison)) => {
                    unsettled.insert(partition);
                    fail(&mut self.failed_partitions, partition, &poison);
                }
                Err(error) => {
                    violation(&error);
                }
            }
        }
        for source_number in acked.into_iter().filter(|number| *number > 0) {
            Line::Acked {
                thread: self.thread,
                source_number,
            }
            .say();
        }
    }
}

fn fail(failed_partitions: &mut BTreeSet<u32>, partition: u32, poison: &Poison) {
    if failed_partitions.insert(partition) {
        say_poison(poison);
    }
}

fn violation(error: &impl Error) -> Failed {
    Line::Violation(error.to_string()).say();
    Failed
}

fn say_poison(poison: &Poison) {
    match poison {
        Poison::Journal { stage, source, .. } if !stage.is_empty() => Line::Failed {
            in_open: false,
            storage_full: poison.is_storage_full(),
            errno: source.raw_os_error().unwrap_or(0),
            text: poison.to_string(),
        }
        .say(),
        poison => Line::Violation(poison.to_string()).say(),
    }
}

fn say_open_error(error: &OpenError) {
    match super::ledger::os_error(error) {
        Some(source) => Line::Failed {
            in_open: true,
            storage_full: source.kind() == io::ErrorKind::StorageFull,
            errno: source.raw_os_error().unwrap_or(0),
            text: error.to_string(),
        }
        .say(),
        None => Line::Violation(format!("open: {error}")).say(),
    }
}
