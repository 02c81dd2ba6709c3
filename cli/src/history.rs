//! `ringlog history`: the events of one key.

use std::path::PathBuf;

use ringlog::index::{IndexBy, PartitionIndex};
use ringlog::journal::{JournalReader, RecordedEvent};
use ringlog::partition_of;

use crate::Domain;
use crate::exit::{Exit, Usage};
use crate::output::{Output, tell};
use crate::print::{Printer, printed};
use crate::progress::Progress;

/// Print the events of one user, or of one key
///
/// As `dump` prints them, in sequence order, but found by an index: it is kept in the journal's
/// directory, in `index/key/`, and what it lacks is added first: 24 bytes an event. Where nothing can
/// be written there, the journal is read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// The events of this user
    #[arg(long, value_name = "ID", required_unless_present = "key")]
    user: Option<u64>,
    /// The events with this key
    #[arg(long, value_name = "K", conflicts_with = "user")]
    key: Option<u64>,
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
    let key = match (args.key, args.user) {
        (Some(key), _) => key,
        (None, user) => user.and_then(D::key_of_user).ok_or_else(|| {
            Usage("--user: this program's users have no key of their own; use --key".to_owned())
        })?,
    };
    let reader = JournalReader::open(&args.dir)?;
    let partition = partition_of(key, reader.partitions());
    let index = open_index(&reader, partition, &IndexBy::key(), args.no_index)?;
    tell_retired(&index);
    let mut printer = Printer::<D>::start(output, args.bare)?;
    let mut count = 0;
    let done = print_events(&index, key, args.limit.unwrap_or(u64::MAX), |event| {
        count += 1;
        printer.print(event, |_| true).map(drop)
    });
    printer.finish()?;
    let is_nobody = done.is_ok() && count == 0 && args.limit != Some(0);
    if is_nobody {
        match (args.key, args.user) {
            (None, Some(user_id)) => tell!("error: the journal has no event of user {user_id}"),
            _ => tell!("error: the journal has no event with key {key}"),
        }
    }
    let success = match is_nobody {
        true => Exit::Failure,
        false => Exit::Success,
    };
    printed(done, success, output)
}

fn print_events(
    index: &PartitionIndex<'_>,
    key: u64,
    limit: u64,
    mut print: impl FnMut(&RecordedEvent<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut found = index.find(key)?;
    for _ in 0..limit {
        match found.next_event()? {
            Some(event) => print(&event)?,
            None => break,
        }
    }
    Ok(())
}

/// The index of a partition, brought up to date; or none.
pub(crate) fn open_index<'r>(
    reader: &'r JournalReader,
    partition: u32,
    by: &IndexBy,
    is_none: bool,
) -> anyhow::Result<PartitionIndex<'r>> {
    if is_none {
        return Ok(PartitionIndex::none(reader, partition, by)?);
    }
    let mut progress = Progress::of_events("indexing", reader);
    let index = PartitionIndex::open(reader, partition, by, || progress.event())?;
    Ok(index)
}

/// Says where history does not start at the beginning.
pub(crate) fn tell_retired(index: &PartitionIndex<'_>) {
    if index.earliest() > 1 {
        tell!(
            "note: partition {}: events before sequence {} are retired",
            index.partition(),
            index.earliest()
        );
    }
}
