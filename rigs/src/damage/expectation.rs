//! What must come of damaged bytes: decided from the bytes that are left, by the promises of
//! `docs/format.md`, and without the engine.

use super::layout::{self, Group, Kind, Segment};
use super::reference::Reference;

/// Files of a reference journal with other bytes than they had: index and bytes.
pub(crate) type Changes = Vec<(usize, Vec<u8>)>;

/// What must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something that a witness covers is gone: a typed error.
    Refused,
    /// The events up to this sequence.
    Events(u64),
}

/// What the engine must say of a damaged journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectation {
    /// Where the directory's metadata was changed, both a typed error and everything are right: its
    /// checksum is text, and upper case means the same.
    pub(crate) metadata_changed: bool,
    /// An opening for writing, from the newest sound snapshot on.
    pub(crate) opening: Verdict,
    /// Reading everything.
    pub(crate) reading: Verdict,
    /// Reading behind the mark of the named cursor.
    pub(crate) cursor: Verdict,
    /// The events in front of the first damaged group, from the beginning on.
    pub(crate) readable: u64,
    /// The last event that what is left proves to have been acknowledged.
    pub(crate) acknowledged: u64,
    pub(crate) control_unreadable: bool,
    pub(crate) snapshot_rejected: bool,
    /// The mark of the named cursor is what it was.
    pub(crate) mark_is_sound: bool,
}

impl Expectation {
    pub(crate) fn of(reference: &Reference, changes: &Changes) -> Self {
        Damaged { reference, changes }.judge()
    }
}

struct Damaged<'a> {
    reference: &'a Reference,
    changes: &'a Changes,
}

/// A segment as it was and as it is.
struct Part<'a> {
    segment: &'a Segment,
    was: &'a [u8],
    is: &'a [u8],
    /// What lies from this group on is superseded by the next segment.
    bound: Option<u64>,
}

impl<'a> Damaged<'a> {
    fn judge(&self) -> Expectation {
        let parts = self.parts();
        let mut expectation = Expectation {
            metadata_changed: false,
            opening: Verdict::Refused,
            reading: Verdict::Refused,
            cursor: Verdict::Refused,
            readable: 0,
            acknowledged: 0,
            control_unreadable: false,
            snapshot_rejected: false,
            mark_is_sound: true,
        };
        // Group numbers.
        let (mut synced, mut acknowledged) = (0, 0);
        let mut newest: Option<(u64, u64)> = None;
        let mut witnessing_snapshot = 0;
        let is_complete = parts
            .first()
            .is_some_and(|part| part.segment.first_group == 1);
        for (index, file) in self.reference.files.iter().enumerate() {
            let (was, is) = (&file.bytes[..], self.bytes(index));
            match &file.kind {
                Kind::Control(control) if layout::has_control_word(was, is) => {
                    synced = synced.max(control.synced_group);
                    acknowledged = acknowledged.max(control.acknowledged_group);
                }
                // An empty file is one that no word was ever stored in.
                Kind::Control(_) => expectation.control_unreadable = !is.is_empty(),
                Kind::Snapshot(snapshot) => {
                    if layout::has_snapshot_header(was, is) {
                        witnessing_snapshot = witnessing_snapshot.max(snapshot.group);
                    }
                    // In the order of their names: the last sound one is the newest.
                    if was == is {
                        newest = Some((snapshot.group, snapshot.sequence));
                        expectation.snapshot_rejected = false;
                    } else {
                        expectation.snapshot_rejected = true;
                    }
                }
                Kind::Metadata => expectation.metadata_changed = was != is,
                Kind::Mark => expectation.mark_is_sound = was == is,
                Kind::Segment(_) => {}
            }
        }
        synced = synced.max(witnessing_snapshot);
        if let Some(last) = parts.last() {
            synced = synced.max(last.segment.first_group - 1);
            let sound = last
                .segment
                .groups
                .iter()
                .filter(|group| last.is_sound(group));
            synced = synced.max(sound.map(|group| group.synced_group).max().unwrap_or(0));
        }
        acknowledged = acknowledged.max(synced);
        let first = parts.first().map_or(1, |part| part.segment.first_group);
        let is_startable = is_complete || witnessing_snapshot + 1 >= first;
        let (reading, readable) = walk(&parts, first, synced);
        expectation.readable = readable;
        if is_startable {
            expectation.reading = reading;
        }
        // A mark needs no snapshot: what lies behind it is there.
        expectation.cursor = walk(&parts, self.reference.marked_group + 1, synced).0;
        expectation.acknowledged = sequence_of(&parts, acknowledged);
        expectation.opening = match newest {
            Some((group, _)) => walk(&parts, group + 1, synced).0,
            None if is_complete => walk(&parts, 1, synced).0,
            None => Verdict::Refused,
        };
        expectation
    }

