//! What one partition knows of the sources that published into it.

use crate::journal::format::{
    Frame, FrameHeader, KIND_OUTCOME, KIND_SOURCE_NAMED, KIND_SOURCE_REACHED, KIND_SOURCE_RETIRED,
    KIND_SOURCE_SKIPPED,
};

/// Sources that a journal has at a time; retired ones do not count.
pub(crate) const SOURCES_MAX: usize = 65_536;
/// Ids run from 1 to this and are never given twice: sources that a journal ever has.
pub(crate) const SOURCE_IDS_MAX: u32 = 1 << 20;
/// Gaps of one source that are remembered; a further one is refused.
pub(crate) const GAPS_MAX: usize = 4_096;

/// A frame's lag that says nothing about which numbers are settled: the numbers of a source that
/// only increase, or a lag too large for the field.
pub(crate) const LAG_UNKNOWN: u32 = u32::MAX;

/// The sources of one partition, by id. It is the fold of the partition's frames.
#[derive(Debug, Default, Clone)]
pub(crate) struct SourceTable {
    /// Element `id - 1`.
    entries: Vec<SourceInfo>,
}

/// What a journal knows of one source.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceInfo {
    /// Its id in the frames.
    pub source_id: u32,
    /// The name it was opened with; empty where this partition never saw it.
    pub name: String,
    /// The highest number seen; 0 where there is none.
    pub last_number: u64,
    /// For a contiguous source: every number up to this one was settled.
    pub settled_number: u64,
    /// Numbers that were declared skipped, as ranges with both ends included.
    pub skipped: Vec<(u64, u64)>,
    /// Whether it was retired.
    pub is_retired: bool,
}

impl SourceTable {
    /// Takes note of an event's source; `false` when its number is a duplicate.
    #[inline]
    pub(crate) fn admit(&mut self, header: &FrameHeader) -> bool {
        if header.source_id == 0 {
            return true;
        }
        let Some(entry) = self.entry(header.source_id) else {
            return true;
        };
        if header.source_number <= entry.last_number {
            return false;
        }
        entry.last_number = header.source_number;
        if header.source_lag != LAG_UNKNOWN {
            let unsettled = header
                .source_number
                .saturating_sub(u64::from(header.source_lag));
            entry.settled_number = entry.settled_number.max(unsettled.saturating_sub(1));
        }
        true
    }

    /// The highest number of a source; 0 where there is none.
    pub(crate) fn last_number(&self, source_id: u32) -> u64 {
        let index = (source_id as usize).wrapping_sub(1);
        self.entries.get(index).map_or(0, |entry| entry.last_number)
    }

    /// Folds one frame of the journal.
    #[inline]
    pub(crate) fn replay(&mut self, frame: &Frame<'_>) {
        if frame.header.is_control() {
            self.replay_record(frame);
        } else {
            self.admit(frame.header);
        }
    }

    fn replay_record(&mut self, frame: &Frame<'_>) {
        let header = &frame.header;
        let Some(entry) = self.entry(header.source_id) else {
            return;
        };
        match header.kind {
            KIND_SOURCE_NAMED => entry.name = String::from_utf8_lossy(frame.body).into_owned(),
            KIND_SOURCE_SKIPPED => {
                let gap = (header.source_number, header.key);
                if !entry.skipped.contains(&gap) {
                    entry.skipped.push(gap);
                }
            }
            KIND_SOURCE_RETIRED => entry.is_retired = true,
            KIND_SOURCE_REACHED => {
                entry.last_number = entry.last_number.max(header.source_number);
                entry.settled_number = entry.settled_number.max(header.key);
            }
            KIND_OUTCOME => entry.last_number = entry.last_number.max(header.source_number),
            // A newer program's record: nothing this one could act on.
            _ => {}
        }
    }

    /// Every source that left a trace.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SourceInfo> {
        self.entries.iter().filter(|entry| {
            !entry.name.is_empty()
                || entry.last_number > 0
                || entry.is_retired
                || !entry.skipped.is_empty()
        })
    }

    #[inline]
    fn entry(&mut self, source_id: u32) -> Option<&mut SourceInfo> {
        if source_id == 0 || source_id > SOURCE_IDS_MAX {
            return None;
        }
        let index = source_id as usize - 1;
        while self.entries.len() <= index {
            #[expect(clippy::cast_possible_truncation, reason = "at most SOURCE_IDS_MAX")]
            let source_id = self.entries.len() as u32 + 1;
            self.entries.push(SourceInfo {
                source_id,
                ..SourceInfo::default()
            });
        }
        self.entries.get_mut(index)
    }
}
