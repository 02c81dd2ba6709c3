//! The journal's side: a directory, and the machines that the journal's threads step.
#![forbid(unsafe_code)]

use super::{Exchange, Gate, Group, Signal};
use crate::event::State;
use crate::journal::{
    Directory, GroupBuffer, Preparer as Prepares, RecoverError, SegmentSizes, Writer as Writes,
    WriterSettings, recover_partition,
};
use crate::partition::{Journaler as Journals, Stepped};
use crate::snapshot::{
    Parts, Policy, Retention, SnapshotError, SnapshotReport, Snapshotter as Snapshots, retire,
};
use crate::storage::{OpenMode, Storage};
use crate::sync::{Arc, Mutex};

/// The unit of every journal write.
pub const BLOCK_BYTES: usize = crate::storage::BLOCK_BYTES;
/// Where the models' journals lie.
pub const PATH: &str = "journal";

impl Group {
    /// A group of one event of kind 1, in a buffer of one block.
    pub fn of_event(body: &[u8]) -> Self {
        let mut group = Self(GroupBuffer::new(BLOCK_BYTES));
        let header = crate::journal::format::FrameHeader {
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            version: 1,
            ..crate::journal::format::FrameHeader::control(1, 0, body.len())
        };
        let record = [header.as_record(), body].concat();
        group
            .0
            .append_record(&record, crate::journal::FrameTimes::default());
        group
    }
}

impl Gate {
    /// A gate whose alarm rings on `wake` after `bytes` of journal.
    pub fn with_alarm(worker: &Signal, wake: &Signal, bytes: u64) -> Self {
        let mut gate = crate::partition::Gate::new(0, Arc::clone(&worker.0), 0);
        gate.snapshot_alarm = crate::partition::Alarm::new(Arc::clone(&wake.0));
        gate.snapshot_alarm.set_after(bytes);
        Self(Arc::new(gate))
    }

    /// The journaler has written this much.
    pub fn written(&self, bytes: u64) {
        self.0.snapshot_alarm.written(bytes);
    }

    pub fn durable_sequence(&self) -> u64 {
        self.0.durable.get()
    }
}

/// A journal of one partition, opened for writing.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Directory>);

impl Journal {
    /// Opens or creates the journal; each of its segments takes this many blocks, of which the first
    /// is its header.
    pub fn open(storage: impl Storage, segment_blocks: u64) -> Self {
        let opened = Directory::open(Arc::new(storage), PATH.as_ref(), 1);
        let mut directory = opened.expect("the journal opens");
        let bytes = segment_blocks * BLOCK_BYTES as u64;
        directory.segment_sizes = SegmentSizes {
            first: bytes,
            largest: bytes,
        };
        Self(Arc::new(directory))
    }

    pub fn preparer(&self) -> Preparer {
        Preparer(Arc::new(Prepares::new(
            Arc::clone(&self.0.storage),
            vec![self.0.partition_dir(0)],
            self.0.segment_sizes.largest,
        )))
    }

    /// Recovers the partition and goes on writing behind what was there.
    pub fn writer(&self, preparer: &Preparer, sync_each: bool) -> Writer {
        let recovered = recover_partition::<()>(&self.0, 0, 0, None, |_| Ok(()));
        let recovery = recovered
            .map_err(|error| match error {
                RecoverError::Read(error) => error.to_string(),
                RecoverError::Frame(()) => "a frame".to_owned(),
            })
            .expect("the partition recovers");
        let settings = WriterSettings {
            schema: 0,
            sync_each,
        };
        let preparer = Arc::clone(&preparer.0);
        let writer = Writes::resume(&self.0, 0, settings, preparer, recovery);
        Writer(writer.expect("the writer opens"))
    }

    /// Retires every segment that ends with `group` or before it.
    pub fn retire(&self, group: u64, preparer: &Preparer) -> u64 {
        let retention = Retention::FromOldestSnapshot { cursor_lag_max: 0 };
        retire(&self.0, 0, group, retention, &preparer.0).expect("segments are retired")
    }

    /// Takes snapshots of the journal; it keeps two, and retires nothing.
    pub fn snapshotter<S: State>(
        &self,
        gate: &Gate,
        wake: &Signal,
        preparer: &Preparer,
        sync_each: bool,
        mut fresh: impl FnMut() -> S + Send + 'static,
    ) -> Snapshotter<S> {
        Snapshotter(Snapshots::new(Parts {
            directory: Arc::clone(&self.0),
            gates: vec![Arc::clone(&gate.0)],
            preparer: Arc::clone(&preparer.0),
            fresh: Mutex::new(Box::new(move |_| fresh())),
            policy: Policy::default(),
            read_mode: match sync_each {
                true => OpenMode::ReadUncached,
                false => OpenMode::Read,
            },
            wake: Arc::clone(&wake.0),
        }))
    }
}

/// Writes groups; what a journaler does with a partition's.
#[derive(Debug)]
pub struct Writer(Writes);

impl Writer {
    /// Commits a group; `false` where that failed.
    pub fn commit(&mut self, mut group: Group) -> bool {
        self.0.commit(&mut group.0).is_ok()
    }

    /// Writes a witness; `false` where that failed.
    pub fn witness(&mut self) -> bool {
        self.0.witness().is_ok()
    }
}

/// The machine that a journaling thread steps.
#[derive(Debug)]
pub struct Journaler {
    machine: Journals,
    exchange: Exchange,
}

impl Journaler {
    pub fn new(writer: Writer, exchange: &Exchange, gate: &Gate) -> Self {
        let machine = Journals::new(writer.0, Arc::clone(&exchange.0), Arc::clone(&gate.0));
        Self {
            machine,
            exchange: Exchange(Arc::clone(&exchange.0)),
        }
    }

    /// Does what the thread does. Time does not pass here, so a witness is written at the end only.
    pub fn run(mut self) {
        loop {
            match self.machine.step() {
                Stepped::Progress => {}
                Stepped::Ended => return,
                Stepped::Idle => self.exchange.wait(),
            }
        }
    }
}

/// The preparer, and what its thread does.
#[derive(Debug)]
pub struct Preparer(Arc<Prepares>);

impl Preparer {
    pub fn run(&self) {
        self.0.run();
    }

    pub fn step(&self) -> bool {
        self.0.step()
    }

    pub fn stop(&self) {
        self.0.stop();
    }
}

/// The snapshotter, and what its thread does.
#[derive(Debug)]
pub struct Snapshotter<S>(Snapshots<S>);

impl<S: State> Snapshotter<S> {
    /// The same, but it retires what the snapshots make superfluous.
    pub fn retiring(mut self) -> Self {
        self.0.retire_from_oldest_snapshot();
        self
    }

    pub fn run(&self) {
        self.0.run();
    }

    pub fn stop(&self) {
        self.0.stop();
    }

    pub fn take(&self) -> Result<SnapshotReport, SnapshotError> {
        self.0.take(0)
    }
}
