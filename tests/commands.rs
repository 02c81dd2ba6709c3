//! Commands: decided, journaled with their events, answered when durable.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests unwrap, and have threads of their own"
)]

#[path = "support/bank.rs"]
mod bank;

use std::cell::RefCell;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use bank::{Bank, BankEvent, Deposited, Refused, What, ask, deposit, deposits, withdraw};
use ringlog::journal::JournalReader;
use ringlog::snapshot::Retention;
use ringlog::{
    AppendOutcome, Builder, Client, ClientError, CommandError, CommandFailure, CommandSource,
    Durability, Expected, Outcome, PENDING_DEFAULT, Pipeline, Poison, PublishError, SendError,
    partition_of,
};

type Inside = Box<dyn FnOnce() -> String + Send>;

thread_local! {
    /// What the partition's thread does when it is asked to decide `What::Inside`.
    static INSIDE: RefCell<Option<Inside>> = const { RefCell::new(None) };
}

fn do_inside() -> String {
    let inside = INSIDE.with_borrow_mut(Option::take);
    inside.map_or_else(String::new, |inside| inside())
}

/// Has `decide` of the next `What::Inside` do this.
fn set_inside(pipeline: &Pipeline<Bank>, inside: impl FnOnce() -> String + Send + 'static) {
    let inside: Inside = Box::new(inside);
    pipeline
        .read(1, |_| INSIDE.with_borrow_mut(|slot| *slot = Some(inside)))
        .unwrap();
}

/// Holds the partition up inside `decide` until the sender is used or dropped.
fn hold_up(pipeline: &Pipeline<Bank>, client: &Client<Bank>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    let (entered, wait) = mpsc::channel();
    set_inside(pipeline, move || {
        entered.send(()).unwrap();
        let _ = held.recv();
        String::new()
    });
    drop(client.send(&ask(1, What::Inside)).unwrap());
    wait.recv().unwrap();
    release
}

fn builder(path: &Path) -> Builder {
    Pipeline::<Bank>::builder(path)
}

fn open(path: &Path) -> Pipeline<Bank> {
    builder(path).open(|_| Bank::default()).unwrap()
}

fn deposited(account: u64, cents: u64) -> BankEvent {
    Deposited { account, cents }.into()
}

/// Replies and rejections without the places.
fn answer(outcome: Result<Outcome<u64, Refused>, CommandError>) -> Result<u64, Refused> {
    outcome.unwrap().accepted().map(|answered| answered.reply)
}

#[test]
fn a_command_is_decided_against_everything_that_was_sent_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let (client, publisher) = (pipeline.client().unwrap(), pipeline.publisher());
    let first = client.send(&deposit(7, 100)).unwrap();
    publisher.publish(&deposited(7, 20)).unwrap();
    let second = client.send(&withdraw(7, 120)).unwrap();
    publisher.publish(&deposited(7, 5)).unwrap();
    let third = client.send(&withdraw(7, 6)).unwrap();
    let Outcome::Accepted(first) = first.wait().unwrap() else {
        panic!("a deposit is accepted");
    };
    assert_eq!((first.reply, first.sequences()), (100, 1..2));
    let Outcome::Accepted(second) = second.wait().unwrap() else {
        panic!("there is enough");
    };
    assert_eq!((second.reply, second.sequences()), (0, 3..4));
    assert_eq!(answer(third.wait()), Err(Refused::Short { cents: 1 }));
    let state = pipeline.read(7, Bank::clone).unwrap();
    assert_eq!((state.accounts[&7], state.events), (5, 4));
    pipeline.close().unwrap();
    let reopened = open(directory.path());
    assert_eq!(reopened.read(7, Bank::clone).unwrap(), state);
}

#[test]
fn a_rejection_without_an_id_journals_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    client.send(&deposit(7, 1)).unwrap().wait().unwrap();
    let before = pipeline.stats()[0];
    for _ in 0..1_000 {
        let rejected = client.send(&withdraw(7, 2)).unwrap().wait();
        assert_eq!(answer(rejected), Err(Refused::Short { cents: 1 }));
    }
    let after = pipeline.stats()[0];
    assert_eq!(after.groups, before.groups);
    assert_eq!(after.durable_sequence, 1);
    assert_eq!(
        (after.commands_accepted, after.commands_rejected),
        (1, 1_000)
    );
}

