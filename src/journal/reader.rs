//! Reading a journal, also while its writer is running.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::control::{ControlRead, ControlWord};
use super::directory::{Directory, has_writer, list_segments, partition_dir, read_metadata};
use super::error::ReadError;
use super::format::{Damage, Frames, Metadata, Position};
use super::history::{History, Step};
use super::marks::{Mark, is_cursor_name, read_mark, store_mark};
use super::salvage::Gap;
use crate::canary::{Canary, is_planted};
use crate::event::{Event, EventMeta, State, ViewError, Viewer};
use crate::snapshot::{self, AsOf, RestoreError, Restored, Tables, Totals};
use crate::source::SourceInfo;
use crate::storage::{BLOCK_BYTES, Files, OpenMode, Storage};
use crate::sync::Arc;

/// A journal's directory, opened for reading only.
///
/// It does not take the directory's lock, and never changes what the writer reads. What is built on
/// it writes beside that: named cursors their marks, [indexes](crate::index) and
/// [read models](crate::projection) files of their own.
///
/// Beside a running writer it shows what is durable (with
/// [`Durability::OsBuffer`](crate::Durability::OsBuffer): what the kernel has), up to the writer's
/// control word, and never an event that recovery could take back.
#[derive(Debug)]
pub struct JournalReader {
    pub(crate) storage: Arc<dyn Storage>,
    path: PathBuf,
    metadata: Metadata,
}

/// One event as the journal holds it.
#[derive(Debug, Clone, Copy)]
pub struct RecordedEvent<'a> {
    /// The engine's facts about it.
    pub meta: EventMeta,
    /// The type's kind number.
    pub kind: u16,
    /// The version of the type's layout, as it was recorded.
    pub version: u16,
    /// The archive.
    pub body: &'a [u8],
}

impl<'a> RecordedEvent<'a> {
    /// The event as the program's type, validated; one of an older version upcast, in the memory of
    /// `viewer`.
    ///
    /// # Errors
    ///
    /// [`ViewError`] when the program does not know the type, the bytes are not of it, or its
    /// upcaster failed.
    #[inline]
    pub fn view<'s, E: Event>(&self, viewer: &'s mut Viewer) -> Result<E::View<'s>, ViewError>
    where
        'a: 's,
    {
        viewer.view::<E>(self.kind, self.version, self.body)
    }
}

