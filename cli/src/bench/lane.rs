//! A durable pipeline with room: what is measured goes into a segment that was prepared before.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ringlog::journal::JournalReader;
use ringlog::{Pipeline, Publisher, State};

use super::publish::{Manner, publish};
use super::threads::sleep;
use crate::{clock, files};

/// A journal that is opened anew, and made to grow to segments of the wished size, whenever the
/// last segment of a partition has too little room left.
pub(super) struct Lane<S: State> {
    path: PathBuf,
    partitions: u32,
    segment_bytes: u64,
    make: fn(u32) -> S,
    open: Option<Open<S>>,
}

struct Open<S: State> {
    pipeline: Pipeline<S>,
    /// The last segment of each partition.
    lasts: Vec<Last>,
}

/// How long a preparer may take for a segment.
const PREPARING_MAX: Duration = Duration::from_secs(20);
/// A file that has not grown for so long is complete.
const SETTLED: Duration = Duration::from_millis(60);
/// What groups' headers and padding may add to the frames.
const OVERHEAD: f64 = 1.15;
/// A group that does not fit goes to the next segment, and is no longer than this: the builder's
/// default.
const GROUP_BYTES_MAX: u64 = 2 * 1024 * 1024;

impl<S: State> Lane<S> {
    pub(super) fn new(
        path: PathBuf,
        partitions: u32,
        segment_bytes: u64,
        make: fn(u32) -> S,
    ) -> Self {
        Self {
            path,
            partitions,
            segment_bytes,
            make,
            open: None,
        }
    }

    /// The pipeline, with room for frames of `bytes` in segments that are ready. `filler` are the
    /// events to get there with.
    pub(super) fn with_room(
        &mut self,
        bytes: u64,
        filler: impl Iterator<Item = S::Event> + Send,
    ) -> Result<&Pipeline<S>> {
        let needed = (bytes as f64 * OVERHEAD / f64::from(self.partitions)) as u64;
        let has_room = self.open.as_ref().is_some_and(|open| open.has_room(needed));
        if !has_room {
            self.close()?;
            self.open = Some(self.reopened(filler)?);
        }
        let open = self.open.as_ref().context("the pipeline is open")?;
        Ok(&open.pipeline)
    }

    fn close(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            open.pipeline.close()?;
            files::remove_directory(&self.path)?;
        }
        Ok(())
    }

    fn reopened(&self, mut filler: impl Iterator<Item = S::Event> + Send) -> Result<Open<S>> {
        let pipeline = Pipeline::<S>::builder(&self.path)
            .partitions(self.partitions)
            .segment_bytes(self.segment_bytes)
            .open(self.make)
            .with_context(|| format!("cannot open {}", self.path.display()))?;
        let reader = JournalReader::open(&self.path)?;
        let publisher = pipeline.publisher();
        let limit = 3 * self.segment_bytes * u64::from(self.partitions);
        let mut lasts = vec![Last::default(); self.partitions as usize];
        let mut written = 0;
        let mut step_bytes = SEGMENT_BYTES_MIN / 2 * u64::from(self.partitions);
        while written < limit && lasts.iter().any(|last| last.capacity < self.segment_bytes) {
            written = fill(&pipeline, &publisher, &mut filler, step_bytes)?;
            let mut has_rolled = false;
            for (partition, last) in (0..).zip(&mut lasts) {
                let (count, bytes) = reader.segments(partition)?;
                let at = pipeline.stats()[partition as usize].bytes_written;
                has_rolled |= last.look(count, bytes, at);
            }
            if has_rolled {
                wait_until_settled(&self.path)?;
            }
            let smallest = lasts.iter().map(|last| last.capacity).min().unwrap_or(0);
            let step = (smallest / 8).clamp(SEGMENT_BYTES_MIN / 2, 8 * SEGMENT_BYTES_MIN);
            step_bytes = step * u64::from(self.partitions);
        }
        wait_until_settled(&self.path)?;
        Ok(Open { pipeline, lasts })
    }
}

