//! The publishing end: archive, validate, route, copy into the ring.

use std::borrow::Borrow;
use std::cell::{RefCell, RefMut};
use std::marker::PhantomData;
use std::ops::Range;
use std::task::Poll;

use super::{BatchReceipt, PublishAllError, PublishError, Receipt, Settles};
use crate::callback;
use crate::event::{Archiver, Event, SourceStamp, archive_stamped, record_archiver};
use crate::journal::format::FrameHeader;
use crate::partition::Gate;
use crate::ring::{RingFull, RingPublisher, slots_for};
use crate::routing::partition_of;
use crate::sync::Arc;

/// Publishes events. One per thread: `Send` and `Clone`, not `Sync`.
///
/// Publishing archives the event into memory of its own, validates it there, and copies it into
/// the ring of its key's partition. In steady state it neither allocates, locks, nor makes a system
/// call, except to wake a thread that sleeps and to wait for room. (The receipt of a batch that goes
/// to more than four partitions takes memory.)
#[derive(Debug)]
pub struct Publisher<E> {
    gates: Arc<[Arc<Gate>]>,
    /// Borrowed for the length of a call: only the user's code that runs in one finds it taken, an
    /// event's `Serialize` or the iterator of a batch.
    scratch: RefCell<Scratch>,
    _event: PhantomData<fn(&E)>,
}

#[derive(Debug)]
struct Scratch {
    archiver: Archiver,
    lanes: Vec<Lane>,
}

/// The way to one partition.
#[derive(Debug)]
struct Lane {
    ring: RingPublisher,
    /// Where the archiver keeps records of [`Publisher::publish_all`] that are not in the ring yet.
    batch: Vec<Range<usize>>,
    /// How many slots they will take.
    batch_slots: usize,
    /// Where the last record of the current `publish_all` is; 0 where there is none.
    position: u64,
}

/// Slots that [`Publisher::publish_all`] gathers: enough to share the cost of a claim, few enough for
/// the partitions to begin while the next ones are being archived.
pub(super) const BATCH_SLOTS: usize = 64;

/// What to do while a ring has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Wait,
    Refuse,
}

impl<E: Event> Publisher<E> {
    pub(crate) fn new(gates: Arc<[Arc<Gate>]>, rings: Vec<RingPublisher>) -> Self {
        let archiver = Self::new_archiver();
        Self {
            gates,
            scratch: RefCell::new(Scratch {
                archiver,
                lanes: rings.into_iter().map(Lane::new).collect(),
            }),
            _event: PhantomData,
        }
    }

