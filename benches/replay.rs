//! Opening a journal: replay through `apply`, beside a walk over its checked frames and a bare
//! direct read of its files: which of disk, checks and state bounds a recovery.
//!
//! Read downwards: each line does what the one above does, and more. "from the page cache" is what the
//! CPU alone allows, on one core; the last line what the disk leaves of that.
//!
//! `REPLAY_EVENTS=10000000 cargo bench --bench replay` sets how many events of the game are replayed.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and the disk itself"
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use ringlog::game::Arena;
use ringlog::journal::{JournalReader, RecordedEvent};
use ringlog::storage::{Files, Storage};
use ringlog::{EventMeta, Pipeline, State, Viewer, events, rkyv};
use rustix::fs::{Mode, OFlags};
use support::{
    ALIGNMENT, BenchDir, Cached, Projection, Random, Tabled, game_event, median, player_event,
};

const ROUNDS: usize = 7;
const READ_BYTES: usize = 1024 * 1024;

/// 464 bytes, so that a frame has 512.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Wide {
    pub key: u64,
    pub words: [u64; 57],
}

events! {
    /// Bigger frames than the game's.
    #[derive(Debug, Clone, Copy)]
    pub enum WideEvent, view WideView {
        Wide(Wide) = 1, "bench.wide", version 1, key key;
    }
}

/// Adds up, so that nothing is optimized away.
#[derive(Debug, Default)]
pub struct WideSum(u64);

impl State for WideSum {
    type Event = WideEvent;

    fn apply(&mut self, event: WideView<'_>, _: &EventMeta) {
        let WideView::Wide(wide) = event;
        self.0 = self.0.wrapping_add(wide.words[56].to_native());
    }
}

fn main() {
    // Without it `cargo test` runs this, to see that it works.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let default = if is_measured { 5_000_000 } else { 10_000 };
    let events = std::env::var("REPLAY_EVENTS").map_or(default, |events| {
        events.parse().expect("REPLAY_EVENTS is a number")
    });
    let mut random = Random(1);
    measure::<Projection<Tabled, true>>("frames of 80 bytes, 100 k players", events, || {
        player_event(&mut random)
    });
    measure::<Arena>("the game's events, 100 k players", events, || {
        game_event(&mut random)
    });
    let mut key = 0;
    measure::<WideSum>("frames of 512 bytes, trivial state", events / 4, || {
        key += 1;
        WideEvent::from(Wide {
            key,
            words: [key; 57],
        })
    });
}

/// Writes `events` events once, and then reads them in every way, round by round.
fn measure<S: State + Default>(name: &str, events: u64, mut next: impl FnMut() -> S::Event) {
    let directory = BenchDir::new();
    let journal = directory.journal();
    {
        let pipeline = open_with::<S>(&journal, Files);
        let publisher = pipeline.publisher();
        for _ in 1..events {
            publisher.publish(&next()).expect("it publishes");
        }
        let last = publisher.publish(&next()).expect("it publishes");
        last.wait().expect("it is durable");
        pipeline.close().expect("it closes");
    }
    let segments = segments(&journal);
    let (mut raw, mut walk, mut check) = (vec![], vec![], vec![]);
    let (mut cached, mut replay) = (vec![], vec![]);
    let (mut segment_bytes, mut bytes) = (0, 0);
    walk_with(&journal, events, |_| Ok(()));
    for _ in 0..ROUNDS {
        let start = Instant::now();
        segment_bytes = segments.iter().map(|path| read_directly(path)).sum();
        raw.push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        walk_with(&journal, events, |_| Ok(()));
        walk.push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let mut viewer = Viewer::default();
        walk_with(&journal, events, |event| {
            match event.view::<S::Event>(&mut viewer) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        });
        check.push(start.elapsed().as_secs_f64());

        for (is_cached, seconds) in [(true, &mut cached), (false, &mut replay)] {
            let pipeline = if is_cached {
                open_with::<S>(&journal, Cached)
            } else {
                open_with::<S>(&journal, Files)
            };
            let report = pipeline.start_report();
            assert_eq!(report.partitions[0].last_sequence, events);
            bytes = report.partitions[0].bytes;
            seconds.push(report.recovery.as_secs_f64());
        }
    }
    println!(
        "{name}: {events} events, {} bytes each, {ROUNDS} rounds: median (best)",
        bytes / events
    );
    let line = |what, bytes: u64, events: u64, seconds: &mut Vec<f64>| {
        let best = seconds.iter().copied().fold(f64::MAX, f64::min);
        let middle = median(seconds);
        let gigabytes = |seconds| bytes as f64 / 1e9 / seconds;
        let millions = |seconds| events as f64 / 1e6 / seconds;
        println!(
            "  {what:<34} {:6.2} GB/s ({:6.2})  {:7.2} M events/s ({:7.2})",
            gigabytes(middle),
            gigabytes(best),
            millions(middle),
            millions(best),
        );
    };
    line("bare direct read", segment_bytes, 0, &mut raw);
    line("walk of checked frames", bytes, events, &mut walk);
    line("the same, archives checked too", bytes, events, &mut check);
    line(
        "opening, read from the page cache",
        bytes,
        events,
        &mut cached,
    );
    line("opening: replay through apply", bytes, events, &mut replay);
    println!(
        "  opening takes {:.2} times as long as the bare read",
        median(&mut replay) / median(&mut raw)
    );
}

fn open_with<S: State + Default>(journal: &Path, storage: impl Storage) -> Pipeline<S> {
    Pipeline::<S>::builder(journal)
        .storage(storage)
        .open(|_| S::default())
        .expect("the pipeline opens")
}

fn walk_with(
    journal: &Path,
    events: u64,
    check: impl FnMut(&RecordedEvent<'_>) -> Result<(), String>,
) {
    let report = JournalReader::open(journal)
        .and_then(|reader| reader.verify(check))
        .expect("the journal can be read");
    let partition = &report.partitions[0];
    assert!(partition.error.is_none() && partition.invalid_events == 0);
    assert_eq!(partition.events, events);
}

/// The segments of the only partition.
fn segments(journal: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(journal.join("partition-0000"))
        .expect("the partition has a folder")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect()
}

/// Reads a file past the page cache; its length.
fn read_directly(path: &Path) -> u64 {
    let flags = OFlags::RDONLY | OFlags::DIRECT | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).expect("the disk can do direct I/O");
    let mut buffer = vec![0; READ_BYTES + ALIGNMENT];
    let start = buffer.as_ptr().align_offset(ALIGNMENT);
    let mut position = 0;
    loop {
        let target = &mut buffer[start..start + READ_BYTES];
        match rustix::io::pread(&file, target, position).expect("it reads") {
            0 => return position,
            read => position += read as u64,
        }
    }
}
