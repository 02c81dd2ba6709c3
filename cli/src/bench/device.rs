//! The limit: the bare disk, and the way between two cores.

use anyhow::Result;

use super::contender::{Bench, Contender};
use super::disk::BareFile;
use super::figure::Unit;
use super::threads::{Mark, Stop, on_cpu, pin};
use crate::clock;

const KIB: usize = 1024;
/// The best is somewhere between them on every disk that was measured.
const LARGE_WRITES: [(usize, &str); 3] = [
    (256 * KIB, "device.256kib"),
    (1024 * KIB, "device.1mib"),
    (2048 * KIB, "device.2mib"),
];

/// A bare loop of large durable writes over a file that was written before; the best size counts.
pub(super) struct Overwriting {
    file: BareFile,
    file_bytes: u64,
}

impl Overwriting {
    /// On a file of its own with this `name`.
    pub(super) fn new(bench: &Bench, name: &str) -> Result<Self> {
        let file_bytes = bench.sizes.burst_bytes;
        let path = bench.path(name);
        let file = BareFile::written_once(&path, bench.method, 2048 * KIB, file_bytes)?;
        Ok(Self { file, file_bytes })
    }
}

impl Contender for Overwriting {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let mut best = 0.0_f64;
        for (write_bytes, figure) in LARGE_WRITES {
            self.file.set_write_bytes(write_bytes);
            let started = clock::now();
            let writes = (self.file_bytes / write_bytes as u64).max(1);
            for _ in 0..writes {
                self.file.write()?;
            }
            let seconds = started.elapsed().as_secs_f64();
            let bytes = writes * write_bytes as u64;
            bench.record_bytes(figure, bytes, seconds);
            best = best.max(bytes as f64 / seconds);
        }
        bench.record("device", Unit::BytesPerSecond, best);
        Ok(())
    }
}

/// The same into a new file, which grows with every write.
pub(super) struct Appending;

impl Contender for Appending {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let path = bench.path("appended");
        let mut file = BareFile::create(&path, bench.method, 1024 * KIB)?;
        let started = clock::now();
        for _ in 0..bench.sizes.burst_bytes / (1024 * KIB) as u64 {
            file.write()?;
        }
        let seconds = started.elapsed().as_secs_f64();
        bench.record_bytes("appending", bench.sizes.burst_bytes, seconds);
        rustix::fs::unlink(&path)?;
        Ok(())
    }
}

/// Overwriting while another thread fills a new file with zeros, as a preparer of segments does.
pub(super) struct BesideZeroing(pub(super) Overwriting);

const ZEROING_BYTES: usize = 512 * KIB;

impl Contender for BesideZeroing {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let Overwriting { file, file_bytes } = &mut self.0;
        let path = bench.path("zeroed");
        let stop = Stop::default();
        let seconds = std::thread::scope(|scope| -> Result<f64> {
            let zeroing = scope.spawn(|| -> Result<()> {
                let mut zeroed = BareFile::create(&path, bench.method, ZEROING_BYTES)?;
                let most = 4 * *file_bytes / ZEROING_BYTES as u64;
                for _ in (0..most).take_while(|_| !stop.is_asked()) {
                    zeroed.write()?;
                }
                Ok(())
            });
            file.set_write_bytes(1024 * KIB);
            let started = clock::now();
            let written = (0..*file_bytes / (1024 * KIB) as u64).try_for_each(|_| file.write());
            let seconds = started.elapsed().as_secs_f64();
            stop.now();
            zeroing.join().expect("zeroing does not panic")?;
            written?;
            Ok(seconds)
        })?;
        bench.record_bytes("zeroing", self.0.file_bytes, seconds);
        rustix::fs::unlink(&path)?;
        Ok(())
    }
}

/// How long a cache line takes from the core of the publisher to that of the consumer.
pub(super) struct Hop;

const ROUND_TRIPS: u64 = 20_000;

impl Contender for Hop {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let (here, there) = (Mark::default(), Mark::default());
        let (cpu, other_cpu) = (bench.publisher_cpu(), bench.consumer_cpu());
        let elapsed = on_cpu(cpu, || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    pin(other_cpu);
                    for trip in 1..=ROUND_TRIPS {
                        spin_until(&here, trip);
                        there.set(trip);
                    }
                });
                // The first one waits for the thread.
                here.set(1);
                spin_until(&there, 1);
                let started = clock::now();
                for trip in 2..=ROUND_TRIPS {
                    here.set(trip);
                    spin_until(&there, trip);
                }
                started.elapsed()
            })
        });
        let one_way = elapsed.as_secs_f64() * 1e9 / (2 * (ROUND_TRIPS - 1)) as f64;
        bench.record(super::aim::HOP, Unit::Nanoseconds, one_way);
        Ok(())
    }
}

/// Without giving way: the other side runs on a core of its own.
fn spin_until(mark: &Mark, value: u64) {
    let mut looked = 0_u32;
    while mark.get() < value {
        looked += 1;
        // Unless somebody else has taken that core.
        if looked.is_multiple_of(10_000) {
            super::threads::give_way();
        }
    }
}
