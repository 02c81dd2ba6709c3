//! Short text without a heap allocation.
#![allow(unsafe_code, reason = "UTF-8 that was checked at construction")]

use std::fmt;

use rkyv::rancor::{Fallible, Source};
use rkyv::string::{ArchivedString, StringResolver};
use rkyv::{Archive, Place, Serialize, SerializeUnsized};

/// Bytes that fit without an allocation: with them, a `Text` is 32 bytes long.
const INLINE_BYTES_MAX: usize = 30;

/// A string that allocates only above 30 bytes; archived as a string.
///
/// Ids, weapons and sources are nearly always short, and one allocation for each of them would
/// cost more than archiving the whole event.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline {
        bytes_count: u8,
        /// UTF-8 in the first `bytes_count` bytes, zeros behind.
        bytes: [u8; INLINE_BYTES_MAX],
    },
    Heap(Box<str>),
}

const _: () = assert!(size_of::<Text>() == 32);

impl Text {
    /// The string.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { bytes_count, bytes } => {
                let bytes = bytes.get(..usize::from(*bytes_count)).unwrap_or_default();
                // Checked, this would be a quarter of what it costs to make and archive a move.
                // SAFETY: `From<&str>`, the only place that makes this variant, copies a whole `str`
                // into the first `bytes_count` bytes, and nothing changes them afterwards.
                unsafe { str::from_utf8_unchecked(bytes) }
            }
            Repr::Heap(text) => text,
        }
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_BYTES_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(target), Ok(bytes_count)) => {
                target.copy_from_slice(text.as_bytes());
                Self(Repr::Inline { bytes_count, bytes })
            }
            _ => Self(Repr::Heap(text.into())),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl Archive for Text {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    #[inline]
    fn resolve(&self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedString::resolve_from_str(self.as_str(), resolver, out);
    }
}

impl<S: Fallible + ?Sized> Serialize<S> for Text
where
    S::Error: Source,
    str: SerializeUnsized<S>,
{
    #[inline]
    fn serialize(&self, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        ArchivedString::serialize_from_str(self.as_str(), serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_comes_back() {
        for length in [0, 1, 8, 29, 30, 31, 255, 256, 70_000] {
            let string: String = "aßc".chars().cycle().take(length).collect();
            assert_eq!(Text::from(string.as_str()).as_str(), string);
        }
    }
}
