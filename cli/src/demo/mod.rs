//! `ringlog demo`: the main job with no preparation, and a report of how it went.

mod command;
mod latency;
mod load;
mod report;

pub(crate) use command::{Args, run};
