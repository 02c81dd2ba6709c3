//! One publisher, one consumer, in memory: ringlog without a journal beside what else moves
//! messages from one thread to another.
//!
//! The table that is printed first is the comparison: its rounds go through all contenders in turn.
//! Criterion's figures after it are taken one contender after the other.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringlog_rivals::handoff::{
    BusySpin, Load, Sending, SpinThenYield, crossbeam, flume, flume_drained, kanal, kanal_drained,
    multi_managed, multi_polled, ringlog, ringlog_batches, rtrb, rtrb_chunks, single_managed,
    single_polled, std_mpsc,
};
use ringlog_rivals::{Large, Message, Row, Sample, Small, interleave, is_measured};

const ROUNDS: usize = 7;

fn one_to_one(criterion: &mut Criterion) {
    compare::<Small>(criterion, "64_bytes");
    compare::<Large>(criterion, "128_bytes");
}

fn compare<M: Message>(criterion: &mut Criterion, payload: &str) {
    let (rounds, messages) = if is_measured() {
        (ROUNDS, 1_000_000)
    } else {
        (1, 10_000)
    };
    let title = format!("one_to_one_handoff/{payload}");
    let mut rows = rows::<M>();
    interleave(&title, rounds, messages, &mut rows);
    let mut group = criterion.benchmark_group(title);
    group.throughput(Throughput::Elements(messages));
    for row in &mut rows {
        let name = row.name;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| row.run(messages).scaled_to(messages))
                    .sum()
            });
        });
    }
    group.finish();
}

fn rows<M: Message>() -> Vec<Row<'static>> {
    let row = |name, run: fn(Load) -> Sample| {
        Row::new(name, move |messages| {
            run(Load {
                publishers: 1,
                messages,
            })
        })
    };
    use Sending::{Batches, BatchesSpinning, OneByOne, OneByOneSpinning};
    vec![
        row("ringlog, in memory", ringlog::<M>),
        row("ringlog, in memory, batches", ringlog_batches::<M>),
        row("disruptor, single producer, polled", |load| {
            single_polled::<M>(load, OneByOne)
        }),
        row("disruptor, single producer, polled, batches", |load| {
            single_polled::<M>(load, Batches)
        }),
        row("disruptor, multi producer, polled", |load| {
            multi_polled::<M>(load, OneByOne)
        }),
        row("disruptor, multi producer, polled, batches", |load| {
            multi_polled::<M>(load, Batches)
        }),
        row("disruptor, single producer, BusySpin", |load| {
            single_managed::<M>(load, OneByOneSpinning, BusySpin)
        }),
        row("disruptor, single producer, BusySpin, batches", |load| {
            single_managed::<M>(load, BatchesSpinning, BusySpin)
        }),
        row("disruptor, single producer, yielding", |load| {
            single_managed::<M>(load, OneByOne, SpinThenYield)
        }),
        row("disruptor, single producer, yielding, batches", |load| {
            single_managed::<M>(load, Batches, SpinThenYield)
        }),
        row("disruptor, multi producer, BusySpin", |load| {
            multi_managed::<M>(load, OneByOneSpinning, BusySpin)
        }),
        row("disruptor, multi producer, BusySpin, batches", |load| {
            multi_managed::<M>(load, BatchesSpinning, BusySpin)
        }),
        row("disruptor, multi producer, yielding", |load| {
            multi_managed::<M>(load, OneByOne, SpinThenYield)
        }),
        row("disruptor, multi producer, yielding, batches", |load| {
            multi_managed::<M>(load, Batches, SpinThenYield)
        }),
        row("rtrb", rtrb::<M>),
        row("rtrb, chunks", rtrb_chunks::<M>),
        row("crossbeam-channel", crossbeam::<M>),
        row("kanal", kanal::<M>),
        row("kanal, drained", kanal_drained::<M>),
        row("flume", flume::<M>),
        row("flume, drained", flume_drained::<M>),
        row("std::sync::mpsc", std_mpsc::<M>),
    ]
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    targets = one_to_one
}
criterion_main!(benches);
