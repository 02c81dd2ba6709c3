//! The fold of one partition's groups into its state.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::callback::{Callback, panic_message};
use crate::event::{Coming, Event, State, ViewError};
use crate::journal::{GroupFrames, RecoverError};
use crate::partition::Resumed;

/// Why replay ended early.
#[derive(Debug)]
pub(super) enum ReplayError {
    /// The event of this sequence is not one of this program's.
    View(u64, ViewError),
    /// `apply` panicked for the event of this sequence.
    Panicked(u64, String),
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
        let mut coming = Coming::new();
        let walked = group.for_each(|sequence, frame| {
            sources.replay(frame);
            *journal_time_ns = (*journal_time_ns).max(frame.header.journal_time_ns);
            if frame.header.is_control() {
                return Ok(());
            }
            let view = S::Event::view(frame.header.kind, frame.header.version, frame.body)
                .map_err(|error| RecoverError::Frame(ReplayError::View(sequence, error)))?;
            if coming.push(view, frame.header.meta(partition, sequence)) {
                coming.apply(state, &mut next_sequence);
            }
            Ok(())
        });
        // Also behind an error, which the last events may precede with a panic of their own.
        coming.apply(state, &mut next_sequence);
        walked
    }))
    .unwrap_or_else(|payload| {
        let message = panic_message(&*payload);
        let panicked = ReplayError::Panicked(next_sequence, message);
        Err(RecoverError::Frame(panicked))
    })
}
