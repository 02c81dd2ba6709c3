//! `ringlog trace`: the events that share a correlation id.

use std::path::PathBuf;

use ringlog::index::{IndexBy, Merged, PartitionIndex, stable_hash};
use ringlog::journal::JournalReader;

use crate::Domain;
use crate::exit::Exit;
use crate::history::{open_index, tell_retired};
use crate::output::{Output, tell};
use crate::print::{Printer, printed};

/// Print the events that share a correlation id
///
/// As `dump` prints them, from all partitions: by journal time, then by partition and sequence. They
/// are found by an index that is kept in the journal's directory, in `index/correlation/`; what it
/// lacks is added first. Where nothing can be written there, the journal is read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// The correlation id
    #[arg(long, value_name = "ID")]
    correlation: String,
    /// Only the first N
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Leave `partition` and `sequence` out
    #[arg(long)]
    bare: bool,
    /// Read the journal instead of an index
    #[arg(long)]
    no_index: bool,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let by = IndexBy::event::<D::Event>("correlation", D::CORRELATION_VERSION, |view| {
        D::correlation_id(view).map(|id| stable_hash(id.as_bytes()))
    });
    let mut indexes = Vec::new();
    for partition in 0..reader.partitions() {
        indexes.push(open_index(&reader, partition, &by, args.no_index)?);
    }
    indexes.iter().for_each(tell_retired);
    let unknown: u64 = indexes.iter().map(PartitionIndex::unknown).sum();
    if unknown > 0 {
        tell!("note: {unknown} events are of types that this program does not know");
    }
    let mut printer = Printer::<D>::start(output, args.bare)?;
    let mut count = 0;
    let done = print_events(&indexes, args, &mut printer, &mut count);
    printer.finish()?;
    let is_unknown = done.is_ok() && count == 0 && args.limit != Some(0);
    if is_unknown {
        tell!(
            "error: the journal has no event with the correlation id `{}`",
            args.correlation
        );
    }
    let success = match is_unknown {
        true => Exit::Failure,
        false => Exit::Success,
    };
    printed(done, success, output)
}

fn print_events<D: Domain>(
    indexes: &[PartitionIndex<'_>],
    args: &Args,
    printer: &mut Printer<D>,
    count: &mut u64,
) -> anyhow::Result<()> {
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut events = Merged::find(indexes, stable_hash(args.correlation.as_bytes()))?;
    while *count < limit
        && let Some(event) = events.next_event()?
    {
        // Another id may have the same hash.
        let is_printed = printer.print(&event, |view| {
            view.and_then(D::correlation_id) == Some(&*args.correlation)
        })?;
        *count += u64::from(is_printed);
    }
    Ok(())
}
