//! Why a partition stopped for good.
#![forbid(unsafe_code)]

use std::io;

use crate::sync::Arc;

/// Why a partition takes no more events. The other partitions go on; the directory can be opened
/// again once the cause is mended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Poison {
    /// The user's `apply` panicked. Everything before `sequence` is durable, nothing from it on: the
    /// events of one command or append are taken back together.
    /// Mend `apply` and open the directory again.
    #[error("partition {partition}: `apply` panicked at sequence {sequence}: {message}")]
    ApplyPanicked {
        /// The partition.
        partition: u32,
        /// The sequence that the event would have had.
        sequence: u64,
        /// The panic's text.
        message: Arc<str>,
    },
    /// The journal could not be written: whether what was not acknowledged is durable is unknown
    /// until the directory is opened again. Mend the disk, or free space, first.
    #[error("partition {partition}: cannot {stage}: {source}; durability is unknown")]
    Journal {
        /// The partition.
        partition: u32,
        /// What was attempted.
        stage: &'static str,
        /// The operating system's error.
        source: Arc<io::Error>,
    },
    /// One of the engine's own threads panicked: a bug of ringlog. Please report it.
    #[error("partition {partition}: the engine failed: {message}")]
    Engine {
        /// The partition.
        partition: u32,
        /// The panic's text.
        message: Arc<str>,
    },
}

impl Poison {
    /// The operating system's error, where one is the cause.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Self::Journal { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether the disk was full.
    #[must_use]
    pub fn is_storage_full(&self) -> bool {
        self.io_error()
            .is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    }
}
