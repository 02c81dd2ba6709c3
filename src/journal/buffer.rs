//! The open group: frames gathered in memory that direct I/O accepts.

use super::format::{FrameHeader, GROUP_HEADER_BYTES, GroupStamp, frame_bytes, seal_group};
use crate::storage::AlignedBuffer;

/// One of a partition's fixed pool of group buffers.
#[derive(Debug)]
pub(crate) struct GroupBuffer {
    bytes: AlignedBuffer,
    /// Bytes of frames behind the header.
    length: usize,
    /// How many of the frames are events.
    events: u32,
    /// The last ring position whose record is in here, or settles with what is in here.
    pub(crate) settles_position: u64,
}

impl GroupBuffer {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            bytes: AlignedBuffer::zeroed(bytes),
            length: 0,
            events: 0,
            settles_position: 0,
        }
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

    /// Appends a frame, whose header says how long its body is; returns its offset for
    /// [`frame`](Self::frame). The caller has checked that it fits.
    #[inline]
    pub(crate) fn append(&mut self, header: &FrameHeader, frame_body: &[u8]) -> usize {
        let offset = GROUP_HEADER_BYTES + self.length;
        let padded = frame_bytes(header.length as usize);
        let target = &mut self.bytes[offset..offset + padded];
        target[..FrameHeader::BYTES].copy_from_slice(bytemuck::bytes_of(header));
        let (body, padding) = target[FrameHeader::BYTES..].split_at_mut(header.length as usize);
        body.copy_from_slice(frame_body);
        padding.fill(0);
        self.length += padded;
        self.events += u32::from(!header.is_control());
        offset
    }

    /// The frame that [`append`](Self::append) put at `offset`.
    #[inline]
    pub(crate) fn frame(&self, offset: usize) -> (FrameHeader, &[u8]) {
        let (header, rest) = self.bytes[offset..].split_at(FrameHeader::BYTES);
        let header: FrameHeader = *bytemuck::from_bytes(header);
        (header, &rest[..header.length as usize])
    }

    /// Takes back the frame at `offset` and everything behind it; `events` of them are events.
    pub(crate) fn cut(&mut self, offset: usize, events: u32) {
        self.length = offset - GROUP_HEADER_BYTES;
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
        let bytes = seal_group(&mut self.bytes, self.length, stamp);
        &self.bytes[..bytes]
    }

    /// Empties it for the next group.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
        self.events = 0;
    }
}
