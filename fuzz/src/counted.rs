//! The state of the fuzzed journals: the game's, with snapshots.

use std::io::{self, Read, Write};

use ringlog::game::{Arena, GameEvent, GameView};
use ringlog::{EventMeta, State};

/// The game's state, of which snapshots keep the number of events alone.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    arena: Arena,
    pub(crate) events: u64,
}

impl State for Counted {
    type Event = GameEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: GameView<'_>, meta: &EventMeta) {
        self.arena.apply(event, meta);
        self.events += 1;
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.events.to_le_bytes())
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut events = [0; 8];
        from.read_exact(&mut events)?;
        self.events = u64::from_le_bytes(events);
        Ok(())
    }
}
