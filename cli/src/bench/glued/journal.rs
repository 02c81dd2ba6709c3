//! A file behind a `BufWriter`, synced with `fdatasync`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags, SeekFrom};

use super::super::disk::{BareFile, Method};

const BUFFER_BYTES: usize = 1024 * 1024;

/// A file that is written from its start, and was written before.
#[derive(Debug)]
pub(super) struct Journal {
    file: BufWriter<Fd>,
    uncommitted: usize,
}

#[derive(Debug)]
struct Fd(OwnedFd);

impl Write for Fd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Journal {
    /// Writes every byte of a file of `bytes` once.
    pub(super) fn prepare(path: &Path, bytes: u64) -> Result<()> {
        BareFile::written_once(path, Method::Synced, BUFFER_BYTES, bytes)?;
        Ok(())
    }

    /// Opens a prepared file at its start.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        fs::seek(&file, SeekFrom::Start(0))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, Fd(file)),
            uncommitted: 0,
        })
    }

    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.uncommitted += bytes.len();
        self.file.write_all(bytes)
    }

    /// Whether so much is there that waiting for more gains nothing.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.uncommitted >= BUFFER_BYTES
    }

    /// Makes durable what was appended.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        self.uncommitted = 0;
        self.file.flush()?;
        Ok(fs::fdatasync(&self.file.get_ref().0)?)
    }
}
