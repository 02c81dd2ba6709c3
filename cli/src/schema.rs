//! `ringlog schema`: what the archives of this program's events look like, and the lock of that.

use std::path::PathBuf;

use ringlog::schema;
use serde_json::json;

use crate::Domain;
use crate::exit::Exit;
use crate::output::Output;

/// Print the layout of every event type and version, or hold it against a lock
///
/// `schema.lock` is the text that this prints, in version control: a journal outlives the program
/// that wrote it, and a layout that changes without a new version makes old events unreadable.
/// `--check` fails where this program is not what the lock says, and says what to do; `--write` adds
/// to the lock what it does not have yet, and never changes what is locked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare with this lock
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    check: Option<PathBuf>,
    /// Make this lock, or add to it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    if let Some(path) = &args.check {
        schema::check_file::<D::Event>(path)?;
        let answer = json!({"is_locked": true});
        output.show(&answer, || {
            "the event types are those of the lock\n".to_owned()
        })?;
    } else if let Some(path) = &args.write {
        schema::write_file::<D::Event>(path)?;
        let answer = json!({"is_locked": true});
        output.show(&answer, || "locked; commit the file\n".to_owned())?;
    } else {
        let lock = schema::lock::<D::Event>()?;
        output.show(&json!({"lock": lock}), || lock.clone())?;
    }
    Ok(Exit::Success)
}
