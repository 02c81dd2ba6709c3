//! Whole pipelines, through the public API: publishers, the ring, the partition thread, receipts,
//! reads and the close, without a journal.

use loom::thread;
use ringlog::{
    CloseError, Durability, EventMeta, Pipeline, PublishError, ReadStateError, Receipt,
    ReceiptError, State, events, rkyv,
};
use ringlog_loom_tests::{Preemptions, explore, explore_outcomes};

/// A number, to be remembered.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Number {
    number: u64,
}

/// Makes `apply` panic.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Explosion {
    number: u64,
}

/// Takes more than half of the ring.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Long {
    number: u64,
    ballast: Vec<u8>,
}

events! {
    /// What happens here.
    #[derive(Debug)]
    enum Happening, view HappeningView {
        Number(Number) = 1, "number", version 1, key number;
        Explosion(Explosion) = 2, "explosion", version 1, key number;
        Long(Long) = 3, "long", version 1, key number;
    }
}

#[derive(Debug, Default)]
struct Numbers(Vec<u64>);

impl State for Numbers {
    type Event = Happening;

    fn apply(&mut self, event: HappeningView<'_>, _meta: &EventMeta) {
        match event {
            HappeningView::Number(number) => self.0.push(number.number.to_native()),
            HappeningView::Long(long) => self.0.push(long.number.to_native()),
            // Without the panic hook, which would print one of these an execution.
            HappeningView::Explosion(_) => std::panic::resume_unwind(Box::new("as it is to")),
        }
    }
}

fn number(number: u64) -> Happening {
    Number { number }.into()
}

fn explosion() -> Happening {
    Explosion { number: 1 }.into()
}

fn long(number: u64) -> Happening {
    let ballast = vec![0; 5000];
    Long { number, ballast }.into()
}

fn open() -> Pipeline<Numbers> {
    Pipeline::<Numbers>::builder("nowhere")
        .durability(Durability::Memory)
        .pin_threads(false)
        .open(|_| Numbers::default())
        .unwrap()
}

/// Has `apply` panic, now or later.
fn explode(pipeline: &Pipeline<Numbers>) {
    let publisher = pipeline.publisher();
    publisher.publish(&explosion()).map(drop).unwrap();
}

/// Closes a pipeline where the close is not what is explored.
fn end(pipeline: Pipeline<Numbers>) {
    loom::skip_branch();
    drop(pipeline);
}

#[test]
fn a_receipt_is_answered_once_its_event_was_applied() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        let receipt = publisher.publish(&number(7)).unwrap();
        receipt.wait().unwrap();
        assert_eq!(pipeline.stats()[0].applied_sequence, 1);
        assert_eq!(pipeline.close().unwrap().events(), 1);
    });
}

#[test]
fn a_read_sees_what_this_thread_published_before() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        pipeline.publisher().publish(&number(1)).unwrap();
        let seen = pipeline.read(1, |numbers| numbers.0.clone());
        assert_eq!(seen.unwrap(), [1]);
        end(pipeline);
    });
}

#[test]
fn whatever_was_taken_before_the_close_is_handled_and_everything_later_is_refused() {
    let taken = [[false, false], [true, false], [true, true]];
    explore_outcomes(Preemptions::Three, taken, || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        let thread = thread::spawn(move || {
            let taken = [1, 2].map(|of| match publisher.publish(&number(of)) {
                Ok(receipt) => {
                    receipt.wait().expect("what was taken is handled");
                    true
                }
                Err(PublishError::Closed) => false,
                Err(error) => panic!("{error}"),
            });
            // The publisher lives on, and the threads end all the same.
            (taken, publisher)
        });
        let report = pipeline.close().unwrap();
        let (taken, publisher) = thread.join().unwrap();
        let count = taken.iter().filter(|is_taken| **is_taken).count();
        assert_eq!(report.events(), count as u64);
        let refused = publisher.publish(&number(3)).map(drop);
        assert!(matches!(refused, Err(PublishError::Closed)), "{refused:?}");
        taken
    });
}

#[test]
fn a_publisher_that_waits_for_room_goes_on_once_there_is_some() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        publisher.publish(&long(1)).map(drop).unwrap();
        publisher.publish(&long(2)).map(drop).unwrap();
        assert_eq!(pipeline.close().unwrap().events(), 2);
    });
}

#[test]
fn a_publisher_that_waits_for_room_beside_the_close_goes_on_or_is_told() {
    explore_outcomes(
        Preemptions::Three,
        [[false, false], [true, false], [true, true]],
        || {
            let pipeline = open();
            let publisher = pipeline.publisher();
            let thread = thread::spawn(move || {
                [1, 2].map(|of| match publisher.publish(&long(of)).map(drop) {
                    Ok(()) => true,
                    Err(PublishError::Closed) => false,
                    Err(error) => panic!("{error}"),
                })
            });
            let report = pipeline.close().unwrap();
            let taken = thread.join().unwrap();
            let count = taken.iter().filter(|is_taken| **is_taken).count();
            assert_eq!(report.events(), count as u64);
            taken
        },
    );
}

#[test]
fn publishers_may_be_cloned_and_dropped_beside_the_close() {
    explore_outcomes(Preemptions::Three, [0, 1], || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        let thread = thread::spawn(move || {
            let clone = publisher.clone();
            drop(publisher);
            match clone.publish(&number(1)).map(drop) {
                Ok(()) => true,
                Err(PublishError::Closed) => false,
                Err(error) => panic!("{error}"),
            }
        });
        let report = pipeline.close().unwrap();
        assert_eq!(report.events(), u64::from(thread.join().unwrap()));
        report.events()
    });
}

#[test]
fn a_panic_in_apply_fails_its_event_and_nothing_in_front_of_it() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        let before = publisher.publish(&number(1)).unwrap();
        let exploded = publisher.publish(&explosion()).map(Receipt::wait);
        assert!(
            matches!(exploded, Ok(Err(ReceiptError::Poisoned(_)))),
            "{exploded:?}"
        );
        before.wait().unwrap();
        let after = publisher.publish(&number(2)).map(drop);
        assert!(matches!(after, Err(PublishError::Poisoned(_))), "{after:?}");
        end(pipeline);
    });
}

#[test]
fn what_is_published_behind_a_panic_in_apply_is_refused_or_fails() {
    explore_outcomes(Preemptions::Three, ["fails", "refused"], || {
        let pipeline = open();
        let publisher = pipeline.publisher();
        publisher.publish(&explosion()).map(drop).unwrap();
        let answer = match publisher.publish(&number(1)).map(Receipt::wait) {
            Ok(Err(ReceiptError::Poisoned(_))) => "fails",
            Err(PublishError::Poisoned(_)) => "refused",
            answer => panic!("{answer:?}"),
        };
        end(pipeline);
        answer
    });
}

#[test]
fn a_panic_in_apply_turns_a_reader_away_who_would_wait_for_ever() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        explode(&pipeline);
        let read = pipeline.read(1, |numbers| numbers.0.len());
        assert!(matches!(read, Err(ReadStateError::Poisoned(_))), "{read:?}");
        end(pipeline);
    });
}

#[test]
fn a_pipeline_whose_apply_panicked_closes_and_says_so() {
    explore(Preemptions::Three, || {
        let pipeline = open();
        explode(&pipeline);
        let closed = pipeline.close();
        assert!(
            matches!(closed, Err(CloseError::Poisoned { .. })),
            "{closed:?}"
        );
    });
}
