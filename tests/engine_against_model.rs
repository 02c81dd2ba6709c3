//! Random operations on randomly configured pipelines, on real files and threads, against a model
//! that fits on a page: what was published is in each partition's order, once, also after reopening.
//!
//! A failing case is shrunk, and its seed is kept in a file beside this one: `cargo test --test
//! engine_against_model` runs it again first.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's; helpers of tests are tests"
)]
#![forbid(unsafe_code)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use ringlog::journal::{JournalReader, ReadError};
use ringlog::snapshot::Retention;
use ringlog::source::{
    ContiguousOptions, ContiguousReceipt, ContiguousSource, HeldError, Source, SourcePublishError,
};
use ringlog::{Durability, EventMeta, Pipeline, Publisher, Receipt, State, Viewer, partition_of};
use support::{CounterEvent, CounterView, Noted};

const EXCLUSIVE: [&str; 2] = ["first", "second"];
const CONTIGUOUS: &str = "contiguous";
const FOLLOWER: &str = "follower";

/// What the state, the model and a reader know of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    sequence: u64,
    /// 0 for an event without a source.
    source_number: u64,
    key: u64,
    mark: i64,
    length: u64,
}

impl Entry {
    fn new(view: CounterView<'_>, meta: &EventMeta) -> Self {
        let CounterView::Noted(noted) = view else {
            panic!("only notes are published")
        };
        assert_eq!(meta.key, noted.counter.to_native());
        assert_eq!(meta.event_time_ms, noted.at_ms.to_native());
        assert!(noted.text.bytes().all(|byte| byte == b'x'));
        Self {
            sequence: meta.sequence,
            source_number: meta.source.map_or(0, |source| source.number),
            key: meta.key,
            mark: meta.event_time_ms,
            length: noted.text.len() as u64,
        }
    }
}

/// The state: everything that was applied.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Log(Vec<Entry>);

impl State for Log {
    type Event = CounterEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) {
        self.0.push(Entry::new(event, meta));
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|entry| {
            [
                entry.sequence,
                entry.source_number,
                entry.key,
                entry.mark.cast_unsigned(),
                entry.length,
            ]
            .iter()
            .try_for_each(|number| out.write_all(&number.to_le_bytes()))
        })
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        self.0 = bytes
            .chunks_exact(40)
            .map(|bytes| {
                let mut numbers = bytes.chunks_exact(8);
                let mut next = || u64::from_le_bytes(numbers.next().unwrap().try_into().unwrap());
                Entry {
                    sequence: next(),
                    source_number: next(),
                    key: next(),
                    mark: next().cast_signed(),
                    length: next(),
                }
            })
            .collect();
        Ok(())
    }
}

/// An event to publish.
#[derive(Debug, Clone)]
struct Note {
    key: u64,
    mark: i64,
    length: usize,
}

impl Note {
    fn event(&self) -> CounterEvent {
        Noted {
            counter: self.key,
            at_ms: self.mark,
            text: "x".repeat(self.length),
        }
        .into()
    }

    /// The event that a contiguous stream has under a number: always the same.
    fn numbered(number: u64) -> Self {
        Self {
            key: number * 7 % 11,
            mark: number.cast_signed(),
            length: number as usize % 300,
        }
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Publish(Note),
    /// Through an exclusive source, under a number that may be old.
    PublishNumbered(usize, u64, Note),
    /// Gives the handle of an exclusive source back, and takes a new one.
    NewHandle(usize),
    /// Through the contiguous source, in any order.
    PublishContiguous(u64),
    WaitForAll,
    LookAtState(u32),
    ReadJournal,
    /// Reads so many events behind a named cursor, and stores it.
    Follow(u32, usize),
    Snapshot,
    Close,
    Drop,
}

#[derive(Debug, Clone)]
struct Settings {
    partitions: u32,
    threads: usize,
    ring_slots: usize,
    group_bytes: usize,
    segment_bytes: u64,
    durability: Durability,
    retention: Retention,
}

impl Settings {
    fn open(&self, directory: &Path) -> Pipeline<Log> {
        Pipeline::<Log>::builder(directory)
            .partitions(self.partitions)
            .partition_threads(self.threads)
            .pin_threads(false)
            .ring_slots(self.ring_slots)
            .group_bytes(self.group_bytes)
            .segment_bytes(self.segment_bytes)
            .durability(self.durability)
            .retention(self.retention)
            .open(|_| Log::default())
            .unwrap()
    }

