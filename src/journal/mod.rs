//! The journal: segments of groups of frames, written in group commits and recovered by a table.
//!
//! `format` and `recovery` are pure. `scan` walks a segment's bytes; `open`, `writer`, `reader` and
//! `verify` do the rest through [`crate::storage`].
#![forbid(unsafe_code)]

mod buffer;
mod control;
mod directory;
mod error;
pub(crate) mod format;
mod history;
mod marks;
mod open;
mod prepare;
mod read_ahead;
mod reader;
mod recovery;
mod repair;
mod salvage;
mod scan;
mod snapshots;
mod verify;
mod writer;

pub use error::{Corruption, ReadError};
pub use format::Damage;
pub use reader::{Cursor, JournalReader, RecordedEvent};
pub use recovery::TornTail;
pub use repair::{Loss, PartitionPlan, Repair, RepairError, RepairPlan, RepairStep};
pub use salvage::Gap;
pub use verify::{PartitionCheck, VerifyReport};

pub(crate) use buffer::{FrameTimes, GroupBuffer};
pub(crate) use directory::Directory;
pub(crate) use directory::{SegmentName, index_dir, list_segments};
pub(crate) use error::{JournalError, WriteFailure};
pub(crate) use format::GROUP_BYTES_MAX;
pub(crate) use history::{GroupFrames, History, Step, Walk};
pub(crate) use marks::{Mark, is_cursor_name, list_marks, read_mark, remove_mark, store_mark};
pub(crate) use open::{PartitionRecovery, RecoverError, recover_partition};
pub(crate) use prepare::{PreparedFile, Preparer};
pub(crate) use scan::read_segment_header;
pub(crate) use snapshots::{
    SnapshotName, last_snapshot_group, list_snapshots, read_snapshot_header,
};
pub(crate) use writer::{SEGMENT_BYTES_MIN, SegmentSizes, Writer, WriterSettings};
