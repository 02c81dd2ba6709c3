//! Recovering every partition: replaying what the journal holds into the states.

use super::OpenError;
use super::replay::{ReplayError, replay_group};
use crate::event::{Event, State, fingerprint};
use crate::journal::{Directory, PartitionRecovery, RecoverError, recover_partition};
use crate::partition::Resumed;
use crate::source::SourceTable;
use crate::sync;

/// One partition as opening found it; without a recovery where nothing is journaled.
pub(crate) type Recovered<S> = (Resumed<S>, Option<PartitionRecovery>);

/// Recovers every partition into its state, as many at a time as there are CPUs.
pub(crate) fn recover_all<S: State>(
    directory: &Directory,
    states: Vec<S>,
) -> Result<Vec<Recovered<S>>, OpenError> {
    let lanes_count = sync::allowed_cpus().min(states.len());
    let mut lanes: Vec<Vec<(u32, S)>> = (0..lanes_count).map(|_| Vec::new()).collect();
    for ((partition, state), lane) in (0..).zip(states).zip((0..lanes_count).cycle()) {
        lanes[lane].push((partition, state));
    }
    let mut recovered = sync::scope(|scope| {
        let mut running = Vec::new();
        for (index, lane) in lanes.into_iter().enumerate() {
            let recover = move || recover_lane(directory, lane);
            let thread = sync::spawn_scoped(scope, format!("ringlog-r{index}"), recover).map_err(
                |source| OpenError::Io {
                    operation: "start a recovering thread",
                    source,
                },
            )?;
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

fn recover_lane<S: State>(
    directory: &Directory,
    lane: Vec<(u32, S)>,
) -> Result<Vec<(u32, Recovered<S>)>, OpenError> {
    lane.into_iter()
        .map(|(partition, state)| {
            let (resumed, recovery) = replay(directory, partition, state)?;
            Ok((partition, (resumed, Some(recovery))))
        })
        .collect()
}

/// A partition without a history.
pub(crate) fn fresh<S>(state: S) -> Resumed<S> {
    Resumed {
        state,
        sources: SourceTable::default(),
        last_sequence: 0,
        journal_time_ns: 0,
    }
}

/// Recovers one partition and folds its events into `state`.
fn replay<S: State>(
    directory: &Directory,
    partition: u32,
    state: S,
) -> Result<(Resumed<S>, PartitionRecovery), OpenError> {
    let mut resumed = fresh(state);
    let schema = fingerprint(S::Event::TYPES);
    let recovered = recover_partition(directory, partition, schema, |group| {
        replay_group(&mut resumed, partition, group)
    });
    match recovered {
        Ok(recovery) => {
            resumed.last_sequence = recovery.last_sequence;
            Ok((resumed, recovery))
        }
        Err(RecoverError::Read(error)) => Err(error.into()),
        Err(RecoverError::Frame(ReplayError::View(sequence, source))) => Err(OpenError::Event {
            partition,
            sequence,
            source,
        }),
        Err(RecoverError::Frame(ReplayError::Panicked(sequence, message))) => {
            Err(OpenError::ApplyPanicked {
                partition,
                sequence,
                message,
            })
        }
    }
}
