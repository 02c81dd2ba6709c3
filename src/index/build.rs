//! Bringing the index of one partition up to date.

use super::by::{Found, IndexBy};
use super::format::{Entry, PIECE_ENTRIES, Stretch};
use super::keeper::Keeper;
use super::partition::Rest;
use super::piece::{Kept, Piece};
use crate::event::{ViewError, Viewer};
use crate::journal::format::{
    Damage, FrameHeader, Frames, GROUP_HEADER_BYTES, GroupHeader, Position,
};
use crate::journal::{
    History, JournalReader, ReadError, RecordedEvent, SegmentName, Step, read_segment_header,
};
use crate::storage::{BLOCK_BYTES, OpenMode};

/// A tail of the journal with fewer events is held in memory: writing a file takes longer than
/// reading them again.
const TAIL_EVENTS: u64 = 65_536;

/// An index that is being built.
pub(super) struct Build<'r> {
    pub(super) reader: &'r JournalReader,
    pub(super) partition: u32,
    pub(super) by: &'r IndexBy,
    pub(super) segments: &'r [SegmentName],
    pub(super) keeper: Keeper,
    pub(super) pieces: Vec<Piece>,
    /// How many entries are in memory, which is bounded.
    pub(super) held: usize,
    pub(super) viewer: Viewer,
    pub(super) on_event: &'r mut dyn FnMut(),
}

/// Where a walk over the journal ended.
enum Walked {
    /// At a place that a kept piece goes on from.
    Kept(Position),
    /// At the journal's end.
    End,
    /// At damage, or where memory is used up.
    Stopped(Option<Position>),
}

/// A group cannot be added: it is damaged, or the program cannot look at an event in it.
struct NotAdded;

impl From<Damage> for NotAdded {
    fn from(_: Damage) -> Self {
        Self
    }
}

impl From<ViewError> for NotAdded {
    fn from(_: ViewError) -> Self {
        Self
    }
}

/// A piece that is being made.
struct Making {
    start: Position,
    salt: u64,
    entries: Vec<Entry>,
    unknown: u64,
    /// As much of it as is known to be synced: entries, unknown events, and the place behind it. The
    /// rest could be taken back, and its groups' numbers given again.
    synced: (usize, u64, Position),
}

impl Making {
    fn at(start: Position) -> Self {
        Self {
            start,
            salt: 0,
            entries: Vec::new(),
            unknown: 0,
            synced: (0, 0, start),
        }
    }
}

