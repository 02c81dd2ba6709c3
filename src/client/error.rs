//! What clients can answer, one family a call.

use crate::command::{CommandFailure, NotDecided};
use crate::event::RecordError;
use crate::partition::Poison;
use crate::pipeline::{PublishError, ReceiptError};
use crate::source::SourceError;

/// There is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The pipeline has as many clients, or appenders, as there can be. Drop some, or share them.
    #[error("the pipeline has {max} clients already")]
    TooManyClients {
        /// The limit.
        max: usize,
    },
    /// How many commands may be pending is out of its limits. Correct it.
    #[error("the commands that may be pending are from 1 to {max}")]
    PendingMax {
        /// The limit.
        max: usize,
    },
    /// The state does not ask for versions of keys, without which nothing can be expected of them. Set
    /// [`State::KEY_VERSIONS_MAX`](crate::State::KEY_VERSIONS_MAX).
    #[error("the state keeps no versions of keys")]
    NoKeyVersions,
    /// The source cannot be opened. See [`SourceError`].
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A command was not sent, or an append. Nothing will come of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It was not taken. See [`PublishError`].
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// So many are being waited for, and their answers take all the places that this client has. Wait
    /// for some or drop them, or ask for a client with more places.
    #[error("{max} commands of this client are pending")]
    TooManyPending {
        /// How many places it has.
        max: usize,
    },
    /// All places are taken by commands that nobody waits for, in partitions that stopped before they
    /// answered. Make another client for the partitions that go on.
    #[error("the {max} places of this client are lost to partitions that stopped")]
    PlacesLost {
        /// How many places it has.
        max: usize,
    },
    /// Numbers of commands run from 1 to 2^64 - 2. Count from 1.
    #[error("{number} is no number for a command: they run from 1 to 2^64 - 2")]
    Number {
        /// The number refused.
        number: u64,
    },
    /// An event of an append has another key than the append, whose version says nothing of it. Append
    /// it apart.
    #[error("an event of key {found} cannot be appended to key {key}")]
    OtherKey {
        /// The key of the append.
        key: u64,
        /// That of the event.
        found: u64,
    },
    /// The events of an append are longer than it can be. Append fewer at a time.
    #[error("the events of an append take more than {bytes_max} bytes")]
    TooLong {
        /// The limit, frames included.
        bytes_max: usize,
    },
}

impl SendError {
    /// Whether there was no room at this moment, and a later attempt may succeed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Publish(error) => error.is_full(),
            Self::TooManyPending { .. } => true,
            _ => false,
        }
    }
}

impl From<RecordError> for SendError {
    fn from(error: RecordError) -> Self {
        Self::Publish(error.into())
    }
}

/// A command has no outcome, or an append.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Nothing came of it, for good. See [`CommandFailure`].
    #[error(transparent)]
    Failed(#[from] CommandFailure),
    /// The command has the number of one that was decided long ago, or of one that was passed over: its
    /// source has sent higher ones since. It was not decided (again).
    #[error("the outcome of this command is no longer kept, and it is not decided a second time")]
    OutcomeExpired,
    /// The partition stopped before it was settled. After [`Poison::ApplyPanicked`] nothing of it is in
    /// the journal; after [`Poison::Journal`] nobody knows until the directory is opened again: a
    /// [`CommandSource`](crate::CommandSource) can send it again then, and it is decided at most once.
    #[error("not acknowledged: {0}")]
    Poisoned(Poison),
    /// Waited for from inside a callback of the engine. Wait on another thread.
    #[error("waiting from inside a callback of the engine would deadlock")]
    WouldDeadlock,
}

impl From<ReceiptError> for CommandError {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Poisoned(poison) => Self::Poisoned(poison),
            ReceiptError::WouldDeadlock => Self::WouldDeadlock,
        }
    }
}

impl From<NotDecided> for CommandError {
    fn from(cause: NotDecided) -> Self {
        match cause {
            NotDecided::Failed(failure) => Self::Failed(failure),
            NotDecided::Expired => Self::OutcomeExpired,
        }
    }
}
