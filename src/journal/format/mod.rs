//! The bytes of a journal, field by field. Pure: bytes in, values or damage out.
//!
//! `docs/format.md` draws what is defined here.

mod frame;
mod group;
mod metadata;
mod segment;

pub(crate) use frame::{
    CONTROL_KIND_MIN, Frame, FrameHeader, Frames, KIND_MARKER, KIND_SOURCE_NAMED,
    KIND_SOURCE_RETIRED, KIND_SOURCE_SKIPPED, NO_EVENT_TIME, frame_bytes,
};
pub(crate) use group::{GROUP_BYTES_MAX, GROUP_HEADER_BYTES, GroupHeader, GroupStamp, seal_group};
pub(crate) use metadata::{Metadata, ROUTING};
pub(crate) use segment::{SegmentHeader, parse_segment_file_name, segment_file_name};

/// The version of everything under `format`: raised when older programs could misread newer bytes.
pub(crate) const FORMAT_VERSION: u16 = 1;

#[cfg(target_endian = "big")]
compile_error!("the journal's headers are little-endian in memory as on disk; port them first");

/// CRC-32C.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// What is wrong with bytes that should have been a header, a group or a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file ends inside a structure.
    #[error("the file ends in the middle of it")]
    Short,
    /// The first bytes are not the expected magic number.
    #[error("the magic number is missing")]
    Magic,
    /// The checksum does not match: bytes were lost, torn or flipped.
    #[error("the checksum does not match")]
    Checksum,
    /// Written by a newer format. Use a newer program.
    #[error("format version {0} is newer than this program")]
    Version(u16),
    /// A whole structure of another place: a stale or misdirected write.
    #[error("it belongs to another place ({0})")]
    Misplaced(&'static str),
    /// A number is outside its limits.
    #[error("a number in it is outside its limits ({0})")]
    OutOfRange(&'static str),
}
