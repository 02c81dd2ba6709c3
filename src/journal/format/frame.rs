//! A frame: one event's header and archive, or one record of the engine's own.

use bytemuck::{Pod, Zeroable};

use super::Damage;
use crate::EVENT_BYTES_MAX;
use crate::event::{EventMeta, SourceNumber};

/// Kinds from here on are the engine's own records: they take no event sequence.
pub(crate) const CONTROL_KIND_MIN: u16 = 0xff00;
/// Stands in the ring only: whoever published it waits until what came before it was applied.
pub(crate) const KIND_MARKER: u16 = 0xffff;
/// Stands in the ring only: a command. Its header has the command's key, its id as a source and a
/// number, the place for the answer in `source_lag`, and the client's address as a time.
pub(crate) const KIND_COMMAND: u16 = 0xfffe;
/// Stands in the ring only: events that are appended where `key` has the version `source_number`
/// ([`ANY_VERSION`]: whatever it has). The body is their frames; the answer is addressed as a command's.
pub(crate) const KIND_APPEND: u16 = 0xfffd;
/// In [`KIND_APPEND`].
pub(crate) const ANY_VERSION: u64 = u64::MAX;
/// The body is the name of source `source_id`.
pub(crate) const KIND_SOURCE_NAMED: u16 = 0xff00;
/// Source `source_id` skipped the numbers from `source_number` to `key`, both included.
pub(crate) const KIND_SOURCE_SKIPPED: u16 = 0xff01;
/// Source `source_id` is retired: its name may be given again, its id never.
pub(crate) const KIND_SOURCE_RETIRED: u16 = 0xff02;

/// Behind the events of a command that has an id: its outcome. The command was number `source_number`
/// of source `source_id`.
pub(crate) const KIND_OUTCOME: u16 = 0xff05;

/// In snapshots only: source `source_id` has its last number in `source_number`, and is settled up
/// to `key`.
pub(crate) const KIND_SOURCE_REACHED: u16 = 0xff03;
/// In snapshots only: there are `key` events of kind `source_id` in version `source_number`.
pub(crate) const KIND_TOTAL: u16 = 0xff04;
/// In snapshots only: `key` has `source_number` events.
pub(crate) const KIND_KEY_VERSION: u16 = 0xff06;
/// In snapshots only: the versions of up to `key` keys are kept; there were more where `source_number`
/// is 1.
pub(crate) const KIND_KEY_VERSIONS: u16 = 0xff07;

/// In a frame that is still in the ring: the event has no time of its own.
pub(crate) const NO_EVENT_TIME: i64 = i64::MIN;

/// Frames start on multiples of this, so that the archive behind the header is aligned for rkyv.
const FRAME_ALIGNMENT: usize = 16;

/// The 48 bytes in front of every archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct FrameHeader {
    /// Bytes of the archive behind this header, without the padding to the next frame.
    pub(crate) length: u32,
    pub(crate) kind: u16,
    pub(crate) version: u16,
    /// 0 where the event came without a source.
    pub(crate) source_id: u32,
    /// For a contiguous source: how far below `source_number` its lowest unsettled number may lie.
    pub(crate) source_lag: u32,
    pub(crate) source_number: u64,
    pub(crate) key: u64,
    pub(crate) event_time_ms: i64,
    pub(crate) journal_time_ns: u64,
}

const _: () = assert!(size_of::<FrameHeader>() == FrameHeader::BYTES);
const _: () = assert!(FrameHeader::BYTES.is_multiple_of(FRAME_ALIGNMENT));
// The journal time is what a record lacks, so it has to be last.
const _: () =
    assert!(std::mem::offset_of!(FrameHeader, journal_time_ns) == FrameHeader::RECORD_BYTES);

impl FrameHeader {
    pub(crate) const BYTES: usize = 48;
    /// Bytes of a header in the ring: all but the journal time, which the partition gives.
    pub(crate) const RECORD_BYTES: usize = Self::BYTES - size_of::<u64>();

    /// The header of one of the engine's own records, with a body of `length` bytes.
    pub(crate) fn control(kind: u16, source_id: u32, length: usize) -> Self {
        Self {
            length: u32::try_from(length).unwrap_or(u32::MAX),
            kind,
            version: 1,
            source_id,
            ..Self::zeroed()
        }
    }

    /// Whether this is the engine's own record rather than an event.
    #[inline]
    pub(crate) fn is_control(&self) -> bool {
        self.kind >= CONTROL_KIND_MIN
    }

    /// The header at the start of `frame`, which is aligned as every group is that was read.
    #[inline]
    pub(crate) fn read(frame: &[u8]) -> Result<&Self, Damage> {
        let bytes = frame.get(..Self::BYTES).ok_or(Damage::Short)?;
        bytemuck::try_from_bytes(bytes).map_err(|_| Damage::Misplaced("an unaligned frame"))
    }

    /// The header in front of a record of the ring, without a journal time yet, and the body.
    #[inline]
    pub(crate) fn read_record(record: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let (bytes, body) = record
            .split_at_checked(Self::RECORD_BYTES)
            .ok_or(Damage::Short)?;
        let mut header = Self::zeroed();
        bytemuck::bytes_of_mut(&mut header)[..Self::RECORD_BYTES].copy_from_slice(bytes);
        if body.len() != header.length as usize {
            return Err(Damage::Short);
        }
        Ok((header, body))
    }

    /// The header as it stands in front of a record of the ring.
    #[inline]
    pub(crate) fn as_record(&self) -> &[u8] {
        &bytemuck::bytes_of(self)[..Self::RECORD_BYTES]
    }

    /// What `apply` is told besides the event itself.
    #[inline]
    pub(crate) fn meta(&self, partition: u32, sequence: u64) -> EventMeta {
        EventMeta {
            partition,
            sequence,
            journal_time_ns: self.journal_time_ns,
            event_time_ms: self.event_time_ms,
            key: self.key,
            source: (self.source_id != 0).then_some(SourceNumber {
                source_id: self.source_id,
                number: self.source_number,
            }),
        }
    }
}

/// Bytes that a frame with an archive of `length` bytes takes in a group, padding included.
#[inline]
pub(crate) const fn frame_bytes(length: usize) -> usize {
    (FrameHeader::BYTES + length).next_multiple_of(FRAME_ALIGNMENT)
}

/// A frame within a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: &'a FrameHeader,
    pub(crate) body: &'a [u8],
}

/// Walks the frames of a group whose checksum has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Goes on where an earlier walk over the same bytes was.
    pub(crate) fn resume(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// Where the next frame starts.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The next frame, `None` at the end of the group.
    ///
    /// # Errors
    ///
    /// [`Damage`] when a length does not fit: a writer's bug or a forged checksum, never a panic.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'a>>, Damage> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let header = FrameHeader::read(rest)?;
        let length = header.length as usize;
        if length > EVENT_BYTES_MAX {
            return Err(Damage::OutOfRange("frame length"));
        }
        let body = rest
            .get(FrameHeader::BYTES..FrameHeader::BYTES + length)
            .ok_or(Damage::Short)?;
        self.offset += frame_bytes(length);
        Ok(Some(Frame { header, body }))
    }
}
