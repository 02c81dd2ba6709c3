//! The index of one partition.

use super::build::Build;
use super::by::IndexBy;
use super::found::Found;
use super::keeper::Keeper;
use super::piece::Piece;
use crate::event::Viewer;
use crate::journal::format::Position;
use crate::journal::{
    JournalReader, ReadError, SegmentName, index_dir, last_snapshot_group, list_segments,
};
use crate::sync::Arc;

/// How often to look anew where segments were retired in the meantime.
const ATTEMPTS: u32 = 3;

/// Where the events of one partition are, by a number: as of the moment when it was opened.
#[derive(Debug)]
pub struct PartitionIndex<'r> {
    pub(super) reader: &'r JournalReader,
    pub(super) partition: u32,
    pub(super) by: IndexBy,
    pub(super) segments: Vec<SegmentName>,
    /// In journal order.
    pub(super) pieces: Vec<Piece>,
    pub(super) rest: Rest,
}

/// What of the journal is not in an index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    Nothing,
    /// All that follows a place; `None` is the beginning.
    Behind(Option<Position>),
}

impl<'r> PartitionIndex<'r> {
    /// The index of `partition` in the journal that `reader` reads, brought up to date. `on_event` is
    /// called for each event that is added.
    ///
    /// What was built before is kept in files beside the journal, and read. Where none can be
    /// written, in a read-only directory or while somebody else builds the same index, up to 4
    /// million entries are held in memory, and what lies behind them is read whenever something is
    /// looked for. Building takes up to 200 MiB of memory, and 24 bytes of disk an event: on a disk that
    /// is nearly full that is space the writer may want, and [`none`](Self::none) takes none.
    ///
    /// Neither damage nor an event that cannot be upcast is an error here: [`find`](Self::find)
    /// yields what precedes it, and then the error.
    ///
    /// A stretch with events of types that this program does not know is not kept, and built
    /// whenever somebody asks.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`], [`ReadError::NewerFormat`].
    pub fn open(
        reader: &'r JournalReader,
        partition: u32,
        by: &IndexBy,
        mut on_event: impl FnMut(),
    ) -> Result<Self, ReadError> {
        for attempt in 1.. {
            match Self::build(reader, partition, by, &mut on_event) {
                Err(ReadError::Retired { .. }) if attempt < ATTEMPTS => {}
                built => return built,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// No index: whatever is looked for, the whole partition is read.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn none(
        reader: &'r JournalReader,
        partition: u32,
        by: &IndexBy,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            reader,
            partition,
            by: by.clone(),
            segments: segments(reader, partition)?,
            pieces: Vec::new(),
            rest: Rest::Behind(None),
        })
    }

    fn build(
        reader: &'r JournalReader,
        partition: u32,
        by: &IndexBy,
        on_event: &mut dyn FnMut(),
    ) -> Result<Self, ReadError> {
        let mut index = Self::none(reader, partition, by)?;
        if index.is_front_lost()? {
            return Ok(index);
        }
        let mut build = Build {
            reader,
            partition,
            by,
            segments: &index.segments,
            keeper: Keeper::new(
                Arc::clone(reader.storage()),
                index_dir(reader.path(), by.name(), partition),
            ),
            pieces: Vec::new(),
            held: 0,
            viewer: Viewer::default(),
            on_event,
        };
        let rest = build.run()?;
        (index.pieces, index.rest) = (build.pieces, rest);
        Ok(index)
    }

    /// Whether segments are missing that no snapshot covers: the journal says so when it is read.
    fn is_front_lost(&self) -> Result<bool, ReadError> {
        let Some(first) = self.segments.first().filter(|first| first.first_group > 1) else {
            return Ok(false);
        };
        let covered = last_snapshot_group(
            &**self.reader.storage(),
            &self.reader.partition_dir(self.partition),
            self.partition,
            self.reader.journal_id(),
        )?;
        Ok(first.first_group > covered + 1)
    }

    /// The events with this number, in sequence order.
    ///
    /// # Errors
    ///
    /// Those of [`JournalReader::cursor`], where the journal itself has to be read.
    pub fn find(&self, number: u64) -> Result<Found<'_>, ReadError> {
        Found::new(self, number)
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// The first sequence that is still there; above 1 where older events are retired.
    #[must_use]
    pub fn earliest(&self) -> u64 {
        self.segments
            .first()
            .map_or(1, |first| first.first_sequence)
    }

    /// How many events in the index this program could not look at, because it does not know their
    /// types. They are not found.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.unknown).sum()
    }
}

fn segments(reader: &JournalReader, partition: u32) -> Result<Vec<SegmentName>, ReadError> {
    let directory = reader.partition_dir(partition);
    Ok(list_segments(&**reader.storage(), &directory)?.unwrap_or_default())
}
