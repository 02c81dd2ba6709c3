//! Reads and parses on threads of their own, and hands the lines over in order.
//!
//! Parsing costs several times what the engine costs, so it gets every CPU. Blocks go to the
//! parsing threads in turn and come back in turn, so that their order needs no further care.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context, bail};

use super::lines::{Block, Blocks, LINE_BYTES_MAX};
use crate::Domain;

/// Blocks that wait in front of a parsing thread, and behind it.
const BLOCKS_WAITING: usize = 2;
/// More threads than this would only wait for the one that publishes.
const THREADS_MAX: usize = 8;

/// The lines of one block, parsed. Blank lines are left out.
#[derive(Debug)]
pub(super) struct Batch<E> {
    pub(super) lines: Vec<Line<E>>,
    pub(super) input_bytes: u64,
    bytes: Vec<u8>,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line<E> {
    pub(super) number: u64,
    pub(super) place: Range<usize>,
    /// The event, or why the line is malformed.
    pub(super) parsed: Result<E, String>,
}

impl<E> Batch<E> {
    /// The text at the `place` of a line.
    pub(super) fn text(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or_default()
    }
}

/// What goes around: the end is said, so that a thread that died is not taken for it.
enum Piece<T> {
    Next(T),
    End,
    Failed(io::Error),
}

/// The parsed lines of an input.
#[derive(Debug)]
pub(super) struct ParsedLines<D: Domain> {
    lanes: Vec<Receiver<Piece<Batch<D::Event>>>>,
    turn: usize,
}

impl<D: Domain> ParsedLines<D> {
    /// Starts reading and parsing `input`.
    pub(super) fn start(input: Box<dyn Read + Send>) -> anyhow::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, |count| count.get());
        let (mut blocks, mut lanes) = (Vec::new(), Vec::new());
        for lane in 0..threads.min(THREADS_MAX) {
            let (to_parser, from_reader) = sync_channel(BLOCKS_WAITING);
            let (to_feed, from_parser) = sync_channel(BLOCKS_WAITING);
            // Not joined: an input that never ends must not keep a run from ending with an error.
            thread::Builder::new()
                .name(format!("parse-{lane}"))
                .spawn(move || parse_blocks::<D>(&from_reader, &to_feed))
                .context("cannot start a parsing thread")?;
            blocks.push(to_parser);
            lanes.push(from_parser);
        }
        thread::Builder::new()
            .name("read".to_owned())
            .spawn(move || read_blocks(input, &blocks))
            .context("cannot start the reading thread")?;
        Ok(Self { lanes, turn: 0 })
    }

    /// The next lines; `None` at the end of the input.
    pub(super) fn next_batch(&mut self) -> anyhow::Result<Option<Batch<D::Event>>> {
        let lane = self.lanes.get(self.turn % self.lanes.len().max(1));
        self.turn += 1;
        match lane.map(Receiver::recv) {
            Some(Ok(Piece::Next(batch))) => Ok(Some(batch)),
            Some(Ok(Piece::End)) => Ok(None),
            Some(Ok(Piece::Failed(error))) => Err(error.into()),
            Some(Err(_)) | None => bail!("the thread that parses has stopped: see above"),
        }
    }
}

/// Reads blocks and deals them out. Ends early when nobody takes them any more.
fn read_blocks(input: Box<dyn Read + Send>, lanes: &[SyncSender<Piece<Block>>]) {
    let mut blocks = Blocks::new(input);
    for lane in lanes.iter().cycle() {
        let (piece, is_last) = match blocks.next_block() {
            Ok(Some(block)) => (Piece::Next(block), false),
            Ok(None) => (Piece::End, true),
            Err(error) => (Piece::Failed(error), true),
        };
        if lane.send(piece).is_err() || is_last {
            return;
        }
    }
}

fn parse_blocks<D: Domain>(
    blocks: &Receiver<Piece<Block>>,
    batches: &SyncSender<Piece<Batch<D::Event>>>,
) {
    for piece in blocks {
        let parsed = match piece {
            Piece::Next(block) => Piece::Next(parse::<D>(block)),
            Piece::End => Piece::End,
            Piece::Failed(error) => Piece::Failed(error),
        };
        if batches.send(parsed).is_err() {
            return;
        }
    }
}

fn parse<D: Domain>(block: Block) -> Batch<D::Event> {
    let Block {
        first_line,
        bytes,
        input_bytes,
        is_cut_off,
    } = block;
    let mut lines = Vec::new();
    if is_cut_off {
        let reason = format!(
            "the line is longer than {LINE_BYTES_MAX} bytes; only its beginning is kept here"
        );
        lines.push(Line {
            number: first_line,
            place: 0..bytes.len(),
            parsed: Err(reason),
        });
    } else {
        let mut start = 0;
        for (number, line) in (first_line..).zip(bytes.split(|&byte| byte == b'\n')) {
            let place = start..start + line.len();
            start = place.end + 1;
            if !line.trim_ascii().is_empty() {
                lines.push(Line {
                    number,
                    place,
                    parsed: D::parse(line),
                });
            }
        }
    }
    Batch {
        lines,
        input_bytes,
        bytes,
    }
}