impl JournalReader {
    /// Opens the journal in `path`.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotAJournal`], [`ReadError::NewerFormat`], or [`ReadError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::open_in(Files, path)
    }

    /// As [`open`](Self::open), in any storage.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(storage: impl Storage, path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let path = path.as_ref().to_owned();
        let metadata =
            read_metadata(&*storage, &path)?.ok_or_else(|| ReadError::no_journal(&path))?;
        Ok(Self {
            storage,
            path,
            metadata,
        })
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.metadata.partitions
    }

    /// Whether a writer has it open at this moment.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn has_writer(&self) -> Result<bool, ReadError> {
        has_writer(&*self.storage, &self.path)
    }

    /// The events of `partition` from the first one on that is still there.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: also where the partition's folder is missing. Other corruption shows where the
    /// cursor comes to it.
    pub fn cursor(&self, partition: u32) -> Result<Cursor, ReadError> {
        self.cursor_behind(partition, None, Tables::default())
    }

    /// The events of `partition` behind `sequence`, the last one that was handled.
    ///
    /// # Errors
    ///
    /// [`ReadError::Retired`] where the next one is no longer there; else as
    /// [`cursor`](Self::cursor).
    pub fn cursor_after(&self, partition: u32, sequence: u64) -> Result<Cursor, ReadError> {
        let mut cursor = self.cursor(partition)?;
        cursor.require(sequence + 1)?;
        cursor.skip_to = sequence + 1;
        Ok(cursor)
    }

    /// The events behind what the cursor `name` [stored](Cursor::store) last; from the first one on
    /// where it never stored anything.
    ///
    /// # Errors
    ///
    /// [`ReadError::Retired`] where the next one is no longer there: the cursor lagged too far
    /// behind and was expired. [`ReadError::CursorName`]; else as [`cursor`](Self::cursor).
    pub fn named_cursor(&self, partition: u32, name: &str) -> Result<Cursor, ReadError> {
        check_name(name)?;
        let directory = self.partition_dir(partition);
        let mark = read_mark(
            &*self.storage,
            &directory,
            partition,
            self.journal_id(),
            name,
        )?;
        match mark {
            Some(mark) => self.cursor_at(partition, &mark),
            None => self.cursor_after(partition, 0),
        }
    }

    /// The events behind what was handled at `mark`.
    pub(crate) fn cursor_at(&self, partition: u32, mark: &Mark) -> Result<Cursor, ReadError> {
        let directory = self.partition_dir(partition);
        let first = list_segments(&*self.storage, &directory)?
            .and_then(|segments| segments.first().cloned())
            .filter(|first| first.first_group > mark.position.group + 1);
        // Groups without events may have been retired between the mark and what is left.
        let position = match first {
            Some(first) if first.first_sequence > mark.sequence + 1 => {
                return Err(ReadError::Retired {
                    partition,
                    earliest: first.first_sequence,
                });
            }
            Some(_) => None,
            None => Some(mark.position),
        };
        let mut cursor = self.cursor_behind(partition, position, Tables::default())?;
        cursor.skip_to = mark.sequence + 1;
        Ok(cursor)
    }

    /// The newest state of `partition` up to `as_of` that a snapshot gives, and a cursor behind it;
    /// where the whole history is there and no snapshot serves, the fresh state and a cursor from the
    /// beginning. Applying those events that the cursor yields and that are not behind `as_of` gives
    /// the state of that moment.
    ///
    /// # Errors
    ///
    /// [`ReadError::Retired`] where segments were retired and no snapshot serves: the moment is
    /// before the oldest kept one, or this program cannot use them; else as
    /// [`cursor`](Self::cursor).
    pub fn restore<S: State>(
        &self,
        partition: u32,
        as_of: AsOf,
        mut fresh: impl FnMut(u32) -> S,
    ) -> Result<(S, Cursor), ReadError> {
        let directory = self.partition_dir(partition);
        let restored = snapshot::restore(
            &self.storage,
            &directory,
            partition,
            self.journal_id(),
            as_of,
            &mut fresh,
        );
        let Restored {
            state,
            tables,
            header,
            rejected,
        } = restored.map_err(|error| match error {
            RestoreError::Read(error) => error,
            RestoreError::NoSnapshot { earliest, rejected } => {
                for rejected in rejected {
                    tracing::error!(partition, %rejected, "a snapshot cannot be used");
                }
                ReadError::Retired {
                    partition,
                    earliest,
                }
            }
        })?;
        for rejected in rejected {
            tracing::warn!(partition, %rejected, "a snapshot cannot be used");
        }
        let after = header.map(|header| header.position());
        let cursor = self.cursor_behind(partition, after, tables)?;
        if after.is_none() {
            // A writer may have retired segments since the history looked complete.
            cursor.require(1)?;
        }
        Ok((state, cursor))
    }

    /// The groups of `partition` behind `after`, or from the first one on.
    pub(crate) fn history(
        &self,
        partition: u32,
        after: Option<&Position>,
    ) -> Result<History, ReadError> {
        let mut history = History::open(
            &self.storage,
            &self.partition_dir(partition),
            partition,
            self.journal_id(),
            OpenMode::Read,
            after,
        )?;
        // Beside a writer the control word is true, and what lies behind it is none of ours.
        if !self.has_writer()? {
            history.search_behind_damage()?;
        }
        Ok(history)
    }

    /// As [`cursor_after`](Self::cursor_after), but nothing is read in front of the segment that
    /// holds the next event.
    pub(crate) fn cursor_from(&self, partition: u32, sequence: u64) -> Result<Cursor, ReadError> {
        let directory = self.partition_dir(partition);
        let segments = list_segments(&*self.storage, &directory)?.unwrap_or_default();
        let start = segments
            .iter()
            .rfind(|segment| segment.first_sequence <= sequence + 1)
            .map(|segment| Position {
                group: segment.first_group - 1,
                sequence: segment.first_sequence - 1,
                segment_first_group: segment.first_group,
                byte: BLOCK_BYTES as u64,
            });
        let mut cursor = self.cursor_behind(partition, start, Tables::default())?;
        cursor.require(sequence + 1)?;
        cursor.skip_to = sequence + 1;
        Ok(cursor)
    }

    pub(crate) fn cursor_behind(
        &self,
        partition: u32,
        after: Option<Position>,
        tables: Tables,
    ) -> Result<Cursor, ReadError> {
        let directory = self.partition_dir(partition);
        let history = self.history(partition, after.as_ref())?;
        let before_group = history.reached();
        Ok(Cursor {
            storage: Arc::clone(&self.storage),
            partition,
            journal_id: self.journal_id(),
            directory,
            before_group,
            synced_end: before_group,
            read_end: before_group,
            is_synced: true,
            history,
            offset: 0,
            next_sequence: before_group.sequence + 1,
            skip_to: 0,
            tables,
            damaged: Damaged::No,
            is_refresh_due: false,
        })
    }

    /// The last sequence of `partition` that its writer acknowledged, by the control word; `None`
    /// where there is none to be believed. After a power cut the journal may hold more.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn acknowledged_sequence(&self, partition: u32) -> Result<Option<u64>, ReadError> {
        let directory = self.partition_dir(partition);
        match ControlWord::read(&*self.storage, &directory)
            .map_err(ReadError::io("read the control word in", &directory))?
        {
            ControlRead::Present(word) => Ok(Some(word.acknowledged_sequence)),
            ControlRead::Absent | ControlRead::Unreadable => Ok(None),
        }
    }

    /// How many segments `partition` has, and the bytes they take on the file system.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn segments(&self, partition: u32) -> Result<(u64, u64), ReadError> {
        let directory = self.partition_dir(partition);
        let (mut count, mut bytes) = (0, 0);
        for segment in
            super::directory::list_segments(&*self.storage, &directory)?.unwrap_or_default()
        {
            let path = directory.join(&segment.name);
            let file = match self.storage.open(&path, OpenMode::Read) {
                // Retired since the listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.map_err(ReadError::io("open", &path))?,
            };
            bytes += file.len().map_err(ReadError::io("measure", &path))?;
            count += 1;
        }
        Ok((count, bytes))
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// A reader of the journal that this process has open.
    pub(crate) fn beside(directory: &Directory) -> Self {
        Self {
            storage: Arc::clone(&directory.storage),
            path: directory.path.clone(),
            metadata: directory.metadata.clone(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn journal_id(&self) -> [u64; 2] {
        self.metadata.journal_id
    }

    pub(crate) fn partition_dir(&self, partition: u32) -> PathBuf {
        partition_dir(&self.path, partition)
    }
}

/// Walks the events of one partition in order. Memory is bounded by the longest group.
#[derive(Debug)]
pub struct Cursor {
    storage: Arc<dyn Storage>,
    partition: u32,
    journal_id: [u64; 2],
    directory: PathBuf,
    /// The place in front of the current group.
    before_group: Position,
    history: History,
    /// Where in the current group the next frame starts.
    offset: usize,
    next_sequence: u64,
    /// The place behind the last group with frames that is known to be synced, and whether that is
    /// the last group with frames at all.
    synced_end: Position,
    is_synced: bool,
    /// The place behind the last group with frames.
    read_end: Position,
    /// Events below this sequence are passed over.
    skip_to: u64,
    tables: Tables,
    damaged: Damaged,
    /// Whether to look again how far the journal goes before the next group is read.
    is_refresh_due: bool,
}

/// Where in the current group an event lies.
#[derive(Debug)]
struct Place {
    meta: EventMeta,
    kind: u16,
    version: u16,
    body: Range<usize>,
}

/// Whether the last call of [`Cursor::next_event`] met damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damaged {
    No,
    /// Where a group was expected.
    BetweenGroups,
    /// In the frames of a group whose checksum is right.
    InGroup,
    /// And nothing sound follows it: the reading ended there.
    ToTheEnd,
}

impl Cursor {
    /// The sequence that the next event has, be it there yet or not.
    #[cfg(feature = "sim")]
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The next event; `None` where the journal ends for now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corruption`] where something that was durable cannot be read, the same at every
    /// call until [`skip_damage`](Self::skip_damage); or [`ReadError::Io`].
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, ReadError> {
        if self.damaged == Damaged::ToTheEnd {
            return Ok(None);
        }
        loop {
            if let Some(place) = self.place_in_group()? {
                return Ok(Some(self.recorded(place)));
            }
            if !self.enter_group()? {
                return Ok(None);
            }
        }
    }

    /// As [`next_event`](Self::next_event), but reads nothing: `None` at the end of the group that is
    /// in memory.
    pub(crate) fn next_in_group(&mut self) -> Result<Option<RecordedEvent<'_>>, ReadError> {
        Ok(self.place_in_group()?.map(|place| self.recorded(place)))
    }

    /// Goes on to the next event in the current group.
    fn place_in_group(&mut self) -> Result<Option<Place>, ReadError> {
        loop {
            let mut frames = Frames::resume(self.history.frames(), self.offset);
            let frame = match frames.next() {
                Ok(frame) => frame,
                Err(damage) => return Err(self.damaged_group(damage)),
            };
            let Some(frame) = frame else {
                return Ok(None);
            };
            self.offset = frames.offset();
            self.tables.replay(&frame);
            if frame.header.is_control() {
                continue;
            }
            let meta = frame.header.meta(self.partition, self.next_sequence);
            self.next_sequence += 1;
            if meta.sequence < self.skip_to {
                continue;
            }
            let bytes = frame.header.length as usize;
            let start =
                self.offset - super::format::frame_bytes(bytes) + super::format::FrameHeader::BYTES;
            return Ok(Some(Place {
                meta,
                kind: frame.header.kind,
                version: frame.header.version,
                body: start..start + bytes,
            }));
        }
    }

    /// The event at a place, with its body borrowed anew: the borrow checker cannot see that a frame
    /// which is found in a loop is returned, not kept for the next round.
    fn recorded(&self, place: Place) -> RecordedEvent<'_> {
        RecordedEvent {
            meta: place.meta,
            kind: place.kind,
            version: place.version,
            body: self.history.frames().get(place.body).unwrap_or_default(),
        }
    }

    /// Goes on to the next group; `false` where the journal ends for now.
    fn enter_group(&mut self) -> Result<bool, ReadError> {
        if self.next_sequence != self.history.expected_sequence {
            return Err(self.damaged_group(Damage::OutOfRange("event count")));
        }
        if self.is_refresh_due {
            self.refresh()?;
        }
        self.offset = 0;
        let limit = match is_planted(Canary::ReaderIgnoresTheLimit) {
            false => self.history.acknowledged_group,
            true => u64::MAX,
        };
        self.before_group = self.history.reached();
        match self.history.step(limit) {
            Ok(Step::Group(header)) => {
                self.next_sequence = header.first_sequence;
                // A group without frames may be given up by an opening, and its number given again.
                if header.length > 0 {
                    self.read_end = self.history.reached();
                    self.is_synced = header.group <= self.history.witnessed_group;
                    if self.is_synced {
                        self.synced_end = self.history.reached();
                    }
                }
                Ok(true)
            }
            Ok(Step::End | Step::Torn(_)) => {
                self.history.leave_group();
                Ok(false)
            }
            Err(error) => {
                self.history.leave_group();
                if let ReadError::Corruption(_) = error {
                    self.damaged = Damaged::BetweenGroups;
                }
                Err(error)
            }
        }
    }

    /// Salvage: after a [`ReadError::Corruption`], moves behind the damage to the next sound group
    /// in journal order, in the same segment or a later one, and says which events were lost.
    /// [`next_event`](Self::next_event) then goes on there; behind a gap without an end it returns
    /// `None`.
    ///
    /// Without damage it does nothing and returns `None`. What is read behind a gap is sound, but
    /// no longer a history: state that is built from it is not the state that was.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`], [`ReadError::NewerFormat`].
    pub fn skip_damage(&mut self) -> Result<Option<Gap>, ReadError> {
        let gap = match self.damaged {
            Damaged::No | Damaged::ToTheEnd => return Ok(None),
            Damaged::InGroup => {
                self.history.leave_group();
                Gap {
                    partition: self.partition,
                    first_lost: self.next_sequence,
                    lost_up_to: Some(self.history.expected_sequence - 1),
                }
            }
            Damaged::BetweenGroups => {
                let limit = self.history.acknowledged_group;
                self.history.skip_damage(limit)?
            }
        };
        self.offset = 0;
        self.next_sequence = self.history.expected_sequence;
        self.damaged = match gap.lost_up_to {
            Some(_) => Damaged::No,
            None => Damaged::ToTheEnd,
        };
        Ok(Some(gap))
    }

    /// The rest of the current group is not what its header says.
    fn damaged_group(&mut self, damage: Damage) -> ReadError {
        self.damaged = Damaged::InGroup;
        let mut error = self.history.corruption(damage);
        if let ReadError::Corruption(corruption) = &mut error {
            // What precedes it in the group has been handed out.
            corruption.last_known = self.next_sequence - 1;
            corruption.first_lost = self.next_sequence;
        }
        error
    }

    /// Looks again at how far the journal goes; [`next_event`](Self::next_event) then goes on. In the
    /// middle of a group it does so once the rest of that was read, and `next_event` returns what
    /// comes of it.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn refresh(&mut self) -> Result<(), ReadError> {
        if self.damaged == Damaged::ToTheEnd {
            // There may be something sound behind the damage by now.
            self.damaged = Damaged::No;
        }
        if self.offset < self.history.frames().len() {
            // The rest of the group comes first: it would be lost with what is looked at anew.
            self.is_refresh_due = true;
            return Ok(());
        }
        self.history.refresh()?;
        self.is_refresh_due = false;
        Ok(())
    }

    /// Stores durably that everything this cursor has yielded was handled, under a `name` of 1 to 64
    /// letters, digits, hyphens and underscores. With [`OsBuffer`](crate::Durability::OsBuffer) it
    /// stores no more than what is known to be synced, so that a power cut never leaves a mark ahead
    /// of the journal; what lies between is yielded again. [`JournalReader::named_cursor`] goes on
    /// behind it, and retention keeps what comes after it, within limits.
    ///
    /// # Errors
    ///
    /// [`ReadError::CursorName`], or [`ReadError::Io`]: what was stored before then still stands.
    pub fn store(&self, name: &str) -> Result<(), ReadError> {
        check_name(name)?;
        let is_read = self.offset >= self.history.frames().len();
        let (position, sequence) = match (self.is_synced, is_read) {
            (true, false) => (self.before_group, self.next_sequence - 1),
            (true, true) => (self.synced_end, self.next_sequence - 1),
            (false, _) => (self.synced_end, self.synced_end.sequence),
        };
        let mark = Mark {
            name: name.to_owned(),
            // What was handled before the cursor was restored stays handled.
            sequence: sequence.max(self.skip_to.saturating_sub(1)),
            position,
        };
        store_mark(
            &*self.storage,
            &self.directory,
            self.partition,
            self.journal_id,
            &mark,
        )
    }

    /// The mark behind everything that this cursor has yielded, and the last group that an event of
    /// it lies in. Until that group is [witnessed](Self::witnessed_group) a power cut may take the
    /// events back, and the mark must not be stored.
    pub(crate) fn mark(&self, name: &str) -> (Mark, u64) {
        let is_read = self.offset >= self.history.frames().len();
        let mark = Mark {
            name: name.to_owned(),
            sequence: (self.next_sequence - 1).max(self.skip_to.saturating_sub(1)),
            position: match is_read {
                true => self.read_end,
                false => self.before_group,
            },
        };
        (mark, self.read_end.group)
    }

    /// The last group that is known to be synced.
    pub(crate) fn witnessed_group(&self) -> u64 {
        self.history.witnessed_group
    }

    /// The first sequence that is still there; above 1 where older events are retired.
    #[must_use]
    pub fn earliest(&self) -> u64 {
        self.history.earliest()
    }

    /// Passes over the events below `sequence`.
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        self.skip_to = self.skip_to.max(sequence);
    }

    /// The sequence of the event that was passed last; 0 in front of the first one.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// Refuses to start behind what was asked for.
    fn require(&self, sequence: u64) -> Result<(), ReadError> {
        let earliest = self.earliest();
        if sequence < earliest {
            return Err(ReadError::Retired {
                partition: self.partition,
                earliest,
            });
        }
        Ok(())
    }

    /// Counts over everything up to here. They reach back to the first event there ever was where
    /// the cursor started there, or behind a [snapshot](JournalReader::restore).
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.tables.totals
    }

    /// The sources met so far, by name; as for [`totals`](Self::totals), since when depends on where
    /// the cursor started.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, SourceInfo> {
        self.tables
            .sources
            .iter()
            .map(|source| (source.name.clone(), source.clone()))
            .collect()
    }
}

fn check_name(name: &str) -> Result<(), ReadError> {
    match is_cursor_name(name) {
        true => Ok(()),
        false => Err(ReadError::CursorName {
            name: name.to_owned(),
        }),
    }
}
