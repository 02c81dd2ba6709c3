//! What users implement.
#![forbid(unsafe_code)]

use std::io;

use crate::event::{Event, EventMeta};

/// A read state: the fold of the durable events of *all* partitions.
///
/// Events of one partition come in order and once each; between partitions there is no order. Where
/// the result depends on how partitions interleave, two foldings of one journal can differ.
pub trait Projection: Send + Sync + 'static {
    /// The events of the journal.
    type Event: Event;

    /// Why an event cannot be applied.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The version of what [`save`](Self::save) writes and of the logic behind it: raise it when
    /// either changes.
    const VERSION: u32;

    /// Applies one event.
    ///
    /// Readers wait while it runs, and an event may be applied a second time after a crash, to a
    /// state that has not seen it: it must have no effects but on `self`. Look before you change:
    /// what an event that fails has changed stays visible.
    ///
    /// # Errors
    ///
    /// Any: this projection then [fails](super::Status::Failed) at this event. Nothing else stops.
    ///
    /// # Panics
    ///
    /// A panic counts as an error.
    fn apply(
        &mut self,
        event: <Self::Event as Event>::View<'_>,
        meta: &EventMeta,
    ) -> Result<(), Self::Error>;

    /// Writes everything that [`load`](Self::load) needs to rebuild this state. Readers go on
    /// meanwhile. `out` is buffered.
    ///
    /// # Errors
    ///
    /// Those of `out`, or your own: the checkpoint is then given up, and the one before it stands.
    fn save(&self, out: &mut dyn io::Write) -> io::Result<()>;

    /// Takes over what [`save`](Self::save) of `version` wrote; `self` is fresh. The bytes are those
    /// that were written: their checksum has been compared. `from` ends with them and is buffered.
    ///
    /// # Errors
    ///
    /// Any, also for a `version` that you cannot read: the state is then folded anew from where it
    /// once began, where those events are still there.
    fn load(&mut self, version: u32, from: &mut dyn io::Read) -> io::Result<()>;
}
