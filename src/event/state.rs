//! State: the fold of a partition's events.
#![forbid(unsafe_code)]

use std::io;

use super::{Event, EventMeta};

/// The state of one partition, owned by its thread alone.
pub trait State: Send + 'static {
    /// The events that make up this state.
    type Event: Event;

    /// The version of what [`save`](Self::save) writes and of the logic behind it: raise it when
    /// either changes. 0, the default: this state takes no snapshots.
    ///
    /// A snapshot of another version is passed over where the whole history can be replayed
    /// instead. Where it cannot, because segments were retired, it is offered to
    /// [`load`](Self::load) with its version.
    const SNAPSHOT_VERSION: u32 = 0;

    /// How many keys have their events counted, so that callers who decide outside can
    /// [append](crate::Appender) where nothing has changed. 0, the default: none.
    ///
    /// It costs a look into a table an event, and 32 bytes of memory a key. The counts are part of
    /// snapshots: one that was taken without them, or with another limit that was exceeded, is passed over
    /// where the whole history can be replayed instead; where it cannot, keys that it did not count are
    /// unknown.
    const KEY_VERSIONS_MAX: usize = 0;

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

    /// Writes everything that [`load`](Self::load) needs to rebuild this state.
    ///
    /// Called on the snapshot thread, on a state of its own: it may take its time. `out` is
    /// buffered.
    ///
    /// # Errors
    ///
    /// Those of `out`, or your own: the snapshot is then given up and reported, and nothing else
    /// happens.
    fn save(&self, _out: &mut dyn io::Write) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes over what [`save`](Self::save) of `version` wrote. `self` is fresh from the function
    /// that the pipeline was opened with. The bytes are those that were written: their checksum has
    /// been compared. `from` ends with them and is buffered.
    ///
    /// # Errors
    ///
    /// Any, also for a `version` that you cannot read: the next older snapshot is tried, and then
    /// the whole history, where there is one.
    fn load(&mut self, _version: u32, _from: &mut dyn io::Read) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
