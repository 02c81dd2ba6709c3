//! Forgetting a projection: the way out for one that has expired or is no longer wanted.
#![forbid(unsafe_code)]

use super::ProjectionError;
use super::checkpoint::Files;
use super::rebuild::rebuild_mark_name;
use super::start::{is_name, mark_name};
use crate::journal::{JournalReader, remove_mark};
use crate::sync::Arc;

/// Removes everything that is stored of the projection `name`: its checkpoint, and in every partition
/// the marks by which retention keeps events for it. The journal stays as it is. A projection that
/// is started under this name afterwards is a new one, which begins where its
/// [`Settings`](super::Settings) say. Where nothing is stored, there is nothing to do.
///
/// Do it to one that nobody will start again: retention waits for it, within `cursor_lag_max`. And to
/// one that cannot be started, because what it still needs was retired, or because its checkpoint
/// cannot be used.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reader = ringlog::journal::JournalReader::open("bank")?;
/// ringlog::projection::forget(&reader, "turnover")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ProjectionError::AlreadyRunning`] while it runs, in this process or another;
/// [`ProjectionError::Name`]; and those of the operating system: do it again then.
pub fn forget(reader: &JournalReader, name: &str) -> Result<(), ProjectionError> {
    if !is_name(name) {
        return Err(ProjectionError::Name(name.to_owned()));
    }
    let files = Files::new(
        Arc::clone(&reader.storage),
        reader.path(),
        name.into(),
        reader.journal_id(),
    );
    let _lock = files.take_lock()?;
    // In front of its marks: a checkpoint without them would be taken for one that a repair cut.
    files.remove_checkpoints()?;
    for partition in 0..reader.partitions() {
        let directory = reader.partition_dir(partition);
        for mark in [mark_name(name), rebuild_mark_name(name)] {
            remove_mark(&*reader.storage, &directory, &mark)?;
        }
    }
    Ok(())
}