    fn bytes(&self, index: usize) -> &'a [u8] {
        let changed = self.changes.iter().rfind(|(changed, _)| *changed == index);
        match changed {
            Some((_, bytes)) => bytes,
            None => &self.reference.files[index].bytes,
        }
    }

    fn parts(&self) -> Vec<Part<'a>> {
        let mut parts: Vec<Part<'a>> = self
            .reference
            .segments()
            .filter_map(|(index, file)| match &file.kind {
                Kind::Segment(segment) => Some(Part {
                    segment,
                    was: &file.bytes,
                    is: self.bytes(index),
                    bound: None,
                }),
                _ => None,
            })
            .collect();
        let bounds: Vec<u64> = parts.iter().map(|part| part.segment.first_group).collect();
        for (part, bound) in parts.iter_mut().zip(bounds.into_iter().skip(1)) {
            part.bound = Some(bound);
        }
        parts
    }
}

impl Part<'_> {
    fn is_sound(&self, group: &Group) -> bool {
        group.is_sound(self.was, self.is)
    }

    fn has_header(&self) -> bool {
        layout::has_header(self.was, self.is)
    }

    /// Its groups, without what is superseded.
    fn groups(&self) -> impl Iterator<Item = &Group> {
        let bound = self.bound.unwrap_or(u64::MAX);
        self.segment
            .groups
            .iter()
            .filter(move |group| group.number < bound)
    }
}

/// Reads the groups from `from` on; and the last sequence in front of damage.
fn walk(parts: &[Part<'_>], from: u64, synced: u64) -> (Verdict, u64) {
    // The last segment is looked at for witnesses in any case.
    let has_last = parts.last().is_none_or(Part::has_header);
    let mut reached = sequence_of(parts, from - 1);
    for part in parts {
        if part.bound.is_some_and(|bound| bound <= from) {
            continue;
        }
        if !part.has_header() {
            return (Verdict::Refused, reached);
        }
        for group in part.groups().filter(|group| group.number >= from) {
            if part.is_sound(group) {
                reached = group.first_sequence + group.events - 1;
                continue;
            }
            let is_proven = part.bound.is_some()
                || group.number <= synced
                || part.groups().any(|later| {
                    later.number > group.number
                        && part.is_sound(later)
                        && (later.is_sync || later.synced_group >= group.number)
                });
            let verdict = match is_proven || !has_last {
                true => Verdict::Refused,
                false => Verdict::Events(reached),
            };
            return (verdict, reached);
        }
    }
    match has_last {
        true => (Verdict::Events(reached), reached),
        false => (Verdict::Refused, reached),
    }
}

/// The last sequence up to group `number`.
fn sequence_of(parts: &[Part<'_>], number: u64) -> u64 {
    let before_all = parts
        .iter()
        .flat_map(|part| part.groups())
        .map(|group| group.first_sequence - 1)
        .next()
        .unwrap_or(0);
    parts
        .iter()
        .flat_map(|part| part.groups())
        .filter(|group| group.number <= number)
        .map(|group| group.first_sequence + group.events - 1)
        .last()
        .unwrap_or(before_all)
}
