//! What the indexes of several partitions find, in one order.

use super::error::FindError;
use super::found::Found;
use super::partition::PartitionIndex;
use crate::journal::{ReadError, RecordedEvent};

/// The events of several partitions with one number: by journal time, then by partition, then by
/// sequence.
///
/// Within a partition that is the order in which they happened. Across partitions the journal knows
/// none: journal times of one wall clock are the nearest to it.
#[derive(Debug)]
pub struct Merged<'i> {
    /// Each stands at its next event.
    parts: Vec<Found<'i>>,
    /// Those that have to move before the next is chosen.
    due: Vec<usize>,
}

impl<'i> Merged<'i> {
    /// The events with this number in all of `indexes`.
    ///
    /// # Errors
    ///
    /// Those of [`PartitionIndex::find`].
    pub fn find(indexes: &'i [PartitionIndex<'_>], number: u64) -> Result<Self, ReadError> {
        let parts: Result<Vec<_>, _> = indexes.iter().map(|index| index.find(number)).collect();
        let parts = parts?;
        Ok(Self {
            due: (0..parts.len()).rev().collect(),
            parts,
        })
    }

    /// The next event; `None` where there is no other one.
    ///
    /// # Errors
    ///
    /// Those of [`Found::next_event`].
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, FindError> {
        while let Some(&due) = self.due.last() {
            if let Some(part) = self.parts.get_mut(due) {
                part.advance()?;
            }
            self.due.pop();
        }
        let first = (0..self.parts.len())
            .filter_map(|part| {
                let meta = self.parts.get(part)?.event()?.meta;
                Some((meta.journal_time_ns, meta.partition, part))
            })
            .min();
        let Some((_, _, part)) = first else {
            return Ok(None);
        };
        self.due.push(part);
        Ok(self.parts.get(part).and_then(Found::event))
    }
}
