//! What an index finds is what a scan of the journal finds, whatever happened to either.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ringlog::index::{FindError, IndexBy, Merged, PartitionIndex, stable_hash};
use ringlog::journal::JournalReader;
use ringlog::snapshot::Retention;
use ringlog::{Pipeline, partition_of};
use support::accounts::{deposited, first, second, since_two};
use support::sums::Sums;
use support::{CounterEvent, CounterView, added, noted, segments};

const KEYS: u64 = 6;

/// An event as it was found: partition, sequence, key, archive.
type Seen = (u32, u64, u64, Vec<u8>);

fn open(directory: &Path, partitions: u32, retention: Retention) -> Pipeline<Sums<1>> {
    Pipeline::<Sums<1>>::builder(directory)
        .partitions(partitions)
        .segment_bytes(1024 * 1024)
        .retention(retention)
        .open(|_| Sums::default())
        .unwrap()
}

/// Publishes notes long enough to roll segments, for every key, and waits for them.
fn publish_long(pipeline: &Pipeline<Sums<1>>, notes: u64) {
    let publisher = pipeline.publisher();
    let receipts: Vec<_> = (0..notes)
        .map(|note| {
            let text = format!("{}{}", note % 3, "n".repeat(30_000));
            publisher.publish(&noted(note % KEYS, text)).unwrap()
        })
        .collect();
    for receipt in receipts {
        receipt.wait().unwrap();
    }
}

/// By the first letter of a note; additions have none.
fn by_letter() -> IndexBy {
    IndexBy::event::<CounterEvent>("letter", 1, |view| match view {
        CounterView::Noted(noted) => Some(stable_hash(&noted.text.as_bytes()[..1])),
        _ => None,
    })
}

fn letter_of(archive: &[u8], kind: u16) -> Option<u64> {
    use ringlog::Event;
    let mut aligned = ringlog::rkyv::util::AlignedVec::<16>::new();
    aligned.extend_from_slice(archive);
    match CounterEvent::view(kind, 1, &aligned).unwrap() {
        CounterView::Noted(noted) => Some(stable_hash(&noted.text.as_bytes()[..1])),
        _ => None,
    }
}

fn found(index: &PartitionIndex<'_>, number: u64) -> Result<Vec<Seen>, FindError> {
    let mut found = index.find(number)?;
    let mut seen = Vec::new();
    while let Some(event) = found.next_event()? {
        let meta = event.meta;
        seen.push((meta.partition, meta.sequence, meta.key, event.body.to_vec()));
    }
    assert!(found.next_event()?.is_none(), "the end is the end");
    Ok(seen)
}

/// Compares both indexes with a scan; returns how many events there are.
fn assert_equal_to_a_scan(directory: &Path) -> usize {
    let reader = JournalReader::open(directory).unwrap();
    let mut events = 0;
    for partition in 0..reader.partitions() {
        let (mut all, mut letters) = (Vec::new(), Vec::new());
        let mut cursor = reader.cursor(partition).unwrap();
        while let Some(event) = cursor.next_event().unwrap() {
            let meta = event.meta;
            letters.push(letter_of(event.body, event.kind));
            all.push((meta.partition, meta.sequence, meta.key, event.body.to_vec()));
        }
        events += all.len();
        let index = PartitionIndex::open(&reader, partition, &IndexBy::key(), || ()).unwrap();
        assert_eq!(index.earliest(), cursor.earliest());
        for key in 0..=KEYS {
            let expected: Vec<_> = all.iter().filter(|seen| seen.2 == key).cloned().collect();
            let seen = found(&index, key).unwrap();
            assert!(
                seen == expected,
                "key {key}: {} of {}",
                seen.len(),
                expected.len()
            );
        }
        let index = PartitionIndex::open(&reader, partition, &by_letter(), || ()).unwrap();
        for letter in ["0", "1", "2", "x"] {
            let hash = stable_hash(letter.as_bytes());
            let expected: Vec<_> = all
                .iter()
                .zip(&letters)
                .filter(|(_, letter)| **letter == Some(hash))
                .map(|(seen, _)| seen.clone())
                .collect();
            assert!(found(&index, hash).unwrap() == expected, "letter {letter}");
        }
    }
    events
}

