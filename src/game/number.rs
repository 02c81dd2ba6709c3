//! A number of a payload that stays the integer or the float it was.
#![forbid(unsafe_code)]

use rkyv::{Archive, Deserialize, Serialize};

/// A JSON number: `561` and `561.0` are different ones.
///
/// Nine bytes at any alignment, also in the archive: three of them fit where three enums of 64-bit
/// numbers would take 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Number {
    kind: Kind,
    /// The value, little-endian.
    bytes: [u8; 8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
enum Kind {
    Unsigned,
    Negative,
    Float,
}

crate::layout!(ArchivedNumber { kind, bytes });
crate::layout!(
    enum ArchivedKind {
        Unsigned,
        Negative,
        Float,
    }
);

const _: () = assert!(size_of::<Number>() == 9 && size_of::<ArchivedNumber>() == 9);

/// What a [`Number`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberValue {
    /// An integer that is not negative.
    Unsigned(u64),
    /// An integer below zero.
    Negative(i64),
    /// A float; finite unless the program made it otherwise.
    Float(f64),
}

impl Number {
    /// The value.
    #[must_use]
    #[inline]
    pub fn value(self) -> NumberValue {
        match self.kind {
            Kind::Unsigned => NumberValue::Unsigned(u64::from_le_bytes(self.bytes)),
            Kind::Negative => NumberValue::Negative(i64::from_le_bytes(self.bytes)),
            Kind::Float => NumberValue::Float(f64::from_le_bytes(self.bytes)),
        }
    }
}

impl From<u64> for Number {
    #[inline]
    fn from(value: u64) -> Self {
        Self {
            kind: Kind::Unsigned,
            bytes: value.to_le_bytes(),
        }
    }
}

impl From<i64> for Number {
    #[inline]
    fn from(value: i64) -> Self {
        let kind = if value < 0 {
            Kind::Negative
        } else {
            Kind::Unsigned
        };
        Self {
            kind,
            bytes: value.to_le_bytes(),
        }
    }
}

impl From<f64> for Number {
    #[inline]
    fn from(value: f64) -> Self {
        Self {
            kind: Kind::Float,
            bytes: value.to_le_bytes(),
        }
    }
}

impl ArchivedNumber {
    /// The number that was archived.
    #[must_use]
    #[inline]
    pub fn to_number(&self) -> Number {
        let kind = match self.kind {
            ArchivedKind::Unsigned => Kind::Unsigned,
            ArchivedKind::Negative => Kind::Negative,
            ArchivedKind::Float => Kind::Float,
        };
        Number {
            kind,
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_stay_what_they_were() {
        assert_eq!(
            Number::from(u64::MAX).value(),
            NumberValue::Unsigned(u64::MAX)
        );
        assert_eq!(
            Number::from(i64::MIN).value(),
            NumberValue::Negative(i64::MIN)
        );
        assert_eq!(Number::from(7_i64), Number::from(7_u64));
        assert_eq!(Number::from(561.0).value(), NumberValue::Float(561.0));
        assert_ne!(Number::from(561.0), Number::from(561_u64));
    }
}
