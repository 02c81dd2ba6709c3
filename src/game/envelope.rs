//! What every event of a game server carries around its payload.
#![forbid(unsafe_code)]

use rkyv::with::Niche;
use rkyv::{Archive, Serialize};

use super::Text;

/// The part that all event types share.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Envelope {
    /// The sender's own time, in milliseconds since the Unix epoch. May run backwards.
    pub timestamp: i64,
    /// Whose event it is; 0 is nobody: a minion, a turret, the map.
    pub user_id: u32,
    /// What the line said beyond the fields of its struct. `None`, by far the most common, takes
    /// four bytes of the archive.
    #[rkyv(with = Niche)]
    pub beyond: Option<Box<Beyond>>,
    /// The sender's name for this event.
    pub event_id: Text,
    /// The sender's name for what the event belongs to, such as a match.
    pub correlation_id: Text,
}

// Eight bytes for each id: up to eight characters lie in the string's own bytes, longer ones
// behind the struct.
const _: () = assert!(size_of::<ArchivedEnvelope>() == 32);

/// JSON text that no field holds, kept so that nothing of a line is lost.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Beyond {
    /// Members of the envelope with unknown keys, as they came and separated by commas; empty when
    /// there are none.
    pub envelope: String,
    /// What the payload said beyond the fields.
    pub payload: PayloadRest,
}

/// What a payload said beyond the fields of its event type.
#[derive(Debug, Clone, Archive, Serialize)]
pub enum PayloadRest {
    /// Nothing: the fields say it all.
    Nothing,
    /// Members with unknown keys, as they came and separated by commas: they go behind the fields.
    Members(String),
    /// The whole payload as it came, instead of the fields: they hold its meaning, but not every
    /// digit of it.
    Whole(String),
}

crate::layout!(ArchivedEnvelope {
    timestamp,
    user_id,
    beyond,
    event_id,
    correlation_id
});
crate::layout!(ArchivedBeyond { envelope, payload });
crate::layout!(enum ArchivedPayloadRest { Nothing, Members { 0 }, Whole { 0 } });