    /// Hands the event to its key's partition; waits while that has no room.
    ///
    /// `Ok` means taken: it will be numbered, applied and journaled after every event that this
    /// publisher published before to the same partition. It is durable when the receipt says so.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing was published then.
    #[inline]
    pub fn publish(&self, event: &E) -> Result<Receipt<'_>, PublishError> {
        self.publish_stamped(event, SourceStamp::default(), WhenFull::Wait)
    }

    /// As [`publish`](Self::publish), but never waits.
    ///
    /// # Errors
    ///
    /// [`PublishError::Full`] where `publish` would wait; otherwise as there.
    #[inline]
    pub fn try_publish(&self, event: &E) -> Result<Receipt<'_>, PublishError> {
        self.publish_stamped(event, SourceStamp::default(), WhenFull::Refuse)
    }

    /// Publishes the events in order, many at a time: cheaper than one by one. Waits while a partition
    /// has no room.
    ///
    /// `Ok` means what it means for [`publish`](Self::publish), for each of them. The batch is no
    /// transaction: other publishers' events come in between, and a crash may cut it anywhere.
    ///
    /// Up to 64 events are gathered before they are published: an iterator that waits, as one of a
    /// channel does, holds them back meanwhile. It must not use this publisher, which would answer
    /// `WouldDeadlock`.
    ///
    /// # Errors
    ///
    /// [`PublishAllError`], which says how many were taken, and has the receipt of those.
    ///
    /// # Panics
    ///
    /// Those of the iterator and of an event's own `Serialize`. What was gathered then is not
    /// published; what was published before stays so.
    pub fn publish_all<I>(&self, events: I) -> Result<BatchReceipt<'_>, PublishAllError>
    where
        I: IntoIterator<Item: Borrow<E>>,
    {
        if callback::is_inside() {
            return Err(PublishAllError::none(PublishError::WouldDeadlock));
        }
        let mut scratch = self.scratch().map_err(PublishAllError::none)?;
        let Scratch { archiver, lanes } = &mut *scratch;
        // Also what an iterator that panicked has left behind.
        archiver.forget_kept();
        lanes.iter_mut().for_each(Lane::reset);
        let (mut published, mut slots) = (0, 0);
        let outcome = events.into_iter().try_for_each(|event| {
            let stamp = SourceStamp::default();
            let partition = archive(archiver, event.borrow(), stamp, self.partitions())?;
            let record = archiver.keep(FrameHeader::RECORD_BYTES);
            slots += lanes[partition as usize].gather(record);
            if slots < BATCH_SLOTS {
                return Ok(());
            }
            slots = 0;
            let flushed = self.flush(lanes, archiver, &mut published);
            archiver.forget_kept();
            flushed
        });
        let flushed = self.flush(lanes, archiver, &mut published);
        archiver.forget_kept();
        let outcome = outcome.and(flushed);
        let receipts = lanes.iter().zip(&*self.gates);
        let receipt: BatchReceipt<'_> = receipts
            .filter(|(lane, _)| lane.position != 0)
            .map(|(lane, gate)| Receipt::new(gate, lane.position))
            .collect();
        match outcome {
            Ok(()) => Ok(receipt),
            Err(cause) => Err(PublishAllError {
                published,
                receipt: Box::new(receipt.detach()),
                cause,
            }),
        }
    }

    /// Publishes what was gathered for each partition, also where another one refuses.
    fn flush(
        &self,
        lanes: &mut [Lane],
        archiver: &Archiver,
        published: &mut u64,
    ) -> Result<(), PublishError> {
        let mut outcome = Ok(());
        for (lane, gate) in lanes.iter_mut().zip(&*self.gates) {
            match lane.flush(gate, archiver) {
                Ok(records) => *published += records,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "at most PARTITIONS_MAX")]
        let partitions = self.gates.len() as u32;
        partitions
    }

    /// A receipt for `position` of `partition`.
    pub(crate) fn settles(&self, partition: u32, position: u64) -> Settles {
        Settles {
            gate: Arc::clone(&self.gates[partition as usize]),
            position,
        }
    }

    /// Counts a duplicate that its source recognized before it was routed.
    pub(crate) fn count_duplicate(&self, partition: u32) {
        self.gates[partition as usize].counters.duplicates.add(1);
    }

    /// An archiver for [`prepare`](Self::prepare).
    pub(crate) fn new_archiver() -> Archiver {
        record_archiver()
    }

    /// Archives an event with `archiver`, whose [record](record_of) may then be published with
    /// [`publish_prepared`](Self::publish_prepared); returns its partition. It runs the user's code, so a
    /// contiguous source calls it before it takes its lock.
    pub(crate) fn prepare(
        archiver: &mut Archiver,
        event: &E,
        partitions: u32,
    ) -> Result<u32, PublishError> {
        archive(archiver, event, SourceStamp::default(), partitions)
    }

    /// Publishes a prepared record, stamped with its source; waits for room.
    pub(crate) fn publish_prepared(
        &self,
        partition: u32,
        record: &mut [u8],
        stamp: SourceStamp,
    ) -> Result<Receipt<'_>, PublishError> {
        let mut scratch = self.scratch()?;
        let (mut header, _) = FrameHeader::read_record(record).expect("a record was prepared");
        header.source_id = stamp.source_id;
        header.source_number = stamp.number;
        header.source_lag = stamp.lag;
        record[..FrameHeader::RECORD_BYTES].copy_from_slice(header.as_record());
        self.send(&mut scratch.lanes, partition, record, WhenFull::Wait)
    }

    /// Publishes the record that `make` has the archiver hold, to the partition that it returns.
    #[inline]
    pub(crate) fn publish_made<X: From<PublishError>>(
        &self,
        when_full: WhenFull,
        make: impl FnOnce(&mut Archiver) -> Result<u32, X>,
    ) -> Result<Receipt<'_>, X> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        let mut scratch = self.scratch()?;
        let Scratch { archiver, lanes } = &mut *scratch;
        let partition = make(archiver)?;
        Ok(self.send(lanes, partition, record_of(archiver), when_full)?)
    }

    /// Publishes a record that was put together elsewhere.
    pub(crate) fn publish_whole(
        &self,
        partition: u32,
        record: &[u8],
        when_full: WhenFull,
    ) -> Result<Receipt<'_>, PublishError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock);
        }
        let mut scratch = self.scratch()?;
        self.send(&mut scratch.lanes, partition, record, when_full)
    }

    /// Whether a partition takes records at this moment.
    pub(crate) fn check_open(&self, partition: u32) -> Result<(), PublishError> {
        Ok(self.gates[partition as usize].check_open()?)
    }

    /// Whether a position of a partition will never settle.
    pub(crate) fn is_lost(&self, partition: u32, position: u64) -> bool {
        let gate = &self.gates[partition as usize];
        matches!(gate.settled.check(position), Poll::Ready(Err(_)))
    }

    /// Waits for a position of a partition to settle; `false` where it never will.
    pub(crate) fn wait_settled(&self, partition: u32, position: u64) -> bool {
        let gate = &self.gates[partition as usize];
        gate.settled.wait(position).is_ok()
    }

    /// Publishes a record of the engine's own to one partition.
    pub(crate) fn publish_control(
        &self,
        partition: u32,
        header: FrameHeader,
        body: &[u8],
    ) -> Result<Receipt<'_>, PublishError> {
        let record = [header.as_record(), body].concat();
        self.publish_whole(partition, &record, WhenFull::Wait)
    }

    /// Publishes the event with its source's stamp.
    #[inline]
    pub(crate) fn publish_stamped(
        &self,
        event: &E,
        stamp: SourceStamp,
        when_full: WhenFull,
    ) -> Result<Receipt<'_>, PublishError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock);
        }
        let mut scratch = self.scratch()?;
        let Scratch { archiver, lanes } = &mut *scratch;
        let partition = archive(archiver, event, stamp, self.partitions())?;
        self.send(lanes, partition, record_of(archiver), when_full)
    }

    /// The scratch memory; taken only while the user's code runs in a call.
    #[inline]
    fn scratch(&self) -> Result<RefMut<'_, Scratch>, PublishError> {
        self.scratch
            .try_borrow_mut()
            .map_err(|_| PublishError::WouldDeadlock)
    }

    #[inline(always)]
    fn send(
        &self,
        lanes: &mut [Lane],
        partition: u32,
        record: &[u8],
        when_full: WhenFull,
    ) -> Result<Receipt<'_>, PublishError> {
        let gate = &self.gates[partition as usize];
        let ring = &mut lanes[partition as usize].ring;
        let position = publish_record(gate, ring, record, when_full)?;
        Ok(Receipt::new(gate, position))
    }
}

