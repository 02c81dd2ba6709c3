//! The rules of the reference domain: what the arena accepts, what it rejects, and with what answer.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use ringlog::game::{
    ArchivedEnvelope, Arena, AttackPlayer, Envelope, GameCommand, GameEvent, GameRejection,
    GameReply, GameView, Location, Move, MoveTo, Number, NumberValue, Sender,
};
use ringlog::journal::JournalReader;
use ringlog::{Client, Durability, Outcome, Pipeline, Viewer, partition_of};

type Answer = Result<GameReply, GameRejection>;

fn in_memory(partitions: u32) -> Pipeline<Arena> {
    Pipeline::<Arena>::builder("unused")
        .partitions(partitions)
        .durability(Durability::Memory)
        .open(|_| Arena::default())
        .unwrap()
}

fn durable(path: &Path) -> Pipeline<Arena> {
    Pipeline::<Arena>::builder(path)
        .open(|_| Arena::default())
        .unwrap()
}

fn sender(user_id: u32) -> Sender {
    Sender {
        timestamp: 7,
        user_id,
        event_id: "event".into(),
        correlation_id: "a match whose name is longer than inline text".into(),
    }
}

fn move_to(user_id: u32, at: (Number, Number), speed: Number) -> GameCommand {
    GameCommand::Move(MoveTo {
        sender: sender(user_id),
        location: Location { x: at.0, y: at.1 },
        speed,
    })
}

fn attack(user_id: u32, target_id: u32, skill_id: u64) -> GameCommand {
    GameCommand::Attack(AttackPlayer {
        sender: sender(user_id),
        target_id,
        skill_id,
    })
}

fn ask(client: &Client<Arena>, command: &GameCommand) -> Answer {
    let outcome = client.send(command).unwrap().wait().unwrap();
    outcome.accepted().map(|answered| {
        assert_eq!(answered.events, 1);
        answered.reply
    })
}

/// Asks to move along the x axis.
fn walk(client: &Client<Arena>, user_id: u32, x: f64, speed: f64) -> Answer {
    ask(
        client,
        &move_to(user_id, (x.into(), 0.0.into()), speed.into()),
    )
}

#[test]
fn every_limit_is_included_and_what_is_beyond_it_is_not() {
    let pipeline = in_memory(1);
    let client = pipeline.client().unwrap();
    let above = |number: f64| f64::from_bits(number.to_bits() + 1);
    for (x, y) in [(0.0, 0.0), (1000.0, 1000.0), (-0.0, 1000.0), (1000.0, 0.0)] {
        let at = (Number::from(x), Number::from(y));
        let location = Location { x: at.0, y: at.1 };
        assert_eq!(
            ask(&client, &move_to(1, at, 2000_u64.into())),
            Ok(GameReply::Moved { location })
        );
    }
    for (x, y) in [
        (above(1000.0), 0.0),
        (0.0, above(1000.0)),
        (-f64::MIN_POSITIVE, 0.0),
        (0.0, -1.0),
    ] {
        assert_eq!(
            ask(&client, &move_to(1, (x.into(), y.into()), 2000.0.into())),
            Err(GameRejection::OutsideMap { x, y })
        );
    }
    // From (1000, 0), by a triangle with sides of 3, 4 and 5.
    let at = (Number::from(997_u64), Number::from(4.0));
    let (distance, below) = (5.0, f64::from_bits(5.0_f64.to_bits() - 1));
    assert_eq!(
        ask(&client, &move_to(1, at, below.into())),
        Err(GameRejection::TooFar {
            distance,
            allowed: below
        })
    );
    assert!(ask(&client, &move_to(1, at, 5_u64.into())).is_ok());
    // Standing still needs no speed.
    assert!(ask(&client, &move_to(1, at, (-0.0).into())).is_ok());
}

