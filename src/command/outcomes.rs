//! The outcomes of the last commands that had an id.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};

use smallvec::SmallVec;

use super::RecordedOutcome;

/// Outcomes that a partition remembers; an older command's is expired.
#[cfg(not(any(loom, shuttle)))]
pub(crate) const OUTCOMES_MAX: usize = 32_768;
#[cfg(any(loom, shuttle))]
pub(crate) const OUTCOMES_MAX: usize = 4;

/// A window over the outcomes in the order of the journal, of which it is a fold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    kept: VecDeque<Kept>,
    /// Which of all that were ever kept the first one is.
    first: u64,
    /// By source and number.
    places: HashMap<(u32, u64), u64>,
}

#[derive(Debug, Clone)]
struct Kept {
    source_id: u32,
    number: u64,
    /// Of a small answer without memory of its own.
    body: SmallVec<[u8; 64]>,
}

impl Outcomes {
    /// Takes an outcome's record in; the oldest one falls out of a full window.
    pub(crate) fn keep(&mut self, source_id: u32, number: u64, body: &[u8]) {
        if self.kept.len() == OUTCOMES_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.places.remove(&(oldest.source_id, oldest.number));
            self.first += 1;
        }
        let place = self.first + self.kept.len() as u64;
        self.places.insert((source_id, number), place);
        self.kept.push_back(Kept {
            source_id,
            number,
            body: SmallVec::from_slice(body),
        });
    }

    /// The outcome of the command that had this id.
    pub(crate) fn get(&self, source_id: u32, number: u64) -> Option<RecordedOutcome<'_>> {
        let place = self.places.get(&(source_id, number))?;
        let index = usize::try_from(place - self.first).ok()?;
        RecordedOutcome::read(&self.kept.get(index)?.body)
    }

    /// Every outcome, the oldest one first, with its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64, &[u8])> {
        self.kept
            .iter()
            .map(|kept| (kept.source_id, kept.number, &kept.body[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_keeps_the_last_outcomes_and_finds_each() {
        let mut outcomes = Outcomes::default();
        let commands = OUTCOMES_MAX as u64 + 10;
        for number in 1..=commands {
            let recorded = RecordedOutcome {
                first_sequence: number * 2,
                events: 1,
                verdict: 1,
                answer: &[],
            };
            outcomes.keep(3, number, &recorded.prefix());
        }
        assert!(outcomes.get(3, 10).is_none());
        assert!(outcomes.get(4, 11).is_none());
        for number in 11..=commands {
            assert_eq!(outcomes.get(3, number).unwrap().first_sequence, number * 2);
        }
        assert_eq!(outcomes.iter().count(), OUTCOMES_MAX);
    }
}
