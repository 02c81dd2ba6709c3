//! Nothing but the way through a `disruptor` ring: with and without archiving.

use std::hint::black_box;

use anyhow::{Context, Result};
use disruptor::{BusySpin, ProcessorSettings, Producer, build_single_producer};
use ringlog::{Archiver, Event, event};

use super::super::contender::{Bench, Contender};
use super::super::threads::{Mark, give_way, on_cpu};
use super::super::workload::{Match, MatchEvent, SampleEvent, Samples};
use crate::clock;

const RING_SLOTS: usize = 1 << 12;
const BATCH: usize = 64;

/// One publisher and one consumer, each on a core; the consumer only looks.
pub(in super::super) struct Hops;

impl Contender for Hops {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let count = bench.sizes.memory_events / BATCH as u64 * BATCH as u64;
        let seed = bench.seed;
        let mut plain = Match::new(seed);
        let seconds = hop(
            bench,
            count,
            || Slot([0_u64; 4]),
            move |slot: &mut Slot<4>| {
                let event = plain.next()?;
                slot.0 = [event.key(); 4];
                Some(())
            },
        )?;
        bench.record_events("hop.plain", count, seconds);
        let seconds = archived::<MatchEvent, 4>(bench, count, Match::new(seed))?;
        bench.record_events("hop.match", count, seconds);
        let seconds = archived::<SampleEvent, 10>(bench, count, Samples::new(seed))?;
        bench.record_events("hop.sample", count, seconds);
        Ok(())
    }
}

/// A slot on cache lines of its own.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Slot<const WORDS: usize>([u64; WORDS]);

/// The publisher archives each event, validates the archive and copies it into a slot.
fn archived<E: Event, const WORDS: usize>(
    bench: &Bench,
    count: u64,
    mut events: impl Iterator<Item = E> + Send,
) -> Result<f64> {
    let mut archiver = Archiver::default();
    hop(
        bench,
        count,
        || Slot([0_u64; WORDS]),
        move |slot| {
            let event = events.next()?;
            let bytes = event::to_archive(&event, &mut archiver).ok()?;
            let kind = event.event_type();
            black_box(E::view(kind.kind, kind.version, bytes).ok()?);
            for (word, bytes) in slot.0.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_le_bytes(bytes.try_into().ok()?);
            }
            Some(())
        },
    )
}

/// How long `count` events take that `fill` puts into slots.
fn hop<const WORDS: usize>(
    bench: &Bench,
    count: u64,
    empty: impl FnMut() -> Slot<WORDS>,
    mut fill: impl FnMut(&mut Slot<WORDS>) -> Option<()> + Send,
) -> Result<f64> {
    let seen = Mark::default();
    let telling = seen.clone();
    let mut sum = 0_u64;
    let builder = build_single_producer(RING_SLOTS, empty, BusySpin);
    let builder = match bench.consumer_cpu() {
        Some(cpu) => builder.pin_at_core(cpu),
        None => builder,
    };
    let mut producer = builder
        .handle_events_with(move |slot: &Slot<WORDS>, sequence, is_last| {
            sum = sum.wrapping_add(slot.0[WORDS - 1]);
            if is_last {
                black_box(sum);
                telling.set(sequence.unsigned_abs() + 1);
            }
        })
        .build();
    on_cpu(bench.publisher_cpu(), move || {
        let mut filled = Some(());
        let mut left = count;
        let started = clock::now();
        while left > 0 {
            let published = producer.try_batch_publish(BATCH, |slots| {
                for slot in slots {
                    filled = filled.and_then(|()| fill(slot));
                }
            });
            match published {
                Ok(_) => left -= BATCH as u64,
                Err(_) => std::hint::spin_loop(),
            }
        }
        while seen.get() < count {
            give_way();
        }
        let seconds = started.elapsed().as_secs_f64();
        drop(producer);
        filled.context("an event cannot be archived")?;
        Ok(seconds)
    })
}