/// The files of an index, in order.
fn index_files(directory: &Path, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory.join("index").join(name).join("partition-0000"))
    else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect();
    files.sort();
    files
}

#[derive(Debug, Clone)]
enum Operation {
    /// Additions to these keys.
    Publish(Vec<u64>),
    /// Enough to roll a segment.
    Bulk,
    Snapshot,
    Reopen,
    /// Looks beside the writer.
    Look,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => prop::collection::vec(0..KEYS, 1..40).prop_map(Operation::Publish),
        4 => Just(Operation::Bulk),
        3 => Just(Operation::Snapshot),
        1 => Just(Operation::Reopen),
        2 => Just(Operation::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn an_index_finds_what_a_scan_finds_with_retention_and_recycled_segments(
        operations in prop::collection::vec(operation(), 1..16),
        partitions in 1..3_u32,
        retires in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let retention = match retires {
            true => Retention::FromOldestSnapshot { cursor_lag_max: 0 },
            false => Retention::Everything,
        };
        let mut pipeline = open(directory.path(), partitions, retention);
        for operation in &operations {
            match operation {
                Operation::Publish(keys) => {
                    let publisher = pipeline.publisher();
                    for key in keys {
                        publisher.publish(&added(*key, 1)).unwrap().wait().unwrap();
                    }
                }
                Operation::Bulk => publish_long(&pipeline, 40 * u64::from(partitions)),
                Operation::Snapshot => drop(pipeline.snapshot().unwrap()),
                Operation::Reopen => {
                    pipeline.close().unwrap();
                    pipeline = open(directory.path(), partitions, retention);
                }
                Operation::Look => drop(assert_equal_to_a_scan(directory.path())),
            }
        }
        pipeline.close().unwrap();
        // Once to build what is missing, and once from what was kept.
        assert_equal_to_a_scan(directory.path());
        assert_equal_to_a_scan(directory.path());
    }
}

/// A journal of several segments.
fn journal_of_segments(directory: &Path) {
    let pipeline = open(directory, 1, Retention::Everything);
    publish_long(&pipeline, 140);
    pipeline.close().unwrap();
    assert!(segments(directory).len() >= 4);
}

#[test]
fn what_was_kept_is_not_built_again_and_what_is_new_is_added() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_segments(directory.path());
    let built = |expected: std::ops::Range<u64>| {
        let reader = JournalReader::open(directory.path()).unwrap();
        let mut events = 0;
        PartitionIndex::open(&reader, 0, &IndexBy::key(), || events += 1).unwrap();
        assert!(expected.contains(&events), "{events} events were added");
    };
    built(140..141);
    // All but the last segment has a file.
    assert_eq!(
        index_files(directory.path(), "key").len(),
        segments(directory.path()).len() - 1
    );
    built(0..40);
    let pipeline = open(directory.path(), 1, Retention::Everything);
    publish_long(&pipeline, 70);
    built(70..110);
    pipeline.close().unwrap();
    // One that is gone is built again, and the others are not.
    fs::remove_file(&index_files(directory.path(), "key")[1]).unwrap();
    built(1..80);
    assert_eq!(assert_equal_to_a_scan(directory.path()), 210);
}

#[test]
fn files_of_retired_segments_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let retiring = Retention::FromOldestSnapshot { cursor_lag_max: 0 };
    let pipeline = open(directory.path(), 1, retiring);
    for _ in 0..4 {
        publish_long(&pipeline, 80);
        assert_equal_to_a_scan(directory.path());
        pipeline.snapshot().unwrap();
    }
    publish_long(&pipeline, 80);
    assert_equal_to_a_scan(directory.path());
    pipeline.close().unwrap();
    let kept = index_files(directory.path(), "key").len();
    assert!(
        kept > 0 && kept < segments(directory.path()).len(),
        "{kept} files"
    );
    assert!(
        JournalReader::open(directory.path())
            .unwrap()
            .cursor(0)
            .unwrap()
            .earliest()
            > 1
    );
}

