//! The set of event types a journal holds, and the enum over them.
#![allow(unsafe_code, reason = "declares the trusted access")]

use super::{ArchiveError, Archiver};

/// One event type: what a frame's kind and version stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// The number in the frame header: 1 to 65,279, never reused for another type.
    pub kind: u16,
    /// The version of the struct's layout, from 1: raise it when a field changes.
    pub version: u16,
    /// The stable name, such as `player.moved`.
    pub name: &'static str,
}

/// The user's enum over their event types; written by the [`events!`](crate::events) macro.
pub trait Event: Sized + Send + 'static {
    /// The enum over the archived structs that `apply` gets.
    type View<'a>;

    /// Every event type of this enum.
    const TYPES: &'static [EventType];

    /// The type of this event: an element of [`TYPES`](Self::TYPES).
    fn event_type(&self) -> &'static EventType;

    /// The key that decides the partition. Events of one key stay in order.
    fn key(&self) -> u64;

    /// The event's own time in milliseconds since the Unix epoch, where it has one.
    fn time_ms(&self) -> Option<i64>;

    /// Archives this event's struct.
    ///
    /// # Errors
    ///
    /// What [`Archiver::archive`] returns.
    fn archive(&self, archiver: &mut Archiver) -> Result<(), ArchiveError>;

    /// The event in `bytes`, an archive of the type `kind` in version `version`, validated.
    ///
    /// # Errors
    ///
    /// [`ViewError::UnknownType`] or [`ViewError::Invalid`]; never a panic, whatever the bytes.
    fn view(kind: u16, version: u16, bytes: &[u8]) -> Result<Self::View<'_>, ViewError>;

    /// The event in `bytes`, not validated again where the implementation can do without.
    ///
    /// # Safety
    ///
    /// [`view`](Self::view) accepted the same bytes for the same kind and version, they have not
    /// changed since, and they lie at a 16-byte aligned address.
    unsafe fn view_trusted(kind: u16, version: u16, bytes: &[u8]) -> Self::View<'_> {
        match Self::view(kind, version, bytes) {
            Ok(view) => view,
            Err(error) => unreachable!("`view` accepted these bytes before: {error}"),
        }
    }
}

/// Bytes that are not an event of this program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The journal holds a type that this program does not know. Use the program that wrote it.
    #[error("unknown event type {kind} version {version}")]
    UnknownType {
        /// The kind in the frame.
        kind: u16,
        /// The version in the frame.
        version: u16,
    },
    /// The bytes are not a valid archive of the type: the type changed without a new version, or
    /// the bytes are damaged.
    #[error("not a valid archive of its type: {0}")]
    Invalid(#[source] rkyv::rancor::Error),
}

/// A number that changes when the set of types, their names or versions do. Stored in each segment.
#[must_use]
pub fn fingerprint(types: &[EventType]) -> u64 {
    // FNV-1a: stable for ever, and small enough to be read at a glance.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for event_type in types {
        for half in [event_type.kind, event_type.version] {
            eat((half & 0xff) as u8);
            eat((half >> 8) as u8);
        }
        event_type.name.bytes().for_each(&mut eat);
        eat(0);
    }
    hash
}
