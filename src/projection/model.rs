//! What the readers of a projection have.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use super::rebuild::{Request, Ticket};
use super::{Failure, Projection, Rebuild, WaitError};
use crate::callback::{self, Callback};
use crate::clock;
use crate::idle::Signal;
use crate::journal::{JournalReader, ReadError};
use crate::partition::{Gate, Poison};
use crate::sync::{self, Arc, AtomicBool, JoinHandle, Mutex, Ordering, RwLock, Statistic};
use crate::watermark::Watermark;

/// A handle on a running projection: asks its state from any thread. Clone it for others.
///
/// The projection ends, with a checkpoint, when it is [stopped](Self::stop), its pipeline is closed,
/// or the last handle is dropped. The state can be read for as long as there is a handle.
pub struct ReadModel<P: Projection>(Arc<Handle<P>>);

/// How a projection is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Status {
    /// It applies what becomes durable.
    Running,
    /// Its checkpoint could not be used, and the state is on its way from where it once began to
    /// what was durable when it was started; or it is being [rebuilt](ReadModel::rebuild), and the
    /// old state is up to date.
    Rebuilding,
    /// It stopped at an event that it could not read or apply. The state is that of before, as far
    /// as `apply` left it alone.
    Failed(Failure),
    /// It was stopped, or its pipeline closed.
    Stopped,
}

/// How far a projection is behind one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// The partition.
    pub partition: u32,
    /// Durable events that are not applied yet.
    pub events: u64,
    /// The age of the last event that is applied, by the wall clock, where there are some behind it;
    /// else zero.
    pub time: Duration,
}

/// What is stored of a projection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last sequence of each partition that is in it; empty where there is none yet.
    pub sequences: Vec<u64>,
    /// Why none could be stored since, where that is so. The projection goes on and tries again.
    pub failure: Option<Arc<str>>,
}

/// What the handles and the projector share.
pub(super) struct Shared<P> {
    pub(super) name: Arc<str>,
    pub(super) state: RwLock<P>,
    /// The last sequence of each partition that was handled.
    pub(super) applied: Vec<Watermark>,
    pub(super) journal_times_ns: Vec<Statistic>,
    pub(super) durable: Durable,
    pub(super) status: Mutex<Status>,
    pub(super) checkpoint: Mutex<Checkpoint>,
    pub(super) request: Mutex<Option<Request<P>>>,
    /// Wakes the projector for anything but new events.
    pub(super) called: Signal,
    stopped: AtomicBool,
    /// Becomes 1 when the projector has ended.
    pub(super) ended: Watermark,
}

/// Who knows how far a partition is durable.
#[derive(Debug)]
pub(super) enum Durable {
    /// The pipeline of this process, and what its journalers notify.
    Gates(Arc<[Arc<Gate>]>, Arc<Signal>),
    /// The control words of a journal that another process may be writing.
    Journal(Arc<JournalReader>),
}

impl Durable {
    /// The last durable sequence of a partition, without a look at the disk.
    pub(super) fn known(&self, partition: u32) -> Option<u64> {
        match self {
            Self::Gates(gates, _) => gates.get(partition as usize).map(|gate| gate.durable.get()),
            Self::Journal(_) => None,
        }
    }

    /// Why nothing more of a partition becomes durable, and the last sequence that is; `None` where
    /// more can, or it is not known.
    pub(super) fn poison(&self, partition: u32) -> Option<(&Poison, u64)> {
        let Self::Gates(gates, _) = self else {
            return None;
        };
        let gate = gates.get(partition as usize)?;
        // The watermark is looked at behind its failure: it is the last one then.
        let failed = gate.durable.check(u64::MAX).is_ready();
        let poison = gate.receipt_poison().filter(|_| failed)?;
        Some((poison, gate.durable.get()))
    }

