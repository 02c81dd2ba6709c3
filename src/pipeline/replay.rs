//! The fold of one partition's groups into its state.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::callback::{Callback, panic_message};
use crate::event::{Event, EventMeta, State, ViewError};
use crate::journal::{GroupFrames, RecoverError};
use crate::partition::Resumed;

/// How many events are validated, and told to [`State::prefetch`], before they are applied: enough
/// for their memory to arrive, few enough for the innermost cache to hold it.
const AHEAD_EVENTS: usize = 64;

/// Why replay ended early.
#[derive(Debug)]
pub(super) enum ReplayError {
    /// The event of this sequence is not one of this program's.
    View(u64, ViewError),
    /// `apply` panicked for the event of this sequence.
    Panicked(u64, String),
}

/// Events between their validation and their `apply`.
struct Ahead<'a, E: Event> {
    views: Vec<E::View<'a>>,
    metas: Vec<EventMeta>,
}

/// Applies the events of one group to the state.
///
/// A panic is contained once for the whole group, not for each event: what costs time is that
/// nothing can be inlined across it.
pub(super) fn replay_group<S: State>(
    resumed: &mut Resumed<S>,
    partition: u32,
    group: &GroupFrames<'_, '_>,
) -> Result<(), RecoverError<ReplayError>> {
    // Outside of what may panic: the next event to be applied.
    let mut next_sequence = group.first_sequence();
    catch_unwind(AssertUnwindSafe(|| {
        let _inside = Callback::enter();
        let Resumed {
            state,
            sources,
            journal_time_ns,
            ..
        } = resumed;
        let mut ahead = Ahead::<S::Event> {
            views: Vec::with_capacity(AHEAD_EVENTS),
            metas: Vec::with_capacity(AHEAD_EVENTS),
        };
        let mut apply_all = |state: &mut S, ahead: &mut Ahead<'_, S::Event>| {
            state.prefetch(&ahead.views);
            for (view, meta) in ahead.views.drain(..).zip(ahead.metas.drain(..)) {
                state.apply(view, &meta);
                next_sequence = meta.sequence + 1;
            }
        };
        let walked = group.for_each(|sequence, frame| {
            sources.replay(frame);
            *journal_time_ns = (*journal_time_ns).max(frame.header.journal_time_ns);
            if frame.header.is_control() {
                return Ok(());
            }
            let view = S::Event::view(frame.header.kind, frame.header.version, frame.body)
                .map_err(|error| RecoverError::Frame(ReplayError::View(sequence, error)))?;
            ahead.views.push(view);
            ahead.metas.push(frame.header.meta(partition, sequence));
            if ahead.views.len() == AHEAD_EVENTS {
                apply_all(state, &mut ahead);
            }
            Ok(())
        });
        // Also behind an error, which the last events may precede with a panic of their own.
        apply_all(state, &mut ahead);
        walked
    }))
    .unwrap_or_else(|payload| {
        let message = panic_message(&*payload);
        let panicked = ReplayError::Panicked(next_sequence, message);
        Err(RecoverError::Frame(panicked))
    })
}