#[test]
fn a_panicking_decide_rejects_its_command_and_harms_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    client.send(&deposit(7, 1)).unwrap();
    let panicked = client.send(&ask(7, What::Panic)).unwrap().wait();
    let Err(CommandError::Failed(CommandFailure::Panicked { message })) = panicked else {
        panic!("{panicked:?}");
    };
    assert_eq!(&*message, "decide exploded");
    assert_eq!(answer(client.send(&deposit(7, 1)).unwrap().wait()), Ok(2));
    assert_eq!(pipeline.stats()[0].decide_panics, 1);
    assert_eq!(pipeline.close().unwrap().events(), 2);
}

#[test]
fn events_that_no_group_holds_fail_their_command_and_fewer_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = builder(directory.path())
        .group_bytes(512 * 1024)
        .open(|_| Bank::default())
        .unwrap();
    let client = pipeline.client().unwrap();
    // 64 bytes a frame.
    let failed = client.send(&deposits(7, 1, 8_200)).unwrap().wait();
    let Err(CommandError::Failed(CommandFailure::TooManyEvents { bytes_max })) = failed else {
        panic!("{failed:?}");
    };
    assert!(bytes_max < 512 * 1024);
    for round in 1..=20 {
        let accepted = client.send(&deposits(7, 1, 8_000)).unwrap().wait();
        assert_eq!(answer(accepted), Ok(round * 8_000));
    }
    assert_eq!(pipeline.close().unwrap().events(), 160_000);
}

#[test]
fn an_event_of_another_partition_fails_its_command() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = builder(directory.path())
        .partitions(2)
        .open(|_| Bank::default())
        .unwrap();
    let client = pipeline.client().unwrap();
    let elsewhere = (2..)
        .find(|key| partition_of(*key, 2) != partition_of(1, 2))
        .unwrap();
    let account = elsewhere;
    let failed = client
        .send(&ask(1, What::DepositElsewhere { account }))
        .unwrap()
        .wait();
    assert!(
        matches!(&failed, Err(CommandError::Failed(CommandFailure::KeyElsewhere { key })) if *key == elsewhere),
        "{failed:?}"
    );
    assert_eq!(pipeline.close().unwrap().events(), 0);
}

#[test]
fn a_command_whose_second_event_cannot_be_applied_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    let before = client.send(&deposit(7, 5)).unwrap();
    let robbed = client.send(&ask(7, What::Rob)).unwrap();
    let behind = client.send(&deposit(7, 5));
    assert_eq!(answer(before.wait()), Ok(5));
    let failed = robbed.wait();
    let Err(CommandError::Poisoned(Poison::ApplyPanicked {
        sequence, message, ..
    })) = failed
    else {
        panic!("{failed:?}");
    };
    assert_eq!(sequence, 2, "nothing of the command");
    assert_eq!(&*message, "for event 2 of a command: robbed");
    if let Ok(behind) = behind {
        assert!(matches!(behind.wait(), Err(CommandError::Poisoned(_))));
    }
    drop(pipeline);
    let reopened = open(directory.path());
    let state = reopened.read(7, Bank::clone).unwrap();
    assert_eq!((state.accounts[&7], state.events), (5, 1));
}

