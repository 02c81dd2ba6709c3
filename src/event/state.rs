//! State: the fold of a partition's events.

use super::{Event, EventMeta};

/// The state of one partition, owned by its thread alone.
pub trait State: Send + 'static {
    /// The events that make up this state.
    type Event: Event;

    /// Applies one event. Called once per event, in sequence order, live and in replay alike.
    ///
    /// It must depend on nothing but the state, the event and `meta`: no clock, no randomness, no
    /// iteration over a randomly seeded hash map, or a replayed state differs from the live one.
    ///
    /// # Panics
    ///
    /// A panic poisons this partition: the event is not made durable, what precedes it is, and its
    /// publisher and all later ones get `ApplyPanicked`. The directory stays openable.
    fn apply(&mut self, event: <Self::Event as Event>::View<'_>, meta: &EventMeta);
}
