//! States of the past: [as of](AsOf) a sequence, or an event time.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::callback::{Callback, panic_message};
use crate::event::{EventMeta, State, ViewError, Viewer};
use crate::journal::{Cursor, JournalReader, ReadError};
use crate::snapshot::AsOf;

/// A state of the past.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StateAt<S> {
    /// The state.
    pub state: S,
    /// How many events made it, retired ones included.
    pub events: u64,
    /// The last sequence that was looked at: that of the moment, or the journal's last one.
    pub last_sequence: u64,
}

/// Why there is no state of a moment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimeTravelError {
    /// The journal cannot be read up to there; [`ReadError::Retired`] where the moment lies before
    /// the oldest kept snapshot.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal is not as long. Ask for a moment up to `last_sequence`.
    #[error(
        "partition {partition} has no sequence {asked} yet: its last event is number {last_sequence}"
    )]
    BeyondTheEnd {
        /// The partition.
        partition: u32,
        /// The sequence that was asked for.
        asked: u64,
        /// The last one there is.
        last_sequence: u64,
    },
    /// An event is not one of this program's. Use the program that wrote it.
    #[error("cannot apply partition {partition}, sequence {sequence}: {source}")]
    View {
        /// The partition.
        partition: u32,
        /// The event's sequence.
        sequence: u64,
        /// What is wrong with it.
        source: ViewError,
    },
    /// `apply` panicked.
    #[error("`apply` panicked at partition {partition}, sequence {sequence}: {message}")]
    Panicked {
        /// The partition.
        partition: u32,
        /// The event's sequence.
        sequence: u64,
        /// The panic's text.
        message: String,
    },
}

impl TimeTravelError {
    /// Whether something that was durable is damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, Self::Read(error) if error.is_corruption())
    }
}

impl JournalReader {
    /// The state of `partition` at a moment, from the nearest kept snapshot that holds nothing
    /// behind it: all events within both bounds, applied in sequence order.
    ///
    /// Event times may run backwards. So with a bound on them a snapshot serves only if its greatest
    /// event time is within it, and the journal is read to its end or to the last sequence.
    ///
    /// # Errors
    ///
    /// [`TimeTravelError`].
    pub fn state_at<S: State>(
        &self,
        partition: u32,
        as_of: AsOf,
        fresh: impl FnMut(u32) -> S,
    ) -> Result<StateAt<S>, TimeTravelError> {
        self.state_at_telling(partition, as_of, fresh, |_| ())
    }

    /// As [`state_at`](Self::state_at); tells `on_event` of each event that is read.
    ///
    /// # Errors
    ///
    /// [`TimeTravelError`].
    pub fn state_at_telling<S: State>(
        &self,
        partition: u32,
        as_of: AsOf,
        fresh: impl FnMut(u32) -> S,
        mut on_event: impl FnMut(&EventMeta),
    ) -> Result<StateAt<S>, TimeTravelError> {
        let (mut state, mut cursor) = self.restore(partition, as_of, fresh)?;
        let mut events = cursor.totals().events();
        // Outside of what may panic: the event that is being applied.
        let mut sequence = 0;
        let folded = catch_unwind(AssertUnwindSafe(|| {
            let mut fold = Fold {
                state: &mut state,
                events: &mut events,
                sequence: &mut sequence,
            };
            fold.run(&mut cursor, partition, as_of, &mut on_event)
        }));
        folded.unwrap_or_else(|payload| {
            Err(TimeTravelError::Panicked {
                partition,
                sequence,
                message: panic_message(&*payload),
            })
        })?;
        let last_sequence = cursor.last_sequence();
        if let Some(asked) = as_of.sequence
            && asked > last_sequence
        {
            return Err(TimeTravelError::BeyondTheEnd {
                partition,
                asked,
                last_sequence,
            });
        }
        Ok(StateAt {
            state,
            events,
            last_sequence,
        })
    }
}

/// A state on its way to a moment.
struct Fold<'a, S> {
    state: &'a mut S,
    events: &'a mut u64,
    sequence: &'a mut u64,
}

impl<S: State> Fold<'_, S> {
    fn run(
        &mut self,
        cursor: &mut Cursor,
        partition: u32,
        as_of: AsOf,
        on_event: &mut dyn FnMut(&EventMeta),
    ) -> Result<(), TimeTravelError> {
        let mut viewer = Viewer::default();
        while as_of
            .sequence
            .is_none_or(|last| cursor.last_sequence() < last)
        {
            let Some(event) = cursor.next_event()? else {
                break;
            };
            on_event(&event.meta);
            // Event times may run backwards: a later event may be within the bounds again.
            if event.meta.event_time_ms > as_of.event_time_ms {
                continue;
            }
            *self.sequence = event.meta.sequence;
            let view =
                event
                    .view::<S::Event>(&mut viewer)
                    .map_err(|source| TimeTravelError::View {
                        partition,
                        sequence: event.meta.sequence,
                        source,
                    })?;
            let _inside = Callback::enter();
            self.state.apply(view, &event.meta);
            *self.events += 1;
        }
        Ok(())
    }
}
