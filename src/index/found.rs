//! The events that an index finds, each read from its place and compared.

use super::by;
use super::error::FindError;
use super::format::Entry;
use super::partition::{PartitionIndex, Rest};
use super::piece::{Kept, Lookup, Piece, Unusable};
use crate::EVENT_BYTES_MAX;
use crate::event::{EventMeta, Viewer};
use crate::journal::format::{Damage, FrameHeader, checksum};
use crate::journal::{Cursor, ReadError, RecordedEvent, read_segment_header};
use crate::snapshot::Tables;
use crate::storage::{AlignedBuffer, BLOCK_BYTES, OpenMode, StorageFile};

/// How many frames the operating system is told of at once.
const WINDOW: usize = 256;

/// The events of one partition with one number, in sequence order.
#[derive(Debug)]
pub struct Found<'i> {
    index: &'i PartitionIndex<'i>,
    number: u64,
    /// The pieces that are not done; the first one is being looked through.
    pieces: std::slice::Iter<'i, Piece>,
    piece: Option<Looking<'i>>,
    /// Reads the journal itself: what the index does not hold, or cannot be believed about.
    scan: Option<Cursor>,
    is_over: bool,
    /// Events below this sequence were yielded.
    from: u64,
    block: AlignedBuffer,
    /// The current event's frame.
    frame: AlignedBuffer,
    viewer: Viewer,
    current: Option<Current>,
}

/// A piece that is being looked through.
#[derive(Debug)]
struct Looking<'i> {
    piece: &'i Piece,
    lookup: Lookup<'i>,
    /// The segment, locked against being recycled.
    segment: Option<Box<dyn StorageFile>>,
    places: Vec<Entry>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    meta: EventMeta,
    kind: u16,
    version: u16,
    bytes: usize,
}

impl Current {
    fn event(self, frame: &[u8]) -> RecordedEvent<'_> {
        let body = FrameHeader::BYTES..FrameHeader::BYTES + self.bytes;
        RecordedEvent {
            meta: self.meta,
            kind: self.kind,
            version: self.version,
            body: frame.get(body).unwrap_or_default(),
        }
    }
}

impl<'i> Found<'i> {
    pub(super) fn new(index: &'i PartitionIndex<'_>, number: u64) -> Result<Self, ReadError> {
        Ok(Self {
            index,
            number,
            pieces: index.pieces.iter(),
            piece: None,
            scan: None,
            is_over: false,
            from: 1,
            block: AlignedBuffer::zeroed(BLOCK_BYTES),
            frame: AlignedBuffer::zeroed(FrameHeader::BYTES + EVENT_BYTES_MAX),
            viewer: Viewer::default(),
            current: None,
        })
    }

    /// The next event; `None` where there is no other one.
    ///
    /// # Errors
    ///
    /// [`FindError::Read`]: as [`Cursor::next_event`], where the journal itself is read.
    /// [`FindError::View`]: at an event that cannot be upcast.
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, FindError> {
        self.advance()?;
        Ok(self.event())
    }

