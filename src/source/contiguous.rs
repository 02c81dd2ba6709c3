//! A source whose numbers have no gaps, but may arrive in disorder and from several threads.

use std::time::Duration;

use super::receipt::{Fate, HeldSlot};
use super::registry::Holds;
use super::stream::{Stream, Taken};
use super::{ContiguousReceipt, SourceError, SourcePublishError};
use crate::callback;
use crate::clock::Moment;
use crate::event::{Archiver, Event, State};
use crate::idle::Signal;
use crate::pipeline::{Pipeline, PublishError, Publisher};
use crate::sync::{self, Arc, AtomicBool, JoinHandle, Mutex, Ordering, Statistic};

/// How much a contiguous source holds behind a gap, and for how long.
#[derive(Debug, Clone)]
pub struct ContiguousOptions {
    /// The number that will come first. Numbers below it will not come again: they were
    /// acknowledged, or belong to somebody else. By default the number after the last one that the
    /// journal knows to be settled, and 1 for a new source.
    pub resume_at: Option<u64>,
    /// Events held behind a gap before it is given up; 65,536 by default.
    pub held_events_max: usize,
    /// Bytes of archives held behind a gap before it is given up; 64 MiB by default.
    pub held_bytes_max: usize,
    /// How long a gap may stay open before it is given up; 5 seconds by default.
    pub gap_timeout: Duration,
}

impl Default for ContiguousOptions {
    fn default() -> Self {
        Self {
            resume_at: None,
            held_events_max: 65_536,
            held_bytes_max: 64 * 1024 * 1024,
            gap_timeout: Duration::from_secs(5),
        }
    }
}

/// What a contiguous source has seen since its handle was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContiguousStats {
    /// The number that is expected next.
    pub next_number: u64,
    /// Events held behind a gap at this moment.
    pub held_events: usize,
    /// Bytes of their archives.
    pub held_bytes: usize,
    /// Numbers that came again.
    pub duplicates: u64,
    /// Numbers that came after they had been given up.
    pub late: u64,
    /// Every gap of this source that was given up or declared, over all time: both ends included.
    pub gaps: Vec<(u64, u64)>,
}

/// The one live handle of a contiguous source: one ordered stream whose messages may arrive in
/// disorder and from several threads.
///
/// Numbers start at 1 and have no gaps. What comes after a gap is held until the gap closes, and
/// released in order; until then it is not acknowledged. A gap that stays open too long, or that
/// too much is held behind, is given up: it is reported, journaled as skipped, and a number of it
/// that comes later is [`Late`](SourcePublishError::Late). A gap that the sender knows of can be
/// [declared](Self::declare_gap).
///
/// Share it by reference: publishing takes `&self` and puts the numbers in order under a lock.
#[derive(Debug)]
pub struct ContiguousSource<E: Event> {
    inner: Arc<Inner<E>>,
    timer: Option<JoinHandle<()>>,
}

struct Inner<E: Event> {
    stream: Mutex<Stream<E>>,
    /// Memory to archive into before the stream is locked; as many as threads publish at once.
    archivers: Mutex<Vec<Archiver>>,
    options: ContiguousOptions,
    partitions: u32,
    /// The source or its pipeline closes: the timer's thread ends the stream.
    closed: AtomicBool,
    /// Wakes the timer's thread.
    gap_changed: Signal,
    shown: Shown,
}

/// Figures that may be looked at from anywhere, also while the stream is locked.
#[derive(Debug, Default)]
struct Shown {
    next_number: Statistic,
    held_events: Statistic,
    held_bytes: Statistic,
    duplicates: Statistic,
    late: Statistic,
    gaps: Mutex<Vec<(u64, u64)>>,
}

