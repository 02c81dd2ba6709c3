//! A journal of a few groups, for the models of what goes on beside it.

use std::io;
use std::sync::Arc;

use loom::sync::Notify;
use ringlog::internal::{Gate, Group, Journal, PATH, Preparer, Signal, Snapshotter, Writer};
use ringlog::journal::{Cursor, JournalReader, ReadError};
use ringlog::{ArchiveError, Archiver, Event, EventMeta, EventType, State, ViewError};
use ringlog_loom_tests::Memory;

/// Blocks of a segment with room for two groups.
const BLOCKS: u64 = 3;

/// A group of one event, which carries its own sequence.
pub fn event(sequence: u64) -> Group {
    Group::of_event(&sequence.to_le_bytes())
}

/// A journal, its writer and what belongs to it.
pub struct Written {
    pub memory: Memory,
    pub writer: Writer,
    pub reader: Arc<JournalReader>,
    pub preparer: Arc<Preparer>,
    pub journal: Journal,
}

impl Written {
    /// Creates a journal and writes the groups 1 to `groups`, each synced.
    pub fn new(groups: u64) -> Self {
        Self::with(groups, true, BLOCKS)
    }

    /// As [`new`](Self::new), with a sync for each group or not, and segments of so many blocks.
    pub fn with(groups: u64, sync_each: bool, blocks: u64) -> Self {
        let memory = Memory::new();
        let journal = Journal::open(memory.clone(), blocks);
        let preparer = Arc::new(journal.preparer());
        let writer = journal.writer(&preparer, sync_each);
        let reader = Arc::new(JournalReader::open_in(memory.clone(), PATH).unwrap());
        let mut written = Self {
            memory,
            writer,
            reader,
            preparer,
            journal,
        };
        written.commit(1, groups);
        written
    }

    pub fn commit(&mut self, from: u64, to: u64) {
        assert!((from..=to).all(|sequence| self.writer.commit(event(sequence))));
    }

    /// How many files the partition has whose names end so.
    pub fn files(&self, ending: &str) -> usize {
        let names = self.memory.names("journal/partition-0000".as_ref());
        names.iter().filter(|name| name.ends_with(ending)).count()
    }

    /// A snapshotter with an alarm on `wake`, whose states tell `saved` of each snapshot.
    pub fn snapshotter(
        &self,
        gate: &Gate,
        wake: &Signal,
        sync_each: bool,
        saved: Option<Arc<Notify>>,
    ) -> Snapshotter<Fold> {
        let memory = self.memory.clone();
        let fresh = move || Fold {
            last: 0,
            memory: Some(memory.clone()),
            saved: saved.clone(),
        };
        self.journal
            .snapshotter(gate, wake, &self.preparer, sync_each, fresh)
    }

    /// A snapshotter that nothing wakes.
    pub fn snapshots(&self) -> Snapshotter<Fold> {
        self.snapshotter(&Gate::new(&Signal::new()), &Signal::new(), true, None)
    }
}

/// Reads what there is behind `after`, in order, and asserts that each event is durable.
pub fn read_all(cursor: &mut Cursor, memory: &Memory, after: u64) -> Result<u64, ReadError> {
    let mut last = after;
    while let Some(event) = cursor.next_event()? {
        assert_eq!(event.meta.sequence, last + 1, "lost or doubled");
        assert_eq!(event.body, event.meta.sequence.to_le_bytes());
        last += 1;
        assert!(last <= memory.durable_sequence(), "{last} is not durable");
    }
    Ok(last)
}

/// An event that is its own sequence; it is only ever read.
#[derive(Debug)]
pub struct Sequence;

impl Event for Sequence {
    type View<'a> = u64;

    const TYPES: &'static [EventType] = &[EventType {
        kind: 1,
        version: 1,
        name: "sequence",
    }];

    fn event_type(&self) -> &'static EventType {
        &Self::TYPES[0]
    }

    fn key(&self) -> u64 {
        0
    }

    fn time_ms(&self) -> Option<i64> {
        None
    }

    fn archive(&self, _: &mut Archiver) -> Result<(), ArchiveError> {
        unreachable!("the models write groups")
    }

    fn view(_: u16, _: u16, bytes: &[u8]) -> Result<u64, ViewError> {
        Ok(u64::from_le_bytes(bytes.try_into().unwrap()))
    }

    unsafe fn view_trusted(kind: u16, version: u16, bytes: &[u8]) -> u64 {
        Self::view(kind, version, bytes).unwrap()
    }
}

/// The fold of such events: the last one, where none was missed.
#[derive(Default)]
pub struct Fold {
    pub last: u64,
    /// Where each event must be durable already.
    pub memory: Option<Memory>,
    /// Told of each snapshot.
    pub saved: Option<Arc<Notify>>,
}

impl State for Fold {
    type Event = Sequence;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: u64, meta: &EventMeta) {
        assert_eq!((event, meta.sequence), (self.last + 1, self.last + 1));
        self.last = event;
        if let Some(memory) = &self.memory {
            assert!(event <= memory.durable_sequence(), "{event} is not durable");
        }
    }

    fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
        if let Some(saved) = &self.saved {
            saved.notify();
        }
        out.write_all(&self.last.to_le_bytes())
    }

    fn load(&mut self, _: u32, from: &mut dyn io::Read) -> io::Result<()> {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        self.last = u64::from_le_bytes(bytes);
        Ok(())
    }
}
