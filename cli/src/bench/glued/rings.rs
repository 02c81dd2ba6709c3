//! Rivals around the crate `disruptor`, whose threads consume.

use std::io;
use std::path::Path;
use std::thread;

use disruptor::{BusySpin, ProcessorSettings, Producer, build_single_producer};

use disruptor::wait_strategies::WaitStrategy;

use super::super::threads::{Mark, give_way};
use super::super::workload::MatchEvent;
use super::codec::Codec;
use super::journal::Journal;
use super::players::Players;

/// Slots: as many events as a large write holds several times over.
const RING_SLOTS: usize = 1 << 16;
/// How many events are published at a time.
const BATCH: usize = 64;

/// A consumer that has nothing to do lets others run.
#[derive(Debug, Clone, Copy)]
pub(super) struct GiveWay;

impl WaitStrategy for GiveWay {
    fn wait_for(&self, _: i64) {
        give_way();
    }
}

/// Who may run where.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pins {
    pub(super) publisher: Option<usize>,
    pub(super) consumer: Option<usize>,
}

/// What is encoded, written, synced and told.
pub(super) struct Journaler<C> {
    journal: Journal,
    codec: C,
    durable: Mark,
    failure: Failure,
}

/// The first error of a consumer, whose handlers cannot return any. The publisher stops waiting
/// when it sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure(Mark);

impl Failure {
    pub(super) fn note(&self, result: io::Result<()>) {
        if let Err(error) = result {
            // Never 0.
            self.0
                .set(1 + u64::from(error.raw_os_error().unwrap_or(0).unsigned_abs()));
        }
    }

    pub(super) fn check(&self) -> io::Result<()> {
        match self.0.get() {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error((code - 1) as i32)),
        }
    }

    /// Waits until `mark` is at least `value`.
    pub(super) fn wait(&self, mark: &Mark, value: u64) -> io::Result<()> {
        while mark.get() < value {
            self.check()?;
            give_way();
        }
        Ok(())
    }
}

impl<C: Codec> Journaler<C> {
    pub(super) fn new(
        path: &Path,
        codec: C,
        durable: &Mark,
        failure: &Failure,
    ) -> io::Result<Self> {
        Ok(Self {
            journal: Journal::open(path)?,
            codec,
            durable: durable.clone(),
            failure: failure.clone(),
        })
    }

    #[inline]
    pub(super) fn append(&mut self, event: &MatchEvent) {
        let appended = self.codec.encode(event, &mut self.journal);
        self.failure.note(appended);
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.journal.is_full()
    }

    /// Makes durable what was appended, and tells that `count` events are.
    pub(super) fn commit(&mut self, count: u64) {
        let committed = self.journal.commit();
        if committed.is_ok() {
            self.durable.set(count);
        }
        self.failure.note(committed);
    }
}

/// One consumer journals and applies. Returns when all events are durable and applied.
pub(super) fn one_consumer<C: Codec>(
    path: &Path,
    codec: C,
    wait: impl WaitStrategy + 'static,
    pins: Pins,
    count: u64,
    events: impl Iterator<Item = MatchEvent> + Send,
) -> io::Result<std::time::Duration> {
    let (durable, failure) = (Mark::default(), Failure::default());
    let mut journaler = Journaler::new(path, codec, &durable, &failure)?;
    let mut players: Players = Players::all();
    let builder = build_single_producer(RING_SLOTS, empty, wait);
    let builder = match pins.consumer {
        Some(cpu) => builder.pin_at_core(cpu),
        None => builder,
    };
    let producer = builder
        .handle_events_with(move |event: &MatchEvent, sequence, is_last| {
            journaler.append(event);
            players.apply(event);
            if is_last || journaler.is_full() {
                journaler.commit(sequence.unsigned_abs() + 1);
            }
        })
        .build();
    publish(producer, pins, count, events, || {
        failure.wait(&durable, count)
    })
}

/// One consumer journals while another one applies. Returns when both have done all.
pub(super) fn two_consumers<C: Codec>(
    path: &Path,
    codec: C,
    pins: Pins,
    count: u64,
    events: impl Iterator<Item = MatchEvent> + Send,
) -> io::Result<std::time::Duration> {
    let (durable, applied) = (Mark::default(), Mark::default());
    let failure = Failure::default();
    let mut journaler = Journaler::new(path, codec, &durable, &failure)?;
    let mut players: Players = Players::all();
    let telling = applied.clone();
    let producer = build_single_producer(RING_SLOTS, empty, GiveWay)
        .handle_events_with(move |event: &MatchEvent, sequence, is_last| {
            journaler.append(event);
            if is_last || journaler.is_full() {
                journaler.commit(sequence.unsigned_abs() + 1);
            }
        })
        .handle_events_with(move |event: &MatchEvent, sequence, is_last| {
            players.apply(event);
            if is_last {
                telling.set(sequence.unsigned_abs() + 1);
            }
        })
        .build();
    publish(producer, pins, count, events, || {
        failure.wait(&durable, count)?;
        failure.wait(&applied, count)
    })
}

/// As the README leads to: busy spinning everywhere, nobody pinned, one event at a time.
pub(super) fn as_the_readme<C: Codec>(
    path: &Path,
    codec: C,
    count: u64,
    events: impl Iterator<Item = MatchEvent> + Send,
) -> io::Result<std::time::Duration> {
    let (durable, failure) = (Mark::default(), Failure::default());
    let mut journaler = Journaler::new(path, codec, &durable, &failure)?;
    let mut players = Players::<std::hash::RandomState>::all();
    let mut producer = build_single_producer(RING_SLOTS, empty, BusySpin)
        .handle_events_with(move |event: &MatchEvent, sequence, is_last| {
            journaler.append(event);
            players.apply(event);
            if is_last || journaler.is_full() {
                journaler.commit(sequence.unsigned_abs() + 1);
            }
        })
        .build();
    let started = crate::clock::now();
    for event in events.take(count as usize) {
        producer.publish(|slot| *slot = event);
    }
    while durable.get() < count {
        failure.check()?;
        std::hint::spin_loop();
    }
    Ok(started.elapsed())
}

/// Publishes in batches, giving way while the ring is full, and waits until all is `done`.
pub(super) fn publish<P>(
    mut producer: P,
    pins: Pins,
    count: u64,
    events: impl Iterator<Item = MatchEvent> + Send,
    done: impl FnOnce() -> io::Result<()> + Send,
) -> io::Result<std::time::Duration>
where
    P: Producer<MatchEvent> + Send,
{
    super::super::threads::on_cpu(pins.publisher, move || {
        let mut events = events.take(count as usize);
        let mut left = count as usize;
        let started = crate::clock::now();
        while left > 0 {
            let batch = left.min(BATCH);
            let published = producer.try_batch_publish(batch, |slots| {
                for (slot, event) in slots.zip(&mut events) {
                    *slot = event;
                }
            });
            match published {
                Ok(_) => left -= batch,
                Err(_) => give_way(),
            }
        }
        let done = done();
        let elapsed = started.elapsed();
        // Its consumers end with it, outside of the time.
        drop(producer);
        done.map(|()| elapsed)
    })
}

/// What a slot holds before it is used.
pub(super) fn empty() -> MatchEvent {
    super::super::workload::Moved {
        player: 0,
        speed: 0.0,
        at_ms: 0,
        x: 0.0,
        y: 0.0,
    }
    .into()
}

/// Whether there are cores for the threads of a rival that spins.
pub(super) fn has_cores(threads: usize) -> bool {
    thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= threads)
}
