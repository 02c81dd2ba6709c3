//! Taking snapshots without stopping anybody: a reader of the journal with a state of its own.
//!
//! A snapshot starts from the one before it, read back from the disk, folds the journal behind that
//! up to the last group that is known to be synced, and saves the result. So the hot thread is never
//! asked for anything, a snapshot is the fold of what recovery would read and nothing else, and the
//! older of two kept snapshots has been proven readable before anything below it is retired. The
//! price is that each event is applied a second time, and memory for a second state while it runs.

use std::io;
use std::path::Path;

use super::file::write_snapshot;
use super::load::{AsOf, RestoreError, Restored, restore};
use super::policy::Policy;
use super::retention;
use super::{SnapshotError, SnapshotReport};
use crate::callback;
use crate::canary::{Canary, is_planted};
use crate::clock;
use crate::event::{Event, State, fingerprint};
use crate::idle::Signal;
use crate::journal::format::{Position, SnapshotHeader, snapshot_file_name};
use crate::journal::{
    Directory, History, Preparer, RecoverError, SnapshotName, Step, list_snapshots,
};
use crate::partition::Gate;
use crate::replay::{Replay, ReplayError};
use crate::storage::OpenMode;
use crate::sync::{self, Arc, AtomicBool, Mutex, Ordering};

const TEMPORARY: &str = "snapshot.tmp";

/// Makes a partition's state as it is before its first event.
pub(crate) type Fresh<S> = Box<dyn FnMut(u32) -> S + Send>;

/// Takes the snapshots of one pipeline, on its own thread or on that of whoever asks.
pub(crate) struct Snapshotter<S> {
    directory: Arc<Directory>,
    gates: Vec<Arc<Gate>>,
    preparer: Arc<Preparer>,
    fresh: Mutex<Fresh<S>>,
    policy: Policy,
    /// Bypasses the page cache where what was acknowledged has bypassed it, too.
    read_mode: OpenMode,
    /// One snapshot of a partition at a time.
    jobs: Vec<Mutex<()>>,
    /// Rung by the partitions' alarms.
    wake: Arc<Signal>,
    stopped: AtomicBool,
}

/// What a snapshotter is made of.
pub(crate) struct Parts<S> {
    pub(crate) directory: Arc<Directory>,
    pub(crate) gates: Vec<Arc<Gate>>,
    pub(crate) preparer: Arc<Preparer>,
    pub(crate) fresh: Mutex<Fresh<S>>,
    pub(crate) policy: Policy,
    pub(crate) read_mode: OpenMode,
    pub(crate) wake: Arc<Signal>,
}

