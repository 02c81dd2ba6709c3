//! Journals that earlier programs wrote, read by this one: `tests/golden/README.md` says how they
//! came about. They are read for ever.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's; helpers of tests are tests"
)]

mod support;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ringlog::journal::{JournalReader, RecordedEvent};
use ringlog::snapshot::AsOf;
use ringlog::{Pipeline, State, Viewer};
use support::accounts::{AccountEvent, AccountView, Accounts, first, second};
use support::accounts::{deposited, first::ArchivedOwner, noted};

const BLOCK: usize = 4096;
const CURSOR: &str = "audit";

#[test]
fn every_golden_journal_is_read_as_it_was_written() {
    let mut count = 0;
    for entry in fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name.starts_with("accounts-") {
            let expected = fs::read_to_string(golden().join(format!("{name}.txt"))).unwrap();
            assert_eq!(look(&path), expected, "{name}");
            count += 1;
        }
    }
    assert!(count >= 1, "the golden journals are there");
}

/// `GOLDEN=accounts-2 cargo test --test golden_journals -- --ignored`
#[test]
#[ignore = "writes a new golden journal, once the format has changed"]
fn write_a_golden_journal() {
    let name = std::env::var("GOLDEN").expect("GOLDEN names the new journal");
    let target = golden().join(&name);
    assert!(
        name.starts_with("accounts-") && !target.exists(),
        "golden journals stay as they are"
    );
    let scratch = tempfile::tempdir().unwrap();
    write_journal(scratch.path());
    copy(scratch.path(), &target, trimmed);
    fs::write(golden().join(format!("{name}.txt")), look(&target)).unwrap();
}

/// What the programs of then and of now journal one after the other.
fn write_journal(path: &Path) {
    let pipeline = Pipeline::<first::Accounts>::builder(path)
        .open(|_| first::Accounts::default())
        .unwrap();
    let source = pipeline.source("feed").unwrap();
    let long = "Words that do not fit into the string itself. ".repeat(3);
    let events = [
        first::opened(7, "Ada"),
        first::opened(8, ""),
        first::deposited(7, 2),
        first::noted(7, "short"),
        first::noted(8, &long),
    ];
    let mut last = None;
    for (number, event) in (1..).zip(&events) {
        last = Some(source.publish(number, event).unwrap());
    }
    last.unwrap().wait().unwrap();
    drop(source);
    pipeline.close().unwrap();

    let pipeline = Pipeline::<second::Accounts>::builder(path)
        .open(|_| second::Accounts::default())
        .unwrap();
    let source = pipeline.source("feed").unwrap();
    source.publish(9, &second::opened(9, "Wheels Ltd")).unwrap();
    source
        .publish(10, &second::deposited(9, 1_234))
        .unwrap()
        .wait()
        .unwrap();
    drop(source);
    let other = pipeline.source("once").unwrap();
    other
        .publish(1, &second::deposited(8, 1))
        .unwrap()
        .wait()
        .unwrap();
    drop(other);
    pipeline.retire_source("once").unwrap();
    pipeline.close().unwrap();

    let pipeline = open(path);
    assert_eq!(pipeline.snapshot().unwrap()[0].sequence, 8);
    let publisher = pipeline.publisher();
    publisher.publish(&deposited(7, 99, "USD")).unwrap();
    publisher
        .publish(&noted(7, "tagged", &["one", "the second tag"]))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();

    let reader = JournalReader::open(path).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    for _ in 0..4 {
        cursor.next_event().unwrap().unwrap();
    }
    cursor.store(CURSOR).unwrap();
}

