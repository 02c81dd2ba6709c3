//! The real file system.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::whole::{Attempt, read_whole, write_whole};
use super::{OpenMode, Storage, StorageFile};
use crate::canary::{Canary, is_planted};

const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// A journal's files are regular ones: a link could lead anywhere, and opening a pipe would wait for
/// its other end.
const PLAIN_FILE: OFlags = OFlags::CLOEXEC
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK);
const TMPFS_MAGIC: i64 = 0x0102_1994;
const RAMFS_MAGIC: i64 = 0x8584_58f6;

/// The operating system's files.
#[derive(Debug, Default, Clone, Copy)]
pub struct Files;

impl Storage for Files {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if fs::stat(path)
            .is_ok_and(|stat| fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::Directory)
        {
            return Ok(());
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        self.create_dir(parent)?;
        match fs::mkdir(path, Mode::from_raw_mode(0o755)) {
            Ok(()) if is_planted(Canary::NewDirectoryNotSynced) => Ok(()),
            Ok(()) => self.sync_dir(parent),
            // Somebody else was faster; whether it is a directory shows at the first use.
            Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let directory = fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let fd = open(path, mode).map_err(refusal)?;
        Ok(Box::new(OpenFile(fd)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(fs::rename(from, to)?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Ok(fs::unlink(path)?)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(fs::fsync(fs::open(path, flags, Mode::empty())?)?)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let flags = OFlags::RDWR | OFlags::CREATE | PLAIN_FILE;
        if is_planted(Canary::LockIsAFile) {
            return Ok(match fs::open(path, flags | OFlags::EXCL, FILE_MODE) {
                Ok(_) => Some(Box::new(HeldFile(path.to_owned())) as _),
                Err(_) => None,
            });
        }
        let fd = fs::open(path, flags, FILE_MODE).map_err(refusal)?;
        if is_planted(Canary::LockNotTaken) {
            return Ok(Some(Box::new(fd) as _));
        }
        let locked = try_flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
        Ok(locked.then(|| Box::new(fd) as _))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let fd = fs::open(path, OFlags::RDONLY | PLAIN_FILE, FILE_MODE).map_err(refusal)?;
        Ok(!try_flock(&fd, FlockOperation::NonBlockingLockShared)?)
    }

    fn is_volatile(&self, path: &Path) -> io::Result<bool> {
        #[allow(
            clippy::unnecessary_cast,
            reason = "f_type's width differs between platforms"
        )]
        let kind = fs::statfs(path)?.f_type as i64;
        Ok(kind == TMPFS_MAGIC || kind == RAMFS_MAGIC)
    }

    fn random(&self) -> io::Result<u64> {
        let mut bytes = [0u8; 8];
        // At most 256 bytes are never returned short.
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// What [`Canary::LockIsAFile`] takes for a lock.
#[derive(Debug)]
struct HeldFile(std::path::PathBuf);

impl Drop for HeldFile {
    fn drop(&mut self) {
        let _ = fs::unlink(&self.0);
    }
}

fn open(path: &Path, mode: OpenMode) -> rustix::io::Result<OwnedFd> {
    let write = OFlags::RDWR | OFlags::CREATE | PLAIN_FILE;
    let read = OFlags::RDONLY | PLAIN_FILE;
    match mode {
        OpenMode::Read => fs::open(path, read, FILE_MODE),
        OpenMode::ReadUncached => match fs::open(path, read | OFlags::DIRECT, FILE_MODE) {
            Err(Errno::INVAL) => {
                let fd = fs::open(path, read, FILE_MODE)?;
                // Dirty pages cannot be dropped, so they are written first.
                fs::fdatasync(&fd)?;
                fs::fadvise(&fd, 0, None, fs::Advice::DontNeed)?;
                Ok(fd)
            }
            opened => opened,
        },
        // O_DSYNC makes each write durable on return, through the page cache as past it; so a
        // file system without direct I/O only loses speed. (rustix 1.1 sets O_SYNC, which makes the
        // file's times durable as well; interleaved, 4 KiB to 1 MiB, the two took the same time.)
        OpenMode::WriteDurable => {
            let durable = match is_planted(Canary::DataNotSynced) {
                false => write | OFlags::DSYNC,
                true => write,
            };
            match fs::open(path, durable | OFlags::DIRECT, FILE_MODE) {
                Err(Errno::INVAL) => fs::open(path, durable, FILE_MODE),
                opened => opened,
            }
        }
        OpenMode::WriteBuffered => fs::open(path, write, FILE_MODE),
    }
}

/// The operating system's words for a link speak of too many levels.
fn refusal(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a symbolic link, which no file of a journal is",
        ),
        error => error.into(),
    }
}

#[derive(Debug)]
struct OpenFile(OwnedFd);

impl StorageFile for OpenFile {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        read_whole(self, bytes, position)
    }

    fn will_need(&self, position: u64, bytes: u64) {
        // A hint that is not taken costs nothing but time.
        let _ = fs::fadvise(
            &self.0,
            position,
            std::num::NonZero::new(bytes),
            fs::Advice::WillNeed,
        );
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        write_whole(self, bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fs::fdatasync(&self.0)?)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(fs::fstat(&self.0)?.st_size.cast_unsigned())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Ok(fs::ftruncate(&self.0, length)?)
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        try_flock(&self.0, FlockOperation::NonBlockingLockShared)
    }

    fn try_lock_exclusive(&self) -> io::Result<bool> {
        try_flock(&self.0, FlockOperation::NonBlockingLockExclusive)
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(fs::flock(&self.0, FlockOperation::Unlock)?)
    }
}

/// Whether the lock was granted.
fn try_flock(fd: &OwnedFd, operation: FlockOperation) -> io::Result<bool> {
    match fs::flock(fd, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Attempt for OpenFile {
    fn pread(&self, bytes: &mut [u8], position: u64) -> Result<usize, Errno> {
        rustix::io::pread(&self.0, bytes, position)
    }

    fn pwrite(&self, bytes: &[u8], position: u64) -> Result<usize, Errno> {
        rustix::io::pwrite(&self.0, bytes, position)
    }

    fn leave_direct_io(&self) -> Result<bool, Errno> {
        let flags = fs::fcntl_getfl(&self.0)?;
        if !flags.contains(OFlags::DIRECT) {
            return Ok(false);
        }
        fs::fcntl_setfl(&self.0, flags - OFlags::DIRECT)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> Box<dyn StorageFile> {
        Files.open(path, OpenMode::WriteBuffered).unwrap()
    }

    #[test]
    fn a_files_lock_is_shared_or_held_alone_and_ends_with_its_handle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let (first, second) = (opened(&path), opened(&path));
        assert!(first.try_lock_shared().unwrap());
        assert!(second.try_lock_shared().unwrap());
        assert!(!second.try_lock_exclusive().unwrap());
        first.unlock().unwrap();
        assert!(second.try_lock_exclusive().unwrap());
        assert!(!first.try_lock_shared().unwrap());
        drop(second);
        assert!(first.try_lock_shared().unwrap());
    }

    #[test]
    fn a_lock_follows_its_file_through_a_rename() {
        let directory = tempfile::tempdir().unwrap();
        let (before, after) = (directory.path().join("a"), directory.path().join("b"));
        let holder = opened(&before);
        assert!(holder.try_lock_exclusive().unwrap());
        Files.rename(&before, &after).unwrap();
        assert!(!opened(&after).try_lock_shared().unwrap());
        assert!(opened(&before).try_lock_shared().unwrap());
    }

    #[test]
    fn a_removed_file_stays_readable_through_its_open_handles() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = opened(&path);
        file.write_at(b"kept", 0).unwrap();
        Files.remove(&path).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 4);
        assert_eq!(&bytes[..4], b"kept");
        assert!(Files.list(directory.path()).unwrap().is_empty());
    }
}
