//! JSON number literals, and whether a [`Number`] says all of them.

use ringlog::game::Number;

/// A number, and whether printing it gives the literal's value back, digit for digit.
pub(super) struct Reading {
    pub(super) number: Number,
    pub(super) is_exact: bool,
}

/// The most digits that a decimal number keeps on its way through an `f64`, whatever they are.
const EXACT_DIGITS_MAX: usize = f64::DIGITS as usize;

/// Reads `literal`, a JSON value; `None` where it is no number, or one that no `f64` comes near.
pub(super) fn read(literal: &str) -> Option<Reading> {
    if !literal.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if literal.contains(['.', 'e', 'E']) {
        return float(literal);
    }
    // A negative zero is kept as it came: some readers take it for a float.
    let is_exact = literal != "-0";
    if let Ok(value) = literal.parse::<u64>() {
        return Some(Reading {
            number: Number::from(value),
            is_exact,
        });
    }
    if let Ok(value) = literal.parse::<i64>() {
        return Some(Reading {
            number: Number::from(value),
            is_exact,
        });
    }
    float(literal).map(|reading| Reading {
        is_exact: false,
        ..reading
    })
}

fn float(literal: &str) -> Option<Reading> {
    let value: f64 = literal
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())?;
    let is_short = !literal.contains(['e', 'E'])
        && literal.bytes().filter(u8::is_ascii_digit).count() <= EXACT_DIGITS_MAX;
    let is_exact =
        is_short || serde_json::to_string(&value).is_ok_and(|printed| printed == literal);
    Some(Reading {
        number: Number::from(value),
        is_exact,
    })
}

#[cfg(test)]
mod tests {
    use ringlog::game::NumberValue;

    use super::*;

    fn value(literal: &str) -> (NumberValue, bool) {
        let reading = read(literal).unwrap();
        (reading.number.value(), reading.is_exact)
    }

    #[test]
    fn numbers_that_fit_are_exact() {
        assert_eq!(value("561"), (NumberValue::Unsigned(561), true));
        assert_eq!(value("561.0"), (NumberValue::Float(561.0), true));
        assert_eq!(value("1.50"), (NumberValue::Float(1.5), true));
        assert_eq!(value("-0.0"), (NumberValue::Float(-0.0), true));
        assert_eq!(
            value("18446744073709551615"),
            (NumberValue::Unsigned(u64::MAX), true)
        );
        assert_eq!(
            value("-9223372036854775808"),
            (NumberValue::Negative(i64::MIN), true)
        );
        assert_eq!(
            value("0.1234567890123456"),
            (NumberValue::Float(0.1234567890123456), true)
        );
    }

    #[test]
    fn numbers_that_do_not_fit_are_near_and_not_exact() {
        assert_eq!(
            value("18446744073709551616"),
            (NumberValue::Float(18446744073709551616.0), false)
        );
        assert_eq!(
            value("0.10000000000000000000001"),
            (NumberValue::Float(0.1), false)
        );
        assert_eq!(value("1e2"), (NumberValue::Float(100.0), false));
        assert_eq!(value("-0"), (NumberValue::Unsigned(0), false));
    }

    #[test]
    fn what_is_no_number_or_no_finite_one_is_refused() {
        for literal in ["\"5\"", "null", "true", "[1]", "{}", "1e999", "-1e999"] {
            assert!(read(literal).is_none(), "{literal}");
        }
    }
}
