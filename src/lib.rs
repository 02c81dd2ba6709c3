#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! - Write events with [`events!`] and state with [`State`].
//! - Open a [`Pipeline`] through its [`Builder`]; publish with a [`Publisher`], or idempotently
//!   through a [`source`]; wait on a [`Receipt`]; look at state with [`Pipeline::read`].
//! - Change events without losing a journal: [`schema`].
//! - Read a journal from outside with [`journal::JournalReader`]; look back with [`time_travel`], and
//!   find the events of a key with an [`index`].
//! - Answer queries from a read model beside the engine with [`projection`].
//! - Ask for decisions with [`command`]s: a [`Decider`], a [`Client`].
//! - With the feature `sim`, test your own state on a disk that fails: `testing`, `storage::sim`, `sim`.
//! - [`game`] is the reference domain: the events and state of a game server.
//!
//! `docs/architecture.md` is the bird's-eye view, `docs/format.md` the bytes on disk.
#![deny(missing_docs)]

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub mod bench;
pub mod command;
pub mod event;
pub mod game;
pub mod index;
pub mod journal;
pub mod projection;
pub mod schema;
#[cfg(feature = "sim")]
pub mod sim;
pub mod snapshot;
pub mod source;
pub mod storage;
#[cfg(feature = "sim")]
pub mod testing;
pub mod time_travel;

mod bytes;
mod callback;
mod canary;
mod client;
mod clock;
mod idle;
#[cfg(loom)]
#[doc(hidden)]
pub mod internal;
mod partition;
mod pipeline;
mod prefetch;
mod replay;
mod ring;
mod routing;
mod sync;
mod table;
mod watermark;

pub use client::{
    Appender, Client, ClientError, CommandError, CommandSource, PENDING_DEFAULT, Pending,
    SendError, VersionError,
};
pub use command::{
    Answered, AppendOutcome, Command, CommandAnswer, CommandFailure, Decider, Events, Expected,
    Outcome,
};
pub use event::{
    ArchiveError, Archiver, Event, EventBody, EventMeta, EventType, SourceNumber, State, ViewError,
    Viewer,
};
pub use partition::Poison;
#[cfg(feature = "sim")]
pub use pipeline::RecoveredPartition;
pub use pipeline::{
    BatchReceipt, Builder, CloseError, CloseReport, Durability, OpenError, PartitionReport,
    PartitionStart, PartitionStats, Pipeline, PublishAllError, PublishError, Publisher,
    ReadStateError, Receipt, ReceiptError, StartReport,
};
pub use prefetch::prefetch;
pub use rkyv;
pub use routing::partition_of;
pub use table::Table;

/// The longest archive of one event, in bytes.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
