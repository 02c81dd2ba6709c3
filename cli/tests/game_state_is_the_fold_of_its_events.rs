//! What the six event types do to players, and what the others do not.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod support;

use ringlog::game::{Arena, GameEvent};
use ringlog_cli::{Domain, Game, Synthetic};
use serde_json::{Value, json};
use support::{fold, parsed};

fn line(event_type: &str, user_id: u32, timestamp: i64, payload: Value) -> String {
    json!({"event_type": event_type, "event_id": "e", "timestamp": timestamp, "user_id": user_id,
        "correlation_id": "c", "payload": payload})
    .to_string()
}

fn kill(killer: u32, victim: u32) -> String {
    let payload = json!({"victim_id": victim, "weapon": "bow", "location": {"x": 3, "y": 4.0}});
    line("player.kill", killer, 50, payload)
}

fn events(lines: &[String]) -> Vec<GameEvent> {
    lines.iter().map(|line| parsed(line)).collect()
}

/// The states of three partitions after `lines`.
fn folded(lines: &[String]) -> Vec<Arena> {
    fold(&events(lines), 3)
}

#[test]
fn a_players_events_make_up_its_state() {
    let arenas = folded(&[
        line(
            "player.levelup",
            1,
            10,
            json!({"old_level": 1, "new_level": 2, "total_experience": 9}),
        ),
        line(
            "item.pickup",
            1,
            11,
            json!({"item_id": 5, "quantity": 2, "source": "shop"}),
        ),
        line(
            "item.pickup",
            1,
            12,
            json!({"item_id": 5, "quantity": 3, "source": "shop", "n": 1}),
        ),
        line(
            "item.pickup",
            1,
            13,
            json!({"item_id": 4, "quantity": 1, "source": "loot"}),
        ),
        line("player.move", 1, 20, json!({"x": 1.5, "y": 2, "speed": 0})),
        kill(1, 2),
        line("lol.other", 1, 49, json!({})),
        kill(2, 1),
        kill(3, 1),
        kill(0, 1),
    ]);
    assert_eq!(
        Game::user_state(&arenas, 1).unwrap(),
        json!({"player_id": 1, "level": 2, "experience": 9, "kill_count": 1, "death_count": 3,
            "inventory": {"4": 1, "5": 5}, "x": 3, "y": 4.0, "last_update": 49})
    );
    assert_eq!(
        Value::from(Game::stats(&arenas)),
        json!({"players_with_own_events": 3, "kills_by_a_player": 3, "deaths": 4, "items": 6,
            "not_applied": 0})
    );
}

#[test]
fn an_ill_typed_event_is_counted_and_changes_no_player() {
    let arenas = folded(&[
        line("player.move", 1, 10, json!({"x": 1, "y": 2, "speed": 3})),
        line("player.move", 1, 20, json!({"x": 9, "y": "2", "speed": 3})),
        line("player.kill", 4, 20, json!({"victim_id": 1})),
    ]);
    let player = Game::user_state(&arenas, 1).unwrap();
    assert_eq!(
        (&player["x"], &player["last_update"]),
        (&json!(1), &json!(10))
    );
    assert_eq!(Game::user_state(&arenas, 4), None);
    assert_eq!(Game::stats(&arenas)["not_applied"], 2);
    assert_eq!(Game::stats(&arenas)["players_with_own_events"], 1);
}

#[test]
fn nobody_is_no_player_and_no_victim() {
    let arenas = folded(&[kill(0, 5), kill(5, 0), line("x", 0, 1, json!({}))]);
    assert_eq!(Game::user_state(&arenas, 0), None);
    assert_eq!(Game::stats(&arenas)["kills_by_a_player"], 1);
    assert_eq!(Game::stats(&arenas)["deaths"], 1);
    assert_eq!(Game::stats(&arenas)["players_with_own_events"], 1);
}

#[test]
fn a_player_who_only_ever_was_a_victim_is_a_new_player_with_deaths() {
    let arenas = folded(&[kill(1, 9), kill(2, 9)]);
    assert_eq!(
        Game::user_state(&arenas, 9).unwrap(),
        json!({"player_id": 9, "level": 1, "experience": 0, "kill_count": 0, "death_count": 2,
            "inventory": {}, "x": null, "y": null, "last_update": null})
    );
    assert_eq!(Game::user_state(&arenas, 8), None);
    assert_eq!(Game::user_state(&arenas, u64::from(u32::MAX) + 10), None);
}

#[test]
fn the_most_kills_come_first_and_the_smaller_id_among_equals() {
    let arenas = folded(&[kill(7, 1), kill(2, 1), kill(9, 1), kill(9, 0), kill(0, 1)]);
    let killer = |id, kills| json!({"player_id": id, "kill_count": kills});
    assert_eq!(
        Game::top(&arenas, 10),
        [killer(9, 2), killer(2, 1), killer(7, 1)]
    );
    assert_eq!(Game::top(&arenas, 1), [killer(9, 2)]);
}

#[test]
fn the_digest_covers_every_field_and_no_order() {
    let digest = |lines: &[String]| Game::digest(&fold(&events(lines), 1)[0]);
    let pickup = |item: u32, n: u32| {
        line(
            "item.pickup",
            1,
            5,
            json!({"item_id": item, "quantity": n, "source": "s"}),
        )
    };
    let walk = |x: Value| line("player.move", 1, 5, json!({"x": x, "y": 2, "speed": 3}));
    let level = |level: u32, total: u32| {
        let payload = json!({"old_level": 1, "new_level": level, "total_experience": total});
        line("player.levelup", 1, 5, payload)
    };
    let mut digests = vec![
        digest(&[]),
        digest(&[line("x", 1, 5, json!({}))]),
        digest(&[line("x", 1, 6, json!({}))]),
        digest(&[line("x", 2, 5, json!({}))]),
        digest(&[line("player.move", 1, 5, json!({}))]),
        digest(&[walk(json!(1))]),
        digest(&[walk(json!(1.0))]),
        digest(&[walk(json!(-1))]),
        digest(&[pickup(1, 1)]),
        digest(&[pickup(1, 2)]),
        digest(&[pickup(2, 1)]),
        digest(&[pickup(1, 0)]),
        digest(&[level(2, 3)]),
        digest(&[level(3, 3)]),
        digest(&[level(2, 4)]),
        digest(&[kill(1, 2)]),
        digest(&[kill(1, 3)]),
        digest(&[kill(1, 0)]),
        digest(&[kill(0, 2)]),
        digest(&[kill(2, 2)]),
    ];
    assert_eq!(
        digest(&[kill(1, 2), kill(3, 4), pickup(1, 2), pickup(2, 1)]),
        digest(&[
            kill(3, 4),
            pickup(2, 1),
            pickup(1, 2),
            kill(1, 2),
            pickup(2, 0)
        ]),
    );
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn made_up_traffic_can_be_folded_printed_and_parsed() {
    let mut traffic = Game::traffic(7, 3);
    for _ in 0..10_000 {
        let event = traffic();
        let line = support::with_view(&event, |view| {
            let mut line = Vec::new();
            Game::print(&view, &mut line);
            String::from_utf8(line).unwrap()
        });
        let parsed = Game::parse(line.as_bytes()).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{event:?}"));
    }
}
