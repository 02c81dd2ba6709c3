//! Recovering every partition: replaying what the journal holds into the states.

use super::OpenError;
use crate::callback::{Callback, panic_message};
use crate::event::{Event, State, ViewError, fingerprint};
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

/// As [`recover_all`], on this thread, one after the other.
#[cfg(feature = "sim")]
pub(crate) fn recover_in_order<S: State>(
    directory: &Directory,
    states: Vec<S>,
) -> Result<Vec<Recovered<S>>, OpenError> {
    let recovered = recover_lane(directory, (0..).zip(states).collect())?;
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

enum ReplayError {
    View(u64, ViewError),
    Panicked(u64, String),
}

/// Recovers one partition and folds its events into `state`.
fn replay<S: State>(
    directory: &Directory,
    partition: u32,
    state: S,
) -> Result<(Resumed<S>, PartitionRecovery), OpenError> {
    let mut resumed = fresh(state);
    let schema = fingerprint(S::Event::TYPES);
    let recovered = recover_partition(directory, partition, schema, |sequence, frame| {
        resumed.sources.replay(frame);
        resumed.journal_time_ns = resumed.journal_time_ns.max(frame.header.journal_time_ns);
        if frame.header.is_control() {
            return Ok(());
        }
        let view = S::Event::view(frame.header.kind, frame.header.version, frame.body)
            .map_err(|error| ReplayError::View(sequence, error))?;
        let meta = frame.header.meta(partition, sequence);
        let _inside = Callback::enter();
        let state = &mut resumed.state;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.apply(view, &meta)))
            .map_err(|payload| ReplayError::Panicked(sequence, panic_message(&*payload)))
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
