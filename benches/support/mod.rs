//! What the benches share.
//!
//! `events` is a small event with a trivial state, `players` a game on a hundred thousand players with
//! events as small, `game` that of the reference domain; `disk` and `cached` are where journals lie.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::disallowed_methods,
    reason = "each bench is a crate and uses its own part; it reads the clock and the disk itself"
)]

mod cached;
mod disk;
mod events;
mod game;
mod players;
mod random;

use ringlog::Pipeline;

pub use cached::Cached;
pub use disk::{ALIGNMENT, BareFile, BenchDir};
pub use events::{BenchEvent, BenchView, Move, Moved, Sum, moved};
pub use game::game_event;
pub use players::{
    Dense, Hashed, PLAYERS, Player, PlayerArchives, PlayerEvent, PlayerView, Players, Projection,
    Tabled, player_event, player_view,
};
pub use random::Random;

/// Opens a pipeline of one partition in `directory`.
pub fn open(directory: &BenchDir) -> Pipeline<Sum> {
    Pipeline::<Sum>::builder(directory.journal())
        .open(|_| Sum::default())
        .expect("the pipeline opens")
}

/// The middle one.
pub fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("comparable"));
    values[values.len() / 2]
}
