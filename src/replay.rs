//! Folding the journal's frames into state and tables, as the partition did when they were live.

use crate::callback::{Callback, panic_message};
use crate::event::{Event, State, ViewError};
use crate::journal::format::Frame;
use crate::snapshot::Tables;

/// A partition's state and tables, on their way through the journal.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    pub(crate) partition: u32,
    pub(crate) state: S,
    pub(crate) tables: Tables,
}

/// An event that could not be folded, by its sequence.
#[derive(Debug)]
pub(crate) enum ReplayError {
    View(u64, ViewError),
    Panicked(u64, String),
}

impl<S: State> Replay<S> {
    /// Folds one frame; `sequence` is its own if it is an event.
    pub(crate) fn fold(&mut self, sequence: u64, frame: &Frame<'_>) -> Result<(), ReplayError> {
        self.tables.replay(frame);
        if frame.header.is_control() {
            return Ok(());
        }
        let view = S::Event::view(frame.header.kind, frame.header.version, frame.body)
            .map_err(|error| ReplayError::View(sequence, error))?;
        let meta = frame.header.meta(self.partition, sequence);
        let _inside = Callback::enter();
        let state = &mut self.state;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.apply(view, &meta)))
            .map_err(|payload| ReplayError::Panicked(sequence, panic_message(&*payload)))
    }
}
