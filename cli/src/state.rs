//! `ringlog state`: state rebuilt from the journal, also as of a moment.

use std::path::PathBuf;
use std::str::FromStr;

use ringlog::Viewer;
use ringlog::journal::JournalReader;
use ringlog::snapshot::AsOf;
use serde_json::{Value, json};

use crate::Domain;
use crate::apply::apply;
use crate::exit::{Exit, Usage};
use crate::output::Output;
use crate::progress::Progress;

/// Rebuild state from the journal, also as of a moment
///
/// Without `--user` and `--top` it shows the figures that state gives for everybody.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// The state of this user
    #[arg(long, value_name = "ID", conflicts_with = "top")]
    user: Option<u64>,
    /// The first N users
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Only events with an event time up to this one, in milliseconds since the Unix epoch,
    /// applied in sequence order
    #[arg(long, value_name = "MS", allow_hyphen_values = true)]
    at_time: Option<i64>,
    /// Only the events of partition P up to sequence N; other partitions are taken whole. May be
    /// given once a partition
    #[arg(long, value_name = "P:N")]
    at_sequence: Vec<Place>,
}

/// A partition and a sequence in it.
#[derive(Debug, Clone, Copy)]
struct Place {
    partition: u32,
    sequence: u64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once(':').and_then(|(partition, sequence)| {
            Some(Self {
                partition: partition.parse().ok()?,
                sequence: sequence.parse().ok()?,
            })
        });
        place.ok_or_else(|| "write it as PARTITION:SEQUENCE, such as 0:1500".to_owned())
    }
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let last_sequences = last_sequences(args, reader.partitions())?;
    let mut progress = Progress::of_events("replaying", &reader);
    let (mut states, mut applied) = (Vec::new(), Vec::new());
    for (partition, last_sequence) in (0..reader.partitions()).zip(last_sequences) {
        let as_of = AsOf {
            sequence: last_sequence,
            event_time_ms: args.at_time.unwrap_or(i64::MAX),
        };
        let (mut state, mut cursor) = reader.restore(partition, as_of, D::state)?;
        let mut count = cursor.totals().events();
        let mut viewer = Viewer::default();
        while let Some(event) = cursor.next_event()? {
            progress.event();
            if event.meta.sequence > last_sequence {
                break;
            }
            if args
                .at_time
                .is_none_or(|time| event.meta.event_time_ms <= time)
            {
                apply(&mut state, &event, &mut viewer)?;
                count += 1;
            }
        }
        states.push(state);
        applied.push(count);
    }
    drop(progress);
    answer::<D>(args, &states, &applied, output)
}

/// The last sequence of each partition that is applied.
fn last_sequences(args: &Args, partitions: u32) -> anyhow::Result<Vec<u64>> {
    let mut last = vec![None; partitions as usize];
    for place in &args.at_sequence {
        let usage = |problem: &str| {
            let Place {
                partition,
                sequence,
            } = place;
            Usage(format!("--at-sequence {partition}:{sequence}: {problem}"))
        };
        match last.get_mut(place.partition as usize) {
            Some(entry @ None) => *entry = Some(place.sequence),
            Some(Some(_)) => return Err(usage("this partition is named twice").into()),
            None => return Err(usage("the journal has no such partition").into()),
        }
    }
    Ok(last
        .into_iter()
        .map(|last| last.unwrap_or(u64::MAX))
        .collect())
}

fn answer<D: Domain>(
    args: &Args,
    states: &[D::State],
    applied: &[u64],
    output: Output,
) -> anyhow::Result<Exit> {
    if let Some(user_id) = args.user {
        let Some(user) = D::user_state(states, user_id) else {
            eprintln!("error: the journal knows no user {user_id} at that moment");
            if output.is_json() {
                output.show(&Value::Null, String::new)?;
            }
            return Ok(Exit::Failure);
        };
        output.show(&user, || members(&user))?;
    } else if let Some(count) = args.top {
        let top = Value::Array(D::top(states, count));
        output.show(&top, || elements(&top))?;
    } else {
        let mut summary = json!({"events": applied.iter().sum::<u64>(), "by_partition": applied});
        if let Value::Object(summary) = &mut summary {
            summary.extend(D::stats(states));
        }
        output.show(&summary, || members(&summary))?;
    }
    Ok(Exit::Success)
}

/// An object's members, one a line.
fn members(object: &Value) -> String {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{:28} {value}\n", name.replace('_', " ")))
        .collect()
}

/// An array's elements, one a line.
fn elements(array: &Value) -> String {
    array
        .as_array()
        .into_iter()
        .flatten()
        .map(|element| format!("{element}\n"))
        .collect()
}
