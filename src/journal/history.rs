//! A partition's history: its sound groups over all segments, and how it ends.

use std::io;
use std::path::{Path, PathBuf};

use super::control::{ControlRead, ControlWord};
use super::directory::{SegmentName, list_segments};
use super::error::{Corruption, ReadError};
use super::format::{Damage, Frame, Frames, GroupHeader, Position};
use super::recovery::{Evidence, Finding, TornTail, Verdict, decide};
use super::scan::{GroupScanner, Scanned, read_segment_header};
use super::snapshots::last_snapshot_group;
use crate::canary::{Canary, is_planted};
use crate::storage::{BLOCK_BYTES, OpenMode, Storage};
use crate::sync::Arc;

/// A segment from this size on is read ahead by a second thread; a shorter one is read before a
/// thread has started.
const READ_AHEAD_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// A partition's groups from the first to the last sound one, over all segments.
#[derive(Debug)]
pub(crate) struct History {
    pub(super) storage: Arc<dyn Storage>,
    directory: PathBuf,
    pub(super) partition: u32,
    pub(super) journal_id: [u64; 2],
    pub(super) mode: OpenMode,
    pub(crate) segments: Vec<SegmentName>,
    pub(super) current: usize,
    pub(super) scanner: Option<GroupScanner>,
    /// The group that [`History::step`] returned last.
    group: Option<GroupHeader>,
    /// The highest group that any witness says was synced; in recovery, which reads each segment
    /// only once, any witness met so far.
    pub(crate) witnessed_group: u64,
    /// The highest group that is known to have been acknowledged, at whatever level.
    pub(crate) acknowledged_group: u64,
    /// A control word is there but cannot be believed.
    pub(crate) control_unreadable: bool,
    pub(super) expected_group: u64,
    pub(super) expected_sequence: u64,
    /// Groups below the expected one are passed over: a tail that an opening copied under a
    /// reader, who had read it in the old place already.
    pub(super) passes_over: bool,
    /// Where in the last segment the search for witnesses ended.
    searched_to: u64,
}

/// What [`History::step`] came to.
#[derive(Debug)]
pub(crate) enum Step {
    Group(GroupHeader),
    /// The clean end.
    End,
    Torn(TornTail),
}

/// The frames of one sound group.
#[derive(Debug)]
pub(crate) struct GroupFrames<'h> {
    history: &'h History,
    header: GroupHeader,
}

/// A walk over the frames of a group, which can be left and gone on with.
#[derive(Debug)]
pub(crate) struct Walk<'g, 'h> {
    group: &'g GroupFrames<'h>,
    frames: Frames<'h>,
    /// Of the next event.
    sequence: u64,
    /// The event that [`each`](Self::each) ended with an error for.
    refused: Option<Frame<'h>>,
}

impl<'h> GroupFrames<'h> {
    /// The sequence of the group's first event.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.header.first_sequence
    }

    /// Hands the frames to `on_frame`, each with the sequence that it has if it is an event.
    #[inline]
    pub(crate) fn for_each<E: From<ReadError>>(
        &self,
        on_frame: impl FnMut(u64, &Frame<'h>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.walk().each(on_frame)
    }

    /// A walk over the frames from the first one on.
    #[inline]
    pub(crate) fn walk(&self) -> Walk<'_, 'h> {
        Walk {
            group: self,
            frames: Frames::new(self.history.frames()),
            sequence: self.header.first_sequence,
            refused: None,
        }
    }
}

