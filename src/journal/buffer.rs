//! The open group: frames gathered in memory that direct I/O accepts.

use super::format::{
    Checksum, Frame, FrameHeader, GROUP_HEADER_BYTES, GroupStamp, NO_EVENT_TIME, checksum,
    frame_bytes, seal_group,
};
use crate::bytes::copy_short;
use crate::storage::AlignedBuffer;

/// One of a partition's fixed pool of group buffers.
#[derive(Debug)]
pub(crate) struct GroupBuffer {
    bytes: AlignedBuffer,
    /// Bytes of frames behind the header.
    length: usize,
    /// Of the first frames.
    checksum: Checksum,
    /// How many bytes of frames that is.
    checked: usize,
    /// How many of the frames are events.
    events: u32,
    /// The last ring position whose record is in here, or settles with what is in here.
    pub(crate) settles_position: u64,
}

/// What a record lacks of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FrameTimes {
    pub(crate) journal_ns: u64,
    /// For events that have no time of their own.
    pub(crate) event_ms: i64,
}

impl GroupBuffer {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            bytes: AlignedBuffer::zeroed(bytes),
            length: 0,
            checksum: Checksum::new(),
            checked: 0,
            events: 0,
            settles_position: 0,
        }
    }

    /// One that so many bytes of frames fit in.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self::new(GROUP_HEADER_BYTES + bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn events(&self) -> u32 {
        self.events
    }

    /// Bytes of frames that still fit.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.bytes.len() - GROUP_HEADER_BYTES - self.length
    }

    /// Appends the frame of a record that came through the ring; returns its offset for
    /// [`frame`](Self::frame). The caller has checked that it is one, and that it fits.
    ///
    /// The record's bytes are copied as they are, and what it lacks is written over them: a header
    /// that is put together elsewhere would have to be waited for.
    #[inline]
    pub(crate) fn append_record(&mut self, record: &[u8], times: FrameTimes) -> usize {
        let (head, body) = record.split_at(FrameHeader::RECORD_BYTES);
        self.append(head, body, times)
    }

    /// As [`append_record`](Self::append_record), of a frame that was put together elsewhere.
    pub(crate) fn append_frame(&mut self, frame: &Frame<'_>, times: FrameTimes) -> usize {
        self.append(frame.header.as_record(), frame.body, times)
    }

    #[inline(always)]
    fn append(&mut self, head: &[u8], body: &[u8], times: FrameTimes) -> usize {
        let offset = GROUP_HEADER_BYTES + self.length;
        let padded = frame_bytes(body.len());
        let target = &mut self.bytes[offset..offset + padded];
        let (header, rest) = target.split_at_mut(FrameHeader::BYTES);
        header[..FrameHeader::RECORD_BYTES].copy_from_slice(head);
        let header: &mut FrameHeader = bytemuck::from_bytes_mut(header);
        header.journal_time_ns = times.journal_ns;
        if header.event_time_ms == NO_EVENT_TIME {
            header.event_time_ms = times.event_ms;
        }
        self.events += u32::from(!header.is_control());
        let (frame_body, padding) = rest.split_at_mut(body.len());
        copy_short(frame_body, body);
        if !padding.is_empty() {
            padding.fill(0);
        }
        self.length += padded;
        offset
    }

    /// Bytes of frames that fit into an empty one of this length.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len() - GROUP_HEADER_BYTES
    }

    /// The frame that [`append_record`](Self::append_record) put at `offset`.
    #[inline]
    pub(crate) fn frame(&self, offset: usize) -> Frame<'_> {
        let (header, rest) = self.bytes[offset..].split_at(FrameHeader::BYTES);
        let header: &FrameHeader = bytemuck::from_bytes(header);
        let body = &rest[..header.length as usize];
        Frame { header, body }
    }

    /// Takes the frames so far into the checksum. Whoever appended them has them in its cache: for
    /// the journaler, on another core, it would take several times as long.
    pub(crate) fn extend_checksum(&mut self) {
        let frames = &self.bytes[GROUP_HEADER_BYTES..GROUP_HEADER_BYTES + self.length];
        self.checksum.update(&frames[self.checked..]);
        self.checked = self.length;
    }

    /// Takes back the frame at `offset` and everything behind it; `events` of them are events.
    pub(crate) fn cut(&mut self, offset: usize, events: u32) {
        self.length = offset - GROUP_HEADER_BYTES;
        assert!(
            self.checked <= self.length,
            "what is cut is not in the checksum yet"
        );
        self.events -= events;
    }

    /// Appends whole frames as they were: recovery copies a tail with it.
    pub(crate) fn append_all(&mut self, frames: &[u8], events: u32) {
        let offset = GROUP_HEADER_BYTES + self.length;
        self.bytes[offset..offset + frames.len()].copy_from_slice(frames);
        self.length += frames.len();
        self.events += events;
    }

    /// Bytes that the sealed group will take in a segment.
    pub(crate) fn padded_bytes(&self) -> usize {
        (GROUP_HEADER_BYTES + self.length).next_multiple_of(crate::storage::BLOCK_BYTES)
    }

    /// Writes the header and returns the blocks to write.
    pub(crate) fn seal(&mut self, stamp: &GroupStamp) -> &[u8] {
        self.extend_checksum();
        debug_assert_eq!(
            self.checksum.finish(),
            checksum(&self.bytes[GROUP_HEADER_BYTES..][..self.length]),
            "a frame changed after it was taken into the checksum"
        );
        let bytes = seal_group(&mut self.bytes, self.length, self.checksum, stamp);
        &self.bytes[..bytes]
    }

    /// Empties it for the next group.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
        self.checksum = Checksum::new();
        self.checked = 0;
        self.events = 0;
    }
}
