//! The command: publishes, or has commands decided, and reports.

use std::path::PathBuf;

use anyhow::Result;

use super::commands;
use super::load::Load;
use super::report::Report;
use super::run::Run;
use crate::Synthetic;
use crate::exit::{Exit, Usage};
use crate::output::Output;

/// What `ringlog demo` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Have commands decided, instead of publishing events: 90 % moves and 10 % attacks.
    #[arg(long)]
    pub(crate) commands: bool,
    /// How many events to publish, or commands to send.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: u64,
    /// The traffic is the same for the same seed and number of publishers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Publishing threads, or clients that send commands: 2, or 1 with `--commands`.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) publishers: Option<u64>,
    /// Partitions of the journal; by default one for every two CPUs, and 1 with `--commands`, as
    /// players of other partitions are unknown to a command.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) partitions: Option<u32>,
    /// A directory to use and to keep; it must not hold a journal yet. By default a fresh one
    /// beside the program, removed afterwards.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// Runs the demo and reports; it fails when what comes back is not what was acknowledged.
pub(crate) fn run<D: Synthetic>(args: &Args, output: Output) -> Result<Exit> {
    let is_sound = if args.commands {
        let side = D::command_side()
            .ok_or_else(|| Usage("this program's domain has no commands to send".to_owned()))?;
        let report = commands::measure(args, &side)?;
        output.show(&serde_json::to_value(&report)?, || report.to_string())?;
        report.is_sound()
    } else {
        let report = measure::<D>(args)?;
        output.show(&serde_json::to_value(&report)?, || report.to_string())?;
        report.is_sound()
    };
    Ok(if is_sound {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn measure<D: Synthetic>(args: &Args) -> Result<Report> {
    let load = Load {
        count: args.events,
        seed: args.seed,
        threads: args.publishers.unwrap_or(2),
    };
    let partitions = args.partitions.unwrap_or_else(default_partitions);
    let run = Run::<D, _>::new(args, partitions, |pipeline| load.publish::<D>(pipeline))?;
    Ok(Report::new(load, run))
}

fn default_partitions() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cpus / 2).unwrap_or(1).clamp(1, 8)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::exit;
    use crate::no_domain::{NoDomain, NoEvent, NoState};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    impl Synthetic for NoDomain {
        type Traffic = fn() -> NoEvent;

        fn traffic(_seed: u64, _publisher: u64) -> Self::Traffic {
            || unreachable!("nothing is published")
        }

        fn digest(_state: &NoState) -> u64 {
            0
        }
    }

    #[test]
    fn commands_of_a_domain_without_any_are_wrong_usage() {
        let Line { args } = Line::parse_from(["demo", "--commands"]);
        let error = run::<NoDomain>(&args, Output::new(true));
        let error = error.expect_err("there is nothing to send");
        assert_eq!(exit::of_error(&error), Exit::Usage);
        assert!(error.to_string().contains("no commands"), "{error}");
    }
}
