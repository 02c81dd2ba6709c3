//! In steady state an event takes no memory: not on the publisher's thread, not on the partition's,
//! not on the journal's.
#![allow(
    unsafe_code,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "an allocator is unsafe to implement; the doors are the library's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ringlog::source::Source;
use ringlog::{
    Client, Command, CommandSource, Decider, Durability, EventMeta, Events, Pipeline, Publisher,
    State, events, rkyv,
};

/// Counts what all threads of the process ask for.
struct Counting;

static ALLOCATIONS_COUNT: AtomicU64 = AtomicU64::new(0);
/// The tests take turns: they count the same allocations.
static TURN: Mutex<()> = Mutex::new(());

fn count() {
    ALLOCATIONS_COUNT.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often any thread asked for memory while `work` ran.
fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS_COUNT.load(Ordering::SeqCst);
    work();
    ALLOCATIONS_COUNT.load(Ordering::SeqCst) - before
}

/// Adds to a counter; the payload makes the event longer than a slot of the ring.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Added {
    counter: u64,
    amount: u64,
    payload: [u64; 16],
}

events! {
    #[derive(Debug)]
    enum CounterEvent, view CounterView {
        Added(Added) = 1, "counter.added", version 1, key counter;
    }
}

const HUNGRY: u64 = 1_000;

/// Takes no memory, except for the counter `HUNGRY`.
#[derive(Debug, Default)]
struct Sums {
    sums: [u64; 8],
}

impl State for Sums {
    type Event = CounterEvent;

    fn apply(&mut self, CounterView::Added(added): CounterView<'_>, _: &EventMeta) {
        if added.counter == HUNGRY {
            std::hint::black_box(Box::new(added.amount.to_native()));
        }
        let sum = &mut self.sums[(added.counter.to_native() % 8) as usize];
        *sum += added.amount.to_native();
    }
}

#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Add {
    counter: u64,
    amount: u64,
}

impl Command for Add {
    fn key(&self) -> u64 {
        self.counter
    }
}

impl Decider for Sums {
    type Command = Add;
    type Reply = [u64; 12];
    type Rejection = u64;

    fn decide(
        &self,
        add: &ArchivedAdd,
        events: &mut Events<CounterEvent>,
    ) -> Result<[u64; 12], u64> {
        let (counter, amount) = (add.counter.to_native(), add.amount.to_native());
        if amount.is_multiple_of(3) {
            return Err(amount);
        }
        events.push(Added {
            counter,
            amount,
            payload: [amount; 16],
        });
        Ok([amount; 12])
    }
}

fn added(counter: u64, amount: u64) -> CounterEvent {
    Added {
        counter,
        amount,
        payload: [amount; 16],
    }
    .into()
}

fn open(directory: &Path, durability: Durability) -> Pipeline<Sums> {
    Pipeline::<Sums>::builder(directory)
        .partitions(2)
        .durability(durability)
        .open(|_| Sums::default())
        .unwrap()
}

/// Events that are published in one way before it is another one's turn: more than the engine hands to
/// the ring at once.
const TURN_EVENTS: u64 = 100;

