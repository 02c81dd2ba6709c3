//! What [`Builder::recover`](super::Builder::recover) found, for tests.

use super::recover::Recovered;
use crate::journal::TornTail;
use crate::snapshot::RejectedSnapshot;
use crate::source::SourceInfo;

/// One partition, as an opening would go on with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecoveredPartition<S> {
    /// The state.
    pub state: S,
    /// The last sequence in it.
    pub last_sequence: u64,
    /// What the partition knows of its sources.
    pub sources: Vec<SourceInfo>,
    /// A torn tail that was set aside.
    pub torn_tail: Option<TornTail>,
    /// The control word was there, but unreadable.
    pub control_unreadable: bool,
    /// The last sequence of the snapshot that it started from.
    pub snapshot_sequence: Option<u64>,
    /// Newer snapshots that could not be used.
    pub rejected_snapshots: Vec<RejectedSnapshot>,
}

impl<S> From<Recovered<S>> for RecoveredPartition<S> {
    fn from(recovered: Recovered<S>) -> Self {
        let resumed = recovered.resumed;
        let recovery = recovered.recovery.unwrap_or_default();
        Self {
            state: resumed.state,
            last_sequence: resumed.last_sequence,
            sources: resumed.sources.iter().cloned().collect(),
            torn_tail: recovery.torn_tail,
            control_unreadable: recovery.control_unreadable,
            snapshot_sequence: recovered.snapshot_sequence,
            rejected_snapshots: recovered.rejected_snapshots,
        }
    }
}