/// What segments start with after an opening.
const SEGMENT_BYTES_MIN: u64 = 1024 * 1024;

impl<S: State> Open<S> {
    /// Whether the last segment of each partition has room for `bytes`.
    fn has_room(&self, bytes: u64) -> bool {
        self.lasts
            .iter()
            .zip(self.pipeline.stats())
            .all(|(last, stats)| {
                let taken = stats.bytes_written - last.since + GROUP_BYTES_MAX;
                last.capacity.saturating_sub(taken) >= bytes
            })
    }
}

/// The last segment of a partition.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    segments: u64,
    /// Bytes of all segments.
    bytes: u64,
    capacity: u64,
    /// What the partition had written when it was looked at before the segment began: at most as
    /// much as really was in front of it.
    since: u64,
    written: u64,
}

impl Last {
    /// Looks at the partition, which has `segments` of `bytes` in all and has `written` so much;
    /// whether there is a new one.
    fn look(&mut self, segments: u64, bytes: u64, written: u64) -> bool {
        let has_rolled = segments > self.segments;
        if has_rolled {
            self.capacity = bytes.saturating_sub(self.bytes);
            self.since = self.written;
            (self.segments, self.bytes) = (segments, bytes);
        }
        self.written = written;
        has_rolled
    }
}

/// Publishes about so many bytes; returns what was written in all.
fn fill<S: State>(
    pipeline: &Pipeline<S>,
    publisher: &Publisher<S::Event>,
    filler: &mut (impl Iterator<Item = S::Event> + Send),
    step_bytes: u64,
) -> Result<u64> {
    let written = || {
        pipeline
            .stats()
            .iter()
            .map(|p| p.bytes_written)
            .sum::<u64>()
    };
    let target = written() + step_bytes;
    let mut now = written();
    while now < target {
        publish(publisher, Manner::InBatches, 4096, filler)?;
        now = written();
    }
    Ok(now)
}

/// Waits until no file in the journal grows any more: the next segment is prepared.
fn wait_until_settled(path: &Path) -> Result<()> {
    let started = clock::now();
    let mut since = clock::now();
    let mut size = files::size_of_directory(path);
    while since.elapsed() < SETTLED {
        if started.elapsed() > PREPARING_MAX {
            anyhow::bail!("segments in {} never get ready", path.display());
        }
        sleep(Duration::from_millis(10));
        let now = files::size_of_directory(path);
        if now != size {
            (size, since) = (now, clock::now());
        }
    }
    Ok(())
}

impl<S: State> Drop for Lane<S> {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::players::Players;
    use crate::bench::workload::Match;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn bursts_lie_within_a_segment_that_was_ready_before() {
        let directory = tempfile::tempdir().unwrap();
        for partitions in [1, 2] {
            let path = directory.path().join(partitions.to_string());
            let mut lane = Lane::new(path.clone(), partitions, 4 * MIB, Players::new);
            let segments = || {
                let reader = JournalReader::open(&path).unwrap();
                (0..partitions)
                    .map(|partition| reader.segments(partition).unwrap())
                    .collect::<Vec<_>>()
            };
            // More than one opening has room for.
            for burst in 0..10 {
                let bytes = MIB * u64::from(partitions);
                let pipeline = lane.with_room(bytes, Match::new(1)).unwrap();
                let before = segments();
                assert!(
                    before.iter().all(|(count, _)| *count > 1),
                    "burst {burst} of {partitions}: {before:?}"
                );
                let publisher = pipeline.publisher();
                let written = || {
                    pipeline
                        .stats()
                        .iter()
                        .map(|p| p.bytes_written)
                        .sum::<u64>()
                };
                let (start, mut events) = (written(), Match::new(burst));
                while written() - start < bytes {
                    publish(&publisher, Manner::InBatches, 512, &mut events).unwrap();
                }
                assert_eq!(segments(), before, "burst {burst} of {partitions}");
            }
        }
    }
}