impl<'h> Walk<'_, 'h> {
    /// The event that the last call of [`each`](Self::each) ended with an error for.
    pub(crate) fn refused(&mut self) -> Option<Frame<'h>> {
        self.refused.take()
    }

    /// Hands the frames that are left to `on_frame`. An error of its own for an event ends it behind
    /// that event, where the next call goes on.
    #[inline]
    pub(crate) fn each<E: From<ReadError>>(
        &mut self,
        mut on_frame: impl FnMut(u64, &Frame<'h>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Taken out and put back: so they stay in registers.
        let (mut frames, mut sequence) = (self.frames.clone(), self.sequence);
        let history = self.group.history;
        while let Some(frame) = frames.next().map_err(|damage| history.corruption(damage))? {
            if let Err(error) = on_frame(sequence, &frame) {
                (self.frames, self.sequence) = (frames, sequence + 1);
                self.refused = Some(frame);
                return Err(error);
            }
            sequence += u64::from(!frame.header.is_control());
        }
        (self.frames, self.sequence) = (frames, sequence);
        if sequence != self.group.header.last_sequence() + 1 {
            let damage = Damage::OutOfRange("event count");
            return Err(history.corruption(damage).into());
        }
        Ok(())
    }
}

impl History {
    /// The history behind `after`, or from the first group that there is.
    pub(crate) fn open(
        storage: &Arc<dyn Storage>,
        directory: &Path,
        partition: u32,
        journal_id: [u64; 2],
        mode: OpenMode,
        after: Option<&Position>,
    ) -> Result<Self, ReadError> {
        let read_control = || {
            ControlWord::read(&**storage, directory)
                .map_err(ReadError::io("read the control word in", directory))
        };
        // First, so that what it says is there is in the list.
        let mut control = read_control()?;
        let segments = list_segments(&**storage, directory)?;
        if is_planted(Canary::ListedBeforeTheControlWord) {
            control = read_control()?;
        }
        let has_folder = segments.is_some();
        let segments = segments.unwrap_or_default();
        let mut history = Self {
            storage: Arc::clone(storage),
            directory: directory.to_owned(),
            partition,
            journal_id,
            mode,
            current: 0,
            scanner: None,
            group: None,
            witnessed_group: 0,
            acknowledged_group: 0,
            control_unreadable: control == ControlRead::Unreadable,
            expected_group: 1,
            expected_sequence: 1,
            segments,
            passes_over: false,
            searched_to: 0,
        };
        if !has_folder {
            // The folders are made before the metadata is written.
            return Err(history.corruption_in("the partition's folder", 0, Damage::Missing, None));
        }
        let snapshot_group = last_snapshot_group(&**storage, directory, partition, journal_id)?;
        history.witnessed_group = snapshot_group;
        // Segments are retired only below a snapshot: a first one that starts behind that is not
        // the first one there was.
        if let Some(first) = history.segments.first()
            && first.first_group > 1
            && first.first_group <= snapshot_group + 1
        {
            history.expected_group = first.first_group;
            history.expected_sequence = first.first_sequence;
        }
        if let ControlRead::Present(word) = control {
            history.witnessed_group = history.witnessed_group.max(word.synced_group);
            history.acknowledged_group = word.acknowledged_group;
        }
        if let Some(after) = after {
            history.start_after(after)?;
        }
        if let Some(last) = history.segments.last().cloned() {
            history.witnessed_group = history.witnessed_group.max(last.first_group - 1);
            // Who goes through the last segment anyway meets its witnesses on the way.
            if mode == OpenMode::Read {
                history.find_witnesses()?;
            }
        }
        history.acknowledged_group = history.acknowledged_group.max(history.witnessed_group);
        Ok(history)
    }

