//! Opening a pipeline: settings, recovery, threads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::close::Running;
use super::lifecycle::{Pipeline, Shared};
use super::placement::{Placement, plan};
use super::publisher::BATCH_SLOTS;
use super::recover::{Recovered, recover_all, unrecovered};
use super::{Durability, OpenError, PartitionStart, StartReport};
use crate::EVENT_BYTES_MAX;
use crate::clock::Moment;
use crate::command::Commands;
use crate::event::{Event, State, fingerprint};
use crate::idle::Signal;
use crate::journal::format::frame_bytes;
use crate::journal::{
    self, Directory, JournalError, Preparer, SEGMENT_BYTES_MIN, SegmentSizes, Writer,
    WriterSettings,
};
use crate::partition::{Alarm, CommandDesk, Exchange, Gate, Mailbox, Partition};
use crate::ring;
use crate::snapshot::{Fresh, Parts, Policy, Retention, Snapshotter};
use crate::storage::{Files, OpenMode, Storage};
use crate::sync::{Arc, Mutex};

/// Room for the longest event.
#[cfg(not(any(loom, shuttle)))]
const RING_SLOTS_MIN: usize = 4096;
/// By default the partitions share as many. A thread that has to wait for its turn on a busy machine
/// waits for some milliseconds: with fewer slots, and shorter groups, everybody soon waits for it
/// (measured beside two busy loops: 1.7 M events/s with 4,096 slots and 1 MiB, 2.8 M with this). With
/// more, the ring leaves the cache, which costs a quiet machine more than it gains a busy one.
#[cfg(not(any(loom, shuttle)))]
const RING_SLOTS_SHARED: usize = 16_384;
#[cfg(not(any(loom, shuttle)))]
const GROUP_BYTES_MIN: usize = 512 * 1024;
/// As [`RING_SLOTS_SHARED`]; each partition has at least half of it.
#[cfg(not(any(loom, shuttle)))]
const GROUP_BYTES_SHARED: usize = 2 * 1024 * 1024;
// Models have few and short events, and rings and groups that are soon full.
#[cfg(any(loom, shuttle))]
const RING_SLOTS_MIN: usize = 64;
#[cfg(any(loom, shuttle))]
const RING_SLOTS_SHARED: usize = 64;
#[cfg(any(loom, shuttle))]
const GROUP_BYTES_MIN: usize = 16 * 1024;
#[cfg(any(loom, shuttle))]
const GROUP_BYTES_SHARED: usize = 32 * 1024;
/// Positions are 64-bit: the limit is there because a segment is also the unit of retention.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The settings of a pipeline that is about to be opened.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is opened"]
pub struct Builder {
    path: PathBuf,
    partitions: u32,
    durability: Durability,
    ring_slots: Option<usize>,
    group_bytes: Option<usize>,
    partition_threads: Option<usize>,
    pin_threads: bool,
    snapshots: Policy,
    storage: Arc<dyn Storage>,
    segment_sizes: SegmentSizes,
}