    /// As [`sequence`](Self::sequence), but also what a control word from before a power cut does not
    /// know of.
    pub(super) fn last_sequence(&self, partition: u32) -> Result<u64, ReadError> {
        let Self::Journal(reader) = self else {
            return self.sequence(partition);
        };
        let acknowledged = reader.acknowledged_sequence(partition)?;
        let mut cursor = match acknowledged {
            Some(sequence) => reader.cursor_from(partition, sequence)?,
            None => reader.cursor(partition)?,
        };
        while cursor.next_event()?.is_some() {}
        Ok(cursor.mark("").0.sequence)
    }

    /// The last durable sequence of a partition; of a journal that nobody has open, as far as its
    /// control word knows.
    pub(super) fn sequence(&self, partition: u32) -> Result<u64, ReadError> {
        match self {
            Self::Gates(..) => Ok(self.known(partition).unwrap_or_default()),
            Self::Journal(reader) => {
                let acknowledged = reader.acknowledged_sequence(partition)?;
                Ok(acknowledged.unwrap_or_default())
            }
        }
    }
}

impl<P> Shared<P> {
    pub(super) fn new(
        name: Arc<str>,
        state: P,
        durable: Durable,
        reached: &[(u64, u64)],
        checkpoint: Checkpoint,
    ) -> Self {
        let times = reached.iter().map(|(_, time_ns)| {
            let time = Statistic::default();
            time.set(*time_ns);
            time
        });
        Self {
            name,
            state: RwLock::new(state),
            applied: reached
                .iter()
                .map(|(sequence, _)| Watermark::new(*sequence))
                .collect(),
            journal_times_ns: times.collect(),
            durable,
            status: Mutex::new(Status::Running),
            checkpoint: Mutex::new(checkpoint),
            request: Mutex::new(None),
            called: Signal::new(),
            stopped: AtomicBool::new(false),
            ended: Watermark::new(0),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        // ORDERING: acquire pairs with the release in `ask_to_stop`.
        self.stopped.load(Ordering::Acquire)
    }

    /// Has the projector end at its next step.
    pub(super) fn ask_to_stop(&self) {
        // ORDERING: release pairs with the acquire in `is_stopped`; it carries nothing else.
        self.stopped.store(true, Ordering::Release);
        self.call();
    }

    /// Wakes the projector, whatever it waits for.
    pub(super) fn call(&self) {
        self.called.notify();
        if let Durable::Gates(_, followers) = &self.durable {
            followers.notify();
        }
    }

    pub(super) fn set_status(&self, status: Status) {
        *sync::lock(&self.status) = status;
    }

    /// Whether somebody waits for an event to be applied.
    pub(super) fn is_waited_for(&self) -> bool {
        self.applied.iter().any(Watermark::has_waiters)
    }
}

/// The thread of a projection.
#[derive(Debug, Default)]
pub(super) struct Thread(pub(super) Mutex<Option<JoinHandle<()>>>);

/// Ends a projection that was asked to stop, and waits until it has.
pub(super) fn wait_for_end<P>(shared: &Shared<P>, thread: &Thread) {
    if callback::is_inside() {
        // It may be the projector itself that runs this.
        return;
    }
    let _ = shared.ended.wait(1);
    let thread = sync::lock(&thread.0).take();
    if let Some(thread) = thread {
        // The thread contains every panic itself.
        let _ = thread.join();
    }
}

/// What all clones of a [`ReadModel`] are.
pub(super) struct Handle<P: Projection> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) thread: Arc<Thread>,
}

impl<P: Projection> Drop for Handle<P> {
    fn drop(&mut self) {
        self.shared.ask_to_stop();
        wait_for_end(&self.shared, &self.thread);
    }
}

impl<P: Projection> ReadModel<P> {
    pub(super) fn new(handle: Handle<P>) -> Self {
        Self(Arc::new(handle))
    }

