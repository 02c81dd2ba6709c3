//! Why a projection does not start, and why it stopped.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::event::ViewError;
use crate::journal::ReadError;
use crate::partition::Poison;
use crate::sync::Arc;

/// A projection could not be started. Nothing was changed but the marks that retention looks at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// Choose 1 to 48 letters, digits, hyphens and underscores.
    #[error("`{0}` is no name for a projection")]
    Name(String),
    /// [`StartAt::Sequences`](super::StartAt::Sequences) needs a number for each partition, from 1.
    #[error("there are {partitions} partitions to start in: one sequence from 1 for each")]
    Sequences {
        /// The partitions of the journal.
        partitions: u32,
    },
    /// A projection of this name runs, in this process or another. Stop it first.
    #[error("projection `{0}` is running already")]
    AlreadyRunning(String),
    /// The pipeline journals nothing, or is closing.
    #[error("there is no journal to project")]
    NoJournal,
    /// The checkpoint cannot be used, and what it stands on is no longer there, or not known. Take a
    /// program that can read it; or [`forget`](super::forget()) the projection and start where the journal
    /// allows it, at a later [`StartAt`](super::StartAt).
    #[error(
        "the checkpoint {} cannot be used ({reason}), and cannot be folded anew: {rebuild}; \
         `projection::forget` removes it",
        path.display()
    )]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
        /// Why the state cannot be folded anew.
        rebuild: String,
    },
    /// The journal cannot be read from the starting point on; [`ReadError::Retired`] where retention
    /// removed it, because the projection stood still for longer than `cursor_lag_max` allows. Then
    /// [`forget`](super::forget()) it and start at a later point.
    #[error(
        "{0}{hint}",
        hint = match .0 {
            ReadError::Retired { .. } => "; `projection::forget` gives the projection up",
            _ => "",
        }
    )]
    Read(#[from] ReadError),
    /// The operating system refused.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Where and why a projection failed. The others go on; so does the pipeline.
///
/// The last checkpoint stands. Mend the cause, and start the projection again under its name.
#[derive(Debug, Clone, thiserror::Error)]
#[error("projection `{name}` failed in partition {partition} at sequence {sequence}: {cause}")]
pub struct Failure {
    /// The projection.
    pub name: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The event that could not be read or applied.
    pub sequence: u64,
    /// Why.
    pub cause: Cause,
}

/// What made a projection fail.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// `apply` returned this error.
    #[error("{0}")]
    Apply(#[source] Arc<dyn Error + Send + Sync>),
    /// `apply` panicked with this text.
    #[error("`apply` panicked: {0}")]
    Panicked(Arc<str>),
    /// The event is not one of this program's.
    #[error("{0}")]
    View(#[source] Arc<ViewError>),
    /// The journal cannot be read there; [`ReadError::Retired`] where the projection lagged further
    /// behind than retention waits.
    #[error("{0}")]
    Read(#[source] Arc<ReadError>),
    /// The engine's own code panicked: a bug of ringlog. Please report it.
    #[error("the engine failed: {0}")]
    Engine(Arc<str>),
}

/// Waiting for a read model was in vain.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The projection failed before.
    #[error(transparent)]
    Failed(Failure),
    /// The projection was stopped before, or its pipeline closed.
    #[error("the projection has stopped")]
    Stopped,
    /// The partition is poisoned, and the event will never be durable. What is durable of it is
    /// applied, and the projection goes on.
    #[error(transparent)]
    Poisoned(Poison),
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(u32),
    /// Called inside code that the engine runs, which it would wait for.
    #[error("waiting inside a callback would be for ever")]
    WouldDeadlock,
}

/// A rebuild came to nothing; the old state goes on answering.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// The new instance failed.
    #[error(transparent)]
    Failed(Failure),
    /// The projection failed or stopped before.
    #[error("the projection has stopped")]
    Stopped,
    /// A later rebuild took this one's place before it began.
    #[error("a later rebuild was asked for")]
    Superseded,
    /// Called inside code that the engine runs, which it would wait for.
    #[error("waiting inside a callback would be for ever")]
    WouldDeadlock,
}
