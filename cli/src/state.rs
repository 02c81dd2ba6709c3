//! `ringlog state`: state rebuilt from the journal, also as of a moment.

use std::path::PathBuf;

use ringlog::journal::JournalReader;
use serde_json::{Value, json};

use crate::Domain;
use crate::exit::Exit;
use crate::moment::{Place, in_partitions, states_at};
use crate::output::{Output, tell};

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

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let moments = in_partitions(
        "--at-sequence",
        reader.partitions(),
        &args.at_sequence,
        args.at_time,
    )?;
    let (states, applied): (Vec<_>, Vec<_>) = states_at::<D>(&reader, &moments)?
        .into_iter()
        .map(|past| (past.state, past.events))
        .unzip();
    if args.at_time.is_some() && applied.iter().sum::<u64>() == 0 {
        tell!("note: no event has a time up to that one");
    }
    answer::<D>(args, &states, &applied, output)
}

fn answer<D: Domain>(
    args: &Args,
    states: &[D::State],
    applied: &[u64],
    output: Output,
) -> anyhow::Result<Exit> {
    if let Some(user_id) = args.user {
        let Some(user) = D::user_state(states, user_id) else {
            tell!("error: the journal knows no user {user_id} at that moment");
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
