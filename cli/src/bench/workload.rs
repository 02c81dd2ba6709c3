//! What is published: the game's events with numeric ids, and an event of 80 bytes.

use ringlog::{events, rkyv};
use serde::Serialize;

/// How many players there are. Their state does not fit the inner caches.
pub(super) const PLAYERS_COUNT: u32 = 100_000;

/// A player moved: 32 bytes, so that a frame has 80.
#[derive(Debug, Clone, Copy, Serialize, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub(super) struct Moved {
    pub(super) player: u32,
    pub(super) speed: f32,
    pub(super) at_ms: i64,
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A player killed another: 32 bytes, too.
#[derive(Debug, Clone, Copy, Serialize, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub(super) struct Killed {
    pub(super) player: u32,
    pub(super) victim: u32,
    pub(super) at_ms: i64,
    pub(super) weapon: u32,
    pub(super) damage: u32,
    pub(super) x: f32,
    pub(super) y: f32,
}

events! {
    /// What happens in a match: nine of ten events are moves, the others kills.
    #[derive(Debug, Clone, Copy, Serialize, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub(super) enum MatchEvent, view MatchView {
        Moved(Moved) = 1, "bench.moved", version 1, key player, time at_ms;
        Killed(Killed) = 2, "bench.killed", version 1, key player, time at_ms;
    }
}

/// 80 bytes, so that a frame has 128.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub(super) struct Sample {
    pub(super) key: u64,
    pub(super) at_ms: i64,
    pub(super) values: [u64; 8],
}

events! {
    /// What happens where state is trivial.
    #[derive(Debug, Clone, Copy)]
    pub(super) enum SampleEvent, view SampleView {
        Sample(Sample) = 1, "bench.sample", version 1, key key, time at_ms;
    }
}

/// Bytes of a frame: its header and the archive.
pub(super) const MATCH_FRAME_BYTES: u64 = 80;
/// As [`MATCH_FRAME_BYTES`].
pub(super) const SAMPLE_FRAME_BYTES: u64 = 128;

const _: () = assert!(size_of::<ArchivedMoved>() == 32 && size_of::<ArchivedKilled>() == 32);
const _: () = assert!(size_of::<ArchivedSample>() == 80);

const FIRST_MS: i64 = 1_700_000_000_000;

/// Endless events, the same for the same seed. One random number makes one event: making it must
/// cost far less than handling it.
#[derive(Debug, Clone)]
pub(super) struct Match {
    random: u64,
    at_ms: i64,
}

impl Match {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: mixed(seed),
            at_ms: FIRST_MS,
        }
    }
}

impl Iterator for Match {
    type Item = MatchEvent;

    #[inline]
    fn next(&mut self) -> Option<MatchEvent> {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let dice = mixed(self.random);
        self.at_ms += i64::from(dice & 0xfff == 0);
        let player = player(dice);
        let (x, y) = ((dice & 0x3fff) as f32, (dice >> 14 & 0x3fff) as f32);
        Some(if dice & 0xff < 26 {
            Killed {
                player,
                victim: self::player(mixed(dice)),
                at_ms: self.at_ms,
                weapon: (dice >> 8 & 0xf) as u32,
                damage: (dice >> 12 & 0xff) as u32,
                x,
                y,
            }
            .into()
        } else {
            Moved {
                player,
                speed: 1.0,
                at_ms: self.at_ms,
                x: x.into(),
                y: y.into(),
            }
            .into()
        })
    }
}

/// Endless samples.
#[derive(Debug, Clone)]
pub(super) struct Samples(u64);

impl Samples {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Iterator for Samples {
    type Item = SampleEvent;

    #[inline]
    fn next(&mut self) -> Option<SampleEvent> {
        self.0 += 1;
        Some(
            Sample {
                key: self.0,
                at_ms: FIRST_MS,
                values: [self.0; 8],
            }
            .into(),
        )
    }
}

/// A player by the upper half of a random number, from 1.
#[inline]
fn player(dice: u64) -> u32 {
    1 + (((dice >> 32) * u64::from(PLAYERS_COUNT)) >> 32) as u32
}

/// The finalizer of Sebastiano Vigna's splitmix64.
#[inline]
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_of_ten_is_a_kill_and_players_are_spread_over_all_ids() {
        let (mut kills, mut players) = (0, std::collections::BTreeSet::new());
        for event in Match::new(1).take(1_000_000) {
            let player = match event {
                MatchEvent::Moved(moved) => moved.player,
                MatchEvent::Killed(killed) => {
                    kills += 1;
                    assert!((1..=PLAYERS_COUNT).contains(&killed.victim));
                    killed.player
                }
            };
            players.insert(player);
        }
        assert!((95_000..107_000).contains(&kills), "{kills}");
        assert!(players.len() > 99_000, "{}", players.len());
        assert!(
            players
                .iter()
                .all(|player| (1..=PLAYERS_COUNT).contains(player))
        );
    }

    #[test]
    fn events_are_the_same_for_the_same_seed() {
        let text = |seed| format!("{:?}", Match::new(seed).take(100).collect::<Vec<_>>());
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
}
