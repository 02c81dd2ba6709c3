//! Disks that run full, and have room again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use crate::keep::keep_copy;
use crate::mounts::{Image, PrivateMounts};
use crate::outcome::{Outcome, Ran};
use crate::process::{Ending, Ledger, Line, Running, Settings, Unsound};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "full-disk";
const MEBIBYTES: u64 = 32;
/// What is deleted to make room: as much as the journal can take, because opening copies what was
/// never synced, which is nearly everything at the buffered level.
const BALLAST_BYTES: usize = 15 * 1024 * 1024;
const EVENTS_AFTERWARDS: u64 = 200;
const FAILURE_MAX: Duration = Duration::from_secs(20);
const VIOLATIONS_MAX: usize = 10;

/// Fills a small file system, ext4 and tmpfs in turn, and frees space.
#[derive(Debug, Args)]
pub(crate) struct FullDisk {
    /// How many disks are filled.
    #[arg(long, default_value_t = 3)]
    cycles: u64,
    /// Reproduces the choices.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Default)]
struct Figures {
    acked: u64,
    opened_while_full: u64,
    free_bytes_max: u64,
    torn_tails: u64,
}

impl FullDisk {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        let mounts = match PrivateMounts::enter_with_ext4() {
            Ok(mounts) => mounts,
            Err(error) => {
                return Ok(Outcome::Skipped {
                    rig: RIG,
                    reason: format!("{error:#}"),
                });
            }
        };
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        let mut figures = Figures::default();
        for cycle in 0..self.cycles {
            ran.cycles += 1;
            let mut random = Random::new(seed.wrapping_add(cycle));
            let backing;
            let mounted = match cycle.is_multiple_of(2) {
                true => {
                    backing = mounts.tmpfs("backing", 2 * MEBIBYTES)?;
                    let image = Image::create(backing.path(), MEBIBYTES, true)?;
                    image.mount(&mounts, "fs")?
                }
                false => mounts.tmpfs("fs", MEBIBYTES)?,
            };
            let mut settings = Settings::new(mounted.path().join("journal"), random.number());
            settings.os_buffer = cycle % 3 == 2;
            if let Err(violation) = fill(mounted.path(), settings, &mut figures)? {
                ran.violations.push(format!(
                    "cycle {cycle} of --seed {seed}: {violation}; {}",
                    keep_copy(mounted.path())
                ));
                if ran.violations.len() >= VIOLATIONS_MAX {
                    break;
                }
            }
            mounted.unmount()?;
        }
        ran.facts = vec![
            ("acked", figures.acked),
            ("opened_while_full", figures.opened_while_full),
            ("free_bytes_max", figures.free_bytes_max),
            ("torn_tails", figures.torn_tails),
        ];
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }
}

/// Fills one disk; the inner error is a violation.
fn fill(
    disk: &Path,
    mut settings: Settings,
    figures: &mut Figures,
) -> anyhow::Result<Result<(), String>> {
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; BALLAST_BYTES]).context("cannot write the ballast")?;
    let mut ledger = Ledger::default();
    let ended = Running::start(&settings, &[])?.wait(FAILURE_MAX)?;
    // The memory of a machine that goes on is not lost: the buffered level owes its acks, too.
    figures.acked += ended.note(&mut ledger);
    if let Some(violation) = ended.violation() {
        return Ok(Err(violation));
    }
    match ended.failure() {
        Some(Line::Failed {
            storage_full: true, ..
        }) => {}
        Some(failure) => return Ok(Err(format!("not `storage full`: {failure}"))),
        None => return Ok(Err("the disk did not run full".to_owned())),
    }
    let free = rustix::fs::statvfs(disk).context("cannot look at the file system")?;
    figures.free_bytes_max = figures.free_bytes_max.max(free.f_bavail * free.f_frsize);

    // Still full: it opens, or says why not.
    match ledger.check(&settings) {
        Ok(_) => figures.opened_while_full += 1,
        Err(Unsound::Refused { errno, .. }) if errno == rustix::io::Errno::NOSPC.raw_os_error() => {
        }
        Err(unsound) => return Ok(Err(format!("while full: {unsound}"))),
    }
    std::fs::remove_file(&ballast).context("cannot remove the ballast")?;
    match ledger.check(&settings) {
        Ok(found) => figures.torn_tails += found.torn_tails,
        Err(unsound) => return Ok(Err(format!("with room again: {unsound}"))),
    }
    settings.events = EVENTS_AFTERWARDS;
    let ended = Running::start(&settings, &[])?.wait(FAILURE_MAX)?;
    let acked = ended.note(&mut ledger);
    if ended.ending != Ending::Done || acked == 0 {
        return Ok(Err(format!(
            "it does not go on with room again: {:?}, {acked} acknowledged, {:?}",
            ended.ending,
            ended.failure()
        )));
    }
    Ok(ledger
        .check(&settings)
        .map(drop)
        .map_err(|unsound| format!("afterwards: {unsound}")))
}
