//! ringlog CLI.
pub mod demo;
mod domain;
mod game;

pub use domain::{Domain, Synthetic};
pub use game::Game;
