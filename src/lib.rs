//! ringlog: a journaled disruptor.
pub mod event;
pub mod game;

mod callback;
mod clock;
mod idle;
mod sync;
mod watermark;

pub use event::{
    ArchiveError, Archiver, Event, EventBody, EventMeta, EventType, SourceNumber, State, ViewError,
};
pub use rkyv;

/// The longest archive of one event, in bytes.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