impl<S> std::fmt::Debug for Snapshotter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshotter")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<S: State> Snapshotter<S> {
    pub(crate) fn new(parts: Parts<S>) -> Self {
        Self {
            jobs: parts.gates.iter().map(|_| Mutex::default()).collect(),
            directory: parts.directory,
            gates: parts.gates,
            preparer: parts.preparer,
            fresh: parts.fresh,
            policy: parts.policy,
            read_mode: parts.read_mode,
            wake: parts.wake,
            stopped: AtomicBool::new(false),
        }
    }

    #[cfg(loom)]
    pub(crate) fn retire_from_oldest_snapshot(&mut self) {
        self.policy.retention = super::Retention::FromOldestSnapshot { cursor_lag_max: 0 };
    }

    /// Ends [`run`](Self::run), and gives up what is under way.
    pub(crate) fn stop(&self) {
        // ORDERING: release pairs with the acquire in `is_stopped`; it carries nothing else.
        self.stopped.store(true, Ordering::Release);
        self.wake.notify();
    }

    fn is_stopped(&self) -> bool {
        // ORDERING: acquire pairs with the release in `stop`.
        self.stopped.load(Ordering::Acquire)
    }

    /// The snapshot thread: works until stopped.
    pub(crate) fn run(&self) {
        while !self.is_stopped() {
            self.wake
                .wait_until(|| self.is_stopped() || self.next_due().is_some());
            self.step();
        }
    }

    /// Takes one snapshot that is due, if one is.
    pub(crate) fn step(&self) -> bool {
        let Some(gate) = self.next_due() else {
            return false;
        };
        // Set first: after a failure, too, the next one comes when there is more to put into it.
        gate.snapshot_alarm.set_after(self.policy.every_bytes);
        let partition = gate.partition;
        // Whatever of the user's panics: the next snapshot may succeed.
        let take = std::panic::AssertUnwindSafe(|| self.take(partition));
        match std::panic::catch_unwind(take) {
            Ok(Ok(report)) => tracing::info!(?report, "snapshot taken"),
            Ok(Err(SnapshotError::Closing | SnapshotError::Poisoned(_))) => {}
            Ok(Err(error)) => {
                tracing::error!(partition, %error, "a snapshot, or what follows it, failed");
            }
            Err(payload) => {
                let message = callback::panic_message(&*payload);
                tracing::error!(partition, message, "a snapshot panicked");
            }
        }
        true
    }

    fn next_due(&self) -> Option<&Gate> {
        self.gates
            .iter()
            .find(|gate| gate.snapshot_alarm.is_due())
            .map(|gate| &**gate)
    }

    /// Takes a snapshot of everything that is synced in `partition`, and retires what it and those
    /// before it make superfluous.
    pub(crate) fn take(&self, partition: u32) -> Result<SnapshotReport, SnapshotError> {
        let index = partition as usize;
        let (Some(gate), Some(job)) = (self.gates.get(index), self.jobs.get(index)) else {
            return Err(SnapshotError::Unsupported);
        };
        let _job = sync::lock(job);
        if let Some(poison) = gate.poison_cause() {
            return Err(SnapshotError::Poisoned(poison.clone()));
        }
        let Built {
            replay,
            before,
            at,
            rejected,
        } = self.build(partition)?;
        let path = self.directory.partition_dir(partition);
        let mut report = SnapshotReport {
            partition,
            sequence: at.sequence,
            bytes: 0,
            segments_retired: 0,
        };
        let is_new = before.is_none_or(|before| before.group < at.group);
        if is_planted(Canary::RetiredBeforeTheSnapshot) {
            let retention = self.policy.retention;
            let _ = retention::retire(
                &self.directory,
                partition,
                at.group,
                retention,
                &self.preparer,
            );
        }
        if is_new && at.group > 0 {
            report.bytes = self.write(&path, &replay, at)?;
        }
        drop(replay);
        report.segments_retired = self.prune(partition, &path, &rejected)?;
        Ok(report)
    }

    /// Folds the journal up to the last synced group.
    fn build(&self, partition: u32) -> Result<Built<S>, SnapshotError> {
        let storage = &self.directory.storage;
        let path = self.directory.partition_dir(partition);
        let journal_id = self.directory.metadata.journal_id;
        let restored = {
            // Locked for as long as it makes a state, not for as long as one is loaded.
            let mut fresh = |partition| (sync::lock(&self.fresh))(partition);
            restore(
                storage,
                &path,
                partition,
                journal_id,
                AsOf::LATEST,
                &mut fresh,
            )
        };
        let Restored {
            state,
            tables,
            header,
            rejected,
        } = restored.map_err(|error| not_restored(error, partition))?;
        for rejected in &rejected {
            tracing::error!(partition, %rejected, "an older snapshot cannot be used");
        }
        let before = header.map(|header| header.position());
        let mut history = History::open(
            storage,
            &path,
            partition,
            journal_id,
            self.read_mode,
            before.as_ref(),
        )?;
        // With `OsBuffer` more is acknowledged than is synced. A snapshot must not hold what a power
        // cut could still take back.
        let limit = match is_planted(Canary::SnapshotAheadOfTheSync) {
            false => history.witnessed_group,
            true => history.acknowledged_group,
        };
        let mut replay = Replay {
            partition,
            state,
            tables,
        };
        while let Step::Group(group) = history.step(limit)? {
            if self.is_stopped() {
                return Err(SnapshotError::Closing);
            }
            replay
                .fold(&history.group_frames(&group))
                .map_err(|error| not_folded(error, partition))?;
        }
        Ok(Built {
            replay,
            before,
            at: history.reached(),
            rejected: rejected.into_iter().map(|rejected| rejected.name).collect(),
        })
    }

    /// Saves the state and the tables, durably.
    fn write(&self, path: &Path, replay: &Replay<S>, at: Position) -> Result<u64, SnapshotError> {
        let storage = &*self.directory.storage;
        let partition = replay.partition;
        let failed = |operation| {
            move |source: io::Error| SnapshotError::Io {
                partition,
                operation,
                source,
            }
        };
        let mut header = SnapshotHeader::new(
            self.directory.metadata.journal_id,
            partition,
            at,
            fingerprint(S::Event::TYPES),
            S::SNAPSHOT_VERSION,
            clock::wall_ns(),
        );
        header.journal_time_ns = replay.tables.journal_time_ns;
        header.first_event_time_ms = replay.tables.totals.first_event_time_ms;
        header.last_event_time_ms = replay.tables.totals.last_event_time_ms;
        let temporary = path.join(TEMPORARY);
        let file = storage
            .open(&temporary, OpenMode::WriteBuffered)
            .map_err(failed("create a snapshot"))?;
        let mut panicked = None;
        let written = write_snapshot(&*file, header, &replay.tables, |out| {
            let save = std::panic::AssertUnwindSafe(|| {
                let _inside = callback::Callback::enter();
                replay.state.save(out)
            });
            std::panic::catch_unwind(save).unwrap_or_else(|payload| {
                panicked = Some(callback::panic_message(&*payload));
                Err(io::ErrorKind::Other.into())
            })
        });
        let bytes = match (written, panicked) {
            (Ok(bytes), _) => bytes,
            (Err(_), Some(message)) => {
                return Err(SnapshotError::State {
                    partition,
                    sequence: at.sequence,
                    reason: format!("`save` panicked: {message}"),
                });
            }
            (Err(error), None) => return Err(failed("write a snapshot")(error)),
        };
        let name = path.join(snapshot_file_name(at.sequence, at.group));
        storage
            .rename(&temporary, &name)
            .map_err(failed("name a snapshot"))?;
        if is_planted(Canary::SnapshotNamedBeforeItsSync) {
            file.sync().map_err(failed("sync a snapshot"))?;
        }
        storage
            .sync_dir(path)
            .map_err(failed("sync the partition's directory"))?;
        Ok(bytes)
    }

    /// Removes the snapshots that are not kept, then the segments that no kept one needs. Returns
    /// how many segments were retired.
    fn prune(
        &self,
        partition: u32,
        path: &Path,
        rejected: &[String],
    ) -> Result<u64, SnapshotError> {
        let storage = &*self.directory.storage;
        let names = list_snapshots(storage, path)?;
        let usable: Vec<&SnapshotName> = names
            .iter()
            .filter(|name| !rejected.contains(&name.name))
            .collect();
        // The newest was just read, or was just written behind one that was.
        if usable.len() < 2 {
            return Ok(0);
        }
        let oldest_kept = usable[usable.len().saturating_sub(self.policy.kept.max(2))];
        let failed = |operation| {
            move |source: io::Error| SnapshotError::Io {
                partition,
                operation,
                source,
            }
        };
        let superfluous = names.iter().filter(|name| name.group < oldest_kept.group);
        let mut removed = false;
        for name in superfluous {
            storage
                .remove(&path.join(&name.name))
                .map_err(failed("remove an old snapshot"))?;
            removed = true;
        }
        if removed {
            storage
                .sync_dir(path)
                .map_err(failed("sync the partition's directory"))?;
        }
        retention::retire(
            &self.directory,
            partition,
            oldest_kept.group,
            self.policy.retention,
            &self.preparer,
        )
        .map_err(|error| match error {
            retention::RetireError::Read(error) => error.into(),
            retention::RetireError::Io(operation, source) => failed(operation)(source),
        })
    }
}

/// A state that was folded up to `at`.
struct Built<S> {
    replay: Replay<S>,
    before: Option<Position>,
    at: Position,
    /// Snapshots that could not be used.
    rejected: Vec<String>,
}

fn not_restored(error: RestoreError, partition: u32) -> SnapshotError {
    match error {
        RestoreError::Read(error) => error.into(),
        RestoreError::NoSnapshot { earliest, rejected } => SnapshotError::State {
            partition,
            sequence: earliest,
            reason: format!(
                "no snapshot can be used to start from: {}",
                rejected
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
        },
    }
}

fn not_folded(error: RecoverError<ReplayError>, partition: u32) -> SnapshotError {
    let (sequence, reason) = match error {
        RecoverError::Read(error) => return error.into(),
        RecoverError::Frame(ReplayError::View(sequence, error)) => (sequence, error.to_string()),
        RecoverError::Frame(ReplayError::Panicked(sequence, message)) => {
            (sequence, format!("`apply` panicked: {message}"))
        }
    };
    SnapshotError::State {
        partition,
        sequence,
        reason,
    }
}
