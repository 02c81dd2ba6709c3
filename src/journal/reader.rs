//! Reading a journal, also while its writer is running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::control::{ControlRead, ControlWord};
use super::directory::{has_writer, list_segments, partition_dir, read_metadata};
use super::error::ReadError;
use super::format::{Frames, Metadata, Position};
use super::history::{History, Step};
use super::marks::{Mark, is_cursor_name, read_mark, store_mark};
use crate::event::{Event, EventMeta, State, ViewError};
use crate::snapshot::{self, RestoreError, Restored, Tables, Totals};
use crate::source::SourceInfo;
use crate::storage::{Files, OpenMode, Storage};
use crate::sync::Arc;

/// A journal's directory, opened for reading only.
///
/// It takes no lock and changes nothing. Beside a running writer it shows what is durable (with
/// [`Durability::OsBuffer`](crate::Durability::OsBuffer): what the kernel has), up to the writer's
/// control word, and never an event that recovery could take back.
#[derive(Debug)]
pub struct JournalReader {
    pub(super) storage: Arc<dyn Storage>,
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
    /// The version of the type's layout.
    pub version: u16,
    /// The archive.
    pub body: &'a [u8],
}

impl<'a> RecordedEvent<'a> {
    /// The event as the program's type, validated.
    ///
    /// # Errors
    ///
    /// [`ViewError`] when the program does not know the type, or the bytes are not of it.
    pub fn view<E: Event>(&self) -> Result<E::View<'a>, ViewError> {
        E::view(self.kind, self.version, self.body)
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
        let metadata = read_metadata(&*storage, &path)?.ok_or_else(|| ReadError::NotAJournal {
            path: path.clone(),
            reason: "it has no `journal.meta`".to_owned(),
        })?;
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
    /// [`ReadError`]: also corruption that shows at once, such as a missing segment.
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
        let Some(mark) = mark else {
            return self.cursor_after(partition, 0);
        };
        let earliest = list_segments(&*self.storage, &directory)?
            .and_then(|segments| segments.first().cloned())
            .filter(|first| first.first_group > mark.position.group + 1);
        if let Some(earliest) = earliest {
            return Err(ReadError::Retired {
                partition,
                earliest: earliest.first_sequence,
            });
        }
        let mut cursor = self.cursor_behind(partition, Some(mark.position), Tables::default())?;
        cursor.skip_to = mark.sequence + 1;
        Ok(cursor)
    }

    /// The newest state of `partition` that a snapshot gives, and a cursor behind it; where the whole
    /// history is there and no snapshot is usable, the fresh state and a cursor from the beginning.
    /// Applying what the cursor yields brings the state up to date.
    ///
    /// # Errors
    ///
    /// [`ReadError::Retired`] where segments were retired and no snapshot can be used by this
    /// program; else as [`cursor`](Self::cursor).
    pub fn restore<S: State>(
        &self,
        partition: u32,
        mut fresh: impl FnMut(u32) -> S,
    ) -> Result<(S, Cursor), ReadError> {
        let directory = self.partition_dir(partition);
        let restored = snapshot::restore(
            &self.storage,
            &directory,
            partition,
            self.journal_id(),
            u64::MAX,
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
                tracing::error!(partition, ?rejected, "no snapshot can be used");
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
        Ok((state, self.cursor_behind(partition, after, tables)?))
    }

    fn cursor_behind(
        &self,
        partition: u32,
        after: Option<Position>,
        tables: Tables,
    ) -> Result<Cursor, ReadError> {
        let directory = self.partition_dir(partition);
        let mut history = History::open(
            &self.storage,
            &directory,
            partition,
            self.journal_id(),
            OpenMode::Read,
            after.as_ref(),
        )?;
        // Beside a writer the control word is true, and what lies behind it is none of ours.
        if !self.has_writer()? {
            history.search_behind_damage()?;
        }
        let before_group = history.reached();
        Ok(Cursor {
            storage: Arc::clone(&self.storage),
            partition,
            journal_id: self.journal_id(),
            directory,
            before_group,
            history,
            offset: 0,
            next_sequence: before_group.sequence + 1,
            skip_to: 0,
            tables,
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
            let file = self
                .storage
                .open(&path, OpenMode::Read)
                .map_err(ReadError::io("open", &path))?;
            bytes += file.len().map_err(ReadError::io("measure", &path))?;
            count += 1;
        }
        Ok((count, bytes))
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
    /// Events below this sequence are passed over.
    skip_to: u64,
    tables: Tables,
}

impl Cursor {
    /// The next event; `None` where the journal ends for now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corruption`] where something that was durable cannot be read, or
    /// [`ReadError::Io`].
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, ReadError> {
        loop {
            let mut frames = Frames::resume(self.history.frames(), self.offset);
            let frame = frames
                .next()
                .map_err(|damage| self.history.corruption(damage, None))?;
            let Some(frame) = frame else {
                self.offset = 0;
                let limit = self.history.acknowledged_group;
                self.before_group = self.history.reached();
                match self.history.step(limit)? {
                    Step::Group(header) => self.next_sequence = header.first_sequence,
                    Step::End | Step::Torn(_) => {
                        self.history.leave_group();
                        return Ok(None);
                    }
                }
                continue;
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
            let (kind, version) = (frame.header.kind, frame.header.version);
            let body = frame.header.length as usize;
            // Taken again from the history: the borrow checker cannot see that the frame of this
            // round is returned, not kept for the next.
            let start =
                self.offset - super::format::frame_bytes(body) + super::format::FrameHeader::BYTES;
            let body = self
                .history
                .frames()
                .get(start..start + body)
                .unwrap_or_default();
            return Ok(Some(RecordedEvent {
                meta,
                kind,
                version,
                body,
            }));
        }
    }

    /// Looks again at how far the journal goes; [`next_event`](Self::next_event) then goes on.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn refresh(&mut self) -> Result<(), ReadError> {
        self.history.refresh()
    }

    /// Stores durably that everything this cursor has yielded was handled, under a `name` of 1 to 64
    /// letters, digits, hyphens and underscores. [`JournalReader::named_cursor`] goes on behind it,
    /// and retention keeps what comes after it, within limits.
    ///
    /// # Errors
    ///
    /// [`ReadError::CursorName`], or [`ReadError::Io`]: what was stored before then still stands.
    pub fn store(&self, name: &str) -> Result<(), ReadError> {
        check_name(name)?;
        let is_read = self.offset >= self.history.frames().len();
        let mark = Mark {
            name: name.to_owned(),
            sequence: self.next_sequence - 1,
            position: if is_read {
                self.history.reached()
            } else {
                self.before_group
            },
        };
        store_mark(
            &*self.storage,
            &self.directory,
            self.partition,
            self.journal_id,
            &mark,
        )
    }

    /// Refuses to start behind what was asked for.
    fn require(&self, sequence: u64) -> Result<(), ReadError> {
        let earliest = self.history.earliest();
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
