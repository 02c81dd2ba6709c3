//! What the figures were measured on.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::contender::Bench;
use crate::files;

/// The machine, as far as it can be read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    /// CPUs that this process may use.
    pub(super) cpus: usize,
    pub(super) memory_bytes: Option<u64>,
    pub(super) kernel: String,
    pub(super) file_system: String,
    pub(super) governor: String,
    /// How writes become durable in the directory.
    pub(super) durable_writes: String,
    pub(super) rustc: &'static str,
    pub(super) ringlog: &'static str,
}

const UNKNOWN: &str = "unknown";

impl Machine {
    pub(super) fn found(bench: &Bench, is_durable: bool) -> Result<Self> {
        let directory = bench.directory().canonicalize()?;
        Ok(Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| UNKNOWN.into()),
            cpus: bench.cpus.len(),
            memory_bytes: field(&read("/proc/meminfo"), "MemTotal")
                .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
                .map(|kib| kib * 1024),
            kernel: known(&read("/proc/sys/kernel/osrelease")),
            file_system: file_system(&read("/proc/self/mountinfo"), &directory)
                .unwrap_or_else(|| UNKNOWN.into()),
            governor: known(&read(
                "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            )),
            durable_writes: match is_durable {
                true => bench.method.name().to_owned(),
                false => "none: the file system is in memory".to_owned(),
            },
            rustc: env!("RINGLOG_RUSTC"),
            ringlog: env!("CARGO_PKG_VERSION"),
        })
    }

    /// Names and values, for people.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let memory = self.memory_bytes.map_or_else(
            || UNKNOWN.to_owned(),
            |bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        );
        vec![
            ("processor", format!("{}, {} CPUs", self.cpu, self.cpus)),
            ("memory", memory),
            ("kernel", self.kernel.clone()),
            ("governor", self.governor.clone()),
            ("file system", self.file_system.clone()),
            ("durable writes", self.durable_writes.clone()),
            (
                "built from",
                format!("ringlog {} with {}", self.ringlog, self.rustc),
            ),
        ]
    }
}

fn read(path: &str) -> String {
    files::read_text(Path::new(path)).unwrap_or_default()
}

fn known(text: &str) -> String {
    match text.trim() {
        "" => UNKNOWN.to_owned(),
        known => known.to_owned(),
    }
}

/// The value behind `name`, a colon and white space.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// Type, device and options of the file system that holds `directory`, from the kernel's table.
fn file_system(mounts: &str, directory: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let (place, kind) = line.split_once(" - ")?;
        let mount_point = Path::new(place.split(' ').nth(4)?);
        let depth = mount_point.components().count();
        // Of several on the same place the last one covers the others.
        let is_deeper = best.as_ref().is_none_or(|(found, _)| depth >= *found);
        if directory.starts_with(mount_point) && is_deeper {
            let mut parts = kind.split(' ');
            let (name, device) = (parts.next()?, parts.next()?);
            best = Some((depth, format!("{name} on {device}")));
        }
    }
    best.map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_the_one_of_the_deepest_mount_point() {
        let mounts = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/sda rw
30 22 0:25 / /run rw,nosuid shared:2 - tmpfs tmpfs rw
31 22 254:16 / /data rw - xfs /dev/vdb rw";
        let found = |path| file_system(mounts, Path::new(path)).unwrap();
        assert_eq!(found("/home/a"), "ext4 on /dev/sda");
        assert_eq!(found("/run/a"), "tmpfs on tmpfs");
        assert_eq!(found("/data"), "xfs on /dev/vdb");
        assert_eq!(found("/database"), "ext4 on /dev/sda");
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 7\nmodel name\t: A: B\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A: B"));
        assert_eq!(field(text, "name"), None);
    }
}
