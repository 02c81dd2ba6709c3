//! A source whose numbers increase.

use std::cell::Cell;

use super::registry::{Lease, Registry};
use super::table::LAG_UNKNOWN;
use super::{SourceError, SourcePublishError};
use crate::callback;
use crate::event::{Event, SourceStamp, State};
use crate::pipeline::{Pipeline, PublishError, Publisher, Receipt, WhenFull};
use crate::sync::Arc;

/// The one live handle of a named source: publishes events with increasing numbers.
///
/// In each partition a number at or below what that partition has of this source already is a
/// duplicate: it is counted and acknowledged, and not journaled again. So after a crash the same
/// numbered events are simply published again from the start, or from anywhere before the loss.
///
/// `Send`, but neither `Clone` nor `Sync`: numbers have one order.
#[derive(Debug)]
pub struct Source<E> {
    publisher: Publisher<E>,
    lease: Lease,
    last: Cell<u64>,
}

impl<S: State> Pipeline<S> {
    /// Opens the source `name` (1 to 1,024 bytes); creates it if it is new.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn source(&self, name: &str) -> Result<Source<S::Event>, SourceError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        Source::open(name, self.registry(), self.publisher())
    }

    /// Forgets the source `name` for ever: a source of that name that is opened later is a new one,
    /// whose numbers start again. `Ok` means that this is durable.
    ///
    /// # Errors
    ///
    /// [`SourceError::SourceBusy`] while it has a live handle, [`SourceError::Unknown`], or why it
    /// could not be made durable.
    pub fn retire_source(&self, name: &str) -> Result<(), SourceError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        self.registry().retire(name, &self.publisher())
    }
}

impl<E> Drop for Source<E> {
    fn drop(&mut self) {
        let known = &mut self.lease.known;
        known.last_number = known.last_number.max(self.last.get());
    }
}

impl<E: Event> Source<E> {
    pub(crate) fn open(
        name: &str,
        registry: &Arc<Registry>,
        publisher: Publisher<E>,
    ) -> Result<Self, SourceError> {
        let lease = registry.open(name, &publisher)?;
        Ok(Self {
            publisher,
            lease,
            last: Cell::new(0),
        })
    }

    /// Publishes the event under `number`, which is above every number used with this handle.
    /// Waits while the event's partition has no room.
    ///
    /// # Errors
    ///
    /// [`SourcePublishError::OutOfOrder`], or a [`PublishError`](crate::PublishError); the same
    /// number may then be tried again.
    pub fn publish(&self, number: u64, event: &E) -> Result<Receipt<'_>, SourcePublishError> {
        self.take(number, event, WhenFull::Wait)
    }

    /// As [`publish`](Self::publish), but never waits.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish), and [`PublishError::Full`](crate::PublishError::Full).
    pub fn try_publish(&self, number: u64, event: &E) -> Result<Receipt<'_>, SourcePublishError> {
        self.take(number, event, WhenFull::Refuse)
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.lease.name
    }

    /// The source's id in this journal.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.lease.known.source_id
    }

    fn take(
        &self,
        number: u64,
        event: &E,
        when_full: WhenFull,
    ) -> Result<Receipt<'_>, SourcePublishError> {
        let last = self.last.get();
        if number == u64::MAX {
            return Err(SourcePublishError::Number { number });
        }
        if number <= last {
            return Err(SourcePublishError::OutOfOrder { number, last });
        }
        let source_id = self.lease.known.source_id;
        let stamp = SourceStamp {
            source_id,
            number,
            lag: LAG_UNKNOWN,
        };
        let receipt = self.publisher.publish_stamped(event, stamp, when_full)?;
        self.last.set(number);
        Ok(receipt)
    }
}
