//! File systems of a rig's own: mounted where nobody else sees them, and gone with the process.
#![allow(
    unsafe_code,
    reason = "calls of the kernel that the type system knows nothing of"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::ioctl::Setter;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use tempfile::TempDir;

/// `EXT4_IOC_SHUTDOWN`: `_IOR('X', 125, u32)`.
const EXT4_SHUTDOWN: rustix::ioctl::Opcode = 0x8004_587d;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: as if the power failed at this moment.
const NO_LOG_FLUSH: u32 = 2;
const UNMOUNT_ATTEMPTS: u32 = 100;

/// A mount namespace of this process. Whatever it mounts ends with it, also when it is killed, and
/// with the mounts end their loop devices.
#[derive(Debug)]
pub(crate) struct PrivateMounts {
    root: TempDir,
}

impl PrivateMounts {
    /// Enters one. Call it before any thread is started: those would stay outside.
    pub(crate) fn enter() -> anyhow::Result<Self> {
        let root = TempDir::new().context("cannot make a directory")?;
        // SAFETY: only the mount namespace is left; no file descriptor or memory is unshared.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("no mount namespace of its own")?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).context("mounts cannot be made private")?;
        Ok(Self { root })
    }

    /// As [`enter`](Self::enter), and tries whether ext4 can be mounted on a loop device.
    pub(crate) fn enter_with_ext4() -> anyhow::Result<Self> {
        let mounts = Self::enter()?;
        let backing = mounts.tmpfs("probe", 16)?;
        let image = Image::create(backing.path(), 8, true)?;
        drop(image.mount(&mounts, "probe-fs")?);
        Ok(mounts)
    }

    /// Mounts a file system in memory of so many MiB.
    pub(crate) fn tmpfs(&self, name: &str, mebibytes: u64) -> anyhow::Result<Mounted> {
        let at = self.directory(name)?;
        let options = format!("size={mebibytes}M");
        call("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"], &at)?;
        Ok(Mounted { at, changed: None })
    }

    fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let at = self.root.path().join(name);
        std::fs::create_dir_all(&at).context("cannot make a directory")?;
        Ok(at)
    }
}

/// A mounted file system; dropping it unmounts it.
#[derive(Debug)]
pub(crate) struct Mounted {
    /// Empty once it is unmounted.
    at: PathBuf,
    /// A setting of its loop device, which outlives the mount, and what it was before.
    changed: Option<(PathBuf, String)>,
}

impl Mounted {
    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// Gives a `tmpfs` another size.
    pub(crate) fn resize(&self, mebibytes: u64) -> anyhow::Result<()> {
        let options = format!("remount,size={mebibytes}M");
        call("mount", &["-o", &options], &self.at)
    }

    /// Lets the loop device of this mount take a page at a time.
    ///
    /// A newer kernel (seen with 6.18) reports a request as done of which the backing file took
    /// only a part before it was full: a disk that lies. A single page is taken or refused.
    pub(crate) fn write_single_pages(&mut self) -> anyhow::Result<()> {
        let at = self.at.to_string_lossy();
        let mounts = std::fs::read_to_string("/proc/self/mounts").context("no list of mounts")?;
        let device = mounts
            .lines()
            .rev()
            .find_map(|line| {
                let mut words = line.split(' ');
                let device = words.next()?.strip_prefix("/dev/")?;
                (words.next()? == at).then_some(device)
            })
            .context("the mount has no device")?;
        let setting = PathBuf::from(format!("/sys/block/{device}/queue/max_sectors_kb"));
        let before = std::fs::read_to_string(&setting).context("no setting of the loop device")?;
        std::fs::write(&setting, "4").context("the loop device's setting cannot be changed")?;
        self.changed = Some((setting, before));
        Ok(())
    }

    fn restore_setting(&mut self) {
        if let Some((setting, before)) = self.changed.take()
            && let Err(error) = std::fs::write(&setting, before)
        {
            eprintln!("cannot restore {}: {error}", setting.display());
        }
    }

    /// Ends an ext4 as a power cut would: what its journal has not written is lost, and every call
    /// fails from now on.
    pub(crate) fn cut_power(&self) -> anyhow::Result<()> {
        let root = File::open(&self.at).context("cannot open the mount")?;
        // SAFETY: the opcode is EXT4_IOC_SHUTDOWN, which takes a pointer to a u32.
        let shutdown = unsafe { Setter::<EXT4_SHUTDOWN, u32>::new(NO_LOG_FLUSH) };
        // SAFETY: the call reads the u32 only, and no memory of ours is changed by it.
        unsafe { rustix::ioctl::ioctl(&root, shutdown) }.context("no shutdown of the file system")
    }

    /// Unmounts it; whoever still has a file open there is waited for.
    pub(crate) fn unmount(mut self) -> anyhow::Result<()> {
        self.restore_setting();
        let mut attempt = 0;
        while let Err(error) = unmount(&self.at, UnmountFlags::empty()) {
            attempt += 1;
            if attempt >= UNMOUNT_ATTEMPTS {
                return Err(error).context("cannot unmount");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.at = PathBuf::new();
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.restore_setting();
        if self.at.as_os_str().is_empty() {
            return;
        }
        // Lazily: on the way out of an error somebody may still be there.
        if let Err(error) = unmount(&self.at, UnmountFlags::DETACH) {
            eprintln!("cannot unmount {}: {error}", self.at.display());
        }
    }
}

/// A sparse file with an ext4 in it.
#[derive(Debug)]
pub(crate) struct Image {
    path: PathBuf,
}

impl Image {
    /// Makes one of so many MiB in `directory`.
    pub(crate) fn create(
        directory: &Path,
        mebibytes: u64,
        has_journal: bool,
    ) -> anyhow::Result<Self> {
        let path = directory.join("disk.img");
        File::create(&path)
            .and_then(|file| file.set_len(mebibytes * 1024 * 1024))
            .context("cannot make an image")?;
        let journal: &[_] = match has_journal {
            true if mebibytes >= 32 => &["-J", "size=4"],
            true => &[],
            false => &["-O", "^has_journal"],
        };
        let lazy = ["-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1"];
        let arguments: Vec<_> = lazy.iter().chain(journal).copied().collect();
        call("mkfs.ext4", &arguments, &path)?;
        Ok(Self { path })
    }

    pub(crate) fn mount(&self, mounts: &PrivateMounts, name: &str) -> anyhow::Result<Mounted> {
        let at = mounts.directory(name)?;
        let image = self.path.to_string_lossy();
        call("mount", &["-t", "ext4", "-o", "loop", &image], &at)?;
        Ok(Mounted { at, changed: None })
    }

    /// Mends the metadata as an operator would before mounting.
    pub(crate) fn mend(&self) -> anyhow::Result<()> {
        let output = Command::new("e2fsck")
            .arg("-fy")
            .arg(&self.path)
            .output()
            .context("cannot run e2fsck")?;
        // 1: everything was mended.
        match output.status.code() {
            Some(0 | 1) => Ok(()),
            _ => bail!("e2fsck: {}", String::from_utf8_lossy(&output.stdout)),
        }
    }
}

/// Runs a tool on `path`.
fn call(tool: &str, arguments: &[&str], path: &Path) -> anyhow::Result<()> {
    let output = Command::new(tool)
        .args(arguments)
        .arg(path)
        .output()
        .with_context(|| format!("cannot run {tool}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{tool}: {}", text.trim());
    }
    Ok(())
}