impl Lane {
    fn new(ring: RingPublisher) -> Self {
        Self {
            ring,
            batch: Vec::with_capacity(BATCH_SLOTS),
            batch_slots: 0,
            position: 0,
        }
    }

    fn reset(&mut self) {
        self.batch.clear();
        self.batch_slots = 0;
        self.position = 0;
    }

    /// Adds a record to the batch; returns how many slots it will take.
    #[inline]
    fn gather(&mut self, record: Range<usize>) -> usize {
        let slots = slots_for(record.len());
        self.batch.push(record);
        self.batch_slots += slots;
        slots
    }

    /// Publishes the batch; returns how many records it held. Waits for room.
    fn flush(&mut self, gate: &Gate, archiver: &Archiver) -> Result<u64, PublishError> {
        let records = self.batch.len() as u64;
        if records == 0 {
            return Ok(0);
        }
        let (ring, batch, slots) = (&mut self.ring, &self.batch, self.batch_slots);
        let published = publish_with(gate, WhenFull::Wait, || {
            ring.try_publish_all(batch.iter().map(|range| archiver.kept(range)), slots)
        });
        // Also what was refused: the caller is told, and the next batch begins anew.
        self.batch.clear();
        self.batch_slots = 0;
        self.position = published?;
        Ok(records)
    }
}

