//! Repair: a plan first, as data; then, under the directory's lock, the same as deeds.
//!
//! What an opening does by itself (setting a torn tail aside, keeping a sound tail, storing a new
//! control word) is done as an opening does it. Corruption is cut: everything from the damage on is
//! copied to the quarantine first, and then taken out of the journal. That loses events that were
//! durable, so it has to be asked for.

mod copy;
mod cut;
mod error;
mod execute;
mod plan;
mod survey;

pub use error::{Loss, RepairError};
pub use execute::Repair;
pub use plan::{PartitionPlan, RepairPlan, RepairStep};