#[test]
fn every_skill_reaches_as_far_as_its_range() {
    let pipeline = in_memory(1);
    let client = pipeline.client().unwrap();
    walk(&client, 1, 0.0, 0.0).unwrap();
    for (skill_id, range) in [
        (1001, 50.0),
        (1002, 150.0),
        (1003, 300.0),
        (1004, 30.0),
        (1000, 30.0),
        (0, 30.0),
        (u64::MAX, 30.0),
    ] {
        walk(&client, 2, range, 1000.0).unwrap();
        let distance = range;
        assert_eq!(
            ask(&client, &attack(1, 2, skill_id)),
            Ok(GameReply::Attacked { distance })
        );
        let distance = f64::from_bits(range.to_bits() + 1);
        walk(&client, 2, distance, 1000.0).unwrap();
        assert_eq!(
            ask(&client, &attack(1, 2, skill_id)),
            Err(GameRejection::OutOfRange {
                distance,
                allowed: range
            })
        );
    }
}

#[test]
fn no_number_that_is_not_finite_passes_a_rule() {
    let pipeline = in_memory(1);
    let client = pipeline.client().unwrap();
    // Both who is nowhere yet and who is somewhere.
    for _ in 0..2 {
        for wrong in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for wrong_at in 0..3 {
                let number = |place| Number::from(if place == wrong_at { wrong } else { 1.0 });
                assert_eq!(
                    ask(&client, &move_to(1, (number(0), number(1)), number(2))),
                    Err(GameRejection::NotFinite)
                );
            }
        }
        let at = (Number::from(1.0), Number::from(1.0));
        for speed in [-f64::MIN_POSITIVE, -1.0, f64::MIN] {
            assert_eq!(
                ask(&client, &move_to(1, at, speed.into())),
                Err(GameRejection::NegativeSpeed { speed })
            );
        }
        walk(&client, 1, 1.0, 0.0).unwrap();
    }
    assert_eq!(pipeline.stats()[0].applied_sequence, 2, "the walks alone");
}

#[test]
fn who_is_nowhere_neither_attacks_nor_is_attacked() {
    let pipeline = in_memory(1);
    let client = pipeline.client().unwrap();
    walk(&client, 1, 0.0, 0.0).unwrap();
    let user_id = 2;
    assert_eq!(
        ask(&client, &attack(2, 1, 1003)),
        Err(GameRejection::UnknownAttacker { user_id })
    );
    for target_id in [0, 2, u32::MAX] {
        assert_eq!(
            ask(&client, &attack(1, target_id, 1003)),
            Err(GameRejection::UnknownTarget { target_id })
        );
    }
    assert_eq!(
        ask(&client, &attack(0, 1, 1003)),
        Err(GameRejection::Nobody)
    );
    assert_eq!(walk(&client, 0, 1.0, 1.0), Err(GameRejection::Nobody));
}

/// Ingested events pass no rule: they may say anything of where a player is.
#[test]
fn whom_an_event_put_anywhere_can_come_back_to_the_map() {
    let pipeline = in_memory(1);
    let (client, publisher) = (pipeline.client().unwrap(), pipeline.publisher());
    walk(&client, 1, 0.0, 0.0).unwrap();
    let put = |x: f64| {
        let envelope = Envelope {
            timestamp: 7,
            user_id: 2,
            beyond: None,
            event_id: "e".into(),
            correlation_id: "c".into(),
        };
        let location = Location {
            x: x.into(),
            y: 0.0.into(),
        };
        let speed = 0.0.into();
        let moved = Move {
            envelope,
            location,
            speed,
        };
        publisher.publish(&moved.into()).unwrap();
    };
    put(1500.0);
    assert!(matches!(
        walk(&client, 2, 1000.0, 499.0),
        Err(GameRejection::TooFar { .. })
    ));
    assert!(walk(&client, 2, 1000.0, 500.0).is_ok());
    // So far away that the distance is no number any more.
    put(f64::MAX);
    let distance = f64::INFINITY;
    assert_eq!(
        walk(&client, 2, 1000.0, 1e9),
        Err(GameRejection::TooFar {
            distance,
            allowed: 1e9
        })
    );
    assert_eq!(
        ask(&client, &attack(1, 2, 1003)),
        Err(GameRejection::OutOfRange {
            distance,
            allowed: 300.0
        })
    );
    // No place at all: as one who was never anywhere.
    put(f64::NAN);
    let target_id = 2;
    assert_eq!(
        ask(&client, &attack(1, 2, 1003)),
        Err(GameRejection::UnknownTarget { target_id })
    );
    assert!(walk(&client, 2, 10.0, 0.0).is_ok());
    assert!(ask(&client, &attack(1, 2, 1003)).is_ok());
}

