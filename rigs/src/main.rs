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
mod outcome;
mod random;
mod tally;

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
    Flips(damage::Flips),
    Truncations(damage::Truncations),
    Sectors(damage::Sectors),
    Files(damage::FileFaults),
}

impl Rig {
    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Flips(rig) => rig.run(),
            Self::Truncations(rig) => rig.run(),
            Self::Sectors(rig) => rig.run(),
            Self::Files(rig) => rig.run(),
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
