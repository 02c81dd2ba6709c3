//! What the demo says at the end.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::latency::Latency;
use super::load::{Load, Outcome};
use super::run::{Check, Run};
use crate::Synthetic;
use crate::output::grouped;

const TOP_PLAYERS: usize = 5;

/// The figures of one run; its JSON is the machine-readable report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Events published and acknowledged as durable.
    pub(super) events: u64,
    /// From the first publish to the last acknowledgement.
    pub(super) seconds: f64,
    /// `events` by `seconds`.
    pub(super) events_per_second: f64,
    /// Journal bytes written, headers and padding included.
    pub(super) bytes: u64,
    /// `bytes` by `seconds`, in 10^6 bytes.
    pub(super) megabytes_per_second: f64,
    /// Latency from publish to acknowledgement under this load, of a sample of the events; none
    /// where the run was too short for one.
    pub(super) ack_latency: Option<Latency>,
    /// Groups committed: each was one write and one sync.
    pub(super) groups: u64,
    /// Events a group.
    pub(super) mean_group_events: f64,
    /// Partitions, publishers and threads.
    pub(super) partitions: u32,
    /// Publishing threads.
    pub(super) publishers: u64,
    /// Threads that step partitions.
    pub(super) partition_threads: usize,
    /// CPUs that those are pinned to.
    pub(super) pinned_cpus: Vec<usize>,
    /// The traffic's seed.
    pub(super) seed: u64,
    /// `false` on a file system in memory: nothing was durable then.
    pub(super) durable: bool,
    /// Who leads.
    pub(super) top_players: Vec<Value>,
    /// What reopening and replaying found.
    pub(super) check: Check,
}

impl Report {
    pub(super) fn new<D: Synthetic>(load: Load, run: Run<D, Outcome>) -> Self {
        let seconds = run.outcome.elapsed.as_secs_f64();
        let (events, bytes) = (run.closed.events(), run.closed.bytes_written());
        Self {
            events,
            seconds,
            events_per_second: events as f64 / seconds,
            bytes,
            megabytes_per_second: bytes as f64 / 1e6 / seconds,
            ack_latency: Latency::of(&run.outcome.latencies),
            groups: run.closed.groups(),
            mean_group_events: events as f64 / run.closed.groups().max(1) as f64,
            partitions: u32::try_from(run.states.len()).unwrap_or(u32::MAX),
            publishers: load.threads,
            partition_threads: run.start.partition_threads,
            pinned_cpus: run.start.pinned_cpus.clone(),
            seed: load.seed,
            durable: !run.start.is_volatile,
            top_players: D::top(&run.states, TOP_PLAYERS),
            check: run.check(load.count),
        }
    }

    /// Whether everything that was acknowledged came back, and the state is the same.
    pub(super) fn is_sound(&self) -> bool {
        self.check.is_sound()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.durable {
            "durable"
        } else {
            "NOT DURABLE (the directory lies on a file system in memory)"
        };
        writeln!(f, "events            {:>14} {level}", grouped(self.events))?;
        writeln!(f, "time              {:>14.3} s", self.seconds)?;
        writeln!(
            f,
            "rate              {:>14} events/s",
            grouped(self.events_per_second as u64)
        )?;
        writeln!(
            f,
            "journal           {:>14.1} MB/s",
            self.megabytes_per_second
        )?;
        writeln!(
            f,
            "groups            {:>14} of {:.0} events on average",
            grouped(self.groups),
            self.mean_group_events
        )?;
        match &self.ack_latency {
            Some(latency) => writeln!(f, "ack latency       {latency}")?,
            None => writeln!(f, "ack latency       {:>14} too few events to sample", "-")?,
        }
        writeln!(
            f,
            "threads           {:>14} publishers, {} partitions on {} threads{}",
            self.publishers,
            self.partitions,
            self.partition_threads,
            if self.pinned_cpus.is_empty() {
                String::new()
            } else {
                format!(" pinned to CPU {:?}", self.pinned_cpus)
            }
        )?;
        writeln!(f, "top players")?;
        for player in &self.top_players {
            writeln!(f, "    {player}")?;
        }
        let check = &self.check;
        writeln!(
            f,
            "check             reopened and replayed {} events in {:.3} s: {}",
            grouped(check.events),
            check.seconds,
            check.verdict()
        )
    }
}
