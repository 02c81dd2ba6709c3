//! Commands that are decided at most once.

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
/// Each partition remembers the outcomes of its last 32,768 commands with an id. A command under the
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
        Ok(Self { client, lease })
    }

    /// Sends a command under `number`; waits as [`Client::send`] does.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent then, and the number may be used again.
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

    /// The highest number that opening found in any partition, or 0: new commands go above it.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.lease.known.last_number
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
        self.client.send_stamped(command, stamp, when_full)
    }
}
