//! How other threads look at a partition's state: they send a closure, and wait for it.
//!
//! The state is owned by one thread without a lock; a reader's closure runs there, between two
//! batches, so it sees a state between two events.
#![allow(
    unsafe_code,
    reason = "a reader's closure outlives its lifetime in the types, not in fact"
)]

use std::collections::VecDeque;

use crate::callback::Callback;
use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::sync::{self, Arc, AtomicBool, AtomicU64, Mutex, Ordering};

/// The closures that wait for a partition's thread.
pub(crate) struct Mailbox<S> {
    /// The lowest ring position that a visit waits for; `u64::MAX` where none waits. Written under
    /// the lock, read without it.
    due_from: AtomicU64,
    queue: Mutex<Queue<S>>,
}

struct Queue<S> {
    /// With the ring position that is to be read first.
    visits: VecDeque<(u64, Visit<S>)>,
    closed: bool,
}

/// What a visit is shown: the state and the last sequence applied to it, or nothing at the end.
type Shown<'a, S> = Option<(&'a S, u64)>;

/// A closure that looks at what it is shown.
type Look<'a, S> = Box<dyn for<'s> FnOnce(Shown<'s, S>) + Send + 'a>;

/// A closure that runs exactly once: with the state, or with nothing when dropped unrun.
pub(crate) struct Visit<S> {
    run: Option<Look<'static, S>>,
}

/// The partition has no state to show any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoState;

struct Answer<R> {
    outcome: Mutex<Option<std::thread::Result<(R, u64)>>>,
    done: AtomicBool,
    signal: Signal,
}

/// Tells the visitor that its closure is gone; dropped after the closure is.
struct Finish<R>(Arc<Answer<R>>);

impl<R> Drop for Finish<R> {
    fn drop(&mut self) {
        // ORDERING: release publishes the outcome, and that the closure is gone, to `visit`.
        self.0.done.store(true, Ordering::Release);
        self.0.signal.notify();
    }
}

impl<S> Mailbox<S> {
    pub(crate) fn new() -> Self {
        Self {
            due_from: AtomicU64::new(u64::MAX),
            queue: Mutex::new(Queue {
                visits: VecDeque::new(),
                closed: false,
            }),
        }
    }

    /// Runs `look` on the partition's thread, once the ring was read up to the position `after`, and
    /// returns what it returned, with the last sequence applied. Blocks until then; a panic of `look`
    /// goes on here.
    ///
    /// # Errors
    ///
    /// [`NoState`] when the partition ended or its state is not to be trusted.
    pub(crate) fn visit<R: Send>(
        &self,
        worker: &Signal,
        after: u64,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<(R, u64), NoState> {
        let answer = Arc::new(Answer {
            outcome: Mutex::new(None),
            done: AtomicBool::new(false),
            signal: Signal::new(),
        });
        let finish = Finish(Arc::clone(&answer));
        let run: Look<'_, S> = Box::new(move |shown| {
            // Dropped last: `look` and all that it borrows are gone before the visitor goes on.
            let finish = finish;
            if let Some((state, sequence)) = shown {
                let _inside = Callback::enter();
                let look = std::panic::AssertUnwindSafe(|| (look(state), sequence));
                *sync::lock(&finish.0.outcome) = Some(std::panic::catch_unwind(look));
            } else {
                drop(look);
            }
        });
        // SAFETY: only the lifetime changes. The closure, and with it everything it borrows from
        // this stack frame, is consumed before `Finish` sets `done` (a `Visit` runs its closure
        // exactly once, at the latest when dropped), and this function does not return before it
        // has seen `done`. After that the partition's thread touches only the `Answer`, which it
        // shares by `Arc` and which then holds nothing of `R`.
        let run: Look<'static, S> = unsafe { std::mem::transmute(run) };
        self.send(after, Visit { run: Some(run) });
        worker.notify();
        if !is_planted(Canary::VisitDoneEarly) {
            // ORDERING: acquire pairs with the release in `Finish`.
            answer
                .signal
                .wait_until(|| answer.done.load(Ordering::Acquire));
        }
        let outcome = sync::lock(&answer.outcome).take();
        match outcome {
            Some(Ok(seen)) => Ok(seen),
            Some(Err(payload)) => std::panic::resume_unwind(payload),
            None => Err(NoState),
        }
    }

    fn send(&self, after: u64, visit: Visit<S>) {
        let refused = {
            let mut queue = sync::lock(&self.queue);
            if queue.closed {
                Some(visit)
            } else {
                queue.visits.push_back((after, visit));
                self.look_at(&queue);
                None
            }
        };
        // Dropped outside the lock: that answers it.
        drop(refused);
    }

    fn look_at(&self, queue: &Queue<S>) {
        let due_from = queue
            .visits
            .iter()
            .map(|(after, _)| *after)
            .min()
            .unwrap_or(u64::MAX);
        // ORDERING: relaxed: the notify that follows a visit orders it.
        self.due_from.store(due_from, Ordering::Relaxed);
    }

    /// Whether a visit waits for nothing above `position`.
    #[inline]
    pub(crate) fn is_due(&self, position: u64) -> bool {
        // ORDERING: relaxed: a visit that is missed here is announced by a notify.
        self.due_from.load(Ordering::Relaxed) <= position
    }

    /// Whether a visit waits.
    pub(crate) fn has_visits(&self) -> bool {
        self.is_due(u64::MAX - 1)
    }

    /// Shows the state, which holds everything up to the ring position `position`, to every visit
    /// that waits for no more.
    pub(crate) fn serve(&self, position: u64, state: &S, sequence: u64) {
        while let Some(mut visit) = self.next(position) {
            if let Some(run) = visit.run.take() {
                run(Some((state, sequence)));
            }
        }
    }

    /// Turns every waiting visit away.
    pub(crate) fn turn_away(&self) {
        while self.next(u64::MAX - 1).is_some() {}
    }

    /// Turns every waiting visit away, and every later one at once.
    pub(crate) fn close(&self) {
        if !is_planted(Canary::MailboxStaysOpen) {
            sync::lock(&self.queue).closed = true;
        }
        self.turn_away();
    }

    fn next(&self, position: u64) -> Option<Visit<S>> {
        let mut queue = sync::lock(&self.queue);
        let index = queue
            .visits
            .iter()
            .position(|(after, _)| *after <= position)?;
        let visit = queue.visits.remove(index);
        self.look_at(&queue);
        visit.map(|(_, visit)| visit)
    }
}

impl<S> Drop for Visit<S> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            // What the closure captured is dropped in there: the visitor's code, which may panic.
            let turn_away = std::panic::AssertUnwindSafe(|| run(None));
            if std::panic::catch_unwind(turn_away).is_err() {
                tracing::error!("dropping a reader's closure panicked; it was turned away");
            }
        }
    }
}

impl<S> std::fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("due_from", &self.due_from)
            .finish_non_exhaustive()
    }
}
