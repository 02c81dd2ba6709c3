//! The journal: segments of groups of frames, written in group commits and recovered by a table.
//!
//! `format` and `recovery` are pure. `scan` walks a segment's bytes; `open`, `writer`, `reader` and
//! `verify` do the rest through [`crate::storage`].

mod buffer;
mod control;
mod directory;
mod error;
pub(crate) mod format;
mod history;
mod open;
mod prepare;
mod reader;
mod recovery;
mod scan;
mod verify;
mod writer;

pub use error::{Corruption, ReadError};
pub use format::Damage;
pub use reader::{Cursor, JournalReader, RecordedEvent};
pub use recovery::TornTail;
pub use verify::{PartitionCheck, VerifyReport};

pub(crate) use buffer::GroupBuffer;
pub(crate) use directory::Directory;
pub(crate) use error::{JournalError, WriteFailure};
pub(crate) use format::GROUP_BYTES_MAX;
pub(crate) use open::{PartitionRecovery, RecoverError, recover_partition};
pub(crate) use prepare::Preparer;
pub(crate) use writer::{SegmentSizes, Writer};
