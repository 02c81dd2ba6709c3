//! Walks one segment's groups, whatever its bytes are.

use std::io;

use super::format::{Damage, GROUP_HEADER_BYTES, GroupHeader, SegmentHeader};
use super::read_ahead::{CHUNK_BYTES, LEAD_BYTES, ReadAhead, new_buffer};
use super::recovery::{Finding, LaterGroups};
use crate::storage::{AlignedBuffer, BLOCK_BYTES, StorageFile};
use crate::sync::Arc;

/// What stands at a position of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A sound group; its frames are in [`GroupScanner::frames`] until the next step.
    Group(GroupHeader),
    /// No group: the position stays where it is.
    None(Finding),
}

/// Reads a segment group by group. Memory is bounded by the longest group.
#[derive(Debug)]
pub(crate) struct GroupScanner {
    file: Arc<dyn StorageFile>,
    partition: u32,
    salt: u64,
    /// The segment's first group, where the file held another segment before.
    recycled_at: Option<u64>,
    position: u64,
    reading: Reading,
    buffer: AlignedBuffer,
    /// Where in the buffer the loaded bytes start, their file position, and how many they are.
    loaded_at: usize,
    loaded_from: u64,
    loaded_bytes: usize,
    /// The last group's frames, as a range of the buffer.
    frames: std::ops::Range<usize>,
}

/// How a scanner reads its file.
#[derive(Debug)]
enum Reading {
    /// When it needs bytes: next to a running writer, what was read ahead may be stale.
    OnDemand,
    /// Ahead, from the first position that is loaded on.
    WillBeAhead,
    Ahead(ReadAhead),
}

/// What lies behind a finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) later: Option<LaterGroups>,
    /// The position behind the last byte that is not zero; 0 when all are zero. In a recycled file
    /// the end of the last of the segment's own groups, as far as its header can be believed.
    pub(crate) nonzero_end: u64,
}

