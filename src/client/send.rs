//! The sending end for commands.

use super::seat::Seat;
use super::{ClientError, Pending, SendError};
use crate::command::{Command, Commands, Decider, OutcomeOf};
use crate::event::{SourceStamp, set_record_header, view_checked};
use crate::journal::format::{FrameHeader, KIND_COMMAND};
use crate::pipeline::{Pipeline, PublishError, Publisher, WhenFull};
use crate::routing::partition_of;

/// Commands of a client that may be pending, unless it was asked for with another number. Each place takes
/// as much memory as an answer, and some 50 bytes.
pub const PENDING_DEFAULT: usize = 16_384;

/// Sends commands. One per thread: `Send`, not `Sync`.
///
/// Sending archives the command into memory of its own, validates it there, claims a place for the
/// answer and copies the command into the ring of its key's partition: as publishing an event does, in
/// the same order, and at the same price.
pub struct Client<D: Decider> {
    publisher: Publisher<D::Event>,
    seat: Seat<OutcomeOf<D>>,
}

impl<D: Decider> Pipeline<D> {
    /// A client for one thread, with places for [`PENDING_DEFAULT`] pending commands.
    ///
    /// # Errors
    ///
    /// [`ClientError::TooManyClients`].
    pub fn client(&self) -> Result<Client<D>, ClientError> {
        self.client_with(PENDING_DEFAULT)
    }

    /// As [`client`](Self::client), with places for so many pending commands: 1 to 1,048,576.
    ///
    /// # Errors
    ///
    /// [`ClientError::TooManyClients`] or [`ClientError::PendingMax`].
    pub fn client_with(&self, pending_max: usize) -> Result<Client<D>, ClientError> {
        let shared = self.shared();
        Client::new(shared.publisher(), &shared.commands, pending_max)
    }
}

impl<D: Decider> Client<D> {
    pub(crate) fn new(
        publisher: Publisher<D::Event>,
        commands: &Commands<D>,
        pending_max: usize,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            publisher,
            seat: Seat::new(&commands.clients(), pending_max)?,
        })
    }

    /// Hands the command to its key's partition; waits while that has no room, and while every place is
    /// taken by a command whose answer nobody waits for.
    ///
    /// `Ok` means taken: it will be decided after everything that this client sent before to the same
    /// partition. What comes of it, [`Pending`] says.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent then.
    #[inline]
    pub fn send(&self, command: &D::Command) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        self.send_stamped(command, SourceStamp::default(), WhenFull::Wait)
    }

    /// As [`send`](Self::send), but never waits.
    ///
    /// # Errors
    ///
    /// [`PublishError::Full`] or [`SendError::TooManyPending`] where `send` would wait; otherwise as
    /// there.
    #[inline]
    pub fn try_send(&self, command: &D::Command) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        self.send_stamped(command, SourceStamp::default(), WhenFull::Refuse)
    }

    #[inline]
    pub(super) fn send_stamped(
        &self,
        command: &D::Command,
        stamp: SourceStamp,
        when_full: WhenFull,
    ) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        let (publisher, seat) = (&self.publisher, &self.seat);
        let mut claimed = None;
        let sent = publisher.publish_made(when_full, |archiver| {
            archiver.archive(command).map_err(PublishError::from)?;
            let archived = archiver.archived();
            view_checked::<D::Command>(archived).map_err(PublishError::Invalid)?;
            let key = command.key();
            let length = archived.len();
            let partition = partition_of(key, publisher.partitions());
            // Not for a partition that would refuse it, and never answer.
            publisher.check_open(partition)?;
            // Last of all: nothing of the user's runs while it is ours.
            let place = seat.claim(when_full, publisher)?;
            claimed = Some(place);
            let header = FrameHeader {
                #[expect(clippy::cast_possible_truncation, reason = "both are bounded")]
                length: length as u32,
                kind: KIND_COMMAND,
                version: 1,
                source_id: stamp.source_id,
                #[expect(clippy::cast_possible_truncation, reason = "both are bounded")]
                source_lag: place as u32,
                source_number: stamp.number,
                key,
                event_time_ms: seat.mailing.address.cast_signed(),
                journal_time_ns: 0,
            };
            set_record_header(archiver, &header);
            Ok::<_, SendError>(partition)
        });
        match (sent, claimed) {
            (Ok(receipt), Some(place)) => Ok(Pending::new(seat, place, receipt)),
            (Err(error), claimed) => {
                if let Some(place) = claimed {
                    seat.ring().unclaim(place);
                }
                Err(error)
            }
            (Ok(_), None) => unreachable!("a command is sent with a place"),
        }
    }
}

impl<D: Decider> std::fmt::Debug for Client<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.seat.mailing.address)
            .finish_non_exhaustive()
    }
}
