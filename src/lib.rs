//! ringlog: a journaled disruptor.
pub mod event;
pub mod game;

mod callback;
mod clock;
mod idle;
pub mod journal;
mod partition;
mod pipeline;
mod ring;
mod routing;
pub mod source;
pub mod storage;
mod sync;
mod watermark;

pub use event::{
    ArchiveError, Archiver, Event, EventBody, EventMeta, EventType, SourceNumber, State, ViewError,
};
pub use partition::Poison;
pub use pipeline::{
    Builder, CloseError, CloseReport, Durability, OpenError, PartitionReport, PartitionStart,
    PartitionStats, Pipeline, PublishError, Publisher, ReadStateError, Receipt, ReceiptError,
    StartReport,
};
pub use rkyv;
pub use routing::partition_of;

/// The longest archive of one event, in bytes.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
