//! How many instructions an event takes, for `.ci/instructions` to hold against `.ci/instructions.txt`.
//!
//! Not a bench to be timed: each section does its work a given number of times, on one thread and
//! the same in every run, and nothing else. The script runs a section under callgrind once with a
//! count and once with twice that, so that what does not grow with the count (opening, tables, what
//! was prepared for either count) drops out of the difference.
//!
//! Without arguments it lists the sections, each with its count and the events in one; with
//! `SECTION COUNT` it does that section so many times.

mod support;

use std::hint::black_box;

use ringlog::bench::{InMemory, Watermark};
use ringlog::sim::{Settings, Simulation};
use ringlog::storage::sim::SimDisk;
use ringlog::{EventMeta, Pipeline, State};
use support::{Move, PlayerArchives, Projection, Sum, Tabled, moved, player_view};

struct Section {
    name: &'static str,
    /// How often the work is done in the shorter run.
    count: u64,
    /// Events in one time.
    events: u64,
    work: fn(u64),
}

const SECTIONS: [Section; 10] = [
    of_events("publish", publish),
    of_events("publish_all", publish_all),
    of_events("apply", apply),
    of_events("command", command),
    of_events("command_rejected", command_rejected),
    of_events("durable_in_batches", durable_in_batches),
    Section {
        count: 512,
        ..of_events("durable_alone", durable_alone)
    },
    Section {
        count: 1,
        events: EVENTS,
        ..of_events("replay", replay)
    },
    of_events("projection", projection),
    of_events("watermark", watermark),
];

const fn of_events(name: &'static str, work: fn(u64)) -> Section {
    Section {
        name,
        count: EVENTS,
        events: 1,
        work,
    }
}

/// Enough for what comes once a batch to be in every run as often.
const EVENTS: u64 = 16_384;
/// Events between two looks of the partition at its ring.
const BATCH: u64 = 512;
/// Room for all events of the longer run: in some sections nobody makes room.
const RING_SLOTS: usize = 4 * EVENTS as usize;
const GROUP_BYTES: usize = 1024 * 1024;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [name, count] => {
            let section = SECTIONS.iter().find(|section| section.name == name);
            let section = section.expect("a section of the list");
            (section.work)(count.parse().expect("a count"));
        }
        _ => {
            for section in SECTIONS {
                println!("{} {} {}", section.name, section.count, section.events);
            }
        }
    }
}

/// Archive, validate, copy into the ring.
fn publish(count: u64) {
    let pipeline = in_memory();
    for player in 0..count {
        publish_one(&pipeline, player);
    }
}

/// The same in batches.
fn publish_all(count: u64) {
    let pipeline = in_memory();
    for first in (0..count).step_by(BATCH as usize) {
        let events = (first..first + BATCH).map(moved);
        let receipt = pipeline.publisher().publish_all(events);
        black_box(receipt.expect("the ring has room").is_durable().ok());
    }
}

/// What the partition does, without a journal: from the ring into the group, and from there to an
/// `apply` that does next to nothing.
fn apply(count: u64) {
    let mut pipeline = in_memory();
    for player in 0..2 * EVENTS {
        publish_one(&pipeline, player);
        // What is behind `count` is published as well, and stays where it is.
        if player < count && (player + 1).is_multiple_of(BATCH) {
            while pipeline.step() {}
        }
    }
}

/// A command: sent, decided, its event appended and applied, answered, and the answer taken.
fn command(count: u64) {
    commands(count, true);
}

/// The same where it is rejected.
fn command_rejected(count: u64) {
    commands(count, false);
}

fn commands(count: u64, is_allowed: bool) {
    let mut pipeline = in_memory();
    let client = pipeline
        .client(BATCH as usize)
        .expect("there is one client");
    let mut pending = Vec::with_capacity(BATCH as usize);
    for first in (0..count).step_by(BATCH as usize) {
        for player in first..first + BATCH {
            let command = Move { player, is_allowed };
            pending.push(client.try_send(&command).expect("the ring has room"));
        }
        while pipeline.step() {}
        for mut pending in pending.drain(..) {
            black_box(pending.try_take().expect("it is answered").is_ok());
        }
    }
}

fn in_memory() -> InMemory<Sum> {
    InMemory::new(RING_SLOTS, GROUP_BYTES, Sum::default())
}

fn publish_one(pipeline: &InMemory<Sum>, player: u64) {
    let receipt = pipeline.publisher().try_publish(&moved(player));
    black_box(receipt.expect("the ring has room").partition());
}

/// Batches on a simulated disk: publisher, partition, journaler, acknowledgement.
fn durable_in_batches(count: u64) {
    written(&SimDisk::new(1), count, BATCH);
}

/// The same where each event is a group of its own.
fn durable_alone(count: u64) {
    written(&SimDisk::new(1), count, 1);
}

/// Recovering a journal of `EVENTS` events: reading it, checking it, and folding it.
fn replay(count: u64) {
    let disk = SimDisk::new(1);
    written(&disk, EVENTS, BATCH).close().expect("it closes");
    for _ in 0..count {
        let builder = Pipeline::<Sum>::builder(Settings::default().path).storage(disk.fork());
        let recovered = builder.recover(|_| Sum::default()).expect("it is sound");
        assert_eq!(recovered[0].last_sequence, EVENTS);
    }
}

/// A simulated pipeline that has made `count` events durable, `batch` at a time.
fn written(disk: &SimDisk, count: u64, batch: u64) -> Simulation<Sum> {
    let mut simulation = open(disk);
    for player in 0..count {
        let receipt = simulation.publish(&moved(player));
        black_box(receipt.expect("the ring has room").partition());
        if (player + 1).is_multiple_of(batch) {
            simulation.run_until_idle();
        }
    }
    assert_eq!(simulation.stats()[0].durable_sequence, count);
    simulation
}

fn open(disk: &SimDisk) -> Simulation<Sum> {
    // One segment holds everything: a second one would be a jump in the count.
    let segment_bytes = 8 * 1024 * 1024;
    let settings = Settings {
        ring_slots: 4096,
        group_bytes: GROUP_BYTES,
        first_segment_bytes: segment_bytes,
        segment_bytes_max: segment_bytes,
        ..Settings::default()
    };
    Simulation::open(disk, settings, 1, |_| Sum::default()).expect("the pipeline opens")
}

/// `prefetch` and `apply` on a hundred thousand players.
fn projection(count: u64) {
    let archives = PlayerArchives::new(2 * EVENTS as usize);
    let views = archives.views();
    let mut players = Projection::<Tabled, true>::default();
    let meta = EventMeta {
        partition: 0,
        sequence: 1,
        journal_time_ns: 0,
        event_time_ms: 0,
        key: 1,
        source: None,
    };
    let (applied, _) = views.split_at(count as usize);
    for coming in applied.chunks(64) {
        players.prefetch(coming);
        for view in coming {
            players.apply(player_view(view), &meta);
        }
    }
    black_box(&players);
}

/// An advance that nobody waits for.
fn watermark(count: u64) {
    let watermark = Watermark::new(0);
    for value in 1..=count {
        black_box(watermark.advance(black_box(value)));
    }
}
