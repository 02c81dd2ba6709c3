//! Folding events into a hundred thousand players, by the event: where the players lie, and whether
//! the state is told of what comes.
//!
//! `vec` finds a player by index and cannot be beaten; `table` is `ringlog::Table`; `hash_map` is the
//! standard library's, as most would write it. `fetched` implements `State::prefetch`, `cold` does
//! not. The difference between `vec` and `table` is what hashing costs.
//!
//! Nothing else happens between two events here, so that a processor that looks far enough ahead
//! fetches by itself, and `fetched` may lose: that it pays is for `partition` to show, where events
//! are applied among the engine's other work.

mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog::{EventMeta, State};
use support::{
    Dense, Hashed, PlayerArchives, PlayerView, Players, Projection, Tabled, player_view,
};

/// As many as the engine tells a state of at a time.
const COMING: usize = 64;
const EVENTS: usize = 256 * 1024;

fn projection(criterion: &mut Criterion) {
    let archives = PlayerArchives::new(EVENTS);
    let views = archives.views();
    let mut group = criterion.benchmark_group("projection");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let mut measure = |name: &str, fold: &mut dyn FnMut()| {
        group.bench_function(name, |bencher| bencher.iter(&mut *fold));
    };
    measure("vec_cold", &mut folding::<Dense, false>(&views));
    measure("vec_fetched", &mut folding::<Dense, true>(&views));
    measure("table_cold", &mut folding::<Tabled, false>(&views));
    measure("table_fetched", &mut folding::<Tabled, true>(&views));
    measure("hash_map_cold", &mut folding::<Hashed, false>(&views));
    group.finish();
}

/// Folds all events into a state of its own.
fn folding<P: Players, const IS_FETCHED: bool>(views: &[PlayerView<'_>]) -> impl FnMut() {
    let mut players = Projection::<P, IS_FETCHED>::default();
    let meta = EventMeta {
        partition: 0,
        sequence: 1,
        journal_time_ns: 0,
        event_time_ms: 0,
        key: 1,
        source: None,
    };
    move || {
        for coming in views.chunks(COMING) {
            players.prefetch(coming);
            for view in coming {
                players.apply(player_view(view), &meta);
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = projection
}
criterion_main!(benches);
