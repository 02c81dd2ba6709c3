//! How a rival turns an event into bytes.

use std::io;

use ringlog::rkyv;

use super::super::workload::MatchEvent;
use super::journal::Journal;

/// How an event becomes bytes in the file.
pub(super) trait Codec: Send + 'static {
    fn encode(&mut self, event: &MatchEvent, journal: &mut Journal) -> io::Result<()>;
}

/// postcard: compact, through serde, into a buffer that is reused.
#[derive(Debug)]
pub(super) struct Postcard([u8; EVENT_BYTES_MAX]);

/// More than any of the events takes.
const EVENT_BYTES_MAX: usize = 64;

impl Default for Postcard {
    fn default() -> Self {
        Self([0; EVENT_BYTES_MAX])
    }
}

impl Codec for Postcard {
    #[inline]
    fn encode(&mut self, event: &MatchEvent, journal: &mut Journal) -> io::Result<()> {
        let bytes = postcard::to_slice(event, &mut self.0).map_err(io::Error::other)?;
        journal.append(bytes)
    }
}

/// rkyv as its README leads to: `to_bytes`, a new buffer for each event.
#[derive(Debug, Default)]
pub(super) struct RkyvToBytes;

impl Codec for RkyvToBytes {
    #[inline]
    fn encode(&mut self, event: &MatchEvent, journal: &mut Journal) -> io::Result<()> {
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(event).map_err(io::Error::other)?;
        journal.append(&bytes)
    }
}
