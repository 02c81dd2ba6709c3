//! Folding the journal's groups into state and tables, as the partition did when they were live.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::callback::{Callback, panic_message};
use crate::event::{Coming, Event, State, ViewError, Viewer};
use crate::journal::{GroupFrames, RecoverError};
use crate::snapshot::Tables;

/// A partition's state and tables, on their way through the journal.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    pub(crate) partition: u32,
    pub(crate) state: S,
    pub(crate) tables: Tables,
}

/// Why replay ended early.
#[derive(Debug)]
pub(crate) enum ReplayError {
    /// The event of this sequence is not one of this program's.
    View(u64, ViewError),
    /// `apply` panicked for the event of this sequence.
    Panicked(u64, String),
}

impl<S: State> Replay<S> {
    /// Folds one group.
    ///
    /// A panic is contained once for the whole group, not for each event: what costs time is that
    /// nothing can be inlined across it.
    pub(crate) fn fold(
        &mut self,
        group: &GroupFrames<'_>,
    ) -> Result<(), RecoverError<ReplayError>> {
        // Outside of what may panic: the next event to be applied.
        let mut next_sequence = group.first_sequence();
        let Self {
            partition,
            state,
            tables,
        } = self;
        catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            let mut coming = Coming::new(*partition);
            let mut viewer = Viewer::default();
            let walked = group.for_each(|sequence, frame| {
                tables.replay(frame);
                if frame.header.is_control() {
                    return Ok(());
                }
                let header = frame.header;
                match S::Event::view(header.kind, header.version, frame.body) {
                    Ok(view) => {
                        if coming.push(view, header) {
                            coming.apply(state, &mut next_sequence);
                        }
                    }
                    // Alone, behind those that precede it: so it costs the others nothing, and its
                    // scratch memory is that of one event.
                    Err(ViewError::OlderVersion { kind, version }) => {
                        coming.apply(state, &mut next_sequence);
                        let view = viewer
                            .view_older::<S::Event>(kind, version, frame.body)
                            .map_err(|error| refused(sequence, error))?;
                        state.apply(view, &header.meta(*partition, sequence));
                        next_sequence += 1;
                    }
                    Err(error) => return Err(refused(sequence, error)),
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
}

#[cold]
fn refused(sequence: u64, error: ViewError) -> RecoverError<ReplayError> {
    RecoverError::Frame(ReplayError::View(sequence, error))
}
