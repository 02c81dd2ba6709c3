//! A receipt: the promise of an acknowledgement, which may be waited for, polled, or dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::ReceiptError;
use crate::callback;
use crate::partition::Gate;
use crate::sync::Arc;
use crate::watermark::{Failed, Registration, Watermark};

/// What [`Publisher::publish`](crate::Publisher::publish) returns for an event that was taken.
///
/// `Ok` from [`wait`](Self::wait), or from it as a future, guarantees that the event, and
/// everything before it in its partition, is applied and as durable as the pipeline's
/// [`Durability`](crate::Durability) says; for a duplicate, that its original is.
///
/// A receipt that is not waited for costs nothing and may be dropped at any time. It borrows the
/// publisher; [`detach`](Self::detach) makes one that does not, for a task of its own.
#[derive(Debug)]
pub struct Receipt<'a> {
    gate: GateRef<'a>,
    position: u64,
    level: Level,
    /// Where a polled receipt stands among the waiters.
    registration: Option<Registration>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Durable,
    /// Only that it is decided and applied: for commands.
    Applied,
}

#[derive(Debug)]
enum GateRef<'a> {
    Borrowed(&'a Arc<Gate>),
    Shared(Arc<Gate>),
}

impl GateRef<'_> {
    fn get(&self) -> &Arc<Gate> {
        match self {
            Self::Borrowed(gate) => gate,
            Self::Shared(gate) => gate,
        }
    }
}

/// Where an event settles: makes any number of receipts for it.
#[derive(Debug, Clone)]
pub(crate) struct Settles {
    pub(crate) gate: Arc<Gate>,
    pub(crate) position: u64,
}

impl Settles {
    pub(crate) fn receipt(&self) -> Receipt<'static> {
        let gate = GateRef::Shared(Arc::clone(&self.gate));
        Receipt {
            gate,
            position: self.position,
            level: Level::Durable,
            registration: None,
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.gate.settled.get() >= self.position
    }
}

impl<'a> Receipt<'a> {
    pub(crate) fn settles(&self) -> Settles {
        Settles {
            gate: Arc::clone(self.gate.get()),
            position: self.position,
        }
    }

    #[inline]
    pub(crate) fn new(gate: &'a Arc<Gate>, position: u64) -> Self {
        Self {
            gate: GateRef::Borrowed(gate),
            position,
            level: Level::Durable,
            registration: None,
        }
    }

    /// Blocks until the event is durable; parks at once, without spinning.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Poisoned`] when the partition stopped before; [`ReceiptError::WouldDeadlock`]
    /// from inside a callback.
    pub fn wait(self) -> Result<(), ReceiptError> {
        self.block()
    }

    /// As [`wait`](Self::wait), without giving the receipt away.
    pub(crate) fn block(&self) -> Result<(), ReceiptError> {
        if callback::is_inside() {
            return Err(ReceiptError::WouldDeadlock);
        }
        self.watermark()
            .wait(self.position)
            .map_err(|failed| self.error(failed))
    }

    /// Waits for another level from now on.
    pub(crate) fn wait_for(&mut self, level: Level) {
        self.forget();
        self.level = level;
    }

    /// Where its record is in the partition's ring.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Another one for the same, that borrows nothing.
    pub(crate) fn shared(&self) -> Receipt<'static> {
        Receipt {
            gate: GateRef::Shared(Arc::clone(self.gate.get())),
            position: self.position,
            level: self.level,
            registration: None,
        }
    }

    /// Whether the event is durable by now, or never will be. Never blocks.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Poisoned`].
    pub fn is_durable(&self) -> Result<bool, ReceiptError> {
        match self.watermark().check(self.position) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(failed)) => Err(self.error(failed)),
            Poll::Pending => Ok(false),
        }
    }

    /// A receipt that borrows nothing.
    pub fn detach(self) -> Receipt<'static> {
        self.shared()
    }

    /// The partition that took the event.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.gate.get().partition
    }

    fn watermark(&self) -> &Watermark {
        match self.level {
            Level::Durable => &self.gate.get().settled,
            Level::Applied => &self.gate.get().applied,
        }
    }

    #[cold]
    fn forget(&mut self) {
        if let Some(registration) = self.registration.take() {
            self.watermark().forget(registration);
        }
    }

    fn error(&self, _: Failed) -> ReceiptError {
        match self.gate.get().receipt_poison() {
            Some(poison) => ReceiptError::Poisoned(poison.clone()),
            None => unreachable!("the watermark fails only after its cause is set"),
        }
    }
}

impl Future for Receipt<'_> {
    type Output = Result<(), ReceiptError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut registration = self.registration.take();
        let position = self.position;
        let polled = self.watermark().poll(position, &mut registration, context);
        self.registration = registration;
        polled.map_err(|failed| self.error(failed))
    }
}

impl Drop for Receipt<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.registration.is_some() {
            self.forget();
        }
    }
}
