//! `watermark::Watermark`: what acknowledgements hang on.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use ringlog::internal::{Failed, Signal, Watermark};
use ringlog_loom_tests::{Plain, Preemptions, explore};

/// A waker that counts.
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn waiter(watermark: &Arc<Watermark>, target: u64) -> thread::JoinHandle<Result<(), Failed>> {
    let watermark = Arc::clone(watermark);
    thread::spawn(move || watermark.wait(target))
}

#[test]
fn a_waiter_before_during_or_after_the_advance_sees_what_it_stands_for() {
    explore(Preemptions::Unbounded, || {
        let shared = Arc::new((Watermark::new(0), Plain::new(0)));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_eq!(shared.0.wait(1), Ok(()));
                assert_eq!(shared.1.read(), 1);
            })
        };
        shared.1.write(1);
        shared.0.advance(1);
        waiter.join().unwrap();
    });
}

#[test]
fn a_reader_never_sees_the_value_ahead_of_what_it_stands_for_nor_fall() {
    explore(Preemptions::Unbounded, || {
        let shared = Arc::new((Watermark::new(0), [Plain::new(0), Plain::new(0)]));
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut last = 0;
                for _ in 0..2 {
                    let value = shared.0.get();
                    assert!(value >= last, "it fell");
                    for durable in &shared.1[..usize::try_from(value).unwrap()] {
                        assert_eq!(durable.read(), 1);
                    }
                    last = value;
                }
            })
        };
        for (value, durable) in (1..).zip(&shared.1) {
            durable.write(1);
            shared.0.advance(value);
        }
        reader.join().unwrap();
    });
}

#[test]
fn two_waiters_at_different_values_are_each_woken_by_theirs() {
    explore(Preemptions::Three, || {
        let watermark = Arc::new(Watermark::new(0));
        let (first, second) = (waiter(&watermark, 1), waiter(&watermark, 2));
        watermark.advance(1);
        // Woken by its own value, not only by the last one.
        assert_eq!(first.join().unwrap(), Ok(()));
        watermark.advance(2);
        assert_eq!(second.join().unwrap(), Ok(()));
    });
}

#[test]
fn two_waiters_at_the_same_value_are_woken_by_one_advance() {
    explore(Preemptions::Three, || {
        let watermark = Arc::new(Watermark::new(0));
        let waiters = [waiter(&watermark, 1), waiter(&watermark, 1)];
        watermark.advance(1);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_failure_reaches_a_waiter_whenever_it_comes() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let waiter = waiter(&watermark, 1);
        watermark.fail();
        assert_eq!(waiter.join().unwrap(), Err(Failed));
    });
}

#[test]
fn a_value_reached_before_the_failure_is_ok_and_none_above_it_ever_is() {
    explore(Preemptions::Three, || {
        let watermark = Arc::new(Watermark::new(0));
        let (reached, above) = (waiter(&watermark, 1), waiter(&watermark, 2));
        watermark.advance(1);
        watermark.fail();
        assert_eq!(reached.join().unwrap(), Ok(()));
        assert_eq!(above.join().unwrap(), Err(Failed));
    });
}

#[test]
fn two_waiters_above_the_value_are_both_told_of_the_failure() {
    explore(Preemptions::Three, || {
        let watermark = Arc::new(Watermark::new(0));
        let waiters = [waiter(&watermark, 1), waiter(&watermark, 2)];
        watermark.fail();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Err(Failed));
        }
    });
}

#[test]
fn a_look_beside_advance_and_failure_never_takes_back_what_was_reached() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let looks = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                assert_ne!(watermark.check(1), Poll::Ready(Err(Failed)));
                assert_ne!(watermark.check(2), Poll::Ready(Ok(())));
            })
        };
        watermark.advance(1);
        watermark.fail();
        looks.join().unwrap();
    });
}

#[test]
fn a_pending_future_is_woken_once_and_a_ready_one_at_most_once() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let advance = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                if watermark.advance(1) {
                    watermark.run_wakers();
                }
            })
        };
        let wakes = Wakes::new();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut place = None;
        let polled = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
        advance.join().unwrap();
        match polled {
            Poll::Pending => {
                assert_eq!(wakes.count(), 1);
                let again = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
                assert_eq!(again, Poll::Ready(Ok(())));
                assert_eq!(wakes.count(), 1);
            }
            Poll::Ready(outcome) => {
                assert_eq!(outcome, Ok(()));
                assert!(wakes.count() <= 1);
            }
        }
        assert_eq!(place, None);
        drop(waker);
        assert_eq!(Arc::strong_count(&wakes), 1, "a waker was left behind");
    });
}

