//! What a contiguous source keeps under its lock: the order of the stream.

use super::contiguous::ContiguousOptions;
use super::hold::{Hold, Place};
use super::ranges::RangeSet;
use super::receipt::{Fate, HeldSlot};
use super::registry::Lease;
use super::table::GAPS_MAX;
use super::{ContiguousReceipt, HeldError, SourcePublishError};
use crate::clock::Moment;
use crate::event::{Archiver, Event, SourceStamp};
use crate::journal::format::{FrameHeader, KIND_SOURCE_SKIPPED};
use crate::pipeline::{PublishError, Publisher, Settles, record_of, record_of_mut};
use crate::routing::partition_of;
use crate::sync::Arc;

/// Numbers between two looks at the checkpoint.
const CHECKPOINT_INTERVAL: u32 = 256;

/// The stream behind a contiguous source. Nothing of the user's runs in here: events come archived,
/// and fates are told by whoever holds the lock, after releasing it.
pub(crate) struct Stream<E: Event> {
    publisher: Publisher<E>,
    pub(crate) lease: Lease,
    hold: Hold<Item>,
    held_events: usize,
    held_bytes: usize,
    /// The first number of the gap that is open, and since when.
    gap: Option<(u64, Moment)>,
    /// The last position published to each partition: where duplicates settle.
    positions: Vec<u64>,
    checkpoint: Option<Checkpoint>,
    since_checkpoint: u32,
    /// Fates to be told once the lock is released.
    told: Vec<(Arc<HeldSlot>, Fate)>,
}

/// When all of these have settled, so has every number up to `number`.
struct Checkpoint {
    number: u64,
    settles: Vec<Settles>,
}

enum Item {
    Event {
        partition: u32,
        record: Box<[u8]>,
        slot: Arc<HeldSlot>,
    },
    /// The sender declared that these numbers will not come.
    Declared,
}

impl<E: Event> Stream<E> {
    pub(crate) fn new(publisher: Publisher<E>, mut lease: Lease, resume_at: u64) -> Self {
        let known = &mut lease.known;
        let resume_point = known.settled_number + 1;
        let resume_point = known
            .skipped
            .end_of(resume_point)
            .map_or(resume_point, |last| last + 1);
        let next = resume_point.max(resume_at);
        // The sender says that everything before is settled, or not its concern.
        known.settled_number = known.settled_number.max(next - 1);
        let positions = vec![0; publisher.partitions() as usize];
        Self {
            publisher,
            lease,
            hold: Hold::new(next),
            held_events: 0,
            held_bytes: 0,
            gap: None,
            positions,
            checkpoint: None,
            since_checkpoint: 0,
            told: Vec::new(),
        }
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.hold.next()
    }

    pub(crate) fn held(&self) -> (usize, usize) {
        (self.held_events, self.held_bytes)
    }

    /// Since when a gap is open that something waits behind.
    pub(crate) fn gap_since(&self) -> Option<Moment> {
        self.gap.map(|(_, since)| since)
    }

    pub(crate) fn take_told(&mut self) -> Vec<(Arc<HeldSlot>, Fate)> {
        std::mem::take(&mut self.told)
    }

    /// Takes an archived event: publishes it if it is next, holds it behind a gap, or recognizes it.
    pub(crate) fn take(
        &mut self,
        number: u64,
        partition: u32,
        archiver: &mut Archiver,
        options: &ContiguousOptions,
    ) -> Result<Taken, SourcePublishError> {
        loop {
            if self.lease.known.skipped.end_of(number).is_some() {
                return Err(SourcePublishError::Late { number });
            }
            return match self.hold.place(number, number) {
                Place::Next => {
                    let stamp = self.stamp(number);
                    let settles = self
                        .publisher
                        .publish_prepared(partition, record_of_mut(archiver), stamp)?
                        .settles();
                    self.went_on(number, &settles);
                    Ok(Taken::New(ContiguousReceipt::published(&settles)))
                }
                Place::AfterGap => {
                    let bytes = record_of(archiver).len();
                    let too_much = self.held_events >= options.held_events_max
                        || self.held_bytes + bytes > options.held_bytes_max;
                    // The limits are kept before anything more is held; a gap that cannot be given
                    // up refuses the event.
                    if too_much && self.held_events > 0 {
                        self.give_up_gap()?;
                        self.release_ready()?;
                        continue;
                    }
                    let slot = Arc::new(HeldSlot::default());
                    let record = record_of(archiver).into();
                    let item = Item::Event {
                        partition,
                        record,
                        slot: Arc::clone(&slot),
                    };
                    self.hold.hold(number, number, item);
                    self.held_events += 1;
                    self.held_bytes += bytes;
                    Ok(Taken::New(ContiguousReceipt::held(slot)))
                }
                Place::Waiting => match self.hold.get(number) {
                    Some(Item::Event { slot, .. }) => {
                        Ok(Taken::Duplicate(ContiguousReceipt::held(Arc::clone(slot))))
                    }
                    // It lies in a declared gap.
                    _ => Err(SourcePublishError::Late { number }),
                },
                Place::Behind => {
                    // The original went through this handle, or was settled before it was opened.
                    // So it is settled when everything that this handle published there is.
                    self.publisher.count_duplicate(partition);
                    let position = self.positions.get(partition as usize).copied().unwrap_or(0);
                    let settles = self.publisher.settles(partition, position);
                    Ok(Taken::Duplicate(ContiguousReceipt::published(&settles)))
                }
            };
        }
    }

