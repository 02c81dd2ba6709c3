//! A partition that cannot go on: what precedes the cause is kept, everybody is told, nobody hangs.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use ringlog::{CloseError, Pipeline, Poison, PublishError, ReadStateError, ReceiptError};
use support::{Counters, added, counter_in, exploded, open, states};

#[test]
fn a_panicking_apply_poisons_its_partition_only_and_loses_nothing_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    let (bad, good) = (counter_in(0, 2), counter_in(1, 2));
    let before: Vec<_> = (1..=100)
        .map(|amount| publisher.publish(&added(bad, amount)).unwrap())
        .collect();
    let at = publisher.publish(&exploded(bad)).unwrap();
    let after = publisher.publish(&added(bad, 101));
    for receipt in before {
        receipt.wait().unwrap();
    }
    let error = at.wait().unwrap_err();
    let ReceiptError::Poisoned(Poison::ApplyPanicked {
        partition,
        sequence,
        message,
        ..
    }) = error
    else {
        panic!("{error}")
    };
    assert_eq!((partition, sequence, &*message), (0, 101, "apply exploded"));
    if let Ok(receipt) = after {
        assert!(receipt.wait().is_err());
    }
    // From now on the publisher is told at once; the other partition goes on.
    let error = publisher.publish(&added(bad, 1)).unwrap_err();
    assert!(
        matches!(error, PublishError::Poisoned(Poison::ApplyPanicked { .. })),
        "{error}"
    );
    let error = pipeline.read_applied(bad, |_| ()).unwrap_err();
    assert!(matches!(error, ReadStateError::Poisoned(_)), "{error}");
    publisher.publish(&added(good, 1)).unwrap().wait().unwrap();
    let Err(CloseError::Poisoned { poisons, report }) = pipeline.close() else {
        panic!("close reports the poison")
    };
    assert_eq!(poisons.len(), 1);
    assert_eq!(report.partitions[0].events, 100);
    assert_eq!(report.partitions[1].events, 1);

    // The directory stays openable, with the broken code and with mended code.
    let pipeline = open(directory.path(), 2);
    assert_eq!(states(&pipeline)[0].sequences.len(), 100);
}

#[test]
fn a_panic_in_replay_names_the_sequence_and_mended_code_opens_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mended = || {
        Pipeline::<Counters>::builder(directory.path()).open(|_| Counters {
            is_mended: true,
            ..Counters::default()
        })
    };
    let pipeline = mended().unwrap();
    let publisher = pipeline.publisher();
    for _ in 0..7 {
        publisher.publish(&added(1, 1)).unwrap();
    }
    publisher.publish(&exploded(1)).unwrap();
    pipeline.close().unwrap();
    let error = Pipeline::<Counters>::builder(directory.path())
        .open(|_| Counters::default())
        .unwrap_err();
    assert!(
        matches!(
            error,
            ringlog::OpenError::ApplyPanicked {
                partition: 0,
                sequence: 8,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        mended()
            .unwrap()
            .read(1, |state| state.sequences.len())
            .unwrap(),
        8
    );
}

#[test]
fn a_panic_far_into_a_group_is_named_by_its_own_sequence_in_replay() {
    for before in [63, 64, 65, 127, 128, 1_000] {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = Pipeline::<Counters>::builder(directory.path())
            .open(|_| Counters {
                is_mended: true,
                ..Counters::default()
            })
            .unwrap();
        let publisher = pipeline.publisher();
        for _ in 0..before {
            publisher.publish(&added(1, 1)).unwrap();
        }
        publisher.publish(&exploded(1)).unwrap();
        for _ in 0..100 {
            publisher.publish(&added(1, 1)).unwrap();
        }
        pipeline.close().unwrap();
        let error = Pipeline::<Counters>::builder(directory.path())
            .open(|_| Counters::default())
            .unwrap_err();
        let ringlog::OpenError::ApplyPanicked { sequence, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(sequence, before + 1);
    }
}

#[test]
fn publishers_that_wait_for_room_are_released_by_the_poison() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publishers: Vec<_> = (0..4)
        .map(|index| {
            let publisher = pipeline.publisher();
            std::thread::spawn(move || {
                for round in 0.. {
                    let event = if index == 0 && round == 5_000 {
                        exploded(1)
                    } else {
                        added(1, 1)
                    };
                    if let Err(error) = publisher.publish(&event) {
                        return error;
                    }
                }
                unreachable!()
            })
        })
        .collect();
    for publisher in publishers {
        let error = publisher.join().unwrap();
        assert!(matches!(error, PublishError::Poisoned(_)), "{error}");
    }
    assert!(pipeline.close().is_err());
}

#[test]
fn a_panicking_read_goes_on_in_the_reader_and_harms_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let read = std::panic::AssertUnwindSafe(|| pipeline.read(1, |_| panic!("a reader's panic")));
    assert!(std::panic::catch_unwind(read).is_err());
    pipeline
        .publisher()
        .publish(&added(1, 1))
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(pipeline.read(1, |state| state.totals[&1]).unwrap(), 1);
    pipeline.close().unwrap();
}