#[test]
fn a_repeated_command_gets_its_first_outcome_and_journals_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let commands = [
        deposit(7, 10),
        withdraw(7, 11),
        withdraw(7, 4),
        ask(7, What::Panic),
    ];
    let send_all = |pipeline: &Pipeline<Bank>| {
        let source = pipeline.command_source("till").unwrap();
        let outcomes: Vec<_> = (1..)
            .zip(&commands)
            .map(|(number, command)| {
                let outcome = source.send(number, command).unwrap().wait();
                let is_repeated = match &outcome {
                    Ok(Outcome::Accepted(answered)) => Some(answered.is_repeated),
                    Ok(Outcome::Rejected(answered)) => Some(answered.is_repeated),
                    Err(_) => None,
                };
                let places = match &outcome {
                    Ok(Outcome::Accepted(answered)) => Some(answered.sequences()),
                    _ => None,
                };
                let text = match outcome {
                    Ok(outcome) => format!("{:?}", outcome.accepted().map(|it| it.reply)),
                    Err(error) => error.to_string(),
                };
                (text, places, is_repeated)
            })
            .collect();
        outcomes
    };
    let first = send_all(&pipeline);
    assert_eq!(first[0], ("Ok(10)".to_owned(), Some(1..2), Some(false)));
    assert!(first[1].0.contains("Short"), "{first:?}");
    assert!(first[3].0.contains("decide exploded"), "{first:?}");
    let groups = pipeline.stats()[0].groups;
    let again = send_all(&pipeline);
    assert_eq!(pipeline.stats()[0].groups, groups, "nothing was journaled");
    assert_eq!(pipeline.stats()[0].commands_repeated, 4);
    for (first, again) in first.iter().zip(&again) {
        assert_eq!((&first.0, &first.1), (&again.0, &again.1));
        assert_ne!(again.2, Some(false));
    }
    // From a snapshot, and from the journal behind one.
    pipeline.snapshot().unwrap();
    let source = pipeline.command_source("till").unwrap();
    source.send(9, &deposit(7, 1)).unwrap().wait().unwrap();
    drop(source);
    pipeline.close().unwrap();
    for _ in 0..2 {
        let pipeline = open(directory.path());
        assert_eq!(
            pipeline.start_report().partitions[0].snapshot_sequence,
            Some(2)
        );
        let again = send_all(&pipeline);
        for (first, again) in first.iter().zip(&again) {
            assert_eq!((&first.0, &first.1), (&again.0, &again.1));
        }
        let source = pipeline.command_source("till").unwrap();
        assert_eq!(source.last_number(), 9);
        let Outcome::Accepted(repeated) = source.send(9, &deposit(7, 1)).unwrap().wait().unwrap()
        else {
            panic!("it was accepted");
        };
        assert_eq!((repeated.reply, repeated.is_repeated), (7, true));
        assert_eq!(pipeline.read(7, |bank| bank.events).unwrap(), 3);
        // Passed over: 5 to 8 were never sent, and 9 was decided.
        let late = source.send(5, &deposit(7, 1)).unwrap().wait();
        assert!(
            matches!(late, Err(CommandError::OutcomeExpired)),
            "{late:?}"
        );
    }
}

#[test]
fn outcomes_are_found_after_what_they_lay_in_was_retired_and_are_no_events() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = builder(directory.path())
        .segment_bytes(1024 * 1024)
        .retention(Retention::FromOldestSnapshot { cursor_lag_max: 0 })
        .open(|_| Bank::default())
        .unwrap();
    let source = pipeline.command_source("till").unwrap();
    let outcome = source.send(1, &deposit(7, 3)).unwrap().wait().unwrap();
    let publisher = pipeline.publisher();
    for _ in 0..4 {
        publisher
            .publish_all((0..20_000).map(|_| deposited(8, 1)))
            .unwrap()
            .wait()
            .unwrap();
        pipeline.snapshot().unwrap();
    }
    drop(source);
    pipeline.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let first = cursor.next_event().unwrap().unwrap().meta.sequence;
    assert!(first > 1, "the first segments are retired");
    let mut expected = first;
    while let Some(event) = cursor.next_event().unwrap() {
        expected += 1;
        assert_eq!(event.meta.sequence, expected);
    }
    assert_eq!(expected, 80_001);
    let pipeline = open(directory.path());
    let source = pipeline.command_source("till").unwrap();
    let again = source.send(1, &deposit(7, 3)).unwrap().wait().unwrap();
    assert_eq!(
        again.accepted().unwrap().sequences(),
        outcome.accepted().unwrap().sequences()
    );
    assert_eq!(pipeline.read(7, |bank| bank.accounts[&7]).unwrap(), 3);
}