impl Builder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            partitions: 1,
            durability: Durability::default(),
            ring_slots: None,
            group_bytes: None,
            partition_threads: None,
            pin_threads: true,
            snapshots: Policy::default(),
            storage: Arc::new(Files),
            segment_sizes: SegmentSizes::default(),
        }
    }

    /// How many partitions the journal has: 1 to 1,024, 1 by default. Fixed when the directory is
    /// created.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    /// What an acknowledgement means; [`Durability::Sync`] by default.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Slots of each partition's ingress ring, 128 bytes each: a power of two from 4,096 to 1,048,576.
    /// By default the partitions share 16,384, but each has at least 4,096. More slots absorb longer
    /// bursts, also those that come of a busy machine where a thread has to wait for its turn, and
    /// take memory from the caches.
    pub fn ring_slots(mut self, slots: usize) -> Self {
        self.ring_slots = Some(slots);
        self
    }

    /// The most bytes that are written and synced as one group: 512 KiB to 8 MiB. By default the
    /// partitions share 2 MiB, but each has at least 1 MiB. Each partition has four such buffers.
    /// Groups get that long only where events come faster than the disk takes them.
    pub fn group_bytes(mut self, bytes: usize) -> Self {
        self.group_bytes = Some(bytes);
        self
    }

    /// The size that a partition's segments grow to: 1 MiB to 4 GiB, 256 MiB by default. They start
    /// with 1 MiB after each opening and double. A segment is what retention retires at a time.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_sizes.largest = bytes;
        self
    }

    /// How many threads step the partitions: by default a thread a partition, but at most half of
    /// the CPUs that the process may use.
    pub fn partition_threads(mut self, threads: usize) -> Self {
        self.partition_threads = Some(threads);
        self
    }

    /// Whether partition threads are pinned to a CPU each where the allowed CPUs suffice; they are
    /// by default. [`Pipeline::start_report`] says what was granted.
    pub fn pin_threads(mut self, pin: bool) -> Self {
        self.pin_threads = pin;
        self
    }

    /// Bytes of journal between two snapshots of a partition: at least 1 MiB, 4 GiB by default. It
    /// bounds what an opening replays. Only for a state with a
    /// [`SNAPSHOT_VERSION`](State::SNAPSHOT_VERSION); others take none.
    pub fn snapshot_every(mut self, bytes: u64) -> Self {
        self.snapshots.every_bytes = bytes;
        self
    }

    /// How many snapshots of each partition are kept: at least 2, the default, so that one that
    /// turns out unreadable costs time and nothing else.
    pub fn snapshots_kept(mut self, kept: usize) -> Self {
        self.snapshots.kept = kept;
        self
    }

    /// What happens to the journal below the oldest kept snapshot; it stays, by default.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.snapshots.retention = retention;
        self
    }

    /// Where the files are: the operating system's by default.
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storage = Arc::new(storage);
        self
    }

    /// Opens the pipeline: takes the directory's lock, recovers what the journal holds, replays it
    /// into one state per partition (made by `state`), and starts the threads.
    ///
    /// The directory is created if it is missing. Opening takes as long as reading and applying
    /// what the journal holds.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. A directory that is not a journal is left as it was. After corruption or a
    /// panicking `apply` in one partition the others may have had their torn tails set aside, as
    /// any opening would; nothing that was acknowledged is changed. Mend the cause and open again.
    pub fn open<S: State>(
        self,
        state: impl FnMut(u32) -> S + Send + 'static,
    ) -> Result<Pipeline<S>, OpenError> {
        self.check_settings::<S>()?;
        let started = Moment::now();
        let opened = self.open_journal::<S>(Box::new(state))?;
        self.start(opened, started)
    }

    /// Recovers the journal as [`open`](Self::open) does, and starts nothing: for tests that look at
    /// damaged journals by the thousand. With one partition everything happens on this thread.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    #[cfg(feature = "sim")]
    pub fn recover<S: State>(
        self,
        state: impl FnMut(u32) -> S + Send + 'static,
    ) -> Result<Vec<super::RecoveredPartition<S>>, OpenError> {
        self.check_settings::<S>()?;
        let opened = self.open_journal::<S>(Box::new(state))?;
        Ok(opened.partitions.into_iter().map(Into::into).collect())
    }

    fn check_settings<S: State>(&self) -> Result<(), OpenError> {
        let setting = |setting, limits: &str| OpenError::Setting {
            setting,
            limits: limits.into(),
        };
        if !(1..=1024).contains(&self.partitions) {
            return Err(setting("partitions", "from 1 to 1,024"));
        }
        let (ring_slots, group_bytes) = (self.ring_slots_each(), self.group_bytes_each());
        if !ring_slots.is_power_of_two() || !(RING_SLOTS_MIN..=1 << 20).contains(&ring_slots) {
            return Err(setting(
                "ring_slots",
                "a power of two from 4,096 to 1,048,576",
            ));
        }
        if !(GROUP_BYTES_MIN..=journal::GROUP_BYTES_MAX).contains(&group_bytes) {
            return Err(setting("group_bytes", "from 512 KiB to 8 MiB"));
        }
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_sizes.largest)
            || !self.segment_sizes.largest.is_multiple_of(SEGMENT_BYTES_MIN)
        {
            return Err(setting("segment_bytes", "whole MiB, from 1 MiB to 4 GiB"));
        }
        if self.partition_threads == Some(0) {
            return Err(setting("partition_threads", "at least 1"));
        }
        if self.snapshots.every_bytes < 1024 * 1024 {
            return Err(setting("snapshot_every", "at least 1 MiB"));
        }
        if self.snapshots.kept < 2 {
            return Err(setting("snapshots_kept", "at least 2"));
        }
        if S::SNAPSHOT_VERSION == 0 && self.snapshots.retention != Retention::Everything {
            return Err(setting(
                "retention",
                "`Everything` for a state that takes no snapshots",
            ));
        }
        const LONGEST: usize = ring::slots_for(frame_bytes(EVENT_BYTES_MAX));
        const { assert!(cfg!(any(loom, shuttle)) || BATCH_SLOTS + LONGEST <= RING_SLOTS_MIN) };
        Ok(())
    }

    fn ring_slots_each(&self) -> usize {
        self.ring_slots.unwrap_or_else(|| {
            let share = RING_SLOTS_SHARED / self.partitions.max(1) as usize;
            (1 << share.max(1).ilog2()).max(RING_SLOTS_MIN)
        })
    }

    fn group_bytes_each(&self) -> usize {
        self.group_bytes.unwrap_or_else(|| {
            let share = GROUP_BYTES_SHARED / self.partitions.max(1) as usize;
            // No longer than a segment: what lies behind one was not prepared.
            let segment = usize::try_from(self.segment_sizes.largest).unwrap_or(usize::MAX);
            share.max(GROUP_BYTES_SHARED / 2).min(segment)
        })
    }

    /// Takes the lock and recovers every partition.
    fn open_journal<S: State>(&self, mut fresh: Fresh<S>) -> Result<Opened<S>, OpenError> {
        if self.durability == Durability::Memory {
            if Directory::exists(&*self.storage, &self.path)? {
                return Err(OpenError::JournalWouldBeIgnored {
                    path: self.path.clone(),
                });
            }
            let partitions = (0..self.partitions)
                .map(|partition| unrecovered(fresh(partition)))
                .collect();
            return Ok(Opened {
                directory: None,
                partitions,
                fresh: Mutex::new(fresh),
            });
        }
        let directory = self.open_directory()?;
        let fresh = Mutex::new(fresh);
        let partitions = recover_all(&directory, &fresh)?;
        Ok(Opened {
            directory: Some(directory),
            partitions,
            fresh,
        })
    }

    fn open_directory(&self) -> Result<Directory, OpenError> {
        let opened = Directory::open(Arc::clone(&self.storage), &self.path, self.partitions);
        let mut directory = opened.map_err(|error| match error {
            JournalError::AlreadyOpen => OpenError::AlreadyOpen {
                path: self.path.clone(),
            },
            JournalError::PartitionCount { found, asked } => OpenError::PartitionCount {
                path: self.path.clone(),
                found,
                asked,
            },
            JournalError::Read(error) => error.into(),
        })?;
        directory.segment_sizes = self.segment_sizes;
        Ok(directory)
    }

    /// As [`open`](Self::open), but without a thread: recovers on this one, and leaves everything
    /// in the caller's hands to be stepped.
    #[cfg(feature = "sim")]
    pub(crate) fn open_stepped<S: State>(
        mut self,
        segment_sizes: SegmentSizes,
        state: impl FnMut(u32) -> S + Send + 'static,
    ) -> Result<(Assembled<S>, Running, StartReport), OpenError> {
        self.segment_sizes = segment_sizes;
        let directory = self.open_directory()?;
        let fresh: Mutex<Fresh<S>> = Mutex::new(Box::new(state));
        let partitions = super::recover::recover_in_order(&directory, &fresh)?;
        let opened = Opened {
            directory: Some(directory),
            partitions,
            fresh,
        };
        let mut running = Running::default();
        running.stepped = Some(super::stepped::Stepped::default());
        let placement = Placement {
            threads: vec![(0..self.partitions).collect()],
            cpus: Vec::new(),
            allowed_cpus: 1,
        };
        let mut report = StartReport {
            durability: self.durability,
            is_volatile: false,
            allowed_cpus: 1,
            partition_threads: 0,
            pinned_cpus: Vec::new(),
            recovery: Duration::ZERO,
            partitions: Vec::new(),
        };
        let assembled = self.assemble(opened, &placement, &mut running, &mut report)?;
        Ok((assembled, running, report))
    }

    fn start<S: State>(self, opened: Opened<S>, started: Moment) -> Result<Pipeline<S>, OpenError> {
        let placement = plan(self.partitions, self.partition_threads, self.pin_threads);
        let is_volatile = match &opened.directory {
            None => true,
            Some(directory) => {
                directory
                    .storage
                    .is_volatile(&directory.path)
                    .map_err(|source| OpenError::Io {
                        operation: "look at the file system",
                        source,
                    })?
            }
        };
        if is_volatile && self.durability != Durability::Memory {
            tracing::warn!(
                path = %self.path.display(),
                "the directory lies on a file system in memory: nothing in it is durable"
            );
        }
        let mut report = StartReport {
            durability: self.durability,
            is_volatile,
            allowed_cpus: placement.allowed_cpus,
            partition_threads: placement.threads.len(),
            pinned_cpus: Vec::new(),
            recovery: Duration::ZERO,
            partitions: Vec::new(),
        };
        let mut running = Running::default();
        let assembled = self.assemble(opened, &placement, &mut running, &mut report)?;
        running.start_threads(assembled.partitions, &placement, &mut report)?;
        report.recovery = started.elapsed();
        Ok(Pipeline::new(assembled.shared, report, running))
    }

    /// Builds every partition and what belongs to it, and starts the journal's threads.
    fn assemble<S: State>(
        &self,
        opened: Opened<S>,
        placement: &Placement,
        running: &mut Running,
        report: &mut StartReport,
    ) -> Result<Assembled<S>, OpenError> {
        // First of all: the lock must not be released before what is started here has ended.
        let directory = opened.directory.map(Arc::new);
        running.directory.clone_from(&directory);
        let signals: Vec<_> = placement
            .threads
            .iter()
            .map(|_| Arc::new(Signal::new()))
            .collect();
        let sync_each = self.durability == Durability::Sync;
        let preparer = directory.as_ref().map(|directory| {
            let directories = (0..self.partitions)
                .map(|partition| directory.partition_dir(partition))
                .collect();
            let storage = Arc::clone(&directory.storage);
            let recycled_bytes = if sync_each {
                self.segment_sizes.largest
            } else {
                0
            };
            Arc::new(Preparer::new(storage, directories, recycled_bytes))
        });
        let writing = WriterSettings {
            schema: fingerprint(S::Event::TYPES),
            sync_each,
        };
        let snapshot_signal = Arc::new(Signal::new());
        let followers = Arc::new(Signal::new());
        let (mut gates, mut mailboxes, mut rings) = (Vec::new(), Vec::new(), Vec::new());
        let commands = Arc::new(Commands::default());
        let (mut partitions, mut tables) = (Vec::new(), Vec::new());
        for (partition, recovered) in (0..).zip(opened.partitions) {
            let (resumed, recovery) = (recovered.resumed, recovered.recovery);
            let signal = &signals[partition as usize % signals.len()];
            let mut gate = Gate::new(partition, Arc::clone(signal), resumed.last_sequence);
            gate.followers = Arc::clone(&followers);
            if S::SNAPSHOT_VERSION > 0 {
                let replayed = recovery.as_ref().map_or(0, |recovery| recovery.bytes);
                gate.snapshot_alarm = Alarm::new(Arc::clone(&snapshot_signal));
                gate.snapshot_alarm
                    .set_after(self.snapshots.every_bytes.saturating_sub(replayed));
            }
            let gate = Arc::new(gate);
            running.first_sequences.push(resumed.last_sequence);
            let (publisher, poller) = ring::ring(self.ring_slots_each());
            let mailbox = Arc::new(Mailbox::new());
            let mut exchange = None;
            let mut start = PartitionStart {
                last_sequence: resumed.last_sequence,
                snapshot_sequence: recovered.snapshot_sequence,
                rejected_snapshots: recovered.rejected_snapshots,
                ..PartitionStart::default()
            };
            if let (Some(recovery), Some(preparer), Some(directory)) =
                (recovery, &preparer, &directory)
            {
                start.segments = recovery.segments;
                start.bytes = recovery.bytes;
                start.torn_tail.clone_from(&recovery.torn_tail);
                start.control_unreadable = recovery.control_unreadable;
                warn_of(&start, partition);
                let preparer = Arc::clone(preparer);
                let writer = Writer::resume(directory, partition, writing, preparer, recovery)
                    .map_err(|failure| OpenError::Io {
                        operation: failure.stage,
                        source: failure.source,
                    })?;
                let groups = Arc::new(Exchange::new());
                running.start_journaler(writer, &groups, &gate)?;
                exchange = Some(groups);
            }
            report.partitions.push(start);
            tables.push(resumed.sources.clone());
            partitions.push(Partition::new(
                Arc::clone(&gate),
                Arc::clone(&mailbox),
                (publisher.clone(), poller),
                exchange,
                self.group_bytes_each(),
                CommandDesk::new(Arc::clone(&commands), self.partitions),
                resumed,
            ));
            gates.push(gate);
            mailboxes.push(mailbox);
            rings.push(publisher);
        }
        running.gates = gates.clone();
        let mut snapshotter = None;
        if let (Some(preparer), Some(directory)) = (preparer, directory) {
            running.start_preparer(Arc::clone(&preparer))?;
            if S::SNAPSHOT_VERSION > 0 {
                let takes = Arc::new(Snapshotter::new(Parts {
                    directory,
                    gates: gates.clone(),
                    preparer,
                    fresh: opened.fresh,
                    policy: self.snapshots,
                    read_mode: match sync_each {
                        true => OpenMode::ReadUncached,
                        false => OpenMode::Read,
                    },
                    wake: snapshot_signal,
                }));
                running.start_snapshotter(&takes)?;
                snapshotter = Some(takes);
            }
        }
        Ok(Assembled {
            shared: Shared::new(gates, mailboxes, rings, &tables, commands, snapshotter),
            partitions,
        })
    }
}

/// Says loudly what an operator would want to know of a recovery.
fn warn_of(start: &PartitionStart, partition: u32) {
    if let Some(torn) = &start.torn_tail {
        tracing::warn!(
            partition,
            segment = torn.segment,
            position = torn.position,
            bytes = torn.bytes,
            "a torn tail was never acknowledged, and is now in quarantine"
        );
    }
    for rejected in &start.rejected_snapshots {
        tracing::error!(
            partition,
            %rejected,
            "a snapshot cannot be used: an older one, or the whole history, was replayed instead"
        );
    }
    if start.control_unreadable {
        tracing::warn!(
            partition,
            "the control word was unreadable: one witness less"
        );
    }
}

/// What opening the journal gave: a directory unless in memory, and every partition.
struct Opened<S> {
    directory: Option<Directory>,
    partitions: Vec<Recovered<S>>,
    fresh: Mutex<Fresh<S>>,
}

/// Everything that is put together before the partition threads start.
pub(crate) struct Assembled<S: State> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) partitions: Vec<Partition<S>>,
}
