//! Every contender, and what it needs.

use std::cell::{OnceCell, RefCell};
use std::iter::RepeatWith;
use std::rc::Rc;

use anyhow::Result;
use ringlog::State;

use super::contender::{Bench, Contender};
use super::device::{Appending, BesideZeroing, Hop, Overwriting};
use super::durable::{Burst, Endless, Idle, SharedLane, busy_loops};
use super::glued::{BesideBusyLoops, Crowd, Hops, Rivals};
use super::lane::Lane;
use super::memory::InMemory;
use super::open_loop::{Applied, LoneAcks, OfferedLoad};
use super::players::{Players, Sum};
use super::publish::Manner;
use super::replay::Replay;
use super::workload::{MATCH_FRAME_BYTES, Match, SAMPLE_FRAME_BYTES, Samples};
use crate::Synthetic;

/// A contender before it is set up.
pub(super) struct Entry<D: Synthetic> {
    /// Its figures start with this name.
    pub(super) name: String,
    /// Whether it means anything only where writes are durable.
    pub(super) is_durable: bool,
    /// CPUs without which it cannot be measured.
    pub(super) cpus: usize,
    make: Box<SetUp<D>>,
}

type SetUp<D> = dyn Fn(&Bench, &Lanes<D>) -> Result<Box<dyn Contender>>;

impl<D: Synthetic> Entry<D> {
    pub(super) fn set_up(&self, bench: &Bench, lanes: &Lanes<D>) -> Result<Box<dyn Contender>> {
        (self.make)(bench, lanes)
    }

    fn new<C: Contender + 'static>(
        name: impl Into<String>,
        is_durable: bool,
        cpus: usize,
        make: impl Fn(&Bench, &Lanes<D>) -> Result<C> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            is_durable,
            cpus,
            make: Box::new(move |bench, lanes| Ok(Box::new(make(bench, lanes)?))),
        }
    }
}

/// The journals that contenders share, opened when the first of them needs it.
pub(super) struct Lanes<D: Synthetic> {
    players: OnceCell<SharedLane<Players>>,
    two_partitions: OnceCell<SharedLane<Players>>,
    four_partitions: OnceCell<SharedLane<Players>>,
    eight_partitions: OnceCell<SharedLane<Players>>,
    sum: OnceCell<SharedLane<Sum>>,
    domain: OnceCell<SharedLane<D::State>>,
}

impl<D: Synthetic> Default for Lanes<D> {
    fn default() -> Self {
        Self {
            players: OnceCell::new(),
            two_partitions: OnceCell::new(),
            four_partitions: OnceCell::new(),
            eight_partitions: OnceCell::new(),
            sum: OnceCell::new(),
            domain: OnceCell::new(),
        }
    }
}

fn lane<S: State>(
    cell: &OnceCell<SharedLane<S>>,
    bench: &Bench,
    name: &str,
    partitions: u32,
    make: fn(u32) -> S,
) -> SharedLane<S> {
    let open = || {
        let share = bench.sizes.segment_bytes / u64::from(partitions);
        // Whole MiB, as the engine wants them.
        let segment_bytes = (share >> 20).max(1) << 20;
        let lane = Lane::new(bench.path(name), partitions, segment_bytes, make);
        Rc::new(RefCell::new(lane))
    };
    Rc::clone(cell.get_or_init(open))
}

/// The game's events with numeric ids.
pub(super) fn match_events(seed: u64, publisher: u64) -> Match {
    Match::new(seed.wrapping_mul(1_000_003) ^ publisher)
}

fn sample_events(seed: u64, publisher: u64) -> Samples {
    Samples::new(seed.wrapping_mul(1_000_003) ^ publisher)
}

/// The domain's own events, with their strings.
fn domain_events<D: Synthetic>(seed: u64, publisher: u64) -> RepeatWith<D::Traffic> {
    std::iter::repeat_with(D::traffic(seed, publisher % 1_000))
}

fn sum(_partition: u32) -> Sum {
    Sum::default()
}

/// Frames of the domain's events are about as long; only how many are published hangs on it.
const DOMAIN_FRAME_BYTES: u64 = 128;