#[test]
fn a_flipped_bit_in_a_file_is_noticed_and_the_file_is_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_segments(directory.path());
    assert_equal_to_a_scan(directory.path());
    let files = index_files(directory.path(), "key");
    let sound = fs::read(&files[1]).unwrap();
    // Every bit of the header's fields, and some of the blocks and the fences.
    let used = (0..128 * 8).chain((0..600).map(|step| 4096 * 8 + step * 53));
    for bit in used.filter(|bit| bit / 8 < sound.len()).step_by(17) {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&files[1], &damaged).unwrap();
        let reader = JournalReader::open(directory.path()).unwrap();
        let scan = PartitionIndex::none(&reader, 0, &IndexBy::key()).unwrap();
        let index = PartitionIndex::open(&reader, 0, &IndexBy::key(), || ()).unwrap();
        for key in 0..KEYS {
            assert_eq!(
                found(&index, key).unwrap(),
                found(&scan, key).unwrap(),
                "bit {bit}"
            );
        }
    }
    for bytes in [
        &[][..],
        &sound[..4096],
        &sound[..sound.len() - 1],
        &[0; 9000],
    ] {
        fs::write(&files[1], bytes).unwrap();
        assert_equal_to_a_scan(directory.path());
        assert_eq!(
            fs::read(&files[1]).unwrap().len(),
            sound.len(),
            "built anew"
        );
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn the_index_of_another_journal_or_of_a_segments_other_life_is_not_believed() {
    let place = tempfile::tempdir().unwrap();
    let (first, second, fork) = (
        place.path().join("first"),
        place.path().join("second"),
        place.path().join("fork"),
    );
    journal_of_segments(&first);
    let pipeline = open(&second, 1, Retention::Everything);
    publish_long(&pipeline, 139);
    pipeline
        .publisher()
        .publish(&added(2, 2))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    // A fork has the same journal id, and segments of the same names with other salts.
    copy_all(&first, &fork);
    for (directory, key) in [(&first, 0), (&fork, 1)] {
        let pipeline = open(directory, 1, Retention::Everything);
        pipeline
            .publisher()
            .publish(&added(key, 1))
            .unwrap()
            .wait()
            .unwrap();
        publish_long(&pipeline, 100);
        pipeline.close().unwrap();
        assert_equal_to_a_scan(directory);
    }
    for foreign in [&second, &fork] {
        assert_equal_to_a_scan(foreign);
        fs::remove_dir_all(first.join("index")).unwrap();
        copy_all(&foreign.join("index"), &first.join("index"));
        assert_equal_to_a_scan(&first);
    }
}

#[test]
fn a_definition_of_another_version_is_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_segments(directory.path());
    let reader = JournalReader::open(directory.path()).unwrap();
    let by = |version, number| {
        IndexBy::event::<CounterEvent>("constant", version, move |_| Some(number))
    };
    for (version, number) in [(1, 5), (2, 6)] {
        let index = PartitionIndex::open(&reader, 0, &by(version, number), || ()).unwrap();
        assert_eq!(found(&index, number).unwrap().len(), 140);
        assert_eq!(found(&index, 11 - number).unwrap().len(), 0);
    }
}

fn is_sound(directory: &Path) -> bool {
    let reader = JournalReader::open(directory).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    loop {
        match cursor.next_event() {
            Ok(Some(_)) => {}
            ended => return ended.is_ok(),
        }
    }
}

#[test]
fn damage_in_the_journal_is_an_error_and_never_a_wrong_event() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_segments(directory.path());
    assert_equal_to_a_scan(directory.path());
    let path = &segments(directory.path())[1];
    let sound = fs::read(path).unwrap();
    let expected: Vec<Vec<Seen>> = {
        let reader = JournalReader::open(directory.path()).unwrap();
        let scan = PartitionIndex::none(&reader, 0, &IndexBy::key()).unwrap();
        (0..KEYS).map(|key| found(&scan, key).unwrap()).collect()
    };
    let (mut errors, mut flips) = (0, 0);
    for byte in (5000..1_000_000).step_by(140_013) {
        let mut damaged = sound.clone();
        damaged[byte] ^= 4;
        fs::write(path, &damaged).unwrap();
        // The padding behind a group means nothing.
        if is_sound(directory.path()) {
            continue;
        }
        flips += 1;
        for is_kept in [true, false] {
            if !is_kept {
                fs::remove_dir_all(directory.path().join("index")).unwrap();
            }
            let reader = JournalReader::open(directory.path()).unwrap();
            let index = PartitionIndex::open(&reader, 0, &IndexBy::key(), || ()).unwrap();
            for (key, expected) in (0..).zip(&expected) {
                let mut found = index.find(key).unwrap();
                let mut seen = 0;
                let ended = loop {
                    match found.next_event() {
                        Ok(Some(event)) => {
                            assert_eq!(event.meta.sequence, expected[seen].1);
                            assert_eq!(event.body, expected[seen].3);
                            seen += 1;
                        }
                        ended => break ended.map(|_| ()),
                    }
                };
                match ended {
                    Ok(()) => assert!(is_kept && seen == expected.len()),
                    Err(error) => {
                        assert!(error.is_corruption(), "{error}");
                        errors += 1;
                    }
                }
            }
        }
        fs::write(path, &sound).unwrap();
        assert_equal_to_a_scan(directory.path());
    }
    // Without an index every key meets the damage.
    assert!(
        flips > 2 && errors > flips * KEYS,
        "{flips} flips, {errors} errors"
    );
}

