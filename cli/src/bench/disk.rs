//! The disk without an engine: files that are written durably, as plainly as can be.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags};

/// What direct writes are aligned to: fits the sectors of every common device.
pub(super) const ALIGNMENT: usize = 4096;

/// rustix 1.1 calls `O_SYNC` by this name, which makes a file's times durable as well: the limit must
/// not be held down by that.
const DSYNC: OFlags = OFlags::from_bits_retain(libc::O_DSYNC.cast_unsigned());

/// How a write becomes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// `O_DIRECT|O_DSYNC`: past the page cache, durable when the write returns.
    Direct,
    /// `write`, then `fdatasync`, where the file system cannot do direct writes.
    Synced,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "O_DIRECT|O_DSYNC",
            Self::Synced => "write + fdatasync",
        }
    }

    /// What the file system in `directory` can do.
    pub(super) fn found(directory: &Path) -> Result<Self> {
        let path = directory.join("probe");
        let probed = BareFile::create(&path, Self::Direct, ALIGNMENT).and_then(|mut file| {
            file.write()?;
            Ok(Self::Direct)
        });
        let _ = fs::unlink(&path);
        match probed {
            Ok(method) => Ok(method),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Self::Synced),
            Err(error) => {
                Err(error).with_context(|| format!("cannot write to {}", directory.display()))
            }
        }
    }
}

/// A file that is written durably, so many bytes at a time, from its start to its end.
#[derive(Debug)]
pub(super) struct BareFile {
    file: OwnedFd,
    method: Method,
    buffer: Vec<u8>,
    start: usize,
    write_bytes: usize,
    position: u64,
}

impl BareFile {
    /// An empty file; what was there is gone.
    pub(super) fn create(path: &Path, method: Method, write_bytes: usize) -> io::Result<Self> {
        let mut flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        if method == Method::Direct {
            flags |= OFlags::DIRECT | DSYNC;
        }
        let file = fs::open(path, flags, Mode::from_raw_mode(0o644))?;
        let buffer = vec![0x5a; write_bytes + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT);
        Ok(Self {
            file,
            method,
            buffer,
            start,
            write_bytes,
            position: 0,
        })
    }

    /// A file of `file_bytes`, each of which was written once: overwriting them needs nothing of
    /// the file system but the data's own blocks.
    pub(super) fn written_once(
        path: &Path,
        method: Method,
        write_bytes: usize,
        file_bytes: u64,
    ) -> io::Result<Self> {
        let mut file = Self::create(path, method, write_bytes.max(1 << 20))?;
        while file.position < file_bytes {
            file.write()?;
        }
        file.write_bytes = write_bytes;
        file.position = 0;
        Ok(file)
    }

    /// From now on so many bytes at a time: at most as many as it was created for.
    pub(super) fn set_write_bytes(&mut self, write_bytes: usize) {
        self.write_bytes = write_bytes;
        self.position = 0;
    }

    /// The next durable write.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let bytes = &self.buffer[self.start..self.start + self.write_bytes];
        let written = rustix::io::pwrite(&self.file, bytes, self.position)?;
        if written != self.write_bytes {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if self.method == Method::Synced {
            fs::fdatasync(&self.file)?;
        }
        self.position += written as u64;
        Ok(())
    }

    /// As [`write`](Self::write), from the start again behind the first `file_bytes`.
    pub(super) fn overwrite(&mut self, file_bytes: u64) -> io::Result<()> {
        if self.position + self.write_bytes as u64 > file_bytes {
            self.position = 0;
        }
        self.write()
    }
}

/// What the disk overwrites a second, roughly.
pub(super) fn bytes_per_second(directory: &Path, method: Method) -> Result<f64> {
    const PROBE_BYTES: u64 = 32 << 20;
    let path = directory.join("probe");
    let mut file = BareFile::written_once(&path, method, 1 << 20, PROBE_BYTES)?;
    let started = crate::clock::now();
    for _ in 0..PROBE_BYTES >> 20 {
        file.write()?;
    }
    let seconds = started.elapsed().as_secs_f64();
    fs::unlink(&path)?;
    Ok(PROBE_BYTES as f64 / seconds)
}

/// Whether the file system in `directory` is in memory, so that nothing on it is durable.
pub(super) fn is_volatile(directory: &Path) -> Result<bool> {
    use ringlog::storage::{Files, Storage};
    Ok(Files.is_volatile(directory)?)
}

/// Bytes that are free for this user.
pub(super) fn free_bytes(directory: &Path) -> Result<u64> {
    let found = fs::statvfs(directory)
        .with_context(|| format!("cannot look at the disk of {}", directory.display()))?;
    Ok(found.f_bavail * found.f_frsize)
}
