//! Whether two JSON texts have the same meaning, digit for digit.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// Whether `left` and `right` are the same JSON value. Numbers must be spelled alike: to call two
/// spellings of a number equal by way of a float could call two numbers equal that are not.
pub(super) fn is_equal(left: &str, right: &str) -> bool {
    let (left, right) = (left.trim(), right.trim());
    if left == right {
        return true;
    }
    match (left.as_bytes().first(), right.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => objects(left, right).unwrap_or(false),
        (Some(b'['), Some(b'[')) => lists(left, right).unwrap_or(false),
        (Some(b'"'), Some(b'"')) => strings(left, right).unwrap_or(false),
        _ => false,
    }
}

fn objects(left: &str, right: &str) -> serde_json::Result<bool> {
    let left: HashMap<String, &RawValue> = serde_json::from_str(left)?;
    let right: HashMap<String, &RawValue> = serde_json::from_str(right)?;
    Ok(left.len() == right.len()
        && left.iter().all(|(key, value)| {
            right
                .get(key)
                .is_some_and(|other| is_equal(value.get(), other.get()))
        }))
}

fn lists(left: &str, right: &str) -> serde_json::Result<bool> {
    let left: Vec<&RawValue> = serde_json::from_str(left)?;
    let right: Vec<&RawValue> = serde_json::from_str(right)?;
    Ok(left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| is_equal(left.get(), right.get())))
}

fn strings(left: &str, right: &str) -> serde_json::Result<bool> {
    Ok(serde_json::from_str::<String>(left)? == serde_json::from_str::<String>(right)?)
}

#[cfg(test)]
mod tests {
    use super::is_equal;

    #[test]
    fn order_of_members_and_spelling_of_strings_do_not_matter() {
        assert!(is_equal(
            r#"{"a":1,"b":["x",{"c":null}]}"#,
            r#" { "b" : [ "\u0078" , {"c":null} ], "a":1 } "#
        ));
    }

    #[test]
    fn every_difference_counts() {
        for (left, right) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("[1,2]", "[2,1]"),
            ("[1]", "[1,1]"),
            ("1", "1.0"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("null", "false"),
            (r#""1""#, "1"),
        ] {
            assert!(!is_equal(left, right), "{left} {right}");
        }
    }
}
