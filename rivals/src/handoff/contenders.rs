//! Who takes part.

use super::Load;
use super::Sending::{Batches, BatchesSpinning, OneByOne, OneByOneSpinning};
use super::channels::{crossbeam, flume, flume_drained, kanal, kanal_drained, std_mpsc};
use super::disruptor::{
    BusySpin, SpinThenYield, multi_managed, multi_polled, single_managed, single_polled,
};
use super::ringlog::{ringlog, ringlog_batches};
use super::rtrb::{rtrb, rtrb_chunks};
use crate::{Message, Row, Sample};

/// Everybody who can take `publishers`, ringlog first.
///
/// Where a contender of the disruptor is not polled by us, it has a thread of its own. `BusySpin`
/// spins on both ends, as the crate does by itself; what yields gives way on both.
pub fn contenders<M: Message>(publishers: usize) -> Vec<Row<'static>> {
    let mut rows = vec![
        row(publishers, "ringlog, in memory", ringlog::<M>),
        row(
            publishers,
            "ringlog, in memory, batches",
            ringlog_batches::<M>,
        ),
    ];
    if publishers == 1 {
        rows.extend(single_producer::<M>());
    }
    let row = |name, run| row(publishers, name, run);
    rows.extend([
        row("disruptor, multi producer, polled", |load| {
            multi_polled::<M>(load, OneByOne)
        }),
        row("disruptor, multi producer, polled, batches", |load| {
            multi_polled::<M>(load, Batches)
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
        row("rtrb, a ring per publisher", rtrb::<M>),
        row("rtrb, a ring per publisher, chunks", rtrb_chunks::<M>),
        row("crossbeam-channel", crossbeam::<M>),
        row("kanal", kanal::<M>),
        row("kanal, drained", kanal_drained::<M>),
        row("flume", flume::<M>),
        row("flume, drained", flume_drained::<M>),
        row("std::sync::mpsc", std_mpsc::<M>),
    ]);
    rows
}

fn single_producer<M: Message>() -> [Row<'static>; 6] {
    let row = |name, run| row(1, name, run);
    [
        row("disruptor, single producer, polled", |load| {
            single_polled::<M>(load, OneByOne)
        }),
        row("disruptor, single producer, polled, batches", |load| {
            single_polled::<M>(load, Batches)
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
    ]
}

fn row(publishers: usize, name: &'static str, run: fn(Load) -> Sample) -> Row<'static> {
    Row::new(name, move |messages| {
        run(Load {
            publishers,
            messages,
        })
    })
}
