//! The events that a command leads to, on their way into the group.
#![forbid(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use super::CommandFailure;
use crate::event::{Archiver, Event, archive_event};
use crate::journal::FrameTimes;
use crate::journal::format::{FrameHeader, frame_bytes};
use crate::routing::partition_of;

/// What [`Decider::decide`](super::Decider::decide) pushes events to.
#[derive(Debug)]
pub struct Events<E> {
    archiver: Archiver,
    /// Where the archiver keeps the records.
    records: Vec<Range<usize>>,
    /// Bytes that they take in a group.
    bytes: usize,
    bytes_max: usize,
    partition: u32,
    partitions: u32,
    times: FrameTimes,
    failure: Option<CommandFailure>,
    _event: PhantomData<fn(&E)>,
}

impl<E: Event> Events<E> {
    /// For the commands of one partition of as many, whose groups have room for `bytes_max`.
    pub(crate) fn new(partition: u32, partitions: u32, bytes_max: usize) -> Self {
        Self {
            archiver: crate::event::record_archiver(),
            records: Vec::new(),
            bytes: 0,
            bytes_max,
            partition,
            partitions,
            times: FrameTimes::default(),
            failure: None,
            _event: PhantomData,
        }
    }

    /// Adds an event. They happen in this order, all of them or, when the command is rejected or one of
    /// them cannot be taken, none.
    ///
    /// An event that cannot be archived, that belongs to another partition, or that no longer fits into
    /// a group fails the command: whoever sent it gets a
    /// [`CommandFailure`], and what `decide` returns is dropped.
    ///
    /// # Panics
    ///
    /// Those of the event's own `Serialize`.
    #[inline]
    pub fn push(&mut self, event: impl Into<E>) {
        if self.failure.is_none()
            && let Err(failure) = self.take(&event.into())
        {
            self.failure = Some(failure);
        }
    }

    /// How many events were pushed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// When the partition took the command, in nanoseconds since the Unix epoch: the journal time that
    /// the events get. The only clock that `decide` should look at: under `sim` it is simulated.
    #[must_use]
    pub fn journal_time_ns(&self) -> u64 {
        self.times.journal_ns
    }

    #[inline]
    fn take(&mut self, event: &E) -> Result<(), CommandFailure> {
        let key = archive_event(&mut self.archiver, event).map_err(|error| {
            let message = error.to_string().into();
            CommandFailure::NotArchived { message }
        })?;
        if self.partitions > 1 && partition_of(key, self.partitions) != self.partition {
            return Err(CommandFailure::KeyElsewhere { key });
        }
        self.bytes += frame_bytes(self.archiver.archived().len());
        if self.bytes > self.bytes_max {
            return Err(CommandFailure::TooManyEvents {
                bytes_max: self.bytes_max as u64,
            });
        }
        self.records
            .push(self.archiver.keep(FrameHeader::RECORD_BYTES));
        Ok(())
    }

    /// Begins anew, for a command that was taken at this time.
    #[inline]
    pub(crate) fn start(&mut self, times: FrameTimes) {
        self.times = times;
        self.clear();
        self.failure = None;
    }

    /// Forgets the events.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.archiver.forget_kept();
        self.records.clear();
        self.bytes = 0;
    }

    /// Why the command fails, if it does.
    pub(crate) fn take_failure(&mut self) -> Option<CommandFailure> {
        self.failure.take()
    }

    /// Bytes that the events take in a group.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The events as records of the ring.
    #[inline]
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().map(|range| self.archiver.kept(range))
    }
}
