//! What taking or finding a snapshot came to.

use std::io;

use crate::journal::ReadError;
use crate::partition::Poison;

/// A snapshot that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotReport {
    /// The partition.
    pub partition: u32,
    /// The last sequence that is in it.
    pub sequence: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Segments that were retired after it.
    pub segments_retired: u64,
}

/// A snapshot that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedSnapshot {
    /// Its file name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
    /// Whether it is damaged, rather than another program's.
    pub is_damaged: bool,
}

impl std::fmt::Display for RejectedSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// A snapshot was not taken. Nothing that was durable is changed; the journal and the older
/// snapshots stand, and no segment is retired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The state has no [`SNAPSHOT_VERSION`](crate::State::SNAPSHOT_VERSION), or nothing is
    /// journaled. Implement `save` and `load`.
    #[error("this pipeline takes no snapshots")]
    Unsupported,
    /// The pipeline closes.
    #[error("the pipeline is closing")]
    Closing,
    /// The partition stopped for good. See [`Poison`].
    #[error(transparent)]
    Poisoned(Poison),
    /// Called from inside a callback of the engine. Take it from another thread.
    #[error("taking a snapshot from inside a callback of the engine would deadlock")]
    WouldDeadlock,
    /// The journal could not be read back. What is wrong is a finding about the journal itself.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The state of the events up to `sequence` could not be rebuilt or saved. Mend `apply`, `save`
    /// or `load`.
    #[error("partition {partition}, sequence {sequence}: {reason}")]
    State {
        /// The partition.
        partition: u32,
        /// Where it was.
        sequence: u64,
        /// What was wrong.
        reason: String,
    },
    /// The operating system refused. Free space or mend the disk; the next snapshot starts anew.
    #[error("partition {partition}: cannot {operation}: {source}")]
    Io {
        /// The partition.
        partition: u32,
        /// What was attempted.
        operation: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
}
