//! Four publishers and two consumers that spin, on however few cores there are.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use disruptor::{BusySpin, Producer, build_multi_producer};

use super::super::contender::{Bench, Contender};
use super::super::threads::{Mark, Stop, sleep};
use super::super::workload::{Match, MatchEvent};
use super::codec::Postcard;
use super::journal::Journal;
use super::players::Players;
use super::rings::{Failure, Journaler, empty};
use crate::clock;

const PUBLISHERS: u64 = 4;
const RING_SLOTS: usize = 1 << 15;

/// Two rings, each with its consumer, file and state; publishers spread their events over both.
///
/// It is stopped by the clock, as it may hardly get anywhere.
pub(in super::super) struct Crowd {
    paths: [PathBuf; 2],
    time: Duration,
    events_max: u64,
}

impl Crowd {
    pub(in super::super) fn new(bench: &Bench) -> Result<Self> {
        let paths = [bench.path("crowd-0"), bench.path("crowd-1")];
        let events_max = bench.sizes.burst_bytes / super::super::workload::MATCH_FRAME_BYTES / 2;
        for path in &paths {
            Journal::prepare(path, events_max * 64)?;
        }
        Ok(Self {
            paths,
            time: bench.sizes.load_time / 2,
            events_max,
        })
    }
}

impl Contender for Crowd {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let failure = Failure::default();
        let durables = [Mark::default(), Mark::default()];
        let mut producers = Vec::new();
        for (path, durable) in self.paths.iter().zip(&durables) {
            let mut journaler = Journaler::new(path, Postcard::default(), durable, &failure)?;
            let mut players: Players = Players::all();
            let producer = build_multi_producer(RING_SLOTS, empty, BusySpin)
                .handle_events_with(move |event: &MatchEvent, sequence, is_last| {
                    journaler.append(event);
                    players.apply(event);
                    if is_last || journaler.is_full() {
                        journaler.commit(sequence.unsigned_abs() + 1);
                    }
                })
                .build();
            producers.push(producer);
        }
        let stop = Stop::default();
        let started = clock::now();
        let (count, seconds) = std::thread::scope(|scope| {
            for publisher in 0..PUBLISHERS {
                let mut producers = producers.clone();
                let stop = stop.clone();
                let events = Match::new(bench.seed ^ publisher);
                let events = events.take((self.events_max / PUBLISHERS) as usize);
                scope.spawn(move || {
                    for (number, event) in events.enumerate() {
                        let ring = &mut producers[number % 2];
                        while ring.try_publish(|slot| *slot = event).is_err() {
                            if stop.is_asked() {
                                return;
                            }
                            std::hint::spin_loop();
                        }
                        if stop.is_asked() {
                            return;
                        }
                    }
                });
            }
            // Until the time is over, or all was published.
            let done = || durables.iter().map(Mark::get).sum::<u64>();
            while started.elapsed() < self.time
                && done() < self.events_max / PUBLISHERS * PUBLISHERS
            {
                sleep(Duration::from_millis(1));
            }
            let counted = (done(), started.elapsed().as_secs_f64());
            stop.now();
            counted
        });
        drop(producers);
        failure.check()?;
        bench.record_events("crowd", count, seconds);
        Ok(())
    }
}
