//! A source whose numbers have no gaps, but may arrive in disorder and from several threads.

use std::time::Duration;

use super::hold::{Hold, Place};
use super::receipt::HeldSlot;
use super::registry::{Holds, Known, Lease, control};
use super::table::GAPS_MAX;
use super::{ContiguousReceipt, HeldError, SourceError, SourcePublishError};
use crate::callback;
use crate::clock::Moment;
use crate::event::{Event, State};
use crate::idle::Signal;
use crate::journal::format::KIND_SOURCE_SKIPPED;
use crate::pipeline::{Pipeline, PublishError, Publisher, Settles, SourceStamp, Stamped};
use crate::routing::partition_of;
use crate::sync::{self, Arc, JoinHandle, Mutex};

/// How much a contiguous source holds behind a gap, and for how long.
#[derive(Debug, Clone)]
pub struct ContiguousOptions {
    /// The number that will come first. Numbers below it will not come again: they were
    /// acknowledged, or belong to somebody else. By default the number after the last one that the
    /// journal knows to be settled, and 1 for a new source.
    pub resume_at: Option<u64>,
    /// Events held behind a gap before it is given up; 65,536 by default.
    pub held_events_max: usize,
    /// Bytes of archives held behind a gap before it is given up; 64 MiB by default.
    pub held_bytes_max: usize,
    /// How long a gap may stay open before it is given up; 5 seconds by default.
    pub gap_timeout: Duration,
}

impl Default for ContiguousOptions {
    fn default() -> Self {
        Self {
            resume_at: None,
            held_events_max: 65_536,
            held_bytes_max: 64 * 1024 * 1024,
            gap_timeout: Duration::from_secs(5),
        }
    }
}

/// What a contiguous source has seen since its handle was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContiguousStats {
    /// The number that is expected next.
    pub next_number: u64,
    /// Events held behind a gap at this moment.
    pub held_events: usize,
    /// Bytes of their archives.
    pub held_bytes: usize,
    /// Numbers that came again.
    pub duplicates: u64,
    /// Numbers that came after they had been given up.
    pub late: u64,
    /// Every gap of this source that was given up or declared, over all time: both ends included.
    pub gaps: Vec<(u64, u64)>,
}

/// The one live handle of a contiguous source: one ordered stream whose messages may arrive in
/// disorder and from several threads.
///
/// Numbers start at 1 and have no gaps. What comes after a gap is held until the gap closes, and
/// released in order; until then it is not acknowledged. A gap that stays open too long, or that
/// too much is held behind, is given up: it is reported, journaled as skipped, and a number of it
/// that comes later is [`Late`](SourcePublishError::Late). A gap that the sender knows of can be
/// [declared](Self::declare_gap).
///
/// Share it by reference: publishing takes `&self` and puts the numbers in order under a lock.
#[derive(Debug)]
pub struct ContiguousSource<E: Event> {
    inner: Arc<Inner<E>>,
    timer: Option<JoinHandle<()>>,
}

struct Inner<E: Event> {
    stream: Mutex<Stream<E>>,
    options: ContiguousOptions,
    /// Wakes the thread that gives gaps up.
    gap_opened: Signal,
}

impl<E: Event> std::fmt::Debug for Inner<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

struct Stream<E: Event> {
    publisher: Publisher<E>,
    lease: Lease,
    hold: Hold<Item>,
    held_bytes: usize,
    gap_since: Option<Moment>,
    /// The last position published to each partition: where duplicates settle.
    positions: Vec<u64>,
    checkpoint: Option<Checkpoint>,
    since_checkpoint: u32,
    duplicates: u64,
    late: u64,
    closed: bool,
}

/// When all of these have settled, so has every number up to `number`.
struct Checkpoint {
    number: u64,
    settles: Vec<Settles>,
}

/// Numbers between two looks at the checkpoint.
const CHECKPOINT_INTERVAL: u32 = 256;

#[derive(Debug)]
enum Item {
    Event(Stamped, Arc<HeldSlot>),
    /// The sender declared that these numbers will not come.
    Declared,
}