    fn is_journaled(&self) -> bool {
        self.durability != Durability::Memory
    }
}

/// All that must hold.
#[derive(Debug, Default)]
struct Model {
    partitions: Vec<ModelPartition>,
    /// The last number of each exclusive handle.
    handles: [u64; 2],
    /// Of the contiguous handle: the next number, and those held behind a gap.
    next: u64,
    held: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct ModelPartition {
    log: Vec<Entry>,
    last_numbers: BTreeMap<&'static str, u64>,
    /// Since opening.
    duplicates: u64,
    /// The last sequence that the follower stored, if it ever did: retention heeds it from then on.
    followed: Option<u64>,
}

impl Model {
    fn partition(&mut self, key: u64) -> &mut ModelPartition {
        let count = u32::try_from(self.partitions.len()).unwrap();
        &mut self.partitions[partition_of(key, count) as usize]
    }

    fn take(&mut self, note: &Note, source: Option<(&'static str, u64)>) {
        let partition = self.partition(note.key);
        if let Some((name, number)) = source {
            let last = partition.last_numbers.entry(name).or_default();
            if number <= *last {
                partition.duplicates += 1;
                return;
            }
            *last = number;
        }
        partition.log.push(Entry {
            sequence: partition.log.len() as u64 + 1,
            source_number: source.map_or(0, |(_, number)| number),
            key: note.key,
            mark: note.mark,
            length: note.length as u64,
        });
    }

    /// Takes a number of the contiguous stream, and whatever it closes the gap for; `false` for a
    /// duplicate.
    fn take_contiguous(&mut self, number: u64) -> bool {
        if number < self.next {
            self.partition(Note::numbered(number).key).duplicates += 1;
            return false;
        }
        let is_new = self.held.insert(number);
        while self.held.remove(&self.next) {
            self.take(&Note::numbered(self.next), Some((CONTIGUOUS, self.next)));
            self.next += 1;
        }
        is_new
    }
}

/// The engine beside its model, opened.
struct Engine {
    publisher: Publisher<CounterEvent>,
    exclusive: [Option<Source<CounterEvent>>; 2],
    contiguous: ContiguousSource<CounterEvent>,
    /// Numbers that came again to the contiguous handle.
    contiguous_duplicates: u64,
    receipts: Vec<Receipt<'static>>,
    numbered_receipts: Vec<(u64, ContiguousReceipt)>,
    pipeline: Pipeline<Log>,
}

impl Engine {
    fn open(settings: &Settings, directory: &Path, model: &mut Model) -> Self {
        let pipeline = settings.open(directory);
        if !settings.is_journaled() {
            *model = Model::default();
        }
        model
            .partitions
            .resize_with(settings.partitions as usize, ModelPartition::default);
        for (start, expected) in pipeline
            .start_report()
            .partitions
            .iter()
            .zip(&mut model.partitions)
        {
            assert_eq!(start.last_sequence, expected.log.len() as u64);
            assert!(start.rejected_snapshots.is_empty() && start.torn_tail.is_none());
            expected.duplicates = 0;
        }
        let options = ContiguousOptions {
            gap_timeout: Duration::from_secs(3600),
            ..ContiguousOptions::default()
        };
        let contiguous = pipeline.contiguous_source(CONTIGUOUS, options).unwrap();
        // It may go back to what it is not sure of, but never past what was not published.
        let next = contiguous.stats().next_number;
        assert!((1..=model.next.max(1)).contains(&next), "{next}");
        model.next = next;
        model.held.clear();
        model.handles = [0; 2];
        Self {
            publisher: pipeline.publisher(),
            exclusive: EXCLUSIVE.map(|name| Some(pipeline.source(name).unwrap())),
            contiguous,
            contiguous_duplicates: 0,
            receipts: Vec::new(),
            numbered_receipts: Vec::new(),
            pipeline,
        }
    }

    /// Waits for every event that is not held behind a gap.
    fn wait(&mut self, model: &Model) {
        for receipt in self.receipts.drain(..) {
            receipt.wait().unwrap();
        }
        let (held, released) = std::mem::take(&mut self.numbered_receipts)
            .into_iter()
            .partition(|(number, _)| model.held.contains(number));
        self.numbered_receipts = held;
        for (_, receipt) in Vec::from_iter::<Vec<(u64, ContiguousReceipt)>>(released) {
            assert!(!receipt.is_held());
            receipt.wait().unwrap();
        }
        assert!(
            self.numbered_receipts
                .iter()
                .all(|(_, receipt)| receipt.is_held())
        );
        let stats = self.contiguous.stats();
        assert_eq!(stats.next_number, model.next);
        assert_eq!(stats.held_events, model.held.len());
        assert_eq!(stats.duplicates, self.contiguous_duplicates);
    }

