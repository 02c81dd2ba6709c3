//! The read side of the game: the same answers as from a look at every player, saved and loaded.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use ringlog::Pipeline;
use ringlog::game::{
    Arena, Chat, Envelope, GameEvent, Kill, Lobby, Location, Move, Text, top_killers,
};
use ringlog::projection::{Projection, Settings};

fn envelope(user_id: u32, timestamp: i64) -> Envelope {
    Envelope {
        timestamp,
        user_id,
        beyond: None,
        event_id: Text::from("e"),
        correlation_id: Text::from("m"),
    }
}

fn at(x: i64, y: i64) -> Location {
    Location {
        x: x.into(),
        y: y.into(),
    }
}

fn moved(user_id: u32, timestamp: i64, location: Location) -> GameEvent {
    Move {
        envelope: envelope(user_id, timestamp),
        location,
        speed: 1_u64.into(),
    }
    .into()
}

fn killed(user_id: u32, timestamp: i64, victim_id: u32) -> GameEvent {
    Kill {
        envelope: envelope(user_id, timestamp),
        victim_id,
        weapon: Text::from("axe"),
        location: at(1, 1),
    }
    .into()
}

/// Events of 50 players in a fixed disorder.
fn events() -> Vec<GameEvent> {
    let mut random = 7_u64;
    let mut next = move |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    (0..3000)
        .map(|time| {
            let user_id = u32::try_from(next(51)).unwrap();
            match next(5) {
                0 => killed(user_id, time, u32::try_from(next(51)).unwrap()),
                1 => Chat {
                    envelope: envelope(user_id, time),
                    text: Text::from("hello"),
                }
                .into(),
                _ => {
                    let x = i64::try_from(next(1200)).unwrap() - 100;
                    moved(user_id, time, at(x, i64::try_from(next(1000)).unwrap()))
                }
            }
        })
        .collect()
}

#[test]
fn a_lobby_over_a_pipeline_answers_as_a_look_at_every_player_would() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<Arena>::builder(directory.path())
        .partitions(2)
        .open(|_| Arena::default())
        .unwrap();
    let lobby = pipeline
        .project("lobby", Settings::default(), Lobby::default)
        .unwrap();
    let publisher = pipeline.publisher();
    publisher.publish_all(events()).unwrap().wait().unwrap();
    for (partition, stats) in (0..).zip(pipeline.stats()) {
        lobby.wait_for(partition, stats.durable_sequence).unwrap();
    }
    let arenas = [0, 1].map(|partition| pipeline.read_partition(partition, Arena::clone).unwrap());
    let check = |lobby: &Lobby| {
        for user_id in 0..=51 {
            assert_eq!(
                lobby.player_summary(user_id),
                ringlog::game::player(&arenas, user_id)
            );
        }
        let center = at(500, 500);
        let near = lobby.players_within(center, 200.0);
        let mut expected: Vec<_> = arenas
            .iter()
            .flat_map(Arena::players)
            .filter_map(|player| {
                let [x, y] =
                    [player.location()?.x, player.location()?.y].map(|number| {
                        match number.value() {
                            ringlog::game::NumberValue::Unsigned(value) => {
                                i64::try_from(value).unwrap()
                            }
                            ringlog::game::NumberValue::Negative(value) => value,
                            ringlog::game::NumberValue::Float(_) => unreachable!(),
                        }
                    });
                let squared = (x - 500).pow(2) + (y - 500).pow(2);
                (squared <= 200 * 200).then_some((squared, player.user_id()))
            })
            .collect();
        expected.sort_unstable();
        assert!(!expected.is_empty());
        assert_eq!(
            near.iter().map(|near| near.player_id).collect::<Vec<_>>(),
            expected.iter().map(|(_, id)| *id).collect::<Vec<_>>()
        );
        let window = Duration::from_millis(60);
        let summary = lobby.summary(None, window, 5);
        let players = arenas.iter().flat_map(Arena::players);
        let online = players.filter(|player| player.last_update() >= summary.at_ms - 60);
        assert_eq!(summary.online, online.count() as u64);
        assert!(summary.online > 0 && summary.online < summary.total.players_with_own_events);
        assert_eq!(summary.top, top_killers(&arenas, 5));
        assert_eq!(summary.total, ringlog::game::Summary::of(&arenas));
        let later = lobby.summary(Some(1_000_000), window, 0);
        assert_eq!((later.online, later.top.len()), (0, 0));
    };
    lobby.read(check);
    lobby.stop();
    let lobby = pipeline
        .project("lobby", Settings::default(), Lobby::default)
        .unwrap();
    lobby.read(check);
}

#[test]
fn a_saved_lobby_of_another_version_is_refused() {
    let mut bytes = Vec::new();
    Lobby::default().save(&mut bytes).unwrap();
    let mut lobby = Lobby::default();
    let other = Lobby::VERSION + 1;
    assert!(lobby.load(other, &mut bytes.as_slice()).is_err());
    // So is one that holds an arena of a later version.
    let mut later = bytes.clone();
    later[..4].copy_from_slice(&(<Arena as ringlog::State>::SNAPSHOT_VERSION + 1).to_le_bytes());
    assert!(lobby.load(Lobby::VERSION, &mut later.as_slice()).is_err());
    lobby.load(Lobby::VERSION, &mut bytes.as_slice()).unwrap();
    assert!(lobby.arena().players().is_empty());
}
