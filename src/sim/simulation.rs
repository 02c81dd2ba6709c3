//! The simulated pipeline.

use super::Settings;
use crate::client::{Appender, Client, ClientError, CommandSource};
use crate::clock::SimulatedClock;
use crate::command::Decider;
use crate::event::State;
use crate::partition::{Partition, Poison};
use crate::pipeline::stepped::{Running, Shared, Stepped};
use crate::pipeline::{
    CloseError, CloseReport, OpenError, PartitionStats, PublishError, Publisher, Receipt,
    StartReport,
};
use crate::snapshot::{SnapshotError, SnapshotReport};
use crate::source::{Source, SourceError};
use crate::storage::sim::{Random, SimDisk};
use crate::sync::Arc;

/// The first of January 2026, when every simulation starts.
const START_NS: u64 = 1_767_225_600_000_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Steps without progress after which a simulation that should end is given up: a bug.
const STUCK_STEPS: u32 = 10_000;

/// A pipeline whose every step is chosen by a seed; see the [module](crate::sim).
///
/// Dropping it is the death of its process: nothing more is written.
pub struct Simulation<S: State> {
    partitions: Vec<Partition<S>>,
    stepped: Stepped,
    publisher: Publisher<S::Event>,
    shared: Arc<Shared<S>>,
    actors: Vec<Actor>,
    random: Random,
    now_ns: u64,
    clock_jumps: bool,
    start: StartReport,
    /// Holds the lock, so it goes last.
    running: Running,
}

/// Who may do the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Partition(usize),
    Journaler(usize),
    /// A journaler's patience: the journal has been idle for long enough.
    Witness(usize),
    Preparer,
    Snapshotter,
}

