//! Sources: publishing that is idempotent across restarts.
//!
//! A source is a named stream of numbered events. [`Source`] takes increasing numbers from one
//! thread; [`ContiguousSource`] takes numbers without gaps, in any order and from several threads,
//! and puts them in order before they are routed.
#![forbid(unsafe_code)]

mod contiguous;
mod error;
mod exclusive;
mod hold;
mod ranges;
mod receipt;
mod registry;
mod stream;
mod table;

pub use contiguous::{ContiguousOptions, ContiguousSource, ContiguousStats};
pub use error::{HeldError, SourceError, SourcePublishError};
pub use exclusive::Source;
pub use receipt::ContiguousReceipt;
pub use table::SourceInfo;

pub(crate) use registry::{Lease, Registry};
pub(crate) use table::{LAG_UNKNOWN, SourceTable};
