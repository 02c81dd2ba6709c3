//! What a repair would do, as data.

use std::fmt;

use super::cut::Cut;
use super::error::Loss;
use crate::journal::error::Corruption;
use crate::journal::recovery::TornTail;
use crate::snapshot::RejectedSnapshot;

/// What a repair found and does, partition by partition.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RepairPlan {
    /// One entry a partition.
    pub partitions: Vec<PartitionPlan>,
}

impl RepairPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.iter().all(|plan| plan.steps.is_empty())
    }

    /// What it loses of events that were durable.
    pub fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.partitions.iter().filter_map(|plan| plan.loss.as_ref())
    }
}

/// One partition's part of a plan.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PartitionPlan {
    /// The partition.
    pub partition: u32,
    /// A torn tail: never acknowledged, so nothing is lost with it.
    pub torn_tail: Option<TornTail>,
    /// The control word cannot be believed.
    pub control_unreadable: bool,
    /// What is lost of events that were durable.
    pub loss: Option<Loss>,
    /// Damage in front of the newest sound snapshot: openings start behind that, and nothing is
    /// done about it. [Salvage](crate::journal::Cursor::skip_damage) reads what is left.
    pub covered: Vec<Corruption>,
    /// Snapshots that are damaged: openings pass them over.
    pub damaged_snapshots: Vec<RejectedSnapshot>,
    /// What is done, in this order; empty where nothing is wrong.
    pub steps: Vec<RepairStep>,
    pub(super) work: Work,
}

impl PartitionPlan {
    pub(super) fn damaged_snapshot_names(&self) -> Vec<String> {
        let damaged = self.damaged_snapshots.iter();
        damaged.map(|damaged| damaged.name.clone()).collect()
    }
}

/// The steps as the program carries them out.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Nothing,
    /// What an opening does by itself.
    Open,
    Cut(Cut),
    /// The partition's folder is missing.
    Folder,
}

/// One step of a repair. Its text is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairStep {
    /// Bytes are copied to the quarantine, and synced.
    Copy {
        /// The segment's file name.
        segment: String,
        /// Where in it they start.
        position: u64,
        /// How many there are, up to the last one that is not zero.
        bytes: u64,
        /// The copy, as a path in the journal's directory.
        to: String,
    },
    /// A file is moved to the quarantine: a snapshot that is damaged or holds what is cut, or the
    /// mark of a cursor that has read what is cut.
    SetAside {
        /// Its file name.
        file: String,
        /// Where it goes, as a path in the journal's directory.
        to: String,
    },
    /// A new control word is stored, and synced.
    StoreControlWord {
        /// The last acknowledged group that it names.
        group: u64,
        /// The last sequence that it names.
        sequence: u64,
    },
    /// A segment is removed.
    RemoveSegment {
        /// Its file name.
        segment: String,
    },
    /// A fresh segment is written. What lies behind its first group in the one before it is
    /// superseded from then on.
    StartSegment {
        /// Its file name.
        segment: String,
        /// Sound events without a witness that are copied into it.
        events: u64,
        /// Whether it takes the place of a segment of the same name.
        replaces: bool,
    },
    /// The partition's folder is made anew, empty.
    CreateFolder {
        /// Its name.
        folder: String,
    },
}

impl fmt::Display for RepairStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy {
                segment,
                position,
                bytes,
                to,
            } => write!(
                f,
                "Copy {bytes} bytes from byte {position} of {segment} on to {to}."
            ),
            Self::SetAside { file, to } => write!(f, "Move {file} to {to}."),
            Self::StoreControlWord { group, sequence } => write!(
                f,
                "Store a control word that names group {group} and sequence {sequence} as the last \
                 ones."
            ),
            Self::RemoveSegment { segment } => write!(f, "Remove {segment}."),
            Self::StartSegment {
                segment,
                events,
                replaces,
            } => {
                write!(f, "Start the fresh segment {segment}")?;
                if *replaces {
                    f.write_str(" in the place of the one of this name")?;
                }
                if *events > 0 {
                    write!(f, " with the last {events} events, which nothing witnesses")?;
                }
                f.write_str(".")
            }
            Self::CreateFolder { folder } => write!(f, "Make an empty folder {folder}."),
        }
    }
}