impl<E: Event> std::fmt::Debug for Inner<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S: State> Pipeline<S> {
    /// Opens the contiguous source `name` (1 to 1,024 bytes); creates it if it is new.
    ///
    /// After a restart the sender goes on with [`ContiguousStats::next_number`]: everything from
    /// there on may have been lost, and what was not is recognized as duplicate.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn contiguous_source(
        &self,
        name: &str,
        options: ContiguousOptions,
    ) -> Result<ContiguousSource<S::Event>, SourceError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock.into());
        }
        let publisher = self.publisher();
        let lease = self.registry().open(name, &publisher)?;
        let partitions = publisher.partitions();
        let stream = Stream::new(publisher, lease, options.resume_at.unwrap_or(1));
        let inner = Arc::new(Inner {
            stream: Mutex::new(stream),
            archivers: Mutex::new(Vec::new()),
            options,
            partitions,
            closed: AtomicBool::new(false),
            gap_changed: Signal::new(),
            shown: Shown::default(),
        });
        inner.with_stream(|_| ());
        let holds: Arc<dyn Holds> = inner.clone();
        self.registry().add_holding(Arc::downgrade(&holds));
        let timed = Arc::clone(&inner);
        let timer = sync::spawn_named("ringlog-gaps".into(), move || timed.run_timer())
            .map_err(SourceError::Thread)?;
        Ok(ContiguousSource {
            inner,
            timer: Some(timer),
        })
    }
}

impl<E: Event> ContiguousSource<E> {
    /// Publishes the event under `number`; holds it if a number before it is missing.
    ///
    /// # Errors
    ///
    /// [`SourcePublishError::Late`] for a number that was given up; otherwise why it was not taken:
    /// it may then be tried again.
    pub fn publish(&self, number: u64, event: &E) -> Result<ContiguousReceipt, SourcePublishError> {
        self.inner.check_usable()?;
        if number == 0 || number == u64::MAX {
            return Err(SourcePublishError::Number { number });
        }
        let mut archiver = self.inner.archiver();
        let taken = Publisher::prepare(&mut archiver, event, self.inner.partitions)
            .map_err(SourcePublishError::from)
            .and_then(|partition| {
                self.inner.with_stream(|stream| {
                    let options = &self.inner.options;
                    let taken = stream.take(number, partition, &mut archiver, options);
                    if let Err(error) = stream.settle(options) {
                        // This event was taken all the same; the next call meets the cause itself.
                        tracing::error!(%error, "cannot release what waits behind a gap");
                    }
                    taken
                })
            });
        sync::lock(&self.inner.archivers).push(archiver);
        match taken {
            Ok(Taken::New(receipt)) => Ok(receipt),
            Ok(Taken::Duplicate(receipt)) => {
                self.inner.shown.duplicates.add(1);
                Ok(receipt)
            }
            Err(error) => {
                if matches!(error, SourcePublishError::Late { .. }) {
                    self.inner.shown.late.add(1);
                }
                Err(error)
            }
        }
    }

    /// Declares that the numbers from `first` to `last`, both included, will not come. They are
    /// journaled as skipped once the numbers before them went on; those that were skipped before
    /// may be declared again.
    ///
    /// # Errors
    ///
    /// [`SourcePublishError::OutOfOrder`] when one of them has come already;
    /// [`SourcePublishError::TooManyGaps`]; or why a gap could not be journaled.
    pub fn declare_gap(&self, first: u64, last: u64) -> Result<(), SourcePublishError> {
        self.inner.check_usable()?;
        if first == 0 || last < first || last == u64::MAX {
            return Err(SourcePublishError::Number { number: first });
        }
        self.inner.with_stream(|stream| {
            stream.declare(first, last)?;
            stream.settle(&self.inner.options)
        })
    }

    /// What it has seen so far. Never blocks behind a publish.
    #[must_use]
    pub fn stats(&self) -> ContiguousStats {
        let shown = &self.inner.shown;
        let size = |figure: &Statistic| usize::try_from(figure.get()).unwrap_or(usize::MAX);
        ContiguousStats {
            next_number: shown.next_number.get(),
            held_events: size(&shown.held_events),
            held_bytes: size(&shown.held_bytes),
            duplicates: shown.duplicates.get(),
            late: shown.late.get(),
            gaps: sync::lock(&shown.gaps).clone(),
        }
    }
}