impl<S: State> Pipeline<S> {
    /// Opens the contiguous source `name` (1 to 1,024 bytes); creates it if it is new.
    ///
    /// After a restart the sender goes on with [`ContiguousStats::next_number`]: everything from
    /// there on may have been lost, and what was not is recognized as duplicate.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn contiguous_source(
        &self,
        name: &str,
        options: ContiguousOptions,
    ) -> Result<ContiguousSource<S::Event>, SourceError> {
        let publisher = self.publisher();
        let lease = self.registry().open(name, &publisher)?;
        let next = resume_point(&lease.known).max(options.resume_at.unwrap_or(1));
        let positions = vec![0; publisher.partitions() as usize];
        let inner = Arc::new(Inner {
            stream: Mutex::new(Stream {
                publisher,
                lease,
                hold: Hold::new(next),
                held_bytes: 0,
                gap_since: None,
                positions,
                checkpoint: None,
                since_checkpoint: 0,
                duplicates: 0,
                late: 0,
                closed: false,
            }),
            options,
            gap_opened: Signal::new(),
        });
        let holds: Arc<dyn Holds> = inner.clone();
        self.registry().add_holding(Arc::downgrade(&holds));
        let timed = Arc::clone(&inner);
        let timer = sync::spawn_named("ringlog-gaps".into(), move || timed.give_up_old_gaps())
            .map_err(SourceError::Thread)?;
        Ok(ContiguousSource {
            inner,
            timer: Some(timer),
        })
    }
}

/// The first number that may be missing: behind everything settled, and behind skipped gaps.
fn resume_point(known: &Known) -> u64 {
    let next = known.settled_number + 1;
    skipped_up_to(&known.skipped, next).map_or(next, |last| last + 1)
}

/// The end of the skipped gap that `number` lies in, if it lies in one; `skipped` is sorted.
fn skipped_up_to(skipped: &[(u64, u64)], number: u64) -> Option<u64> {
    let behind = skipped.partition_point(|(first, _)| *first <= number);
    let (_, last) = skipped.get(behind.checked_sub(1)?)?;
    (*last >= number).then_some(*last)
}

impl<E: Event> ContiguousSource<E> {
    /// Publishes the event under `number`; holds it if a number before it is missing.
    ///
    /// # Errors
    ///
    /// [`SourcePublishError::Late`] for a number that was given up; otherwise why it could not be
    /// published. It may be tried again.
    pub fn publish(&self, number: u64, event: &E) -> Result<ContiguousReceipt, SourcePublishError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        let mut stream = sync::lock(&self.inner.stream);
        let receipt = stream.take(number, event)?;
        self.inner.settle_gaps(&mut stream)?;
        Ok(receipt)
    }

    /// Declares that the numbers from `first` to `last`, both included, will not come. They are
    /// journaled as skipped once the numbers before them went on.
    ///
    /// # Errors
    ///
    /// [`SourcePublishError::OutOfOrder`] when one of them has come or was given up already.
    pub fn declare_gap(&self, first: u64, last: u64) -> Result<(), SourcePublishError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        let mut stream = sync::lock(&self.inner.stream);
        let out_of_order = first == 0 || last < first;
        match stream.hold.place(first, last) {
            Place::Next | Place::AfterGap if !out_of_order => {
                stream.hold.hold(first, last, Item::Declared);
            }
            _ => {
                let last = stream.hold.next() - 1;
                return Err(SourcePublishError::OutOfOrder {
                    number: first,
                    last,
                });
            }
        }
        self.inner.settle_gaps(&mut stream)
    }

    /// What it has seen so far.
    #[must_use]
    pub fn stats(&self) -> ContiguousStats {
        let stream = sync::lock(&self.inner.stream);
        ContiguousStats {
            next_number: stream.hold.next(),
            held_events: stream.hold.len(),
            held_bytes: stream.held_bytes,
            duplicates: stream.duplicates,
            late: stream.late,
            gaps: stream.lease.known.skipped.clone(),
        }
    }
}

