//! The state is told of the events that are coming, live and in replay, and then gets just those.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's, and helpers of tests are tests, which clippy cannot see"
)]

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;

use ringlog::{EventMeta, OpenError, Pipeline, Poison, ReceiptError, State};
use support::{CounterEvent, CounterView, added, exploded, noted};

/// Checks that `apply` gets what `prefetch` was told of, in order and each once.
#[derive(Debug, Default)]
struct Told {
    coming: RefCell<VecDeque<u64>>,
    most_at_once: RefCell<usize>,
    applied: u64,
    /// Whether `Exploded` panics in `prefetch`.
    explodes: bool,
}

fn number(event: &CounterView<'_>) -> u64 {
    match event {
        CounterView::Added(added) => added.amount.to_native(),
        CounterView::Noted(noted) => noted.text.len() as u64,
        CounterView::Exploded(_) => 0,
    }
}

impl State for Told {
    type Event = CounterEvent;

    fn prefetch(&self, coming: &[CounterView<'_>]) {
        for event in coming {
            let explodes = self.explodes && matches!(event, CounterView::Exploded(_));
            assert!(!explodes, "prefetch exploded");
        }
        self.coming.borrow_mut().extend(coming.iter().map(number));
        let mut most = self.most_at_once.borrow_mut();
        *most = coming.len().max(*most);
    }

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) {
        assert_eq!(
            self.coming.borrow_mut().pop_front(),
            Some(number(&event)),
            "at sequence {}",
            meta.sequence
        );
        self.applied += 1;
    }
}

fn open(path: &std::path::Path, explodes: bool) -> Result<Pipeline<Told>, OpenError> {
    Pipeline::<Told>::builder(path).open(move |_| Told {
        explodes,
        ..Told::default()
    })
}

#[test]
fn the_state_is_told_of_each_event_once_and_in_order_before_it_is_applied() {
    const EVENTS: u64 = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let check = |pipeline: &Pipeline<Told>| {
        pipeline
            .read(1, |told| {
                assert_eq!(told.applied, EVENTS);
                assert_eq!(told.coming.borrow().len(), 0);
                *told.most_at_once.borrow()
            })
            .unwrap()
    };
    let pipeline = open(directory.path(), false).unwrap();
    let publisher = pipeline.publisher();
    for index in 1..=EVENTS {
        let event = if index % 7 == 0 {
            noted(1, "x".repeat(index as usize % 1_000))
        } else {
            added(1, index)
        };
        publisher.publish(&event).unwrap();
    }
    check(&pipeline);
    pipeline.close().unwrap();
    let most_at_once = check(&open(directory.path(), false).unwrap());
    assert!(
        most_at_once > 1,
        "one by one nothing can be fetched at once"
    );
}

#[test]
fn a_panic_in_prefetch_counts_as_one_of_apply_live_and_in_replay() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), true).unwrap();
    let publisher = pipeline.publisher();
    for amount in 1..=100 {
        publisher
            .publish(&added(1, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    let error = publisher.publish(&exploded(1)).unwrap().wait().unwrap_err();
    let ReceiptError::Poisoned(Poison::ApplyPanicked {
        sequence, message, ..
    }) = error
    else {
        panic!("{error}")
    };
    assert_eq!((sequence, &*message), (101, "prefetch exploded"));
    assert!(pipeline.close().is_err());

    // What precedes it is there, and mended code gets on with it.
    let pipeline = open(directory.path(), false).unwrap();
    let publisher = pipeline.publisher();
    publisher.publish(&exploded(1)).unwrap().wait().unwrap();
    assert_eq!(pipeline.read(1, |told| told.applied).unwrap(), 101);
    pipeline.close().unwrap();
    let error = open(directory.path(), true).unwrap_err();
    let OpenError::ApplyPanicked { message, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(message, "prefetch exploded");
}
