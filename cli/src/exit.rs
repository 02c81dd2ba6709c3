//! How the program ends: its exit codes, and which error means which.

use std::process::ExitCode;

use ringlog::OpenError;
use ringlog::index::FindError;
use ringlog::journal::{ReadError, RepairError};
use ringlog::time_travel::TimeTravelError;

use crate::output::StdoutClosed;

/// The program's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `verify`: sound.
    Success = 0,
    /// It failed, or could not read what it was given.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The journal ends in bytes that were never acknowledged.
    TornTail = 3,
    /// Something that was durable is damaged.
    Corruption = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command line that clap accepts, but that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// What `error` means for the caller of the program.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    // Whoever read our output has seen enough: `ringlog dump | head` is no failure.
    if error.is::<StdoutClosed>() {
        Exit::Success
    } else if error.is::<Usage>() {
        Exit::Usage
    } else if is_corruption(error) {
        Exit::Corruption
    } else {
        Exit::Failure
    }
}

/// The error and its causes in one line, each said once: some causes are part of the text above.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn is_corruption(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<ReadError>() {
        return error.is_corruption();
    }
    if let Some(error) = error.downcast_ref::<FindError>() {
        return error.is_corruption();
    }
    if let Some(error) = error.downcast_ref::<TimeTravelError>() {
        return error.is_corruption();
    }
    if let Some(error) = error.downcast_ref::<RepairError>() {
        return error.is_corruption();
    }
    // Transparent: the error in it is not in the chain.
    matches!(
        error.downcast_ref::<OpenError>(),
        Some(OpenError::Journal(error)) if error.is_corruption()
    ) || matches!(
        error.downcast_ref::<OpenError>(),
        Some(OpenError::NoUsableSnapshot { rejected, .. })
            if rejected.iter().all(|rejected| rejected.is_damaged)
    )
}
