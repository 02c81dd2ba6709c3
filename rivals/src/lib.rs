//! What a user would pick instead of ringlog, each doing the same work at its best.
//!
//! `handoff` moves messages between threads, in memory; `journal` keeps events on disk. The benches name the topologies and say how
//! to read the figures; `README.md` says what is not comparable.

pub mod handoff;
pub mod journal;

mod compare;
mod message;
mod wait;

pub use compare::{Row, Sample, interleave, is_measured};
pub use message::{Large, Message, Small};
