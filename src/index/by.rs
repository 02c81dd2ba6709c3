//! What an index is by.

use std::fmt;

use crate::event::{Event, ViewError, Viewer, fingerprint};
use crate::journal::{RecordedEvent, is_cursor_name};
use crate::sync::Arc;

/// The number that an index finds events by, and the index's name.
#[derive(Clone)]
pub struct IndexBy {
    name: String,
    /// Differs where the same event may have another number.
    definition: u64,
    number: Arc<Number>,
}

type Number = dyn Fn(&RecordedEvent<'_>, &mut Viewer) -> Result<Found, ViewError> + Send + Sync;

/// What looking for an event's number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Number(u64),
    /// The event has none.
    Nothing,
    /// This program does not know the event's type, or not this version of it.
    Unknown,
}

impl IndexBy {
    /// By the key that the events were routed by. The index has the name `key`.
    #[must_use]
    pub fn key() -> Self {
        Self {
            name: "key".to_owned(),
            definition: stable_hash(b"key"),
            number: Arc::new(|event, _| Ok(Found::Number(event.meta.key))),
        }
    }

    /// By the number that `number` finds in an event, such as the [`stable_hash`] of an id; events
    /// in which it finds none are not in the index. Different ids may have one number: compare the
    /// ids of what is found.
    ///
    /// Raise `version` when `number` changes, or when an upcaster does so that it makes another
    /// number of an event: the index is then built anew, as it is when the program's event types
    /// change, or the older versions of them that it can read.
    ///
    /// # Panics
    ///
    /// When `name` is not 1 to 64 letters, digits, hyphens and underscores, or is `key`.
    #[must_use]
    pub fn event<E: Event>(
        name: &str,
        version: u32,
        number: impl Fn(&E::View<'_>) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        assert!(
            is_cursor_name(name) && name != "key",
            "`{name}` is no name for an index"
        );
        let mut definition = name.as_bytes().to_vec();
        definition.extend_from_slice(&version.to_le_bytes());
        // What can be upcast is in it, too: an event has no number where it cannot be looked at.
        for types in [E::TYPES, E::OLDER_TYPES] {
            definition.extend_from_slice(&fingerprint(types).to_le_bytes());
        }
        Self {
            name: name.to_owned(),
            definition: stable_hash(&definition),
            number: Arc::new(move |event, viewer| match event.view::<E>(viewer) {
                Ok(view) => Ok(number(&view).map_or(Found::Nothing, Found::Number)),
                Err(error) if error.is_unknown() => Ok(Found::Unknown),
                Err(error) => Err(error),
            }),
        }
    }

    /// The index's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn definition(&self) -> u64 {
        self.definition
    }

    /// The event's number; an error where the program knows the type, but cannot look at the event.
    pub(super) fn number(
        &self,
        event: &RecordedEvent<'_>,
        viewer: &mut Viewer,
    ) -> Result<Found, ViewError> {
        (self.number)(event, viewer)
    }
}

impl fmt::Debug for IndexBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexBy")
            .field("name", &self.name)
            .field("definition", &self.definition)
            .finish_non_exhaustive()
    }
}

/// A number for bytes that is the same in every program and for ever: FNV-1a.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_has_its_golden_values() {
        assert_eq!(stable_hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stable_hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
