//! What the demo of commands says at the end.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::load::Outcome;
use crate::Synthetic;
use crate::demo::latency::Latency;
use crate::demo::load::Load;
use crate::demo::run::{Check, Run};
use crate::output::grouped;

/// The figures of one run; its JSON is the machine-readable report.
#[derive(Debug, Clone, Serialize)]
pub(in crate::demo) struct Report {
    /// Commands with an outcome.
    commands: u64,
    /// Those that something came of.
    accepted: u64,
    /// Those that nothing came of.
    rejected: u64,
    /// The same by reason.
    rejected_by_reason: BTreeMap<&'static str, u64>,
    /// From the first command to the last outcome.
    seconds: f64,
    /// `commands` by `seconds`.
    commands_per_second: f64,
    /// Latency from sending to the outcome under this load, of a sample of the commands; none where
    /// the run was too short for one.
    reply_latency: Option<Latency>,
    /// Events that came of the accepted commands.
    events: u64,
    /// Journal bytes written, headers and padding included.
    bytes: u64,
    /// Groups committed: each was one write and one sync.
    groups: u64,
    /// Partitions, clients and threads.
    partitions: u32,
    /// Threads that send.
    clients: u64,
    /// Threads that step partitions.
    partition_threads: usize,
    /// CPUs that those are pinned to.
    pinned_cpus: Vec<usize>,
    /// The traffic's seed.
    seed: u64,
    /// `false` on a file system in memory: nothing was durable then.
    durable: bool,
    /// Every command has one outcome.
    is_every_command_answered: bool,
    /// What reopening and replaying found.
    check: Check,
}

impl Report {
    pub(super) fn new<D: Synthetic>(load: Load, run: &Run<D, Outcome>) -> Self {
        let Outcome {
            elapsed,
            latencies,
            tally,
        } = &run.outcome;
        let seconds = elapsed.as_secs_f64();
        let rejected = tally.rejected_count();
        let commands = tally.accepted + rejected;
        Self {
            commands,
            accepted: tally.accepted,
            rejected,
            rejected_by_reason: tally.rejected.iter().copied().collect(),
            seconds,
            commands_per_second: commands as f64 / seconds,
            reply_latency: Latency::of(latencies),
            events: tally.events,
            bytes: run.closed.bytes_written(),
            groups: run.closed.groups(),
            partitions: u32::try_from(run.states.len()).unwrap_or(u32::MAX),
            clients: load.threads,
            partition_threads: run.start.partition_threads,
            pinned_cpus: run.start.pinned_cpus.clone(),
            seed: load.seed,
            durable: !run.start.is_volatile,
            is_every_command_answered: commands == load.count,
            check: run.check(tally.events),
        }
    }

    /// Whether every command has an outcome, what it says came back, and the state is the same.
    pub(in crate::demo) fn is_sound(&self) -> bool {
        self.is_every_command_answered && self.check.is_sound()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.durable {
            "durable"
        } else {
            "NOT DURABLE (the directory lies on a file system in memory)"
        };
        let mut row = |name: &str, number: u64, text: &str| {
            writeln!(f, "{name:<17} {:>14} {text}", grouped(number))
        };
        row("commands", self.commands, level)?;
        row("accepted", self.accepted, "")?;
        row("rejected", self.rejected, "")?;
        for (reason, count) in &self.rejected_by_reason {
            row("", *count, reason)?;
        }
        row("rate", self.commands_per_second as u64, "commands/s")?;
        row("events", self.events, "")?;
        row("groups", self.groups, "")?;
        writeln!(f, "time              {:>14.3} s", self.seconds)?;
        match &self.reply_latency {
            Some(latency) => writeln!(f, "reply latency     {latency}")?,
            None => writeln!(f, "reply latency     {:>14} too few to sample", "-")?,
        }
        writeln!(
            f,
            "threads           {:>14} clients, {} partitions on {} threads",
            self.clients, self.partitions, self.partition_threads
        )?;
        if !self.is_every_command_answered {
            writeln!(f, "COMMANDS HAVE NO OUTCOME")?;
        }
        writeln!(
            f,
            "check             reopened and replayed {} events in {:.3} s: {}",
            grouped(self.check.events),
            self.check.seconds,
            self.check.verdict()
        )
    }
}
