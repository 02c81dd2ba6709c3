//! The open pipeline.

use std::path::Path;

use super::close::Running;
use super::{Builder, CloseError, CloseReport, PartitionStats, Publisher, StartReport};
use crate::callback;
use crate::command::Commands;
use crate::event::State;
use crate::partition::{Gate, Mailbox};
use crate::ring::RingPublisher;
use crate::snapshot::{SnapshotError, SnapshotReport, Snapshotter};
use crate::source::{Registry, SourceTable};
use crate::sync::{self, Arc, Mutex};

/// An open event engine: a directory, one state per partition, and the threads around them.
///
/// Publishers, sources and receipts may outlive it; they then answer with `Closed`. Dropping it
/// closes it and logs what [`close`](Self::close) would have returned.
#[derive(Debug)]
pub struct Pipeline<S: State> {
    shared: Arc<Shared<S>>,
    start: StartReport,
    pub(super) running: Option<Running>,
}

/// What the pipeline's handles share.
#[derive(Debug)]
pub(crate) struct Shared<S: State> {
    pub(crate) gates: Arc<[Arc<Gate>]>,
    pub(crate) mailboxes: Vec<Arc<Mailbox<S>>>,
    rings: Mutex<Vec<RingPublisher>>,
    pub(crate) sources: Arc<Registry>,
    pub(crate) commands: Arc<Commands<S>>,
    /// `None` where the state takes no snapshots, or nothing is journaled.
    pub(crate) snapshotter: Option<Arc<Snapshotter<S>>>,
}

impl<S: State> Shared<S> {
    pub(crate) fn new(
        gates: Vec<Arc<Gate>>,
        mailboxes: Vec<Arc<Mailbox<S>>>,
        rings: Vec<RingPublisher>,
        tables: &[SourceTable],
        commands: Arc<Commands<S>>,
        snapshotter: Option<Arc<Snapshotter<S>>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            gates: gates.into(),
            mailboxes,
            rings: Mutex::new(rings),
            sources: Arc::new(Registry::recovered(tables)),
            commands,
            snapshotter,
        })
    }
}

impl<S: State> Shared<S> {
    /// A publisher for one thread.
    pub(crate) fn publisher(&self) -> Publisher<S::Event> {
        let rings = sync::lock(&self.rings).clone();
        Publisher::new(Arc::clone(&self.gates), rings)
    }
}

impl<S: State> Shared<S> {
    /// Each partition at this moment.
    pub(crate) fn stats(&self) -> Vec<PartitionStats> {
        self.gates
            .iter()
            .map(|gate| PartitionStats {
                durable_sequence: gate.durable.get(),
                applied_sequence: gate.counters.applied_sequence.get(),
                duplicates: gate.counters.duplicates.get(),
                commands_accepted: gate.counters.commands.accepted.get(),
                commands_rejected: gate.counters.commands.rejected.get(),
                commands_repeated: gate.counters.commands.repeated.get(),
                decide_panics: gate.counters.commands.panics.get(),
                groups: gate.counters.groups.get(),
                bytes_written: gate.counters.bytes_written.get(),
            })
            .collect()
    }

    /// A publishing end of one partition's ring.
    pub(crate) fn ring(&self, partition: usize) -> RingPublisher {
        sync::lock(&self.rings)[partition].clone()
    }
}

impl<S: State> Pipeline<S> {
    /// The settings of a pipeline on the directory `path`.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder::new(path.as_ref())
    }

    pub(crate) fn new(shared: Arc<Shared<S>>, start: StartReport, running: Running) -> Self {
        Self {
            shared,
            start,
            running: Some(running),
        }
    }

    /// A publisher for one thread; clone it for others.
    #[must_use]
    pub fn publisher(&self) -> Publisher<S::Event> {
        self.shared.publisher()
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.shared.sources
    }

    pub(crate) fn shared(&self) -> &Shared<S> {
        &self.shared
    }

    /// What opening found and what was granted.
    #[must_use]
    pub fn start_report(&self) -> &StartReport {
        &self.start
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1,024")]
        let partitions = self.shared.gates.len() as u32;
        partitions
    }

    /// Each partition at this moment.
    #[must_use]
    pub fn stats(&self) -> Vec<PartitionStats> {
        self.shared.stats()
    }

    /// Takes a snapshot of every partition, of everything that was durable before the call; with
    /// [`Durability::OsBuffer`](crate::Durability::OsBuffer), of what is known to be synced. Other
    /// threads go on publishing. What [retention](Builder::retention) allows is retired.
    ///
    /// It replays what was written since the last snapshot into a second state, on the calling
    /// thread.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; partitions before the one that failed have theirs.
    pub fn snapshot(&self) -> Result<Vec<SnapshotReport>, SnapshotError> {
        if callback::is_inside() {
            return Err(SnapshotError::WouldDeadlock);
        }
        let Some(snapshotter) = &self.shared.snapshotter else {
            return Err(SnapshotError::Unsupported);
        };
        (0..self.partitions())
            .map(|partition| snapshotter.take(partition))
            .collect()
    }

    /// Refuses further events, handles and makes durable everything that was taken, joins every
    /// thread and releases the directory.
    ///
    /// Every `publish` that returned `Ok` is handled; every later one gets `Closed`, also from
    /// publishers that live on.
    ///
    /// # Errors
    ///
    /// [`CloseError::Poisoned`] when a partition had stopped; the report is in it.
    /// [`CloseError::WouldDeadlock`] from inside a callback: it then closes in the background.
    pub fn close(mut self) -> Result<CloseReport, CloseError> {
        let Some(running) = self.running.take() else {
            return Ok(CloseReport::default());
        };
        self.shared.sources.close_holding();
        if callback::is_inside() {
            close_in_background(running);
            return Err(CloseError::WouldDeadlock);
        }
        match running.close() {
            (report, poisons) if poisons.is_empty() => Ok(report),
            (report, poisons) => Err(CloseError::Poisoned {
                poisons,
                report: Box::new(report),
            }),
        }
    }
}

impl<S: State> Drop for Pipeline<S> {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.shared.sources.close_holding();
        if callback::is_inside() {
            // Joining would wait for the thread that runs this.
            close_in_background(running);
        } else {
            log_close(running);
        }
    }
}

fn close_in_background(running: Running) {
    let running = Arc::new(Mutex::new(Some(running)));
    let taken = Arc::clone(&running);
    let spawned = sync::spawn_named("ringlog-close".into(), move || {
        if let Some(running) = sync::lock(&taken).take() {
            log_close(running);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "cannot start a thread to close the pipeline: it stays open");
        // Dropping it would join the thread that runs this.
        std::mem::forget(sync::lock(&running).take());
    }
}

fn log_close(running: Running) {
    let (report, poisons) = running.close();
    for poison in &poisons {
        tracing::error!(%poison, "pipeline dropped with a poisoned partition");
    }
    tracing::info!(
        events = report.events(),
        groups = report.groups(),
        "pipeline dropped"
    );
}
