//! The pipeline: open, publish, wait, read, close.
#![forbid(unsafe_code)]

mod batch;
mod builder;
mod close;
mod durability;
mod error;
mod lifecycle;
mod placement;
mod project;
mod publisher;
mod read;
mod receipt;
mod recover;
#[cfg(feature = "sim")]
mod recovered;
mod report;
#[cfg(feature = "sim")]
pub(crate) mod stepped;
mod threads;

pub use batch::BatchReceipt;
pub use builder::Builder;
pub use durability::Durability;
pub use error::{
    CloseError, OpenError, PublishAllError, PublishError, ReadStateError, ReceiptError,
};
pub use lifecycle::Pipeline;
pub use publisher::Publisher;
pub use receipt::Receipt;
#[cfg(feature = "sim")]
pub use recovered::RecoveredPartition;
pub use report::{CloseReport, PartitionReport, PartitionStart, PartitionStats, StartReport};

pub(crate) use lifecycle::Shared;
pub(crate) use publisher::{WhenFull, record_of, record_of_mut};
pub(crate) use receipt::{Level, Settles};
