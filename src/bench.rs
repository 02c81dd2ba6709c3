//! What `benches/` measure and the public interface does not reach. No API: it may change or go at
//! any time, without a new version.
//!
//! This module exists with the feature `bench-internals` only. It adds nothing: each type holds the
//! crate's own and hands every call through.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::missing_panics_doc)]

use crate::client::{Client, ClientError};
use crate::command::{Commands, Decider};
use crate::event::{Event, State};
use crate::idle::Signal;
use crate::journal::format::{self, FrameHeader, GroupStamp};
use crate::journal::{FrameTimes, GroupBuffer};
use crate::partition::{CommandDesk, Gate, Mailbox, Partition, Resumed};
use crate::pipeline::{Publisher, record_of};
use crate::sync::Arc;
use crate::{ring, watermark};

/// The journal's checksum.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    format::checksum(bytes)
}

#[derive(Debug)]
pub struct Watermark(watermark::Watermark);

impl Watermark {
    #[must_use]
    pub fn new(value: u64) -> Self {
        Self(watermark::Watermark::new(value))
    }

    pub fn advance(&self, to: u64) -> bool {
        self.0.advance(to)
    }

    /// Parks until the watermark is there.
    pub fn wait(&self, target: u64) {
        self.0.wait(target).expect("nobody fails it");
    }
}

/// The event as a publisher puts it into the ring.
#[must_use]
pub fn record<E: Event>(event: &E) -> Vec<u8> {
    let mut archiver = Publisher::<E>::new_archiver();
    Publisher::prepare(&mut archiver, event, 1).expect("the event can be archived");
    record_of(&archiver).to_vec()
}

/// The group that a partition gathers frames in.
#[derive(Debug)]
pub struct Group(GroupBuffer);

impl Group {
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(GroupBuffer::new(bytes))
    }

    #[must_use]
    pub fn room(&self) -> usize {
        self.0.room()
    }

    /// Appends a record as a partition does that found it in the ring.
    pub fn append(&mut self, record: &[u8]) -> usize {
        FrameHeader::read_record(record).expect("a whole record");
        self.0.append_record(record, FrameTimes::default())
    }

    /// The blocks that the journal would write.
    pub fn seal(&mut self) -> &[u8] {
        let events = self.0.events();
        self.0.seal(&GroupStamp {
            durability: 0,
            partition: 0,
            first_sequence: 1,
            group: 1,
            synced_group: 0,
            salt: 1,
            position: 4096,
            events,
        })
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A pipeline of one partition without a journal and without a thread: who calls
/// [`step`](Self::step) is the partition's.
#[derive(Debug)]
pub struct InMemory<S: State> {
    partition: Partition<S>,
    publisher: Publisher<S::Event>,
    commands: Arc<Commands<S>>,
}

impl<S: State> InMemory<S> {
    #[must_use]
    pub fn new(ring_slots: usize, group_bytes: usize, state: S) -> Self {
        let gate = Arc::new(Gate::new(0, Arc::new(Signal::new()), 0));
        let (publisher, poller) = ring::ring(ring_slots);
        let rings = vec![publisher.clone()];
        let commands = Arc::new(Commands::default());
        Self {
            partition: Partition::new(
                Arc::clone(&gate),
                Arc::new(Mailbox::new()),
                (publisher, poller),
                None,
                group_bytes,
                CommandDesk::new(Arc::clone(&commands), 1),
                Resumed::fresh(state),
            ),
            publisher: Publisher::new(Arc::from([gate]), rings),
            commands,
        }
    }

    /// It must not be made to wait: nobody would make room.
    #[must_use]
    pub fn publisher(&self) -> &Publisher<S::Event> {
        &self.publisher
    }

    pub fn step(&mut self) -> bool {
        self.partition.step()
    }

    /// It must not be made to wait either.
    pub fn client(&self, pending_max: usize) -> Result<Client<S>, ClientError>
    where
        S: Decider,
    {
        Client::new(self.publisher.clone(), &self.commands, pending_max)
    }
}
