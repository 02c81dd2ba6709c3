//! A set of numbers as ranges. Pure.

/// Numbers as sorted, disjoint ranges with both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    /// Adds the numbers from `first` to `last`; merges with ranges that touch or overlap.
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        let start = self
            .ranges
            .partition_point(|(_, end)| end.saturating_add(1) < first);
        let mut end = start;
        while let Some((range_first, range_last)) = self.ranges.get(end)
            && *range_first <= last.saturating_add(1)
        {
            first = first.min(*range_first);
            last = last.max(*range_last);
            end += 1;
        }
        self.ranges.splice(start..end, [(first, last)]);
    }

    /// The end of the range that `number` lies in, if it lies in one.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let behind = self.ranges.partition_point(|(first, _)| *first <= number);
        let (_, last) = self.ranges.get(behind.checked_sub(1)?)?;
        (*last >= number).then_some(*last)
    }

    /// The parts of the numbers from `first` to `last` that are not in the set.
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut next = first;
        for (range_first, range_last) in &self.ranges {
            if *range_last < next {
                continue;
            }
            if *range_first > last {
                break;
            }
            if *range_first > next {
                missing.push((next, range_first - 1));
            }
            next = range_last.saturating_add(1);
        }
        if next <= last {
            missing.push((next, last));
        }
        missing
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn as_slice(&self) -> &[(u64, u64)] {
        &self.ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(
            ranges in prop::collection::vec((1u64..60, 0u64..8), 0..12),
            (first, length) in (1u64..60, 0u64..20),
        ) {
            let (mut set, mut plain) = (RangeSet::default(), BTreeSet::new());
            for (first, length) in ranges {
                set.insert(first, first + length);
                plain.extend(first..=first + length);
            }
            for number in 0..90 {
                prop_assert_eq!(set.end_of(number).is_some(), plain.contains(&number));
            }
            for pair in set.as_slice().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0, "sorted, disjoint and merged");
            }
            let missing: BTreeSet<u64> =
                set.missing(first, first + length).into_iter().flat_map(|(a, b)| a..=b).collect();
            let expected: BTreeSet<u64> =
                (first..=first + length).filter(|number| !plain.contains(number)).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}
