//! What takes part in a run: each round, every contender measures once.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::disk::Method;
use super::figure::{Figures, Unit};
use super::open_loop::Latencies;
use super::sizes::Sizes;

/// Something that is measured once a round.
pub(super) trait Contender {
    /// Measures once, and records what it found.
    fn round(&mut self, bench: &mut Bench) -> Result<()>;
}

/// What the contenders share.
#[derive(Debug)]
pub(super) struct Bench {
    /// Where contenders have their files, each in a folder of its own.
    pub(super) directory: PathBuf,
    /// How writes become durable there.
    pub(super) method: Method,
    pub(super) sizes: Sizes,
    pub(super) seed: u64,
    /// CPUs that this process may use.
    pub(super) cpus: Vec<usize>,
    pub(super) figures: Figures,
    /// Events a second of the offered load.
    pub(super) rate: u64,
    /// Latencies of all rounds together, by what they are of.
    pub(super) latencies: Vec<(&'static str, Latencies)>,
}

impl Bench {
    pub(super) fn record(&mut self, figure: &str, unit: Unit, value: f64) {
        self.figures.record(figure, unit, value);
    }

    /// `count` events in `seconds`.
    pub(super) fn record_events(&mut self, figure: &str, count: u64, seconds: f64) {
        self.record(figure, Unit::EventsPerSecond, count as f64 / seconds);
    }

    /// `bytes` in `seconds`.
    pub(super) fn record_bytes(&mut self, figure: &str, bytes: u64, seconds: f64) {
        self.record(figure, Unit::BytesPerSecond, bytes as f64 / seconds);
    }

    /// Adds the latencies of a round to those of the rounds before.
    pub(super) fn add_latencies(&mut self, of: &'static str, more: &Latencies) {
        match self.latencies.iter_mut().find(|(name, _)| *name == of) {
            // Alike in their bounds, so that nothing is lost.
            Some((_, known)) => drop(known.add(more)),
            None => self.latencies.push((of, more.clone())),
        }
    }

    /// A folder or a file for a contender.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a single publishing thread is pinned: to the first CPU, as the engine takes the last
    /// ones for its partitions. On a single CPU nobody is pinned.
    pub(super) fn publisher_cpu(&self) -> Option<usize> {
        (self.cpus.len() > 1).then(|| self.cpus[0])
    }

    /// Where a rival's consuming thread is pinned: to the last CPU.
    pub(super) fn consumer_cpu(&self) -> Option<usize> {
        let last = self.cpus.last().copied();
        last.filter(|_| self.cpus.len() > 1)
    }
}