/// All contenders, in the order in which they take their turns in a round.
pub(super) fn entries<D: Synthetic>() -> Vec<Entry<D>> {
    let mut entries = vec![
        Entry::new("cores", false, 2, |_, _| Ok(Hop)),
        Entry::new("device", true, 1, |bench, _| {
            Overwriting::new(bench, "device")
        }),
        burst("arena", 1, Manner::InBatches, 0, 1.0),
        Entry::new("rival", true, 1, |bench, _| Rivals::new(bench)),
        Entry::new("trivial", true, 1, |bench, lanes: &Lanes<D>| {
            Ok(Burst {
                name: "trivial".into(),
                lane: lane(&lanes.sum, bench, "trivial", 1, sum),
                events: sample_events,
                frame_bytes: SAMPLE_FRAME_BYTES,
                publishers: 1,
                manner: Manner::InBatches,
                busy_loops: 0,
                share: 1.0,
            })
        }),
        Entry::new("envelope", true, 1, |bench, lanes: &Lanes<D>| {
            Ok(Burst {
                name: "envelope".into(),
                lane: lane(&lanes.domain, bench, "envelope", 1, D::state),
                events: domain_events::<D>,
                frame_bytes: DOMAIN_FRAME_BYTES,
                publishers: 1,
                manner: Manner::InBatches,
                busy_loops: 0,
                share: 1.0,
            })
        }),
        burst("one-by-one", 1, Manner::OneByOne, 0, 1.0),
        burst("two-publishers", 2, Manner::InBatches, 0, 1.0),
        crowded("four-to-two", 4),
        Entry::new("crowd", true, 1, |bench, _| Crowd::new(bench)),
        Entry::new("memory", false, 1, |bench, _| {
            InMemory::new(bench, "memory", Players::new, match_events)
        }),
        Entry::new("memory-trivial", false, 1, |bench, _| {
            InMemory::new(bench, "memory-trivial", sum, sample_events)
        }),
        Entry::new("hop", false, 2, |_, _| Ok(Hops)),
        Entry::new("endless", true, 1, |_, _| {
            Ok(Endless {
                events: match_events,
                frame_bytes: MATCH_FRAME_BYTES,
                make: Players::new,
            })
        }),
        Entry::new("zeroing", true, 1, |bench, _| {
            Ok(BesideZeroing(Overwriting::new(bench, "beside-zeroing")?))
        }),
        Entry::new("appending", true, 1, |_, _| Ok(Appending)),
        burst("busy", 1, Manner::InBatches, busy_loops(), 0.25),
        Entry::new("busy-rival", true, 1, |bench, _| {
            Ok(BesideBusyLoops(Rivals::new(bench)?))
        }),
        Entry::new("lone-ack", true, 1, |bench, _| LoneAcks::new(bench)),
        Entry::new("load", true, 2, |bench, lanes: &Lanes<D>| {
            let lane = lane(&lanes.players, bench, "players", 1, Players::new);
            OfferedLoad::new(bench, lane)
        }),
        Entry::new("applied", false, 2, |bench, _| Applied::new(bench)),
        Entry::new("replay", true, 1, |bench, _| Replay::new(bench)),
        Entry::new("idle", true, 1, |_, _| Ok(Idle { make: Players::new })),
    ];
    for (publishers, partitions) in scaled() {
        entries.push(scaling(publishers, partitions));
    }
    entries
}

/// Which numbers of publishers and partitions are compared: up to twice as many threads as CPUs.
pub(super) fn scaled() -> Vec<(u64, u32)> {
    let cpus = super::threads::cpus().len() as u64;
    let mut pairs = Vec::new();
    for partitions in [1, 2, 4, 8] {
        for publishers in [1, 2, 4, 8] {
            let is_small = publishers <= 4 && partitions <= 2;
            if is_small || publishers + u64::from(partitions) <= 2 * cpus {
                pairs.push((publishers, partitions));
            }
        }
    }
    pairs
}

/// The name of a pair's figure.
pub(super) fn scaling_name(publishers: u64, partitions: u32) -> String {
    format!("scaling-{publishers}-to-{partitions}")
}

fn burst<D: Synthetic>(
    name: &'static str,
    publishers: u64,
    manner: Manner,
    busy_loops: usize,
    share: f64,
) -> Entry<D> {
    Entry::new(name, true, 1, move |bench, lanes: &Lanes<D>| {
        Ok(Burst {
            name: name.into(),
            lane: lane(&lanes.players, bench, "players", 1, Players::new),
            events: match_events,
            frame_bytes: MATCH_FRAME_BYTES,
            publishers,
            manner,
            busy_loops,
            share,
        })
    })
}

fn crowded<D: Synthetic>(name: &'static str, publishers: u64) -> Entry<D> {
    Entry::new(name, true, 1, move |bench, lanes: &Lanes<D>| {
        Ok(Burst {
            name: name.into(),
            lane: lane(&lanes.two_partitions, bench, "two", 2, Players::new),
            events: match_events,
            frame_bytes: MATCH_FRAME_BYTES,
            publishers,
            manner: Manner::InBatches,
            busy_loops: 0,
            share: 1.0,
        })
    })
}

/// A quarter of a burst each: there are many of them.
fn scaling<D: Synthetic>(publishers: u64, partitions: u32) -> Entry<D> {
    let name = scaling_name(publishers, partitions);
    Entry::new(name.clone(), true, 1, move |bench, lanes: &Lanes<D>| {
        let lane = match partitions {
            1 => lane(&lanes.players, bench, "players", 1, Players::new),
            2 => lane(&lanes.two_partitions, bench, "two", 2, Players::new),
            4 => lane(&lanes.four_partitions, bench, "four", 4, Players::new),
            _ => lane(
                &lanes.eight_partitions,
                bench,
                "eight",
                partitions,
                Players::new,
            ),
        };
        Ok(Burst {
            name: name.clone(),
            lane,
            events: match_events,
            frame_bytes: MATCH_FRAME_BYTES,
            publishers,
            manner: Manner::InBatches,
            busy_loops: 0,
            share: 0.25,
        })
    })
}
