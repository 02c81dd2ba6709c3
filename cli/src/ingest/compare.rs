//! Compares an input's lines with what its source journaled before.

use ringlog::journal::{Cursor, JournalReader};
use ringlog::rkyv::util::AlignedVec;
use ringlog::{Event, Viewer, partition_of};

use super::equal::is_equal;
use crate::Domain;

/// What the journal has of one source, met number by number.
#[derive(Debug)]
pub(super) struct Journaled {
    source: String,
    source_id: u32,
    /// One entry a partition.
    lanes: Vec<Lane>,
}

/// The events of the source in one partition.
#[derive(Debug)]
struct Lane {
    cursor: Cursor,
    /// The last number it had when the run began.
    last_number: u64,
    /// The event that must come next; `None` behind the last one.
    next: Option<Recorded>,
    /// Events with lower numbers are retired, and cannot be compared.
    retired_below: u64,
}

/// A copy of an event of the journal.
#[derive(Debug)]
struct Recorded {
    number: u64,
    sequence: u64,
    kind: u16,
    version: u16,
    body: AlignedVec<16>,
}

/// What a line is to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is there, and equal.
    Equal,
    /// It is behind everything that its partition has of the source.
    New,
}

/// The input is not the one that the source journaled.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is another file than the one that source `{source_name}` was: line {line} {difference} \
     (partition {partition}, sequence {sequence}). Nothing of it was taken; give it another --source"
)]
pub(super) struct AnotherFile {
    source_name: String,
    line: u64,
    difference: &'static str,
    partition: usize,
    sequence: u64,
}

impl Journaled {
    /// What the journal has of the source, up to `last_numbers` of each partition.
    pub(super) fn open(
        reader: &JournalReader,
        source: &str,
        source_id: u32,
        last_numbers: &[u64],
    ) -> anyhow::Result<Self> {
        let mut lanes = Vec::new();
        for (partition, &last_number) in (0..).zip(last_numbers) {
            let mut lane = Lane {
                cursor: reader.cursor(partition)?,
                last_number,
                next: None,
                retired_below: 0,
            };
            lane.advance(0, source_id)?;
            if let (2.., Some(next)) = (lane.cursor.earliest(), &lane.next) {
                lane.retired_below = next.number;
            }
            lanes.push(lane);
        }
        Ok(Self {
            source: source.to_owned(),
            source_id,
            lanes,
        })
    }

    /// Whether everything that the journal has was met.
    pub(super) fn is_done(&self) -> bool {
        self.lanes.iter().all(|lane| lane.next.is_none())
    }

    /// Compares the line `number`: an event with its archive, or `None` where it is malformed. Lines
    /// come in order; one that is left out is blank.
    pub(super) fn compare<D: Domain>(
        &mut self,
        number: u64,
        event: Option<(&D::Event, &[u8])>,
    ) -> anyhow::Result<Verdict> {
        self.check_met(number)?;
        let partition = event.map(|(event, _)| {
            #[expect(clippy::cast_possible_truncation, reason = "at most 1,024 partitions")]
            let partitions = self.lanes.len() as u32;
            partition_of(event.key(), partitions) as usize
        });
        let mut verdict = Verdict::New;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let Some(next) = &lane.next else {
                continue;
            };
            let event = event.filter(|_| partition == Some(index));
            let difference = match (event, next.number == number) {
                (Some((event, archive)), true) if next.equals::<D>(event, archive) => {
                    verdict = Verdict::Equal;
                    lane.advance(number, self.source_id)?;
                    continue;
                }
                (Some(_), true) => "differs from what was journaled",
                (None, true) => "is not the event that was journaled",
                // What it was is gone with its segment; the engine still knows its number.
                (Some(_), false) if number < lane.retired_below => continue,
                (Some(_), false) => "was not journaled, though a later one was",
                (None, false) => continue,
            };
            return Err(AnotherFile {
                source_name: self.source.clone(),
                line: number,
                difference,
                partition: index,
                sequence: next.sequence,
            }
            .into());
        }
        Ok(verdict)
    }

    /// Every number of the journal below `number` must have been met.
    pub(super) fn check_met(&self, number: u64) -> Result<(), AnotherFile> {
        let missed = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(partition, lane)| Some((partition, lane.next.as_ref()?)))
            .filter(|(_, next)| next.number < number)
            .min_by_key(|(_, next)| next.number);
        match missed {
            None => Ok(()),
            Some((partition, next)) => Err(AnotherFile {
                source_name: self.source.clone(),
                line: next.number,
                difference: "is blank or not there, but was journaled",
                partition,
                sequence: next.sequence,
            }),
        }
    }
}

impl Lane {
    /// Goes to the next event of the source, behind the one with `number`.
    fn advance(&mut self, number: u64, source_id: u32) -> anyhow::Result<()> {
        // The body is reused: there is one for every line that is compared.
        let mut body = self.next.take().map(|next| next.body).unwrap_or_default();
        if number >= self.last_number {
            return Ok(());
        }
        while let Some(event) = self.cursor.next_event()? {
            let Some(source) = event.meta.source else {
                continue;
            };
            if source.source_id != source_id {
                continue;
            }
            body.clear();
            body.extend_from_slice(event.body);
            self.next = Some(Recorded {
                number: source.number,
                sequence: event.meta.sequence,
                kind: event.kind,
                version: event.version,
                body,
            });
            return Ok(());
        }
        Ok(())
    }
}

impl Recorded {
    /// Whether the journal has `event`: byte for byte, or at least in meaning.
    fn equals<D: Domain>(&self, event: &D::Event, archive: &[u8]) -> bool {
        let event_type = event.event_type();
        let is_same_type = (event_type.kind, event_type.version) == (self.kind, self.version);
        if is_same_type && archive == self.body.as_slice() {
            return true;
        }
        let printed = |kind, version, body| {
            let mut viewer = Viewer::default();
            let view = viewer.view::<D::Event>(kind, version, body).ok()?;
            let mut text = Vec::new();
            D::print(&view, &mut text);
            String::from_utf8(text).ok()
        };
        let new = printed(event_type.kind, event_type.version, archive);
        let old = printed(self.kind, self.version, &self.body);
        new.zip(old).is_some_and(|(new, old)| is_equal(&new, &old))
    }
}
