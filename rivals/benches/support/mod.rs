//! What the benches share: the interleaved table first, then criterion.

use criterion::{Criterion, Throughput};
use ringlog_rivals::{Row, interleave, is_measured};

/// Compares `rows`, each told to move `count`; a test run moves next to nothing.
pub(crate) fn compare(
    criterion: &mut Criterion,
    title: &str,
    counts: Counts,
    mut rows: Vec<Row<'_>>,
) {
    let (rounds, count) = if is_measured() {
        (7, counts.measured)
    } else {
        (1, counts.tested)
    };
    interleave(title, rounds, count, &mut rows);
    let mut group = criterion.benchmark_group(title);
    group.throughput(Throughput::Elements(count));
    for row in &mut rows {
        let name = row.name;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| row.run(count).scaled_to(count))
                    .sum()
            });
        });
    }
    group.finish();
}

/// How much each run moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) measured: u64,
    /// Where it is only a test that it works.
    pub(crate) tested: u64,
}
