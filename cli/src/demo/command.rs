//! The command: publishes, reopens, replays and compares.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ringlog::journal::JournalReader;
use ringlog::{Durability, Pipeline};

use super::load::Load;
use super::report::Report;
use crate::Synthetic;
use crate::exit::Exit;
use crate::files;
use crate::output::Output;

/// What `ringlog demo` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many events to publish.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: u64,
    /// The traffic is the same for the same seed and number of publishers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Publishing threads.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) publishers: u64,
    /// Partitions of the journal; by default one for every two CPUs.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) partitions: Option<u32>,
    /// A directory to use and to keep; it must not hold a journal yet. By default a fresh one
    /// beside the program, removed afterwards.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// Runs the demo and reports; it fails when what comes back is not what was acknowledged.
pub(crate) fn run<D: Synthetic>(args: &Args, output: Output) -> Result<Exit> {
    let report = measure::<D>(args)?;
    output.show(&serde_json::to_value(&report)?, || report.to_string())?;
    Ok(if report.is_sound() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// Publishes, makes durable, reopens, replays and compares.
fn measure<D: Synthetic>(args: &Args) -> Result<Report> {
    let directory = Directory::choose(args.dir.as_deref())?;
    let partitions = args.partitions.unwrap_or_else(default_partitions);
    let pipeline = open::<D>(directory.path(), partitions)?;
    let start = pipeline.start_report().clone();
    anyhow::ensure!(
        start
            .partitions
            .iter()
            .all(|partition| partition.last_sequence == 0),
        "{} holds events already: the demo wants a fresh directory",
        directory.path().display()
    );
    let load = Load {
        events: args.events,
        seed: args.seed,
        publishers: args.publishers,
    };
    let outcome = load.run::<D>(&pipeline)?;
    let live = digests::<D>(&pipeline)?;
    let closed = pipeline.close().context("cannot close the pipeline")?;

    let reopened = open::<D>(directory.path(), partitions).context("cannot reopen")?;
    let replay = reopened.start_report().clone();
    let replayed_events = replay
        .partitions
        .iter()
        .map(|partition| partition.last_sequence)
        .sum();
    let is_state_equal = digests::<D>(&reopened)? == live;
    let states = (0..partitions)
        .map(|partition| reopened.read_partition(partition, Clone::clone))
        .collect::<Result<Vec<D::State>, _>>()?;
    reopened.close()?;
    Ok(Report::new::<D>(
        args,
        &start,
        &closed,
        outcome,
        &replay,
        replayed_events,
        is_state_equal,
        &states,
    ))
}

fn open<D: Synthetic>(path: &Path, partitions: u32) -> Result<Pipeline<D::State>> {
    Pipeline::<D::State>::builder(path)
        .partitions(partitions)
        .durability(Durability::Sync)
        .open(D::state)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn digests<D: Synthetic>(pipeline: &Pipeline<D::State>) -> Result<Vec<u64>> {
    (0..pipeline.partitions())
        .map(|partition| Ok(pipeline.read_partition(partition, D::digest)?))
        .collect()
}

fn default_partitions() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cpus / 2).unwrap_or(1).clamp(1, 8)
}

const PREFIX: &str = "ringlog-demo-";

/// Removes what demos left that were interrupted: nobody holds their journals open any more.
fn remove_abandoned(beside: &Path) {
    for path in files::directories(beside, PREFIX) {
        // One without a journal may belong to a demo that is just starting.
        let is_abandoned = JournalReader::open(&path)
            .and_then(|reader| reader.has_writer())
            .is_ok_and(|has| !has);
        if is_abandoned {
            let _ = files::remove_directory(&path);
        }
    }
}

/// Where the demo's journal is.
enum Directory {
    Kept(PathBuf),
    /// Removed when dropped, also when the demo fails.
    Fresh(tempfile::TempDir),
}

impl Directory {
    fn choose(asked: Option<&Path>) -> Result<Self> {
        if let Some(path) = asked {
            return Ok(Self::Kept(path.to_owned()));
        }
        let program = std::env::current_exe().context("cannot find the program's own path")?;
        let beside = program
            .parent()
            .context("the program's path has no directory")?;
        remove_abandoned(beside);
        tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(beside)
            .map(Self::Fresh)
            .with_context(|| format!("cannot create a directory in {}", beside.display()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Fresh(directory) => directory.path(),
        }
    }
}
