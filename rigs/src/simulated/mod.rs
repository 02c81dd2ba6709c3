//! The rigs on the simulated disk: random faults by seed, every call, every crash state.
//!
//! `model` is what must be there, `inspect` what readers find there, `session` an open simulation and what was promised by it, and
//! `world` a disk with both, across crashes.

mod calls;
mod exhaustive;
mod happened;
mod inspect;
mod model;
mod random_faults;
mod repairing;
mod script;
mod session;
mod world;

pub(crate) use calls::Calls;
pub(crate) use exhaustive::Exhaustive;
pub(crate) use random_faults::Sim;
