//! What a child is told to do.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use ringlog::snapshot::Retention;
use ringlog::{Builder, Durability, Pipeline};

use crate::tally::Tally;

const MEBIBYTE: u64 = 1024 * 1024;

/// The settings of a child, which its parent opens the directory with, too.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The journal's directory.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// What batches and overlaps are chosen by.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Partitions of the journal.
    #[arg(long, default_value_t = 2)]
    pub(crate) partitions: u32,
    /// Publishing threads, each with a source and keys of its own.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: u64,
    /// Receipts that each thread holds at once; 0 to choose by the seed.
    #[arg(long, default_value_t = 0)]
    pub(crate) batch: u64,
    /// Acknowledge what the kernel has.
    #[arg(long)]
    pub(crate) os_buffer: bool,
    /// Events of each thread before the child ends; 0 for no end.
    #[arg(long, default_value_t = 0)]
    pub(crate) events: u64,
    /// Events of each thread before the pipeline is closed and opened again; 0 for never.
    #[arg(long, default_value_t = 0)]
    pub(crate) reopen_after: u64,
    /// Take a snapshot after each MiB, and retire what they cover.
    #[arg(long)]
    pub(crate) retire: bool,
    /// Open only once there is a byte on standard input.
    #[arg(long)]
    pub(crate) wait_for_go: bool,
}

impl Settings {
    pub(crate) fn new(dir: PathBuf, seed: u64) -> Self {
        Self {
            dir,
            seed,
            partitions: 2,
            threads: 2,
            batch: 0,
            os_buffer: false,
            events: 0,
            reopen_after: 0,
            retire: false,
            wait_for_go: false,
        }
    }

    /// The pipeline of child and parent.
    pub(crate) fn builder(&self) -> Builder {
        let durability = match self.os_buffer {
            true => Durability::OsBuffer,
            false => Durability::Sync,
        };
        let builder = Pipeline::<Tally>::builder(&self.dir)
            .partitions(self.partitions)
            .durability(durability)
            .group_bytes(512 * 1024)
            .pin_threads(false);
        match self.retire {
            true => builder
                .segment_bytes(MEBIBYTE)
                .snapshot_every(MEBIBYTE)
                .retention(Retention::FromOldestSnapshot { cursor_lag_max: 0 }),
            false => builder,
        }
    }

    /// The command line that [`Settings`] is read from again.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["child".into(), "--dir".into(), self.dir.clone().into()];
        for (name, value) in [
            ("--seed", self.seed),
            ("--partitions", u64::from(self.partitions)),
            ("--threads", self.threads),
            ("--batch", self.batch),
            ("--events", self.events),
            ("--reopen-after", self.reopen_after),
        ] {
            arguments.extend([name.into(), value.to_string().into()]);
        }
        for (name, is_set) in [
            ("--os-buffer", self.os_buffer),
            ("--retire", self.retire),
            ("--wait-for-go", self.wait_for_go),
        ] {
            if is_set {
                arguments.push(name.into());
            }
        }
        arguments
    }
}
