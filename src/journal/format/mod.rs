//! The bytes of a journal, field by field. Pure: bytes in, values or damage out.
//!
//! `docs/format.md` draws what is defined here.

mod checksum;
mod damage;
mod frame;
mod group;
mod metadata;
mod position;
mod segment;
mod snapshot;

pub use damage::Damage;

pub(crate) use checksum::{Checksum, checksum};
pub(crate) use frame::{
    ANY_VERSION, CONTROL_KIND_MIN, Frame, FrameHeader, Frames, KIND_APPEND, KIND_COMMAND,
    KIND_KEY_VERSION, KIND_KEY_VERSIONS, KIND_MARKER, KIND_OUTCOME, KIND_SOURCE_NAMED,
    KIND_SOURCE_REACHED, KIND_SOURCE_RETIRED, KIND_SOURCE_SKIPPED, KIND_TOTAL, NO_EVENT_TIME,
    frame_bytes,
};
pub(crate) use group::{GROUP_BYTES_MAX, GROUP_HEADER_BYTES, GroupHeader, GroupStamp, seal_group};
pub(crate) use metadata::{Metadata, ROUTING};
pub(crate) use position::Position;
pub(crate) use segment::{SegmentHeader, parse_segment_file_name, segment_file_name};
pub(crate) use snapshot::{SnapshotHeader, parse_snapshot_file_name, snapshot_file_name};

/// The version of everything under `format`: raised when older programs could misread newer bytes.
pub(crate) const FORMAT_VERSION: u16 = 1;

#[cfg(target_endian = "big")]
compile_error!("the journal's headers are little-endian in memory as on disk; port them first");
