//! The state of one partition: players, and the deaths that they caused.
#![forbid(unsafe_code)]

use std::io;

use super::{GameEvent, GameView, Player, saved};
use crate::{Event, EventMeta, State, Table, prefetch};

/// The players whose events one partition got.
///
/// A death is counted in the *killer's* partition, as that is where the event is; a player's own
/// partition may be another. Merge over all partitions to know it: [`player`](super::player).
///
/// Users are found by a hash without a key, so that a replayed state is the live one in every
/// respect. Whoever can choose user ids can thus make it slow: give ids out yourself.
#[derive(Debug, Clone, Default)]
pub struct Arena {
    pub(super) players: Table<u32, Player>,
    /// How often each victim was killed by a player of this partition, or by nobody.
    pub(super) deaths: Table<u32, u64>,
    pub(super) totals: Totals,
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
        self.players.get(user_id)
    }

    /// All players, in order of first appearance.
    #[must_use]
    pub fn players(&self) -> &[Player] {
        self.players.entries()
    }

    /// How often players of this partition, or nobody, killed `user_id`; `None` for never.
    #[must_use]
    pub fn deaths_of(&self, user_id: u32) -> Option<u64> {
        self.deaths.get(user_id).copied()
    }

    /// Every victim with its count, in order of the first death.
    pub fn deaths(&self) -> impl ExactSizeIterator<Item = (u32, u64)> {
        self.deaths
            .iter()
            .map(|(victim_id, &count)| (victim_id, count))
    }

    pub(super) fn set_deaths(&mut self, victim_id: u32, count: u64) {
        self.deaths.get_or_insert_with(victim_id, || count);
    }

    /// What is counted over all events.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

impl State for Arena {
    type Event = GameEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    #[inline]
    fn prefetch(&self, coming: &[<GameEvent as Event>::View<'_>]) {
        // One pass over all events for each step of the way, so that no step waits for the one
        // before it.
        for event in coming {
            let user_id = event.envelope().user_id.to_native();
            self.players.prefetch_slot(user_id);
            if let GameView::Kill(kill) = event {
                self.deaths.prefetch_slot(kill.victim_id.to_native());
            }
        }
        for event in coming {
            let user_id = event.envelope().user_id.to_native();
            self.players.prefetch_entry(user_id);
            if let GameView::Kill(kill) = event {
                self.deaths.prefetch_entry(kill.victim_id.to_native());
            }
        }
        for event in coming {
            if let GameView::Pickup(pickup) = event
                && let Some(player) = self.players.get(pickup.envelope.user_id.to_native())
                && let Some(inventory) = &player.inventory
            {
                prefetch(&**inventory);
            }
        }
    }

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
                    *self.deaths.get_or_insert_with(victim_id, || 0) += 1;
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
        let user_id = envelope.user_id.to_native();
        if user_id == 0 {
            return;
        }
        let player = self
            .players
            .get_or_insert_with(user_id, || Player::new(user_id));
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

    fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
        saved::save(self, out)
    }

    fn load(&mut self, _version: u32, from: &mut dyn io::Read) -> io::Result<()> {
        saved::load(self, from)
    }
}