#[test]
fn a_journal_whose_first_segment_is_lost_is_refused_also_where_an_index_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_segments(directory.path());
    assert_equal_to_a_scan(directory.path());
    fs::remove_file(&segments(directory.path())[0]).unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let index = PartitionIndex::open(&reader, 0, &IndexBy::key(), || ()).unwrap();
    assert!(found(&index, 1).unwrap_err().is_corruption());
}

#[test]
fn the_long_tail_of_a_last_segment_is_kept_and_grows_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<Sums<1>>::builder(directory.path())
        .open(|_| Sums::<1>::default())
        .unwrap();
    let publisher = pipeline.publisher();
    let mut published = 0;
    let mut publish = |count: u64| {
        let mut receipt = None;
        for _ in 0..count {
            published += 1;
            receipt = Some(
                publisher
                    .publish(&added(published % 1000, published))
                    .unwrap(),
            );
        }
        receipt.unwrap().wait().unwrap();
    };
    let mut sizes = Vec::new();
    let by = IndexBy::key();
    for count in [70_000, 5, 70_000, 30_000, 300_000] {
        publish(count);
        let reader = JournalReader::open(directory.path()).unwrap();
        let mut added_events = 0;
        let index = PartitionIndex::open(&reader, 0, &by, || added_events += 1).unwrap();
        let scan = PartitionIndex::none(&reader, 0, &by).unwrap();
        for key in [0, 5, 999, 1000] {
            assert_eq!(found(&index, key).unwrap(), found(&scan, key).unwrap());
        }
        sizes.push((index_files(directory.path(), "key").len(), added_events));
    }
    pipeline.close().unwrap();
    // What is short is read again each time, what is long is kept; and no segment has two files.
    assert!(sizes[1].1 < 70_000, "{sizes:?}");
    assert!(
        sizes.last().unwrap().0 <= segments(directory.path()).len(),
        "{sizes:?}"
    );
    assert!(sizes[0].0 >= 1, "{sizes:?}");
}

#[test]
fn events_of_several_partitions_come_by_their_journal_time() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 3, Retention::Everything);
    let publisher = pipeline.publisher();
    let mut order = Vec::new();
    for number in 0..60 {
        let key = number * 7 % 11;
        let text = format!("{}.{number}", number % 2);
        publisher
            .publish(&noted(key, text))
            .unwrap()
            .wait()
            .unwrap();
        if number % 2 == 1 {
            order.push((partition_of(key, 3), key));
        }
    }
    pipeline.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let by = by_letter();
    let indexes: Vec<_> = (0..3)
        .map(|partition| PartitionIndex::open(&reader, partition, &by, || ()).unwrap())
        .collect();
    let mut merged = Merged::find(&indexes, stable_hash(b"1")).unwrap();
    let mut seen = Vec::new();
    while let Some(event) = merged.next_event().unwrap() {
        seen.push((event.meta.partition, event.meta.key));
    }
    assert!(merged.next_event().unwrap().is_none());
    assert_eq!(seen, order);
}

/// A program with the same types as [`since_two`] that can read the first version of a deposit.
mod since_one {
    use super::support::accounts::{Deposited, first, second};

