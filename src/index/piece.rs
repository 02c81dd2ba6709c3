//! One piece of an index: the entries of a stretch of one segment, in a file or in memory.

use std::io;
use std::path::{Path, PathBuf};

use super::format::{BLOCK_ENTRIES, Entry, Header, Stretch, file_name, read_block, seal_block};
use crate::journal::format::{Damage, checksum};
use crate::storage::{AlignedBuffer, BLOCK_BYTES, OpenMode, Storage, StorageFile};

/// How much is written at once.
const CHUNK_BLOCKS: usize = 256;

/// The entries of one stretch.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) stretch: Stretch,
    /// Events in it of types that the program does not know. None are in a file.
    pub(super) unknown: u64,
    pub(super) kept: Kept,
}

/// Where the entries are.
#[derive(Debug)]
pub(super) enum Kept {
    File(PieceFile),
    /// In their order.
    Memory(Vec<Entry>),
}

/// An index's file, as far as it is in memory.
#[derive(Debug)]
pub(super) struct PieceFile {
    path: PathBuf,
    header: Header,
    /// The first number of each block.
    fences: Vec<u64>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Damage(#[from] Damage),
    /// It is not there, or no longer what it was.
    #[error("it is gone")]
    Missing,
}

impl Piece {
    pub(super) fn entries(&self) -> u64 {
        match &self.kept {
            Kept::File(file) => file.header.entries,
            Kept::Memory(entries) => entries.len() as u64,
        }
    }

    /// Whether it is about the same bytes of the same journal, at least as far as `self`.
    fn is_for(&self, asked: &Stretch) -> bool {
        let Stretch { end, .. } = self.stretch;
        Stretch { end, ..*asked } == self.stretch
    }

    /// The piece that starts where `asked` does, as the file in `directory` has it.
    pub(super) fn load(
        storage: &dyn Storage,
        directory: &Path,
        asked: &Stretch,
    ) -> Result<Self, Unusable> {
        let path = directory.join(file_name(asked));
        let file = storage.open(&path, OpenMode::Read)?;
        let header = read_header(&*file)?;
        let blocks = header.blocks();
        let mut fences = vec![0_u64; usize::try_from(blocks).map_err(|_| Damage::Short)?];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut fences);
        let read = file.read_at(bytes, (blocks + 1) * BLOCK_BYTES as u64)?;
        if read < bytes.len() {
            return Err(Damage::Short.into());
        }
        if checksum(bytes) != header.fences_checksum {
            return Err(Damage::Checksum.into());
        }
        let piece = Self {
            stretch: Stretch {
                journal_id: header.journal_id,
                partition: header.partition,
                definition: header.definition,
                salt: header.salt,
                start: header.start(),
                end: header.end(),
            },
            unknown: 0,
            kept: Kept::File(PieceFile {
                path,
                header,
                fences,
            }),
        };
        match piece.is_for(asked) {
            true => Ok(piece),
            false => Err(Damage::Misplaced("another index's file").into()),
        }
    }

    /// Writes `entries`, which are in their order, as the file of `stretch`: under `temporary` first.
    pub(super) fn store(
        storage: &dyn Storage,
        directory: &Path,
        temporary: &Path,
        stretch: &Stretch,
        entries: &[Entry],
    ) -> io::Result<Self> {
        let build = storage.random()?;
        let mut header = Header::new(stretch, build, entries.len() as u64);
        let fences: Vec<u64> = entries
            .chunks(BLOCK_ENTRIES)
            .filter_map(|block| block.first())
            .map(|entry| entry.number)
            .collect();
        header.fences_checksum = checksum(bytemuck::cast_slice(&fences));
        let file = storage.open(temporary, OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        file.write_at(&header.seal(), 0)?;
        let mut chunk = vec![0; CHUNK_BLOCKS.min(fences.len()) * BLOCK_BYTES];
        let mut position = BLOCK_BYTES as u64;
        let mut number = 0;
        for entries in entries.chunks(CHUNK_BLOCKS * BLOCK_ENTRIES) {
            let mut bytes = 0;
            for (block, entries) in chunk
                .chunks_mut(BLOCK_BYTES)
                .zip(entries.chunks(BLOCK_ENTRIES))
            {
                seal_block(block, number, build, entries);
                number += 1;
                bytes += BLOCK_BYTES;
            }
            file.write_at(&chunk[..bytes], position)?;
            position += bytes as u64;
        }
        file.write_at(bytemuck::cast_slice(&fences), position)?;
        file.sync()?;
        let path = directory.join(file_name(stretch));
        storage.rename(temporary, &path)?;
        storage.sync_dir(directory)?;
        Ok(Self {
            stretch: *stretch,
            unknown: 0,
            kept: Kept::File(PieceFile {
                path,
                header,
                fences,
            }),
        })
    }

    /// The entries of `number`, block by block.
    pub(super) fn find(&self, number: u64) -> Lookup<'_> {
        let next = match &self.kept {
            // The block in front of the first one that starts with the number may end with it.
            Kept::File(file) => file
                .fences
                .partition_point(|fence| *fence < number)
                .saturating_sub(1),
            Kept::Memory(_) => 0,
        };
        Lookup {
            piece: self,
            number,
            next,
            file: None,
        }
    }

