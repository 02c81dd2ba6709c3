//! A rival's state: a `HashMap`, with the cheapest hash that spreads ids.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use super::super::players::Player;
use super::super::workload::{MatchEvent, PLAYERS_COUNT};

/// Players by id.
#[derive(Debug)]
pub(super) struct Players<H = Fibonacci>(HashMap<u32, Player, H>);

impl<H: BuildHasher + Default> Players<H> {
    /// Every player is there from the start: growing is not measured.
    pub(super) fn all() -> Self {
        let everybody = (1..=PLAYERS_COUNT).map(|id| (id, Player::default()));
        Self(everybody.collect())
    }

    #[inline]
    pub(super) fn apply(&mut self, event: &MatchEvent) {
        match event {
            MatchEvent::Moved(moved) => {
                self.0
                    .entry(moved.player)
                    .or_default()
                    .moved(moved.at_ms, moved.x, moved.y)
            }
            MatchEvent::Killed(killed) => {
                let (x, y) = (killed.x.into(), killed.y.into());
                self.0
                    .entry(killed.player)
                    .or_default()
                    .killed(killed.at_ms, x, y);
                self.0.entry(killed.victim).or_default().deaths += 1;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn get(&self, id: u32) -> Option<&Player> {
        self.0.get(&id)
    }
}

/// Multiplies by the golden ratio.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fibonacci;

/// As [`Fibonacci`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FibonacciHasher(u64);

impl BuildHasher for Fibonacci {
    type Hasher = FibonacciHasher;

    #[inline]
    fn build_hasher(&self) -> FibonacciHasher {
        FibonacciHasher(0)
    }
}

impl Hasher for FibonacciHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        let product = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The table looks at both ends of the hash.
        self.0 = product ^ (product >> 32);
    }
}

#[cfg(test)]
mod tests {
    use ringlog::{Event, EventMeta, State, event};

    use super::super::super::players::Players as EnginePlayers;
    use super::super::super::workload::Match;
    use super::*;

    #[test]
    fn rivals_and_engine_do_the_same_to_the_state() {
        let mut engine = EnginePlayers::new(0);
        let mut rival = Players::<Fibonacci>::all();
        let mut archiver = ringlog::Archiver::default();
        let meta = EventMeta {
            partition: 0,
            sequence: 1,
            journal_time_ns: 0,
            event_time_ms: 0,
            key: 0,
            source: None,
        };
        for event in Match::new(7).take(200_000) {
            let kind = event.event_type();
            let bytes = event::to_archive(&event, &mut archiver).unwrap();
            engine.apply(
                MatchEvent::view(kind.kind, kind.version, bytes).unwrap(),
                &meta,
            );
            rival.apply(&event);
        }
        for id in 1..=PLAYERS_COUNT {
            let default = Player::default();
            assert_eq!(
                engine.get(id).unwrap_or(&default),
                rival.get(id).unwrap(),
                "player {id}"
            );
        }
    }
}
