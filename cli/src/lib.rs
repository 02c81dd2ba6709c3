//! ringlog CLI.
mod domain;
pub use domain::{Domain, Synthetic};
