//! Puts numbers in order: what comes after a gap is held until the gap closes. Pure.

use std::collections::BTreeMap;

/// Numbers that wait for those before them.
#[derive(Debug)]
pub(crate) struct Hold<T> {
    /// The number that goes on next.
    next: u64,
    /// By first number, with the last number it covers.
    waiting: BTreeMap<u64, (u64, T)>,
}

/// Where an offered number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next one.
    Next,
    /// It comes after a gap.
    AfterGap,
    /// It, or one of its range, waits already.
    Waiting,
    /// It went on, or was given up, before.
    Behind,
}

impl<T> Hold<T> {
    pub(crate) fn new(next: u64) -> Self {
        Self {
            next,
            waiting: BTreeMap::new(),
        }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Where the numbers from `first` to `last` stand.
    pub(crate) fn place(&self, first: u64, last: u64) -> Place {
        if first < self.next {
            return Place::Behind;
        }
        let overlaps = self
            .waiting
            .range(..=last)
            .next_back()
            .is_some_and(|(_, (waiting_last, _))| *waiting_last >= first);
        if overlaps {
            Place::Waiting
        } else if first == self.next {
            Place::Next
        } else {
            Place::AfterGap
        }
    }

    /// Holds what stands for the numbers from `first` to `last`.
    pub(crate) fn hold(&mut self, first: u64, last: u64, item: T) {
        self.waiting.insert(first, (last, item));
    }

    pub(crate) fn get(&self, first: u64) -> Option<&T> {
        self.waiting.get(&first).map(|(_, item)| item)
    }

    /// The number went on, or everything up to `last` was given up.
    pub(crate) fn advance_past(&mut self, last: u64) {
        self.next = last + 1;
    }

    /// What waited and is next now; the caller advances past it once it went on.
    pub(crate) fn take_next(&mut self) -> Option<(u64, u64, T)> {
        let (last, item) = self.waiting.remove(&self.next)?;
        Some((self.next, last, item))
    }

    /// The numbers that are missing in front of the first one that waits.
    pub(crate) fn gap(&self) -> Option<(u64, u64)> {
        let (first, _) = self.waiting.first_key_value()?;
        (*first > self.next).then(|| (self.next, first - 1))
    }

    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.waiting)
            .into_values()
            .map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_leave_in_order_whatever_order_they_came_in() {
        let mut hold = Hold::new(1);
        let mut out = Vec::new();
        for number in [3, 1, 5, 2, 4, 7, 6] {
            match hold.place(number, number) {
                Place::Next => {
                    out.push(number);
                    hold.advance_past(number);
                    while let Some((_, last, item)) = hold.take_next() {
                        out.push(item);
                        hold.advance_past(last);
                    }
                }
                Place::AfterGap => hold.hold(number, number, number),
                place => panic!("{number} is {place:?}"),
            }
        }
        assert_eq!(out, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(hold.gap(), None);
    }

    #[test]
    fn a_gap_is_what_is_missing_in_front_of_the_first_that_waits() {
        let mut hold = Hold::new(1);
        hold.hold(4, 4, ());
        hold.hold(9, 12, ());
        assert_eq!(hold.gap(), Some((1, 3)));
        assert_eq!(hold.place(4, 4), Place::Waiting);
        assert_eq!(hold.place(10, 10), Place::Waiting);
        assert_eq!(hold.place(3, 9), Place::Waiting);
        assert_eq!(hold.place(13, 13), Place::AfterGap);
        hold.advance_past(3);
        assert_eq!(hold.gap(), None);
        assert_eq!(
            hold.take_next().map(|(first, last, ())| (first, last)),
            Some((4, 4))
        );
        hold.advance_past(4);
        assert_eq!(hold.gap(), Some((5, 8)));
        assert_eq!(hold.place(2, 2), Place::Behind);
    }
}
