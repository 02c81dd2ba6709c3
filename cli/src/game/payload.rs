//! Payloads: into the struct of their type where they fit it, kept as they came where not.

use ringlog::game::{
    Attack, Chat, GameEvent, IllTyped, Kill, LevelUp, Location, Move, Number, PayloadRest, Pickup,
    Text, Unknown,
};

use super::envelope::Line;
use super::members::{Members, unquote};
use super::number;

/// The event that `line` is.
pub(super) fn read(line: Line<'_>) -> GameEvent {
    let typed = match &*line.event_type {
        "player.kill" => kill(&line).map(GameEvent::from),
        "item.pickup" => pickup(&line).map(GameEvent::from),
        "player.levelup" => levelup(&line).map(GameEvent::from),
        "player.move" => player_move(&line).map(GameEvent::from),
        "player.attack" => attack(&line).map(GameEvent::from),
        "chat.message" => chat(&line).map(GameEvent::from),
        _ => {
            return GameEvent::from(Unknown {
                envelope: line.envelope(PayloadRest::Nothing),
                event_type: Text::from(&*line.event_type),
                payload: Text::from(&*line.payload_text()),
            });
        }
    };
    typed.unwrap_or_else(|| {
        GameEvent::from(IllTyped {
            envelope: line.envelope(PayloadRest::Nothing),
            event_type: Text::from(&*line.event_type),
            payload: Text::from(&*line.payload_text()),
        })
    })
}

fn kill(line: &Line<'_>) -> Option<Kill> {
    let mut payload = Payload::of(line, &["victim_id", "weapon", "location"])?;
    let [victim_id, weapon, location] = payload.values;
    Some(Kill {
        victim_id: victim_id.parse().ok()?,
        weapon: text(weapon)?,
        location: payload.location(location)?,
        envelope: payload.envelope(),
    })
}

fn pickup(line: &Line<'_>) -> Option<Pickup> {
    let payload = Payload::of(line, &["item_id", "quantity", "source"])?;
    let [item_id, quantity, source] = payload.values;
    Some(Pickup {
        item_id: item_id.parse().ok()?,
        quantity: quantity.parse().ok()?,
        source: text(source)?,
        envelope: payload.envelope(),
    })
}

fn levelup(line: &Line<'_>) -> Option<LevelUp> {
    let payload = Payload::of(line, &["old_level", "new_level", "total_experience"])?;
    let [old_level, new_level, total_experience] = payload.values;
    Some(LevelUp {
        old_level: old_level.parse().ok()?,
        new_level: new_level.parse().ok()?,
        total_experience: total_experience.parse().ok()?,
        envelope: payload.envelope(),
    })
}

fn player_move(line: &Line<'_>) -> Option<Move> {
    let mut payload = Payload::of(line, &["x", "y", "speed"])?;
    let [x, y, speed] = payload.values;
    Some(Move {
        location: Location {
            x: payload.number(x)?,
            y: payload.number(y)?,
        },
        speed: payload.number(speed)?,
        envelope: payload.envelope(),
    })
}

fn attack(line: &Line<'_>) -> Option<Attack> {
    let payload = Payload::of(line, &["target_id", "skill_id"])?;
    let [target_id, skill_id] = payload.values;
    Some(Attack {
        target_id: target_id.parse().ok()?,
        skill_id: skill_id.parse().ok()?,
        envelope: payload.envelope(),
    })
}

fn chat(line: &Line<'_>) -> Option<Chat> {
    let payload = Payload::of(line, &["text"])?;
    let [said] = payload.values;
    Some(Chat {
        text: text(said)?,
        envelope: payload.envelope(),
    })
}

fn text(literal: &str) -> Option<Text> {
    unquote(literal).map(|text| Text::from(&*text))
}

/// A payload with all of its type's keys, and whether fields say all of it.
struct Payload<'a, const N: usize> {
    line: &'a Line<'a>,
    values: [&'a str; N],
    unknown: String,
    /// Whether the fields say all that the known keys said.
    is_exact: bool,
}

impl<'a, const N: usize> Payload<'a, N> {
    /// The payload of `line`; `None` where one of `keys` is missing or there twice.
    fn of(line: &'a Line<'a>, keys: &[&'static str; N]) -> Option<Self> {
        let members = Members::of(line.payload, keys).ok()?;
        if members.duplicate.is_some() {
            return None;
        }
        let mut values = [""; N];
        for (value, known) in values.iter_mut().zip(members.known) {
            *value = known?;
        }
        Some(Self {
            line,
            values,
            unknown: members.unknown,
            is_exact: true,
        })
    }

    fn number(&mut self, literal: &str) -> Option<Number> {
        let reading = number::read(literal)?;
        self.is_exact &= reading.is_exact;
        Some(reading.number)
    }

    fn location(&mut self, object: &str) -> Option<Location> {
        let members = Members::of(object, &["x", "y"]).ok()?;
        if members.duplicate.is_some() {
            return None;
        }
        let [x, y] = members.known;
        // No field holds a third coordinate.
        self.is_exact &= members.unknown.is_empty();
        Some(Location {
            x: self.number(x?)?,
            y: self.number(y?)?,
        })
    }

    /// The event's envelope, with what no field says.
    fn envelope(self) -> ringlog::game::Envelope {
        let rest = match (self.is_exact, self.unknown.is_empty()) {
            (false, _) => PayloadRest::Whole(self.line.payload_text().into_owned()),
            (true, false) => PayloadRest::Members(self.unknown),
            (true, true) => PayloadRest::Nothing,
        };
        self.line.envelope(rest)
    }
}
