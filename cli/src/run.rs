//! The command line: which subcommand runs, and how the program ends.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::exit::{self, Exit};
use crate::output::{Output, stderr_is_terminal, tell};
use crate::{
    Domain, Synthetic, bench, demo, diff, dump, history, ingest, repair, schema, snapshot, state,
    stats, trace, verify,
};

const EXIT_CODES: &str = "Exit codes: 0 success or sound, 1 failure or cannot read, 2 wrong usage, \
                          3 torn tail (verify, repair --dry-run), 4 corruption.";

/// A journaled event engine: take events in, look into the journal, rebuild state from it.
#[derive(Debug, Parser)]
#[command(name = "ringlog", version, after_help = EXIT_CODES, max_term_width = 100)]
struct ToolsLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    tool: Tool,
}

/// A journaled event engine: see it work, take events in, look into the journal.
///
/// Without a subcommand it runs `demo`, whose options may then be given here.
#[derive(Debug, Parser)]
#[command(name = "ringlog", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
struct DemoLine {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    demo: demo::Args,
    #[command(subcommand)]
    tool: Option<ToolOrDemo>,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Print one JSON value on standard output instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ToolOrDemo {
    /// Run made-up traffic through a journal, and check what comes back (the default)
    Demo(demo::Args),
    Bench(bench::Args),
    #[command(flatten)]
    Tool(Tool),
}

#[derive(Debug, Subcommand)]
enum Tool {
    Ingest(ingest::Args),
    Stats(stats::Args),
    State(state::Args),
    Diff(diff::Args),
    History(history::Args),
    Trace(trace::Args),
    Dump(dump::Args),
    Verify(verify::Args),
    Snapshot(snapshot::Args),
    Repair(repair::Args),
    Schema(schema::Args),
}

/// The program for the events of `D`: parses the command line, runs the subcommand, and says how
/// the process should end.
#[must_use]
pub fn run<D: Domain>() -> ExitCode {
    start(|line: ToolsLine| {
        let output = Output::new(line.global.json);
        (output, line.tool.run::<D>(output))
    })
}

/// As [`run`], with the subcommands `bench` and `demo`; `demo` also runs where no subcommand is
/// named.
#[must_use]
pub fn run_with_demo<D: Synthetic>() -> ExitCode {
    start(|line: DemoLine| {
        let output = Output::new(line.global.json);
        let done = match line.tool {
            Some(ToolOrDemo::Tool(tool)) => tool.run::<D>(output),
            Some(ToolOrDemo::Bench(args)) => bench::run::<D>(&args, output),
            Some(ToolOrDemo::Demo(args)) => demo::run::<D>(&args, output),
            None => demo::run::<D>(&line.demo, output),
        };
        (output, done)
    })
}

impl Tool {
    fn run<D: Domain>(self, output: Output) -> anyhow::Result<Exit> {
        match self {
            Self::Ingest(args) => ingest::run::<D>(&args, output),
            Self::Stats(args) => stats::run::<D>(&args, output),
            Self::State(args) => state::run::<D>(&args, output),
            Self::Diff(args) => diff::run::<D>(&args, output),
            Self::History(args) => history::run::<D>(&args, output),
            Self::Trace(args) => trace::run::<D>(&args, output),
            Self::Dump(args) => dump::run::<D>(&args, output),
            Self::Verify(args) => verify::run::<D>(&args, output),
            Self::Snapshot(args) => snapshot::run::<D>(&args, output),
            Self::Repair(args) => repair::run(&args, output),
            Self::Schema(args) => schema::run::<D>(&args, output),
        }
    }
}

/// Parses the command line as `L`, has it run, and reports how that went.
fn start<L: Parser>(run: impl FnOnce(L) -> (Output, anyhow::Result<Exit>)) -> ExitCode {
    // An embedder that has its own subscriber keeps it.
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // It would panic where standard error cannot be written.
        .log_internal_errors(false)
        .with_ansi(stderr_is_terminal())
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
                .from_env_lossy(),
        )
        .try_init();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // clap would call the first a conflict, where `demo` shares its options with the program.
    if let [_, json, subcommand, ..] = arguments.as_mut_slice()
        && json == "--json"
        && !subcommand.as_encoded_bytes().starts_with(b"-")
    {
        std::mem::swap(json, subcommand);
    }
    match L::try_parse_from(arguments) {
        Ok(line) => {
            let (output, done) = run(line);
            done.unwrap_or_else(|error| report(&error, output))
        }
        Err(error) => {
            // Help is no error, and a reader who closed the pipe has read enough.
            let _ = error.print();
            match error.use_stderr() {
                true => Exit::Usage,
                false => Exit::Success,
            }
        }
    }
    .into()
}

/// Says what went wrong, to the person and, where one listens, to the program.
fn report(error: &anyhow::Error, output: Output) -> Exit {
    let exit = exit::of_error(error);
    if exit == Exit::Success {
        return exit;
    }
    let text = exit::describe(error);
    tell!("error: {text}");
    if output.is_json() {
        let answer = json!({"error": text, "exit_code": exit as u8});
        // The exit code says that it failed, also where nobody reads the answer.
        let _ = output.show(&answer, String::new);
    }
    exit
}
