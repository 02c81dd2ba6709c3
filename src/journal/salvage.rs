//! Salvage: from damage to the next sound group, saying what lies between.

use std::fmt;

use super::directory::SegmentName;
use super::error::ReadError;
use super::format::{Damage, GroupHeader, SegmentHeader};
use super::history::History;
use super::scan::{GroupScanner, Scanned, read_segment_header};
use crate::storage::{AlignedBuffer, BLOCK_BYTES};

/// Events that salvage passed over: [`Cursor::skip_damage`](super::Cursor::skip_damage).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The partition.
    pub partition: u32,
    /// The first sequence that is lost.
    pub first_lost: u64,
    /// The last one; below `first_lost` where no event is lost. `None` where nothing sound follows:
    /// then nobody can say how many were lost.
    pub lost_up_to: Option<u64>,
}

impl Gap {
    /// How many events were lost, where it is known.
    #[must_use]
    pub fn events(&self) -> Option<u64> {
        Some((self.lost_up_to? + 1).saturating_sub(self.first_lost))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, first) = (self.partition, self.first_lost);
        match (self.events(), self.lost_up_to) {
            (Some(0), _) => write!(
                f,
                "partition {partition}: no event was lost in front of {first}"
            ),
            (Some(1), _) => write!(f, "partition {partition}: event {first} was lost"),
            (_, Some(last)) => write!(
                f,
                "partition {partition}: events {first} to {last} were lost"
            ),
            _ => write!(
                f,
                "partition {partition}: every event from {first} on was lost, and how many there \
                 were is not known"
            ),
        }
    }
}

impl History {
    /// Moves from where [`step`](History::step) met damage to the next sound group up to `limit`.
    /// Where there is none, the history stays at the damage.
    pub(super) fn skip_damage(&mut self, limit: u64) -> Result<Gap, ReadError> {
        let first_lost = self.expected_sequence;
        let mut index = self.current;
        let mut scanner = self.scanner.take();
        let mut at_damage = None;
        while let Some(segment) = self.segments.get(index).cloned() {
            let opened = match scanner.take() {
                Some(scanner) => Some(scanner),
                None => self.open_damaged_segment(&segment)?,
            };
            // What a successor has superseded means nothing, and above the limit is the writer.
            let end = self
                .segments
                .get(index + 1)
                .map_or(u64::MAX, |next| next.first_group)
                .min(limit.saturating_add(1));
            let wanted = self.expected_group..end;
            let accept = |header: &GroupHeader| {
                wanted.contains(&header.group) && header.first_sequence >= first_lost
            };
            if let Some(mut found) = opened {
                let sought = found
                    .seek_group(accept)
                    .map_err(ReadError::io("read", &self.path(&segment)))?;
                let Some(header) = sought else {
                    at_damage = at_damage.or((index == self.current).then_some(found));
                    index += 1;
                    continue;
                };
                self.current = index;
                self.scanner = Some(found);
                self.expected_group = header.group;
                self.expected_sequence = header.first_sequence;
                self.passes_over = false;
                return Ok(Gap {
                    partition: self.partition,
                    first_lost,
                    lost_up_to: Some(header.first_sequence - 1),
                });
            }
            index += 1;
        }
        self.scanner = at_damage;
        Ok(Gap {
            partition: self.partition,
            first_lost,
            lost_up_to: None,
        })
    }

    /// The segment, even without its header where its first group is there to tell the salt: its
    /// place, its numbers and its checksum say that it is the one. `None` where nothing does.
    fn open_damaged_segment(
        &self,
        segment: &SegmentName,
    ) -> Result<Option<GroupScanner>, ReadError> {
        match self.open_segment(segment) {
            Ok(scanner) => return Ok(Some(scanner)),
            Err(ReadError::Corruption(_)) => {}
            Err(error) => return Err(error),
        }
        let path = self.path(segment);
        let read_error = || ReadError::io("read", &path);
        let file = self
            .storage
            .open(&path, self.mode)
            .map_err(ReadError::io("open", &path))?;
        // A sound header of another place: a foreign file, not a damaged one.
        if !matches!(
            read_segment_header(&*file).map_err(read_error())?,
            Err(Damage::Magic | Damage::Checksum)
        ) {
            return Ok(None);
        }
        let mut block = AlignedBuffer::zeroed(BLOCK_BYTES);
        let read = file
            .read_at(&mut block, BLOCK_BYTES as u64)
            .map_err(read_error())?;
        let Some(salt) = GroupHeader::claimed_salt(block.get(..read).unwrap_or_default()) else {
            return Ok(None);
        };
        let header = SegmentHeader::new(self.journal_id, self.partition, 0).starting_at(
            salt,
            segment.first_sequence,
            segment.first_group,
            0,
        );
        let mut scanner = GroupScanner::new(file, &header).map_err(read_error())?;
        let first = scanner.step().map_err(read_error())?;
        scanner.seek(BLOCK_BYTES as u64);
        scanner.leave_group();
        let named = (segment.first_group, segment.first_sequence);
        Ok(match first {
            Scanned::Group(header) if (header.group, header.first_sequence) == named => {
                Some(scanner)
            }
            _ => None,
        })
    }
}