impl<S: State> Simulation<S> {
    /// Opens the journal on `disk` as [`Builder::open`](crate::Builder::open) does, recovering one
    /// partition after the other. `seed` chooses everything that happens from now on.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(
        disk: &SimDisk,
        settings: Settings,
        seed: u64,
        state: impl FnMut(u32) -> S + Send + 'static,
    ) -> Result<Self, OpenError> {
        if let Some((setting, limits)) = settings.broken() {
            let limits = limits.into();
            return Err(OpenError::Setting { setting, limits });
        }
        let mut random = Random::new(seed);
        let mut now_ns = START_NS + random.below(HOUR_NS);
        if settings.clock_jumps {
            now_ns -= random.below(HOUR_NS);
        }
        let _clock = SimulatedClock::at(now_ns);
        let builder = settings.builder().storage(disk.clone());
        let (assembled, mut running, start) =
            builder.open_stepped(settings.segment_sizes(), state)?;
        let stepped = running.stepped.take().unwrap_or_default();
        let partitions = assembled.partitions;
        let actors = (0..partitions.len())
            .flat_map(|index| {
                [
                    Actor::Partition(index),
                    Actor::Journaler(index),
                    Actor::Witness(index),
                ]
            })
            .chain([Actor::Preparer, Actor::Snapshotter])
            .collect();
        Ok(Self {
            partitions,
            stepped,
            publisher: assembled.shared.publisher(),
            shared: assembled.shared,
            actors,
            random,
            now_ns,
            clock_jumps: settings.clock_jumps,
            start,
            running,
        })
    }

    /// Publishes an event; never waits. The receipt's
    /// [`is_durable`](Receipt::is_durable) tells what became of it; waiting for it would be for ever.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; [`PublishError::Full`] where a real publisher would wait.
    pub fn publish(&mut self, event: &S::Event) -> Result<Receipt<'static>, PublishError> {
        self.publisher.try_publish(event).map(Receipt::detach)
    }

    /// Opens a source as [`Pipeline::source`](crate::Pipeline::source) does. Its `try_publish` never
    /// waits; its `publish` must not be used, and it must not outlive the simulation.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn source(&mut self, name: &str) -> Result<Source<S::Event>, SourceError> {
        // A record for each partition: the rings must have room, because nobody would make it.
        self.run_until_idle();
        Source::open(name, &self.shared.sources, self.shared.publisher())
    }

    /// A client as [`Pipeline::client_with`](crate::Pipeline::client_with) gives it. Its `try_send` never
    /// waits; its `send` must not be used, nor a [`Pending`](crate::Pending) be waited for: ask it with
    /// [`try_take`](crate::Pending::try_take).
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn client(&self, pending_max: usize) -> Result<Client<S>, ClientError>
    where
        S: Decider,
    {
        Client::new(self.shared.publisher(), &self.shared.commands, pending_max)
    }

    /// A source of commands as [`Pipeline::command_source`](crate::Pipeline::command_source) gives it, to be
    /// used as [`client`](Self::client), and not to outlive the simulation.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn command_source(&mut self, name: &str) -> Result<CommandSource<S>, ClientError>
    where
        S: Decider,
    {
        // As in `source`.
        self.run_until_idle();
        CommandSource::open(name, &self.shared)
    }

    /// An appender as [`Pipeline::appender`](crate::Pipeline::appender) gives it, to be used as
    /// [`client`](Self::client).
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn appender(&self) -> Result<Appender<S::Event>, ClientError> {
        Appender::new(&self.shared)
    }

    /// One actor, chosen by the seed, does one step; says whether it had anything to do.
    pub fn step(&mut self) -> bool {
        let index = self.random.index(self.actors.len());
        let actor = self.actors.get(index).copied();
        // A witness needs 200 ms of idleness: rare beside everything else.
        let is_rare = matches!(actor, Some(Actor::Witness(_))) && self.random.below(8) > 0;
        match actor {
            Some(actor) if !is_rare => self.act(actor),
            _ => false,
        }
    }

    /// Steps until nobody has anything to do but wait; whether an idle journal then leaves its
    /// witness is up to the seed.
    pub fn run_until_idle(&mut self) {
        let mut idle = 0;
        while idle < self.actors.len() * 2 {
            // By chance first, so that the order varies; then each in turn, so that it ends.
            let actor = match idle {
                0 => self.random.index(self.actors.len()),
                idle => idle % self.actors.len(),
            };
            let progress = match self.actors.get(actor) {
                Some(Actor::Witness(_)) | None => false,
                Some(actor) => self.act(*actor),
            };
            idle = if progress { 0 } else { idle + 1 };
        }
        for index in 0..self.partitions.len() {
            if self.random.below(4) == 0 {
                self.act(Actor::Witness(index));
            }
        }
    }

    /// Closes as [`Pipeline::close`](crate::Pipeline::close) does.
    ///
    /// # Errors
    ///
    /// [`CloseError::Poisoned`] when a partition had stopped; the report is in it.
    ///
    /// # Panics
    ///
    /// When the engine does not come to its end: a bug of ringlog.
    pub fn close(mut self) -> Result<CloseReport, CloseError> {
        self.start_closing();
        let mut stuck = 0;
        while !self.is_finished() {
            stuck = if self.step() { 0 } else { stuck + 1 };
            assert!(stuck < STUCK_STEPS, "the simulation does not end");
        }
        self.finish()
    }

    /// Begins to close, as a thread that calls [`Pipeline::close`](crate::Pipeline::close) would:
    /// the steps that follow drain what was taken. [`close`](Self::close) goes on from there.
    pub fn start_closing(&mut self) {
        self.shared.sources.close_holding();
        for gate in self.shared.gates.iter() {
            gate.start_closing();
        }
    }

    /// Takes a snapshot of every partition, as [`Pipeline::snapshot`](crate::Pipeline::snapshot)
    /// does.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub fn snapshot(&mut self) -> Result<Vec<SnapshotReport>, SnapshotError> {
        let _clock = SimulatedClock::at(self.now_ns);
        let Some(snapshotter) = &self.shared.snapshotter else {
            return Err(SnapshotError::Unsupported);
        };
        (0..)
            .take(self.partitions.len())
            .map(|partition| snapshotter.take(partition))
            .collect()
    }

    /// What opening found; nothing in it depends on this machine.
    #[must_use]
    pub fn start_report(&self) -> &StartReport {
        &self.start
    }

    /// The state of a partition and the last sequence applied to it.
    ///
    /// # Panics
    ///
    /// When there is no such partition.
    #[must_use]
    pub fn state(&self, partition: u32) -> &S {
        self.partitions[partition as usize].state().0
    }

    /// Why partitions stopped, one entry for each that did.
    #[must_use]
    pub fn poisons(&self) -> Vec<Poison> {
        let gates = self.shared.gates.iter();
        gates
            .filter_map(|gate| gate.poison_cause().cloned())
            .collect()
    }

    /// Each partition at this moment.
    #[must_use]
    pub fn stats(&self) -> Vec<PartitionStats> {
        self.shared.stats()
    }

    fn act(&mut self, actor: Actor) -> bool {
        self.pass_time();
        let _clock = SimulatedClock::at(self.now_ns);
        match actor {
            Actor::Partition(index) => self.partitions.get_mut(index).is_some_and(Partition::step),
            Actor::Journaler(index) => {
                let journaler = self.stepped.journalers.get_mut(index);
                journaler.is_some_and(|journaler| journaler.step().is_progress())
            }
            Actor::Witness(index) => {
                let journaler = self.stepped.journalers.get_mut(index);
                journaler.is_some_and(|journaler| {
                    let is_due = journaler.is_idle() && journaler.needs_witness();
                    if is_due {
                        journaler.witness();
                    }
                    is_due
                })
            }
            Actor::Preparer => match &self.stepped.preparer {
                Some(preparer) => preparer.step(),
                None => false,
            },
            Actor::Snapshotter => match &self.shared.snapshotter {
                Some(snapshotter) => snapshotter.step(),
                None => false,
            },
        }
    }

    fn pass_time(&mut self) {
        self.now_ns += self.random.below(1_000_000);
        if self.clock_jumps && self.random.below(64) == 0 {
            let jump = self.random.below(HOUR_NS);
            self.now_ns = match self.random.coin() {
                true => self.now_ns + jump,
                false => self.now_ns.saturating_sub(jump).max(START_NS / 2),
            };
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.partitions.iter().all(Partition::is_finished)
            && self
                .stepped
                .journalers
                .iter()
                .all(|journaler| journaler.is_ended())
    }

    fn finish(self) -> Result<CloseReport, CloseError> {
        if let Some(preparer) = &self.stepped.preparer {
            preparer.stop();
            preparer.remove_unused();
        }
        let (mut report, poisons) = self.running.close();
        for (entry, journaler) in report.partitions.iter_mut().zip(&self.stepped.journalers) {
            let end = journaler.end();
            entry.groups = end.groups;
            entry.bytes_written = end.bytes;
        }
        match poisons.is_empty() {
            true => Ok(report),
            false => Err(CloseError::Poisoned {
                poisons,
                report: Box::new(report),
            }),
        }
    }
}

impl<S: State> std::fmt::Debug for Simulation<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
