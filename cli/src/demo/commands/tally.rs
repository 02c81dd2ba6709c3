//! What became of commands, counted.

/// Outcomes by kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    /// By reason. A handful: to look through them is cheaper than to hash.
    pub(super) rejected: Vec<(&'static str, u64)>,
    /// Events that came of what was accepted.
    pub(super) events: u64,
}

impl Tally {
    #[inline]
    pub(super) fn accept(&mut self, events: u32) {
        self.accepted += 1;
        self.events += u64::from(events);
    }

    pub(super) fn reject(&mut self, reason: &'static str, count: u64) {
        match self.rejected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, counted)) => *counted += count,
            None => self.rejected.push((reason, count)),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.events += other.events;
        for &(reason, count) in &other.rejected {
            self.reject(reason, count);
        }
    }

    pub(super) fn rejected_count(&self) -> u64 {
        self.rejected.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn tallies_add_up_by_reason() {
        let mut sum = Tally::default();
        for reasons in [["far", "far"], ["odd", "far"]] {
            let mut tally = Tally::default();
            tally.accept(2);
            for reason in reasons {
                tally.reject(reason, 1);
            }
            sum.add(&tally);
        }
        assert_eq!((sum.accepted, sum.events, sum.rejected_count()), (2, 4, 4));
        assert_eq!(sum.rejected, [("far", 3), ("odd", 1)]);
    }
}
