//! Events of older versions: upcast wherever a journal is read, and refused by name where they
//! cannot be.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's; helpers of tests are tests"
)]

mod support;

use std::path::Path;

use ringlog::event::{Stepped, Upcast, UpcastCause, to_archive};
use ringlog::journal::JournalReader;
use ringlog::snapshot::AsOf;
use ringlog::{
    ArchiveError, Archiver, Event, EventMeta, EventType, OpenError, Pipeline, State, ViewError,
    Viewer,
};
use support::accounts::{AccountEvent, Accounts, deposited, first, second, since_two};

/// Journals the same deposits with the first two programs: events 1 to 3 in version 1 and events 4
/// and 5 in version 2 of the deposit.
fn journal_of_older_programs(path: &Path) {
    let pipeline = Pipeline::<first::Accounts>::builder(path)
        .open(|_| first::Accounts::default())
        .unwrap();
    let publisher = pipeline.publisher();
    for event in [
        first::opened(7, "Ada"),
        first::deposited(7, 2),
        first::deposited(7, 3),
    ] {
        publisher.publish(&event).unwrap().wait().unwrap();
    }
    pipeline.close().unwrap();
    let pipeline = Pipeline::<second::Accounts>::builder(path)
        .open(|_| second::Accounts::default())
        .unwrap();
    let publisher = pipeline.publisher();
    for event in [second::deposited(7, 50), second::deposited(7, 25)] {
        publisher.publish(&event).unwrap().wait().unwrap();
    }
    pipeline.close().unwrap();
}

fn open(path: &Path) -> Pipeline<Accounts> {
    Pipeline::<Accounts>::builder(path)
        .open(|_| Accounts::default())
        .unwrap()
}

/// What the current program makes of them.
fn expected() -> Accounts {
    let mut expected = Accounts::default();
    expected.cents.insert(7, 575);
    expected.currencies = vec!["EUR"; 4].into_iter().map(str::to_owned).collect();
    expected.sequences = (1..=5).collect();
    expected
}

#[test]
fn an_opening_a_snapshot_a_cursor_and_a_restored_state_see_the_current_version_alone() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_older_programs(directory.path());
    let pipeline = open(directory.path());
    assert_eq!(pipeline.read(7, Accounts::clone).unwrap(), expected());
    // The snapshot's state is a second fold of the journal.
    assert_eq!(pipeline.snapshot().unwrap()[0].sequence, 5);
    pipeline
        .publisher()
        .publish(&support::accounts::deposited(7, 1, "USD"))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();

    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let (mut found, mut recorded) = (Accounts::default(), Vec::new());
    let mut viewer = Viewer::default();
    while let Some(event) = cursor.next_event().unwrap() {
        recorded.push((event.kind, event.version));
        let view = event.view::<AccountEvent>(&mut viewer).unwrap();
        found.apply(view, &event.meta);
    }
    assert_eq!(recorded, [(1, 1), (2, 1), (2, 1), (2, 2), (2, 2), (2, 3)]);
    let mut everything = expected();
    everything.cents.insert(7, 576);
    everything.currencies.push("USD".to_owned());
    everything.sequences.push(6);
    assert_eq!(found, everything);

    let (state, cursor) = reader
        .restore(0, AsOf::LATEST, |_| Accounts::default())
        .unwrap();
    // From the snapshot: it was taken with these event types.
    assert_eq!(state, expected());
    assert_eq!(
        cursor.totals().by_type(),
        [((1, 1), 1), ((2, 1), 2), ((2, 2), 2)]
    );
    let pipeline = open(directory.path());
    assert_eq!(
        pipeline.start_report().partitions[0].snapshot_sequence,
        Some(5)
    );
    assert_eq!(pipeline.read(7, Accounts::clone).unwrap(), everything);
}

#[test]
fn key_and_event_time_stay_as_they_were_written() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_older_programs(directory.path());
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let mut times = Vec::new();
    while let Some(event) = cursor.next_event().unwrap() {
        assert_eq!(event.meta.key, 7);
        times.push(event.meta.event_time_ms);
    }
    // The upcasters of the deposits move their times: the header's are older.
    assert_eq!(times[1..], [2, 3, 50, 25]);
}

#[test]
fn old_and_new_events_in_one_group_keep_their_order_around_full_batches() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = 0;
    let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap();
    let publisher = pipeline.publisher();
    let mut last = None;
    // The opened accounts are of the current version, the deposits are not.
    let runs = [1, 64, 1, 63, 2, 65, 1, 200, 3];
    for (run, length) in runs.into_iter().enumerate() {
        for _ in 0..length {
            let event = match run % 2 {
                0 => second::deposited(7, 1),
                _ => second::opened(7, "Ada"),
            };
            last = Some(publisher.publish(&event).unwrap());
            expected += 1;
        }
    }
    last.unwrap().wait().unwrap();
    pipeline.close().unwrap();
    let pipeline = open(directory.path());
    let state = pipeline.read(7, Accounts::clone).unwrap();
    assert_eq!(state.sequences, (1..=expected).collect::<Vec<u64>>());
    assert_eq!(state.currencies.len(), 1 + 1 + 2 + 1 + 3);
}

