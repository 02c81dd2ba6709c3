//! The disk: a directory for journals, and the bare disk beside the engine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};

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
