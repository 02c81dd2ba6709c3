//! `command::ReplyRing`: a place for answers passes from the client to the partition, on to whoever
//! waits, and back to the client.

use std::sync::Arc;

use loom::thread;
use ringlog::internal::{Replies, Watermark};
use ringlog_loom_tests::{Preemptions, explore, explore_outcomes};

/// A client's place, the commands that were sent, and those that were settled.
struct Desk {
    replies: Replies<u64>,
    sent: Watermark,
    settled: Watermark,
}

fn desk() -> Arc<Desk> {
    Arc::new(Desk {
        replies: Replies::new(1),
        sent: Watermark::new(0),
        settled: Watermark::new(0),
    })
}

/// Answers as many commands as are sent, one after the other.
fn partition(desk: &Arc<Desk>, commands: u64) -> thread::JoinHandle<()> {
    let desk = Arc::clone(desk);
    thread::spawn(move || {
        for command in 1..=commands {
            desk.sent.wait(command).unwrap();
            desk.replies.answer(0, command);
            desk.settled.advance(command);
        }
    })
}

#[test]
fn each_command_finds_its_own_answer_in_the_place_that_it_reuses() {
    explore(Preemptions::Three, || {
        let desk = desk();
        let partition = partition(&desk, 2);
        for command in 1..=2 {
            assert!(desk.replies.claim(0), "the place is free again");
            desk.sent.advance(command);
            desk.settled.wait(command).unwrap();
            assert_eq!(desk.replies.take(0), Some(command));
            desk.replies.release(0);
        }
        partition.join().unwrap();
    });
}

#[test]
fn a_place_that_nobody_waits_for_is_free_once_it_is_answered_and_not_before() {
    explore_outcomes(Preemptions::Three, [false, true], || {
        let desk = desk();
        let partition = partition(&desk, 1);
        assert!(desk.replies.claim(0));
        desk.sent.advance(1);
        desk.replies.release(0);
        let is_free = desk.replies.claim(0);
        if !is_free {
            desk.settled.wait(1).unwrap();
            assert!(desk.replies.claim(0));
        }
        partition.join().unwrap();
        is_free
    });
}

#[test]
fn a_place_is_not_taken_from_a_waiter_on_another_thread() {
    explore_outcomes(Preemptions::Unbounded, [false, true], || {
        let desk = desk();
        assert!(desk.replies.claim(0));
        desk.replies.answer(0, 1);
        desk.settled.advance(1);
        let waiter = {
            let desk = Arc::clone(&desk);
            thread::spawn(move || {
                desk.settled.wait(1).unwrap();
                assert_eq!(desk.replies.take(0), Some(1));
                desk.replies.release(0);
            })
        };
        let is_free = desk.replies.claim(0);
        waiter.join().unwrap();
        is_free
    });
}