#[test]
fn an_upcaster_that_panics_is_an_error_of_the_opening_that_names_the_sequence_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap();
    let publisher = pipeline.publisher();
    for amount in [1, 2, second::WITHOUT_UPCAST, 4] {
        publisher
            .publish(&second::deposited(7, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    for _ in 0..2 {
        let error = Pipeline::<Accounts>::builder(directory.path())
            .open(|_| Accounts::default())
            .unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(
                &error,
                OpenError::Event { partition: 0, sequence: 3, source: ViewError::Upcast(upcast) }
                    if upcast.version == 2
            ),
            "{error:?}"
        );
        assert!(
            text.contains("sequence 3: upcasting account.deposited from version 2")
                && text.contains("the upcaster panicked: nobody deposits that"),
            "{text}"
        );
    }
    // Whoever reads meets the same, and can go on behind it.
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let mut viewer = Viewer::default();
    let mut seen = Vec::new();
    while let Some(event) = cursor.next_event().unwrap() {
        seen.push(event.view::<AccountEvent>(&mut viewer).is_ok());
    }
    assert_eq!(seen, [true, true, false, true]);
    // With mended code everything is there: the old program, here.
    let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap();
    assert_eq!(pipeline.start_report().partitions[0].last_sequence, 4);
}

#[test]
fn a_panic_of_apply_for_an_upcast_event_is_told_from_one_of_its_upcaster() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap();
    let publisher = pipeline.publisher();
    for amount in [1, second::NOT_APPLIED] {
        publisher
            .publish(&second::deposited(7, amount))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    let error = Pipeline::<Accounts>::builder(directory.path())
        .open(|_| Accounts::default())
        .unwrap_err();
    assert!(
        matches!(&error, OpenError::ApplyPanicked { sequence: 2, message, .. } if message.contains("not applied")),
        "{error:?}"
    );
}

#[test]
fn of_several_events_that_cannot_be_replayed_the_first_one_is_told() {
    let deposits = |amounts: &[u64]| {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
            .open(|_| second::Accounts::default())
            .unwrap();
        let events: Vec<_> = amounts
            .iter()
            .map(|&cents| second::deposited(7, cents))
            .collect();
        // One group, so that they are upcast together.
        pipeline
            .publisher()
            .publish_all(&events)
            .unwrap()
            .wait()
            .unwrap();
        pipeline.close().unwrap();
        Pipeline::<Accounts>::builder(directory.path())
            .open(|_| Accounts::default())
            .unwrap_err()
    };
    let error = deposits(&[1, second::NOT_APPLIED, 3, second::WITHOUT_UPCAST]);
    assert!(
        matches!(error, OpenError::ApplyPanicked { sequence: 2, .. }),
        "{error:?}"
    );
    let error = deposits(&[1, second::WITHOUT_UPCAST, 3, second::NOT_APPLIED]);
    assert!(
        matches!(
            error,
            OpenError::Event {
                sequence: 2,
                source: ViewError::Upcast(_),
                ..
            }
        ),
        "{error:?}"
    );
    // In the second batch of the group, too.
    let mut many = vec![1; 99];
    many.extend([second::WITHOUT_UPCAST, second::NOT_APPLIED]);
    let error = deposits(&many);
    assert!(
        matches!(error, OpenError::Event { sequence: 100, .. }),
        "{error:?}"
    );
}

#[test]
fn an_event_of_an_unknown_type_behind_older_ones_is_told_with_its_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap();
    let events = [
        second::deposited(7, 1),
        second::opened(7, "Ada"),
        second::noted(7, "unknown to the program below"),
        second::deposited(7, second::WITHOUT_UPCAST),
    ];
    pipeline
        .publisher()
        .publish_all(&events)
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();

    #[derive(Debug, Default)]
    struct Nothing;
    impl State for Nothing {
        type Event = since_two::Event;
        fn apply(&mut self, _: <since_two::Event as Event>::View<'_>, _: &EventMeta) {}
    }
    let error = Pipeline::<Nothing>::builder(directory.path())
        .open(|_| Nothing)
        .unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Event {
                sequence: 3,
                source: ViewError::UnknownType { kind: 3, .. },
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn an_unknown_version_is_an_error_that_names_it_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    pipeline
        .publisher()
        .publish(&support::accounts::deposited(7, 1, "USD"))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    // A program from before version 3.
    let error = Pipeline::<second::Accounts>::builder(directory.path())
        .open(|_| second::Accounts::default())
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("sequence 1: unknown version 3 of account.deposited (kind 2)")
            && text.contains("versions 1 to 2; use the program that wrote it, or a newer one"),
        "{text}"
    );
    // One that no longer reads version 1, and says so with `since 2`.
    let directory = tempfile::tempdir().unwrap();
    journal_of_older_programs(directory.path());
    let error = since_two::Event::view(2, 1, &[]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(
            "unknown version 1 of account.deposited (kind 2): this program reads versions 2 to 3"
        ) && text.contains("add `from 1: …`"),
        "{text}"
    );
    assert!(error.is_unknown());
    let error = AccountEvent::view(77, 1, &[]).unwrap_err();
    assert!(matches!(
        error,
        ViewError::UnknownType {
            kind: 77,
            version: 1
        }
    ));
    assert!(error.to_string().contains("kind 77, version 1"), "{error}");
}

#[test]
fn an_older_version_alone_is_refused_without_a_viewer_and_garbage_with_one() {
    let error = AccountEvent::view(2, 1, &[]).unwrap_err();
    assert!(matches!(
        error,
        ViewError::OlderVersion {
            kind: 2,
            version: 1
        }
    ));
    for bytes in [&[][..], &[0; 7], &[255; 24]] {
        let error = Viewer::default()
            .view::<AccountEvent>(2, 1, bytes)
            .unwrap_err();
        assert!(matches!(error, ViewError::Upcast(_)), "{error:?}");
    }
}

#[test]
fn an_event_near_the_limit_stays_readable_where_its_newer_version_is_longer() {
    let long = "x".repeat(ringlog::EVENT_BYTES_MAX - 64);
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<first::Accounts>::builder(directory.path())
        .open(|_| first::Accounts::default())
        .unwrap();
    pipeline
        .publisher()
        .publish(&first::noted(7, &long))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    let pipeline = open(directory.path());
    let length = pipeline.read(7, |state| state.longest_note).unwrap();
    assert_eq!(length, 2 * long.len());
}

#[test]
fn the_older_versions_do_not_change_the_fingerprint() {
    let types = AccountEvent::TYPES;
    assert!(
        types
            .iter()
            .all(|current| current.version == 3 || current.kind != 2)
    );
    assert_eq!(
        AccountEvent::OLDER_TYPES
            .iter()
            .map(|older| (older.kind, older.version))
            .collect::<Vec<_>>(),
        [(2, 1), (2, 2), (3, 1)]
    );
    // What a program publishes is the same whether it reads version 1, too.
    assert_eq!(
        ringlog::event::fingerprint(&types[..2]),
        ringlog::event::fingerprint(since_two::Event::TYPES)
    );
}

/// An `Event` that was written by hand, and is wrong about which version is the current one.
#[test]
fn a_viewer_never_shows_what_it_upcast_before() {
    struct Wrong;
    impl Event for Wrong {
        type View<'a> = &'a [u8];
        const TYPES: &'static [EventType] = AccountEvent::TYPES;
        const OLDER_TYPES: &'static [EventType] = AccountEvent::OLDER_TYPES;
        fn event_type(&self) -> &'static EventType {
            &Self::TYPES[1]
        }
        fn key(&self) -> u64 {
            0
        }
        fn time_ms(&self) -> Option<i64> {
            None
        }
        fn archive(&self, archiver: &mut Archiver) -> Result<(), ArchiveError> {
            deposited(1, 1, "EUR").archive(archiver)
        }
        fn view(kind: u16, version: u16, _: &[u8]) -> Result<&[u8], ViewError> {
            Err(ViewError::OlderVersion { kind, version })
        }
        fn upcast(kind: u16, version: u16, step: Upcast<'_>) -> Result<Stepped, UpcastCause> {
            AccountEvent::upcast(kind, version, step)
        }
    }
    let mut archiver = Archiver::default();
    let old = second::deposited(7, 1);
    let bytes = to_archive(&old, &mut archiver).unwrap();
    let mut viewer = Viewer::default();
    viewer.view::<AccountEvent>(2, 2, bytes).unwrap();
    for version in [3, 4] {
        let error = viewer.view::<Wrong>(2, version, bytes).unwrap_err();
        assert!(matches!(error, ViewError::UnknownType { .. }), "{error:?}");
    }
    let error = viewer.view::<Wrong>(2, 2, bytes).unwrap_err();
    assert!(matches!(error, ViewError::Upcast(_)), "{error:?}");
}

#[test]
fn apply_gets_the_recorded_meta() {
    #[derive(Default)]
    struct Metas(Vec<EventMeta>);
    impl State for Metas {
        type Event = AccountEvent;
        fn apply(&mut self, _: <AccountEvent as Event>::View<'_>, meta: &EventMeta) {
            self.0.push(*meta);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    journal_of_older_programs(directory.path());
    let mut recorded = Vec::new();
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    while let Some(event) = cursor.next_event().unwrap() {
        recorded.push(event.meta);
    }
    let pipeline = Pipeline::<Metas>::builder(directory.path())
        .open(|_| Metas::default())
        .unwrap();
    assert_eq!(pipeline.read(7, |metas| metas.0.clone()).unwrap(), recorded);
}