/// Publishes numbered events, in turns one by one, through the source, and as a batch; returns when
/// all are settled. It does not wait on receipts: a waiter takes memory for its place in the queue.
fn publish_in_every_way(
    numbers: RangeInclusive<u64>,
    publisher: &Publisher<CounterEvent>,
    source: &Source<CounterEvent>,
) {
    let mut last = [None, None];
    let mut last_batch = None;
    let event_of = |number: u64| added(number / 2 % 64, number);
    let mut first = *numbers.start();
    while numbers.contains(&first) {
        let end = (first + TURN_EVENTS - 1).min(*numbers.end());
        let turn = first..=end;
        first = end + 1;
        let publish_one = |number| match end / TURN_EVENTS % 3 {
            0 => publisher.publish(&event_of(number)).unwrap(),
            _ => source.publish(number, &event_of(number)).unwrap(),
        };
        if end / TURN_EVENTS % 3 == 2 {
            last_batch = Some(publisher.publish_all(turn.map(event_of)).unwrap());
            continue;
        }
        for receipt in turn.map(publish_one) {
            let partition = receipt.partition() as usize;
            last[partition] = Some(receipt);
        }
    }
    for receipt in last.into_iter().flatten() {
        while !receipt.is_durable().unwrap() {
            std::thread::yield_now();
        }
    }
    if let Some(receipt) = last_batch {
        while !receipt.is_durable().unwrap() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_event_takes_no_memory_from_publish_to_durable() {
    const WARM_UP_EVENTS: u64 = 50_000;
    const EVENTS: u64 = 100_000;
    /// A window in which a segment is rolled takes some memory: a file has a name. Segments double, so
    /// that soon a window goes by without. One allocation in a hundred thousand events would still be
    /// in every window.
    const WINDOWS: u64 = 8;
    /// Two rolls in each of two partitions, and the files prepared for the next ones.
    const ROLLS_ALLOCATIONS_MAX: u64 = 100;

    let _turn = TURN.lock().unwrap();
    for durability in [Durability::Memory, Durability::OsBuffer, Durability::Sync] {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = open(&directory.path().join("journal"), durability);
        let publisher = pipeline.publisher();
        let source = pipeline.source("feed").unwrap();
        publish_in_every_way(1..=WARM_UP_EVENTS, &publisher, &source);
        let mut counted = Vec::new();
        for window in 0..WINDOWS {
            let first = WARM_UP_EVENTS + window * EVENTS + 1;
            let numbers = first..=first + EVENTS - 1;
            counted.push(allocations_of(|| {
                publish_in_every_way(numbers, &publisher, &source);
            }));
            if counted.last() == Some(&0) {
                break;
            }
        }
        println!("{durability:?}: allocations by {EVENTS} events: {counted:?}");
        assert_eq!(counted.last(), Some(&0), "{durability:?}: {counted:?}");
        assert!(
            counted.iter().all(|count| *count <= ROLLS_ALLOCATIONS_MAX),
            "{durability:?}: {counted:?}"
        );
        pipeline.close().unwrap();
    }
}

#[test]
fn one_event_that_takes_memory_is_seen() {
    let _turn = TURN.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(&directory.path().join("journal"), Durability::Memory);
    let (publisher, source) = (pipeline.publisher(), pipeline.source("feed").unwrap());
    publish_in_every_way(1..=20_000, &publisher, &source);
    let windows: Vec<u64> = (1..=8)
        .map(|window| {
            let first = window * 20_000 + 1;
            allocations_of(|| {
                publisher.publish(&added(HUNGRY, 1)).unwrap();
                publish_in_every_way(first..=first + 19_999, &publisher, &source);
            })
        })
        .collect();
    // What only happens once, such as a queue that was never so long, is in a window or two.
    assert_eq!(windows.iter().min(), Some(&1), "{windows:?}");
}

/// Sends numbered commands, in turns with and without an id, and takes all answers; none is waited for.
fn decide_in_every_way(
    numbers: RangeInclusive<u64>,
    client: &Client<Sums>,
    source: &CommandSource<Sums>,
) {
    const PENDING_MAX: usize = 2_000;
    let mut pending = std::collections::VecDeque::with_capacity(PENDING_MAX);
    let take = |mut oldest: ringlog::Pending<'_, _>| {
        while oldest.try_take().is_none_or(|answered| answered.is_err()) {
            std::thread::yield_now();
        }
    };
    for number in numbers {
        if pending.len() == PENDING_MAX {
            pending.drain(..PENDING_MAX / 2).for_each(take);
        }
        let command = Add {
            counter: number / 2 % 64,
            amount: number,
        };
        pending.push_back(match number % 2 {
            0 => client.send(&command).unwrap(),
            _ => source.send(number, &command).unwrap(),
        });
    }
    pending.into_iter().for_each(take);
}

#[test]
fn a_command_takes_no_memory_from_send_to_answer_with_and_without_an_id() {
    /// The window over the source's outcomes is full then, in both partitions.
    const WARM_UP: u64 = 60_000;
    const COMMANDS: u64 = 50_000;
    const WINDOWS: u64 = 8;

    let _turn = TURN.lock().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(&directory.path().join("journal"), Durability::Sync);
    let (client, source) = (
        pipeline.client().unwrap(),
        pipeline.command_source("till").unwrap(),
    );
    decide_in_every_way(1..=WARM_UP, &client, &source);
    let mut counted = Vec::new();
    for window in 0..WINDOWS {
        let first = WARM_UP + window * COMMANDS + 1;
        counted.push(allocations_of(|| {
            decide_in_every_way(first..=first + COMMANDS - 1, &client, &source);
        }));
        // The queue of what is pending is the test's own.
        if counted.last() == Some(&1) {
            break;
        }
    }
    assert_eq!(counted.last(), Some(&1), "{counted:?}");
    pipeline.close().unwrap();
}
