//! The envelope of a line: what must be right for the line to be an event at all.

use std::borrow::Cow;

use ringlog::game::{Beyond, Envelope, PayloadRest, Text};

use super::members::{Members, has_duplicates, one_line, unquote};

const KEYS: [&str; 6] = [
    "event_type",
    "event_id",
    "timestamp",
    "user_id",
    "correlation_id",
    "payload",
];

/// A line with a valid envelope.
pub(super) struct Line<'a> {
    pub(super) event_type: Cow<'a, str>,
    /// The text of a JSON object.
    pub(super) payload: &'a str,
    event_id: Cow<'a, str>,
    correlation_id: Cow<'a, str>,
    timestamp: i64,
    user_id: u32,
    /// Members with unknown keys.
    unknown: String,
}

/// Reads the envelope of `line`, or says what is wrong with it.
pub(super) fn read(line: &[u8]) -> Result<Line<'_>, String> {
    let text = str::from_utf8(line)
        .map_err(|error| format!("the line is not UTF-8 from byte {} on", error.valid_up_to()))?;
    let members = Members::of(text, &KEYS)
        .map_err(|error| format!("the line is not a JSON object: {error}"))?;
    if let Some(key) = members.duplicate {
        return Err(format!("`{key}` is there twice"));
    }
    if !members.unknown.is_empty() && has_duplicates(&members.unknown) {
        return Err("two members of the envelope have the same key".to_owned());
    }
    let [
        event_type,
        event_id,
        timestamp,
        user_id,
        correlation_id,
        payload,
    ] = members.known;
    let payload = present("payload", payload)?;
    if !payload.starts_with('{') {
        return Err("`payload` is not an object".to_owned());
    }
    Ok(Line {
        event_type: string("event_type", event_type)?,
        payload,
        event_id: string("event_id", event_id)?,
        correlation_id: string("correlation_id", correlation_id)?,
        timestamp: integer("timestamp", timestamp, "64 bits")?,
        user_id: integer("user_id", user_id, "32 bits without a sign")?,
        unknown: members.unknown,
    })
}

impl Line<'_> {
    /// The envelope as it goes into an event whose fields leave `rest` of the payload unsaid.
    pub(super) fn envelope(&self, rest: PayloadRest) -> Envelope {
        let is_said = self.unknown.is_empty() && matches!(rest, PayloadRest::Nothing);
        Envelope {
            timestamp: self.timestamp,
            user_id: self.user_id,
            beyond: (!is_said).then(|| {
                Box::new(Beyond {
                    envelope: self.unknown.clone(),
                    payload: rest,
                })
            }),
            event_id: Text::from(&*self.event_id),
            correlation_id: Text::from(&*self.correlation_id),
        }
    }

    /// The payload as it came, on one line.
    pub(super) fn payload_text(&self) -> Cow<'_, str> {
        one_line(self.payload)
    }
}

fn present<'a>(key: &str, value: Option<&'a str>) -> Result<&'a str, String> {
    value.ok_or_else(|| format!("`{key}` is missing"))
}

fn string<'a>(key: &str, value: Option<&'a str>) -> Result<Cow<'a, str>, String> {
    let literal = present(key, value)?;
    unquote(literal).ok_or_else(|| match literal.starts_with('"') {
        true => format!("`{key}` is not Unicode text"),
        false => format!("`{key}` is not a string"),
    })
}

fn integer<T: std::str::FromStr>(key: &str, value: Option<&str>, width: &str) -> Result<T, String> {
    let literal = present(key, value)?;
    literal
        .parse()
        .map_err(|_| format!("`{key}` is not an integer of {width}"))
}