    /// Takes note of what the groups of the last segment witness of those in front of them.
    pub(super) fn find_witnesses(&mut self) -> Result<(), ReadError> {
        let Some(last) = self.segments.last().cloned() else {
            return Ok(());
        };
        let mut scanner = match self.open_segment(&last) {
            Ok(scanner) => scanner,
            // Said where the walk comes to it, which it must: what precedes it can be read. It may
            // start in the middle of the segment, where nothing else says that more follows.
            Err(ReadError::Corruption(_)) => {
                let follows = last.first_group.max(self.expected_group);
                self.acknowledged_group = self.acknowledged_group.max(follows);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.current + 1 == self.segments.len() && self.scanner.is_some() {
            // What lies in front of the start says less.
            scanner.seek(self.position());
        }
        while let Scanned::Group(header) = scanner
            .step()
            .map_err(ReadError::io("read", &self.path(&last)))?
        {
            self.witnessed_group = self.witnessed_group.max(header.synced_group);
        }
        self.searched_to = scanner.position();
        Ok(())
    }

    /// Searches the last segment for witnesses behind damage, too: without them an old control word
    /// would end a reader's history in front of it, as if nothing followed.
    pub(crate) fn search_behind_damage(&mut self) -> Result<(), ReadError> {
        let Some(last) = self.segments.last().filter(|_| self.searched_to > 0) else {
            return Ok(());
        };
        let path = self.path(last);
        let mut scanner = self.scan_last_segment(self.searched_to)?;
        let rest = scanner
            .inspect_rest()
            .map_err(ReadError::io("read", &path))?;
        let later = rest.later.unwrap_or_default();
        self.witnessed_group = self.witnessed_group.max(later.synced_group);
        self.acknowledged_group = self.acknowledged_group.max(self.witnessed_group);
        Ok(())
    }

    /// Expects the group behind `after` next.
    fn start_after(&mut self, after: &Position) -> Result<(), ReadError> {
        self.expected_group = after.group + 1;
        self.expected_sequence = after.sequence + 1;
        // It is gone only together with everything in front of it; and the last one always stays.
        // Or a repair had the journal go on right behind it.
        let is_listed = |segment: &SegmentName| {
            [after.segment_first_group, after.group + 1].contains(&segment.first_group)
        };
        let is_retired = |first: &SegmentName| first.first_group > after.segment_first_group;
        // In front of the first group there is none to stand in.
        if after.group > 0
            && !self.segments.iter().any(is_listed)
            && !self.segments.first().is_some_and(is_retired)
        {
            let missing = "the segment that a snapshot or a cursor stands in";
            return Err(self.corruption_in(missing, 0, Damage::Missing, None));
        }
        let current = self
            .segments
            .iter()
            .rposition(|segment| segment.first_group <= self.expected_group);
        self.current = current.unwrap_or(0);
        // Without one, the walk says what is missing.
        let Some(segment) = current.and_then(|current| self.segments.get(current)) else {
            return Ok(());
        };
        let scanner = match self.open_segment(segment) {
            Ok(scanner) => Some(scanner),
            // The walk says that, too: a repair has to get there.
            Err(ReadError::Corruption(_)) => None,
            Err(error) => return Err(error),
        };
        match scanner {
            Some(mut scanner) if segment.first_group == after.segment_first_group => {
                scanner.seek(after.byte);
                self.scanner = Some(scanner);
            }
            // That segment is retired or superseded: this one starts behind it.
            scanner => {
                self.passes_over = true;
                self.scanner = scanner;
            }
        }
        Ok(())
    }

    /// The first sequence that is still there.
    pub(crate) fn earliest(&self) -> u64 {
        self.segments
            .first()
            .map_or(1, |first| first.first_sequence)
    }

    /// The place behind the group that was returned last.
    pub(crate) fn reached(&self) -> Position {
        Position {
            group: self.expected_group - 1,
            sequence: self.expected_sequence - 1,
            segment_first_group: self
                .segments
                .get(self.current)
                .map_or(1, |segment| segment.first_group),
            // In front of everything no segment is open yet.
            byte: self.position().max(BLOCK_BYTES as u64),
        }
    }

    /// The frames of the group that [`step`](Self::step) returned last.
    pub(crate) fn frames(&self) -> &[u8] {
        self.scanner
            .as_ref()
            .map(GroupScanner::frames)
            .unwrap_or_default()
    }

    /// Forgets the frames of the last group, so that [`frames`](Self::frames) is empty.
    pub(crate) fn leave_group(&mut self) {
        if let Some(scanner) = &mut self.scanner {
            scanner.leave_group();
        }
    }

    /// The current segment's salt.
    pub(crate) fn salt(&self) -> u64 {
        self.scanner.as_ref().map_or(0, GroupScanner::salt)
    }

    /// Where the next group is expected in the current segment.
    pub(crate) fn position(&self) -> u64 {
        self.scanner.as_ref().map_or(0, GroupScanner::position)
    }

    /// The group that [`step`](Self::step) returned last, to be walked.
    pub(crate) fn group_frames(&self, header: &GroupHeader) -> GroupFrames<'_> {
        GroupFrames {
            history: self,
            header: *header,
        }
    }

    /// The next sound group up to group `limit`, or how the history ends.
    ///
    /// Beside a running writer the limit must be a group that was acknowledged: behind it the
    /// writer is writing, and what looks torn there is only unfinished.
    pub(crate) fn step(&mut self, limit: u64) -> Result<Step, ReadError> {
        loop {
            if self.expected_group > limit {
                return Ok(Step::End);
            }
            let Some(segment) = self.segments.get(self.current).cloned() else {
                if self.expected_group <= self.witnessed_group {
                    return Err(self.corruption_in("every segment", 0, Damage::Missing, None));
                }
                return Ok(Step::End);
            };
            if segment.first_group > self.expected_group {
                self.refuse_retired(&segment)?;
                let lost_up_to = Some(segment.first_sequence.saturating_sub(1));
                let missing = "the segment in front of the first one";
                return Err(self.corruption_in(missing, 0, Damage::Missing, lost_up_to));
            }
            if segment.first_group == self.expected_group
                && segment.first_sequence != self.expected_sequence
                && self.scanner.is_none()
            {
                let damage = Damage::Misplaced("another sequence's name");
                return Err(self.corruption_in(&segment.name, 0, damage, None));
            }
            // What an opening copied to the next segment is superseded here.
            let bound = self
                .segments
                .get(self.current + 1)
                .map(|next| next.first_group);
            if bound.is_some_and(|bound| bound <= self.expected_group) {
                self.passes_over = bound < Some(self.expected_group);
                self.current += 1;
                self.scanner = None;
                continue;
            }
            if self.scanner.is_none() {
                self.scanner = Some(self.open_segment(&segment)?);
            }
            let Some(scanner) = &mut self.scanner else {
                continue;
            };
            let position = scanner.position();
            let read_error = ReadError::io("read", &self.directory);
            let scanned = scanner.step().map_err(read_error)?;
            let finding = match scanned {
                Scanned::Group(header) => {
                    let in_order = header.group == self.expected_group
                        && header.first_sequence == self.expected_sequence;
                    if header.group < self.expected_group && self.passes_over {
                        continue;
                    }
                    if in_order {
                        self.passes_over = false;
                        self.expected_group += 1;
                        self.expected_sequence = header.last_sequence() + 1;
                        self.witnessed_group = self.witnessed_group.max(header.synced_group);
                        self.group = Some(header);
                        return Ok(Step::Group(header));
                    }
                    // The next call finds the same.
                    scanner.seek(position);
                    let damage = Damage::Misplaced("another group's number");
                    return Err(self.corruption_in(&segment.name, position, damage, None));
                }
                Scanned::None(Finding::Damage(Damage::Version(version))) => {
                    return Err(ReadError::NewerFormat {
                        path: self.path(&segment),
                        version,
                    });
                }
                Scanned::None(finding) => finding,
            };
            return self.end(&segment, bound.is_some(), position, finding);
        }
    }

    /// Where everything in front of `first` is in a snapshot, it was retired rather than lost.
    fn refuse_retired(&self, first: &SegmentName) -> Result<(), ReadError> {
        let snapshot_group = last_snapshot_group(
            &*self.storage,
            &self.directory,
            self.partition,
            self.journal_id,
        )?;
        if first.first_group > snapshot_group + 1 {
            return Ok(());
        }
        Err(ReadError::Retired {
            partition: self.partition,
            earliest: first.first_sequence,
        })
    }

    fn end(
        &mut self,
        segment: &SegmentName,
        has_successor: bool,
        position: u64,
        finding: Finding,
    ) -> Result<Step, ReadError> {
        let path = self.path(segment);
        let Some(scanner) = &mut self.scanner else {
            return Ok(Step::End);
        };
        let rest = scanner
            .inspect_rest()
            .map_err(ReadError::io("read", &path))?;
        let witnessed_group = if has_successor {
            u64::MAX
        } else {
            self.witnessed_group
        };
        let verdict = decide(&Evidence {
            finding,
            expected_group: self.expected_group,
            witnessed_group,
            later: rest.later,
            bytes_follow: rest.nonzero_end > 0,
        });
        match verdict {
            Verdict::CleanEnd => Ok(Step::End),
            Verdict::TornTail => Ok(Step::Torn(TornTail {
                partition: self.partition,
                segment: segment.name.clone(),
                position,
                bytes: rest.nonzero_end.saturating_sub(position),
                damage: finding.damage(),
            })),
            Verdict::Corruption => {
                let lost_up_to = self
                    .segments
                    .get(self.current + 1)
                    .map(|next| next.first_sequence.saturating_sub(1));
                Err(self.corruption_in(&segment.name, position, finding.damage(), lost_up_to))
            }
        }
    }

    pub(super) fn open_segment(&self, segment: &SegmentName) -> Result<GroupScanner, ReadError> {
        self.open_listed(segment)
            .map_err(|error| self.retired_or(segment, error))
    }

    fn open_listed(&self, segment: &SegmentName) -> Result<GroupScanner, ReadError> {
        let path = self.path(segment);
        let file = self
            .storage
            .open(&path, self.mode)
            .map_err(ReadError::io("open", &path))?;
        // While it is shared the file is not recycled under us. Where it is refused, it is being
        // recycled and has lost this name: it gets a new one only after it was unlocked.
        let is_ours = file
            .try_lock_shared()
            .map_err(ReadError::io("lock", &path))?;
        let header = read_segment_header(&*file).map_err(ReadError::io("read", &path))?;
        let header = header.map_err(|damage| match damage {
            Damage::Version(version) => ReadError::NewerFormat {
                path: path.clone(),
                version,
            },
            // A segment gets its name only after its header was synced.
            damage => self.corruption_in(&segment.name, 0, damage, None),
        })?;
        let named = (segment.first_sequence, segment.first_group);
        if header.journal_id != self.journal_id
            || header.partition != self.partition
            || (header.first_sequence, header.first_group) != named
            || !(is_ours || is_planted(Canary::RefusedLockIgnored))
        {
            let damage = Damage::Misplaced("another segment's header");
            return Err(self.corruption_in(&segment.name, 0, damage, None));
        }
        let bytes = file.len().map_err(ReadError::io("measure", &path))?;
        let scanner = GroupScanner::new(file, &header).map_err(ReadError::io("measure", &path))?;
        Ok(match self.mode {
            OpenMode::ReadUncached if bytes >= READ_AHEAD_FROM_BYTES => scanner.reading_ahead(),
            _ => scanner,
        })
    }

    /// What `error` comes to when `segment` was retired since it was listed.
    fn retired_or(&self, segment: &SegmentName, error: ReadError) -> ReadError {
        match list_segments(&*self.storage, &self.directory) {
            Ok(Some(now)) if !now.iter().any(|listed| listed.name == segment.name) => {
                match now.first() {
                    Some(first) if first.first_group > segment.first_group => ReadError::Retired {
                        partition: self.partition,
                        earliest: first.first_sequence,
                    },
                    _ => error,
                }
            }
            _ => error,
        }
    }

    /// Another scanner over the last segment, from `position` on.
    pub(crate) fn scan_last_segment(&self, position: u64) -> Result<GroupScanner, ReadError> {
        let last = self.segments.last().cloned().unwrap_or(SegmentName {
            first_group: 1,
            first_sequence: 1,
            name: String::new(),
        });
        let mut scanner = self.open_segment(&last)?;
        scanner.seek(position);
        Ok(scanner)
    }

    /// The current segment's bytes from `position` to `end`, in blocks.
    pub(crate) fn copy_range(
        &mut self,
        position: u64,
        end: u64,
        sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match &mut self.scanner {
            Some(scanner) => scanner.copy_range(position, end, sink),
            None => Ok(()),
        }
    }

    /// Looks again at what a running writer has acknowledged and which segments there are.
    pub(crate) fn refresh(&mut self) -> Result<(), ReadError> {
        // Once more for each retirement that comes between.
        while !self.look_again()? {}
        Ok(())
    }

    /// `false` where the current segment was retired since it was listed, but read to its end before.
    fn look_again(&mut self) -> Result<bool, ReadError> {
        let control = ControlWord::read(&*self.storage, &self.directory)
            .map_err(ReadError::io("read the control word in", &self.directory))?;
        let segments = list_segments(&*self.storage, &self.directory)?.unwrap_or_default();
        if let Some(current) = self.segments.get(self.current) {
            let is_current = |segment: &SegmentName| segment.first_group == current.first_group;
            let is_behind = |segment: &SegmentName| segment.first_group <= self.expected_group;
            if let Some(listed) = segments.iter().position(is_current) {
                self.current = listed;
            } else if let Some(next) = segments.iter().rposition(is_behind) {
                // What is retired was read to its end.
                self.current = next;
                self.scanner = None;
                self.passes_over = true;
            } else {
                return Err(self.retired_or(current, self.corruption(Damage::Missing)));
            }
        }
        self.segments = segments;
        let before = self.scanner.as_ref();
        let before = before.map(|scanner| (scanner.salt(), scanner.position()));
        if let (Some((salt, position)), Some(segment)) =
            (before, self.segments.get(self.current).cloned())
        {
            // Opened anew: what was read ahead may have been written since, and an opening may
            // have put another file of the same name in its place.
            let mut scanner = match self.open_segment(&segment) {
                Err(ReadError::Retired { earliest, .. }) if earliest <= self.expected_sequence => {
                    return Ok(false);
                }
                opened => opened?,
            };
            if scanner.salt() == salt {
                scanner.seek(position);
            } else {
                self.passes_over = true;
            }
            self.scanner = Some(scanner);
        }
        if let ControlRead::Present(word) = control {
            self.acknowledged_group = self.acknowledged_group.max(word.acknowledged_group);
            self.witnessed_group = self.witnessed_group.max(word.synced_group);
        }
        Ok(true)
    }

    pub(super) fn path(&self, segment: &SegmentName) -> PathBuf {
        self.directory.join(&segment.name)
    }

    /// Corruption inside the group that was returned last.
    pub(crate) fn corruption(&self, damage: Damage) -> ReadError {
        let name = self
            .segments
            .get(self.current)
            .map_or("", |segment| &segment.name);
        let mut error = self.corruption_in(name, self.position(), damage, None);
        if let (ReadError::Corruption(corruption), Some(group)) = (&mut error, self.group) {
            corruption.position = self.position().saturating_sub(group.padded_bytes() as u64);
            corruption.last_known = group.first_sequence - 1;
            corruption.first_lost = group.first_sequence;
            corruption.lost_up_to = Some(group.last_sequence());
        }
        error
    }

    fn corruption_in(
        &self,
        segment: &str,
        position: u64,
        damage: Damage,
        lost_up_to: Option<u64>,
    ) -> ReadError {
        ReadError::Corruption(Box::new(Corruption {
            partition: self.partition,
            segment: segment.to_owned(),
            position,
            damage,
            last_known: self.expected_sequence - 1,
            first_lost: self.expected_sequence,
            lost_up_to,
        }))
    }
}
