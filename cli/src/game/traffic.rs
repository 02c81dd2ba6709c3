//! Made-up traffic: a hundred thousand players who mostly run about.

use ringlog::game::{
    Attack, Chat, Envelope, GameEvent, Kill, LevelUp, Location, Move, Number, Pickup, Text,
};

const PLAYERS_COUNT: u32 = 100_000;
/// Side of the map.
const MAP_SIZE: u32 = 16_384;
/// 1 July 2025: any fixed day will do, as the traffic must not depend on the clock.
const FIRST_TIMESTAMP: i64 = 1_751_328_000_000;
/// Events that one publisher makes in a millisecond of the game's time.
const EVENTS_PER_MS: u64 = 1_000;
/// Events of one match: those that share a correlation id.
const EVENTS_PER_MATCH: u64 = 65_536;

// At most eight characters, so that an archive holds them without a pointer.
const WEAPONS: [&str; 4] = ["sword", "bow", "staff", "axe"];
const SOURCES: [&str; 4] = ["shop", "loot", "quest", "trade"];
const CHATS: [&str; 4] = ["gg", "hi", "help", "gl hf"];

/// An endless stream of events without a single heap allocation.
pub(super) struct Traffic {
    random: SplitMix64,
    publisher: u64,
    events_count: u64,
    correlation_id: Text,
}

impl Traffic {
    /// The traffic of publisher number `publisher`, the same for the same seed.
    pub(super) fn new(seed: u64, publisher: u64) -> Self {
        // The first step scrambles the seed: neighbours must not give the same stream with a lag.
        let SplitMix64(start) = SplitMix64(SplitMix64(seed).next() ^ publisher).scrambled();
        Self {
            random: SplitMix64(start),
            publisher,
            events_count: 0,
            correlation_id: id(publisher, 0),
        }
    }

    pub(super) fn next_event(&mut self) -> GameEvent {
        let mut dice = Dice(self.random.next());
        let user_id = 1 + dice.below(PLAYERS_COUNT);
        let envelope = self.envelope(user_id);
        // Of a hundred events, 80 are moves.
        match dice.below(100) {
            0..80 => GameEvent::from(Move {
                envelope,
                location: self.location(),
                speed: Number::from(f64::from(dice.below(64)) / 8.0),
            }),
            80..87 => GameEvent::from(Attack {
                envelope,
                target_id: 1 + u64::from(dice.below(1_000)),
                skill_id: 1 + u64::from(dice.below(16)),
            }),
            87..92 => GameEvent::from(Kill {
                envelope,
                victim_id: 1 + Dice(self.random.next()).below(PLAYERS_COUNT),
                weapon: dice.pick(&WEAPONS),
                location: self.location(),
            }),
            92..97 => GameEvent::from(Pickup {
                envelope,
                item_id: 1_000 + dice.below(64),
                quantity: 1 + dice.below(4),
                source: dice.pick(&SOURCES),
            }),
            97..99 => {
                let old_level = 1 + dice.below(99);
                GameEvent::from(LevelUp {
                    envelope,
                    old_level,
                    new_level: old_level + 1,
                    total_experience: u64::from(old_level) * 1_000,
                })
            }
            _ => GameEvent::from(Chat {
                envelope,
                text: dice.pick(&CHATS),
            }),
        }
    }

    fn envelope(&mut self, user_id: u32) -> Envelope {
        let number = self.events_count;
        self.events_count += 1;
        if number.is_multiple_of(EVENTS_PER_MATCH) {
            self.correlation_id = id(self.publisher, number / EVENTS_PER_MATCH);
        }
        Envelope {
            timestamp: FIRST_TIMESTAMP.wrapping_add_unsigned(number / EVENTS_PER_MS),
            user_id,
            beyond: None,
            event_id: id(self.publisher, number),
            correlation_id: self.correlation_id.clone(),
        }
    }

    fn location(&mut self) -> Location {
        let mut dice = Dice(self.random.next());
        Location {
            x: Number::from(u64::from(dice.below(MAP_SIZE))),
            y: Number::from(u64::from(dice.below(MAP_SIZE))),
        }
    }
}

/// Eight characters: the publisher and the number in base 32, the highest digit first. Publishers
/// repeat after 32, numbers after 2^35.
///
/// All digits at once: one by one they would cost more than the rest of the event.
#[inline]
fn id(publisher: u64, number: u64) -> Text {
    let bits = (publisher << 35) | (number & ((1 << 35) - 1));
    // Spread 40 bits to five in each byte, halving the distance in each step.
    let bits = ((bits & 0xff_fff0_0000) << 12) | (bits & 0xf_ffff);
    let bits = ((bits & 0x000f_fc00_000f_fc00) << 6) | (bits & 0x0000_03ff_0000_03ff);
    let digits = ((bits & 0x03e0_03e0_03e0_03e0) << 3) | (bits & 0x001f_001f_001f_001f);
    // '0' to '9', then 'a' to 'v': letters are those whose sum reaches the top bit of the byte.
    let letters = ((digits + 0x7676_7676_7676_7676) >> 7) & 0x0101_0101_0101_0101;
    let characters = digits + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
    // Big-endian order by hand: it is text that is made here, not numbers of a format.
    Text::from(str::from_utf8(&characters.swap_bytes().to_le_bytes()).unwrap_or_default())
}

/// Sebastiano Vigna's splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn scrambled(mut self) -> Self {
        Self(self.next())
    }
}

/// One random number, used up bit by bit: an event needs several small ones.
struct Dice(u64);

impl Dice {
    /// A number below `bound`. Its bias is at most `bound` divided by what is left of 2^64, which
    /// does not matter to traffic.
    fn below(&mut self, bound: u32) -> u32 {
        let wide = u128::from(self.0) * u128::from(bound);
        self.0 = wide as u64;
        (wide >> 64) as u32
    }

    fn pick(&mut self, texts: &[&str; 4]) -> Text {
        Text::from(texts[(self.below(4) & 3) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_in_base_32() {
        assert_eq!(id(0, 0).as_str(), "00000000");
        assert_eq!(id(1, 31).as_str(), "1000000v");
        assert_eq!(id(31, (1 << 35) - 1).as_str(), "vvvvvvvv");
        for number in [1, 9, 10, 31, 32, 1_000, 123_456_789, 30_000_000_000] {
            assert_eq!(u64::from_str_radix(id(0, number).as_str(), 32), Ok(number));
        }
    }

    #[test]
    fn traffic_is_the_same_for_the_same_seed_and_publisher() {
        let mut streams = [(1, 0), (1, 0), (1, 1), (2, 0)]
            .map(|(seed, publisher)| Traffic::new(seed, publisher))
            .map(|mut traffic| {
                format!(
                    "{:?}",
                    std::array::from_fn::<_, 100, _>(|_| traffic.next_event())
                )
            });
        assert_eq!(streams[0], streams[1]);
        streams[1..].sort();
        assert!(streams[1..].windows(2).all(|pair| pair[0] != pair[1]));
    }
}
