//! Appending for callers that decide outside: optimistic concurrency.

use std::borrow::Borrow;
use std::cell::RefCell;

use super::seat::Seat;
use super::send::PENDING_DEFAULT;
use super::{ClientError, CommandError, Pending, SendError};
use crate::EVENT_BYTES_MAX;
use crate::callback;
use crate::command::{AppendOutcome, Expected};
use crate::event::{Archiver, Event, State, archive_event, record_archiver};
use crate::journal::format::{ANY_VERSION, FrameHeader, KIND_APPEND, frame_bytes};
use crate::pipeline::{Pipeline, PublishError, Publisher, Shared, WhenFull};
use crate::routing::partition_of;

/// Appends events to a key where nobody else has since the caller looked. One per thread: `Send`, not
/// `Sync`.
///
/// The version of a key is how many events it has. Ask for it *before* you look at the state, decide,
/// and append with it: where another event came in between the append is a
/// [`Conflict`](AppendOutcome::Conflict), and nothing happened.
#[derive(Debug)]
pub struct Appender<E> {
    publisher: Publisher<E>,
    seat: Seat<AppendOutcome>,
    scratch: RefCell<Scratch>,
}

#[derive(Debug)]
struct Scratch {
    archiver: Archiver,
    /// A header, and the frames of the events behind it.
    record: Vec<u8>,
}

/// What sending comes to.
type Sent<'a> = Result<Pending<'a, AppendOutcome>, SendError>;

impl<S: State> Pipeline<S> {
    /// An appender for one thread.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoKeyVersions`] where the state does not ask for versions, or
    /// [`ClientError::TooManyClients`].
    pub fn appender(&self) -> Result<Appender<S::Event>, ClientError> {
        Appender::new(self.shared())
    }
}

impl<E: Event> Appender<E> {
    pub(crate) fn new<S: State<Event = E>>(shared: &Shared<S>) -> Result<Self, ClientError> {
        if S::KEY_VERSIONS_MAX == 0 {
            return Err(ClientError::NoKeyVersions);
        }
        Ok(Self {
            publisher: shared.publisher(),
            seat: Seat::new(&shared.commands.appenders, PENDING_DEFAULT)?,
            scratch: RefCell::new(Scratch {
                archiver: record_archiver(),
                record: Vec::new(),
            }),
        })
    }

    /// Appends `events`, all of them or none, if `key` has the `expected` version when they come to its
    /// partition. Waits as [`Client::send`](super::Client::send) does.
    ///
    /// The events are numbered one behind the other and journaled in one group. No event at all is
    /// allowed, and answered like others.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent then.
    pub fn append<I>(&self, key: u64, expected: Expected, events: I) -> Sent<'_>
    where
        I: IntoIterator<Item: Borrow<E>>,
    {
        self.append_or(key, expected, events, WhenFull::Wait)
    }

    /// As [`append`](Self::append), but never waits.
    ///
    /// # Errors
    ///
    /// As [`Client::try_send`](super::Client::try_send).
    pub fn try_append<I>(&self, key: u64, expected: Expected, events: I) -> Sent<'_>
    where
        I: IntoIterator<Item: Borrow<E>>,
    {
        self.append_or(key, expected, events, WhenFull::Refuse)
    }

    /// The version that `key` has now: how many events. Waits until they are durable.
    ///
    /// # Errors
    ///
    /// [`VersionError`].
    pub fn version(&self, key: u64) -> Result<u64, VersionError> {
        let nothing: [E; 0] = [];
        let asked = self.append(key, Expected::Any, nothing)?;
        match asked.wait()? {
            AppendOutcome::Appended { version, .. } => Ok(version),
            AppendOutcome::Conflict { current } => Ok(current),
        }
    }

    fn append_or<I>(&self, key: u64, expected: Expected, events: I, when_full: WhenFull) -> Sent<'_>
    where
        I: IntoIterator<Item: Borrow<E>>,
    {
        // Also before a place is waited for.
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        let mut scratch = self
            .scratch
            .try_borrow_mut()
            .map_err(|_| PublishError::WouldDeadlock)?;
        let Scratch { archiver, record } = &mut *scratch;
        record.clear();
        record.resize(FrameHeader::RECORD_BYTES, 0);
        for event in events {
            let found = archive_event(archiver, event.borrow())?;
            if found != key {
                return Err(SendError::OtherKey { key, found });
            }
            let archived = archiver.archived();
            let end = record.len() + frame_bytes(archived.len());
            if end - FrameHeader::RECORD_BYTES > EVENT_BYTES_MAX {
                return Err(SendError::TooLong {
                    bytes_max: EVENT_BYTES_MAX,
                });
            }
            let header = archiver.record(FrameHeader::RECORD_BYTES);
            record.extend_from_slice(&header[..FrameHeader::RECORD_BYTES]);
            // The journal time is still to come.
            record.extend_from_slice(&[0; FrameHeader::BYTES - FrameHeader::RECORD_BYTES]);
            record.extend_from_slice(archived);
            record.resize(end, 0);
        }
        let partition = partition_of(key, self.publisher.partitions());
        self.publisher.check_open(partition)?;
        let place = self.seat.claim(when_full, &self.publisher)?;
        let header = FrameHeader {
            #[expect(clippy::cast_possible_truncation, reason = "both are bounded")]
            length: (record.len() - FrameHeader::RECORD_BYTES) as u32,
            kind: KIND_APPEND,
            version: 1,
            source_id: 0,
            #[expect(clippy::cast_possible_truncation, reason = "both are bounded")]
            source_lag: place as u32,
            source_number: match expected {
                Expected::Any => ANY_VERSION,
                Expected::Version(version) => version,
            },
            key,
            event_time_ms: self.seat.mailing.address.cast_signed(),
            journal_time_ns: 0,
        };
        record[..FrameHeader::RECORD_BYTES].copy_from_slice(header.as_record());
        match self.publisher.publish_whole(partition, record, when_full) {
            Ok(receipt) => Ok(Pending::new(&self.seat, place, receipt)),
            Err(error) => {
                self.seat.ring().unclaim(place);
                Err(error.into())
            }
        }
    }
}

/// The version of a key could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// It could not be asked for.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It was not answered.
    #[error(transparent)]
    Command(#[from] CommandError),
}
