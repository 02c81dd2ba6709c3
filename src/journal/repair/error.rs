//! Why a repair was not made, and what one would lose.

use std::fmt;
use std::path::PathBuf;

use crate::journal::error::{Corruption, JournalError, ReadError};

/// What a partition loses when it is cut at its first damage.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loss {
    /// The damage: every event from its `first_lost` on leaves the journal.
    pub corruption: Corruption,
    /// How many of those are sound. Salvage reads them: do that first.
    pub sound_events: u64,
    /// The last sequence that the control word knows of, where it can be believed.
    pub acknowledged_sequence: Option<u64>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let damage = &self.corruption;
        write!(
            f,
            "partition {}: {} is damaged at byte {} ({}); sequences up to {} are sound, and every \
             event from {} on would leave the journal",
            damage.partition,
            damage.segment,
            damage.position,
            damage.damage,
            damage.last_known,
            damage.first_lost
        )?;
        if self.sound_events > 0 {
            write!(
                f,
                ", {} sound ones behind the damage among them",
                self.sound_events
            )?;
        }
        if let Some(last) = self.acknowledged_sequence
            && last >= damage.first_lost
        {
            write!(f, " (events up to {last} were acknowledged)")?;
        }
        Ok(())
    }
}

/// A journal was not repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// A writer has it open. Close that first.
    #[error("{} is already open", path.display())]
    AlreadyOpen {
        /// The directory.
        path: PathBuf,
    },
    /// Events that were durable would be lost. Nothing was changed. Restore the files from a copy;
    /// or salvage what can be read, and accept the loss.
    #[error("{}", losses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    LossNotAccepted {
        /// What would be lost, one entry a partition.
        losses: Vec<Loss>,
    },
    /// The metadata is damaged. No repair can know what it said.
    #[error(
        "{0}; no repair can know what it said: restore it from a copy, it never changes after the \
         journal was created"
    )]
    Metadata(ReadError),
    /// The journal cannot be read, or written where a repair has to. What was done up to there is
    /// safe; mend the cause and repair again.
    #[error(transparent)]
    Journal(ReadError),
}

impl RepairError {
    /// Whether something that was durable is damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::AlreadyOpen { .. } => false,
            Self::LossNotAccepted { .. } | Self::Metadata(_) => true,
            Self::Journal(error) => error.is_corruption(),
        }
    }

    pub(super) fn from_opening(error: JournalError, path: &std::path::Path) -> Self {
        match error {
            JournalError::Read(error) => error.into(),
            // The partition count is the journal's own here.
            JournalError::AlreadyOpen | JournalError::PartitionCount { .. } => Self::AlreadyOpen {
                path: path.to_owned(),
            },
        }
    }
}

impl From<ReadError> for RepairError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Metadata { .. } => Self::Metadata(error),
            error => Self::Journal(error),
        }
    }
}
