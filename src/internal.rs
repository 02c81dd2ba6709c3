//! What the models in `loom-tests/` explore: the crate's concurrent parts, within reach.
//!
//! This module exists under `cfg(loom)` only. It adds nothing: each type holds the crate's own and
//! hands every call through.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::missing_errors_doc, clippy::new_without_default)]

mod journal;

use std::task::{Context, Poll};

pub use self::journal::{BLOCK_BYTES, Journal, Journaler, PATH, Preparer, Snapshotter, Writer};
pub use crate::partition::Poison;
use crate::sync::Arc;
use crate::{idle, partition, ring, watermark};

/// Makes a type that hands its methods through to the crate's own.
macro_rules! reach {
    ($name:ident($inner:ty) { $(fn $method:ident($($argument:ident: $type:ty),*) $(-> $out:ty)?;)* }) => {
        #[derive(Debug)]
        pub struct $name($inner);

        impl $name {
            $(
                pub fn $method(&self, $($argument: $type),*) $(-> $out)? {
                    self.0.$method($($argument),*)
                }
            )*
        }
    };
}

reach!(Signal(Arc<idle::Signal>) {
    fn notify();
    fn wait_until(ready: impl FnMut() -> bool);
});

impl Signal {
    pub fn new() -> Self {
        Self(Arc::new(idle::Signal::new()))
    }
}

/// The watermark failed before it reached the awaited value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

pub type Place = (u64, u64);

reach!(Watermark(watermark::Watermark) {
    fn get() -> u64;
    fn advance(to: u64) -> bool;
    fn fail() -> bool;
    fn run_wakers();
    fn has_wakers_due() -> bool;
    fn forget(place: Place);
});

impl Watermark {
    pub fn new(value: u64) -> Self {
        Self(watermark::Watermark::new(value))
    }

    pub fn wait(&self, target: u64) -> Result<(), Failed> {
        self.0.wait(target).map_err(|_| Failed)
    }

    pub fn check(&self, target: u64) -> Poll<Result<(), Failed>> {
        self.0.check(target).map_err(|_| Failed)
    }

    pub fn poll(
        &self,
        target: u64,
        place: &mut Option<Place>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        self.0.poll(target, place, context).map_err(|_| Failed)
    }
}

/// One of a partition's buffers, told apart by the position that it settles.
#[derive(Debug)]
pub struct Group(crate::journal::GroupBuffer);

impl Group {
    pub fn new() -> Self {
        Self(crate::journal::GroupBuffer::new(0))
    }

    pub fn settles(mut self, position: u64) -> Self {
        self.0.settles_position = position;
        self
    }

    pub fn settles_position(&self) -> u64 {
        self.0.settles_position
    }
}

/// Buffers per partition under loom.
pub const BUFFERS: usize = partition::BUFFERS;

reach!(Exchange(Arc<partition::Exchange>) {
    fn has_empty() -> bool;
    fn end();
    fn is_drained() -> bool;
});

impl Exchange {
    pub fn new() -> Self {
        Self(Arc::new(partition::Exchange::new()))
    }

    pub fn hand_over(&self, group: Group) {
        self.0.hand_over(group.0);
    }

    pub fn take_empty(&self) -> Option<Group> {
        self.0.take_empty().map(Group)
    }

    pub fn take_full(&self) -> Option<Group> {
        self.0.take_full().map(Group)
    }

    pub fn wait(&self) {
        self.0.wait(None);
    }

    pub fn give_back(&self, group: Group) {
        self.0.give_back(group.0);
    }
}

/// The partition has no state to show any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoState;

#[derive(Debug)]
pub struct Mailbox<S>(partition::Mailbox<S>);

impl<S> Mailbox<S> {
    pub fn new() -> Self {
        Self(partition::Mailbox::new())
    }

