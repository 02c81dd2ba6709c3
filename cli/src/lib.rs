//! The program `ringlog`, as a library: the same tools for your own events.
//!
//! Implement [`Domain`] for a type of yours and make a program of one line:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     ringlog_cli::run::<ringlog_cli::Game>()
//! }
//! ```
//!
//! It has the subcommands `ingest`, `stats`, `state`, `diff`, `history`, `trace`, `dump`, `snapshot`,
//! `schema`, `verify` and `repair`. A domain that can make up its own traffic ([`Synthetic`]) also gets
//! `demo` and `bench`, with
//! [`run_with_demo`], and `demo --commands` where its state decides ([`SyntheticCommands`]); a program
//! that knows no events at all, with [`NoDomain`], can still verify a journal and dump its headers.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod apply;
mod bench;
mod clock;
mod demo;
mod diff;
mod domain;
mod dump;
mod exit;
mod files;
mod game;
mod history;
mod ingest;
mod moment;
mod no_domain;
mod output;
mod print;
mod progress;
mod repair;
mod run;
mod schema;
mod snapshot;
mod state;
mod stats;
mod trace;
mod verify;

pub use demo::CommandSide;
pub use domain::{Domain, Synthetic, SyntheticCommands};
pub use game::Game;
pub use no_domain::{NoDomain, NoEvent, NoState, NoView};
pub use run::{run, run_with_demo};
