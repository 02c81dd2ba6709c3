//! One event as a record of the ring: its header, and its archive behind that.
#![forbid(unsafe_code)]

use super::{ArchiveError, Archiver, Event, ViewError};
use crate::EVENT_BYTES_MAX;
use crate::journal::format::{CONTROL_KIND_MIN, FrameHeader, NO_EVENT_TIME};

/// What a source adds to a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceStamp {
    pub(crate) source_id: u32,
    pub(crate) number: u64,
    pub(crate) lag: u32,
}

/// An event is no record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Invalid(#[from] ViewError),
}

/// An archiver that has room for a header in front of each archive.
pub(crate) fn record_archiver() -> Archiver {
    Archiver::new(FrameHeader::BYTES, EVENT_BYTES_MAX)
}

/// As [`archive_stamped`], of an event without a source.
#[inline(always)]
pub(crate) fn archive_event<E: Event>(
    archiver: &mut Archiver,
    event: &E,
) -> Result<u64, RecordError> {
    archive_stamped(archiver, event, SourceStamp::default())
}

/// Archives and validates the event, fills in its record's header, and returns its key. Everything of
/// the user's runs here, before anything is claimed.
#[inline(always)]
pub(crate) fn archive_stamped<E: Event>(
    archiver: &mut Archiver,
    event: &E,
    stamp: SourceStamp,
) -> Result<u64, RecordError> {
    event.archive(archiver)?;
    let event_type = event.event_type();
    if event_type.kind >= CONTROL_KIND_MIN {
        // Only an `Event` written by hand can: it would pass for a record of the engine's own.
        let (kind, version) = (event_type.kind, event_type.version);
        return Err(ViewError::UnknownType { kind, version }.into());
    }
    let archived = archiver.archived();
    E::view(event_type.kind, event_type.version, archived)?;
    let key = event.key();
    let header = FrameHeader {
        #[expect(clippy::cast_possible_truncation, reason = "at most EVENT_BYTES_MAX")]
        length: archived.len() as u32,
        kind: event_type.kind,
        version: event_type.version,
        source_id: stamp.source_id,
        source_lag: stamp.lag,
        source_number: stamp.number,
        key,
        event_time_ms: event.time_ms().unwrap_or(NO_EVENT_TIME),
        journal_time_ns: 0,
    };
    set_record_header(archiver, &header);
    Ok(key)
}

/// Fills in the header of the record that was archived last.
#[inline]
pub(crate) fn set_record_header(archiver: &mut Archiver, header: &FrameHeader) {
    let record = archiver.record_mut(FrameHeader::RECORD_BYTES);
    record[..FrameHeader::RECORD_BYTES].copy_from_slice(header.as_record());
}
