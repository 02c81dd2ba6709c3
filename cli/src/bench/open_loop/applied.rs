//! From the intended time to `apply`, under an offered load, without a journal.
//!
//! The state itself looks at the clock when it applies a sampled event, which carries its intended
//! time: nothing else would see the moment. The looking, about 25 ns, is in the figure.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use disruptor::{BusySpin, ProcessorSettings, Producer, build_single_producer};
use ringlog::{Durability, EventMeta, Pipeline, State, events, rkyv};

use super::schedule::Schedule;
use super::{Latencies, latencies, nanoseconds};
use crate::bench::contender::{Bench, Contender};
use crate::bench::figure::Unit;
use crate::bench::threads::on_cpu;
use crate::clock;

/// Events from one sample to the next.
const SAMPLE_INTERVAL: u64 = 16;
const RING_SLOTS: usize = 4096;

/// 32 bytes, as the events of the game.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Stamped {
    key: u64,
    /// 0 where it is not sampled.
    intended_ns: u64,
    values: [u64; 2],
}

events! {
    /// Events that know when they were to be published.
    #[derive(Debug, Clone, Copy)]
    enum StampedEvent, view StampedView {
        Stamped(Stamped) = 1, "bench.stamped", version 1, key key;
    }
}

/// How late sampled events were applied. Not a state that could be replayed, but it is not journaled
/// either.
#[derive(Debug)]
struct Lateness {
    started: Instant,
    latencies: Latencies,
}

impl State for Lateness {
    type Event = StampedEvent;

    #[inline]
    fn apply(&mut self, StampedView::Stamped(stamped): StampedView<'_>, _: &EventMeta) {
        note(
            &mut self.latencies,
            self.started,
            stamped.intended_ns.to_native(),
        );
    }
}

#[inline]
fn note(latencies: &mut Latencies, started: Instant, intended_ns: u64) {
    if intended_ns > 0 {
        let late = nanoseconds(started.elapsed()).saturating_sub(intended_ns);
        latencies.saturating_record(late);
    }
}

/// The stamp of an event: 0 unless it is sampled.
#[inline]
fn stamp(number: u64, intended: Duration) -> u64 {
    match number % SAMPLE_INTERVAL {
        0 => nanoseconds(intended),
        _ => 0,
    }
}

/// The engine, and a bare hop beside it.
pub(in super::super) struct Applied;

impl Applied {
    pub(in super::super) fn new(_: &Bench) -> Result<Self> {
        Ok(Self)
    }
}

impl Contender for Applied {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let schedule = Schedule::new(bench.rate, bench.sizes.load_time / 2);
        let (applied, seconds) = through_the_engine(bench, schedule)?;
        bench.record_events("applied.rate", schedule.count(), seconds);
        let hopped = through_a_ring(bench, schedule)?;
        for (figure, latencies, quantile) in [
            ("applied.p50", &applied, 0.5),
            ("applied.p99", &applied, 0.99),
            ("applied.p999", &applied, 0.999),
            ("applied.hop-p50", &hopped, 0.5),
            ("applied.hop-p99", &hopped, 0.99),
        ] {
            let value = latencies.value_at_quantile(quantile);
            bench.record(figure, Unit::Nanoseconds, value as f64);
        }
        bench.add_latencies("offered load, applied without a journal", &applied);
        bench.add_latencies("offered load, through a disruptor only", &hopped);
        Ok(())
    }
}

fn through_the_engine(bench: &Bench, schedule: Schedule) -> Result<(Latencies, f64)> {
    let started = clock::now();
    let pipeline = Pipeline::<Lateness>::builder(bench.path("applied"))
        .durability(Durability::Memory)
        .open(move |_| Lateness {
            started,
            latencies: latencies(),
        })?;
    let publisher = pipeline.publisher();
    // What the start took is nobody's latency.
    let offset = started.elapsed();
    on_cpu(bench.publisher_cpu(), move || {
        schedule.run(
            || started.elapsed().saturating_sub(offset),
            std::hint::spin_loop,
            |number, intended| {
                let event = Stamped {
                    key: number,
                    intended_ns: stamp(number, intended + offset),
                    values: [number; 2],
                };
                publisher.publish(&event.into()).map(drop)
            },
        )
    })?;
    let applied = pipeline.read_partition(0, |lateness| lateness.latencies.clone())?;
    let seconds = (started.elapsed() - offset).as_secs_f64();
    pipeline.close()?;
    Ok((applied, seconds))
}

fn through_a_ring(bench: &Bench, schedule: Schedule) -> Result<Latencies> {
    let empty = || [0_u64; 4];
    let (done, finished) = sync_channel(1);
    let mut latencies = latencies();
    let builder = build_single_producer(RING_SLOTS, empty, BusySpin);
    let builder = match bench.consumer_cpu() {
        Some(cpu) => builder.pin_at_core(cpu),
        None => builder,
    };
    let last = schedule.count() - 1;
    let started = clock::now();
    let mut producer = builder
        .handle_events_with(move |slot: &[u64; 4], sequence, _| {
            note(&mut latencies, started, slot[1]);
            if sequence.unsigned_abs() == last {
                let _ = done.send(latencies.clone());
            }
        })
        .build();
    let offset = started.elapsed();
    on_cpu(bench.publisher_cpu(), move || {
        let Ok(()) = schedule.run(
            || started.elapsed().saturating_sub(offset),
            std::hint::spin_loop,
            |number, intended| {
                let stamp = stamp(number, intended + offset);
                producer.publish(|slot| *slot = [number, stamp, number, number]);
                Ok::<_, std::convert::Infallible>(())
            },
        );
    });
    finished.recv().context("the consumer ended early")
}
