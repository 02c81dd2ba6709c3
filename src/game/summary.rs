//! Questions about a whole game, answered over the states of all its partitions.
#![forbid(unsafe_code)]

use super::{Arena, Location, Player, Totals};

/// The figures of a whole game.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Users other than 0 with at least one event that was applied.
    pub players_with_own_events: u64,
    /// What was counted over all events.
    pub totals: Totals,
}

impl Summary {
    /// The figures of the game that `arenas`, one of each partition, make up.
    #[must_use]
    pub fn of(arenas: &[Arena]) -> Self {
        let mut summary = Self::default();
        for arena in arenas {
            // A user's events all have the same key and thus the same partition: nobody is in two.
            summary.players_with_own_events += arena.players().len() as u64;
            let totals = arena.totals();
            summary.totals.kills_by_a_player += totals.kills_by_a_player;
            summary.totals.deaths += totals.deaths;
            summary.totals.items += totals.items;
            summary.totals.not_applied += totals.not_applied;
        }
        summary
    }
}

/// One player, with what other partitions know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerSummary {
    /// The player's id.
    pub player_id: u32,
    /// The new level of the last level-up; 1 before it.
    pub level: u32,
    /// The total experience of the last level-up; 0 before it.
    pub experience: u64,
    /// How many the player killed.
    pub kill_count: u64,
    /// How often the player died, whoever killed.
    pub death_count: u64,
    /// Items with their quantities, by item id.
    pub inventory: Vec<(u32, u64)>,
    /// Where the last move or the last own kill was.
    pub location: Option<Location>,
    /// The timestamp of the player's last event; `None` for a player who only ever was a victim.
    pub last_update: Option<i64>,
}

/// The player `user_id`; `None` where no event names it, neither as its user nor as its victim.
///
/// A player who only ever was a victim is a new player with deaths.
#[must_use]
pub fn player(arenas: &[Arena], user_id: u32) -> Option<PlayerSummary> {
    let own = arenas.iter().find_map(|arena| arena.player(user_id));
    let deaths = arenas
        .iter()
        .filter_map(|arena| arena.deaths_of(user_id))
        .reduce(|a, b| a + b);
    if own.is_none() && deaths.is_none() {
        return None;
    }
    let newcomer = Player::new(user_id);
    let player = own.unwrap_or(&newcomer);
    Some(PlayerSummary {
        player_id: user_id,
        level: player.level(),
        experience: player.experience(),
        kill_count: player.kill_count(),
        death_count: deaths.unwrap_or(0),
        inventory: player.items().collect(),
        location: player.location(),
        last_update: own.map(Player::last_update),
    })
}

/// A player and how many it killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killer {
    /// The player's id.
    pub player_id: u32,
    /// How many the player killed.
    pub kill_count: u64,
}

/// The `count` players who killed most, the most first and the smaller id first among equals.
/// Players who killed nobody are not among them.
#[must_use]
pub fn top_killers(arenas: &[Arena], count: usize) -> Vec<Killer> {
    let mut killers: Vec<Killer> = arenas
        .iter()
        .flat_map(Arena::players)
        .map(|player| Killer {
            player_id: player.user_id(),
            kill_count: player.kill_count(),
        })
        .filter(|killer| killer.kill_count > 0)
        .collect();
    // Ids are unique, so that the order is total and an unstable sort gives it.
    killers.sort_unstable_by_key(|killer| (std::cmp::Reverse(killer.kill_count), killer.player_id));
    killers.truncate(count);
    killers
}
