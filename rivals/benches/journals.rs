//! Durable appends of 128-byte events by one thread, in batches of 512 and one at a time: ringlog
//! beside logs, embedded databases, and a loop written by hand.
//!
//! The tables that are printed first are the comparison: their rounds go through all contenders in
//! turn. Criterion's figures after them are taken one contender after the other.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ringlog_rivals::journal::{
    Direct, Entry, Fjall, Journal, OkayWal, RaftEngine, Redb, Ringlog, Sqlite,
};
use ringlog_rivals::{Row, Sample, is_measured};
use support::{Counts, compare};

/// A contender stops there, and what it has appended counts.
const LIMIT: Duration = Duration::from_secs(5);

fn journals(criterion: &mut Criterion) {
    appends(criterion, "batches_of_512", 512, 200);
    appends(criterion, "one_at_a_time", 1, 500);
}

fn appends(criterion: &mut Criterion, name: &str, batch: usize, batches: u64) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("target is writable");
    let mut rows = rows(directory.path(), batch);
    let counts = Counts {
        measured: batches * batch as u64,
        tested: 5 * batch as u64,
    };
    for row in &mut rows {
        // Files grow, segments are prepared, caches fill.
        row.run(if is_measured() {
            counts.measured
        } else {
            counts.tested
        });
    }
    compare(criterion, &format!("journals/{name}"), counts, rows);
}

fn rows(directory: &Path, batch: usize) -> Vec<Row<'static>> {
    let open = |name: &str| {
        let path = directory.join(name);
        std::fs::create_dir(&path).expect("target is writable");
        path
    };
    vec![
        row("ringlog", batch, Ringlog::open(&open("ringlog"))),
        row(
            "ringlog, streamed: waits for the last event only",
            batch,
            Ringlog::open_streamed(&open("ringlog_streamed")),
        ),
        row(
            "O_DIRECT | O_DSYNC by hand",
            batch,
            Direct::open(&open("direct")),
        ),
        row("okaywal", batch, OkayWal::open(&open("okaywal"))),
        row("raft-engine", batch, RaftEngine::open(&open("raft_engine"))),
        row("redb", batch, Redb::open(&open("redb"))),
        row("fjall", batch, Fjall::open(&open("fjall"))),
        row("SQLite", batch, Sqlite::open(&open("sqlite"))),
    ]
}

fn row(name: &'static str, batch: usize, mut journal: impl Journal + 'static) -> Row<'static> {
    let mut entries: Vec<Entry> = vec![[0x5a; 128]; batch];
    let mut number = 0u64;
    Row::new(name, move |events| {
        journal.tidy();
        let start = Instant::now();
        let mut count = 0;
        while count < events && start.elapsed() < LIMIT {
            for entry in &mut entries {
                number += 1;
                entry[..8].copy_from_slice(&number.to_le_bytes());
            }
            journal.append(&entries);
            count += batch as u64;
        }
        journal.finish();
        Sample {
            count,
            elapsed: start.elapsed(),
            is_cut: count < events,
        }
    })
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = journals
}
criterion_main!(benches);
