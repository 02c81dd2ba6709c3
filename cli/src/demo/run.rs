//! What every demo does around its load: opens, digests, closes, reopens, replays and compares.

use std::path::Path;

use anyhow::{Context, Result};
use ringlog::{CloseReport, Durability, Pipeline, StartReport};
use serde::Serialize;

use super::Args;
use super::directory::Directory;
use crate::Synthetic;

/// A load that was put on a pipeline, and what came back of it.
pub(super) struct Run<D: Synthetic, O> {
    pub(super) start: StartReport,
    /// What the load says.
    pub(super) outcome: O,
    pub(super) closed: CloseReport,
    /// What reopening found.
    pub(super) replay: StartReport,
    /// The replayed states equal the live ones.
    is_state_equal: bool,
    pub(super) states: Vec<D::State>,
}

/// What reopening and replaying found.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Check {
    /// Events recovered.
    pub(super) events: u64,
    /// Every event is there.
    pub(super) is_complete: bool,
    /// The replayed state equals the live one.
    pub(super) is_state_equal: bool,
    /// How long recovery and replay took.
    pub(super) seconds: f64,
}

impl<D: Synthetic, O> Run<D, O> {
    /// Opens a fresh pipeline, puts the load on it, and looks at what comes back.
    pub(super) fn new(
        args: &Args,
        partitions: u32,
        load: impl FnOnce(&Pipeline<D::State>) -> Result<O>,
    ) -> Result<Self> {
        let directory = Directory::choose(args.dir.as_deref())?;
        let pipeline = open::<D>(directory.path(), partitions)?;
        let start = pipeline.start_report().clone();
        anyhow::ensure!(
            recovered_events(&start) == 0,
            "{} holds events already: the demo wants a fresh directory",
            directory.path().display()
        );
        let outcome = load(&pipeline)?;
        let live = digests::<D>(&pipeline)?;
        let closed = pipeline.close().context("cannot close the pipeline")?;

        let reopened = open::<D>(directory.path(), partitions).context("cannot reopen")?;
        let replay = reopened.start_report().clone();
        let is_state_equal = digests::<D>(&reopened)? == live;
        let states = (0..partitions)
            .map(|partition| reopened.read_partition(partition, Clone::clone))
            .collect::<Result<Vec<D::State>, _>>()?;
        reopened.close()?;
        Ok(Self {
            start,
            outcome,
            closed,
            replay,
            is_state_equal,
            states,
        })
    }

    /// What came back, where `events` were acknowledged.
    pub(super) fn check(&self, events: u64) -> Check {
        let recovered = recovered_events(&self.replay);
        Check {
            events: recovered,
            is_complete: recovered == events && self.closed.events() == events,
            is_state_equal: self.is_state_equal,
            seconds: self.replay.recovery.as_secs_f64(),
        }
    }
}

impl Check {
    /// Whether everything that was acknowledged came back, and the state is the same.
    pub(super) fn is_sound(&self) -> bool {
        self.is_complete && self.is_state_equal
    }

    /// What it found, in words.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.is_complete, self.is_state_equal) {
            (true, true) => "every event is there, the state is equal",
            (false, _) => "EVENTS ARE MISSING",
            (true, false) => "THE STATE DIFFERS",
        }
    }
}

fn open<D: Synthetic>(path: &Path, partitions: u32) -> Result<Pipeline<D::State>> {
    Pipeline::<D::State>::builder(path)
        .partitions(partitions)
        .durability(Durability::Sync)
        .open(D::state)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn recovered_events(start: &StartReport) -> u64 {
    let sequences = start.partitions.iter().map(|found| found.last_sequence);
    sequences.sum()
}

fn digests<D: Synthetic>(pipeline: &Pipeline<D::State>) -> Result<Vec<u64>> {
    (0..pipeline.partitions())
        .map(|partition| Ok(pipeline.read_partition(partition, D::digest)?))
        .collect()
}
