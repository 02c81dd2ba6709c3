//! What the benches share: a small event, a state that does next to nothing, and the bare disk.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each bench is a crate and uses its own part"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringlog::{EventMeta, Pipeline, State, events, rkyv};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};

/// 32 bytes, so that a frame has 80.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Moved {
    pub player: u64,
    pub at_ms: i64,
    pub x: f64,
    pub y: f64,
}

events! {
    /// What happens in the benches.
    #[derive(Debug, Clone, Copy)]
    pub enum BenchEvent, view BenchView {
        Moved(Moved) = 1, "bench.moved", version 1, key player, time at_ms;
    }
}

pub fn moved(player: u64) -> BenchEvent {
    Moved {
        player,
        at_ms: 1_700_000_000_000,
        x: 1.0,
        y: 2.0,
    }
    .into()
}

/// Adds up, so that nothing is optimized away.
#[derive(Debug, Default)]
pub struct Sum(f64);

impl State for Sum {
    type Event = BenchEvent;

    fn apply(&mut self, event: BenchView<'_>, _: &EventMeta) {
        let BenchView::Moved(moved) = event;
        self.0 += moved.x.to_native() + moved.y.to_native();
    }
}

/// A directory below `target`, on the disk that the build is on, removed when dropped.
#[derive(Debug)]
pub struct BenchDir(tempfile::TempDir);

impl BenchDir {
    pub fn new() -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Self(tempfile::tempdir_in(parent).expect("target is writable"))
    }

    pub fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    pub fn bare_file(&self) -> PathBuf {
        self.0.path().join("bare")
    }
}

/// Opens a pipeline of one partition in `directory`.
pub fn open(directory: &BenchDir) -> Pipeline<Sum> {
    Pipeline::<Sum>::builder(directory.journal())
        .open(|_| Sum::default())
        .expect("the pipeline opens")
}

pub const ALIGNMENT: usize = 4096;

/// The disk without an engine: durable direct overwrites of a file that was written once.
#[derive(Debug)]
pub struct BareFile {
    file: OwnedFd,
    buffer: Vec<u8>,
    start: usize,
    write_bytes: usize,
    file_bytes: u64,
    position: u64,
}

impl BareFile {
    /// A file of `file_bytes`, overwritten `write_bytes` at a time, from its start to its end and
    /// over again.
    pub fn new(directory: &BenchDir, file_bytes: u64, write_bytes: usize) -> Self {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::DSYNC;
        let mode = Mode::from_raw_mode(0o644);
        let path = directory.bare_file();
        let file = rustix::fs::open(&path, flags | OFlags::DIRECT, mode)
            .expect("the disk can do direct I/O");
        let buffer = vec![1; write_bytes + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT);
        let mut bare = Self {
            file,
            buffer,
            start,
            write_bytes,
            file_bytes,
            position: 0,
        };
        while bare.position < file_bytes {
            bare.write();
        }
        bare
    }

    /// One durable write; how long it took.
    pub fn overwrite(&mut self) -> Duration {
        if self.position + self.write_bytes as u64 > self.file_bytes {
            self.position = 0;
        }
        let start = Instant::now();
        self.write();
        start.elapsed()
    }

    fn write(&mut self) {
        let bytes = &self.buffer[self.start..self.start + self.write_bytes];
        let written = rustix::io::pwrite(&self.file, bytes, self.position).expect("it writes");
        assert_eq!(written, self.write_bytes);
        self.position += written as u64;
    }
}

/// The middle one.
pub fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("comparable"));
    values[values.len() / 2]
}
