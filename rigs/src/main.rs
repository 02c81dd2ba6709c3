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

mod outcome;
mod random;
mod simulated;
#[allow(dead_code, reason = "the simulated rigs have a state of their own")]
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
    Sim(simulated::Sim),
    Calls(simulated::Calls),
    Exhaustive(simulated::Exhaustive),
}

impl Rig {
    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Sim(rig) => rig.run(),
            Self::Calls(rig) => rig.run(),
            Self::Exhaustive(rig) => rig.run(),
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
