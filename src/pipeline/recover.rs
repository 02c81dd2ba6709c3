//! Recovering every partition: snapshots, and replaying the journal behind them.

use super::OpenError;
use crate::event::{Event, State, fingerprint};
use crate::journal::{Directory, PartitionRecovery, RecoverError, recover_partition};
use crate::partition::Resumed;
use crate::replay::{Replay, ReplayError};
use crate::snapshot::{AsOf, Fresh, RejectedSnapshot, RestoreError, restore};
use crate::sync::{self, Mutex};

/// One partition as opening found it.
pub(crate) struct Recovered<S> {
    pub(crate) resumed: Resumed<S>,
    /// `None` where nothing is journaled.
    pub(crate) recovery: Option<PartitionRecovery>,
    /// The last sequence of the snapshot that it starts from.
    pub(crate) snapshot_sequence: Option<u64>,
    pub(crate) rejected_snapshots: Vec<RejectedSnapshot>,
}

/// Recovers every partition, as many at a time as there are CPUs.
pub(crate) fn recover_all<S: State>(
    directory: &Directory,
    fresh: &Mutex<Fresh<S>>,
) -> Result<Vec<Recovered<S>>, OpenError> {
    let partitions = directory.metadata.partitions;
    let lanes = u32::try_from(sync::allowed_cpus())
        .unwrap_or(u32::MAX)
        .min(partitions);
    if lanes == 1 {
        return (0..partitions)
            .map(|partition| recover(directory, partition, fresh))
            .collect();
    }
    let mut recovered = sync::scope(|scope| {
        let mut running = Vec::new();
        for lane in 0..lanes {
            let recover_lane = move || {
                let partitions = (lane..partitions).step_by(lanes as usize);
                partitions
                    .map(|partition| Ok((partition, recover(directory, partition, fresh)?)))
                    .collect::<Result<Vec<_>, OpenError>>()
            };
            let thread = sync::spawn_scoped(scope, format!("ringlog-r{lane}"), recover_lane)
                .map_err(|source| OpenError::Io {
                    operation: "start a recovering thread",
                    source,
                })?;
            running.push(thread);
        }
        let mut recovered = Vec::new();
        for lane in running {
            let lane = lane
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            recovered.extend(lane?);
        }
        Ok::<_, OpenError>(recovered)
    })?;
    recovered.sort_by_key(|(partition, _)| *partition);
    Ok(recovered
        .into_iter()
        .map(|(_, recovered)| recovered)
        .collect())
}

/// As [`recover_all`], on this thread, one after the other.
#[cfg(feature = "sim")]
pub(crate) fn recover_in_order<S: State>(
    directory: &Directory,
    fresh: &Mutex<Fresh<S>>,
) -> Result<Vec<Recovered<S>>, OpenError> {
    (0..directory.metadata.partitions)
        .map(|partition| recover(directory, partition, fresh))
        .collect()
}

/// A partition without a history.
pub(crate) fn unrecovered<S: State>(state: S) -> Recovered<S> {
    Recovered {
        resumed: Resumed::fresh(state),
        recovery: None,
        snapshot_sequence: None,
        rejected_snapshots: Vec::new(),
    }
}

/// Recovers one partition: the newest usable snapshot, and the journal behind it folded into that.
fn recover<S: State>(
    directory: &Directory,
    partition: u32,
    fresh: &Mutex<Fresh<S>>,
) -> Result<Recovered<S>, OpenError> {
    let schema = fingerprint(S::Event::TYPES);
    let restored = {
        // Locked for as long as it makes a state: the others load theirs meanwhile.
        let mut fresh = |partition| (sync::lock(fresh))(partition);
        restore(
            &directory.storage,
            &directory.partition_dir(partition),
            partition,
            directory.metadata.journal_id,
            AsOf::LATEST,
            &mut fresh,
        )
    };
    let restored = restored.map_err(|error| match error {
        RestoreError::Read(error) => error.into(),
        RestoreError::NoSnapshot { earliest, rejected } => OpenError::NoUsableSnapshot {
            partition,
            earliest,
            rejected,
        },
    })?;
    let after = restored.header.map(|header| header.position());
    let mut replay = Replay {
        partition,
        state: restored.state,
        tables: restored.tables,
    };
    let recovered = recover_partition(directory, partition, schema, after, |group| {
        replay.fold(group)
    });
    let recovery = recovered.map_err(|error| match error {
        RecoverError::Read(error) => error.into(),
        RecoverError::Frame(ReplayError::View(sequence, source)) => OpenError::Event {
            partition,
            sequence,
            source,
        },
        RecoverError::Frame(ReplayError::Panicked(sequence, message)) => OpenError::ApplyPanicked {
            partition,
            sequence,
            message,
        },
    })?;
    Ok(Recovered {
        resumed: Resumed {
            state: replay.state,
            sources: replay.tables.sources,
            outcomes: replay.tables.outcomes,
            versions: replay.tables.versions,
            last_sequence: recovery.last_sequence,
            journal_time_ns: replay.tables.journal_time_ns,
        },
        recovery: Some(recovery),
        snapshot_sequence: after.map(|after| after.sequence),
        rejected_snapshots: restored.rejected,
    })
}
