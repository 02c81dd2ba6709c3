//! What publishers and waiters see of a partition.
#![forbid(unsafe_code)]

use crossbeam::utils::CachePadded;

use super::alarm::Alarm;
use super::poison::Poison;
use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::sync::{Arc, AtomicBool, AtomicU8, OnceLock, Ordering, Statistic};
use crate::watermark::Watermark;

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const CLOSED: u8 = 2;
const POISONED: u8 = 3;

/// The shared face of one partition.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) partition: u32,
    /// Read by every publish: apart from what others write all the time.
    phase: CachePadded<AtomicU8>,
    /// Whether the pipeline closes; unlike the phase, also of a poisoned partition.
    closing: AtomicBool,
    /// What publishers are told.
    poison: OnceLock<Poison>,
    /// What unsettled receipts are told: set once nothing more can become durable.
    receipt_poison: OnceLock<Poison>,
    /// Wakes the thread that steps this partition.
    pub(crate) worker: Arc<Signal>,
    /// Wakes publishers that wait for room in the ring.
    pub(crate) space: Signal,
    /// The last durable sequence: for readers of the journal.
    pub(crate) durable: Watermark,
    /// The last ring position at or below which everything is durable or answered: for receipts.
    pub(crate) settled: Watermark,
    /// The last ring position at or below which every command is decided and its events are applied:
    /// for those who asked for no more. Only moved where there are commands.
    pub(crate) applied: Watermark,
    /// Wakes who follows the journal of any partition.
    pub(crate) followers: Arc<Signal>,
    /// Rings when enough was written for a snapshot.
    pub(crate) snapshot_alarm: Alarm,
    pub(crate) counters: CachePadded<Counters>,
}

/// Figures that threads outside may look at; they order nothing.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) applied_sequence: Statistic,
    pub(crate) duplicates: Statistic,
    pub(crate) commands: CachePadded<CommandCounters>,
    pub(crate) groups: Statistic,
    pub(crate) bytes_written: Statistic,
}

/// Of the commands that a partition decided.
#[derive(Debug, Default)]
pub(crate) struct CommandCounters {
    pub(crate) accepted: Statistic,
    pub(crate) rejected: Statistic,
    pub(crate) repeated: Statistic,
    pub(crate) panics: Statistic,
}

/// Why a partition takes no event.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Closed,
    Poisoned(Poison),
}

impl Gate {
    pub(crate) fn new(partition: u32, worker: Arc<Signal>, last_sequence: u64) -> Self {
        let counters = CachePadded::<Counters>::default();
        counters.applied_sequence.set(last_sequence);
        Self {
            partition,
            phase: CachePadded::new(AtomicU8::new(OPEN)),
            closing: AtomicBool::new(false),
            poison: OnceLock::new(),
            receipt_poison: OnceLock::new(),
            worker,
            space: Signal::new(),
            durable: Watermark::new(last_sequence),
            settled: Watermark::new(0),
            applied: Watermark::new(0),
            followers: Arc::new(Signal::new()),
            snapshot_alarm: Alarm::new(Arc::new(Signal::new())),
            counters,
        }
    }

    /// Whether events are taken at this moment. An event published afterwards is still refused by
    /// the sealed ring, or answered by the failed watermark.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        // ORDERING: acquire pairs with the release in `poison` and `set_phase`.
        match self.phase.load(Ordering::Acquire) {
            OPEN => Ok(()),
            phase => Err(self.refusal(phase)),
        }
    }

    #[cold]
    fn refusal(&self, phase: u8) -> Refusal {
        match (phase, self.poison.get()) {
            (POISONED, Some(poison)) => Refusal::Poisoned(poison.clone()),
            _ => Refusal::Closed,
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        // ORDERING: acquire pairs with the release in `start_closing`.
        self.closing.load(Ordering::Acquire)
    }

    /// Why receipts above the settled position failed.
    pub(crate) fn receipt_poison(&self) -> Option<&Poison> {
        self.receipt_poison.get()
    }

    pub(crate) fn poison_cause(&self) -> Option<&Poison> {
        self.poison.get()
    }

    /// Asks the partition to seal itself, drain and end.
    pub(crate) fn start_closing(&self) {
        self.set_phase(OPEN, CLOSING);
        // ORDERING: release pairs with the acquire in `is_closing`: whoever sees it finds the phase
        // changed, too.
        self.closing.store(true, Ordering::Release);
        self.worker.notify();
        self.space.notify();
    }

    /// Everything taken has been handled.
    pub(crate) fn finish_closing(&self) {
        self.set_phase(CLOSING, CLOSED);
        self.space.notify();
    }

    fn set_phase(&self, from: u8, to: u8) {
        // ORDERING: one order with the swap in `poison`; acquire and release as there, though this
        // phase tells nothing but itself. On failure nothing: a poisoned partition stays poisoned.
        let _ = self
            .phase
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Refuses all further events at once. Receipts are told by [`fail_receipts`](Self::fail_receipts).
    pub(crate) fn poison(&self, poison: Poison) {
        tracing::error!(%poison, "partition poisoned");
        // The first cause stands.
        let _ = self.poison.set(poison);
        // ORDERING: release publishes the cause to `check_open`. A swap, so that its place among
        // the exchanges of `set_phase` is as plain to loom as it is to the processor.
        self.phase.swap(POISONED, Ordering::AcqRel);
        self.space.notify();
        self.worker.notify();
    }

    /// Runs the wakers that became due, of whoever waits for whatever.
    pub(crate) fn run_wakers(&self) {
        self.applied.run_wakers();
        self.durable.run_wakers();
        self.settled.run_wakers();
    }

    /// Whether wakers wait for [`run_wakers`](Self::run_wakers).
    pub(crate) fn has_wakers_due(&self) -> bool {
        self.applied.has_wakers_due()
            || self.durable.has_wakers_due()
            || self.settled.has_wakers_due()
    }

    /// Answers every receipt above the settled position: nothing will be settled any more.
    pub(crate) fn fail_receipts(&self, poison: Poison) {
        if is_planted(Canary::ReceiptsFailBeforeTheirCause) {
            self.settled.fail();
        }
        let _ = self.receipt_poison.set(poison);
        self.applied.fail();
        self.durable.fail();
        self.settled.fail();
        self.worker.notify();
        self.followers.notify();
    }
}
