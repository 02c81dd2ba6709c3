//! The receipt of an event that may have to wait for a gap to close before it is published.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::HeldError;
use crate::callback;
use crate::idle::Signal;
use crate::pipeline::{Receipt, ReceiptError, Settles};
use crate::sync::{self, Arc, Mutex};

/// What a contiguous source returns for an event that it took.
///
/// Like a [`Receipt`], but an event that is held behind a gap is not acknowledged before it was
/// released and became durable; if the source or pipeline closes first, it gets
/// [`HeldError::Closed`].
#[derive(Debug)]
pub struct ContiguousReceipt(State);

#[derive(Debug)]
enum State {
    Published(Receipt<'static>),
    Held(Arc<HeldSlot>),
}

/// Where a held event's fate is told.
#[derive(Debug, Default)]
pub(crate) struct HeldSlot {
    fate: Mutex<Fate>,
    told: Signal,
}

/// What became of a held event.
#[derive(Debug, Default)]
pub(crate) enum Fate {
    #[default]
    Unknown,
    /// Nobody knows yet, and these want to.
    Awaited(Vec<Waker>),
    Released(Settles),
    Failed(HeldError),
}

impl HeldSlot {
    /// Tells the fate. It runs the wakers of whoever asked, so no lock may be held.
    pub(crate) fn tell(&self, fate: Fate) {
        let before = std::mem::replace(&mut *sync::lock(&self.fate), fate);
        self.told.notify();
        if let Fate::Awaited(wakers) = before {
            wakers.into_iter().for_each(callback::wake);
        }
    }

    /// The fate, if it is known.
    fn look(&self) -> Option<Result<Receipt<'static>, HeldError>> {
        match &*sync::lock(&self.fate) {
            Fate::Unknown | Fate::Awaited(_) => None,
            Fate::Released(settles) => Some(Ok(settles.receipt())),
            Fate::Failed(error) => Some(Err(error.clone())),
        }
    }

    /// As [`look`](Self::look); a fate that is not known yet wakes `waker` when it is.
    fn look_later(&self, waker: &Waker) -> Option<Result<Receipt<'static>, HeldError>> {
        {
            let mut fate = sync::lock(&self.fate);
            match &mut *fate {
                Fate::Unknown => *fate = Fate::Awaited(vec![waker.clone()]),
                Fate::Awaited(wakers) if wakers.iter().any(|other| other.will_wake(waker)) => {}
                Fate::Awaited(wakers) => wakers.push(waker.clone()),
                Fate::Released(_) | Fate::Failed(_) => {}
            }
        }
        self.look()
    }
}

impl ContiguousReceipt {
    pub(crate) fn published(settles: &Settles) -> Self {
        Self(State::Published(settles.receipt()))
    }

    pub(crate) fn held(slot: Arc<HeldSlot>) -> Self {
        Self(State::Held(slot))
    }

    /// Whether the event is still held behind a gap.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(&self.0, State::Held(slot) if slot.look().is_none())
    }

    /// Blocks until the event is released and durable.
    ///
    /// # Errors
    ///
    /// [`HeldError`].
    pub fn wait(self) -> Result<(), HeldError> {
        if callback::is_inside() {
            return Err(ReceiptError::WouldDeadlock.into());
        }
        let receipt = match self.0 {
            State::Published(receipt) => receipt,
            State::Held(slot) => {
                let mut fate = None;
                slot.told.wait_until(|| {
                    fate = slot.look();
                    fate.is_some()
                });
                match fate {
                    Some(fate) => fate?,
                    None => unreachable!("the wait ends when the fate is known"),
                }
            }
        };
        Ok(receipt.wait()?)
    }
}

impl Future for ContiguousReceipt {
    type Output = Result<(), HeldError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Held(slot) = &self.0 {
            match slot.look_later(context.waker()) {
                None => return Poll::Pending,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(receipt)) => self.0 = State::Published(receipt),
            }
        }
        match &mut self.0 {
            State::Published(receipt) => Pin::new(receipt).poll(context).map_err(Into::into),
            State::Held(_) => Poll::Pending,
        }
    }
}
