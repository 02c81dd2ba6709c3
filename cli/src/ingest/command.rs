//! The command: opens the journal, feeds the inputs, and says what became of them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use clap::builder::NonEmptyStringValueParser;
use ringlog::journal::JournalReader;
use ringlog::snapshot::AsOf;
use ringlog::source::SourceInfo;
use ringlog::{CloseReport, Pipeline, StartReport};
use serde_json::json;

use super::compare::Journaled;
use super::feed::{Feed, Figures};
use super::input::Input;
use super::parse::ParsedLines;
use super::rejected::Rejected;
use crate::exit::{Exit, Usage};
use crate::output::{Output, grouped};
use crate::progress::Progress;
use crate::{Domain, clock};

/// How many partitions a new journal gets.
const PARTITIONS_DEFAULT: u32 = 2;

/// Take newline-delimited JSON into the journal
///
/// A line that was taken before is counted as a duplicate, so a run that was killed is simply run
/// again. A file that differs from what its source journaled before is refused as another file, and
/// changes nothing. Malformed lines go to `D/rejected.ndjson`, once. When it ends with 0, every
/// event is durable. Blank lines are numbered, but no `lines`. `bytes` are those of the lines, decompressed; `events_per_second` counts the
/// duplicates too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The files: plain, `.gz` or `.zst`; `-` is standard input, compressed or not
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The journal's directory; created if it is missing
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// The name under which lines are numbered: the file's name unless given
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    source: Option<String>,
    /// How many partitions a new journal gets (2 unless given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: Option<u32>,
    /// Stop at the first malformed line
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let inputs = inputs(args)?;
    for input in &inputs {
        input.check()?;
    }
    let started = clock::now();
    let pipeline = Pipeline::<D::State>::builder(&args.dir)
        .partitions(partitions(args))
        .open(D::state)
        .with_context(|| format!("cannot open the journal in {}", args.dir.display()))?;
    let opened = Opened::of(pipeline.start_report());
    let mut rejected = Rejected::load(&args.dir, &inputs)?;
    let mut figures = Figures::default();
    let fed = feed_all::<D>(args, &inputs, &pipeline, &mut rejected, &mut figures);
    // Whatever happened: what was taken is made durable, before anything is said about it.
    let closed = pipeline.close().context("the journal stopped");
    let finished = rejected.finish();
    fed?;
    let report = closed?;
    finished?;
    check(&figures, &report)?;
    let seconds = started.elapsed().as_secs_f64();
    show(&figures, &report, opened, seconds, output)?;
    Ok(Exit::Success)
}

/// The inputs with their sources, if the command line makes sense.
fn inputs(args: &Args) -> anyhow::Result<Vec<Input>> {
    if args.source.is_some() && args.files.len() > 1 {
        let text = "several FILEs with one --source: their lines would have the same numbers";
        return Err(Usage(text.to_owned()).into());
    }
    let mut names = HashSet::new();
    let mut inputs = Vec::new();
    for path in &args.files {
        let input = Input::new(path, args.source.as_deref()).map_err(Usage)?;
        if !names.insert(input.source.clone()) {
            let text = format!(
                "two FILEs are both source `{}`: their lines would have the same numbers",
                input.source
            );
            return Err(Usage(text).into());
        }
        inputs.push(input);
    }
    Ok(inputs)
}

/// What was asked for, what the journal has, or the default. What is wrong with the directory is
/// for the opening to say, which is about to follow.
fn partitions(args: &Args) -> u32 {
    args.partitions.unwrap_or_else(|| {
        JournalReader::open(&args.dir).map_or(PARTITIONS_DEFAULT, |reader| reader.partitions())
    })
}

