//! Shows that memory does not grow with the number of events: publishes them durably into a state of
//! constant size and prints the resident memory on the way.
//!
//! `cargo run --release --example bounded_memory -- 50000000`

#![allow(
    clippy::disallowed_methods,
    reason = "reads /proc; the doors are the library's"
)]

use ringlog::{EventMeta, Pipeline, State, rkyv};

/// Adds to one of a thousand counters.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Added {
    /// The counter: it decides the partition.
    pub counter: u64,
    /// How much.
    pub amount: u64,
}

ringlog::events! {
    /// What happens to counters.
    #[derive(Debug)]
    pub enum CounterEvent, view CounterView {
        Added(Added) = 1, "counter.added", version 1, key counter;
    }
}

struct Counters(Box<[u64; 1000]>);

impl State for Counters {
    type Event = CounterEvent;

    fn apply(&mut self, event: CounterView<'_>, _: &EventMeta) {
        let CounterView::Added(added) = event;
        self.0[(added.counter.to_native() % 1000) as usize] += added.amount.to_native();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events: u64 = std::env::args()
        .nth(1)
        .map_or(Ok(5_000_000), |count| count.parse())?;
    // Beside the build, because a temporary directory may lie in memory.
    let program = std::env::current_exe()?;
    let directory = tempfile::tempdir_in(program.parent().ok_or("no directory")?)?;
    let pipeline =
        Pipeline::<Counters>::builder(directory.path()).open(|_| Counters(Box::new([0; 1000])))?;
    let publisher = pipeline.publisher();
    for number in 0..events {
        publisher.publish(
            &Added {
                counter: number,
                amount: 1,
            }
            .into(),
        )?;
        if number % (events / 10).max(1) == 0 {
            println!("{number:>12} events  {:>8} KiB resident", resident_kib()?);
        }
    }
    let report = pipeline.close()?;
    println!(
        "{:>12} events  {:>8} KiB resident",
        report.events(),
        resident_kib()?
    );
    Ok(())
}

fn resident_kib() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse()?)
}