    fn run(
        &mut self,
        operation: &Operation,
        settings: &Settings,
        directory: &Path,
        model: &mut Model,
    ) {
        match operation {
            Operation::Publish(note) => {
                model.take(note, None);
                let receipt = self.publisher.publish(&note.event()).unwrap();
                self.receipts.push(receipt.detach());
            }
            Operation::PublishNumbered(index, number, note) => {
                let source = self.exclusive[*index].as_ref().unwrap();
                let published = source.publish(*number, &note.event());
                if *number <= model.handles[*index] {
                    let last = model.handles[*index];
                    assert!(matches!(published,
                        Err(SourcePublishError::OutOfOrder { number: refused, last: known })
                            if refused == *number && known == last));
                } else {
                    model.handles[*index] = *number;
                    model.take(note, Some((EXCLUSIVE[*index], *number)));
                    self.receipts.push(published.unwrap().detach());
                }
            }
            Operation::NewHandle(index) => {
                self.exclusive[*index] = None;
                self.exclusive[*index] = Some(self.pipeline.source(EXCLUSIVE[*index]).unwrap());
                model.handles[*index] = 0;
            }
            Operation::PublishContiguous(number) => {
                self.contiguous_duplicates += u64::from(!model.take_contiguous(*number));
                let event = Note::numbered(*number).event();
                let receipt = self.contiguous.publish(*number, &event).unwrap();
                self.numbered_receipts.push((*number, receipt));
            }
            Operation::WaitForAll => self.wait(model),
            Operation::LookAtState(partition) => {
                let partition = partition % settings.partitions;
                let state = self.pipeline.read_partition(partition, Log::clone).unwrap();
                assert_eq!(state.0, model.partitions[partition as usize].log);
            }
            Operation::ReadJournal => {
                self.wait(model);
                read_journal(settings, directory, model);
            }
            Operation::Follow(partition, count) => {
                self.wait(model);
                if settings.is_journaled() {
                    let partition = partition % settings.partitions;
                    let expected = &mut model.partitions[partition as usize];
                    follow(settings, directory, partition, *count, expected);
                }
            }
            Operation::Snapshot => {
                self.wait(model);
                let taken = self.pipeline.snapshot();
                assert_eq!(taken.is_ok(), settings.is_journaled(), "{taken:?}");
                if settings.durability == Durability::Sync {
                    for (report, expected) in taken.unwrap().iter().zip(&model.partitions) {
                        assert_eq!(report.sequence, expected.log.len() as u64);
                    }
                }
            }
            Operation::Close | Operation::Drop => unreachable!("they end the engine"),
        }
    }