fn feed_all<D: Domain>(
    args: &Args,
    inputs: &[Input],
    pipeline: &Pipeline<D::State>,
    rejected: &mut Rejected,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    // The opening has recovered everything, so a reader now sees what the partitions know.
    let reader = JournalReader::open(&args.dir)?;
    let is_new = pipeline
        .start_report()
        .partitions
        .iter()
        .all(|partition| partition.last_sequence == 0);
    let known = if is_new {
        Vec::new()
    } else {
        known_sources::<D>(&reader)?
    };
    for input in inputs {
        let source = pipeline
            .source(&input.source)
            .with_context(|| format!("cannot open source `{}`", input.source))?;
        let last_numbers: Vec<u64> = known
            .iter()
            .map(|sources| match sources.get(&input.source) {
                // Another id: a source of this name that was retired.
                Some(info) if info.source_id == source.id() => info.last_number,
                _ => 0,
            })
            .collect();
        let journaled = Journaled::open(&reader, &input.source, source.id(), &last_numbers)?;
        let progress = Progress::of_bytes(&input.source, input.bytes());
        let mut lines = ParsedLines::<D>::start(input.open(&progress)?)?;
        let mut feed = Feed::<D>::new(source, journaled, args.strict, rejected, figures);
        while let Some(batch) = lines
            .next_batch()
            .with_context(|| format!("cannot go on reading {}", input.path.display()))?
        {
            feed.take(batch)?;
        }
        feed.finish()?;
    }
    Ok(())
}

/// Each partition's sources, by name.
fn known_sources<D: Domain>(
    reader: &JournalReader,
) -> anyhow::Result<Vec<BTreeMap<String, SourceInfo>>> {
    (0..reader.partitions())
        .map(|partition| {
            let (_, mut cursor) = reader.restore(partition, AsOf::LATEST, D::state)?;
            while cursor.next_event()?.is_some() {}
            Ok(cursor.sources())
        })
        .collect()
}

/// The figures must add up, or something was lost or counted twice.
fn check(figures: &Figures, report: &CloseReport) -> anyhow::Result<()> {
    let answered = report.events() + report.duplicates();
    ensure!(
        answered == figures.published,
        anyhow!(
            "{} events were published, but the journal counts {} taken and {} duplicates",
            figures.published,
            report.events(),
            report.duplicates()
        )
    );
    Ok(())
}

/// What the opening found that whoever relies on the journal should know.
#[derive(Debug, Clone, Copy)]
struct Opened {
    is_durable: bool,
    torn_tails: usize,
}

impl Opened {
    fn of(start: &StartReport) -> Self {
        let torn = start
            .partitions
            .iter()
            .filter(|partition| partition.torn_tail.is_some());
        Self {
            is_durable: !start.is_volatile,
            torn_tails: torn.count(),
        }
    }
}

fn show(
    figures: &Figures,
    report: &CloseReport,
    opened: Opened,
    seconds: f64,
    output: Output,
) -> anyhow::Result<()> {
    let journaled = report.events();
    let duplicates = figures.equal + report.duplicates();
    let lines = journaled + duplicates + figures.rejected;
    let rate = (journaled + duplicates) as f64 / seconds.max(f64::MIN_POSITIVE);
    let json = json!({
        "lines": lines,
        "journaled": journaled,
        "duplicates": duplicates,
        "rejected": figures.rejected,
        "seconds": seconds,
        "events_per_second": rate.round() as u64,
        "bytes": figures.bytes,
        "journal_bytes": report.bytes_written(),
        "durable": opened.is_durable,
        "torn_tails": opened.torn_tails,
    });
    output.show(&json, || {
        let mut notes = String::new();
        if !opened.is_durable {
            notes.push_str("; NOT DURABLE: the directory lies on a file system in memory");
        }
        if opened.torn_tails > 0 {
            notes.push_str("; a torn tail was set aside in quarantine/");
        }
        format!(
            "{} lines in {seconds:.2} s: {} events journaled, {} duplicates, {} rejected; \
             {} events/s, {} bytes read{notes}",
            grouped(lines),
            grouped(journaled),
            grouped(duplicates),
            grouped(figures.rejected),
            grouped(rate.round() as u64),
            grouped(figures.bytes)
        )
    })
}