#[test]
fn an_outcome_older_than_the_window_is_expired_and_never_decided_again() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let source = pipeline.command_source("till").unwrap();
    let last = 8_192 + 1;
    for number in 1..=last {
        source.send(number, &deposit(7, 1)).unwrap();
    }
    let check = |source: &CommandSource<Bank>| {
        let oldest = source.send(1, &deposit(7, 1)).unwrap().wait();
        assert!(
            matches!(oldest, Err(CommandError::OutcomeExpired)),
            "{oldest:?}"
        );
        let kept = source.send(2, &deposit(7, 1)).unwrap().wait().unwrap();
        let kept = kept.accepted().unwrap();
        assert_eq!((kept.reply, kept.is_repeated), (2, true));
    };
    check(&source);
    drop(source);
    pipeline.close().unwrap();
    let pipeline = open(directory.path());
    check(&pipeline.command_source("till").unwrap());
    assert_eq!(pipeline.read(7, |bank| bank.events).unwrap(), last);
}

#[test]
fn an_append_happens_only_at_the_version_that_its_caller_saw() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let (appender, publisher) = (pipeline.appender().unwrap(), pipeline.publisher());
    let append = |expected, events: &[BankEvent]| {
        appender
            .append(7, expected, events)
            .unwrap()
            .wait()
            .unwrap()
    };
    assert_eq!(appender.version(7).unwrap(), 0);
    assert_eq!(
        append(Expected::Version(0), &[deposited(7, 1), deposited(7, 2)]),
        AppendOutcome::Appended {
            first_sequence: 1,
            events: 2,
            version: 2
        }
    );
    publisher.publish(&deposited(7, 3)).unwrap();
    publisher.publish(&deposited(8, 3)).unwrap();
    assert_eq!(
        append(Expected::Version(2), &[deposited(7, 4)]),
        AppendOutcome::Conflict { current: 3 }
    );
    assert_eq!(
        append(Expected::Any, &[deposited(7, 4)]),
        AppendOutcome::Appended {
            first_sequence: 5,
            events: 1,
            version: 4
        }
    );
    assert!(matches!(
        appender.append(7, Expected::Any, [deposited(8, 1)]),
        Err(SendError::OtherKey { key: 7, found: 8 })
    ));
    let too_long: Vec<_> = (0..5_000).map(|_| deposited(7, 1)).collect();
    assert!(matches!(
        appender.append(7, Expected::Any, &too_long),
        Err(SendError::TooLong { .. })
    ));
    pipeline.snapshot().unwrap();
    append(Expected::Version(4), &[deposited(7, 5)]);
    pipeline.close().unwrap();
    let pipeline = open(directory.path());
    assert_eq!(
        pipeline.start_report().partitions[0].snapshot_sequence,
        Some(5)
    );
    let appender = pipeline.appender().unwrap();
    assert_eq!(appender.version(7).unwrap(), 5);
    assert_eq!(appender.version(8).unwrap(), 1);
    assert_eq!(pipeline.read(7, |bank| bank.accounts[&7]).unwrap(), 15);
}

#[test]
fn a_key_beyond_those_that_are_counted_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let (appender, publisher) = (pipeline.appender().unwrap(), pipeline.publisher());
    publisher
        .publish_all((0..1_001).map(|account| deposited(account, 1)))
        .unwrap();
    assert_eq!(appender.version(999).unwrap(), 1);
    let refused = appender
        .append(1_000, Expected::Any, [deposited(1_000, 1)])
        .unwrap()
        .wait();
    assert!(
        matches!(
            refused,
            Err(CommandError::Failed(CommandFailure::TooManyKeys {
                key: 1_000
            }))
        ),
        "{refused:?}"
    );
}

