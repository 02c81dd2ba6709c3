//! One number for a whole state.
#![forbid(unsafe_code)]

use super::{Arena, Location, Number, NumberValue, Player};

/// A number that is equal for equal states and, but for chance, differs for different ones: every
/// field of every player, every death and every total goes into it.
///
/// The order of players and deaths does not, so that it is the same whichever way the state came
/// about. It is the same for every version and machine, and no protection against forgery.
#[must_use]
pub fn digest(arena: &Arena) -> u64 {
    let totals = arena.totals();
    let mut digest = Mixer::new(Part::Totals)
        .with(totals.kills_by_a_player)
        .with(totals.deaths)
        .with(totals.items)
        .with(totals.not_applied)
        .finish();
    // Sums do not depend on the order of what is summed up.
    for player in arena.players() {
        digest = digest.wrapping_add(player_digest(player));
    }
    for (victim_id, count) in arena.deaths() {
        let death = Mixer::new(Part::Deaths)
            .with(u64::from(victim_id))
            .with(count);
        digest = digest.wrapping_add(death.finish());
    }
    digest
}

fn player_digest(player: &Player) -> u64 {
    let mut mixer = Mixer::new(Part::Player)
        .with(u64::from(player.user_id()))
        .with(u64::from(player.level()))
        .with(player.experience())
        .with(player.kill_count())
        .with(player.last_update().cast_unsigned());
    // Says whether there is one, as an item must not stand in for a coordinate either.
    mixer = mixer.with(u64::from(player.location().is_some()));
    if let Some(Location { x, y }) = player.location() {
        mixer = mixer.with_number(x).with_number(y);
    }
    for (item_id, quantity) in player.items() {
        mixer = mixer.with(u64::from(item_id)).with(quantity);
    }
    mixer.finish()
}

/// What a partial digest is of, so that a death never stands in for a player.
#[derive(Clone, Copy)]
enum Part {
    Totals = 1,
    Player = 2,
    Deaths = 3,
}

/// Folds 64-bit words into one: splitmix64's finalizer over each, with their count.
struct Mixer {
    hash: u64,
    words_count: u64,
}

impl Mixer {
    fn new(part: Part) -> Self {
        Self {
            hash: part as u64,
            words_count: 0,
        }
    }

    fn with(self, word: u64) -> Self {
        let mut hash = self.hash.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ word;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self {
            hash: hash ^ (hash >> 31),
            words_count: self.words_count + 1,
        }
    }

    fn with_number(self, number: Number) -> Self {
        match number.value() {
            NumberValue::Unsigned(value) => self.with(0).with(value),
            NumberValue::Negative(value) => self.with(1).with(value.cast_unsigned()),
            NumberValue::Float(value) => self.with(2).with(value.to_bits()),
        }
    }

    fn finish(self) -> u64 {
        let words_count = self.words_count;
        self.with(words_count).hash
    }
}