#[test]
fn calls_from_inside_a_callback_are_refused_instead_of_hanging() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let publisher = pipeline.publisher();
    let receipt = publisher.publish(&added(1, 1)).unwrap().detach();
    let inside = publisher.clone();
    pipeline
        .read(1, move |_| {
            let error = inside.publish(&added(1, 1)).unwrap_err();
            assert!(matches!(error, PublishError::WouldDeadlock), "{error}");
            let error = receipt.wait().unwrap_err();
            assert!(matches!(error, ReceiptError::WouldDeadlock), "{error}");
        })
        .unwrap();
    let error = pipeline
        .read(1, |_| pipeline.read(1, |_| ()).unwrap_err())
        .unwrap();
    assert!(matches!(error, ReadStateError::WouldDeadlock), "{error}");
}

#[test]
fn a_pipeline_closed_or_dropped_inside_a_callback_does_not_hang() {
    for drop_it in [false, true] {
        let (outer_directory, inner_directory) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let outer = open(outer_directory.path(), 1);
        let inner = open(inner_directory.path(), 1);
        outer
            .read(1, move |_| {
                if drop_it {
                    drop(inner);
                } else {
                    let error = inner.close().unwrap_err();
                    assert!(matches!(error, CloseError::WouldDeadlock), "{error}");
                }
            })
            .unwrap();
        // It closes in the background: the lock comes free.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while Pipeline::<Counters>::builder(inner_directory.path())
            .open(|_| Counters::default())
            .is_err()
        {
            assert!(
                std::time::Instant::now() < deadline,
                "the lock never came free"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

#[test]
fn a_source_that_waits_for_a_busy_partition_holds_up_no_callback() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let options = ringlog::source::ContiguousOptions::default();
    let source = pipeline.contiguous_source("feed", options).unwrap();
    std::thread::scope(|scope| {
        let (source, pipeline) = (&source, &pipeline);
        let (entered, is_inside) = std::sync::mpsc::channel();
        let visitor = scope.spawn(move || {
            pipeline.read(1, |_| {
                entered.send(()).unwrap();
                // The ring fills meanwhile, and the feeder waits in it with the source's lock.
                std::thread::sleep(std::time::Duration::from_millis(200));
                let error = pipeline.source("other").unwrap_err();
                assert!(error.to_string().contains("deadlock"), "{error}");
                source.stats().next_number
            })
        });
        is_inside.recv().unwrap();
        for number in 1..=10_000 {
            drop(source.publish(number, &added(1, number)).unwrap());
        }
        assert!(visitor.join().unwrap().unwrap() > 1);
    });
}

#[test]
fn a_waker_may_use_the_source_that_it_waits_for_and_close_the_pipeline() {
    use std::future::Future;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Wake, Waker};

    struct Closes(
        Mutex<Option<Pipeline<Counters>>>,
        Arc<Mutex<Option<Source>>>,
    );
    type Source = ringlog::source::ContiguousSource<support::CounterEvent>;
    impl Wake for Closes {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            drop(self.1.lock().unwrap().take());
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let options = ringlog::source::ContiguousOptions::default();
    let source = pipeline.contiguous_source("feed", options).unwrap();
    let mut held = std::pin::pin!(source.publish(2, &added(1, 2)).unwrap());
    let dropped = Arc::new(Mutex::new(None));
    let waker = Waker::from(Arc::new(Closes(
        Mutex::new(Some(pipeline)),
        Arc::clone(&dropped),
    )));
    assert!(
        held.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    // The waker runs in here, closes the pipeline in the background, and nothing hangs.
    drop(source.publish(1, &added(1, 1)).unwrap());
    *dropped.lock().unwrap() = Some(source);
}
