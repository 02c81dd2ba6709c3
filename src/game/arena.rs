//! The state of one partition: players, and the deaths that they caused.

use rustc_hash::FxHashMap;

use super::{GameEvent, GameView, Player};
use crate::{Event, EventMeta, State};

/// The players whose events one partition got.
///
/// A death is counted in the *killer's* partition, as that is where the event is; a player's own
/// partition may be another. Merge over all partitions to know it: [`player`](super::player).
///
/// The maps hash without a key, so that a replayed state is the live one in every respect. Whoever
/// can choose user ids can thus make them slow: give ids out yourself.
#[derive(Debug, Clone, Default)]
pub struct Arena {
    /// In order of first appearance. Apart from the index, so that the index, which every event
    /// goes through, stays small enough for the caches.
    players: Vec<Player>,
    /// Where each player is in `players`.
    index: FxHashMap<u32, u32>,
    /// How often each victim was killed by a player of this partition, or by nobody.
    deaths: FxHashMap<u32, u64>,
    totals: Totals,
}

/// What is counted over all events of a partition, those of user 0 included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Kills by a user other than 0, units without a player included.
    pub kills_by_a_player: u64,
    /// Kills of a player, whoever killed.
    pub deaths: u64,
    /// Items picked up: the sum of all quantities.
    pub items: u64,
    /// Events that were kept but not applied, because their payload does not fit their type.
    pub not_applied: u64,
}

impl Arena {
    /// The player, if this partition got an event of theirs.
    #[must_use]
    pub fn player(&self, user_id: u32) -> Option<&Player> {
        let &place = self.index.get(&user_id)?;
        self.players.get(place as usize)
    }

    /// All players, in order of first appearance.
    #[must_use]
    pub fn players(&self) -> &[Player] {
        &self.players
    }

    /// How often players of this partition, or nobody, killed `user_id`; `None` for never.
    #[must_use]
    pub fn deaths_of(&self, user_id: u32) -> Option<u64> {
        self.deaths.get(&user_id).copied()
    }

    /// Every victim with its count, in no particular order.
    pub fn deaths(&self) -> impl Iterator<Item = (u32, u64)> {
        self.deaths
            .iter()
            .map(|(&victim_id, &count)| (victim_id, count))
    }

    /// What is counted over all events.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The player, made on first sight; `None` for nobody.
    #[inline]
    fn player_mut(&mut self, user_id: u32) -> Option<&mut Player> {
        if user_id == 0 {
            return None;
        }
        let players = &mut self.players;
        let place = *self.index.entry(user_id).or_insert_with(|| {
            players.push(Player::new(user_id));
            // Ids are 32 bits wide and 0 is none, so that places fit as well.
            (players.len() - 1) as u32
        });
        self.players.get_mut(place as usize)
    }
}

impl State for Arena {
    type Event = GameEvent;

    #[inline]
    fn apply(&mut self, event: <GameEvent as Event>::View<'_>, _meta: &EventMeta) {
        if let GameView::IllTyped(_) = event {
            self.totals.not_applied += 1;
            return;
        }
        match event {
            GameView::Kill(kill) => {
                let victim_id = kill.victim_id.to_native();
                if victim_id != 0 {
                    self.totals.deaths += 1;
                    *self.deaths.entry(victim_id).or_insert(0) += 1;
                }
                if kill.envelope.user_id != 0 {
                    self.totals.kills_by_a_player += 1;
                }
            }
            GameView::Pickup(pickup) => {
                self.totals.items += u64::from(pickup.quantity.to_native());
            }
            _ => {}
        }
        let envelope = event.envelope();
        let Some(player) = self.player_mut(envelope.user_id.to_native()) else {
            return;
        };
        player.last_update = envelope.timestamp.to_native();
        match event {
            GameView::Move(moved) => player.location = Some(moved.location.to_location()),
            GameView::Kill(kill) => {
                player.kill_count += 1;
                player.location = Some(kill.location.to_location());
            }
            GameView::Pickup(pickup) => player
                .inventory
                .get_or_insert_default()
                .add(pickup.item_id.to_native(), pickup.quantity.to_native()),
            GameView::LevelUp(levelup) => {
                player.level = levelup.new_level.to_native();
                player.experience = levelup.total_experience.to_native();
            }
            GameView::Attack(_)
            | GameView::Chat(_)
            | GameView::Unknown(_)
            | GameView::IllTyped(_) => {}
        }
    }
}
