//! The set of event types a journal holds, and the enum over them.
#![allow(unsafe_code, reason = "declares the trusted access")]

use super::{ArchiveError, Archiver, Stepped, UnknownVersion, Upcast, UpcastCause, UpcastError};
use crate::schema::TypeLayout;

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

    /// Every event type of this enum, in its current version: what is published.
    const TYPES: &'static [EventType];

    /// The older versions of those types that [`upcast`](Self::upcast) leads on from.
    const OLDER_TYPES: &'static [EventType] = &[];

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

    /// The event in `bytes`, an archive of the type `kind` in version `version`, the current one,
    /// validated. A [`Viewer`](crate::event::Viewer) also looks at older versions.
    ///
    /// # Errors
    ///
    /// Each but [`ViewError::Upcast`]; never a panic, whatever the bytes.
    fn view(kind: u16, version: u16, bytes: &[u8]) -> Result<Self::View<'_>, ViewError>;

    /// Takes the step from an older `version` to the next one.
    ///
    /// # Errors
    ///
    /// What [`Upcast::by`] returns, or [`UpcastCause::Invalid`] for what is not in
    /// [`OLDER_TYPES`](Self::OLDER_TYPES).
    fn upcast(kind: u16, version: u16, step: Upcast<'_>) -> Result<Stepped, UpcastCause> {
        step.refuse::<Self>(kind, version)
    }

    /// How the archives of each type and version are laid out, for `schema.lock`; see
    /// [`schema`](crate::schema).
    #[must_use]
    fn layouts() -> Vec<TypeLayout> {
        Vec::new()
    }

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
    /// The journal holds a type that this program does not know. Use the program that wrote it, or
    /// give the type its line in `events!` again: a variant stays as long as a journal holds it.
    #[error(
        "unknown event type: kind {kind}, version {version}; use the program that wrote it, or give \
         the kind its line in `events!` again"
    )]
    UnknownType {
        /// The kind in the frame.
        kind: u16,
        /// The version in the frame.
        version: u16,
    },
    /// The program knows the type, but not this version of it. Use the program that wrote it, or add
    /// the upcasters that lead on from that version.
    #[error("{0}")]
    UnknownVersion(Box<UnknownVersion>),
    /// An older version, which has to be upcast: look at it with a
    /// [`Viewer`](crate::event::Viewer). Nothing but [`Event::view`] returns this.
    #[error("kind {kind}, version {version} is an older version, which has to be upcast first")]
    OlderVersion {
        /// The kind in the frame.
        kind: u16,
        /// The version in the frame.
        version: u16,
    },
    /// An older version could not be upcast. Mend the upcaster.
    #[error(transparent)]
    Upcast(Box<UpcastError>),
    /// The bytes are not a valid archive of the type: the type changed without a new version, or
    /// the bytes are damaged.
    #[error("not a valid archive of its type: {0}")]
    Invalid(#[source] rkyv::rancor::Error),
}

// It is the other half of what `view` returns for every event: what is large is boxed.
const _: () = assert!(size_of::<ViewError>() <= 16);

impl ViewError {
    /// Whether the program knows nothing of such events: neither the type, nor this version of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownType { .. } | Self::UnknownVersion(_))
    }
}

/// A number that changes when the set of types, their names or versions do. Stored in each segment
/// and snapshot. Of the types in their current version alone: which older ones can be read as well
/// changes nothing about what is written.
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

/// Whether `older` are the versions from `since` up to the one before `current`, in order. For the
/// `events!` macro.
#[doc(hidden)]
#[must_use]
pub const fn is_chain(since: u16, older: &[u16], current: u16) -> bool {
    let mut next = since;
    let mut i = 0;
    while i < older.len() {
        if older[i] != next {
            return false;
        }
        next += 1;
        i += 1;
    }
    since >= 1 && next == current
}

/// Whether it can be the name of an event type: `schema.lock` has it in a line. For the `events!`
/// macro.
#[doc(hidden)]
#[must_use]
pub const fn is_name(name: &str) -> bool {
    let name = name.as_bytes();
    let mut i = 0;
    while i < name.len() {
        if !name[i].is_ascii_graphic() {
            return false;
        }
        i += 1;
    }
    !name.is_empty() && name[0] != b'#'
}

/// Whether two names are equal. For the `events!` macro.
#[doc(hidden)]
#[must_use]
pub const fn is_same_name(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut i = 0;
    while i < one.len() && i < other.len() && one[i] == other[i] {
        i += 1;
    }
    i == one.len() && i == other.len()
}