    /// Looks at the state. Only durable events are in it.
    ///
    /// It waits for at most a batch of a few dozen events to be applied, and the projection waits
    /// for `look`: keep it short. To ask many questions in one `look` costs less than to look many
    /// times, and all the answers are of one moment.
    ///
    /// # Panics
    ///
    /// When `look` does; and inside another `look` or any other callback of the engine, where it
    /// could wait for ever.
    #[inline]
    pub fn read<R>(&self, look: impl FnOnce(&P) -> R) -> R {
        assert!(
            !callback::is_inside(),
            "reading a model inside a callback could wait for ever"
        );
        let _inside = Callback::enter();
        look(&sync::read(&self.0.shared.state))
    }

    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }

    /// The last sequence of `partition` that was applied, or passed over in front of the starting
    /// point; `None` where there is no such partition.
    #[must_use]
    pub fn position(&self, partition: u32) -> Option<u64> {
        let applied = self.0.shared.applied.get(partition as usize)?;
        Some(applied.get())
    }

    /// How far it is behind what is durable, by partition.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`], but never beside a pipeline of this process.
    pub fn lag(&self) -> Result<Vec<Lag>, ReadError> {
        let shared = &self.0.shared;
        let now_ns = clock::wall_ns();
        let partitions = (0..).zip(shared.applied.iter().zip(&shared.journal_times_ns));
        partitions
            .map(|(partition, (applied, time_ns))| {
                let durable = shared.durable.sequence(partition)?;
                let events = durable.saturating_sub(applied.get());
                let time = match events {
                    0 => Duration::ZERO,
                    _ => Duration::from_nanos(now_ns.saturating_sub(time_ns.get())),
                };
                Ok(Lag {
                    partition,
                    events,
                    time,
                })
            })
            .collect()
    }

    /// Blocks until the event `sequence` of `partition` was applied: whoever has its receipt then
    /// reads what it wrote.
    ///
    /// # Errors
    ///
    /// [`WaitError`]: when the projection failed or stopped before, or its partition is poisoned and
    /// the event will never be durable; also while this waits. Beside a writer in another process
    /// nobody knows of a poison: whoever waits there for what never comes waits until the projection
    /// is stopped.
    pub fn wait_for(&self, partition: u32, sequence: u64) -> Result<(), WaitError> {
        let shared = &self.0.shared;
        let Some(applied) = shared.applied.get(partition as usize) else {
            return Err(WaitError::NoSuchPartition(partition));
        };
        if applied.check(sequence).is_pending() && callback::is_inside() {
            return Err(WaitError::WouldDeadlock);
        }
        match applied.wait_announced(sequence, || shared.call()) {
            Ok(()) => Ok(()),
            Err(_) => Err(match self.status() {
                Status::Failed(failure) => WaitError::Failed(failure),
                Status::Stopped => WaitError::Stopped,
                Status::Running | Status::Rebuilding => match shared.durable.poison(partition) {
                    Some((poison, _)) => WaitError::Poisoned(poison.clone()),
                    None => WaitError::Stopped,
                },
            }),
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        sync::lock(&self.0.shared.status).clone()
    }

    /// What is stored of it.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        sync::lock(&self.0.shared.checkpoint).clone()
    }

    /// Folds `fresh` from where this projection once began, beside the state that goes on answering,
    /// and puts it in that one's place when it has come as far: at once for every reader. From then
    /// on the checkpoint is of the new one.
    ///
    /// The rebuild goes on where what is returned is dropped. A crash before its end leaves the old
    /// state.
    #[must_use = "it tells what came of the rebuild"]
    pub fn rebuild(&self, fresh: P) -> Rebuild {
        let shared = &self.0.shared;
        let ticket = Ticket::new();
        let request = Request {
            fresh,
            ticket: Arc::clone(&ticket),
        };
        let former = sync::lock(&shared.request).replace(request);
        if let Some(former) = former {
            former.ticket.settle(Err(super::RebuildError::Superseded));
        }
        shared.call();
        // The projector that ended before this was asked for does not answer it.
        if shared.ended.get() > 0 {
            super::rebuild::refuse(shared);
        }
        Rebuild::new(ticket)
    }

    /// Ends the projection, with a checkpoint, and returns when it has ended. Its name can then be
    /// used again.
    pub fn stop(&self) {
        self.0.shared.ask_to_stop();
        wait_for_end(&self.0.shared, &self.0.thread);
    }
}

impl<P: Projection> Clone for ReadModel<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Projection> fmt::Debug for ReadModel<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadModel")
            .field("name", &self.0.shared.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
