//! A JSON object as text: the members one knows, and the text of those one does not.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, each as the text it came in.
pub(super) struct Members<'a, const N: usize> {
    /// The value of each known key, in the order of the keys; `None` where it is missing.
    pub(super) known: [Option<&'a str>; N],
    /// The known key that came twice, if one did. Parsers differ in which value they then take,
    /// so that no reading of such an object is the right one.
    pub(super) duplicate: Option<&'static str>,
    /// The members with other keys, separated by commas.
    pub(super) unknown: String,
}

impl<'a, const N: usize> Members<'a, N> {
    /// The members of the object in `text`, where `keys` are the known ones.
    pub(super) fn of(text: &'a str, keys: &[&'static str; N]) -> Result<Self, serde_json::Error> {
        let mut members = Self {
            known: [None; N],
            duplicate: None,
            unknown: String::new(),
        };
        for_each(text, |key, value| {
            let name = unquote(key);
            let place = keys
                .iter()
                .position(|known| name.as_deref() == Some(*known));
            let slot = place.and_then(|place| members.known.get_mut(place).zip(keys.get(place)));
            match slot {
                Some((slot @ None, _)) => *slot = Some(value),
                Some((Some(_), key)) => members.duplicate = Some(key),
                None => append_member(&mut members.unknown, key, value),
            }
        })?;
        Ok(members)
    }
}

/// Whether two of the members in `unknown` have the same key.
pub(super) fn has_duplicates(unknown: &str) -> bool {
    let object = format!("{{{unknown}}}");
    let mut keys: Vec<Cow<'_, str>> = Vec::new();
    // Keys that are no Unicode text can only be compared as they are written.
    let read = for_each(&object, |key, _| {
        keys.push(unquote(key).unwrap_or(Cow::Borrowed(key)))
    });
    keys.sort_unstable();
    read.is_err() || keys.windows(2).any(|pair| pair.first() == pair.last())
}

/// The string in a JSON string literal; `None` for any other JSON text, and for a string that is
/// no Unicode text, as `"\ud800"`.
pub(super) fn unquote(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(literal).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// `json` without line breaks. Within JSON they are white space, and nothing else.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    // By byte, each with one fast search: this runs over everything that is kept as it came.
    if json.as_bytes().contains(&b'\n') || json.as_bytes().contains(&b'\r') {
        Cow::Owned(json.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json)
    }
}

fn append_member(members: &mut String, key: &str, value: &str) {
    if !members.is_empty() {
        members.push(',');
    }
    members.push_str(key);
    members.push(':');
    members.push_str(&one_line(value));
}

/// Calls `member` with the text of each key, quotes included, and of each value.
fn for_each<'a>(
    text: &'a str,
    member: impl FnMut(&'a str, &'a str),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(ForEach(member))?;
    deserializer.end()
}

struct ForEach<F>(F);

impl<'de, F: FnMut(&'de str, &'de str)> Visitor<'de> for ForEach<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // Keys are taken raw as well: one that is no Unicode text is valid JSON all the same.
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(key.get(), value.get());
        }
        Ok(())
    }
}
