//! Queries of a read model while events are applied to it: how many, and what they cost the writer.
//!
//! One thread publishes 500,000 events/s to one partition, on a schedule that does not wait for
//! anything; the `Lobby` of 100,000 players follows. Rounds without and with another thread that asks
//! for players take turns. Each line says what was durable a second, until the last receipt, how far
//! behind the model was then, and how many lookups there were. All of it shares the machine's cores.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench reads the clock and starts threads itself"
)]

mod support;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringlog::Pipeline;
use ringlog::game::{Arena, Envelope, GameEvent, Lobby, Location, Move, Text};
use ringlog::projection::{ReadModel, Settings};
use support::{BenchDir, PLAYERS, Random, median};

const EVENTS_A_SECOND: u64 = 500_000;
const EVENTS: u64 = 500_000;
const BATCH: u64 = 500;
const ROUNDS: usize = 5;

/// How the querying thread asks.
#[derive(Debug, Clone, Copy)]
enum Queries {
    None,
    /// A look for each lookup, as fast as it goes.
    Single,
    /// 64 lookups a look, as fast as it goes.
    Batched,
    /// 1,000 single lookups each millisecond.
    Paced,
}

const QUERIES: [Queries; 4] = [
    Queries::None,
    Queries::Single,
    Queries::Batched,
    Queries::Paced,
];

/// What one run came to.
#[derive(Debug, Clone, Copy)]
struct Run {
    events_a_second: f64,
    lag_ms: f64,
    lookups_a_second: f64,
}

fn location(random: &mut Random) -> Location {
    Location {
        x: u64::from(random.below(1000)).into(),
        y: u64::from(random.below(1000)).into(),
    }
}

fn moved(random: &mut Random, user_id: u32) -> GameEvent {
    let envelope = Envelope {
        timestamp: 1_751_328_000_000,
        user_id,
        beyond: None,
        event_id: Text::from("00000001"),
        correlation_id: Text::from("00000000"),
    };
    Move {
        envelope,
        location: location(random),
        speed: 1.5.into(),
    }
    .into()
}

fn look_up(model: &ReadModel<Lobby>, queries: Queries, stopped: &AtomicBool) -> u64 {
    let mut random = Random(7);
    let start = Instant::now();
    let mut lookups = 0;
    let one = |lobby: &Lobby, random: &mut Random| {
        let player = lobby.player(1 + random.below(PLAYERS));
        black_box(player.map(|player| (player.location(), player.level())));
    };
    while !stopped.load(Ordering::Relaxed) {
        match queries {
            Queries::None => return 0,
            Queries::Single => {
                model.read(|lobby| one(lobby, &mut random));
                lookups += 1;
            }
            Queries::Batched => {
                model.read(|lobby| (0..64).for_each(|_| one(lobby, &mut random)));
                lookups += 64;
            }
            Queries::Paced => {
                for _ in 0..1000 {
                    model.read(|lobby| one(lobby, &mut random));
                }
                lookups += 1000;
                let due = Duration::from_micros(lookups);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
            }
        }
    }
    lookups
}

fn run(pipeline: &Pipeline<Arena>, model: &ReadModel<Lobby>, queries: Queries) -> Run {
    let mut random = Random(11);
    let events: Vec<GameEvent> = (0..EVENTS)
        .map(|_| {
            let user_id = 1 + random.below(PLAYERS);
            moved(&mut random, user_id)
        })
        .collect();
    let stopped = AtomicBool::new(false);
    let publisher = pipeline.publisher();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| look_up(model, queries, &stopped));
        let start = Instant::now();
        let mut due = Duration::ZERO;
        let mut last = None;
        for batch in events.chunks(BATCH as usize) {
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            last = Some(publisher.publish_all(batch).expect("it publishes"));
            due += Duration::from_secs(1) * u32::try_from(BATCH).expect("few")
                / u32::try_from(EVENTS_A_SECOND).expect("few");
        }
        last.expect("some").wait().expect("it is durable");
        let durable = start.elapsed();
        stopped.store(true, Ordering::Relaxed);
        let asked = start.elapsed();
        let lookups = asking.join().expect("it asks");
        let sequence = pipeline.stats()[0].durable_sequence;
        model.wait_for(0, sequence).expect("it runs");
        Run {
            events_a_second: EVENTS as f64 / durable.as_secs_f64(),
            lag_ms: (start.elapsed() - durable).as_secs_f64() * 1e3,
            lookups_a_second: lookups as f64 / asked.as_secs_f64(),
        }
    })
}

fn read_model(criterion: &mut Criterion) {
    let directory = BenchDir::new();
    let pipeline = Pipeline::<Arena>::builder(directory.journal())
        .open(|_| Arena::default())
        .expect("the pipeline opens");
    let model = pipeline
        .project("lobby", Settings::default(), Lobby::default)
        .expect("it starts");
    let publisher = pipeline.publisher();
    let mut random = Random(3);
    for user_id in 1..=PLAYERS {
        let event = moved(&mut random, user_id);
        publisher.publish(&event).expect("it publishes");
    }
    run(&pipeline, &model, Queries::None);
    let mut runs: [Vec<Run>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (queries, runs) in QUERIES.into_iter().zip(&mut runs) {
            runs.push(run(&pipeline, &model, queries));
        }
    }
    let of = |runs: &[Run], figure: fn(&Run) -> f64| {
        median(&mut runs.iter().map(figure).collect::<Vec<_>>())
    };
    for (queries, with) in QUERIES.into_iter().zip(&runs) {
        let mut ratios: Vec<f64> = with
            .iter()
            .zip(&runs[0])
            .map(|(with, without)| with.events_a_second / without.events_a_second)
            .collect();
        println!(
            "{queries:?}: {:.0} events/s durable ({:.3} of without), the model {:.1} ms behind, \
             {:.2} M lookups/s (medians of {ROUNDS}, alternating)",
            of(with, |run| run.events_a_second),
            median(&mut ratios),
            of(with, |run| run.lag_ms),
            of(with, |run| run.lookups_a_second) / 1e6,
        );
    }
    let mut group = criterion.benchmark_group("read_model");
    group.bench_function("player", |bencher| {
        let mut random = Random(5);
        bencher.iter(|| {
            let user_id = 1 + random.below(PLAYERS);
            model.read(|lobby| lobby.player(user_id).map(|player| player.level()))
        });
    });
    for radius in [10.0, 30.0, 100.0] {
        let id = BenchmarkId::new("players_within", radius);
        group.bench_with_input(id, &radius, |bencher, &radius| {
            let mut random = Random(5);
            bencher.iter(|| {
                let center = location(&mut random);
                model.read(|lobby| lobby.players_within(center, radius).len())
            });
        });
    }
    group.bench_function("summary", |bencher| {
        bencher.iter(|| model.read(|lobby| lobby.summary(None, Duration::from_secs(60), 10)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = read_model
}
criterion_main!(benches);