impl Build<'_> {
    /// Takes over what is kept, and makes the rest; says what is not in the index then.
    pub(super) fn run(&mut self) -> Result<Rest, ReadError> {
        let mut at = None;
        loop {
            at = self.take_kept(at);
            match self.walk(at)? {
                Walked::Kept(start) => at = Some(start),
                Walked::End => return Ok(Rest::Nothing),
                Walked::Stopped(at) => return Ok(Rest::Behind(at)),
            }
        }
    }

    /// Takes over the pieces that are kept from `at` on, up to the first gap; `None` is the
    /// journal's beginning, where it comes back if nothing is kept there.
    fn take_kept(&mut self, at: Option<Position>) -> Option<Position> {
        let mut place = at.or_else(|| self.segments.first().map(start_of))?;
        let is_current = |segment: &SegmentName| segment.first_group == place.segment_first_group;
        let mut current = self.segments.iter().position(is_current)?;
        let mut taken = at;
        loop {
            if let Some(next) = self.segments.get(current + 1)
                && (next.first_group, next.first_sequence) == (place.group + 1, place.sequence + 1)
            {
                place = start_of(next);
                taken = Some(place);
                current += 1;
                continue;
            }
            let Some(piece) = self.kept_at(current, place) else {
                return taken;
            };
            place = piece.stretch.end;
            taken = Some(place);
            self.pieces.push(piece);
        }
    }

    /// The kept piece that starts at `start`, in this segment, if it can be used.
    fn kept_at(&self, segment: usize, start: Position) -> Option<Piece> {
        let salt = self.salt_of(self.segments.get(segment)?)?;
        let asked = self.stretch(salt, start, start);
        let piece = Piece::load(&**self.reader.storage(), self.keeper.directory(), &asked).ok()?;
        let end = piece.stretch.end;
        // What an opening or a repair made of the groups behind it is in the next segment.
        let is_within = |next: &SegmentName| end.group < next.first_group;
        let is_sound =
            end.group > start.group && self.segments.get(segment + 1).is_none_or(is_within);
        is_sound.then_some(piece)
    }

    fn salt_of(&self, segment: &SegmentName) -> Option<u64> {
        let path = self
            .reader
            .partition_dir(self.partition)
            .join(&segment.name);
        let file = self.reader.storage().open(&path, OpenMode::Read).ok()?;
        let header = read_segment_header(&*file).ok()?.ok()?;
        let is_ours = header.journal_id == self.reader.journal_id()
            && header.partition == self.partition
            && header.first_group == segment.first_group
            && header.first_sequence == segment.first_sequence;
        is_ours.then_some(header.salt)
    }

    fn stretch(&self, salt: u64, start: Position, end: Position) -> Stretch {
        Stretch {
            journal_id: self.reader.journal_id(),
            partition: self.partition,
            definition: self.by.definition(),
            salt,
            start,
            end,
        }
    }

    /// Goes through the journal behind `after`, and makes pieces of it.
    fn walk(&mut self, after: Option<Position>) -> Result<Walked, ReadError> {
        let mut history = match self.reader.history(self.partition, after.as_ref()) {
            Err(error) if is_damage(&error) => return Ok(Walked::Stopped(after)),
            history => history?,
        };
        let first = history.reached();
        let mut making = Making::at(first);
        loop {
            let before = history.reached();
            if self.held + making.entries.len() >= PIECE_ENTRIES
                && (making.unknown > 0 || !self.can_write())
            {
                self.finish(making, before);
                return Ok(Walked::Stopped(Some(before)));
            }
            let header = match history.step(history.acknowledged_group) {
                Ok(Step::Group(header)) => header,
                Ok(Step::End | Step::Torn(_)) => {
                    self.finish(making, before);
                    return Ok(Walked::End);
                }
                Err(error) if is_damage(&error) => {
                    self.finish(making, before);
                    // Whoever reads on from there says what is wrong.
                    let is_start = after.is_none() && before.group == first.group;
                    return Ok(Walked::Stopped((!is_start).then_some(before)));
                }
                Err(error) => return Err(error),
            };
            let reached = history.reached();
            let is_crossing = reached.segment_first_group != making.start.segment_first_group;
            if is_crossing || making.entries.len() >= PIECE_ENTRIES {
                let start = match is_crossing {
                    true => Position {
                        segment_first_group: reached.segment_first_group,
                        byte: BLOCK_BYTES as u64,
                        ..before
                    },
                    false => before,
                };
                self.finish(making, before);
                let current = self
                    .segments
                    .iter()
                    .position(|segment| segment.first_group == start.segment_first_group);
                if current.is_some_and(|current| self.kept_at(current, start).is_some()) {
                    return Ok(Walked::Kept(start));
                }
                making = Making::at(start);
            }
            making.salt = history.salt();
            let (entries, unknown) = (making.entries.len(), making.unknown);
            if self.add_group(&history, &header, &mut making).is_err() {
                making.entries.truncate(entries);
                making.unknown = unknown;
                self.finish(making, before);
                let is_start = after.is_none() && before.group == first.group;
                return Ok(Walked::Stopped((!is_start).then_some(before)));
            }
            if header.group <= history.witnessed_group {
                making.synced = (making.entries.len(), making.unknown, reached);
            }
        }
    }

    /// Adds the events of the group that `history` has stepped to. Whoever reads on from there is
    /// told what is wrong with it.
    fn add_group(
        &mut self,
        history: &History,
        header: &GroupHeader,
        making: &mut Making,
    ) -> Result<(), NotAdded> {
        let bytes = history.frames();
        let frames_at =
            history.position() - header.padded_bytes() as u64 + GROUP_HEADER_BYTES as u64;
        let mut frames = Frames::new(bytes);
        let mut sequence = header.first_sequence;
        loop {
            let offset = frames.offset();
            let Some(frame) = frames.next()? else { break };
            if frame.header.is_control() {
                continue;
            }
            let event = RecordedEvent {
                meta: frame.header.meta(self.partition, sequence),
                kind: frame.header.kind,
                version: frame.header.version,
                body: frame.body,
            };
            match self.by.number(&event, &mut self.viewer)? {
                Found::Number(number) => {
                    let frame = bytes
                        .get(offset..offset + FrameHeader::BYTES + frame.body.len())
                        .ok_or(Damage::Short)?;
                    let sequence = sequence - making.start.sequence;
                    let entry = Entry::new(number, sequence, frames_at + offset as u64, frame)
                        .ok_or(Damage::OutOfRange("place of a frame"))?;
                    making.entries.push(entry);
                }
                Found::Nothing => {}
                Found::Unknown => making.unknown += 1,
            }
            (self.on_event)();
            sequence += 1;
        }
        match sequence == header.last_sequence() + 1 {
            true => Ok(()),
            false => Err(Damage::OutOfRange("event count").into()),
        }
    }

    /// Ends the piece at `end`: keeps it in a file where that is worth it.
    fn finish(&mut self, mut making: Making, end: Position) {
        if end.group == making.start.group {
            return;
        }
        let (synced, synced_unknown, synced_end) = making.synced;
        let last = self.segments.last().map(|last| last.first_group);
        let is_growing = last == Some(making.start.segment_first_group);
        let is_long = synced_end.sequence - making.start.sequence >= TAIL_EVENTS;
        // A file would hide events that another program, or the next version of this one, knows.
        let is_worth_it = synced_unknown == 0
            && synced_end.group > making.start.group
            && (is_long || !is_growing);
        if is_worth_it && self.can_write() {
            let rest = making.entries.split_off(synced);
            let mut stretch = self.stretch(making.salt, making.start, synced_end);
            let mut entries = making.entries;
            self.put_behind_last(&mut stretch, &mut entries);
            self.keep(stretch, entries);
            if end.group == synced_end.group {
                return;
            }
            let moved = (synced_end.sequence - making.start.sequence).cast_signed();
            making.entries = rest;
            for entry in &mut making.entries {
                entry.move_start(-moved);
            }
            making.start = synced_end;
        }
        making.entries.sort_unstable_by_key(Entry::order);
        let stretch = self.stretch(making.salt, making.start, end);
        self.held += making.entries.len();
        self.pieces.push(Piece {
            stretch,
            unknown: making.unknown,
            kept: Kept::Memory(making.entries),
        });
    }

    fn keep(&mut self, stretch: Stretch, mut entries: Vec<Entry>) {
        entries.sort_unstable_by_key(Entry::order);
        let piece = self.keeper.keep(stretch, entries);
        if let Kept::Memory(entries) = &piece.kept {
            self.held += entries.len();
        }
        self.pieces.push(piece);
    }

    /// Puts the entries behind those of the last piece, if they go on where that ends and fit: so
    /// that a segment has one file, however often somebody looked while it was being written.
    fn put_behind_last(&mut self, stretch: &mut Stretch, entries: &mut Vec<Entry>) {
        let Some(last) = self.pieces.last() else {
            return;
        };
        let is_before = last.stretch.end == stretch.start && last.stretch.salt == stretch.salt;
        let fits = last.entries() + entries.len() as u64 <= PIECE_ENTRIES as u64
            && stretch.end.sequence - last.stretch.start.sequence <= u64::from(u32::MAX);
        if !is_before || !fits || last.unknown > 0 {
            return;
        }
        // What cannot be read is noticed where somebody looks something up in it.
        let Ok(mut all) = last.read_all(&**self.reader.storage()) else {
            return;
        };
        let moved = stretch.start.sequence - last.stretch.start.sequence;
        all.extend(entries.drain(..).map(|mut entry| {
            entry.move_start(moved.cast_signed());
            entry
        }));
        stretch.start = last.stretch.start;
        *entries = all;
        if let Some(Kept::Memory(held)) = self.pieces.pop().map(|piece| piece.kept) {
            self.held -= held.len();
        }
    }

    fn can_write(&mut self) -> bool {
        let first = self.segments.first().map_or(1, |first| first.first_group);
        self.keeper.can_write(first)
    }
}

/// The place in front of a segment's first group.
fn start_of(segment: &SegmentName) -> Position {
    Position {
        group: segment.first_group - 1,
        sequence: segment.first_sequence - 1,
        segment_first_group: segment.first_group,
        byte: BLOCK_BYTES as u64,
    }
}

/// Whether the journal is damaged, rather than unreadable at this moment.
fn is_damage(error: &ReadError) -> bool {
    matches!(error, ReadError::Corruption(_))
}
