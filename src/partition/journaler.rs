//! The journaler: writes a partition's groups, on a thread that blocks in the kernel doing so.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::exchange::Exchange;
use super::gate::Gate;
use super::poison::Poison;
use crate::callback::{contain, panic_message};
use crate::canary::{Canary, is_planted};
use crate::journal::{WriteFailure, Writer};
use crate::sync::Arc;

/// How long the journal is idle before a witness is written behind the last group.
const WITNESS_DELAY: Duration = Duration::from_millis(200);

/// What a journaler leaves behind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct JournalerEnd {
    pub(crate) groups: u64,
    pub(crate) bytes: u64,
}

/// The journaling thread: commits groups until the exchange is drained, then leaves a witness.
pub(crate) fn run_journaler(mut journaler: Journaler) -> JournalerEnd {
    loop {
        match journaler.step() {
            Stepped::Progress => {}
            Stepped::Ended => return journaler.end(),
            Stepped::Idle => {
                let timeout = journaler.needs_witness().then_some(WITNESS_DELAY);
                if !journaler.exchange.wait(timeout) {
                    journaler.witness();
                }
            }
        }
    }
}

/// Writes one partition's groups, one a step.
#[derive(Debug)]
pub(crate) struct Journaler {
    writer: Writer,
    exchange: Arc<Exchange>,
    gate: Arc<Gate>,
    groups: u64,
    stage: Stage,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stepped {
    Progress,
    /// There was nothing to do.
    Idle,
    /// Nothing will follow.
    Ended,
}

#[cfg(feature = "sim")]
impl Stepped {
    pub(crate) fn is_progress(self) -> bool {
        self == Self::Progress
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// A write failed, which the gate knows: nothing is written any more.
    Failed,
    Ended,
}

impl Journaler {
    pub(crate) fn new(writer: Writer, exchange: Arc<Exchange>, gate: Arc<Gate>) -> Self {
        Self {
            writer,
            exchange,
            gate,
            groups: 0,
            stage: Stage::Running,
        }
    }

    /// Commits a group, or closes the journal when the last one has been committed.
    pub(crate) fn step(&mut self) -> Stepped {
        match self.stage {
            Stage::Running => self
                .contained(Self::commit_next)
                .unwrap_or(Stepped::Progress),
            Stage::Failed => self.discard(),
            Stage::Ended => Stepped::Ended,
        }
    }

    /// Whether a witness is due once the journal has been idle for a while.
    pub(crate) fn needs_witness(&self) -> bool {
        self.stage == Stage::Running && self.writer.needs_witness()
    }

    /// Writes the witness; the journal has been idle.
    pub(crate) fn witness(&mut self) {
        if self.stage == Stage::Running {
            self.contained(|journaler| journaler.writer.witness());
        }
    }

    /// Whether no group waits to be written, as when a wait for one has timed out.
    #[cfg(feature = "sim")]
    pub(crate) fn is_idle(&self) -> bool {
        !self.exchange.has_full()
    }

    #[cfg(feature = "sim")]
    pub(crate) fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    pub(crate) fn end(&self) -> JournalerEnd {
        JournalerEnd {
            groups: self.groups,
            bytes: self.writer.bytes_written(),
        }
    }

    fn commit_next(&mut self) -> Result<Stepped, WriteFailure> {
        let Some(mut group) = self.exchange.take_full() else {
            if self.exchange.is_drained() {
                self.writer.close()?;
                self.stage = Stage::Ended;
                return Ok(Stepped::Ended);
            }
            return Ok(Stepped::Idle);
        };
        let (writer, gate) = (&mut self.writer, &self.gate);
        // A group that fails is dropped, not given back: a buffer that comes back tells the
        // partition that what was in it is settled.
        if is_planted(Canary::AckBeforeTheWrite) {
            gate.durable
                .advance(writer.last_sequence() + u64::from(group.events()));
            gate.settled.advance(group.settles_position);
        }
        let committed = writer.commit(&mut group);
        if committed.is_err() && is_planted(Canary::GoesOnBehindAFailedWrite) {
            gate.worker.notify();
            group.clear();
            self.exchange.give_back(group);
            return Ok(Stepped::Progress);
        }
        if !is_planted(Canary::FailedWriteAcknowledged) {
            committed?;
        }
        self.groups += 1;
        gate.counters.groups.add(1);
        gate.counters.bytes_written.set(writer.bytes_written());
        gate.snapshot_alarm.written(writer.bytes_written());
        // Only now: the write that covers them returned `Ok`.
        gate.durable.advance(writer.last_sequence());
        gate.settled.advance(group.settles_position);
        self.exchange.give_back(group);
        // The partition may have a group open that waited for the journal to be free, and runs
        // the wakers that became due.
        gate.worker.notify();
        gate.followers.notify();
        Ok(Stepped::Progress)
    }

    /// Runs `body`; a failure or a panic in it poisons the partition.
    fn contained<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, WriteFailure>,
    ) -> Option<T> {
        let partition = self.gate.partition;
        let poison = match contain(|| body(&mut *self)) {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(failure)) => Poison::Journal {
                partition,
                stage: failure.stage,
                source: Arc::new(failure.source),
            },
            Err(payload) => Poison::Engine {
                partition,
                message: panic_message(&*payload).into(),
            },
        };
        self.stage = Stage::Failed;
        self.gate.poison(poison.clone());
        self.gate.fail_receipts(poison);
        None
    }

    /// Keeps the queue empty until the partition ends.
    fn discard(&mut self) -> Stepped {
        let mut stepped = Stepped::Idle;
        while self.exchange.take_full().is_some() {
            stepped = Stepped::Progress;
        }
        if self.exchange.is_drained() {
            self.stage = Stage::Ended;
            stepped = Stepped::Ended;
        }
        stepped
    }
}
