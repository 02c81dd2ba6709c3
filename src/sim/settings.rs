//! The settings of a simulated pipeline.

use std::path::PathBuf;

use crate::journal::SegmentSizes;
use crate::pipeline::{Builder, Durability};
use crate::snapshot::Retention;

/// What a simulated pipeline is opened with. Everything may be smaller than in a real one, so that a
/// few events fill groups and segments.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The journal's directory on the simulated disk.
    pub path: PathBuf,
    /// How many partitions it has.
    pub partitions: u32,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Slots of each ring, 120 bytes each: a power of two, at least 64. An event that does not fit
    /// into the ring is refused as [`Full`](crate::PublishError::Full) for ever.
    pub ring_slots: usize,
    /// Bytes of a group: at least what the ring holds, and 16 KiB.
    pub group_bytes: usize,
    /// Bytes of the first segment after an opening.
    pub first_segment_bytes: u64,
    /// Bytes that segments double up to.
    pub segment_bytes_max: u64,
    /// Bytes of journal between two snapshots of a partition, for a state that takes them.
    pub snapshot_every: u64,
    /// How many of them are kept: at least 2.
    pub snapshots_kept: usize,
    /// What happens to the journal below them.
    pub retention: Retention,
    /// Whether the wall clock jumps back and forth, by up to an hour.
    pub clock_jumps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/journal"),
            partitions: 1,
            durability: Durability::Sync,
            ring_slots: 64,
            group_bytes: 32 * 1024,
            first_segment_bytes: 16 * 1024,
            segment_bytes_max: 64 * 1024,
            snapshot_every: 64 * 1024,
            snapshots_kept: 2,
            retention: Retention::Everything,
            clock_jumps: false,
        }
    }
}

impl Settings {
    pub(super) fn builder(&self) -> Builder {
        Builder::new(&self.path)
            .partitions(self.partitions)
            .durability(self.durability)
            .ring_slots(self.ring_slots)
            .group_bytes(self.group_bytes)
            .snapshot_every(self.snapshot_every)
            .snapshots_kept(self.snapshots_kept)
            .retention(self.retention)
    }

    pub(super) fn segment_sizes(&self) -> SegmentSizes {
        SegmentSizes {
            first: self.first_segment_bytes,
            largest: self.segment_bytes_max,
        }
    }

    /// The first setting that is out of its limits, and these.
    pub(super) fn broken(&self) -> Option<(&'static str, &'static str)> {
        if self.durability == Durability::Memory {
            return Some(("durability", "anything that is journaled"));
        }
        if !(1..=1024).contains(&self.partitions) {
            return Some(("partitions", "from 1 to 1,024"));
        }
        if !self.ring_slots.is_power_of_two() || self.ring_slots < 64 {
            return Some(("ring_slots", "a power of two, at least 64"));
        }
        if self.group_bytes < self.ring_slots * 128 + 16 * 1024 {
            return Some(("group_bytes", "128 a slot of the ring, and 16 KiB"));
        }
        if self.first_segment_bytes < 8192 || self.segment_bytes_max < self.first_segment_bytes {
            return Some(("first_segment_bytes", "from 8 KiB to segment_bytes_max"));
        }
        if self.snapshots_kept < 2 {
            return Some(("snapshots_kept", "at least 2"));
        }
        let blocks = 4096;
        if !(self.first_segment_bytes.is_multiple_of(blocks)
            && self.segment_bytes_max.is_multiple_of(blocks))
        {
            return Some(("segment bytes", "whole blocks of 4,096"));
        }
        None
    }
}
