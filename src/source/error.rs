//! What a source can answer.

use crate::partition::Poison;
use crate::pipeline::{PublishError, ReceiptError};

/// A source could not be opened or retired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Another handle of this source is live. Use that one, or drop it first.
    #[error("source `{name}` has a live handle")]
    SourceBusy {
        /// Its name.
        name: String,
    },
    /// The source table is full. Retire sources that will not come back.
    #[error("the journal has {max} sources, and nothing is evicted to make room for `{name}`")]
    TooManySources {
        /// The source that was refused.
        name: String,
        /// The limit.
        max: usize,
    },
    /// A name is 1 to 1,024 bytes long. Choose another one.
    #[error("a source's name is 1 to 1,024 bytes long")]
    Name,
    /// There is no such source. Check the name.
    #[error("there is no source `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The record of the source could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The record of the source could not be made durable.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The operating system refused a thread.
    #[error("cannot start the source's thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// A source's event was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourcePublishError {
    /// Numbers of a source only increase. Nothing was published; publish numbers in order, or use
    /// a contiguous source.
    #[error("number {number} is not above {last}, the source's last one")]
    OutOfOrder {
        /// The number refused.
        number: u64,
        /// The last number taken through this handle.
        last: u64,
    },
    /// Numbers run from 1 to 2^64 - 2. Count from 1.
    #[error("{number} is no number for a source: they run from 1 to 2^64 - 2")]
    Number {
        /// The number refused.
        number: u64,
    },
    /// The number was given up, and journaled as skipped, before it came. It is not in the journal
    /// and will not be: publish the event under another number if it still matters.
    #[error("number {number} came after it had been journaled as skipped")]
    Late {
        /// The number.
        number: u64,
    },
    /// More gaps than are remembered for one source. Retire it and start a new one.
    #[error("the source has {max} gaps, and nothing is forgotten to make room for one more")]
    TooManyGaps {
        /// The limit.
        max: usize,
    },
    /// See [`PublishError`].
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A gap could not be made durable as skipped, so nothing behind it was taken.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// A held event was never published: it is not in the journal. Publish it again after reopening.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HeldError {
    /// The pipeline or the source was closed while the event waited for a gap to close.
    #[error("closed while the event waited for a gap to close")]
    Closed,
    /// The partition that the event belongs to, or the one that journals the gap, stopped.
    #[error(transparent)]
    Poisoned(Poison),
    /// It was published, but not acknowledged. See [`ReceiptError`].
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}
