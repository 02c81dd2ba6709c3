//! Finding events without reading the whole journal: those of a key, or those of any number that a
//! function finds in an event.
//!
//! An index is derived from the journal and kept beside it, in `index/NAME/`. It may be removed at
//! any time, and is built when somebody asks: [`PartitionIndex::open`] brings it up to date, and
//! [`PartitionIndex::find`] answers from it. Nothing of the engine depends on it.
//!
//! It holds, for each segment, the places of the events sorted by number, with a checksum of each
//! frame: an event is then one small read. What an index says is never believed: its own blocks have
//! checksums, it names the segment by its salt, and every frame is compared with its checksum and
//! with the number that was asked for. Where anything differs, the journal itself is read.
//!
//! ```
//! use ringlog::index::{IndexBy, PartitionIndex};
//! use ringlog::journal::JournalReader;
//!
//! # fn find(path: &std::path::Path) -> Result<(), ringlog::index::FindError> {
//! let reader = JournalReader::open(path)?;
//! let partition = ringlog::partition_of(7, reader.partitions());
//! let index = PartitionIndex::open(&reader, partition, &IndexBy::key(), || ())?;
//! let mut found = index.find(7)?;
//! while let Some(event) = found.next_event()? {
//!     println!("{} at {}", event.meta.sequence, event.meta.event_time_ms);
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod build;
mod by;
mod error;
mod format;
mod found;
mod keeper;
mod merged;
mod partition;
mod piece;

pub use by::{IndexBy, stable_hash};
pub use error::FindError;
pub use found::Found;
pub use merged::Merged;
pub use partition::PartitionIndex;
