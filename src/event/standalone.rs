//! Archives outside a journal: for tests and tools that want to see an event as `apply` does.
#![forbid(unsafe_code)]

use super::{ArchiveError, Archiver, Event};
use crate::EVENT_BYTES_MAX;

impl Default for Archiver {
    fn default() -> Self {
        Self::new(0, EVENT_BYTES_MAX)
    }
}

/// Archives `event` as a journal would, for tests and tools. The bytes are 16-byte aligned, ready
/// for [`Event::view`], and stay in `archiver` until it archives the next event.
///
/// # Errors
///
/// What [`Event::archive`] returns.
#[inline]
pub fn to_archive<'a, E: Event>(
    event: &E,
    archiver: &'a mut Archiver,
) -> Result<&'a [u8], ArchiveError> {
    event.archive(archiver)?;
    Ok(archiver.archived())
}
