//! What can go wrong with a journal's bytes and files.

use std::io;
use std::path::{Path, PathBuf};

use super::format::Damage;

/// Damage where the journal is known to have been durable: something was lost.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "partition {partition}: {segment} is damaged at byte {position}: {damage}; \
     sequences up to {last_known} are sound, {}",
    match lost_up_to {
        Some(last) => format!("{first_lost} to {last} are unreadable"),
        None => format!("what follows from {first_lost} on is unreadable"),
    }
)]
#[non_exhaustive]
pub struct Corruption {
    /// The partition.
    pub partition: u32,
    /// The segment's file name.
    pub segment: String,
    /// The byte in it where the first damaged structure starts.
    pub position: u64,
    /// What is wrong there.
    pub damage: Damage,
    /// The last sequence in front of the damage; 0 where there is none.
    pub last_known: u64,
    /// The first sequence that cannot be read.
    pub first_lost: u64,
    /// The last sequence that cannot be read, where it is known.
    pub lost_up_to: Option<u64>,
}

/// A journal could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The directory holds no journal. Check the path.
    #[error("{} is not a ringlog journal: {reason}", path.display())]
    NotAJournal {
        /// The directory.
        path: PathBuf,
        /// What is missing or foreign.
        reason: String,
    },
    /// Written by a newer program. Use that one.
    #[error("{} has format version {version}, newer than this program", path.display())]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The journal's metadata is damaged. Restore the file from a copy: it never changes.
    #[error("corruption: {} is damaged: {damage}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Something that was durable is damaged. Restore it from a copy, or salvage what precedes it
    /// by reading up to `last_known`.
    #[error("corruption: {0}")]
    Corruption(Box<Corruption>),
    /// Retention removed what was asked for. Start from `earliest`, or from a snapshot.
    #[error("partition {partition}: events before sequence {earliest} are retired")]
    Retired {
        /// The partition.
        partition: u32,
        /// The first sequence that is still there.
        earliest: u64,
    },
    /// A cursor cannot have this name. Choose 1 to 64 letters, digits, hyphens and underscores.
    #[error("`{name}` is no name for a cursor")]
    CursorName {
        /// The name.
        name: String,
    },
    /// The operating system refused.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl ReadError {
    /// Whether something that was durable is damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, Self::Corruption(_) | Self::Metadata { .. })
    }

    pub(crate) fn no_journal(path: &Path) -> Self {
        Self::NotAJournal {
            path: path.to_owned(),
            reason: "it has no `journal.meta`".to_owned(),
        }
    }

    pub(crate) fn io<'a>(
        operation: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}

/// Opening a journal for writing failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("another process has it open")]
    AlreadyOpen,
    #[error("it has {found} partitions, not {asked}")]
    PartitionCount { found: u32, asked: u32 },
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A write that failed: the partition is poisoned with it.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    pub(crate) stage: &'static str,
    pub(crate) source: io::Error,
}

impl WriteFailure {
    pub(crate) fn at(stage: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { stage, source }
    }
}
