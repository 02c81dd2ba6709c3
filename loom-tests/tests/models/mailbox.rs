//! `partition::Mailbox`: a visitor sees the state on its owner's thread, or is turned away; it
//! never hangs, and what its closure borrowed is its own again when it goes on.

use std::sync::Arc;

use loom::thread;
use ringlog::internal::{Mailbox, NoState, Signal};
use ringlog_loom_tests::{Plain, Preemptions, explore};

struct Shared {
    mailbox: Mailbox<u64>,
    worker: Signal,
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared {
        mailbox: Mailbox::new(),
        worker: Signal::new(),
    })
}

/// The partition's thread: sleeps until somebody visits, shows the state to those who wait, and
/// ends.
fn serve(shared: &Shared) {
    shared.worker.wait_until(|| shared.mailbox.has_visits());
    shared.mailbox.serve(&42, 7);
    shared.mailbox.close();
}

#[test]
fn a_visitor_is_shown_the_state_although_its_owner_sleeps() {
    explore(Preemptions::Three, || {
        let shared = shared();
        let owner = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve(&shared))
        };
        let seen = shared.mailbox.visit(&shared.worker, |state| *state);
        assert_eq!(seen, Ok((42, 7)));
        owner.join().unwrap();
    });
}

#[test]
fn of_two_visitors_one_is_served_and_the_other_never_hangs() {
    explore(Preemptions::Three, || {
        let shared = shared();
        let visitors = [0, 1].map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.mailbox.visit(&shared.worker, |state| *state))
        });
        serve(&shared);
        let seen = visitors.map(|visitor| visitor.join().unwrap());
        assert!(seen.contains(&Ok((42, 7))), "{seen:?}");
        assert!(
            seen.iter()
                .all(|seen| matches!(seen, Ok((42, 7)) | Err(NoState))),
            "{seen:?}"
        );
    });
}

/// The closure writes to the visitor's stack on the owner's thread; loom checks that the visitor's
/// own access comes after it.
#[test]
fn what_a_visit_borrows_is_untouched_once_the_visitor_goes_on() {
    explore(Preemptions::Unbounded, || {
        let shared = shared();
        let owner = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.mailbox.serve(&42, 7);
                shared.mailbox.close();
            })
        };
        let borrowed = Plain::new(0);
        let visit = shared.mailbox.visit(&shared.worker, |state| {
            borrowed.write(*state);
        });
        let written = borrowed.read();
        match visit {
            Ok(((), sequence)) => assert_eq!((written, sequence), (42, 7)),
            Err(NoState) => assert_eq!(written, 0),
        }
        owner.join().unwrap();
    });
}

#[test]
fn a_visitor_beside_the_close_is_turned_away_and_never_hangs() {
    explore(Preemptions::Unbounded, || {
        let shared = shared();
        let owner = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.mailbox.close())
        };
        let seen = shared.mailbox.visit(&shared.worker, |state| *state);
        assert_eq!(seen, Err(NoState));
        owner.join().unwrap();
    });
}

#[test]
fn a_visitor_is_either_served_or_turned_away_by_an_owner_that_ends() {
    explore(Preemptions::Unbounded, || {
        let shared = shared();
        let owner = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.mailbox.serve(&42, 7);
                shared.mailbox.turn_away();
                shared.mailbox.close();
            })
        };
        let seen = shared.mailbox.visit(&shared.worker, |state| *state);
        assert!(matches!(seen, Ok((42, 7)) | Err(NoState)), "{seen:?}");
        owner.join().unwrap();
    });
}
