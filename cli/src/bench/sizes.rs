//! How much is done in a round.

use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// How much is done in a round, and how many rounds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) rounds: u32,
    /// How long a run may take: it ends with the round after which another one would take longer.
    pub(super) time_max: Duration,
    /// Journal bytes of one measurement.
    pub(super) burst_bytes: u64,
    /// The size that a prepared segment must have.
    pub(super) segment_bytes: u64,
    /// Journal bytes of the run without end: far more than was prepared at its start.
    pub(super) endless_bytes: u64,
    /// Events of one measurement where nothing is written.
    pub(super) memory_events: u64,
    /// Durable writes of one measurement of latency.
    pub(super) lone_writes: u64,
    /// How long the open load lasts.
    pub(super) load_time: Duration,
    /// How long an idle pipeline is watched.
    pub(super) idle_time: Duration,
}

impl Sizes {
    pub(super) fn full() -> Self {
        Self {
            rounds: 5,
            time_max: Duration::from_secs(285),
            burst_bytes: 128 * MIB,
            segment_bytes: 512 * MIB,
            endless_bytes: 768 * MIB,
            memory_events: 5_000_000,
            lone_writes: 1_000,
            load_time: Duration::from_millis(1_000),
            idle_time: Duration::from_millis(1_000),
        }
    }

    pub(super) fn quick() -> Self {
        Self {
            rounds: 3,
            time_max: Duration::from_secs(55),
            burst_bytes: 64 * MIB,
            segment_bytes: 256 * MIB,
            endless_bytes: 384 * MIB,
            memory_events: 2_000_000,
            lone_writes: 300,
            load_time: Duration::from_millis(400),
            idle_time: Duration::from_millis(500),
        }
    }

    /// For tests of the program: the figures mean nothing.
    pub(super) fn tiny() -> Self {
        Self {
            rounds: 2,
            time_max: Duration::MAX,
            burst_bytes: MIB,
            segment_bytes: 4 * MIB,
            endless_bytes: 4 * MIB,
            memory_events: 20_000,
            lone_writes: 10,
            load_time: Duration::from_millis(20),
            idle_time: Duration::from_millis(20),
        }
    }

    /// What a run may take of the disk at a time.
    pub(super) fn disk_bytes(&self) -> u64 {
        // Six journals of two segments and a prepared one, and the files of disk and rivals.
        18 * self.segment_bytes + 2 * self.endless_bytes + 8 * self.burst_bytes
    }

    /// What a whole run writes, about.
    fn written_bytes(&self) -> u64 {
        (u64::from(self.rounds) * 36 + 48) * self.burst_bytes
    }

    /// Smaller by halves until a disk that writes so much a second leaves half of the time for all
    /// else. What is written goes with less than half of the disk's speed on average.
    pub(super) fn paced(mut self, bytes_per_second: f64) -> Self {
        let seconds = |sizes: &Self| sizes.written_bytes() as f64 / (0.4 * bytes_per_second);
        while seconds(&self) > self.time_max.as_secs_f64() / 2.0 && self.burst_bytes > 4 * MIB {
            self.halve();
        }
        self
    }

    fn halve(&mut self) {
        self.burst_bytes /= 2;
        self.segment_bytes /= 2;
        self.endless_bytes /= 2;
    }

    /// Smaller by halves until the disk has room for twice as much as is needed.
    pub(super) fn fitting(mut self, free_bytes: u64) -> Option<Self> {
        while 2 * self.disk_bytes() > free_bytes {
            if self.burst_bytes <= 2 * MIB {
                return None;
            }
            self.halve();
        }
        Some(self)
    }

    /// How many frames of `frame_bytes` fill a burst.
    pub(super) fn events(&self, frame_bytes: u64) -> u64 {
        self.burst_bytes / frame_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_disk_gets_less_to_write() {
        for sizes in [Sizes::full(), Sizes::quick()] {
            assert_eq!(sizes.paced(2e9), sizes);
            assert!(sizes.paced(2e8).burst_bytes < sizes.burst_bytes);
            assert!(sizes.paced(1.0).burst_bytes >= 2 * MIB);
        }
    }

    #[test]
    fn a_small_disk_gets_smaller_bursts_and_a_full_one_none() {
        let full = Sizes::full();
        assert_eq!(full.fitting(u64::MAX), Some(full));
        let smaller = full.fitting(8 << 30).unwrap();
        assert!(smaller.burst_bytes < full.burst_bytes);
        assert!(2 * smaller.disk_bytes() <= 8 << 30);
        assert_eq!(full.fitting(1 << 20), None);
    }
}
