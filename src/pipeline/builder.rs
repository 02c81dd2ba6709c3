//! Opening a pipeline: settings, recovery, threads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::close::Running;
use super::lifecycle::{Pipeline, Shared};
use super::placement::{Placement, plan};
use super::recover::{Recovered, fresh, recover_all};
use super::{Durability, OpenError, PartitionStart, StartReport};
use crate::EVENT_BYTES_MAX;
use crate::clock::Moment;
use crate::event::{Event, State, fingerprint};
use crate::idle::Signal;
use crate::journal::format::frame_bytes;
use crate::journal::{self, Directory, JournalError, Preparer, SegmentSizes, Writer};
use crate::partition::{Exchange, Gate, Mailbox, Partition};
use crate::ring;
use crate::storage::{Files, Storage};
use crate::sync::Arc;

const RING_SLOTS_DEFAULT: usize = 4096;
const GROUP_BYTES_DEFAULT: usize = 1024 * 1024;

/// The settings of a pipeline that is about to be opened.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is opened"]
pub struct Builder {
    path: PathBuf,
    partitions: u32,
    durability: Durability,
    ring_slots: usize,
    group_bytes: usize,
    partition_threads: Option<usize>,
    pin_threads: bool,
    storage: Arc<dyn Storage>,
    segment_sizes: SegmentSizes,
}

impl Builder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            partitions: 1,
            durability: Durability::default(),
            ring_slots: RING_SLOTS_DEFAULT,
            group_bytes: GROUP_BYTES_DEFAULT,
            partition_threads: None,
            pin_threads: true,
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

    /// Slots of each partition's ingress ring, 128 bytes each: a power of two from 4,096 (the
    /// default) to 1,048,576. More slots absorb longer bursts, but leave the cache.
    pub fn ring_slots(mut self, slots: usize) -> Self {
        self.ring_slots = slots;
        self
    }

    /// The most bytes that are written and synced as one group: 512 KiB to 8 MiB, 1 MiB by
    /// default. Each partition has four such buffers.
    pub fn group_bytes(mut self, bytes: usize) -> Self {
        self.group_bytes = bytes;
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
    pub fn open<S: State>(self, state: impl FnMut(u32) -> S) -> Result<Pipeline<S>, OpenError> {
        self.check_settings()?;
        let started = Moment::now();
        let states: Vec<S> = (0..self.partitions).map(state).collect();
        let opened = self.open_journal::<S>(states)?;
        self.start(opened, started)
    }

    fn check_settings(&self) -> Result<(), OpenError> {
        let setting = |setting, limits: &str| OpenError::Setting {
            setting,
            limits: limits.into(),
        };
        if !(1..=1024).contains(&self.partitions) {
            return Err(setting("partitions", "from 1 to 1,024"));
        }
        if !self.ring_slots.is_power_of_two() || !(4096..=1 << 20).contains(&self.ring_slots) {
            return Err(setting(
                "ring_slots",
                "a power of two from 4,096 to 1,048,576",
            ));
        }
        if !(512 * 1024..=journal::GROUP_BYTES_MAX).contains(&self.group_bytes) {
            return Err(setting("group_bytes", "from 512 KiB to 8 MiB"));
        }
        if self.partition_threads == Some(0) {
            return Err(setting("partition_threads", "at least 1"));
        }
        const { assert!(ring::slots_for(frame_bytes(EVENT_BYTES_MAX)) < RING_SLOTS_DEFAULT) };
        Ok(())
    }

    /// Takes the lock and recovers every partition.
    fn open_journal<S: State>(&self, states: Vec<S>) -> Result<Opened<S>, OpenError> {
        if self.durability == Durability::Memory {
            if Directory::exists(&*self.storage, &self.path)? {
                return Err(OpenError::JournalWouldBeIgnored {
                    path: self.path.clone(),
                });
            }
            let partitions = states
                .into_iter()
                .map(|state| (fresh(state), None))
                .collect();
            return Ok(Opened {
                directory: None,
                partitions,
            });
        }
        let directory = self.open_directory()?;
        let partitions = recover_all(&directory, states)?;
        Ok(Opened {
            directory: Some(directory),
            partitions,
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
        state: impl FnMut(u32) -> S,
    ) -> Result<(Assembled<S>, Running), OpenError> {
        self.segment_sizes = segment_sizes;
        let directory = self.open_directory()?;
        let states: Vec<S> = (0..self.partitions).map(state).collect();
        let partitions = super::recover::recover_in_order(&directory, states)?;
        let opened = Opened {
            directory: Some(directory),
            partitions,
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
        Ok((assembled, running))
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
        let preparer = directory.as_ref().map(|directory| {
            let directories = (0..self.partitions)
                .map(|partition| directory.partition_dir(partition))
                .collect();
            Arc::new(Preparer::new(Arc::clone(&directory.storage), directories))
        });
        let schema = fingerprint(S::Event::TYPES);
        let sync_each = self.durability == Durability::Sync;
        let (mut gates, mut mailboxes, mut rings) = (Vec::new(), Vec::new(), Vec::new());
        let (mut partitions, mut tables) = (Vec::new(), Vec::new());
        for (partition, (resumed, recovery)) in (0..).zip(opened.partitions) {
            let signal = &signals[partition as usize % signals.len()];
            let gate = Arc::new(Gate::new(
                partition,
                Arc::clone(signal),
                resumed.last_sequence,
            ));
            running.first_sequences.push(resumed.last_sequence);
            let (publisher, poller) = ring::ring(self.ring_slots);
            let mailbox = Arc::new(Mailbox::new());
            let mut exchange = None;
            let mut start = PartitionStart {
                last_sequence: resumed.last_sequence,
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
                let writer =
                    Writer::resume(directory, partition, schema, sync_each, preparer, recovery)
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
                self.group_bytes,
                resumed,
            ));
            gates.push(gate);
            mailboxes.push(mailbox);
            rings.push(publisher);
        }
        if let Some(preparer) = preparer {
            running.start_preparer(preparer)?;
        }
        running.gates = gates.clone();
        Ok(Assembled {
            shared: Shared::new(gates, mailboxes, rings, &tables),
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
}

/// Everything that is put together before the partition threads start.
pub(crate) struct Assembled<S: State> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) partitions: Vec<Partition<S>>,
}
