//! Measures how long the events of one key take, out of many: writes a journal in which each key has
//! 1,000 events, evenly scattered, builds the index, and looks keys up, cold and warm.
//!
//! `cargo run --release --example key_history -- 50000000 [DIRECTORY]`
//!
//! Cold means that the page cache was told to drop the journal's files before (it may refuse).

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "measures and drops caches; the doors are the library's"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::index::{IndexBy, PartitionIndex};
use ringlog::journal::JournalReader;
use ringlog::{EventMeta, Pipeline, State, Viewer, rkyv};

const EVENTS_OF_A_KEY: u64 = 1000;
const ROUNDS: u64 = 5;

/// As long as 128 bytes with its frame.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Added {
    /// The counter: the key.
    pub counter: u64,
    /// How much.
    pub amounts: [u64; 9],
}

ringlog::events! {
    /// What happens to counters.
    #[derive(Debug)]
    pub enum CounterEvent, view CounterView {
        Added(Added) = 1, "counter.added", version 1, key counter;
    }
}

struct Sum(u64);

impl State for Sum {
    type Event = CounterEvent;

    fn apply(&mut self, CounterView::Added(added): CounterView<'_>, _: &EventMeta) {
        self.0 = self.0.wrapping_add(added.amounts[0].to_native());
    }
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |count| count.parse())?;
    // Beside the build, because a temporary directory may lie in memory.
    let program = std::env::current_exe()?;
    let parent = arguments
        .next()
        .map(PathBuf::from)
        .or_else(|| Some(program.parent()?.to_owned()))
        .ok_or("no directory")?;
    let directory = tempfile::tempdir_in(parent)?;
    let keys = (events / EVENTS_OF_A_KEY).max(1);
    fill(directory.path(), events, keys)?;

    let reader = JournalReader::open(directory.path())?;
    let by = IndexBy::key();
    let start = Instant::now();
    let index = PartitionIndex::open(&reader, 0, &by, || ())?;
    println!(
        "built in {:.1} s, {} MB of files",
        seconds(start),
        megabytes(&directory.path().join("index"))
    );
    drop(index);

    let (mut opened, mut cold, mut both, mut warm) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let key = keys * (2 * round + 1) / (2 * ROUNDS);
        drop_caches(directory.path())?;
        let start = Instant::now();
        let index = PartitionIndex::open(&reader, 0, &by, || ())?;
        opened.push(start.elapsed());
        cold.push(look_up(&index, key)?);
        both.push(start.elapsed());
        warm.push(look_up(&index, key)?);
    }
    let mut scanned = vec![];
    for round in 0..ROUNDS.min(2) {
        scanned.push(look_up(&PartitionIndex::none(&reader, 0, &by)?, round)?);
    }
    println!("opening the index, cold          {}", figure(opened));
    println!("a key, cold                      {}", figure(cold));
    println!("opening and a key, cold          {}", figure(both));
    println!("a key, warm                      {}", figure(warm));
    println!("a key without an index, 2 rounds {}", figure(scanned));
    Ok(())
}

fn fill(path: &Path, events: u64, keys: u64) -> Result<(), Failure> {
    let start = Instant::now();
    let pipeline = Pipeline::<Sum>::builder(path).open(|_| Sum(0))?;
    let publisher = pipeline.publisher();
    for number in 0..events {
        let added = Added {
            counter: number % keys,
            amounts: [number; 9],
        };
        publisher.publish(&added.into())?;
    }
    pipeline.close()?;
    println!(
        "{events} events of {keys} keys in {:.1} s, {} MB",
        seconds(start),
        megabytes(path)
    );
    Ok(())
}

/// Looks every event of the key up; how long it took.
fn look_up(index: &PartitionIndex<'_>, key: u64) -> Result<Duration, Failure> {
    let start = Instant::now();
    let mut viewer = Viewer::default();
    let mut found = index.find(key)?;
    let mut count = 0;
    while let Some(event) = found.next_event()? {
        let CounterView::Added(added) = event.view::<CounterEvent>(&mut viewer)?;
        assert_eq!(added.counter.to_native(), key);
        count += 1;
    }
    let took = start.elapsed();
    assert_eq!(count, EVENTS_OF_A_KEY, "events of key {key}");
    Ok(took)
}

/// Has the page cache forget every file in the directory.
fn drop_caches(directory: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            drop_caches(&entry.path())?;
            continue;
        }
        let file = std::fs::File::open(entry.path())?;
        rustix::fs::fsync(&file)?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

fn megabytes(directory: &Path) -> u64 {
    fn bytes(directory: &Path) -> u64 {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let sizes = entries.map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        });
        sizes.sum()
    }
    bytes(directory) / 1_000_000
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

/// The median and the spread.
fn figure(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let [least, median, most] = [0, times.len() / 2, times.len() - 1].map(|place| times[place]);
    format!("{median:.1?} ({least:.1?}-{most:.1?})")
}