    pub fn visit<R: Send>(
        &self,
        worker: &Signal,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<(R, u64), NoState> {
        self.0.visit(&worker.0, 0, look).map_err(|_| NoState)
    }

    pub fn has_visits(&self) -> bool {
        self.0.has_visits()
    }

    pub fn serve(&self, state: &S, sequence: u64) {
        self.0.serve(0, state, sequence);
    }

    pub fn turn_away(&self) {
        self.0.turn_away();
    }

    pub fn close(&self) {
        self.0.close();
    }
}

/// What a publisher is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Closed,
    Poisoned,
}

reach!(Gate(Arc<partition::Gate>) {
    fn start_closing();
    fn finish_closing();
    fn is_closing() -> bool;
    fn poison(poison: Poison);
    fn fail_receipts(poison: Poison);
});

impl Gate {
    pub fn new(worker: &Signal) -> Self {
        Self(Arc::new(partition::Gate::new(0, Arc::clone(&worker.0), 0)))
    }

    pub fn check_open(&self) -> Result<(), Refused> {
        self.0.check_open().map_err(|refusal| match refusal {
            partition::Refusal::Closed => Refused::Closed,
            partition::Refusal::Poisoned(_) => Refused::Poisoned,
        })
    }

    pub fn has_receipt_poison(&self) -> bool {
        self.0.receipt_poison().is_some()
    }

    pub fn wait_for_space(&self, ready: impl FnMut() -> bool) {
        self.0.space.wait_until(ready);
    }

    pub fn wait_settled(&self, position: u64) -> Result<(), Failed> {
        self.0.settled.wait(position).map_err(|_| Failed)
    }

    pub fn settle(&self, position: u64) {
        self.0.settled.advance(position);
    }
}

/// A client's places for answers.
#[derive(Debug)]
pub struct Replies<T>(crate::command::ReplyRing<T>);

impl<T> Replies<T> {
    pub fn new(places: usize) -> Self {
        Self(crate::command::ReplyRing::new(places))
    }

    pub fn claim(&self, place: usize) -> bool {
        self.0.claim(place)
    }

    pub fn answer(&self, place: usize, answer: T) {
        self.0.answer(place, answer);
    }

    pub fn take(&self, place: usize) -> Option<T> {
        self.0.take(place)
    }

    pub fn release(&self, place: usize) {
        self.0.release(place);
    }
}

pub const SLOT_BYTES: usize = ring::SLOT_BYTES;

/// The ring, rolled to where its next record has position `first`, as if as many had been read.
pub fn ring(slots: usize, first: u64) -> (RingPublisher, RingPoller) {
    let (mut publisher, mut poller) = ring::ring(slots);
    for position in 1..first {
        assert_eq!(publisher.try_publish(&[0]), Ok(position));
        assert_eq!(poller.poll(1, |_, _| {}), 1);
    }
    (RingPublisher(publisher), RingPoller(poller))
}

#[derive(Debug, Clone)]
pub struct RingPublisher(ring::RingPublisher);

impl RingPublisher {
    /// The record's position; `None` where the ring is full.
    pub fn try_publish(&mut self, record: &[u8]) -> Option<u64> {
        self.0.try_publish(record).ok()
    }

    /// The last record's position; `None` where the ring has no room for all of them.
    pub fn try_publish_all(&mut self, records: &[&[u8]]) -> Option<u64> {
        let slots = records.iter().map(|record| ring::slots_for(record.len()));
        let slots = slots.sum();
        self.0.try_publish_all(records.iter().copied(), slots).ok()
    }

    pub fn try_seal(&mut self) -> bool {
        self.0.try_seal()
    }
}

#[derive(Debug)]
pub struct RingPoller(ring::RingPoller);

impl RingPoller {
    pub fn poll(&mut self, slots_max: u64, on_record: impl FnMut(u64, &[u8])) -> u64 {
        self.0.poll(slots_max, on_record)
    }

    pub fn has_records(&self) -> bool {
        self.0.has_records()
    }
}