/// Everything that can be seen in a golden journal, as text.
fn look(golden: &Path) -> String {
    // A copy: an opening for writing changes the directory.
    let scratch = tempfile::tempdir().unwrap();
    let path = &scratch.path().join("journal");
    copy(golden, path, |_, bytes| bytes);
    let mut text = String::new();
    let reader = JournalReader::open(path).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let (mut folded, mut viewer) = (Accounts::default(), Viewer::default());
    while let Some(event) = cursor.next_event().unwrap() {
        line(&mut text, &event, &mut viewer);
        let view = event.view::<AccountEvent>(&mut viewer).unwrap();
        folded.apply(view, &event.meta);
    }
    writeln!(text, "totals: {:?}", cursor.totals().by_type()).unwrap();
    for (name, source) in cursor.sources() {
        let retired = if source.is_retired { ", retired" } else { "" };
        writeln!(
            text,
            "source {name}: id {}, last number {}{retired}",
            source.source_id, source.last_number
        )
        .unwrap();
    }
    let mut cursor = reader.named_cursor(0, CURSOR).unwrap();
    let next = cursor.next_event().unwrap().unwrap().meta.sequence;
    writeln!(text, "cursor {CURSOR}: goes on at {next}").unwrap();
    writeln!(text, "state: {folded:?}").unwrap();

    let (mut restored, mut cursor) = reader
        .restore(0, AsOf::LATEST, |_| Accounts::default())
        .unwrap();
    writeln!(text, "snapshot: {restored:?}").unwrap();
    while let Some(event) = cursor.next_event().unwrap() {
        restored.apply(
            event.view::<AccountEvent>(&mut viewer).unwrap(),
            &event.meta,
        );
    }
    assert_eq!(restored, folded);
    let as_of = AsOf {
        sequence: Some(0),
        ..AsOf::LATEST
    };
    let (fresh, _) = reader.restore(0, as_of, |_| Accounts::default()).unwrap();
    assert_eq!(fresh, Accounts::default());
    let report = reader.verify(|_| Ok(())).unwrap();
    let check = &report.partitions[0];
    assert!(
        check.error.is_none() && check.torn_tail.is_none(),
        "{check:?}"
    );
    assert!(
        check.damaged_snapshots.is_empty() && !check.control_unreadable,
        "{check:?}"
    );

    let pipeline = open(path);
    let found = &pipeline.start_report().partitions[0];
    assert!(
        found.rejected_snapshots.is_empty() && found.torn_tail.is_none(),
        "{found:?}"
    );
    writeln!(
        text,
        "opened: up to {}, from the snapshot of {:?}",
        found.last_sequence, found.snapshot_sequence
    )
    .unwrap();
    assert_eq!(pipeline.read_partition(0, Accounts::clone).unwrap(), folded);
    // It goes on: the source knows its numbers, and what is published comes behind.
    let receipt = pipeline
        .source("feed")
        .unwrap()
        .publish(10, &deposited(7, 1, "EUR"))
        .unwrap()
        .wait();
    receipt.unwrap();
    pipeline
        .publisher()
        .publish(&deposited(7, 1, "EUR"))
        .unwrap()
        .wait()
        .unwrap();
    let report = pipeline.close().unwrap();
    assert_eq!((report.events(), report.duplicates()), (1, 1));
    text
}

fn line(text: &mut String, event: &RecordedEvent<'_>, viewer: &mut Viewer) {
    let meta = &event.meta;
    let (kind, version, body) = (event.kind, event.version, event.body.len());
    let source = meta.source.map(|source| (source.source_id, source.number));
    let view = event.view::<AccountEvent>(viewer).unwrap();
    let content = match &view {
        AccountView::Opened(opened) => match &opened.owner {
            ArchivedOwner::Unknown => format!("account {}, owner unknown", opened.account),
            ArchivedOwner::Person(name) => format!("account {}, person {name:?}", opened.account),
            ArchivedOwner::Company { name, tax_number } => format!(
                "account {}, company {name:?}, tax number {:?}",
                opened.account,
                tax_number.as_ref().map(|number| number.to_native())
            ),
        },
        AccountView::Deposited(deposited) => format!(
            "account {}, cents {}, currency {:?}, at {}",
            deposited.account, deposited.cents, deposited.currency, deposited.at_ms
        ),
        AccountView::Noted(noted) => format!(
            "account {}, text {:?}, tags {:?}",
            noted.account,
            noted.text,
            noted
                .tags
                .iter()
                .map(|tag| (tag.0, tag.1.as_str()))
                .collect::<Vec<_>>()
        ),
    };
    writeln!(
        text,
        "event {}: {view:?}, kind {kind} version {version}, {body} bytes, key {}, event time {}, \
         journal time {}, source {source:?}\n  {content}",
        meta.sequence, meta.key, meta.event_time_ms, meta.journal_time_ns
    )
    .unwrap();
}

fn open(path: &Path) -> Pipeline<Accounts> {
    Pipeline::<Accounts>::builder(path)
        .open(|_| Accounts::default())
        .unwrap()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Copies a journal's directory, its files as `change` makes them.
fn copy(from: &Path, to: &Path, change: fn(&Path, Vec<u8>) -> Vec<u8>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target, change);
        } else if path.extension().is_none_or(|extension| extension != "tmp") {
            fs::write(target, change(&path, fs::read(&path).unwrap())).unwrap();
        }
    }
}

/// A segment without the zeros that were written ahead of its end: the end of the file means the same.
fn trimmed(path: &Path, mut bytes: Vec<u8>) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "seg") {
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.truncate(used.next_multiple_of(BLOCK));
    }
    bytes
}
