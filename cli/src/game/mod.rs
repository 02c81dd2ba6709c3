//! The reference domain as JSON: `ringlog`'s own events, read, written and made up.

mod commands;
mod dice;
mod domain;
mod envelope;
mod figures;
mod ids;
mod members;
mod number;
mod payload;
mod print;
mod traffic;

pub use domain::Game;
