//! A publishing process that may die, and what its parent makes of it.
//!
//! The child is this program again (`rigs child`): it publishes the marks of [`stream`] and reports
//! each acknowledgement on its standard output ([`mod@line`]). The parent ([`running`]) collects them
//! in a [`Ledger`], which holds the directory to account after the fault.

mod child;
mod ledger;
mod line;
mod running;
mod settings;
pub(crate) mod stream;
mod traces;

pub(crate) use child::run_child;
pub(crate) use ledger::{Found, Ledger, Unsound};
pub(crate) use line::Line;
pub(crate) use running::{Ending, Running};
pub(crate) use settings::Settings;
pub(crate) use traces::{Covered, Traces};
