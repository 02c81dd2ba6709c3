//! Making up an event, archiving it, and applying it to a player who is known already: none of it
//! touches the heap.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "an allocator is unsafe to implement; helpers of tests are tests, which clippy cannot see"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ringlog::game::GameEvent;
use ringlog::{Archiver, Event, State, event};
use ringlog_cli::{Domain, Game, Synthetic};

thread_local! {
    static ALLOCATIONS_COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter has no destructor and
// allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS_COUNT.set(ALLOCATIONS_COUNT.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `work` asked for memory.
fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS_COUNT.get();
    work();
    ALLOCATIONS_COUNT.get() - before
}

#[test]
fn the_hot_path_allocates_nothing() {
    const EVENTS_COUNT: usize = 100_000;
    let mut archiver = Archiver::default();
    let mut arena = Game::state(0);
    let mut run = || {
        // The same events each time, so that the second run meets only known players and items.
        let mut traffic = Game::traffic(1, 0);
        allocations_of(|| {
            for _ in 0..EVENTS_COUNT {
                let event = traffic();
                let meta = support::meta(&event, 1);
                let event_type = event.event_type();
                let bytes = event::to_archive(&event, &mut archiver).unwrap();
                let view = GameEvent::view(event_type.kind, event_type.version, bytes).unwrap();
                arena.apply(view, &meta);
            }
        })
    };
    // The canary: players and items take memory the first time, and this sees it.
    assert!(run() > 1_000);
    assert_eq!(run(), 0);
}
