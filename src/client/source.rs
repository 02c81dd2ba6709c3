//! Commands that are decided at most once.

use std::cell::Cell;

use super::send::{Client, PENDING_DEFAULT};
use super::{ClientError, Pending, SendError};
use crate::callback;
use crate::command::{Decider, OutcomeOf};
use crate::event::SourceStamp;
use crate::pipeline::{Pipeline, PublishError, Shared, WhenFull};
use crate::source::{LAG_UNKNOWN, Lease, SourceError};

/// The one live handle of a named source of commands, each of which it gives a number.
///
/// Source and number are the command's id. What was decided under it, acceptance or rejection, is
/// journaled in one group with its events. So a command that is sent again under its number, also
/// after a crash, gets the outcome of the first time, and nothing happens again.
///
/// Each partition remembers the last 8,192 outcomes of each source, but no more than 65,536 in all:
/// then the oldest one goes. A journaled answer has at most 4,096 bytes. A command under the
/// number of an older one, or under a number below one that the partition has decided meanwhile, is
/// not decided: it gets [`OutcomeExpired`](super::CommandError::OutcomeExpired). So give new commands
/// increasing numbers, and after a crash send those again in order whose outcome you do not know,
/// before any new one. A number belongs to one command: sent with a key of another partition it would
/// be another command there.
///
/// `Send`, but neither `Clone` nor `Sync`: numbers have one order.
#[derive(Debug)]
pub struct CommandSource<D: Decider> {
    client: Client<D>,
    lease: Lease,
    /// The highest number that was sent.
    last: Cell<u64>,
}

impl<D: Decider> Pipeline<D> {
    /// Opens the source `name` (1 to 1,024 bytes) for commands; creates it if it is new.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn command_source(&self, name: &str) -> Result<CommandSource<D>, ClientError> {
        if callback::is_inside() {
            return Err(SourceError::from(PublishError::WouldDeadlock).into());
        }
        CommandSource::open(name, self.shared())
    }
}

impl<D: Decider> CommandSource<D> {
    pub(crate) fn open(name: &str, shared: &Shared<D>) -> Result<Self, ClientError> {
        let client = Client::new(shared.publisher(), &shared.commands, PENDING_DEFAULT)?;
        let lease = shared.sources.open(name, &shared.publisher())?;
        let last = Cell::new(lease.known.last_number);
        Ok(Self {
            client,
            lease,
            last,
        })
    }

    /// Sends a command under `number`; waits as [`Client::send`] does.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent then. The number may be used again as long as no higher one was
    /// decided in the command's partition: afterwards it is passed over, and expired.
    pub fn send(
        &self,
        number: u64,
        command: &D::Command,
    ) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        self.send_numbered(number, command, WhenFull::Wait)
    }

    /// As [`send`](Self::send), but never waits.
    ///
    /// # Errors
    ///
    /// As [`Client::try_send`].
    pub fn try_send(
        &self,
        number: u64,
        command: &D::Command,
    ) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        self.send_numbered(number, command, WhenFull::Refuse)
    }

    /// The highest number that was sent through a handle of this source since the pipeline was opened, or
    /// that opening found in any partition; 0 where there is none. New commands go above it.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.last.get()
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.lease.name
    }

    fn send_numbered(
        &self,
        number: u64,
        command: &D::Command,
        when_full: WhenFull,
    ) -> Result<Pending<'_, OutcomeOf<D>>, SendError> {
        if number == 0 || number == u64::MAX {
            return Err(SendError::Number { number });
        }
        let stamp = SourceStamp {
            source_id: self.lease.known.source_id,
            number,
            lag: LAG_UNKNOWN,
        };
        let pending = self.client.send_stamped(command, stamp, when_full)?;
        self.last.set(number.max(self.last.get()));
        Ok(pending)
    }
}

impl<D: Decider> Drop for CommandSource<D> {
    fn drop(&mut self) {
        self.lease.known.last_number = self.last.get();
    }
}