    /// Notes that these numbers will not come; those that are skipped already are left out.
    pub(crate) fn declare(&mut self, first: u64, last: u64) -> Result<(), SourcePublishError> {
        let missing = self.lease.known.skipped.missing(first, last);
        let is_free = |(first, last): &(u64, u64)| {
            matches!(
                self.hold.place(*first, *last),
                Place::Next | Place::AfterGap
            )
        };
        if !missing.iter().all(is_free) {
            let last = self.hold.next() - 1;
            return Err(SourcePublishError::OutOfOrder {
                number: first,
                last,
            });
        }
        if self.lease.known.skipped.len() + self.hold.len() + missing.len()
            > GAPS_MAX + self.held_events
        {
            return Err(SourcePublishError::TooManyGaps { max: GAPS_MAX });
        }
        for (first, last) in missing {
            self.hold.hold(first, last, Item::Declared);
        }
        Ok(())
    }

    /// Releases what is next, and gives gaps up that have been open too long.
    pub(crate) fn settle(&mut self, options: &ContiguousOptions) -> Result<(), SourcePublishError> {
        loop {
            self.release_ready()?;
            // A gap that only declared gaps lie behind holds nobody up.
            let open = self.hold.gap().filter(|_| self.held_events > 0);
            let Some((first, _)) = open else {
                self.gap = None;
                return Ok(());
            };
            let since = match self.gap {
                // A stream that makes progress is in another gap: the time starts again.
                Some((same, since)) if same == first => since,
                _ => {
                    let since = Moment::now();
                    self.gap = Some((first, since));
                    since
                }
            };
            if since.elapsed() < options.gap_timeout {
                return Ok(());
            }
            self.give_up_gap()?;
        }
    }

    /// Ends the stream: what is held will not be published.
    pub(crate) fn fail_held(&mut self) {
        for item in self.hold.take_all() {
            if let Item::Event { slot, .. } = item {
                self.told.push((slot, Fate::Failed(HeldError::Closed)));
            }
        }
        (self.held_events, self.held_bytes) = (0, 0);
        self.gap = None;
    }

    fn give_up_gap(&mut self) -> Result<(), SourcePublishError> {
        let Some((first, last)) = self.hold.gap() else {
            return Ok(());
        };
        tracing::warn!(
            source = self.lease.name,
            first,
            last,
            "gave up waiting for these numbers: journaled as skipped"
        );
        self.skip(first, last)
    }

    /// Publishes everything that waited and is next now.
    fn release_ready(&mut self) -> Result<(), SourcePublishError> {
        loop {
            // A gap that an earlier handle gave up.
            if let Some(last) = self.lease.known.skipped.end_of(self.hold.next()) {
                self.hold.advance_past(last);
                continue;
            }
            let Some((first, last, item)) = self.hold.take_next() else {
                return Ok(());
            };
            match item {
                Item::Declared => {
                    if let Err(error) = self.skip(first, last) {
                        self.hold.hold(first, last, Item::Declared);
                        return Err(error);
                    }
                }
                Item::Event {
                    partition,
                    mut record,
                    slot,
                } => {
                    self.held_events -= 1;
                    self.held_bytes -= record.len();
                    let stamp = self.stamp(first);
                    let published = self
                        .publisher
                        .publish_prepared(partition, &mut record, stamp);
                    match published.map(|receipt| receipt.settles()) {
                        Ok(settles) => {
                            self.went_on(first, &settles);
                            self.told.push((slot, Fate::Released(settles)));
                        }
                        Err(error) => {
                            let fate = match &error {
                                PublishError::Poisoned(poison) => {
                                    HeldError::Poisoned(poison.clone())
                                }
                                _ => HeldError::Closed,
                            };
                            self.told.push((slot, Fate::Failed(fate)));
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
        let mut record = FrameHeader::control(KIND_SOURCE_SKIPPED, source_id, 0);
        record.source_number = first;
        record.key = last;
        let partition = partition_of(u64::from(source_id), self.publisher.partitions());
        self.publisher
            .publish_control(partition, record, &[])?
            .wait()?;
        self.lease.known.skipped.insert(first, last);
        self.hold.advance_past(last);
        Ok(())
    }

    fn stamp(&self, number: u64) -> SourceStamp {
        let lag = number - (self.lease.known.settled_number + 1).min(number);
        SourceStamp {
            source_id: self.lease.known.source_id,
            number,
            // Too large a lag is `LAG_UNKNOWN`: the restart then resumes where an earlier frame said.
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
            let known = &mut self.lease.known;
            known.settled_number = known.settled_number.max(checkpoint.number);
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

    /// Every gap that was given up or declared.
    pub(crate) fn skipped(&self) -> &RangeSet {
        &self.lease.known.skipped
    }
}

/// What became of an event that was taken.
pub(crate) enum Taken {
    New(ContiguousReceipt),
    Duplicate(ContiguousReceipt),
}