#[test]
fn a_client_has_as_many_places_as_it_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    assert!(matches!(
        pipeline.client_with(0),
        Err(ClientError::PendingMax { .. })
    ));
    let client = pipeline.client_with(2).unwrap();
    let first = client.send(&deposit(7, 1)).unwrap();
    let second = client.send(&deposit(7, 1)).unwrap();
    assert!(matches!(
        client.send(&deposit(7, 1)),
        Err(SendError::TooManyPending { max: 2 })
    ));
    // In any order.
    assert_eq!(answer(second.wait()), Ok(2));
    assert_eq!(answer(client.send(&deposit(7, 1)).unwrap().wait()), Ok(3));
    assert_eq!(answer(first.wait()), Ok(1));
    // Places of answers that nobody wants are waited for.
    for _ in 0..10_000 {
        drop(client.send(&deposit(7, 1)).unwrap());
    }
    assert_eq!(
        answer(client.send(&deposit(7, 1)).unwrap().wait()),
        Ok(10_004)
    );
}

#[test]
fn clients_on_many_threads_each_get_their_own_answers() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = builder(directory.path())
        .partitions(3)
        .open(|_| Bank::default())
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let client = pipeline.client_with(64).unwrap();
            scope.spawn(move || {
                for round in 1..=500 {
                    let pending: Vec<_> = (0..10)
                        .map(|account| {
                            let account = thread * 100 + account;
                            client.send(&deposit(account, account + 1)).unwrap()
                        })
                        .collect();
                    for (account, pending) in (0..).zip(pending) {
                        let account = thread * 100 + account;
                        assert_eq!(answer(pending.wait()), Ok((account + 1) * round));
                    }
                }
            });
        }
    });
    assert_eq!(pipeline.close().unwrap().events(), 20_000);
}

#[test]
fn an_answer_may_be_awaited_and_moved_to_another_thread() {
    struct Unpark(Mutex<bool>, Condvar);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
            self.1.notify_all();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    for round in 1..=100 {
        let pending = client.send(&deposit(7, 1)).unwrap().detach();
        let waiter = std::thread::spawn(move || {
            let unpark = Arc::new(Unpark(Mutex::default(), Condvar::new()));
            let waker = Waker::from(Arc::clone(&unpark));
            let mut pending = std::pin::pin!(pending);
            loop {
                match pending.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(outcome) => return answer(outcome),
                    Poll::Pending => {
                        let mut woken = unpark.0.lock().unwrap();
                        while !*woken {
                            woken = unpark.1.wait(woken).unwrap();
                        }
                        *woken = false;
                    }
                }
            }
        });
        assert_eq!(waiter.join().unwrap(), Ok(round));
    }
}

#[test]
fn an_answer_that_waits_for_less_comes_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Sync, Durability::Memory] {
        let path = directory.path().join(format!("{durability:?}"));
        let pipeline = builder(&path)
            .durability(durability)
            .open(|_| Bank::default())
            .unwrap();
        let client = pipeline.client().unwrap();
        for round in 1..=1_000 {
            let pending = client.send(&deposit(7, 1)).unwrap().when_applied();
            assert_eq!(answer(pending.wait()), Ok(round));
        }
        assert_eq!(
            answer(
                client
                    .send(&withdraw(7, 2_000))
                    .unwrap()
                    .when_applied()
                    .wait()
            ),
            Err(Refused::Short { cents: 1_000 })
        );
    }
}

#[test]
fn publishing_from_decide_is_refused_and_does_not_hang() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let (publisher, appender) = (pipeline.publisher(), pipeline.appender().unwrap());
    let client = pipeline.client().unwrap();
    // All of the appender's places are taken, so that it would have to wait for one.
    let release = hold_up(&pipeline, &client);
    for _ in 0..PENDING_DEFAULT - 1 {
        match appender.try_append(7, Expected::Any, [deposited(7, 1)]) {
            Ok(pending) => drop(pending),
            Err(error) => assert!(error.is_full(), "{error}"),
        }
    }
    drop(release);
    set_inside(&pipeline, move || {
        let published = publisher.publish(&deposited(1, 1)).map(drop);
        let appended = appender.append(7, Expected::Any, [deposited(7, 1)]);
        format!("{published:?} {:?}", appended.map(drop))
    });
    let rejected = client.send(&ask(1, What::Inside)).unwrap().wait();
    let said = "Err(WouldDeadlock) Err(Publish(WouldDeadlock))";
    assert_eq!(answer(rejected), Err(Refused::Why(said.into())));
}

