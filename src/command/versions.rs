//! How many events each key has: what callers that decide outside compare.
#![forbid(unsafe_code)]

use crate::Table;

/// The versions of a partition's keys. It is the fold of the partition's events.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyVersions {
    counts: Table<u64, u64>,
    /// How many keys are counted at most; 0: none are.
    keys_max: usize,
    /// Whether there may be keys that have events and are not counted.
    is_overflown: bool,
    /// How many keys were counted at most when the snapshot was taken that they come from.
    recorded_max: usize,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Known(u64),
    /// It is not counted, but may have events.
    Unknown,
}

impl KeyVersions {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self {
            keys_max,
            ..Self::default()
        }
    }

    pub(crate) fn are_kept(&self) -> bool {
        self.keys_max > 0
    }

    /// One more event of `key`.
    #[inline]
    pub(crate) fn count(&mut self, key: u64) {
        if self.keys_max == 0 {
            return;
        }
        if let Some(count) = self.counts.get_mut(key) {
            *count += 1;
        } else if !self.is_overflown {
            // Otherwise it may have had events that were not counted.
            self.set(key, 1);
        }
    }

    /// What `key` has, as a snapshot has it.
    pub(crate) fn set(&mut self, key: u64, count: u64) {
        if self.counts.len() < self.keys_max {
            self.counts.get_or_insert_with(key, || count);
        } else {
            self.is_overflown |= self.keys_max > 0;
        }
    }

    pub(crate) fn get(&self, key: u64) -> Version {
        match self.counts.get(key) {
            Some(count) => Version::Known(*count),
            // A key that has no event yet could not be counted any more either.
            None if self.is_overflown || self.counts.len() >= self.keys_max => Version::Unknown,
            None => Version::Known(0),
        }
    }

    /// Those that a snapshot is about to fill in: unknown until it says otherwise.
    pub(crate) fn unread(keys_max: usize) -> Self {
        Self {
            is_overflown: keys_max > 0,
            ..Self::new(keys_max)
        }
    }

    /// What a snapshot says of those that follow.
    pub(crate) fn recorded(&mut self, keys_max: u64, is_overflown: bool) {
        self.recorded_max = usize::try_from(keys_max).unwrap_or(usize::MAX);
        self.is_overflown &= is_overflown;
    }

    /// Whether counting from the first event on would come to other keys.
    pub(crate) fn are_other_keys(&self) -> bool {
        self.is_overflown && self.recorded_max != self.keys_max
    }

    pub(crate) fn keys_max(&self) -> usize {
        self.keys_max
    }

    pub(crate) fn is_overflown(&self) -> bool {
        self.is_overflown
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(key, count)| (key, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_beyond_the_limit_is_unknown_and_those_within_stay_exact() {
        let mut versions = KeyVersions::new(2);
        assert_eq!(versions.get(7), Version::Known(0));
        for key in [7, 7, 8, 9, 7] {
            versions.count(key);
        }
        assert_eq!(versions.get(7), Version::Known(3));
        assert_eq!(versions.get(8), Version::Known(1));
        assert_eq!(versions.get(9), Version::Unknown);
        assert_eq!(versions.get(10), Version::Unknown);
    }

    #[test]
    fn a_key_that_a_snapshot_did_not_count_stays_unknown_whatever_comes() {
        let mut versions = KeyVersions::unread(5);
        versions.recorded(2, true);
        versions.set(7, 3);
        versions.set(8, 4);
        for key in [9, 9, 7] {
            versions.count(key);
        }
        assert_eq!(versions.get(9), Version::Unknown);
        assert_eq!(versions.get(7), Version::Known(4));
        assert!(versions.are_other_keys());
    }
}
