//! `ringlog demo`: the main job with no preparation, and a report of how it went.

mod command;
mod commands;
mod directory;
mod latency;
mod load;
mod progress;
mod report;
mod run;

pub(crate) use command::{Args, run};
pub use commands::CommandSide;