    fn end(self, is_closed: bool, settings: &Settings, directory: &Path, model: &Model) {
        let Self {
            publisher,
            receipts,
            numbered_receipts,
            pipeline,
            ..
        } = self;
        if is_closed {
            let report = pipeline.close().unwrap();
            for (report, expected) in report.partitions.iter().zip(&model.partitions) {
                assert_eq!(report.last_sequence, expected.log.len() as u64);
                assert_eq!(report.duplicates, expected.duplicates);
            }
        } else {
            drop(pipeline);
        }
        assert!(publisher.publish(&Note::numbered(1).event()).is_err());
        receipts
            .into_iter()
            .for_each(|receipt| receipt.wait().unwrap());
        for (number, receipt) in numbered_receipts {
            match receipt.wait() {
                Ok(()) => assert!(!model.held.contains(&number)),
                Err(HeldError::Closed) => assert!(model.held.contains(&number)),
                Err(error) => panic!("{number}: {error}"),
            }
        }
        read_journal(settings, directory, model);
    }
}

/// What a reader from outside sees is what the model has, as far back as it is kept.
fn read_journal(settings: &Settings, directory: &Path, model: &Model) {
    if !settings.is_journaled() {
        assert!(JournalReader::open(directory).is_err());
        return;
    }
    let reader = JournalReader::open(directory).unwrap();
    for (partition, expected) in (0..).zip(&model.partitions) {
        let mut cursor = reader.cursor(partition).unwrap();
        let earliest = cursor.earliest().max(1);
        assert!(earliest == 1 || settings.retention != Retention::Everything);
        let (mut found, mut viewer) = (Vec::new(), Viewer::default());
        while let Some(event) = cursor.next_event().unwrap() {
            let view = event.view::<CounterEvent>(&mut viewer).unwrap();
            found.push(Entry::new(view, &event.meta));
        }
        assert_eq!(found, expected.log[earliest as usize - 1..]);
    }
}

fn follow(
    settings: &Settings,
    directory: &Path,
    partition: u32,
    count: usize,
    expected: &mut ModelPartition,
) {
    let reader = JournalReader::open(directory).unwrap();
    let (mut cursor, followed) = match (reader.named_cursor(partition, FOLLOWER), expected.followed)
    {
        (Err(ReadError::Retired { earliest, .. }), None) => {
            assert_ne!(settings.retention, Retention::Everything);
            let behind = earliest - 1;
            (reader.cursor_after(partition, behind).unwrap(), behind)
        }
        (cursor, followed) => (cursor.unwrap(), followed.unwrap_or(0)),
    };
    let (mut found, mut viewer) = (Vec::new(), Viewer::default());
    while found.len() < count
        && let Some(event) = cursor.next_event().unwrap()
    {
        let view = event.view::<CounterEvent>(&mut viewer).unwrap();
        found.push(Entry::new(view, &event.meta));
    }
    let Some(first) = found.first().map(|entry| entry.sequence as usize) else {
        return;
    };
    // What was not synced yet when it was stored may come again; nothing is passed over.
    let goes_on = first as u64 == followed + 1;
    let may_repeat = settings.durability == Durability::OsBuffer && first as u64 <= followed;
    assert!(goes_on || may_repeat, "{first} behind {followed}");
    assert_eq!(found, expected.log[first - 1..first - 1 + found.len()]);
    cursor.store(FOLLOWER).unwrap();
    expected.followed = Some(followed.max((first - 1 + found.len()) as u64));
}

fn note() -> impl Strategy<Value = Note> {
    let length = prop_oneof![
        20 => 0..300usize,
        2 => 300..5_000usize,
        1 => 20_000..250_000usize,
    ];
    (0..12u64, 0..1_000_000i64, length).prop_map(|(key, mark, length)| Note { key, mark, length })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => note().prop_map(Operation::Publish),
        8 => (0..2usize, 1..40u64, note()).prop_map(|(index, number, note)| {
            Operation::PublishNumbered(index, number, note)
        }),
        1 => (0..2usize).prop_map(Operation::NewHandle),
        10 => (1..25u64).prop_map(Operation::PublishContiguous),
        2 => Just(Operation::WaitForAll),
        2 => (0..4u32).prop_map(Operation::LookAtState),
        1 => Just(Operation::ReadJournal),
        2 => (0..4u32, 1..20usize).prop_map(|(partition, count)| Operation::Follow(partition, count)),
        1 => Just(Operation::Snapshot),
        1 => Just(Operation::Close),
        1 => Just(Operation::Drop),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let durability = prop_oneof![
        4 => Just(Durability::Sync),
        2 => Just(Durability::OsBuffer),
        1 => Just(Durability::Memory),
    ];
    let retention = prop_oneof![
        Just(Retention::Everything),
        Just(Retention::FromOldestSnapshot {
            cursor_lag_max: 1_000_000
        }),
    ];
    (
        1..=4u32,
        1..=2usize,
        prop_oneof![Just(4096usize), Just(16_384)],
        prop_oneof![Just(512 * 1024usize), Just(1024 * 1024)],
        prop_oneof![Just(1024 * 1024u64), Just(4 * 1024 * 1024)],
        durability,
        retention,
    )
        .prop_map(
            |(
                partitions,
                threads,
                ring_slots,
                group_bytes,
                segment_bytes,
                durability,
                retention,
            )| {
                Settings {
                    partitions,
                    threads,
                    ring_slots,
                    group_bytes,
                    segment_bytes,
                    durability,
                    retention,
                }
            },
        )
}

/// How many are tried: 40, or `PROPTEST_CASES`.
fn cases() -> u32 {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => 40,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_engine_does_what_its_model_does(
        settings in settings(),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("journal");
        let mut model = Model::default();
        let mut engine = Engine::open(&settings, &directory, &mut model);
        for operation in operations {
            if let Operation::Close | Operation::Drop = operation {
                let is_closed = matches!(operation, Operation::Close);
                engine.end(is_closed, &settings, &directory, &model);
                engine = Engine::open(&settings, &directory, &mut model);
            } else {
                engine.run(&operation, &settings, &directory, &mut model);
            }
        }
        engine.end(true, &settings, &directory, &model);
    }
}
