//! What the pipeline's calls can answer, one family a call.

use std::io;
use std::path::PathBuf;

use super::BatchReceipt;
use super::report::CloseReport;
use crate::event::{ArchiveError, RecordError, ViewError};
use crate::journal::ReadError;
use crate::partition::{Poison, Refusal};
use crate::snapshot::RejectedSnapshot;

/// A pipeline could not be opened. Nothing that was acknowledged was lost or changed by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another pipeline of this one, has the directory open. Close that first.
    #[error("{} is already open", path.display())]
    AlreadyOpen {
        /// The directory.
        path: PathBuf,
    },
    /// The directory was created with another number of partitions. Open it with that number: the
    /// order of events cannot be kept across a change.
    #[error("{} has {found} partitions, not {asked}", path.display())]
    PartitionCount {
        /// The directory.
        path: PathBuf,
        /// How many it has.
        found: u32,
        /// How many were asked for.
        asked: u32,
    },
    /// A builder setting is outside its limits. Correct it.
    #[error("{setting} must be {limits}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it may be.
        limits: String,
    },
    /// The journal cannot be read: damaged, foreign, newer, or the operating system refused. See
    /// [`ReadError`] for what to do about each.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// An event in the journal is not one of this program's, or could not be upcast. The journal is
    /// sound: [`ViewError`] says what to do.
    #[error("partition {partition}, sequence {sequence}: {source}")]
    Event {
        /// The partition.
        partition: u32,
        /// The event's sequence.
        sequence: u64,
        /// What is wrong with it.
        source: ViewError,
    },
    /// `apply` panicked in replay, so the state cannot be built. The journal is sound: mend
    /// `apply` and open again.
    #[error("partition {partition}: `apply` panicked in replay at sequence {sequence}: {message}")]
    ApplyPanicked {
        /// The partition.
        partition: u32,
        /// The event's sequence.
        sequence: u64,
        /// The panic's text.
        message: String,
    },
    /// Segments before `earliest` were retired, and no snapshot that covers them can be used by this
    /// program. Use the program that took them, or teach `load` their version; restore a damaged one
    /// from a copy.
    #[error(
        "partition {partition}: events before sequence {earliest} are retired, and no snapshot can be used: {}",
        rejected.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    NoUsableSnapshot {
        /// The partition.
        partition: u32,
        /// The first sequence that is still there.
        earliest: u64,
        /// What is wrong with each snapshot.
        rejected: Vec<RejectedSnapshot>,
    },
    /// With [`Durability::Memory`](crate::Durability::Memory) nothing is written, so a directory
    /// that holds a journal is refused rather than silently ignored. Open it with another level.
    #[error("{} holds a journal, which a pipeline in memory would ignore", path.display())]
    JournalWouldBeIgnored {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system refused a thread or a file.
    #[error("cannot {operation}: {source}")]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
}

/// An event was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The partition's ring is full at this moment (only from `try_` calls). Try again, shed load,
    /// or use the waiting call.
    #[error("the partition's ring is full")]
    Full,
    /// The pipeline is closing or closed. Open it again.
    #[error("the pipeline is closed")]
    Closed,
    /// The partition stopped for good. See [`Poison`].
    #[error(transparent)]
    Poisoned(Poison),
    /// The event cannot be archived. See [`ArchiveError`].
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive that the event's type wrote does not validate. Mend the type.
    #[error("the event's own archive does not validate: {0}")]
    Invalid(#[source] ViewError),
    /// Called from inside `apply`, a read closure, a waker or an event's `Serialize`: the call
    /// would wait for the thread that makes it. Publish from another thread.
    #[error("publishing from inside a callback of the engine would deadlock")]
    WouldDeadlock,
}

impl From<RecordError> for PublishError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Archive(error) => Self::Archive(error),
            RecordError::Invalid(error) => Self::Invalid(error),
        }
    }
}

impl PublishError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Self::Closed,
            Refusal::Poisoned(poison) => Self::Poisoned(poison),
        }
    }
}

/// A batch of events was not taken as a whole.
///
/// Where the cause is an event's own ([`Archive`](PublishError::Archive),
/// [`Invalid`](PublishError::Invalid)), those in front of it were taken, and it is the one at index
/// `published`. Where a partition takes no events any more, other partitions took theirs: then the
/// events that were taken are not the first ones of the batch, and publishing the rest again would
/// repeat some and leave others out. Publish through a [`source`](crate::source) what may have to be
/// published again.
#[derive(Debug, thiserror::Error)]
#[error("{published} events of the batch were taken, and then: {cause}")]
#[non_exhaustive]
pub struct PublishAllError {
    /// How many events were taken. They will be numbered, applied and journaled as if each had been
    /// published alone.
    pub published: u64,
    /// The promise that those are acknowledged.
    pub receipt: Box<BatchReceipt<'static>>,
    /// Why the others were not: the first reason that was met.
    #[source]
    pub cause: PublishError,
}

impl PublishAllError {
    pub(crate) fn none(cause: PublishError) -> Self {
        Self {
            published: 0,
            receipt: Box::default(),
            cause,
        }
    }
}

/// A receipt that will never be `Ok`.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The partition stopped before the event was settled. After [`Poison::ApplyPanicked`] the
    /// event is not in the journal; after [`Poison::Journal`] nobody knows until the directory is
    /// opened again: publish it again through a source then, and it is taken at most once.
    #[error("not acknowledged: {0}")]
    Poisoned(Poison),
    /// Waited for from inside a callback of the engine. Wait on another thread.
    #[error("waiting from inside a callback of the engine would deadlock")]
    WouldDeadlock,
}

/// A partition's state could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadStateError {
    /// The pipeline is closed. Open it again, or read the journal.
    #[error("the pipeline is closed")]
    Closed,
    /// The partition stopped for good: its state may be half-applied, or what was read may not be
    /// durable. See [`Poison`].
    #[error(transparent)]
    Poisoned(Poison),
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(u32),
    /// Called from inside a callback of the engine. Read from another thread.
    #[error("reading from inside a callback of the engine would deadlock")]
    WouldDeadlock,
}

/// Closing found that not all went well. Everything that was acknowledged is durable all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// At least one partition had stopped before. The report says what each did.
    #[error("{}", poisons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Poisoned {
        /// Why, one entry a poisoned partition.
        poisons: Vec<Poison>,
        /// What was done.
        report: Box<CloseReport>,
    },
    /// Called from inside a callback, or on a thread of the engine. The pipeline closes in the
    /// background.
    #[error("closing from inside a callback of the engine would deadlock")]
    WouldDeadlock,
}
