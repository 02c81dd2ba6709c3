//! Cuts a stream of bytes into blocks of whole, numbered lines. Memory is bounded.

use std::io::{self, ErrorKind, Read};

/// A line may be this long; a longer one is malformed. Far above what an archive may be, so that
/// only lines are cut off that could not be events anyway.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much of a line that is too long is kept, for the person who looks for it.
const LINE_BYTES_KEPT: usize = 64 * 1024;
/// What is asked of the input at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Some lines that follow one another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The number of the first one, from 1.
    pub(super) first_line: u64,
    /// The lines with their ends; the very last line of an input may have none.
    pub(super) bytes: Vec<u8>,
    /// How many bytes of the input this is: more than `bytes` where a line was cut off.
    pub(super) input_bytes: u64,
    /// This block is the beginning of one line that is too long.
    pub(super) is_cut_off: bool,
}

/// Reads blocks from an input.
#[derive(Debug)]
pub(super) struct Blocks<R> {
    input: R,
    /// The beginning of a line whose end has not been read yet.
    carry: Vec<u8>,
    next_line: u64,
    line_bytes_max: usize,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            carry: Vec::new(),
            next_line: 1,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }

    /// The next block; `None` at the end of the input. It never waits for more input while it has
    /// a whole line: a slow writer at the other end of a pipe is followed line by line.
    pub(super) fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            if self.carry.len() > self.line_bytes_max {
                return self.cut_off().map(Some);
            }
            let start = self.carry.len();
            let is_at_end = self.read_more()? == 0;
            if is_at_end {
                let last = std::mem::take(&mut self.carry);
                return Ok((!last.is_empty()).then(|| self.block(last)));
            }
            let line_end = self
                .carry
                .get(start..)
                .and_then(|new| new.iter().rposition(|&byte| byte == b'\n'));
            if let Some(line_end) = line_end {
                let rest = self.carry.split_off(start + line_end + 1);
                let whole = std::mem::replace(&mut self.carry, rest);
                return Ok(Some(self.block(whole)));
            }
        }
    }

    fn block(&mut self, bytes: Vec<u8>) -> Block {
        let first_line = self.next_line;
        self.next_line += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Block {
            first_line,
            input_bytes: bytes.len() as u64,
            bytes,
            is_cut_off: false,
        }
    }

    /// Appends what one read gives to `carry`.
    fn read_more(&mut self) -> io::Result<usize> {
        let start = self.carry.len();
        self.carry.resize(start + BLOCK_BYTES, 0);
        let read = loop {
            match self
                .input
                .read(self.carry.get_mut(start..).unwrap_or_default())
            {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.carry
            .truncate(start + read.as_ref().map_or(0, |read| *read));
        read
    }

    /// Gives up the line in `carry`, and reads past its end.
    fn cut_off(&mut self) -> io::Result<Block> {
        let mut beginning = std::mem::take(&mut self.carry);
        let mut input_bytes = beginning.len() as u64;
        beginning.truncate(LINE_BYTES_KEPT);
        loop {
            self.carry.clear();
            let read = self.read_more()?;
            let line_end = self.carry.iter().position(|&byte| byte == b'\n');
            if let Some(line_end) = line_end {
                input_bytes += line_end as u64 + 1;
                self.carry.drain(..=line_end);
                break;
            }
            input_bytes += read as u64;
            if read == 0 {
                break;
            }
        }
        let first_line = self.next_line;
        self.next_line += 1;
        Ok(Block {
            first_line,
            bytes: beginning,
            input_bytes,
            is_cut_off: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one piece a read.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn blocks(pieces: &[&'static [u8]], line_bytes_max: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut blocks = Blocks {
            line_bytes_max,
            ..Blocks::new(Pieces(pieces.to_vec()))
        };
        let mut all = Vec::new();
        let mut input_bytes = 0;
        while let Some(block) = blocks.next_block().unwrap() {
            input_bytes += block.input_bytes;
            all.push((block.first_line, block.bytes, block.is_cut_off));
        }
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert_eq!(input_bytes, total as u64);
        all
    }

    #[test]
    fn lines_are_handed_over_as_soon_as_they_are_whole() {
        assert_eq!(
            blocks(&[b"a\nb", b"c\n\nd\ne", b"f"], 100),
            [
                (1, b"a\n".to_vec(), false),
                (2, b"bc\n\nd\n".to_vec(), false),
                (5, b"ef".to_vec(), false),
            ]
        );
        assert_eq!(blocks(&[], 100), []);
        assert_eq!(blocks(&[b"\n"], 100), [(1, b"\n".to_vec(), false)]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_off_and_counted() {
        assert_eq!(
            blocks(&[b"a\nbbb", b"bbb", b"bb\nc\n", b"d\n"], 4),
            [
                (1, b"a\n".to_vec(), false),
                (2, b"bbbbbb".to_vec(), true),
                (3, b"c\nd\n".to_vec(), false),
            ]
        );
        assert_eq!(
            blocks(&[b"aaa", b"aaa", b"aaa"], 4),
            [(1, b"aaaaaa".to_vec(), true)]
        );
    }
}