#[test]
fn a_target_of_another_partition_is_unknown() {
    let pipeline = in_memory(2);
    let client = pipeline.client().unwrap();
    let of = |user_id: u32| partition_of(u64::from(user_id), 2);
    let near = (2..).find(|user_id| of(*user_id) == of(1)).unwrap();
    let target_id = (2..).find(|user_id| of(*user_id) != of(1)).unwrap();
    for user_id in [1, near, target_id] {
        walk(&client, user_id, 5.0, 0.0).unwrap();
    }
    assert!(ask(&client, &attack(1, near, 1001)).is_ok());
    assert_eq!(
        ask(&client, &attack(1, target_id, 1001)),
        Err(GameRejection::UnknownTarget { target_id })
    );
}

#[test]
fn an_event_has_what_its_command_says() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = durable(directory.path());
    let client = pipeline.client().unwrap();
    let (x, y, speed) = (
        Number::from(561_u64),
        Number::from(561.0),
        Number::from(3_u64),
    );
    ask(&client, &move_to(1, (x, y), speed)).unwrap();
    ask(&client, &attack(1, 1, 1002)).unwrap();
    pipeline.close().unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let (mut cursor, mut viewer) = (reader.cursor(0).unwrap(), Viewer::default());
    let of_command = |envelope: &ArchivedEnvelope| {
        let sender = sender(1);
        assert_eq!(envelope.timestamp, sender.timestamp);
        assert_eq!(envelope.user_id, sender.user_id);
        assert_eq!(envelope.event_id.as_str(), sender.event_id.as_str());
        assert_eq!(
            envelope.correlation_id.as_str(),
            sender.correlation_id.as_str()
        );
    };
    let event = cursor.next_event().unwrap().unwrap();
    let GameView::Move(moved) = event.view::<GameEvent>(&mut viewer).unwrap() else {
        panic!("{event:?}");
    };
    of_command(&moved.envelope);
    assert_eq!(moved.location.to_location(), Location { x, y });
    assert_eq!(moved.speed.to_number(), speed);
    let event = cursor.next_event().unwrap().unwrap();
    let GameView::Attack(attacked) = event.view::<GameEvent>(&mut viewer).unwrap() else {
        panic!("{event:?}");
    };
    of_command(&attacked.envelope);
    assert_eq!(
        (attacked.target_id, attacked.skill_id),
        (1.into(), 1002.into())
    );
    assert!(cursor.next_event().unwrap().is_none());
}

#[test]
fn a_command_that_is_sent_again_has_its_first_answer() {
    let directory = tempfile::tempdir().unwrap();
    let open = || durable(directory.path());
    let answers = |pipeline: &Pipeline<Arena>| -> Vec<(Answer, bool)> {
        let source = pipeline.command_source("players").unwrap();
        let commands = [
            move_to(1, (5.0.into(), 5_u64.into()), 0.0.into()),
            move_to(1, (8.0.into(), 9.0.into()), 4.5.into()),
            attack(1, 2, 1001),
            attack(1, 1, 1001),
        ];
        let outcomes = (1..).zip(&commands).map(|(number, command)| {
            match source.send(number, command).unwrap().wait().unwrap() {
                Outcome::Accepted(answered) => (Ok(answered.reply), answered.is_repeated),
                Outcome::Rejected(answered) => (Err(answered.reply), answered.is_repeated),
            }
        });
        outcomes.collect()
    };
    let pipeline = open();
    let first = answers(&pipeline);
    assert!(first.iter().all(|(_, is_repeated)| !is_repeated));
    pipeline.close().unwrap();
    let pipeline = open();
    let repeated: Vec<_> = first.iter().map(|(answer, _)| (*answer, true)).collect();
    assert_eq!(answers(&pipeline), repeated);
    assert_eq!(pipeline.stats()[0].durable_sequence, 2);
}