    /// The event that was found last.
    pub(super) fn event(&self) -> Option<RecordedEvent<'_>> {
        Some(self.current?.event(&self.frame))
    }

    /// Moves to the next event.
    pub(super) fn advance(&mut self) -> Result<(), FindError> {
        self.current = None;
        while self.current.is_none() && !self.is_over {
            if self.scan.is_some() {
                self.read_on()?;
            } else if let Err(unusable) = self.look_up() {
                self.distrust(&unusable)?;
            }
        }
        if let Some(current) = &self.current {
            self.from = current.meta.sequence + 1;
        }
        Ok(())
    }

    /// One step through the pieces.
    fn look_up(&mut self) -> Result<(), Unusable> {
        let storage = &**self.index.reader.storage();
        let Some(looking) = &mut self.piece else {
            match (self.pieces.next(), self.index.rest) {
                (Some(piece), _) => {
                    self.piece = Some(Looking {
                        piece,
                        lookup: piece.find(self.number),
                        segment: None,
                        places: Vec::new(),
                        next: 0,
                    });
                }
                (None, Rest::Nothing) => self.is_over = true,
                (None, Rest::Behind(_)) => return Err(Unusable::Missing),
            }
            return Ok(());
        };
        let Some(entry) = looking.places.get(looking.next).copied() else {
            looking.places.clear();
            looking.next = 0;
            let is_more =
                looking
                    .lookup
                    .next_block(storage, &mut self.block, &mut looking.places)?;
            if !is_more {
                self.piece = None;
            }
            return Ok(());
        };
        let sequence = looking.piece.stretch.start.sequence + u64::from(entry.sequence);
        if sequence < self.from {
            looking.next += 1;
            return Ok(());
        }
        let segment = match looking.segment.take() {
            Some(segment) => segment,
            None => open_segment(self.index, looking.piece)?,
        };
        if looking.next.is_multiple_of(WINDOW) {
            for soon in looking.places.iter().skip(looking.next).take(WINDOW) {
                segment.will_need(soon.byte(), u64::from(soon.length));
            }
        }
        let current = read_frame(self.index, &*segment, &entry, sequence, &mut self.frame)?;
        let event = current.event(&self.frame);
        match self.index.by.number(&event, &mut self.viewer) {
            Ok(by::Found::Number(number)) if number == self.number => {}
            Ok(_) => return Err(Damage::Misplaced("an event with another number").into()),
            // The index is right: whoever reads the journal says what is wrong with the upcaster.
            Err(_) => return Err(Unusable::Missing),
        }
        self.current = Some(current);
        if let Some(looking) = &mut self.piece {
            looking.segment = Some(segment);
            looking.next += 1;
        }
        Ok(())
    }

    /// Goes over to the journal itself, in front of the piece that cannot be used.
    fn distrust(&mut self, unusable: &Unusable) -> Result<(), ReadError> {
        let after = match (&self.piece, self.index.rest) {
            (Some(looking), _) => {
                self.report(looking.piece, unusable);
                Some(looking.piece.stretch.start)
            }
            (None, Rest::Behind(after)) => after,
            (None, Rest::Nothing) => None,
        };
        let partition = self.index.partition;
        let reader = self.index.reader;
        let mut scan = reader.cursor_behind(partition, after, Tables::default())?;
        scan.skip_to(self.from);
        self.scan = Some(scan);
        Ok(())
    }

    fn report(&self, piece: &Piece, unusable: &Unusable) {
        let Kept::File(file) = &piece.kept else {
            return;
        };
        if let Unusable::Damage(_) = unusable {
            tracing::warn!(
                file = %file.path().display(), %unusable,
                "an index does not match the journal, which is read instead"
            );
            // So that the next who opens it builds it anew; where it cannot be removed, it says the
            // same again.
            let _ = self.index.reader.storage().remove(file.path());
        }
    }

    /// Reads the journal up to the next event with the number.
    fn read_on(&mut self) -> Result<(), FindError> {
        let Some(scan) = &mut self.scan else {
            return Ok(());
        };
        while let Some(event) = scan.next_event()? {
            let found = self.index.by.number(&event, &mut self.viewer);
            match found.map_err(|source| FindError::view(&event, source))? {
                by::Found::Number(number) if number == self.number => {}
                _ => continue,
            }
            let bytes = event.body.len();
            self.frame[FrameHeader::BYTES..FrameHeader::BYTES + bytes].copy_from_slice(event.body);
            self.current = Some(Current {
                meta: event.meta,
                kind: event.kind,
                version: event.version,
                bytes,
            });
            return Ok(());
        }
        self.is_over = true;
        Ok(())
    }
}

/// The segment that a piece is about, if it is still the same.
fn open_segment(
    index: &PartitionIndex<'_>,
    piece: &Piece,
) -> Result<Box<dyn StorageFile>, Unusable> {
    let first_group = piece.stretch.start.segment_first_group;
    let segment = index
        .segments
        .iter()
        .find(|segment| segment.first_group == first_group)
        .ok_or(Unusable::Missing)?;
    let path = index
        .reader
        .partition_dir(index.partition)
        .join(&segment.name);
    let file = index.reader.storage().open(&path, OpenMode::Read)?;
    // As in `History`: while it is shared it is not recycled under us.
    let is_ours = file.try_lock_shared()?;
    match read_segment_header(&*file)? {
        Ok(header) if is_ours && header.salt == piece.stretch.salt => Ok(file),
        // Retired, or replaced by an opening, since the index was opened.
        _ => Err(Unusable::Missing),
    }
}

/// Reads the frame that an entry speaks of, and compares it.
fn read_frame(
    index: &PartitionIndex<'_>,
    segment: &dyn StorageFile,
    entry: &Entry,
    sequence: u64,
    buffer: &mut AlignedBuffer,
) -> Result<Current, Unusable> {
    let length = entry.length as usize;
    let frame = buffer
        .get_mut(..length)
        .ok_or(Damage::OutOfRange("frame length"))?;
    let read = segment.read_at(frame, entry.byte())?;
    if read < length {
        return Err(Damage::Short.into());
    }
    if checksum(frame) != entry.checksum {
        return Err(Damage::Checksum.into());
    }
    let header = FrameHeader::read(frame)?;
    let bytes = header.length as usize;
    if FrameHeader::BYTES + bytes != length || header.is_control() {
        return Err(Damage::OutOfRange("frame length").into());
    }
    Ok(Current {
        meta: header.meta(index.partition, sequence),
        kind: header.kind,
        version: header.version,
        bytes,
    })
}
