//! A place in a partition's journal, between two groups.

use super::Damage;
use crate::storage::BLOCK_BYTES;

/// Nothing is ever counted so far: below it no sum overflows.
const COUNT_MAX: u64 = 1 << 62;

/// The place behind one group and in front of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last group in front of it, and the last sequence up to that group.
    pub(crate) group: u64,
    pub(crate) sequence: u64,
    /// The first group of the segment that `group` lies in.
    pub(crate) segment_first_group: u64,
    /// Where in that segment the next group starts.
    pub(crate) byte: u64,
}

impl Position {
    /// The place, if there can be such a one: it may come from forged bytes.
    pub(crate) fn checked(self) -> Result<Self, Damage> {
        let counts = [
            self.group,
            self.sequence,
            self.segment_first_group,
            self.byte,
        ];
        let is_block = self.byte > 0 && self.byte.is_multiple_of(BLOCK_BYTES as u64);
        if !is_block || counts.iter().any(|count| *count > COUNT_MAX) {
            return Err(Damage::OutOfRange("position"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_cannot_be_is_refused() {
        let place = Position {
            group: 3,
            sequence: 7,
            segment_first_group: 1,
            byte: 4096,
        };
        assert_eq!(place.checked(), Ok(place));
        let forged = [
            Position { byte: 0, ..place },
            Position {
                byte: 4095,
                ..place
            },
            Position {
                group: u64::MAX,
                ..place
            },
            Position {
                sequence: u64::MAX,
                ..place
            },
        ];
        for place in forged {
            assert_eq!(place.checked(), Err(Damage::OutOfRange("position")));
        }
    }
}
