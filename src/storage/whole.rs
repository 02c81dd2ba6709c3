//! Whole reads and writes from attempts that may be short or interrupted. Real and simulated files
//! share this loop, so that the simulation's faults test it.

use std::io;

use rustix::io::Errno;

use crate::canary::{Canary, is_planted};

/// Attempts in a row that a signal may interrupt: far more than any signal source makes, so that a
/// call which is interrupted for ever ends with that error instead of spinning.
const INTERRUPTS_MAX: u32 = 1000;

/// One attempt at a time: may move fewer bytes than asked for.
pub(super) trait Attempt {
    fn pread(&self, bytes: &mut [u8], position: u64) -> Result<usize, Errno>;

    fn pwrite(&self, bytes: &[u8], position: u64) -> Result<usize, Errno>;

    /// Turns direct I/O off; `false` when it was off already.
    fn leave_direct_io(&self) -> Result<bool, Errno>;
}

/// Reads until `bytes` is full or the file ends.
pub(super) fn read_whole(
    file: &impl Attempt,
    bytes: &mut [u8],
    position: u64,
) -> io::Result<usize> {
    let (mut done, mut interrupts) = (0, 0);
    while done < bytes.len() {
        match file.pread(&mut bytes[done..], position + done as u64) {
            Ok(0) => break,
            Ok(read) => (done, interrupts) = (done + read, 0),
            Err(Errno::INTR) if interrupts < INTERRUPTS_MAX => interrupts += 1,
            // Past the end of a file whose length is no whole block, direct I/O says so.
            Err(Errno::INVAL) if done > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`.
pub(super) fn write_whole(file: &impl Attempt, bytes: &[u8], position: u64) -> io::Result<()> {
    let (mut done, mut interrupts) = (0, 0);
    while done < bytes.len() {
        match file.pwrite(&bytes[done..], position + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) if is_planted(Canary::ShortWriteIgnored) => return Ok(()),
            Ok(written) => (done, interrupts) = (done + written, 0),
            Err(Errno::INTR) if interrupts < INTERRUPTS_MAX => interrupts += 1,
            // Opened for direct I/O, but this file system or this remainder of a short write does
            // not take it.
            Err(Errno::INVAL) if file.leave_direct_io()? => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
