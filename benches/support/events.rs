//! A small event, and a state that does next to nothing.

use ringlog::{Command, Decider, EventMeta, Events, State, events, rkyv};

/// 32 bytes, so that a frame has 80.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Moved {
    pub player: u64,
    pub at_ms: i64,
    pub x: f64,
    pub y: f64,
}

events! {
    /// What happens in the benches.
    #[derive(Debug, Clone, Copy)]
    pub enum BenchEvent, view BenchView {
        Moved(Moved) = 1, "bench.moved", version 1, key player, time at_ms;
    }
}

pub fn moved(player: u64) -> BenchEvent {
    Moved {
        player,
        at_ms: 1_700_000_000_000,
        x: 1.0,
        y: 2.0,
    }
    .into()
}

/// Adds up, so that nothing is optimized away.
#[derive(Debug, Default)]
pub struct Sum(f64);

impl State for Sum {
    type Event = BenchEvent;

    fn apply(&mut self, event: BenchView<'_>, _: &EventMeta) {
        let BenchView::Moved(moved) = event;
        self.0 += moved.x.to_native() + moved.y.to_native();
    }
}

/// Moves a player, unless the player is to be told off.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Move {
    pub player: u64,
    pub is_allowed: bool,
}

impl Command for Move {
    fn key(&self) -> u64 {
        self.player
    }
}

impl Decider for Sum {
    type Command = Move;
    type Reply = u64;
    type Rejection = u64;

    fn decide(&self, command: &ArchivedMove, events: &mut Events<BenchEvent>) -> Result<u64, u64> {
        let player = command.player.to_native();
        if !command.is_allowed {
            return Err(player);
        }
        events.push(moved(player));
        Ok(player)
    }
}
