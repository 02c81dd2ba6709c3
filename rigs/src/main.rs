//! The rigs that hold ringlog's journal to its promises.
//!
//! Each subcommand injects one family of faults a number of times, checks the promises of
//! `docs/guarantees.md` after each, and prints one line for the ledger in `docs/reliability.md`. A
//! violation ends the process with 1 and says how to reproduce it.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the doors are the library's"
)]

mod damage;
mod full_disk;
mod keep;
mod kill;
mod mounts;
mod openers;
mod outcome;
mod plain_memory;
mod power_cut;
mod process;
mod random;
mod simulated;
mod soak;
mod strace;
mod tally;
mod writeback;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::Outcome;

/// Injects faults into ringlog's journal, and checks that it keeps its promises.
#[derive(Debug, Parser)]
#[command(name = "rigs", version)]
struct Line {
    #[command(subcommand)]
    rig: Rig,
}

#[derive(Debug, Subcommand)]
enum Rig {
    Kill(kill::Kill),
    PowerCut(power_cut::PowerCut),
    Writeback(writeback::Writeback),
    FullDisk(full_disk::FullDisk),
    Openers(openers::Openers),
    Strace(strace::Strace),
    /// What the other rigs start, and do something to: publishes, and says what was acknowledged.
    #[command(hide = true)]
    Child(process::Settings),
    Flips(damage::Flips),
    Truncations(damage::Truncations),
    Sectors(damage::Sectors),
    Files(damage::FileFaults),
    Sim(simulated::Sim),
    Calls(simulated::Calls),
    Exhaustive(simulated::Exhaustive),
    Soak(soak::Soak),
}

impl Rig {
    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Kill(rig) => rig.run(),
            Self::PowerCut(rig) => rig.run(),
            Self::Writeback(rig) => rig.run(),
            Self::FullDisk(rig) => rig.run(),
            Self::Openers(rig) => rig.run(),
            Self::Strace(rig) => rig.run(),
            Self::Child(settings) => std::process::exit(process::run_child(&settings)),
            Self::Flips(rig) => rig.run(),
            Self::Truncations(rig) => rig.run(),
            Self::Sectors(rig) => rig.run(),
            Self::Files(rig) => rig.run(),
            Self::Sim(rig) => rig.run(),
            Self::Calls(rig) => rig.run(),
            Self::Exhaustive(rig) => rig.run(),
            Self::Soak(rig) => rig.run(),
        }
    }
}

fn main() -> ExitCode {
    match Line::parse().rig.run() {
        Ok(outcome) => outcome.report(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