    ringlog::events! {
        #[derive(Debug)]
        pub enum Event, view View {
            Opened(first::Opened) = 1, "account.opened", version 1, key account;
            Deposited(Deposited) = 2, "account.deposited", version 3, key account, time at_ms,
                from 1: first::DepositedV1 => second::DepositedV2::from_v1,
                from 2: second::DepositedV2 => Deposited::from_v2;
        }
    }
}

/// The deposits of an account.
fn by_account() -> IndexBy {
    IndexBy::event::<since_one::Event>("account", 1, |view| match view {
        since_one::View::Deposited(deposited) => Some(deposited.account.into()),
        _ => None,
    })
}

/// As [`by_account`], of a program that cannot read the first version of a deposit.
fn by_account_since_two() -> IndexBy {
    IndexBy::event::<since_two::Event>("account", 1, |view| match view {
        since_two::View::Deposited(deposited) => Some(deposited.account.into()),
        _ => None,
    })
}

/// A journal with deposits in each version; not in the current one where it cannot be upcast to. It
/// has several segments, and the first one has all deposits in the first version.
fn journal_of_three_versions(directory: &Path, cents: u64) {
    let long = "n".repeat(30_000);
    macro_rules! publish {
        ($state:ty, $events:expr) => {
            let pipeline = Pipeline::<$state>::builder(directory)
                .segment_bytes(1024 * 1024)
                .open(|_| <$state>::default())
                .unwrap();
            let publisher = pipeline.publisher();
            for event in $events {
                publisher.publish(&event).unwrap().wait().unwrap();
            }
            pipeline.close().unwrap();
        };
    }
    let long_ones = (0..40).map(|_| first::opened(7, &long));
    publish!(
        first::Accounts,
        [first::deposited(7, 2), first::deposited(8, 3)]
            .into_iter()
            .chain(long_ones)
    );
    let long_ones = (0..80).map(|_| second::opened(7, &long));
    publish!(
        second::Accounts,
        [second::deposited(7, cents)].into_iter().chain(long_ones)
    );
    // The current program recovers by upcasting.
    if cents != second::WITHOUT_UPCAST {
        publish!(support::accounts::Accounts, [deposited(7, 4, "EUR")]);
    }
}

#[test]
fn an_index_of_a_program_that_could_not_read_a_version_hides_nothing_from_one_that_can() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_three_versions(directory.path(), 50);
    let reader = JournalReader::open(directory.path()).unwrap();
    for _ in 0..2 {
        let index = PartitionIndex::open(&reader, 0, &by_account_since_two(), || ()).unwrap();
        assert_eq!(found(&index, 7).unwrap().len(), 2);
        assert_eq!(index.unknown(), 2);
        let index = PartitionIndex::open(&reader, 0, &by_account(), || ()).unwrap();
        assert_eq!(index.unknown(), 0);
        assert_eq!(found(&index, 7).unwrap().len(), 3);
    }
}

#[test]
fn a_stretch_with_events_of_unknown_versions_is_not_kept_and_two_programs_keep_their_own_files() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_three_versions(directory.path(), 50);
    let reader = JournalReader::open(directory.path()).unwrap();
    // The last one still grows.
    let whole = segments(directory.path()).len() - 1;
    assert!(whole > 2);
    let kept_after = |by: &IndexBy| {
        drop(PartitionIndex::open(&reader, 0, by, || ()).unwrap());
        index_files(directory.path(), "account").len()
    };
    assert_eq!(kept_after(&by_account_since_two()), whole - 1);
    assert_eq!(kept_after(&by_account()), whole - 1 + whole);
    let mut added = 0;
    let last = by_account();
    drop(PartitionIndex::open(&reader, 0, &by_account_since_two(), || ()).unwrap());
    drop(PartitionIndex::open(&reader, 0, &last, || added += 1).unwrap());
    assert!(added < 40, "{added} events were added again");
}

#[test]
fn an_event_that_cannot_be_upcast_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    journal_of_three_versions(directory.path(), second::WITHOUT_UPCAST);
    let reader = JournalReader::open(directory.path()).unwrap();
    for _ in 0..2 {
        let index = PartitionIndex::open(&reader, 0, &by_account(), || ()).unwrap();
        let mut found = index.find(7).unwrap();
        assert_eq!(found.next_event().unwrap().unwrap().meta.sequence, 1);
        match found.next_event() {
            Err(FindError::View {
                partition: 0,
                sequence: 43,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
}