    /// All entries of the piece.
    pub(super) fn read_all(&self, storage: &dyn Storage) -> Result<Vec<Entry>, Unusable> {
        match &self.kept {
            Kept::Memory(entries) => Ok(entries.clone()),
            Kept::File(kept) => {
                let file = kept.open(storage)?;
                let mut block = AlignedBuffer::zeroed(BLOCK_BYTES);
                let mut entries = Vec::new();
                for number in 0..kept.header.blocks() {
                    entries.extend_from_slice(kept.block(&*file, number, &mut block)?);
                }
                Ok(entries)
            }
        }
    }
}

impl PieceFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it is still the one that was loaded.
    fn open(&self, storage: &dyn Storage) -> Result<Box<dyn StorageFile>, Unusable> {
        let file = storage.open(&self.path, OpenMode::Read)?;
        let header = read_header(&*file)?;
        match header.build == self.header.build {
            true => Ok(file),
            // Somebody else has made a longer one since.
            false => Err(Unusable::Missing),
        }
    }

    fn block<'b>(
        &self,
        file: &dyn StorageFile,
        number: u64,
        block: &'b mut AlignedBuffer,
    ) -> Result<&'b [Entry], Unusable> {
        let read = file.read_at(block, (number + 1) * BLOCK_BYTES as u64)?;
        let block = block.get(..read).unwrap_or_default();
        let entries = read_block(block, number, &self.header)?;
        let fence = usize::try_from(number)
            .ok()
            .and_then(|number| self.fences.get(number));
        if entries.first().map(|entry| &entry.number) != fence {
            return Err(Damage::Misplaced("another block").into());
        }
        Ok(entries)
    }
}

/// Goes through the entries of one number in a piece.
#[derive(Debug)]
pub(super) struct Lookup<'p> {
    piece: &'p Piece,
    number: u64,
    /// The next block.
    next: usize,
    file: Option<Box<dyn StorageFile>>,
}

impl Lookup<'_> {
    /// Appends the number's entries in the next block; `false` where no more follow.
    pub(super) fn next_block(
        &mut self,
        storage: &dyn Storage,
        block: &mut AlignedBuffer,
        entries: &mut Vec<Entry>,
    ) -> Result<bool, Unusable> {
        let kept = match &self.piece.kept {
            Kept::Memory(all) => {
                let is_first = self.next == 0;
                self.next = 1;
                if is_first {
                    entries.extend(of_number(all, self.number));
                }
                return Ok(is_first);
            }
            Kept::File(kept) => kept,
        };
        let fence = kept.fences.get(self.next);
        if fence.is_none_or(|fence| *fence > self.number) {
            return Ok(false);
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => kept.open(storage)?,
        };
        let found = kept.block(&*file, self.next as u64, block)?;
        entries.extend(of_number(found, self.number));
        self.file = Some(file);
        self.next += 1;
        Ok(true)
    }
}

/// The entries of `number` among sorted ones.
fn of_number(entries: &[Entry], number: u64) -> &[Entry] {
    let start = entries.partition_point(|entry| entry.number < number);
    let end = entries.partition_point(|entry| entry.number <= number);
    entries.get(start..end).unwrap_or_default()
}

fn read_header(file: &dyn StorageFile) -> Result<Header, Unusable> {
    let mut block = AlignedBuffer::zeroed(BLOCK_BYTES);
    let read = file.read_at(&mut block, 0)?;
    Ok(Header::read(block.get(..read).unwrap_or_default())?)
}
