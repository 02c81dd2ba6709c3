//! The rivals: what one would glue together by hand from well-known crates.
//!
//! They do the same work on the same events: encode them, write and sync them, and keep the same
//! state. An event counts when it is durable *and* applied. They have no order across publishers, no
//! checks, no duplicates, no recovery. Each batch is what there is at the moment; the file was
//! written once before, so that a sync carries no metadata.

mod channel;
mod codec;
mod crowd;
mod hop;
mod journal;
mod players;
mod rings;
mod rivals;

pub(super) use crowd::Crowd;
pub(super) use hop::Hops;
pub(super) use rivals::{BesideBusyLoops, Rivals};
