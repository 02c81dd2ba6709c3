//! Choosing the newest snapshot that can be used.

use std::io;
use std::path::Path;

use super::file::{SnapshotFile, Unusable};
use super::{RejectedSnapshot, Tables};
use crate::callback::{Callback, panic_message};
use crate::event::{Event, State, fingerprint};
use crate::journal::format::{Position, SnapshotHeader};
use crate::journal::{History, ReadError, list_segments, list_snapshots};
use crate::storage::{OpenMode, Storage};
use crate::sync::Arc;

/// A state and tables as of one place in the journal.
#[derive(Debug)]
pub(crate) struct Restored<S> {
    pub(crate) state: S,
    pub(crate) tables: Tables,
    /// The snapshot they come from; `None`: the very beginning.
    pub(crate) header: Option<SnapshotHeader>,
    /// Newer snapshots that could not be used.
    pub(crate) rejected: Vec<RejectedSnapshot>,
}

/// Why there is nothing to start from.
#[derive(Debug)]
pub(crate) enum RestoreError {
    Read(ReadError),
    /// Segments were retired, and no snapshot that covers them can be used.
    NoSnapshot {
        earliest: u64,
        rejected: Vec<RejectedSnapshot>,
    },
}

impl From<ReadError> for RestoreError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// A moment in a partition's past: the events that are within both bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The last sequence; `None` is the journal's last one.
    pub sequence: Option<u64>,
    /// The greatest event time, in milliseconds since the Unix epoch.
    pub event_time_ms: i64,
}

impl AsOf {
    /// Everything there is.
    pub const LATEST: Self = Self {
        sequence: None,
        event_time_ms: i64::MAX,
    };

    /// The moment right behind the event of this sequence; 0 is in front of the first event.
    #[must_use]
    pub const fn sequence(sequence: u64) -> Self {
        Self {
            sequence: Some(sequence),
            ..Self::LATEST
        }
    }

    /// The events with an event time up to this one, in milliseconds since the Unix epoch. They need
    /// not be the first ones: event times may run backwards.
    #[must_use]
    pub const fn event_time_ms(event_time_ms: i64) -> Self {
        Self {
            event_time_ms,
            ..Self::LATEST
        }
    }

    /// Whether everything in the snapshot is within the bounds.
    fn holds(self, header: &SnapshotHeader) -> bool {
        self.sequence.is_none_or(|last| header.sequence <= last)
            && header.last_event_time_ms <= self.event_time_ms
    }
}

/// The newest usable snapshot of a partition that serves `as_of`, or a fresh state where the whole
/// history is there to be replayed.
pub(crate) fn restore<S: State>(
    storage: &Arc<dyn Storage>,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
    as_of: AsOf,
    fresh: &mut dyn FnMut(u32) -> S,
) -> Result<Restored<S>, RestoreError> {
    let segments = list_segments(&**storage, partition_dir)?.unwrap_or_default();
    let first = segments.first();
    let is_complete = first.is_none_or(|first| first.first_group == 1);
    let mut rejected = Vec::new();
    let mut names = list_snapshots(&**storage, partition_dir)?;
    if S::SNAPSHOT_VERSION == 0 && is_complete {
        names.clear();
    }
    while let Some(name) = names.pop() {
        let file = SnapshotFile::open(&**storage, partition_dir, &name, partition, journal_id);
        let loaded = file.and_then(|file| {
            if !as_of.holds(&file.header) {
                return Ok(None);
            }
            file.check()?;
            load(&file, is_complete, || fresh(partition)).map(Some)
        });
        match loaded {
            Ok(None) => {}
            // Beside a running writer: superseded by newer ones since the listing.
            Err(Unusable::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                names = list_snapshots(&**storage, partition_dir)?;
            }
            Ok(Some((state, tables, header))) => {
                return Ok(Restored {
                    state,
                    tables,
                    header: Some(header),
                    rejected,
                });
            }
            Err(unusable) => rejected.push(RejectedSnapshot {
                name: name.name,
                reason: unusable.to_string(),
                is_damaged: unusable.is_damage(),
            }),
        }
    }
    if !is_complete {
        // Whether they were retired or lost, the journal knows.
        let mode = OpenMode::Read;
        History::open(storage, partition_dir, partition, journal_id, mode, None)?.step(u64::MAX)?;
        return Err(RestoreError::NoSnapshot {
            earliest: first.map_or(1, |first| first.first_sequence),
            rejected,
        });
    }
    Ok(Restored {
        state: fresh(partition),
        tables: Tables::new(S::KEY_VERSIONS_MAX),
        header: None,
        rejected,
    })
}

/// Loads one snapshot. Where the whole history could be replayed instead, a snapshot of other logic
/// or other event types is passed over: replaying is slower, and always right.
fn load<S: State>(
    file: &SnapshotFile,
    is_complete: bool,
    fresh: impl FnOnce() -> S,
) -> Result<(S, Tables, SnapshotHeader), Unusable> {
    let header = file.header;
    if is_complete && header.state_version != S::SNAPSHOT_VERSION {
        return Err(Unusable::StateVersion {
            found: header.state_version,
            known: S::SNAPSHOT_VERSION,
        });
    }
    if header.schema != fingerprint(S::Event::TYPES) {
        if is_complete {
            return Err(Unusable::Schema);
        }
        tracing::warn!(
            partition = header.partition,
            sequence = header.sequence,
            "the snapshot was taken with other event types; what it stands on was retired, so it is used"
        );
    }
    let mut body = file.body();
    let tables = body.tables(S::KEY_VERSIONS_MAX)?;
    if is_complete && tables.versions.are_other_keys() {
        return Err(Unusable::KeyVersions);
    }
    let load = std::panic::AssertUnwindSafe(|| {
        let _inside = Callback::enter();
        let mut state = fresh();
        state.load(header.state_version, &mut body.state())?;
        Ok(state)
    });
    match std::panic::catch_unwind(load) {
        Ok(Ok(state)) => {
            // The bytes of this reading: the device may have returned others to the check.
            body.finish()?;
            Ok((state, tables, header))
        }
        Ok(Err(error)) => Err(Unusable::Load(error)),
        Err(payload) => Err(Unusable::Panicked(panic_message(&*payload))),
    }
}

/// Where the journal goes on behind the newest snapshot whose every byte is sound.
pub(crate) fn newest_sound(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
) -> Result<Option<Position>, ReadError> {
    let names = list_snapshots(storage, partition_dir)?;
    Ok(names.iter().rev().find_map(|name| {
        let file = SnapshotFile::open(storage, partition_dir, name, partition, journal_id).ok()?;
        file.check().ok()?;
        Some(file.header.position())
    }))
}

/// How many snapshots a partition has, and which of them are damaged.
pub(crate) fn check_snapshots(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
) -> Result<(u64, Vec<RejectedSnapshot>), ReadError> {
    let names = list_snapshots(storage, partition_dir)?;
    let mut damaged = Vec::new();
    for name in &names {
        let file = SnapshotFile::open(storage, partition_dir, name, partition, journal_id);
        let checked = file.and_then(|file| {
            let mut body = file.body();
            body.tables(0)?;
            body.finish()
        });
        match checked {
            // Removed beside us by a running writer.
            Err(Unusable::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(unusable) => damaged.push(RejectedSnapshot {
                name: name.name.clone(),
                reason: unusable.to_string(),
                is_damaged: unusable.is_damage(),
            }),
            Ok(()) => {}
        }
    }
    Ok((names.len() as u64, damaged))
}
