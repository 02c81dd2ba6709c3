//! Recovery: the events of a closed journal, walked and applied.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use ringlog::Pipeline;
use ringlog::journal::JournalReader;

use super::cached::Cached;
use super::contender::{Bench, Contender};
use super::durable::run;
use super::entries::match_events;
use super::players::Players;
use super::publish::Manner;
use super::workload::MATCH_FRAME_BYTES;
use crate::clock;

/// How many bursts of other contenders the journal holds.
const BURSTS: u64 = 4;

/// A journal that was closed.
pub(super) struct Replay {
    path: PathBuf,
    events: u64,
}

impl Replay {
    pub(super) fn new(bench: &Bench) -> Result<Self> {
        let path = bench.path("replay");
        let pipeline = Pipeline::<Players>::builder(&path).open(Players::new)?;
        // Long enough for what opening a directory takes by itself not to show.
        let count = BURSTS * bench.sizes.events(MATCH_FRAME_BYTES);
        let done = run(&pipeline, bench, count, 1, Manner::InBatches, match_events)?;
        pipeline.close()?;
        let replay = Self {
            path,
            events: done.events,
        };
        // Whatever of it is cached later is cached from now on.
        replay.walk()?;
        Ok(replay)
    }

    /// Every check of structure, checksum and numbering, but none of the events' own bytes.
    fn walk(&self) -> Result<f64> {
        let started = clock::now();
        let report = JournalReader::open(&self.path)?.verify(|_| Ok(()))?;
        let seconds = started.elapsed().as_secs_f64();
        let found: u64 = report.partitions.iter().map(|p| p.events).sum();
        ensure!(found == self.events, "the journal holds {found} events");
        Ok(seconds)
    }
}

impl Contender for Replay {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let seconds = self.walk()?;
        bench.record_events("replay.walked", self.events, seconds);
        let pipeline = Pipeline::<Players>::builder(&self.path)
            .storage(Cached)
            .open(Players::new)?;
        let seconds = pipeline.start_report().recovery.as_secs_f64();
        pipeline.close()?;
        bench.record_events("replay.applied", self.events, seconds);
        Ok(())
    }
}