impl<E: Event> Drop for ContiguousSource<E> {
    /// Held events get [`HeldError::Closed`].
    fn drop(&mut self) {
        self.inner.fail_held();
        if let Some(timer) = self.timer.take()
            && !callback::is_inside()
        {
            let _ = timer.join();
        }
    }
}

impl<E: Event> Holds for Inner<E> {
    fn fail_held(&self) {
        let held: Vec<Item> = {
            let mut stream = sync::lock(&self.stream);
            stream.closed = true;
            stream.held_bytes = 0;
            stream.hold.take_all().collect()
        };
        for item in held {
            if let Item::Event(_, slot) = item {
                slot.fail(HeldError::Closed);
            }
        }
        self.gap_opened.notify();
    }
}

impl<E: Event> Inner<E> {
    /// The timer's thread: gives a gap up that stays open too long, although nobody publishes.
    fn give_up_old_gaps(&self) {
        loop {
            let mut wait = None;
            {
                let mut stream = sync::lock(&self.stream);
                if stream.closed {
                    return;
                }
                if let Err(error) = self.settle_gaps(&mut stream) {
                    tracing::error!(%error, source = stream.lease.name, "cannot give a gap up");
                    return;
                }
                if let Some(since) = stream.gap_since {
                    wait = Some(self.options.gap_timeout.saturating_sub(since.elapsed()));
                }
            }
            let has_gap = wait.is_some();
            self.gap_opened.wait_for(wait, || {
                let stream = sync::lock(&self.stream);
                stream.closed || stream.gap_since.is_some() != has_gap
            });
        }
    }

    /// Releases what is next; gives gaps up that are too old or that too much is held behind.
    fn settle_gaps(&self, stream: &mut Stream<E>) -> Result<(), SourcePublishError> {
        loop {
            stream.release_ready()?;
            let Some((first, last)) = stream.hold.gap() else {
                if stream.gap_since.take().is_some() {
                    self.gap_opened.notify();
                }
                return Ok(());
            };
            let Some(since) = stream.gap_since else {
                stream.gap_since = Some(Moment::now());
                self.gap_opened.notify();
                continue;
            };
            let give_up = stream.hold.len() > self.options.held_events_max
                || stream.held_bytes > self.options.held_bytes_max
                || since.elapsed() >= self.options.gap_timeout;
            if !give_up {
                return Ok(());
            }
            tracing::warn!(
                source = stream.lease.name,
                first,
                last,
                "gave up waiting for these numbers: journaled as skipped"
            );
            stream.skip(first, last)?;
            // The next gap, if any, opens now.
            stream.gap_since = None;
        }
    }
}