/// The record of the event that was archived last.
#[inline]
pub(crate) fn record_of(archiver: &Archiver) -> &[u8] {
    archiver.record(FrameHeader::RECORD_BYTES)
}

/// As [`record_of`], to be stamped.
#[inline]
pub(crate) fn record_of_mut(archiver: &mut Archiver) -> &mut [u8] {
    archiver.record_mut(FrameHeader::RECORD_BYTES)
}

/// Archives the event as a record, and returns its partition.
#[inline(always)]
fn archive<E: Event>(
    archiver: &mut Archiver,
    event: &E,
    stamp: SourceStamp,
    partitions: u32,
) -> Result<u32, PublishError> {
    let key = archive_stamped(archiver, event, stamp)?;
    Ok(partition_of(key, partitions))
}

/// Publishes a record to a partition and wakes it; returns the record's ring position.
#[inline(always)]
pub(crate) fn publish_record(
    gate: &Gate,
    ring: &mut RingPublisher,
    record: &[u8],
    when_full: WhenFull,
) -> Result<u64, PublishError> {
    // Not by way of `publish_with`: the closure would be a call of its own, on the hottest path.
    gate.check_open()?;
    let position = match ring.try_publish(record) {
        Ok(position) => position,
        Err(RingFull) => wait_for_room(gate, when_full, || ring.try_publish(record))?,
    };
    gate.worker.notify();
    Ok(position)
}

#[inline]
fn publish_with(
    gate: &Gate,
    when_full: WhenFull,
    mut try_publish: impl FnMut() -> Result<u64, RingFull>,
) -> Result<u64, PublishError> {
    gate.check_open()?;
    let position = match try_publish() {
        Ok(position) => position,
        Err(RingFull) => wait_for_room(gate, when_full, try_publish)?,
    };
    gate.worker.notify();
    Ok(position)
}

#[cold]
fn wait_for_room(
    gate: &Gate,
    when_full: WhenFull,
    mut try_publish: impl FnMut() -> Result<u64, RingFull>,
) -> Result<u64, PublishError> {
    if when_full == WhenFull::Refuse {
        // A sealed ring is full for ever: that is not back-pressure.
        gate.check_open()?;
        return Err(PublishError::Full);
    }
    let mut outcome = Err(PublishError::Full);
    gate.space.wait_until(|| {
        outcome = match gate.check_open() {
            Err(refusal) => Err(refusal.into()),
            Ok(()) => try_publish().map_err(|RingFull| PublishError::Full),
        };
        !matches!(outcome, Err(PublishError::Full))
    });
    outcome
}

impl<E: Event> Clone for Publisher<E> {
    /// A publisher for another thread.
    ///
    /// # Panics
    ///
    /// When called from inside an event's own `Serialize` while this publisher archives it, or from
    /// the iterator of its [`publish_all`](Self::publish_all).
    fn clone(&self) -> Self {
        let scratch = self.scratch.borrow();
        let rings = scratch.lanes.iter().map(|lane| lane.ring.clone());
        Self::new(Arc::clone(&self.gates), rings.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_of_any_events_can_be_moved_to_another_thread() {
        fn is_send<T: Send>() {}
        fn for_any<E: Event>() {
            is_send::<Publisher<E>>();
            is_send::<Receipt<'static>>();
        }
        for_any::<crate::game::GameEvent>();
    }
}
