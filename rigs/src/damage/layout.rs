//! A journal's bytes as `docs/format.md` has them, read here a second time: what is judged must not
//! be the judge.

pub(crate) const BLOCK_BYTES: usize = 4096;
const SEGMENT_HEADER_BYTES: usize = 80;
const GROUP_HEADER_BYTES: usize = 64;
const SNAPSHOT_HEADER_BYTES: usize = 136;
const CONTROL_BYTES: usize = 32;

/// What a file is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Segment(Segment),
    Snapshot(Snapshot),
    Control(Control),
    Metadata,
    Mark,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) first_group: u64,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) number: u64,
    pub(crate) first_sequence: u64,
    pub(crate) events: u64,
    pub(crate) synced_group: u64,
    pub(crate) is_sync: bool,
    /// Where it starts, and where its last frame ends.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) group: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) acknowledged_group: u64,
    pub(crate) synced_group: u64,
}

/// Reads the file `name`; `None` for a file that says nothing.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Option<Kind> {
    if let Some(stem) = name.strip_suffix(".seg") {
        let (_, first_group) = numbers(stem)?;
        return Some(Kind::Segment(segment(first_group, bytes)));
    }
    if let Some(stem) = name.strip_suffix(".snap") {
        let (sequence, group) = numbers(stem)?;
        return Some(Kind::Snapshot(Snapshot { sequence, group }));
    }
    match name {
        "control" => Some(Kind::Control(Control {
            acknowledged_group: u64_at(bytes, 8),
            synced_group: u64_at(bytes, 24),
        })),
        "journal.meta" => Some(Kind::Metadata),
        _ if name.ends_with(".cursor") => Some(Kind::Mark),
        _ => None,
    }
}

impl Kind {
    /// The bytes that mean something.
    #[allow(
        clippy::single_range_in_vec_init,
        reason = "a list of ranges that has one"
    )]
    pub(crate) fn meaning(&self, length: usize) -> Vec<std::ops::Range<usize>> {
        match self {
            Self::Segment(segment) => std::iter::once(0..SEGMENT_HEADER_BYTES)
                .chain(segment.groups.iter().map(|group| group.start..group.end))
                .collect(),
            Self::Control(_) => vec![0..CONTROL_BYTES],
            Self::Snapshot(_) | Self::Metadata | Self::Mark => vec![0..length],
        }
    }
}

/// Whether a segment's header is what it was.
pub(crate) fn has_header(was: &[u8], is: &[u8]) -> bool {
    same(was, is, 0..SEGMENT_HEADER_BYTES)
}

/// Whether a snapshot's header is what it was.
pub(crate) fn has_snapshot_header(was: &[u8], is: &[u8]) -> bool {
    same(was, is, 0..SNAPSHOT_HEADER_BYTES)
}

/// Whether the control word is what it was.
pub(crate) fn has_control_word(was: &[u8], is: &[u8]) -> bool {
    same(was, is, 0..CONTROL_BYTES)
}

impl Group {
    /// Whether it is what it was.
    pub(crate) fn is_sound(&self, was: &[u8], is: &[u8]) -> bool {
        same(was, is, self.start..self.end)
    }
}

fn same(was: &[u8], is: &[u8], range: std::ops::Range<usize>) -> bool {
    let was = was.get(range.clone());
    was.is_some() && was == is.get(range)
}

fn segment(first_group: u64, bytes: &[u8]) -> Segment {
    let salt = u64_at(bytes, 40);
    let mut groups = Vec::new();
    let mut start = BLOCK_BYTES;
    let mut number = first_group;
    while bytes.get(start..start + 4) == Some(b"RLGG")
        && (u64_at(bytes, start + 40), u64_at(bytes, start + 24)) == (salt, number)
    {
        let end = start + GROUP_HEADER_BYTES + u32_at(bytes, start + 56) as usize;
        groups.push(Group {
            number,
            first_sequence: u64_at(bytes, start + 16),
            events: u64::from(u32_at(bytes, start + 60)),
            synced_group: u64_at(bytes, start + 32),
            is_sync: bytes.get(start + 10) == Some(&0),
            start,
            end,
        });
        start = end.next_multiple_of(BLOCK_BYTES);
        number += 1;
    }
    Segment {
        first_group,
        groups,
    }
}

fn numbers(stem: &str) -> Option<(u64, u64)> {
    let (first, second) = stem.split_once('-')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}
