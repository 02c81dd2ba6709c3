//! Events back into JSON, equal to what was read.

use ringlog::game::{
    ArchivedBeyond, ArchivedLocation, ArchivedNumber, ArchivedPayloadRest, GameView, NumberValue,
};
use serde::Serialize;

/// Appends `event` as one JSON object.
pub(super) fn print(event: &GameView<'_>, out: &mut Vec<u8>) {
    let envelope = event.envelope();
    let beyond = envelope.beyond.as_ref().map(|beyond| &**beyond);
    out.extend_from_slice(b"{\"event_type\":");
    json(out, event.event_type());
    field(out, ",\"event_id\":", envelope.event_id.as_str());
    field(out, ",\"timestamp\":", &envelope.timestamp.to_native());
    field(out, ",\"user_id\":", &envelope.user_id.to_native());
    field(
        out,
        ",\"correlation_id\":",
        envelope.correlation_id.as_str(),
    );
    out.extend_from_slice(b",\"payload\":");
    payload(event, beyond, out);
    if let Some(unknown) = beyond
        .map(|beyond| beyond.envelope.as_str())
        .filter(|u| !u.is_empty())
    {
        out.push(b',');
        out.extend_from_slice(unknown.as_bytes());
    }
    out.push(b'}');
}

fn payload(event: &GameView<'_>, beyond: Option<&ArchivedBeyond>, out: &mut Vec<u8>) {
    let members = match beyond.map(|beyond| &beyond.payload) {
        Some(ArchivedPayloadRest::Whole(payload)) => {
            return out.extend_from_slice(payload.as_bytes());
        }
        Some(ArchivedPayloadRest::Members(members)) => Some(members),
        Some(ArchivedPayloadRest::Nothing) | None => None,
    };
    match event {
        GameView::Kill(kill) => {
            field(out, "{\"victim_id\":", &kill.victim_id.to_native());
            field(out, ",\"weapon\":", kill.weapon.as_str());
            out.extend_from_slice(b",\"location\":");
            location(out, &kill.location);
            out.push(b'}');
        }
        GameView::Pickup(pickup) => {
            field(out, "{\"item_id\":", &pickup.item_id.to_native());
            field(out, ",\"quantity\":", &pickup.quantity.to_native());
            field(out, ",\"source\":", pickup.source.as_str());
        }
        GameView::LevelUp(levelup) => {
            field(out, "{\"old_level\":", &levelup.old_level.to_native());
            field(out, ",\"new_level\":", &levelup.new_level.to_native());
            field(
                out,
                ",\"total_experience\":",
                &levelup.total_experience.to_native(),
            );
        }
        GameView::Move(moved) => {
            location(out, &moved.location);
            out.extend_from_slice(b",\"speed\":");
            number(out, &moved.speed);
        }
        GameView::Attack(attack) => {
            field(out, "{\"target_id\":", &attack.target_id.to_native());
            field(out, ",\"skill_id\":", &attack.skill_id.to_native());
        }
        GameView::Chat(chat) => field(out, "{\"text\":", chat.text.as_str()),
        GameView::Unknown(event) => return out.extend_from_slice(event.payload.as_bytes()),
        GameView::IllTyped(event) => return out.extend_from_slice(event.payload.as_bytes()),
    }
    if let Some(members) = members {
        out.push(b',');
        out.extend_from_slice(members.as_bytes());
    }
    out.push(b'}');
}

/// Appends the members of a location, with the brace before them and without the one behind.
fn location(out: &mut Vec<u8>, location: &ArchivedLocation) {
    out.extend_from_slice(b"{\"x\":");
    number(out, &location.x);
    out.extend_from_slice(b",\"y\":");
    number(out, &location.y);
}

fn number(out: &mut Vec<u8>, number: &ArchivedNumber) {
    match number.to_number().value() {
        NumberValue::Unsigned(value) => json(out, &value),
        NumberValue::Negative(value) => json(out, &value),
        NumberValue::Float(value) => json(out, &value),
    }
}

fn field<T: Serialize + ?Sized>(out: &mut Vec<u8>, before: &str, value: &T) {
    out.extend_from_slice(before.as_bytes());
    json(out, value);
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Only strings and numbers come here, and a vector takes all that is written.
    serde_json::to_writer(out, value).expect("strings and numbers can be written to memory");
}
