//! Archiving one event into a reused buffer, and looking at it again.
#![allow(
    unsafe_code,
    reason = "trusted access to validated archives; rkyv's arena; a vector that is cut"
)]

use std::alloc::Layout;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

use rkyv::api::low::{self, LowSerializer, LowValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Error as RkyvError, Source};
use rkyv::ser::allocator::{Arena, ArenaHandle};
use rkyv::ser::{Allocator, Positional, Writer};
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

/// Of archives, and of the records that are kept.
const ALIGNMENT: usize = 16;
/// The most bytes that an owner may reserve in front of each archive.
const RESERVED_MAX: usize = 48;

/// What a struct needs to be an event type: derive rkyv's `Archive` and `Serialize` on it.
///
/// One blanket implementation covers every struct whose fields are numbers, strings, vectors,
/// options, enums and structs of those. Shared pointers (`Rc`, `Arc`) are not supported.
pub trait EventBody:
    Archive<Archived: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>>>
    + for<'a, 'b> Serialize<LowSerializer<&'a mut ArchiveBuffer, LazyArena<'b>, RkyvError>>
{
}

impl<T> EventBody for T where
    T: Archive<Archived: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>>>
        + for<'a, 'b> Serialize<LowSerializer<&'a mut ArchiveBuffer, LazyArena<'b>, RkyvError>>
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
    /// Where the current record starts; what is in front of it was kept.
    start: usize,
    /// Bytes at a record's start that belong to whoever owns the buffer.
    reserved: usize,
    bytes_max: usize,
    overflowed: bool,
}

/// Memory that some types need while they are archived, such as vectors of strings.
///
/// Most types do not: so it is fetched when it is first asked for, which is a third of the time that
/// archiving a small event takes.
pub struct LazyArena<'a> {
    arena: Option<&'a mut Arena>,
    handle: Option<ArenaHandle<'a>>,
}

impl Archiver {
    /// An archiver that leaves `reserved` bytes (a multiple of 16, at most 48) in front of every
    /// archive.
    pub(crate) fn new(reserved: usize, bytes_max: usize) -> Self {
        debug_assert!(
            reserved.is_multiple_of(ALIGNMENT) && reserved <= RESERVED_MAX,
            "archives are 16-byte aligned"
        );
        let mut bytes = AlignedVec::new();
        bytes.resize(reserved, 0);
        Self {
            buffer: ArchiveBuffer {
                bytes,
                start: 0,
                reserved,
                bytes_max,
                overflowed: false,
            },
            arena: Arena::new(),
        }
    }

    /// Archives `body`; replaces what was archived before, unless that was kept.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::TooLong`] above the limit, [`ArchiveError::Refused`] when the body's own
    /// `Serialize` fails.
    #[inline]
    pub fn archive<B: EventBody>(&mut self, body: &B) -> Result<(), ArchiveError> {
        self.buffer.restart();
        let arena = LazyArena::new(&mut self.arena);
        let written = low::to_bytes_in_with_alloc(body, &mut self.buffer, arena).map(drop);
        match written {
            Ok(()) => Ok(()),
            Err(_) if self.buffer.overflowed => Err(ArchiveError::TooLong {
                bytes_max: self.buffer.bytes_max,
            }),
            Err(error) => Err(ArchiveError::Refused(error)),
        }
    }

    /// The archive written last.
    #[inline]
    pub(crate) fn archived(&self) -> &[u8] {
        &self.buffer.bytes[self.buffer.start + self.buffer.reserved..]
    }

    /// The last `bytes` of the reserved bytes, and the archive behind them.
    #[inline]
    pub(crate) fn record(&self, bytes: usize) -> &[u8] {
        &self.buffer.bytes[self.buffer.start + self.buffer.reserved - bytes..]
    }

    /// As [`record`](Self::record), for the owner of the reserved bytes to fill in.
    #[inline]
    pub(crate) fn record_mut(&mut self, bytes: usize) -> &mut [u8] {
        let start = self.buffer.start + self.buffer.reserved - bytes;
        &mut self.buffer.bytes[start..]
    }

    /// Keeps the [`record`](Self::record) until [`forget_kept`](Self::forget_kept); returns where
    /// [`kept`](Self::kept) has it.
    #[inline]
    pub(crate) fn keep(&mut self, bytes: usize) -> Range<usize> {
        let buffer = &mut self.buffer;
        let record = buffer.start + buffer.reserved - bytes..buffer.bytes.len();
        buffer.start = record.end.next_multiple_of(ALIGNMENT);
        buffer
            .bytes
            .extend_from_slice(&[0; RESERVED_MAX + ALIGNMENT]);
        buffer.restart();
        record
    }

    /// What was kept at `range`.
    #[inline]
    pub(crate) fn kept(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer.bytes[range.clone()]
    }

    /// Forgets everything that was kept; its memory is used again.
    #[inline]
    pub(crate) fn forget_kept(&mut self) {
        self.buffer.start = 0;
        self.buffer.restart();
    }
}

impl ArchiveBuffer {
    /// Forgets the archive that was not kept.
    #[inline]
    fn restart(&mut self) {
        let length = self.start + self.reserved;
        assert!(length <= self.bytes.len(), "a record's start is written");
        // SAFETY: the vector holds no fewer, as was just checked.
        unsafe { self.bytes.set_len(length) };
        self.overflowed = false;
    }
}

impl<'a> LazyArena<'a> {
    #[inline]
    fn new(arena: &'a mut Arena) -> Self {
        Self {
            arena: Some(arena),
            handle: None,
        }
    }

    fn handle(&mut self) -> &mut ArenaHandle<'a> {
        let arena = &mut self.arena;
        self.handle.get_or_insert_with(|| {
            let arena = arena.take().expect("a handle is acquired once");
            arena.acquire()
        })
    }
}

// SAFETY: every call goes to one and the same arena handle, which keeps the contract.
unsafe impl<E> Allocator<E> for LazyArena<'_> {
    unsafe fn push_alloc(&mut self, layout: Layout) -> Result<NonNull<[u8]>, E> {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.handle().push_alloc(layout) }
    }

    unsafe fn pop_alloc(&mut self, pointer: NonNull<u8>, layout: Layout) -> Result<(), E> {
        // SAFETY: the caller's promise is passed on; what is popped was pushed, by this handle.
        unsafe { self.handle().pop_alloc(pointer, layout) }
    }
}

impl fmt::Debug for LazyArena<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyArena")
            .field("is_used", &self.handle.is_some())
            .finish_non_exhaustive()
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
    #[inline]
    fn pos(&self) -> usize {
        self.bytes.len()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the archive is longer than allowed")]
struct Overflow;

impl<E: Source> Writer<E> for ArchiveBuffer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        let archived = self.bytes.len() - self.start - self.reserved;
        if archived + bytes.len() > self.bytes_max {
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
