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

    /// Told of the events that [`apply`](Self::apply) gets next, a few dozen at a time, live and in
    /// replay: the moment to have the memory fetched that they will touch, all of it at once, with
    /// [`ringlog::prefetch`](crate::prefetch()). Worth it for a state larger than the inner caches.
    ///
    /// It changes nothing, and not calling it at all would be as right: how many events it is told
    /// of at a time differs between live and replay.
    ///
    /// # Panics
    ///
    /// A panic counts as one of `apply` for the first of the events.
    #[inline]
    fn prefetch(&self, coming: &[<Self::Event as Event>::View<'_>]) {
        let _ = coming;
    }
}