impl<E: Event> Drop for ContiguousSource<E> {
    /// Held events get [`HeldError::Closed`](super::HeldError::Closed).
    fn drop(&mut self) {
        self.inner.close();
        if let Some(timer) = self.timer.take()
            && !callback::is_inside()
        {
            let _ = timer.join();
        }
    }
}

impl<E: Event> Holds for Inner<E> {
    /// Asks the timer's thread to end the stream; never blocks, so it may be called from anywhere.
    fn close(&self) {
        // ORDERING: release pairs with the acquire in `is_closed`; it carries nothing else.
        self.closed.store(true, Ordering::Release);
        self.gap_changed.notify();
    }
}

impl<E: Event> Inner<E> {
    fn is_closed(&self) -> bool {
        // ORDERING: acquire pairs with the release in `close`.
        self.closed.load(Ordering::Acquire)
    }

    fn check_usable(&self) -> Result<(), PublishError> {
        if callback::is_inside() {
            return Err(PublishError::WouldDeadlock);
        }
        if self.is_closed() {
            return Err(PublishError::Closed);
        }
        Ok(())
    }

    fn archiver(&self) -> Archiver {
        sync::lock(&self.archivers)
            .pop()
            .unwrap_or_else(Publisher::<E>::new_archiver)
    }

    /// Works on the stream under its lock; what became of held events is told afterwards, because
    /// that runs the user's wakers.
    fn with_stream<R>(&self, work: impl FnOnce(&mut Stream<E>) -> R) -> R {
        let (done, told, gap_changed) = {
            let mut stream = sync::lock(&self.stream);
            let gap = stream.gap_since();
            let gaps_count = stream.skipped().len();
            let done = work(&mut stream);
            // Closed meanwhile, perhaps before the timer's thread could see what was held just now.
            if self.is_closed() {
                stream.fail_held();
            }
            self.show(&stream, gaps_count);
            (done, stream.take_told(), stream.gap_since() != gap)
        };
        if gap_changed {
            self.gap_changed.notify();
        }
        tell(told);
        done
    }

    fn show(&self, stream: &Stream<E>, gaps_count_before: usize) {
        let (held_events, held_bytes) = stream.held();
        self.shown.next_number.set(stream.next_number());
        self.shown.held_events.set(held_events as u64);
        self.shown.held_bytes.set(held_bytes as u64);
        let mut gaps = sync::lock(&self.shown.gaps);
        let shown_last = gaps.last().copied();
        if stream.skipped().len() != gaps_count_before
            || shown_last != stream.skipped().as_slice().last().copied()
        {
            stream.skipped().as_slice().clone_into(&mut gaps);
        }
    }

    /// The timer's thread: gives a gap up that stays open too long, although nobody publishes, and
    /// ends the stream when the source closes.
    fn run_timer(&self) {
        while !self.is_closed() {
            let (settled, since) = self.with_stream(|stream| {
                let settled = stream.settle(&self.options);
                (settled, stream.gap_since())
            });
            let left = |since: Moment| self.options.gap_timeout.saturating_sub(since.elapsed());
            let wait = match settled {
                Ok(()) => since.map(left),
                Err(error) => {
                    // Trying again would fail again: wait until something has changed.
                    tracing::error!(%error, "cannot give a gap up");
                    None
                }
            };
            self.gap_changed.wait_for(wait, || {
                self.is_closed() || sync::lock(&self.stream).gap_since() != since
            });
        }
        self.with_stream(Stream::fail_held);
    }
}

fn tell(told: Vec<(Arc<HeldSlot>, Fate)>) {
    for (slot, fate) in told {
        slot.tell(fate);
    }
}