impl<E: Event> Stream<E> {
    fn take(&mut self, number: u64, event: &E) -> Result<ContiguousReceipt, SourcePublishError> {
        if self.closed {
            return Err(PublishError::Closed.into());
        }
        if skipped_up_to(&self.lease.known.skipped, number).is_some() {
            return Err(self.late(number));
        }
        match self.hold.place(number, number) {
            Place::Next => {
                let stamp = self.stamp(number);
                let settles = self.publisher.publish_from(event, stamp)?.settles();
                self.went_on(number, &settles);
                Ok(ContiguousReceipt::published(&settles))
            }
            Place::AfterGap => {
                let stamped = self.publisher.stamp(event)?;
                self.held_bytes += stamped.frame.len();
                let slot = Arc::new(HeldSlot::default());
                self.hold
                    .hold(number, number, Item::Event(stamped, Arc::clone(&slot)));
                Ok(ContiguousReceipt::held(slot))
            }
            Place::Waiting => match self.hold.get(number) {
                Some(Item::Event(_, slot)) => {
                    self.duplicates += 1;
                    Ok(ContiguousReceipt::held(Arc::clone(slot)))
                }
                // It lies in a declared gap.
                _ => Err(self.late(number)),
            },
            Place::Behind => {
                let skipped = &self.lease.known.skipped;
                if skipped
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&number))
                {
                    return Err(self.late(number));
                }
                // The original went through this handle, or was settled before it was opened. So
                // it is settled when everything that this handle published there is.
                self.duplicates += 1;
                let partition = partition_of(event.key(), self.publisher.partitions());
                self.publisher.count_duplicate(partition);
                let position = self.positions.get(partition as usize).copied().unwrap_or(0);
                Ok(ContiguousReceipt::published(
                    &self.publisher.settles(partition, position),
                ))
            }
        }
    }

    fn late(&mut self, number: u64) -> SourcePublishError {
        self.late += 1;
        SourcePublishError::Late { number }
    }

    /// Publishes everything that waited and is next now.
    fn release_ready(&mut self) -> Result<(), SourcePublishError> {
        loop {
            // A gap that an earlier handle gave up, or that was declared twice.
            if let Some(last) = skipped_up_to(&self.lease.known.skipped, self.hold.next()) {
                self.hold.advance_past(last);
                continue;
            }
            let Some((first, last, item)) = self.hold.take_next() else {
                return Ok(());
            };
            match item {
                Item::Declared => self.skip(first, last)?,
                Item::Event(mut stamped, slot) => {
                    self.held_bytes -= stamped.frame.len();
                    let stamp = self.stamp(first);
                    let released = self.publisher.release(&mut stamped, stamp);
                    match released.map(|receipt| receipt.settles()) {
                        Ok(settles) => {
                            self.went_on(first, &settles);
                            slot.release(settles);
                        }
                        Err(error) => {
                            slot.fail(match &error {
                                PublishError::Poisoned(poison) => {
                                    HeldError::Poisoned(poison.clone())
                                }
                                _ => HeldError::Closed,
                            });
                            return Err(error.into());
                        }
                    }
                }
            }
        }
    }

    /// Journals that the numbers will not come, durably, before anything behind them goes on: after
    /// a crash a number of the gap would otherwise pass for a duplicate of what follows it.
    fn skip(&mut self, first: u64, last: u64) -> Result<(), SourcePublishError> {
        if self.lease.known.skipped.len() >= GAPS_MAX {
            return Err(SourcePublishError::TooManyGaps { max: GAPS_MAX });
        }
        let source_id = self.lease.known.source_id;
        let mut record = control(KIND_SOURCE_SKIPPED, source_id, 0);
        record.source_number = first;
        record.key = last;
        let partition = partition_of(u64::from(source_id), self.publisher.partitions());
        self.publisher
            .publish_control(partition, record, &[])?
            .wait()?;
        self.lease.known.skipped.push((first, last));
        self.hold.advance_past(last);
        Ok(())
    }

    fn stamp(&self, number: u64) -> SourceStamp {
        let lag = number - (self.lease.known.settled_number + 1).min(number);
        SourceStamp {
            source_id: self.lease.known.source_id,
            number,
            // Too large a lag only resumes earlier.
            lag: u32::try_from(lag).unwrap_or(u32::MAX),
        }
    }

    fn went_on(&mut self, number: u64, settles: &Settles) {
        self.hold.advance_past(number);
        if let Some(position) = self.positions.get_mut(settles.gate.partition as usize) {
            *position = settles.position;
        }
        self.lease.known.last_number = self.lease.known.last_number.max(number);
        self.since_checkpoint += 1;
        if self.since_checkpoint >= CHECKPOINT_INTERVAL {
            self.since_checkpoint = 0;
            self.look_at_checkpoint();
        }
    }

    /// Learns how far the stream is settled, so that frames carry it and a restart resumes there.
    fn look_at_checkpoint(&mut self) {
        if let Some(checkpoint) = &self.checkpoint {
            if !checkpoint.settles.iter().all(Settles::is_settled) {
                return;
            }
            self.lease.known.settled_number = checkpoint.number;
        }
        let publisher = &self.publisher;
        let settles = (0..)
            .zip(&self.positions)
            .map(|(partition, position)| publisher.settles(partition, *position))
            .collect();
        self.checkpoint = Some(Checkpoint {
            number: self.hold.next() - 1,
            settles,
        });
    }
}