impl GroupScanner {
    /// A scanner over the segment in `file`, from its first group on.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub(crate) fn new(file: Box<dyn StorageFile>, header: &SegmentHeader) -> io::Result<Self> {
        // No more memory than the file fills: a program may have many small ones open.
        let bytes =
            usize::try_from(file.len()?).map_or(CHUNK_BYTES, |bytes| bytes.min(CHUNK_BYTES));
        Ok(Self {
            file: Arc::from(file),
            partition: header.partition,
            salt: header.salt,
            recycled_at: header.is_recycled().then_some(header.first_group),
            position: BLOCK_BYTES as u64,
            reading: Reading::OnDemand,
            buffer: AlignedBuffer::zeroed(bytes.max(BLOCK_BYTES)),
            loaded_at: 0,
            loaded_from: 0,
            loaded_bytes: 0,
            frames: 0..0,
        })
    }

    /// Has a thread read the file ahead, for as long as the scanner goes forward. What is asked
    /// for must have been durable before: what is read ahead of a writer is old when it is written.
    pub(crate) fn reading_ahead(mut self) -> Self {
        self.reading = Reading::WillBeAhead;
        // It takes turns with the buffers that are read into.
        self.buffer = new_buffer();
        self
    }

    /// The salt of the segment.
    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    /// Where the next group is expected.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Expects the next group at `position`.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The frames of the group that [`step`](Self::step) returned last.
    pub(crate) fn frames(&self) -> &[u8] {
        self.buffer.get(self.frames.clone()).unwrap_or_default()
    }

    /// Forgets the frames of the last group.
    pub(crate) fn leave_group(&mut self) {
        self.frames = 0..0;
    }

    /// Reads what stands at the position; moves behind it if it is a sound group.
    pub(crate) fn step(&mut self) -> io::Result<Scanned> {
        let scanned = self.read_group(self.position)?;
        if let Scanned::Group(header) = scanned {
            self.position += header.padded_bytes() as u64;
        }
        Ok(scanned)
    }

    fn read_group(&mut self, position: u64) -> io::Result<Scanned> {
        let none = |finding| Ok(Scanned::None(finding));
        let (partition, salt, recycled_at) = (self.partition, self.salt, self.recycled_at);
        let block = self.load(position, BLOCK_BYTES)?;
        if block.is_empty() {
            return none(Finding::EndOfFile);
        }
        if is_zero(block) {
            return none(Finding::Zeros);
        }
        if is_stale(recycled_at, block, salt) {
            return none(Finding::Stale);
        }
        let header = match GroupHeader::read(block, partition, salt, position) {
            Ok(header) => header,
            Err(damage) => return none(Finding::Damage(damage)),
        };
        // The length is bounded by GROUP_BYTES_MAX, but not yet covered by a checked checksum.
        let bytes = self.load(position, header.padded_bytes())?;
        match header.frames(bytes) {
            Ok(frames) => {
                let frames_bytes = frames.len();
                #[expect(clippy::cast_possible_truncation, reason = "within the buffer")]
                let start =
                    self.loaded_at + (position - self.loaded_from) as usize + GROUP_HEADER_BYTES;
                self.frames = start..start + frames_bytes;
                Ok(Scanned::Group(header))
            }
            Err(damage) => none(Finding::Damage(damage)),
        }
    }

    /// Moves to the first sound group from the position on that `accept` takes, without passing it;
    /// `None` at the end of the file.
    pub(crate) fn seek_group(
        &mut self,
        accept: impl Fn(&GroupHeader) -> bool,
    ) -> io::Result<Option<GroupHeader>> {
        let mut position = self.position;
        while !self.load(position, BLOCK_BYTES)?.is_empty() {
            if let Scanned::Group(header) = self.read_group(position)?
                && accept(&header)
            {
                self.position = position;
                self.leave_group();
                return Ok(Some(header));
            }
            position += BLOCK_BYTES as u64;
        }
        Ok(None)
    }

    /// Looks at everything behind the current position: what a decision about it needs.
    pub(crate) fn inspect_rest(&mut self) -> io::Result<Rest> {
        let mut rest = Rest {
            later: None,
            nonzero_end: 0,
        };
        let mut position = self.position;
        let (salt, recycled_at) = (self.salt, self.recycled_at);
        loop {
            let block = self.load(position, BLOCK_BYTES)?;
            if block.is_empty() {
                return Ok(rest);
            }
            if is_zero(block) || is_stale(recycled_at, block, salt) {
                position += BLOCK_BYTES as u64;
                continue;
            }
            if !is_zero(block)
                && let Some(last) = block.iter().rposition(|byte| *byte != 0)
            {
                rest.nonzero_end = match recycled_at {
                    None => position + last as u64 + 1,
                    Some(_) => position + GroupHeader::claimed_bytes(block),
                };
                if position > self.position
                    && let Scanned::Group(header) = self.read_group(position)?
                {
                    // Every later group is evidence: the first may prove less than the last.
                    let later = rest.later.get_or_insert_default();
                    later.was_synced_in_order |= header.durability == 0;
                    later.synced_group = later.synced_group.max(header.synced_group);
                }
            }
            position += BLOCK_BYTES as u64;
        }
    }

    /// The bytes from `position` to `end`, for the quarantine; block-aligned, in chunks.
    pub(crate) fn copy_range(
        &mut self,
        mut position: u64,
        end: u64,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while position < end {
            let bytes = self.load(position, BLOCK_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            sink(bytes)?;
            position += BLOCK_BYTES as u64;
        }
        Ok(())
    }

    /// Up to `bytes` bytes at `position`; fewer only where the file ends.
    fn load(&mut self, position: u64, bytes: usize) -> io::Result<&[u8]> {
        let loaded_end = self.loaded_from + self.loaded_bytes as u64;
        let is_loaded = self.loaded_bytes > 0
            && position >= self.loaded_from
            && position + bytes as u64 <= loaded_end;
        if !is_loaded && !self.try_load_ahead(position, bytes)? {
            if bytes > self.buffer.len() {
                self.buffer = AlignedBuffer::zeroed(bytes);
            }
            self.loaded_at = 0;
            self.loaded_from = position;
            self.loaded_bytes = 0;
            let target = self.buffer.len().min(bytes.max(CHUNK_BYTES));
            self.loaded_bytes = self.file.read_at(&mut self.buffer[..target], position)?;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the buffer")]
        let start = (position - self.loaded_from) as usize;
        let end = (start + bytes).min(self.loaded_bytes);
        Ok(self
            .buffer
            .get(self.loaded_at + start..self.loaded_at + end)
            .unwrap_or_default())
    }

    fn try_load_ahead(&mut self, position: u64, bytes: usize) -> io::Result<bool> {
        let loaded = self.load_ahead(position, bytes);
        if loaded.is_err() {
            // Nothing follows an error there; without this it would pass for the file's end.
            self.reading = Reading::OnDemand;
        }
        loaded
    }

    /// Loads from what was read ahead; `false` where `position` does not follow what is loaded.
    fn load_ahead(&mut self, position: u64, bytes: usize) -> io::Result<bool> {
        let loaded_end = self.loaded_from + self.loaded_bytes as u64;
        let kept = match &self.reading {
            Reading::OnDemand => return Ok(false),
            Reading::WillBeAhead => {
                self.reading = match ReadAhead::start(Arc::clone(&self.file), position) {
                    Ok(ahead) => Reading::Ahead(ahead),
                    // Without another thread it takes longer, that is all.
                    Err(_) => Reading::OnDemand,
                };
                (0, 0)
            }
            Reading::Ahead(_) if (self.loaded_from..=loaded_end).contains(&position) => {
                #[expect(clippy::cast_possible_truncation, reason = "within the buffer")]
                let passed = (position - self.loaded_from) as usize;
                (self.loaded_at + passed, self.loaded_bytes - passed)
            }
            Reading::Ahead(_) => {
                self.reading = Reading::OnDemand;
                (0, 0)
            }
        };
        let Reading::Ahead(ahead) = &self.reading else {
            return Ok(false);
        };
        let (kept_at, mut loaded_bytes) = kept;
        // What is loaded is replaced below; after an error nothing is.
        self.loaded_bytes = 0;
        self.loaded_from = position;
        if loaded_bytes <= LEAD_BYTES && bytes <= loaded_bytes + CHUNK_BYTES {
            // The common case: what is left goes in front of the next chunk.
            if let Some(mut chunk) = ahead.next()? {
                let kept = &self.buffer[kept_at..kept_at + loaded_bytes];
                chunk.buffer[LEAD_BYTES - loaded_bytes..LEAD_BYTES].copy_from_slice(kept);
                ahead.give_back(std::mem::replace(&mut self.buffer, chunk.buffer));
                self.loaded_at = LEAD_BYTES - loaded_bytes;
                self.loaded_bytes = loaded_bytes + chunk.bytes;
            } else {
                self.loaded_at = kept_at;
                self.loaded_bytes = loaded_bytes;
            }
            return Ok(true);
        }
        // Longer than a chunk: put together from several.
        let capacity = bytes + CHUNK_BYTES;
        if self.buffer.len() < capacity {
            let mut longer = AlignedBuffer::zeroed(capacity.max(LEAD_BYTES + CHUNK_BYTES));
            longer[..loaded_bytes].copy_from_slice(&self.buffer[kept_at..kept_at + loaded_bytes]);
            self.buffer = longer;
        } else {
            self.buffer.copy_within(kept_at..kept_at + loaded_bytes, 0);
        }
        self.loaded_at = 0;
        while loaded_bytes < bytes {
            let Some(chunk) = ahead.next()? else { break };
            let read = &chunk.buffer[LEAD_BYTES..LEAD_BYTES + chunk.bytes];
            self.buffer[loaded_bytes..loaded_bytes + chunk.bytes].copy_from_slice(read);
            loaded_bytes += chunk.bytes;
            ahead.give_back(chunk.buffer);
        }
        self.loaded_bytes = loaded_bytes;
        Ok(true)
    }
}

/// Whether a block of a recycled file is what the file held before.
fn is_stale(recycled_at: Option<u64>, block: &[u8], salt: u64) -> bool {
    recycled_at.is_some_and(|first_group| !GroupHeader::is_of_segment(block, salt, first_group))
}

/// Whether a block, or what there is of one, has nothing but zeros.
fn is_zero(block: &[u8]) -> bool {
    // Compared as a whole: prepared space is long.
    static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    ZEROS.get(..block.len()) == Some(block)
}

/// Reads a segment's header block with any kind of handle.
pub(crate) fn read_segment_header(
    file: &dyn StorageFile,
) -> io::Result<Result<SegmentHeader, Damage>> {
    let mut block = AlignedBuffer::zeroed(BLOCK_BYTES);
    let read = file.read_at(&mut block, 0)?;
    Ok(SegmentHeader::read(block.get(..read).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;
    use crate::journal::format::{Checksum, GroupStamp, seal_group};

    const SALT: u64 = 5;

    /// A file in memory; reading anything at or behind `bad_from` fails or panics.
    #[derive(Debug, Clone)]
    struct Memory {
        bytes: Vec<u8>,
        bad_from: u64,
        panics: bool,
    }

    impl StorageFile for Memory {
        fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
            if position + bytes.len() as u64 > self.bad_from {
                assert!(!self.panics, "the file panics");
                return Err(io::Error::other("the file fails"));
            }
            let rest = self.bytes.get(position as usize..).unwrap_or_default();
            let read = rest.len().min(bytes.len());
            bytes[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        }
        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn sync(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn try_lock_shared(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn try_lock_exclusive(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn unlock(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A segment with groups of these many bytes of frames, and what follows them.
    fn segment(lengths: &[usize], rest: &[u8]) -> Memory {
        let mut bytes = vec![0; BLOCK_BYTES];
        for (group, &length) in (1..).zip(lengths) {
            let position = bytes.len();
            bytes.resize(position + length + 2 * BLOCK_BYTES, group as u8);
            let stamp = GroupStamp {
                durability: 0,
                partition: 0,
                first_sequence: group,
                group,
                synced_group: group - 1,
                salt: SALT,
                position: position as u64,
                events: 1,
            };
            let group = &mut bytes[position..];
            let mut checksum = Checksum::new();
            checksum.update(&group[GROUP_HEADER_BYTES..][..length]);
            let padded = seal_group(group, length, checksum, &stamp);
            bytes.truncate(position + padded);
        }
        bytes.extend_from_slice(rest);
        Memory {
            bytes,
            bad_from: u64::MAX,
            panics: false,
        }
    }

    fn scanner(file: &Memory) -> GroupScanner {
        let header = SegmentHeader::new([0, 0], 0, 0).starting_at(SALT, 1, 1, 0);
        GroupScanner::new(Box::new(file.clone()), &header).unwrap()
    }

    /// Everything that a scanner says of a file: its groups with their frames, how they end, what
    /// follows, and the bytes from the end on read once more.
    fn all_of(mut scanner: GroupScanner) -> (Vec<(GroupHeader, Vec<u8>)>, String) {
        let mut groups = Vec::new();
        let end = loop {
            match scanner.step() {
                Ok(Scanned::Group(header)) => groups.push((header, scanner.frames().to_vec())),
                Ok(Scanned::None(finding)) => break format!("{finding:?}"),
                Err(error) => return (groups, error.to_string()),
            }
        };
        let (position, rest) = (scanner.position(), scanner.inspect_rest());
        let mut copied = Vec::new();
        let copy = scanner.copy_range(position, u64::MAX, |bytes| {
            copied.extend_from_slice(bytes);
            Ok(())
        });
        (groups, format!("{end} {rest:?} {copy:?} {copied:?}"))
    }

    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        let length = prop_oneof![
            3 => 0..20_000_usize,
            2 => 900_000..1_200_000_usize,
            1 => 1_200_000..5_000_000_usize,
        ];
        prop::collection::vec(length, 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn reading_ahead_finds_what_reading_on_demand_finds(
            lengths in lengths(),
            zeros in 0..3 * CHUNK_BYTES,
            debris in prop::collection::vec(any::<u8>(), 0..10_000),
        ) {
            let mut rest = vec![0; zeros];
            rest.extend(debris);
            let file = segment(&lengths, &rest);
            let (groups, end) = all_of(scanner(&file).reading_ahead());
            let (expected_groups, expected_end) = all_of(scanner(&file));
            prop_assert_eq!(groups.len(), lengths.len());
            prop_assert!(groups == expected_groups, "other groups");
            prop_assert!(end == expected_end, "another end");
        }
    }

    #[test]
    fn groups_in_front_of_what_cannot_be_read_are_found_and_then_the_error() {
        let lengths = [700_000; 8];
        for (panics, message) in [(false, "the file fails"), (true, "the file panics")] {
            let mut file = segment(&lengths, &[]);
            (file.bad_from, file.panics) = (3 * CHUNK_BYTES as u64 + 5_000, panics);
            let (groups, end) = all_of(scanner(&file).reading_ahead());
            assert_eq!(end, message);
            // What the chunks in front of it hold.
            assert!(groups.len() >= 3, "{} groups", groups.len());
            // And it stays one: it does not become the file's end.
            if !panics {
                let mut scanner = scanner(&file).reading_ahead();
                while matches!(scanner.step(), Ok(Scanned::Group(_))) {}
                assert!(scanner.step().is_err());
            }
        }
    }

    #[test]
    fn a_scanner_that_is_dropped_half_way_leaves_no_thread_behind() {
        let file = segment(&[500_000; 20], &[]);
        let mut scanner = scanner(&file).reading_ahead();
        assert!(matches!(scanner.step(), Ok(Scanned::Group(_))));
        let file = Arc::downgrade(&scanner.file);
        drop(scanner);
        assert!(file.upgrade().is_none(), "the thread still has the file");
    }
}
