//! JSON values compared more strictly than `serde_json::Value` can: every digit counts, and an
//! integer is no float.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON value, numbers in decimal.
#[derive(Debug, PartialEq)]
pub(crate) enum Json {
    Word(String),
    Text(String),
    Number {
        is_float: bool,
        is_negative: bool,
        digits: String,
        exponent: i64,
    },
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// The value of `text`.
pub(crate) fn value(text: &str) -> Json {
    let text = text.trim();
    match text.as_bytes()[0] {
        b'{' => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            Json::Object(
                members
                    .into_iter()
                    .map(|(k, v)| (k, value(v.get())))
                    .collect(),
            )
        }
        b'[' => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            Json::List(items.iter().map(|item| value(item.get())).collect())
        }
        b'"' => Json::Text(serde_json::from_str(text).unwrap()),
        b'-' | b'0'..=b'9' => number(text),
        _ => Json::Word(text.to_owned()),
    }
}

/// A number as its digits without zeros at either end, times a power of ten.
fn number(literal: &str) -> Json {
    let is_float = literal.contains(['.', 'e', 'E']);
    let is_negative = literal.starts_with('-');
    let magnitude = literal.trim_start_matches('-');
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let trailing_zeros = (all.len() - digits.len()) as i64;
    let digits = digits.trim_start_matches('0').to_owned();
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap();
    let exponent = match digits.is_empty() {
        true => 0,
        false => exponent - fraction.len() as i64 + trailing_zeros,
    };
    Json::Number {
        is_float,
        is_negative,
        digits,
        exponent,
    }
}

#[test]
fn values_compare_by_meaning_and_not_by_spelling() {
    assert_eq!(value("1.50"), value("15e-1"));
    assert_eq!(
        value(r#"{"a":1,"b":"x"}"#),
        value(r#"{ "b" : "\u0078", "a":1 }"#)
    );
    assert_ne!(value("1"), value("1.0"));
    assert_ne!(value("18446744073709551616"), value("18446744073709551617"));
    assert_ne!(value("0.0"), value("-0.0"));
}
