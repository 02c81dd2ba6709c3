//! How other threads look at a partition's state: they send a closure, and wait for it.
//!
//! The state is owned by one thread without a lock; a reader's closure runs there, between two
//! batches, so it sees a state between two events.

use std::collections::VecDeque;

use crate::callback::Callback;
use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::sync::{self, Arc, AtomicBool, AtomicUsize, Mutex, Ordering};

/// The closures that wait for a partition's thread.
pub(crate) struct Mailbox<S> {
    /// How many wait. Written under the lock, read without it.
    waiting: AtomicUsize,
    queue: Mutex<Queue<S>>,
}

struct Queue<S> {
    visits: VecDeque<Visit<S>>,
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
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(Queue {
                visits: VecDeque::new(),
                closed: false,
            }),
        }
    }

    /// Runs `look` on the partition's thread and returns what it returned, with the last sequence
    /// applied. Blocks until then; a panic of `look` goes on here.
    ///
    /// # Errors
    ///
    /// [`NoState`] when the partition ended or its state is not to be trusted.
    pub(crate) fn visit<R: Send>(
        &self,
        worker: &Signal,
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
        self.send(Visit { run: Some(run) });
        worker.notify();
        // ORDERING: acquire pairs with the release in `Finish`.
        answer
            .signal
            .wait_until(|| answer.done.load(Ordering::Acquire));
        let outcome = sync::lock(&answer.outcome).take();
        match outcome {
            Some(Ok(seen)) => Ok(seen),
            Some(Err(payload)) => std::panic::resume_unwind(payload),
            None => Err(NoState),
        }
    }

    fn send(&self, visit: Visit<S>) {
        let refused = {
            let mut queue = sync::lock(&self.queue);
            if queue.closed {
                Some(visit)
            } else {
                queue.visits.push_back(visit);
                // ORDERING: relaxed: the notify that follows orders it.
                self.waiting.store(queue.visits.len(), Ordering::Relaxed);
                None
            }
        };
        // Dropped outside the lock: that answers it.
        drop(refused);
    }

    /// Whether a visit waits.
    #[inline]
    pub(crate) fn has_visits(&self) -> bool {
        // ORDERING: relaxed: a visit that is missed here is announced by a notify.
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// How many visits wait.
    pub(crate) fn waiting(&self) -> usize {
        sync::lock(&self.queue).visits.len()
    }

    /// Shows the state to the first `visits` visits that wait.
    pub(crate) fn serve(&self, visits: usize, state: &S, sequence: u64) {
        for _ in 0..visits {
            let Some(mut visit) = self.next() else { return };
            if let Some(run) = visit.run.take() {
                run(Some((state, sequence)));
            }
        }
    }

    /// Turns every waiting visit away.
    pub(crate) fn turn_away(&self) {
        while self.next().is_some() {}
    }

    /// Turns every waiting visit away, and every later one at once.
    pub(crate) fn close(&self) {
        if !is_planted(Canary::MailboxStaysOpen) {
            sync::lock(&self.queue).closed = true;
        }
        self.turn_away();
    }

    fn next(&self) -> Option<Visit<S>> {
        let mut queue = sync::lock(&self.queue);
        let visit = queue.visits.pop_front();
        // ORDERING: relaxed: see `has_visits`.
        self.waiting.store(queue.visits.len(), Ordering::Relaxed);
        visit
    }
}

impl<S> Drop for Visit<S> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            run(None);
        }
    }
}

impl<S> std::fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