#[test]
fn a_detached_answer_comes_although_its_client_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    let release = hold_up(&pipeline, &client);
    let other = pipeline.client().unwrap();
    let pending = other.send(&deposit(7, 5)).unwrap().detach();
    drop(other);
    // A third one must not get its seat.
    let third = pipeline.client().unwrap();
    let after = third.send(&deposit(7, 5)).unwrap();
    drop(release);
    assert_eq!(answer(pending.wait()), Ok(5));
    assert_eq!(answer(after.wait()), Ok(10));
}

#[test]
fn a_source_knows_its_last_number_when_it_is_opened_again_in_the_same_life() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let source = pipeline.command_source("till").unwrap();
    for number in 1..=5 {
        source.send(number, &deposit(7, 1)).unwrap();
    }
    drop(source);
    let source = pipeline.command_source("till").unwrap();
    assert_eq!(source.last_number(), 5);
    let sixth = source.send(6, &deposit(7, 1)).unwrap().wait();
    assert_eq!(answer(sixth), Ok(6));
}

#[test]
fn what_was_applied_before_a_panic_is_answered_as_applied() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    let release = hold_up(&pipeline, &client);
    let first = client.send(&deposit(7, 5)).unwrap();
    let second = client.send(&deposit(7, 6)).unwrap();
    let robbed = client.send(&ask(7, What::Rob)).unwrap();
    drop(release);
    assert_eq!(answer(second.wait()), Ok(11));
    assert_eq!(answer(first.when_applied().wait()), Ok(5));
    assert!(matches!(
        robbed.when_applied().wait(),
        Err(CommandError::Poisoned(_))
    ));
}

#[test]
fn a_poisoned_partition_is_named_and_takes_no_places_from_the_others_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = builder(directory.path())
        .partitions(2)
        .open(|_| Bank::default())
        .unwrap();
    let key_of = |partition| {
        (1..)
            .find(|key| partition_of(*key, 2) == partition)
            .unwrap()
    };
    let client = pipeline.client_with(1).unwrap();
    let robbed = client.send(&ask(key_of(0), What::Rob)).unwrap().wait();
    assert!(matches!(robbed, Err(CommandError::Poisoned(_))));
    assert!(matches!(
        client.send(&deposit(key_of(0), 1)),
        Err(SendError::Publish(PublishError::Poisoned(_)))
    ));
    let lost = client.send(&deposit(key_of(1), 1)).map(drop).unwrap_err();
    assert!(matches!(lost, SendError::PlacesLost { max: 1 }), "{lost}");
    assert!(!lost.is_full());
    let another = pipeline.client_with(1).unwrap();
    let accepted = another.send(&deposit(key_of(1), 1)).unwrap().wait();
    assert_eq!(answer(accepted), Ok(1));
}

#[test]
fn events_that_were_taken_back_with_their_command_are_not_counted() {
    let pipeline = builder(Path::new("unused"))
        .durability(Durability::Memory)
        .open(|_| Bank::default())
        .unwrap();
    let client = pipeline.client().unwrap();
    client.send(&deposit(7, 5)).unwrap().wait().unwrap();
    let robbed = client.send(&ask(7, What::Rob)).unwrap().wait();
    assert!(robbed.is_err());
    let stats = pipeline.stats()[0];
    assert_eq!((stats.durable_sequence, stats.applied_sequence), (1, 1));
}

#[test]
fn a_closed_pipeline_answers_what_it_took_and_refuses_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let client = pipeline.client().unwrap();
    let taken: Vec<_> = (0..1_000)
        .map(|_| client.send(&deposit(7, 1)).unwrap())
        .collect();
    assert_eq!(pipeline.close().unwrap().events(), 1_000);
    for (cents, pending) in (1..).zip(taken) {
        assert_eq!(answer(pending.wait()), Ok(cents));
    }
    assert!(matches!(
        client.send(&deposit(7, 1)),
        Err(SendError::Publish(PublishError::Closed))
    ));
}
