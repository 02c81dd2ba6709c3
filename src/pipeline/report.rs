//! What the pipeline says of itself: at the start, while it runs, and at the end.

use std::time::Duration;

use super::Durability;
use crate::journal::TornTail;
use crate::snapshot::RejectedSnapshot;

/// What opening found and what was granted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StartReport {
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Whether the directory lies on a file system in memory, so that nothing is durable.
    pub is_volatile: bool,
    /// CPUs that this process may use.
    pub allowed_cpus: usize,
    /// Threads that step partitions.
    pub partition_threads: usize,
    /// The CPU that each of them was pinned to; empty where pinning was not asked for, or the
    /// allowed CPUs do not suffice.
    pub pinned_cpus: Vec<usize>,
    /// How long recovery and replay took.
    pub recovery: Duration,
    /// One entry a partition.
    pub partitions: Vec<PartitionStart>,
}

/// What opening one partition found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PartitionStart {
    /// The last sequence recovered; 0 where there is none.
    pub last_sequence: u64,
    /// How many segments it has.
    pub segments: u64,
    /// Bytes of journal replayed: of what lies behind the snapshot, where there is one.
    pub bytes: u64,
    /// The last sequence of the snapshot that it started from.
    pub snapshot_sequence: Option<u64>,
    /// Newer snapshots that could not be used.
    pub rejected_snapshots: Vec<RejectedSnapshot>,
    /// Bytes that were never acknowledged, now in `quarantine/`.
    pub torn_tail: Option<TornTail>,
    /// The control word was there but could not be believed: one witness less for what was found.
    pub control_unreadable: bool,
}

/// One partition at this moment. The figures are read one by one, so they may be of slightly
/// different moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStats {
    /// The last sequence applied to the state.
    pub applied_sequence: u64,
    /// The last durable sequence; the difference is the lag of the journal.
    pub durable_sequence: u64,
    /// Events whose source number had been seen before.
    pub duplicates: u64,
    /// Commands accepted since opening.
    pub commands_accepted: u64,
    /// Commands rejected since opening.
    pub commands_rejected: u64,
    /// Commands answered with an outcome that they had before, or that was forgotten, since opening.
    pub commands_repeated: u64,
    /// Commands that `decide` panicked for since opening.
    pub decide_panics: u64,
    /// Groups committed since opening.
    pub groups: u64,
    /// Bytes written since opening, headers and padding included.
    pub bytes_written: u64,
}

/// What a pipeline did between opening and closing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// One entry a partition.
    pub partitions: Vec<PartitionReport>,
}

impl CloseReport {
    /// Events applied and made durable since opening.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.events)
            .sum()
    }

    /// Duplicates answered since opening.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.duplicates)
            .sum()
    }

    /// Groups committed since opening.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.groups)
            .sum()
    }

    /// Bytes written since opening, headers and padding included.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.bytes_written)
            .sum()
    }
}

/// What one partition did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionReport {
    /// Events taken and made durable since opening.
    pub events: u64,
    /// The last durable sequence.
    pub last_sequence: u64,
    /// Duplicates answered since opening.
    pub duplicates: u64,
    /// Groups committed since opening.
    pub groups: u64,
    /// Bytes written since opening.
    pub bytes_written: u64,
}
