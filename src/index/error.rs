//! Why the events of a number could not be found.

use crate::event::ViewError;
use crate::journal::{ReadError, RecordedEvent};

/// The next event with a number could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// This program knows an event's type, but cannot look at the event: whether it has the number
    /// that was asked for is not known. Mend the upcaster, and look again.
    #[error("cannot look at partition {partition}, sequence {sequence}: {source}")]
    View {
        /// The partition.
        partition: u32,
        /// The event's sequence.
        sequence: u64,
        /// What is wrong with it.
        source: ViewError,
    },
}

impl FindError {
    /// Whether something that was durable is damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, Self::Read(error) if error.is_corruption())
    }

    pub(super) fn view(event: &RecordedEvent<'_>, source: ViewError) -> Self {
        Self::View {
            partition: event.meta.partition,
            sequence: event.meta.sequence,
            source,
        }
    }
}
