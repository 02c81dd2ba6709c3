//! Archiving one event into a reused buffer, and looking at it again.
#![allow(unsafe_code, reason = "trusted access to validated archives")]

use std::fmt;

use rkyv::api::low::{self, LowSerializer, LowValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Error as RkyvError, Source};
use rkyv::ser::allocator::{Arena, ArenaHandle};
use rkyv::ser::{Positional, Writer};
use rkyv::util::AlignedVec;
use rkyv::{Archive, Portable, Serialize};

use super::ViewError;

/// An event could not be archived.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive would be longer than the limit. Split the event, or keep its bulk elsewhere and
    /// publish a reference to it.
    #[error("the event's archive is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit: [`EVENT_BYTES_MAX`](crate::EVENT_BYTES_MAX).
        bytes_max: usize,
    },
    /// The event's own `Serialize` refused, or wrote an archive that does not validate. Mend the
    /// type; nothing was published.
    #[error("the event cannot be archived: {0}")]
    Refused(#[source] RkyvError),
}

/// What a struct needs to be an event type: derive rkyv's `Archive` and `Serialize` on it.
///
/// One blanket implementation covers every struct whose fields are numbers, strings, vectors,
/// options, enums and structs of those. Shared pointers (`Rc`, `Arc`) are not supported.
pub trait EventBody:
    Archive<Archived: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>>>
    + for<'a, 'b> Serialize<LowSerializer<&'a mut ArchiveBuffer, ArenaHandle<'b>, RkyvError>>
{
}

impl<T> EventBody for T where
    T: Archive<Archived: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>>>
        + for<'a, 'b> Serialize<LowSerializer<&'a mut ArchiveBuffer, ArenaHandle<'b>, RkyvError>>
{
}

/// Writes event bodies into memory that is reused from event to event.
pub struct Archiver {
    buffer: ArchiveBuffer,
    arena: Arena,
}

/// A bounded, 16-byte aligned byte buffer that rkyv writes into.
pub struct ArchiveBuffer {
    bytes: AlignedVec<16>,
    /// Bytes at the front that belong to whoever owns the buffer.
    reserved: usize,
    bytes_max: usize,
    overflowed: bool,
}

impl Archiver {
    /// An archiver that leaves `reserved` bytes (a multiple of 16) in front of every archive.
    pub(crate) fn new(reserved: usize, bytes_max: usize) -> Self {
        debug_assert_eq!(reserved % 16, 0, "archives are 16-byte aligned");
        let mut bytes = AlignedVec::new();
        bytes.resize(reserved, 0);
        Self {
            buffer: ArchiveBuffer {
                bytes,
                reserved,
                bytes_max,
                overflowed: false,
            },
            arena: Arena::new(),
        }
    }

    /// Archives `body`; replaces what was archived before.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::TooLong`] above the limit, [`ArchiveError::Refused`] when the body's own
    /// `Serialize` fails.
    pub fn archive<B: EventBody>(&mut self, body: &B) -> Result<(), ArchiveError> {
        self.buffer.bytes.resize(self.buffer.reserved, 0);
        self.buffer.overflowed = false;
        let written =
            low::to_bytes_in_with_alloc(body, &mut self.buffer, self.arena.acquire()).map(drop);
        match written {
            Ok(()) => Ok(()),
            Err(_) if self.buffer.overflowed => Err(ArchiveError::TooLong {
                bytes_max: self.buffer.bytes_max,
            }),
            Err(error) => Err(ArchiveError::Refused(error)),
        }
    }

    /// The archive written last.
    pub(crate) fn archived(&self) -> &[u8] {
        &self.buffer.bytes[self.buffer.reserved..]
    }

    /// The last `bytes` of the reserved bytes, and the archive behind them.
    #[inline]
    pub(crate) fn record(&self, bytes: usize) -> &[u8] {
        &self.buffer.bytes[self.buffer.reserved - bytes..]
    }

    /// As [`record`](Self::record), for the owner of the reserved bytes to fill in.
    #[inline]
    pub(crate) fn record_mut(&mut self, bytes: usize) -> &mut [u8] {
        let start = self.buffer.reserved - bytes;
        &mut self.buffer.bytes[start..]
    }
}

impl fmt::Debug for Archiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archiver")
            .field("buffer", &self.buffer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ArchiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveBuffer")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Positional for ArchiveBuffer {
    fn pos(&self) -> usize {
        self.bytes.len()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the archive is longer than allowed")]
struct Overflow;

impl<E: Source> Writer<E> for ArchiveBuffer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        if self.bytes.len() - self.reserved + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return Err(E::new(Overflow));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// The archive in `bytes`, validated. For the `events!` macro.
///
/// # Errors
///
/// [`ViewError::Invalid`] when the bytes are not an archive of `B`.
#[doc(hidden)]
pub fn view_checked<B: EventBody>(bytes: &[u8]) -> Result<&B::Archived, ViewError> {
    low::access::<B::Archived, RkyvError>(bytes).map_err(ViewError::Invalid)
}

/// The archive in `bytes`, not validated. For the `events!` macro.
///
/// # Safety
///
/// `bytes` are unchanged since [`view_checked`] accepted them for the same `B`, and lie at an
/// address of the same alignment.
#[doc(hidden)]
pub unsafe fn view_trusted<B: EventBody>(bytes: &[u8]) -> &B::Archived {
    // SAFETY: the caller vouches that these bytes were validated as an archive of `B`.
    unsafe { rkyv::access_unchecked::<B::Archived>(bytes) }
}
