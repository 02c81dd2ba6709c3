//! Rigs that damage the bytes of a journal, in memory, and compare what the engine then says with
//! what the bytes that are left prove.
//!
//! [`mod@reference`] makes the journals, [`layout`] reads them independently of the engine,
//! [`expectation`] says what must come of damage, and [`check`] asks the engine.

mod check;
mod chronicle;
mod expectation;
mod files;
mod flips;
mod layout;
mod reference;
mod runner;
mod sectors;
mod truncations;

pub(crate) use files::FileFaults;
pub(crate) use flips::Flips;
pub(crate) use sectors::Sectors;
pub(crate) use truncations::Truncations;