/// A number as the reference sees it: in quarters, so that it needs no floating point.
#[derive(Debug, Clone, Copy)]
enum Figure {
    Quarters(i64),
    /// Finite, and larger than anything else here, or smaller.
    Huge(f64),
    NotFinite(f64),
}

impl Figure {
    fn number(self) -> Number {
        match self {
            // An integer where it is one, as JSON has it.
            Self::Quarters(quarters) if quarters % 4 == 0 => Number::from(quarters / 4),
            Self::Quarters(quarters) => Number::from(quarters as f64 / 4.0),
            Self::Huge(value) | Self::NotFinite(value) => Number::from(value),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Move(u32, Figure, Figure, Figure),
    Attack(u32, u32, u64),
}

/// What the reference says, without the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Moved,
    Attacked,
    Nobody,
    NotFinite,
    NegativeSpeed,
    OutsideMap,
    TooFar,
    UnknownAttacker,
    UnknownTarget,
    OutOfRange,
}

/// Where the players are, in quarters.
type Places = BTreeMap<u32, (i64, i64)>;

/// The rules once more, in integers: squares of distances instead of distances.
fn expected(asked: Asked, places: &mut Places) -> Verdict {
    let squared = |a: (i64, i64), b: (i64, i64)| (a.0 - b.0).pow(2) + (a.1 - b.1).pow(2);
    match asked {
        Asked::Move(0, ..) | Asked::Attack(0, ..) => Verdict::Nobody,
        Asked::Move(user_id, x, y, speed) => {
            if [x, y, speed]
                .iter()
                .any(|figure| matches!(figure, Figure::NotFinite(_)))
            {
                return Verdict::NotFinite;
            }
            let reach = match speed {
                Figure::Quarters(quarters) if quarters < 0 => return Verdict::NegativeSpeed,
                Figure::Huge(value) if value < 0.0 => return Verdict::NegativeSpeed,
                Figure::Quarters(quarters) => quarters,
                Figure::Huge(_) | Figure::NotFinite(_) => 1_000_000,
            };
            let (Figure::Quarters(x), Figure::Quarters(y)) = (x, y) else {
                return Verdict::OutsideMap;
            };
            if [x, y].iter().any(|side| !(0..=4000).contains(side)) {
                return Verdict::OutsideMap;
            }
            if places
                .get(&user_id)
                .is_some_and(|from| squared(*from, (x, y)) > reach.pow(2))
            {
                return Verdict::TooFar;
            }
            places.insert(user_id, (x, y));
            Verdict::Moved
        }
        Asked::Attack(user_id, target_id, skill_id) => {
            let Some(from) = places.get(&user_id) else {
                return Verdict::UnknownAttacker;
            };
            let Some(to) = places.get(&target_id) else {
                return Verdict::UnknownTarget;
            };
            let ranges = BTreeMap::from([(1001, 200), (1002, 600), (1003, 1200)]);
            let range: i64 = ranges.get(&skill_id).copied().unwrap_or(120);
            if squared(*from, *to) > range.pow(2) {
                return Verdict::OutOfRange;
            }
            Verdict::Attacked
        }
    }
}

/// What was answered, without the numbers; checks these against each other.
fn verdict(answer: Answer) -> Verdict {
    match answer {
        Ok(GameReply::Moved { .. }) => Verdict::Moved,
        Ok(GameReply::Attacked { .. }) => Verdict::Attacked,
        Err(GameRejection::Nobody) => Verdict::Nobody,
        Err(GameRejection::NotFinite) => Verdict::NotFinite,
        Err(GameRejection::NegativeSpeed { speed }) => {
            assert!(speed < 0.0);
            Verdict::NegativeSpeed
        }
        Err(GameRejection::OutsideMap { .. }) => Verdict::OutsideMap,
        Err(GameRejection::TooFar { distance, allowed }) => {
            assert!(distance > allowed);
            Verdict::TooFar
        }
        Err(GameRejection::UnknownAttacker { .. }) => Verdict::UnknownAttacker,
        Err(GameRejection::UnknownTarget { .. }) => Verdict::UnknownTarget,
        Err(GameRejection::OutOfRange { distance, allowed }) => {
            assert!(distance > allowed);
            Verdict::OutOfRange
        }
        Err(other) => panic!("{other:?} has no reference"),
    }
}

fn coordinate() -> impl Strategy<Value = Figure> {
    prop_oneof![
        16 => (0..=4000_i64).prop_map(Figure::Quarters),
        8 => (1900..=2100_i64).prop_map(Figure::Quarters),
        2 => prop_oneof![-4..=4_i64, 3996..=4004_i64].prop_map(Figure::Quarters),
        1 => odd_figure(),
    ]
}

fn speed() -> impl Strategy<Value = Figure> {
    prop_oneof![
        8 => (0..=6000_i64).prop_map(Figure::Quarters),
        8 => (0..=200_i64).prop_map(Figure::Quarters),
        1 => (-8..=0_i64).prop_map(Figure::Quarters),
        1 => odd_figure(),
    ]
}

fn odd_figure() -> impl Strategy<Value = Figure> {
    prop_oneof![
        prop::sample::select(vec![f64::MAX, f64::MIN, 1e300, -1e16]).prop_map(Figure::Huge),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
            .prop_map(Figure::NotFinite),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let skill = prop::sample::select(vec![1001, 1002, 1003, 1004, 7, u64::MAX]);
    prop_oneof![
        2 => (0..6_u32, coordinate(), coordinate(), speed())
            .prop_map(|(user_id, x, y, speed)| Asked::Move(user_id, x, y, speed)),
        1 => (0..7_u32, 0..7_u32, skill)
            .prop_map(|(user_id, target_id, skill_id)| Asked::Attack(user_id, target_id, skill_id)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_arena_decides_as_the_rules_in_integers_do(
        history in prop::collection::vec(asked(), 1..200),
    ) {
        let pipeline = in_memory(1);
        let client = pipeline.client().unwrap();
        // All in flight at once: what is decided last must know what was decided first.
        let pending: Vec<_> = history
            .iter()
            .map(|asked| {
                client.send(&match *asked {
                    Asked::Move(user_id, x, y, speed) =>
                        move_to(user_id, (x.number(), y.number()), speed.number()),
                    Asked::Attack(user_id, target_id, skill_id) =>
                        attack(user_id, target_id, skill_id),
                }).unwrap()
            })
            .collect();
        let (mut places, mut accepted) = (Places::new(), 0);
        for (asked, pending) in history.iter().zip(pending) {
            let outcome = pending.wait().unwrap();
            accepted += u64::from(outcome.is_accepted());
            let answer = outcome.accepted().map(|answered| answered.reply);
            prop_assert_eq!(verdict(answer), expected(*asked, &mut places), "{:?}", asked);
        }
        prop_assert_eq!(pipeline.stats()[0].applied_sequence, accepted);
        let found = pipeline.read_partition(0, |arena| {
            arena.players().iter().map(|player| {
                let Location { x, y } = player.location().unwrap();
                (player.user_id(), (quarters(x), quarters(y)))
            }).collect::<Places>()
        }).unwrap();
        prop_assert_eq!(found, places);
    }
}

fn quarters(number: Number) -> i64 {
    match number.value() {
        NumberValue::Unsigned(value) => 4 * i64::try_from(value).unwrap(),
        NumberValue::Negative(value) => 4 * value,
        NumberValue::Float(value) => (4.0 * value) as i64,
    }
}
