//! From the intended time to the acknowledgement, under an offered load.

use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Result, anyhow};
use ringlog::Receipt;

use super::schedule::Schedule;
use super::{latencies, nanoseconds};
use crate::bench::contender::{Bench, Contender};
use crate::bench::disk::BareFile;
use crate::bench::durable::SharedLane;
use crate::bench::entries::match_events;
use crate::bench::figure::Unit;
use crate::bench::players::Players;
use crate::bench::threads::{give_way, pin};
use crate::bench::workload::{MATCH_FRAME_BYTES, Match};
use crate::clock;

/// Events from one sample to the next: their receipts are waited for on a thread of its own.
const SAMPLE_INTERVAL: u64 = 64;
const WRITE_BYTES: usize = 64 * 1024;
const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Small groups are padded to whole sectors.
const PADDING: u64 = 2;
/// With fewer CPUs, the publisher lets others run while nothing is due.
const CPUS_TO_SPIN: usize = 4;

/// Publishes at a fixed rate, and samples how long acknowledgements take.
pub(in super::super) struct OfferedLoad {
    lane: SharedLane<Players>,
    file: BareFile,
}

impl OfferedLoad {
    pub(in super::super) fn new(bench: &Bench, lane: SharedLane<Players>) -> Result<Self> {
        let path = bench.path("load-bare");
        let file = BareFile::written_once(&path, bench.method, WRITE_BYTES, FILE_BYTES)?;
        Ok(Self { lane, file })
    }
}

impl Contender for OfferedLoad {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let mut writes = latencies();
        for _ in 0..bench.sizes.lone_writes / 2 {
            let started = clock::now();
            self.file.overwrite(FILE_BYTES)?;
            writes.saturating_record(nanoseconds(started.elapsed()));
        }
        let schedule = Schedule::new(bench.rate, bench.sizes.load_time);
        let bytes =
            (schedule.count() * MATCH_FRAME_BYTES * PADDING).min(bench.sizes.segment_bytes / 2);
        let mut lane = self.lane.borrow_mut();
        let pipeline = lane.with_room(bytes, match_events(bench.seed, 1))?;
        let publisher = pipeline.publisher();
        let (cpu, spins) = (bench.publisher_cpu(), bench.cpus.len() >= CPUS_TO_SPIN);
        let mut events = Match::new(bench.seed);
        let (samples, sampled) = channel::<(std::time::Duration, Receipt<'static>)>();
        let started = clock::now();
        let acks = thread::scope(|scope| -> Result<_> {
            let waiting = scope.spawn(move || -> Result<_> {
                let mut acks = latencies();
                for (intended, receipt) in sampled {
                    receipt.wait()?;
                    let late = started.elapsed().saturating_sub(intended);
                    acks.saturating_record(nanoseconds(late));
                }
                Ok(acks)
            });
            let publishing = scope.spawn(move || -> Result<()> {
                pin(cpu);
                let pause = || match spins {
                    true => std::hint::spin_loop(),
                    false => give_way(),
                };
                schedule.run(
                    || started.elapsed(),
                    pause,
                    |number, intended| {
                        let event = events.next().ok_or_else(|| anyhow!("no more events"))?;
                        let receipt = publisher.publish(&event)?;
                        if number % SAMPLE_INTERVAL == 0 {
                            samples.send((intended, receipt.detach()))?;
                        }
                        Ok(())
                    },
                )
            });
            publishing.join().expect("the publisher does not panic")?;
            waiting.join().expect("the waiter does not panic")
        })?;
        let seconds = started.elapsed().as_secs_f64();
        bench.record_events("load.rate", schedule.count(), seconds);
        for (figure, latencies, quantile) in [
            ("load.p50", &acks, 0.5),
            ("load.p99", &acks, 0.99),
            ("load.p999", &acks, 0.999),
            ("load.bare-p50", &writes, 0.5),
            ("load.bare-p99", &writes, 0.99),
        ] {
            let value = latencies.value_at_quantile(quantile);
            bench.record(figure, Unit::Nanoseconds, value as f64);
        }
        bench.add_latencies("offered load, durable", &acks);
        bench.add_latencies("bare 64 KiB durable write", &writes);
        Ok(())
    }
}
