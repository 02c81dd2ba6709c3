//! The command: sets the contenders up, runs the rounds, and reports.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::answer::Answer;
use super::contender::{Bench, Contender};
use super::directory::Directory;
use super::disk::{Method, bytes_per_second, free_bytes, is_volatile};
use super::entries::{Entry, Lanes, entries};
use super::figure::Figures;
use super::machine::Machine;
use super::rows::{ROWS, Row, SCALING};
use super::sizes::Sizes;
use super::{page, text, threads};
use crate::Synthetic;
use crate::exit::{Exit, Usage};
use crate::files;
use crate::output::{Output, stderr_is_terminal};

/// Measure this machine: the engine beside the bare disk and beside hand-made alternatives
///
/// Everything is measured in rounds, one after the other within a round, so that a machine that is
/// slower for a while is slower for all. Figures are medians over the rounds, with the least and the
/// greatest in parentheses; ratios are taken within a round. An aim that is missed says MISSED, and
/// what cannot be measured here says SKIPPED and why; neither is a failure of the program.
///
/// Leave the machine alone meanwhile. It takes less than 5 minutes, less than 1 with --quick: a slow
/// disk gets less to write, and rounds for which there is no time are left out, unless their number
/// is given. It needs up to 12 GiB of the disk at a time, less where less is free, and writes several
/// times as much; --quick half of that.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Fewer rounds of less work: less than a minute, with more spread
    #[arg(long)]
    quick: bool,
    /// Only these rows of the table, and what they are compared with
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// List the rows of the table, and measure nothing
    #[arg(long)]
    list: bool,
    /// How many rounds: 5 by default, 3 with --quick
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// The events are the same for the same seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events a second that are offered where latency is measured under load
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    rate: u64,
    /// Where to write, on the disk to be measured: a folder in it, removed afterwards. By default
    /// the current directory
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Also write one HTML page with plots, and nothing else that it needs, into this directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Do next to nothing: for tests of the program itself
    #[arg(long, hide = true)]
    tiny: bool,
}

/// Measures and reports.
pub(crate) fn run<D: Synthetic>(args: &Args, output: Output) -> Result<Exit> {
    if args.list {
        let names: Vec<_> = ROWS.iter().map(|row| row.name).chain([SCALING]).collect();
        output.show(&serde_json::to_value(&names)?, text::list)?;
        return Ok(Exit::Success);
    }
    let rows = chosen(&args.only)?;
    let answer = measure::<D>(args, &rows)?;
    if let Some(directory) = &args.report {
        let path = directory.join("index.html");
        files::create_directory(directory)
            .and_then(|()| files::write(&path, page::render(&answer).as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.show(&answer.json()?, || text::render(&answer))?;
    Ok(Exit::Success)
}

/// The rows that are asked for, by name; `None` stands for the throughput by threads.
fn chosen(only: &[String]) -> Result<Vec<Option<&'static Row>>> {
    let all = || ROWS.iter().map(Some).chain([None]);
    if only.is_empty() {
        return Ok(all().collect());
    }
    let name_of = |row: &Option<&Row>| row.map_or(SCALING, |row| row.name);
    if let Some(unknown) = only
        .iter()
        .find(|name| !all().any(|row| name_of(&row) == name.as_str()))
    {
        let text = format!("there is no row `{unknown}`: `ringlog bench --list` names them all");
        return Err(Usage(text).into());
    }
    Ok(all()
        .filter(|row| only.iter().any(|name| name == name_of(row)))
        .collect())
}

fn measure<D: Synthetic>(args: &Args, rows: &[Option<&'static Row>]) -> Result<Answer> {
    let started = crate::clock::now();
    let directory = Directory::choose(args.dir.as_deref())?;
    let is_durable = !is_volatile(directory.path())?;
    let mut sizes = match (args.tiny, args.quick) {
        (true, _) => Sizes::tiny(),
        (_, true) => Sizes::quick(),
        (_, false) => Sizes::full(),
    };
    sizes.rounds = args.rounds.unwrap_or(sizes.rounds);
    let free = free_bytes(directory.path())?;
    let method = Method::found(directory.path())?;
    let sizes = sizes
        .paced(bytes_per_second(directory.path(), method)?)
        .fitting(free)
        .with_context(|| format!("{} MiB free are too few to measure with", free >> 20))?;
    let mut bench = Bench {
        directory: directory.path().to_owned(),
        method,
        sizes,
        rate: args.rate,
        seed: args.seed,
        cpus: threads::cpus(),
        figures: Figures::default(),
        latencies: Vec::new(),
    };
    let machine = Machine::found(&bench, is_durable)?;
    let lanes = Lanes::<D>::default();
    let mut contenders = set_up(&mut bench, &lanes, rows, is_durable)?;
    let bar = bar(u64::from(sizes.rounds) * contenders.len() as u64);
    let mut rounds = 0;
    while rounds < sizes.rounds {
        let round_started = crate::clock::now();
        for (name, contender) in &mut contenders {
            bar.set_message(name.clone());
            contender
                .round(&mut bench)
                .with_context(|| format!("cannot measure `{name}`"))?;
            bar.inc(1);
        }
        rounds += 1;
        // Who asks for a number of rounds gets it.
        let next_ends = started.elapsed() + round_started.elapsed();
        if args.rounds.is_none() && next_ends > sizes.time_max {
            break;
        }
    }
    bar.finish_and_clear();
    // Journals are closed before their directory goes.
    drop(contenders);
    drop(lanes);
    Ok(Answer {
        machine,
        sizes,
        rounds,
        rate: args.rate,
        seed: args.seed,
        is_quick: args.quick,
        is_durable,
        seconds: started.elapsed().as_secs_f64(),
        rows: rows.to_vec(),
        figures: bench.figures,
        latencies: bench.latencies,
    })
}

/// The contenders that the rows need; why there are no others is noted.
fn set_up<D: Synthetic>(
    bench: &mut Bench,
    lanes: &Lanes<D>,
    rows: &[Option<&'static Row>],
    is_durable: bool,
) -> Result<Vec<(String, Box<dyn Contender>)>> {
    let needed: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| match row {
            Some(row) => row.contenders().collect(),
            None => vec![SCALING],
        })
        .collect();
    let is_needed = |entry: &Entry<D>| {
        needed.contains(entry.name.as_str())
            || needed.contains(SCALING) && entry.name.starts_with(SCALING)
    };
    let mut contenders = Vec::new();
    for entry in entries::<D>().into_iter().filter(is_needed) {
        match obstacle(&entry, bench, is_durable) {
            Some(reason) => bench.figures.skip(&entry.name, reason),
            None => {
                let contender = entry
                    .set_up(bench, lanes)
                    .with_context(|| format!("cannot prepare `{}`", entry.name))?;
                contenders.push((entry.name.clone(), contender));
            }
        }
    }
    Ok(contenders)
}

/// Why a contender cannot be measured here.
fn obstacle<D: Synthetic>(entry: &Entry<D>, bench: &Bench, is_durable: bool) -> Option<String> {
    if entry.is_durable && !is_durable {
        return Some("nothing is durable on a file system in memory".into());
    }
    let cpus = bench.cpus.len();
    (cpus < entry.cpus).then(|| format!("it needs {} CPUs, and there are {cpus}", entry.cpus))
}

fn bar(steps: u64) -> ProgressBar {
    if !stderr_is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}, {elapsed} so far, {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(250));
    bar
}
