//! An open simulated file.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::contents::SECTOR_BYTES;
use super::disk::{Machine, SimDisk};
use super::{Effect, Operation};
use crate::canary::{Canary, is_planted};
use crate::storage::whole::{Attempt, read_whole, write_whole};
use crate::storage::{BLOCK_BYTES, OpenMode, StorageFile};
use crate::sync::{self, AtomicBool, Ordering};

/// Which file, and which of its handles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handle {
    pub(super) file: u64,
    pub(super) handle: u64,
}

/// One handle of one life of the machine.
#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    handle: Handle,
    path: PathBuf,
    mode: OpenMode,
    /// Direct I/O takes whole blocks only.
    is_direct: AtomicBool,
}

impl SimFile {
    pub(super) fn new(disk: SimDisk, handle: Handle, path: PathBuf, mode: OpenMode) -> Self {
        let is_direct = matches!(mode, OpenMode::WriteDurable | OpenMode::ReadUncached);
        Self {
            disk,
            handle,
            path,
            mode,
            is_direct: AtomicBool::new(is_direct),
        }
    }

    fn call<T>(
        &self,
        operation: Operation,
        body: impl FnOnce(&mut Machine, Option<Effect>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.disk.call(operation, &self.path, body)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        Ok(self.call(Operation::Lock, |machine, _| {
            let file = machine.file(self.handle.file)?;
            Ok(file.try_lock(self.handle.handle, exclusive))
        })?)
    }

    /// Writes as much as `effect` lets through; returns what the call returns.
    fn write(
        &self,
        machine: &mut Machine,
        effect: Option<Effect>,
        bytes: &[u8],
        position: usize,
    ) -> Result<usize, Errno> {
        let written = match effect {
            Some(Effect::ShortWrite | Effect::TornWrite(_) | Effect::CrashPartway) => {
                part_of(machine, bytes.len())
            }
            _ => bytes.len(),
        };
        machine.check_room(self.handle.file, position + written)?;
        let (target, at) = match effect {
            Some(Effect::Misdirected) => elsewhere(machine, self.handle.file, position),
            _ => (self.handle.file, position),
        };
        let mut flipped;
        let mut bytes = &bytes[..written];
        if effect == Some(Effect::FlippedBit) {
            flipped = bytes.to_vec();
            flip(machine, &mut flipped);
            bytes = &flipped;
        }
        let skipped = match effect {
            // The device keeps a stale part, in whole sectors.
            Some(Effect::Stale) => machine.random.index(written.div_ceil(SECTOR_BYTES)),
            _ => usize::MAX,
        };
        let is_durable = self.mode == OpenMode::WriteDurable
            && !is_planted(Canary::DataNotSynced)
            && !matches!(
                effect,
                Some(
                    Effect::Crash
                        | Effect::CrashPartway
                        | Effect::TornWrite(_)
                        | Effect::FailedSync(_)
                )
            );
        let contents = &mut machine.file(target)?.contents;
        let mut write = |bytes: &[u8], at| match is_durable {
            true => contents.write_durable(bytes, at),
            false => contents.write(bytes, at),
        };
        if skipped == usize::MAX {
            write(bytes, at);
        } else {
            let (start, end) = (
                skipped * SECTOR_BYTES,
                ((skipped + 1) * SECTOR_BYTES).min(written),
            );
            write(&bytes[..start], at);
            write(&bytes[end..], at + end);
        }
        match effect {
            Some(Effect::TornWrite(error)) => Err(Errno::from_raw_os_error(error)),
            Some(Effect::FailedSync(failure)) if self.mode == OpenMode::WriteDurable => {
                let Machine { files, random, .. } = machine;
                if let Some(file) = files.get_mut(&target) {
                    file.contents.fail_sync(failure, random);
                }
                Err(Errno::IO)
            }
            Some(Effect::FailedSync(_)) => Err(Errno::IO),
            _ => Ok(written),
        }
    }
}

impl Attempt for SimFile {
    fn pread(&self, bytes: &mut [u8], position: u64) -> Result<usize, Errno> {
        let position = place(position)?;
        self.call(Operation::Read, |machine, effect| {
            let contents = &machine.file(self.handle.file)?.contents;
            let read = contents.read(bytes, position, self.mode == OpenMode::ReadUncached);
            let bytes = &mut bytes[..read];
            match effect {
                Some(Effect::FlippedBit) => flip(machine, bytes),
                Some(Effect::Stale) => contents.read_stale(bytes, position),
                _ => {}
            }
            Ok(read)
        })
    }

