//! The outcomes of the last commands that had an id.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap, VecDeque};

use smallvec::SmallVec;

use super::RecordedOutcome;
use super::outcome::OUTCOME_BYTES_MAX;

/// Outcomes of one source that a partition remembers; an older command's is expired.
#[cfg(not(any(loom, shuttle)))]
const OF_SOURCE_MAX: usize = 8_192;
/// Outcomes that a partition remembers: above that the oldest of all goes.
#[cfg(not(any(loom, shuttle)))]
const OUTCOMES_MAX: usize = 65_536;
#[cfg(any(loom, shuttle))]
const OF_SOURCE_MAX: usize = 4;
#[cfg(any(loom, shuttle))]
const OUTCOMES_MAX: usize = 8;

/// A window over the outcomes of each source, in the order of the journal, of which it is a fold. A
/// busy source does not push out those of the others, unless there are many busy ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    sources: HashMap<u32, Window>,
    /// The sources by how old their oldest outcome is.
    oldest: BTreeMap<u64, u32>,
    count: usize,
    /// How many outcomes there ever were.
    age: u64,
}

/// The outcomes of one source, whose numbers increase.
type Window = VecDeque<Kept>;

#[derive(Debug, Clone)]
struct Kept {
    age: u64,
    number: u64,
    /// What `answers_version` of the deciding program was.
    version: u16,
    /// Of a small answer without memory of its own.
    body: SmallVec<[u8; 64]>,
}

impl Outcomes {
    /// Takes an outcome's record in. Behind a full window the memory of what falls out is used again.
    ///
    /// One that is longer than any that is written is passed over, and its command expired: what a
    /// hostile journal can take of memory is bounded, too.
    pub(crate) fn keep(&mut self, source_id: u32, number: u64, version: u16, body: &[u8]) {
        if body.len() > OUTCOME_BYTES_MAX {
            return;
        }
        let of_source = self.sources.get(&source_id).map_or(0, VecDeque::len);
        let mut fallen = None;
        if of_source >= OF_SOURCE_MAX {
            fallen = self.forget_oldest_of(source_id);
        } else if self.count >= OUTCOMES_MAX
            && let Some((_, oldest)) = self.oldest.first_key_value()
        {
            fallen = self.forget_oldest_of(*oldest);
        }
        let mut kept = fallen.unwrap_or_else(|| Kept {
            age: 0,
            number: 0,
            version: 0,
            body: SmallVec::new(),
        });
        self.age += 1;
        kept.age = self.age;
        kept.number = number;
        kept.version = version;
        kept.body.clear();
        kept.body.extend_from_slice(body);
        let window = self.sources.entry(source_id).or_default();
        if window.is_empty() {
            self.oldest.insert(kept.age, source_id);
        }
        window.push_back(kept);
        self.count += 1;
    }

    fn forget_oldest_of(&mut self, source_id: u32) -> Option<Kept> {
        let window = self.sources.get_mut(&source_id)?;
        let fallen = window.pop_front()?;
        self.count -= 1;
        self.oldest.remove(&fallen.age);
        if let Some(next) = window.front() {
            self.oldest.insert(next.age, source_id);
        }
        Some(fallen)
    }

    /// The outcome of the command that had this id.
    pub(crate) fn get(&self, source_id: u32, number: u64) -> Option<RecordedOutcome<'_>> {
        let window = self.sources.get(&source_id)?;
        let index = window.binary_search_by_key(&number, |kept| kept.number);
        let kept = window.get(index.ok()?)?;
        RecordedOutcome::read(kept.version, &kept.body)
    }

    /// Hands every outcome to `on_outcome`, the oldest one first: source, number, version, body.
    pub(crate) fn for_each<E>(
        &self,
        mut on_outcome: impl FnMut(u32, u64, u16, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let windows = self.sources.iter();
        let mut all: Vec<(&Kept, u32)> = windows
            .flat_map(|(source_id, window)| window.iter().map(|kept| (kept, *source_id)))
            .collect();
        all.sort_unstable_by_key(|(kept, _)| kept.age);
        all.into_iter().try_for_each(|(kept, source_id)| {
            on_outcome(source_id, kept.number, kept.version, &kept.body)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn body(number: u64) -> [u8; 16] {
        RecordedOutcome {
            version: 1,
            first_sequence: number * 2,
            events: 1,
            verdict: 1,
            answer: &[],
        }
        .prefix()
    }

    #[test]
    fn the_window_keeps_the_last_outcomes_of_a_source_and_finds_each() {
        let mut outcomes = Outcomes::default();
        let commands = OF_SOURCE_MAX as u64 + 10;
        outcomes.keep(9, 7, 1, &body(7));
        for number in 1..=commands {
            outcomes.keep(3, number, 1, &body(number));
        }
        assert!(outcomes.get(3, 10).is_none());
        assert!(outcomes.get(4, 11).is_none());
        for number in 11..=commands {
            assert_eq!(outcomes.get(3, number).unwrap().first_sequence, number * 2);
        }
        // A busy source pushes nobody else's out.
        assert!(outcomes.get(9, 7).is_some());
    }

    #[test]
    fn a_body_longer_than_any_that_is_written_takes_no_memory() {
        let mut outcomes = Outcomes::default();
        outcomes.keep(3, 1, 1, &vec![0; OUTCOME_BYTES_MAX + 1]);
        assert!(outcomes.get(3, 1).is_none());
        assert_eq!(outcomes.count, 0);
        outcomes.keep(3, 1, 1, &vec![0; OUTCOME_BYTES_MAX]);
        assert!(outcomes.get(3, 1).is_some());
    }

    #[test]
    fn a_full_table_forgets_the_oldest_of_all_and_is_the_same_after_a_snapshot() {
        let mut outcomes = Outcomes::default();
        let sources = 10;
        let each = OUTCOMES_MAX as u64 / 10 + 100;
        for number in 1..=each {
            for source in 1..=sources {
                outcomes.keep(source, number, 1, &body(number));
            }
        }
        assert_eq!(outcomes.count, OUTCOMES_MAX);
        let mut restored = Outcomes::default();
        outcomes
            .for_each(|source, number, version, body| {
                restored.keep(source, number, version, body);
                Ok::<_, ()>(())
            })
            .unwrap();
        for number in 1..=each {
            for source in 1..=sources {
                let is_kept = outcomes.get(source, number).is_some();
                assert_eq!(restored.get(source, number).is_some(), is_kept);
                let age = (number - 1) * u64::from(sources) + u64::from(source);
                let forgotten = each * u64::from(sources) - OUTCOMES_MAX as u64;
                assert_eq!(is_kept, age > forgotten);
            }
        }
    }
}
