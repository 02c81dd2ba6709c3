//! Answers about a game, as JSON.

use ringlog::game::{
    Arena, Number, NumberValue, Player, PlayerSummary, Summary, player, top_killers,
};
use serde_json::{Map, Value, json};

/// The figures of `stats`.
pub(super) fn stats(arenas: &[Arena]) -> Map<String, Value> {
    let Summary {
        players_with_own_events,
        totals,
    } = Summary::of(arenas);
    [
        ("players_with_own_events", players_with_own_events),
        ("kills_by_a_player", totals.kills_by_a_player),
        ("deaths", totals.deaths),
        ("items", totals.items),
        ("not_applied", totals.not_applied),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect()
}

/// One player's state.
pub(super) fn user_state(arenas: &[Arena], user_id: u64) -> Option<Value> {
    let player = player(arenas, u32::try_from(user_id).ok()?)?;
    let PlayerSummary {
        player_id,
        level,
        experience,
        kill_count,
        death_count,
        ..
    } = player;
    let inventory: Map<String, Value> = player
        .inventory
        .iter()
        .map(|&(item_id, quantity)| (item_id.to_string(), Value::from(quantity)))
        .collect();
    Some(json!({
        "player_id": player_id,
        "level": level,
        "experience": experience,
        "kill_count": kill_count,
        "death_count": death_count,
        "inventory": inventory,
        "x": player.location.map(|location| coordinate(location.x)),
        "y": player.location.map(|location| coordinate(location.y)),
        "last_update": player.last_update,
    }))
}

/// Every player that an event names, as its user or as its victim.
pub(super) fn users(arenas: &[Arena]) -> Vec<u64> {
    let mut users: Vec<u64> = arenas
        .iter()
        .flat_map(|arena| {
            let own = arena.players().iter().map(Player::user_id);
            own.chain(arena.deaths().map(|(victim_id, _)| victim_id))
        })
        .map(u64::from)
        .collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// The `count` players who killed most.
pub(super) fn top(arenas: &[Arena], count: usize) -> Vec<Value> {
    top_killers(arenas, count)
        .iter()
        .map(|killer| json!({"player_id": killer.player_id, "kill_count": killer.kill_count}))
        .collect()
}

fn coordinate(number: Number) -> Value {
    match number.value() {
        NumberValue::Unsigned(value) => Value::from(value),
        NumberValue::Negative(value) => Value::from(value),
        NumberValue::Float(value) => Value::from(value),
    }
}