    fn pwrite(&self, bytes: &[u8], position: u64) -> Result<usize, Errno> {
        let position = place(position)?;
        if matches!(self.mode, OpenMode::Read | OpenMode::ReadUncached) {
            return Err(Errno::BADF);
        }
        // ORDERING: relaxed: it orders nothing else.
        let is_direct = self.is_direct.load(Ordering::Relaxed);
        if is_direct && !(position | bytes.len()).is_multiple_of(BLOCK_BYTES) {
            return Err(Errno::INVAL);
        }
        self.call(Operation::Write, |machine, effect| {
            self.write(machine, effect, bytes, position)
        })
    }

    fn leave_direct_io(&self) -> Result<bool, Errno> {
        // ORDERING: relaxed: it orders nothing else.
        Ok(self.is_direct.swap(false, Ordering::Relaxed))
    }
}

impl StorageFile for SimFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        read_whole(self, bytes, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        write_whole(self, bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(self.call(Operation::Sync, |machine, effect| {
            let Machine { files, random, .. } = machine;
            let file = files.get_mut(&self.handle.file).ok_or(Errno::BADF)?;
            if let Some(Effect::FailedSync(failure)) = effect {
                file.contents.fail_sync(failure, random);
                return Err(Errno::IO);
            }
            file.contents.sync();
            Ok(())
        })?)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.call(Operation::Length, |machine, _| {
            Ok(machine.file(self.handle.file)?.contents.len() as u64)
        })?)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = place(length)?;
        Ok(self.call(Operation::SetLength, |machine, _| {
            machine.check_room(self.handle.file, length)?;
            machine.file(self.handle.file)?.contents.set_len(length);
            Ok(())
        })?)
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.try_lock(false)
    }

    fn try_lock_exclusive(&self) -> io::Result<bool> {
        self.try_lock(true)
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(self.call(Operation::Lock, |machine, _| {
            machine.file(self.handle.file)?.unlock(self.handle.handle);
            Ok(())
        })?)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut machine = sync::lock(&self.disk.shared);
        // A crash has closed the handles of earlier lives.
        if machine.life == self.disk.life
            && let Ok(file) = machine.file(self.handle.file)
        {
            file.handles -= 1;
            file.unlock(self.handle.handle);
            machine.release(self.handle.file);
        }
    }
}

/// A position or length in memory.
fn place(position: u64) -> Result<usize, Errno> {
    usize::try_from(position).map_err(|_| Errno::FBIG)
}

/// At least one byte of `bytes`, and not all where there are several; often a whole number of sectors.
fn part_of(machine: &mut Machine, bytes: usize) -> usize {
    if bytes < 2 {
        return bytes;
    }
    let part = 1 + machine.random.index(bytes - 1);
    let sectors = part / SECTOR_BYTES * SECTOR_BYTES;
    match sectors > 0 && machine.random.coin() {
        true => sectors,
        false => part,
    }
}

fn flip(machine: &mut Machine, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let bit = machine.random.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Another sector of the file, or one of another file.
fn elsewhere(machine: &mut Machine, file: u64, position: usize) -> (u64, usize) {
    let Machine { files, random, .. } = machine;
    let target = match random.coin() {
        true => files.keys().copied().nth(random.index(files.len())),
        false => None,
    };
    let target = target.unwrap_or(file);
    let sectors = files
        .get(&target)
        .map_or(1, |file| file.contents.len() / SECTOR_BYTES + 1);
    let at = random.index(sectors) * SECTOR_BYTES;
    match (target, at) == (file, position) {
        true => (target, at + SECTOR_BYTES),
        false => (target, at),
    }
}
