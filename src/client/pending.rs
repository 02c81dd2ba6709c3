//! A command on its way: may be waited for, polled, or dropped.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::CommandError;
use super::seat::{Answer, Seat};
use crate::command::{Mailing, ReplyRing};
use crate::pipeline::{Level, Receipt};
use crate::sync::Arc;
use crate::watermark::Registration;

/// A command or an append that was taken, and that an answer will come for.
///
/// `Ok` from [`wait`](Self::wait), or from it as a future, guarantees that what was decided, and
/// everything before it in its partition, is applied and as durable as the pipeline's
/// [`Durability`](crate::Durability) says. That goes for a rejection, too: the events that were its
/// reason are durable.
///
/// It has a place in its client's ring until it is answered and dropped; one that is forgotten
/// ([`mem::forget`](std::mem::forget)) keeps it. Dropping it unanswered loses the answer, and nothing else. It borrows the client; [`detach`](Self::detach) makes one that does
/// not, for a task of its own.
pub struct Pending<'a, V> {
    receipt: Receipt<'a>,
    level: Level,
    /// Where a polled one stands among those who wait for that level.
    registration: Option<Registration>,
    mailing: MailingRef<'a, V>,
    /// `None` once another one has it.
    place: Option<usize>,
}

enum MailingRef<'a, V> {
    Borrowed(&'a Arc<Mailing<Answer<V>>>),
    Shared(Arc<Mailing<Answer<V>>>),
}

impl<V> MailingRef<'_, V> {
    fn get(&self) -> &Arc<Mailing<Answer<V>>> {
        match self {
            Self::Borrowed(mailing) => mailing,
            Self::Shared(mailing) => mailing,
        }
    }

    fn ring(&self) -> &ReplyRing<Answer<V>> {
        &self.get().ring
    }
}

impl<'a, V> Pending<'a, V> {
    #[inline]
    pub(super) fn new(seat: &'a Seat<V>, place: usize, receipt: Receipt<'a>) -> Self {
        seat.sent(place, receipt.partition(), receipt.position());
        Self {
            receipt,
            level: Level::Durable,
            registration: None,
            mailing: MailingRef::Borrowed(&seat.mailing),
            place: Some(place),
        }
    }

    /// Blocks until what was decided is durable; parks at once, without spinning.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    pub fn wait(self) -> Result<V, CommandError> {
        self.receipt.block(self.level)?;
        self.take()
    }

    /// From now on waits for less: that it is decided, and its events are applied. A crash may still
    /// take it back, also after its answer was seen.
    #[must_use]
    pub fn when_applied(mut self) -> Self {
        self.forget();
        self.level = Level::Applied;
        self
    }

    /// The answer, if the time for it has come. Never blocks. Afterwards this has nothing more to say,
    /// and must not be asked again.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    ///
    /// # Panics
    ///
    /// When the answer was taken before.
    pub fn try_take(&mut self) -> Option<Result<V, CommandError>> {
        match self.receipt.is_reached(self.level) {
            Ok(false) => None,
            Ok(true) => Some(self.take()),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// One that borrows nothing.
    #[must_use]
    pub fn detach(mut self) -> Pending<'static, V> {
        Pending {
            receipt: self.receipt.shared(),
            level: self.level,
            registration: None,
            mailing: MailingRef::Shared(Arc::clone(self.mailing.get())),
            place: self.place.take(),
        }
    }

    /// The partition that took it.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.receipt.partition()
    }

    fn forget(&mut self) {
        if let Some(registration) = self.registration.take() {
            self.receipt.forget(self.level, registration);
        }
    }

    fn take(&self) -> Result<V, CommandError> {
        let answer = self.place.and_then(|place| self.mailing.ring().take(place));
        match answer {
            Some(answer) => answer.map_err(CommandError::from),
            None => panic!("an answer is there before the command settles, and is taken once"),
        }
    }
}

impl<V> Future for Pending<'_, V> {
    type Output = Result<V, CommandError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            receipt,
            level,
            registration,
            ..
        } = &mut *self;
        match receipt.poll_level(*level, registration, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(self.take()),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        }
    }
}

impl<V> Drop for Pending<'_, V> {
    #[inline]
    fn drop(&mut self) {
        self.forget();
        if let Some(place) = self.place {
            self.mailing.ring().release(place);
        }
    }
}

impl<V> fmt::Debug for Pending<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}
