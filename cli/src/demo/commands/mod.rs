//! `ringlog demo --commands`: the same for what decides.

mod client;
mod load;
mod measure;
mod report;
mod side;
mod tally;
mod window;

pub(super) use measure::measure;
pub use side::CommandSide;
