//! Retiring segments that no kept snapshot and no cursor within its lag needs.

use std::io;
use std::path::Path;

use super::policy::Retention;
use crate::canary::{Canary, is_planted};
use crate::journal::{
    Directory, PreparedFile, Preparer, ReadError, SegmentName, list_marks, list_segments,
};
use crate::storage::OpenMode;

/// Why retiring stopped half-way. What it had retired stays retired.
#[derive(Debug)]
pub(crate) enum RetireError {
    Read(ReadError),
    Io(&'static str, io::Error),
}

impl From<ReadError> for RetireError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Retires the segments of `partition` whose every group is at or below `oldest_kept_group`, the
/// group of the oldest kept snapshot, which is durable. Returns how many.
///
/// The oldest goes first, and the directory is synced after each, so that a crash never leaves a
/// hole in the middle.
pub(crate) fn retire(
    directory: &Directory,
    partition: u32,
    oldest_kept_group: u64,
    retention: Retention,
    preparer: &Preparer,
) -> Result<u64, RetireError> {
    let Retention::FromOldestSnapshot { cursor_lag_max } = retention else {
        return Ok(0);
    };
    let storage = &*directory.storage;
    let path = directory.partition_dir(partition);
    let segments = list_segments(storage, &path)?.unwrap_or_default();
    let last_sequence = segments.last().map_or(0, |last| last.first_sequence);
    let mut needed_group = oldest_kept_group + 1;
    for mark in list_marks(storage, &path, partition, directory.metadata.journal_id)? {
        let lag = last_sequence.saturating_sub(mark.sequence);
        if lag <= cursor_lag_max {
            needed_group = needed_group.min(mark.position.group + 1);
        } else if mark.position.group < oldest_kept_group {
            tracing::error!(
                partition,
                cursor = mark.name,
                lag,
                "a cursor lags too far behind and is expired: what it has not read is retired"
            );
        }
    }
    let mut retired = 0;
    for pair in segments.windows(2) {
        let [segment, next] = pair else { break };
        if next.first_group > needed_group {
            break;
        }
        retire_segment(directory, partition, &path, segment, preparer)?;
        retired += 1;
    }
    Ok(retired)
}

/// Recycles a segment where the preparer has a use for it and no reader holds it, or removes it.
fn retire_segment(
    directory: &Directory,
    partition: u32,
    path: &Path,
    segment: &SegmentName,
    preparer: &Preparer,
) -> Result<(), RetireError> {
    let storage = &*directory.storage;
    let failed = |operation| move |error| RetireError::Io(operation, error);
    let mut name = path.join(&segment.name);
    let sync = || {
        storage
            .sync_dir(path)
            .map_err(failed("sync the partition's directory"))
    };
    if preparer.recycles(partition) {
        let file = storage
            .open(&name, OpenMode::WriteDurable)
            .map_err(failed("open a retired segment"))?;
        let capacity = file.len().map_err(failed("measure a retired segment"))?;
        if capacity == preparer.recycled_bytes() {
            if is_planted(Canary::LockedUnderItsName) {
                let _ = file.try_lock_exclusive();
            }
            let renamed = path.join(format!("recycled-{:020}.tmp", segment.first_group));
            storage
                .rename(&name, &renamed)
                .map_err(failed("rename a retired segment"))?;
            name = renamed;
            // Held until the file is a segment again: a reader that opened it under its old name sees
            // that, and one that holds it already keeps its bytes. Taken only now, so that who is
            // refused it finds the old name gone. One that cannot be taken is not held.
            let is_free = matches!(file.try_lock_exclusive(), Ok(true));
            if is_free || is_planted(Canary::RecycledUnderAReader) {
                if !is_planted(Canary::RecycledNameNotSynced) {
                    sync()?;
                }
                preparer.donate(
                    partition,
                    PreparedFile {
                        file,
                        path: name,
                        capacity,
                        is_recycled: true,
                    },
                );
                return Ok(());
            }
        }
    }
    storage
        .remove(&name)
        .map_err(failed("remove a retired segment"))?;
    if is_planted(Canary::RemovalNotSynced) {
        return Ok(());
    }
    sync()
}
