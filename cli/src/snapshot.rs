//! `ringlog snapshot`: a snapshot of every partition, and what it allows to be forgotten.

use std::path::PathBuf;

use anyhow::Context;
use ringlog::Pipeline;
use ringlog::journal::JournalReader;
use ringlog::snapshot::{Retention, SnapshotReport};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{Output, grouped};
use crate::{Domain, clock};

/// Take a snapshot of every partition, so that opening replays only what comes later
///
/// It opens the journal for writing, so no other writer may have it open. Two snapshots are kept.
/// With `--retire`, segments that the older of the two does not need are removed for good: state,
/// the numbers of sources and the counts survive, the events do not.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// Remove the segments that no kept snapshot needs
    #[arg(long)]
    retire: bool,
    /// With `--retire`: named cursors keep what they have not read, up to this many events
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    cursor_lag: u64,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let partitions = JournalReader::open(&args.dir)?.partitions();
    let started = clock::now();
    let mut builder = Pipeline::<D::State>::builder(&args.dir).partitions(partitions);
    if args.retire {
        builder = builder.retention(Retention::FromOldestSnapshot {
            cursor_lag_max: args.cursor_lag,
        });
    }
    let pipeline = builder
        .open(D::state)
        .with_context(|| format!("cannot open the journal in {}", args.dir.display()))?;
    let taken = pipeline.snapshot();
    pipeline.close().context("the journal stopped")?;
    let taken = taken.context("no snapshot was taken")?;
    let seconds = started.elapsed().as_secs_f64();
    output.show(&json_of(&taken, seconds), || text_of(&taken, seconds))?;
    Ok(Exit::Success)
}

fn json_of(taken: &[SnapshotReport], seconds: f64) -> Value {
    let partitions: Vec<Value> = taken
        .iter()
        .map(|report| {
            json!({
                "partition": report.partition,
                "sequence": report.sequence,
                "bytes": report.bytes,
                "segments_retired": report.segments_retired,
            })
        })
        .collect();
    json!({"partitions": partitions, "seconds": seconds})
}

fn text_of(taken: &[SnapshotReport], seconds: f64) -> String {
    let mut text = String::new();
    for report in taken {
        let written = match report.bytes {
            0 => "has one already".to_owned(),
            bytes => format!("{} bytes", grouped(bytes)),
        };
        text.push_str(&format!(
            "partition {}: at sequence {}, {written}; {} segments retired\n",
            report.partition,
            grouped(report.sequence),
            report.segments_retired
        ));
    }
    text.push_str(&format!("{seconds:.2} s\n"));
    text
}