#[test]
fn a_pending_future_is_woken_by_a_failure_and_then_told_of_it() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let failure = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                if watermark.fail() {
                    watermark.run_wakers();
                }
            })
        };
        let wakes = Wakes::new();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut place = None;
        let polled = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
        failure.join().unwrap();
        if polled.is_pending() {
            assert_eq!(wakes.count(), 1);
        }
        let again = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
        assert_eq!(again, Poll::Ready(Err(Failed)));
        assert_eq!(place, None);
    });
}

#[test]
fn a_future_polled_again_is_woken_through_its_last_waker() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let advance = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                if watermark.advance(1) {
                    watermark.run_wakers();
                }
            })
        };
        let wakes = [Wakes::new(), Wakes::new()];
        let mut place = None;
        let mut polled = Poll::Pending;
        for wakes in &wakes {
            let waker = Waker::from(Arc::clone(wakes));
            polled = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
        }
        advance.join().unwrap();
        assert!(wakes[0].count() <= 1);
        match polled {
            Poll::Pending => assert_eq!(wakes[1].count(), 1),
            Poll::Ready(outcome) => {
                assert_eq!(outcome, Ok(()));
                assert!(wakes[1].count() <= 1);
            }
        }
        for wakes in wakes {
            assert!(Arc::strong_count(&wakes) == 1 || place.is_some());
        }
    });
}

#[test]
fn a_dropped_future_is_woken_at_most_once_and_leaves_nothing_behind() {
    explore(Preemptions::Unbounded, || {
        let watermark = Arc::new(Watermark::new(0));
        let advance = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                if watermark.advance(1) {
                    watermark.run_wakers();
                }
            })
        };
        let wakes = Wakes::new();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut place = None;
        let _ = watermark.poll(1, &mut place, &mut Context::from_waker(&waker));
        drop(waker);
        if let Some(place) = place.take() {
            watermark.forget(place);
        }
        advance.join().unwrap();
        assert!(wakes.count() <= 1);
        assert_eq!(Arc::strong_count(&wakes), 1, "a waker was left behind");
    });
}

#[test]
fn forgetting_one_waiter_takes_no_wake_up_from_another() {
    explore(Preemptions::Three, || {
        let watermark = Arc::new(Watermark::new(0));
        let stays = waiter(&watermark, 1);
        let leaves = {
            let watermark = Arc::clone(&watermark);
            thread::spawn(move || {
                let mut place = None;
                let waker = Waker::noop();
                let _ = watermark.poll(1, &mut place, &mut Context::from_waker(waker));
                if let Some(place) = place {
                    watermark.forget(place);
                }
            })
        };
        watermark.advance(1);
        leaves.join().unwrap();
        assert_eq!(stays.join().unwrap(), Ok(()));
    });
}

/// As in the engine: the journaler advances and notifies, and the partition's thread, which may be
/// asleep, runs the wakers.
#[test]
fn a_waker_reaches_its_future_through_the_partition_thread() {
    struct Shared {
        watermark: Watermark,
        worker: Signal,
        has_ended: AtomicBool,
    }
    explore(Preemptions::Three, || {
        let shared = Arc::new(Shared {
            watermark: Watermark::new(0),
            worker: Signal::new(),
            has_ended: AtomicBool::new(false),
        });
        let journaler = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.watermark.advance(1);
                shared.has_ended.store(true, Ordering::Release);
                shared.worker.notify();
            })
        };
        let partition = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                loop {
                    let has_ended = || shared.has_ended.load(Ordering::Acquire);
                    shared
                        .worker
                        .wait_until(|| shared.watermark.has_wakers_due() || has_ended());
                    let was_last = has_ended();
                    shared.watermark.run_wakers();
                    if was_last {
                        return;
                    }
                }
            })
        };
        let wakes = Wakes::new();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut place = None;
        let polled = shared
            .watermark
            .poll(1, &mut place, &mut Context::from_waker(&waker));
        journaler.join().unwrap();
        partition.join().unwrap();
        match polled {
            Poll::Pending => assert_eq!(wakes.count(), 1),
            Poll::Ready(outcome) => assert_eq!(outcome, Ok(())),
        }
    });
}
