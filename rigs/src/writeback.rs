//! Real writeback failure: an ext4 whose backing store runs full under it.

use std::time::{Duration, Instant};

use clap::Args;

use crate::keep::keep_copy;
use crate::mounts::{Image, PrivateMounts};
use crate::outcome::{Outcome, Ran};
use crate::process::{Ledger, Line, Running, Settings, Unsound};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "writeback";
const BACKING_MEBIBYTES: u64 = 20;
const IMAGE_MEBIBYTES: u64 = 64;
/// Room for everything, after the fault.
const ENLARGED_MEBIBYTES: u64 = 2 * IMAGE_MEBIBYTES;
const FAILURE_MAX: Duration = Duration::from_secs(20);
const VIOLATIONS_MAX: usize = 10;

/// Fails the writeback of a real ext4, with and without a journal of its own.
#[derive(Debug, Args)]
pub(crate) struct Writeback {
    /// How many disks fail.
    #[arg(long, default_value_t = 3)]
    cycles: u64,
    /// Reproduces the choices.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Default)]
struct Figures {
    acked: u64,
    with_fs_journal: u64,
    os_buffer: u64,
    checked_in_place: u64,
    torn_tails: u64,
}

impl Writeback {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        let mounts = match PrivateMounts::enter_with_ext4().and_then(with_honest_disks) {
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
            if let Some(violation) = fail_a_disk(&mounts, cycle, seed, &mut figures)? {
                ran.violations
                    .push(format!("cycle {cycle} of --seed {seed}: {violation}"));
                if ran.violations.len() >= VIOLATIONS_MAX {
                    break;
                }
            }
        }
        ran.facts = vec![
            ("acked", figures.acked),
            ("with_fs_journal", figures.with_fs_journal),
            ("os_buffer", figures.os_buffer),
            ("checked_in_place", figures.checked_in_place),
            ("torn_tails", figures.torn_tails),
        ];
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }
}

/// Tries whether a disk can be kept from hiding a write that failed.
fn with_honest_disks(mounts: PrivateMounts) -> anyhow::Result<PrivateMounts> {
    let backing = mounts.tmpfs("backing", BACKING_MEBIBYTES)?;
    let image = Image::create(backing.path(), IMAGE_MEBIBYTES, true)?;
    image.mount(&mounts, "fs")?.write_single_pages()?;
    Ok(mounts)
}

/// One disk; `Some` is a violation.
fn fail_a_disk(
    mounts: &PrivateMounts,
    cycle: u64,
    seed: u64,
    figures: &mut Figures,
) -> anyhow::Result<Option<String>> {
    let mut random = Random::new(seed.wrapping_add(cycle));
    // Each kind within any two cycles, and the buffered path in every third.
    let has_journal = cycle.is_multiple_of(2);
    let backing = mounts.tmpfs("backing", BACKING_MEBIBYTES)?;
    let image = Image::create(backing.path(), IMAGE_MEBIBYTES, has_journal)?;
    let mut mounted = image.mount(mounts, "fs")?;
    mounted.write_single_pages()?;
    let mut settings = Settings::new(mounted.path().join("journal"), random.number());
    settings.os_buffer = cycle % 3 == 2;
    figures.with_fs_journal += u64::from(has_journal);
    figures.os_buffer += u64::from(settings.os_buffer);

    let ended = Running::start(&settings, &[])?.wait(FAILURE_MAX)?;
    if let Some(violation) = ended.violation() {
        return Ok(Some(violation));
    }
    if !matches!(ended.failure(), Some(Line::Failed { errno, .. }) if *errno != 0) {
        return Ok(Some(format!("no error of the disk: {:?}", ended.ending)));
    }
    let mut ledger = Ledger::default();
    if !settings.os_buffer {
        figures.acked += ended.note(&mut ledger);
    }

    // The disk has room again, but the page cache may hold what never reached it. Where the file
    // system still takes writes, what this opening believes must survive losing the cache.
    backing.resize(ENLARGED_MEBIBYTES)?;
    let mut checked = |ledger: &mut Ledger, is_fresh: bool| match ledger.check(&settings) {
        Ok(found) => {
            figures.checked_in_place += u64::from(!is_fresh);
            figures.torn_tails += found.torn_tails;
            None
        }
        Err(Unsound::Refused { errno, .. }) if !is_fresh && errno != 0 => None,
        Err(unsound) => Some(unsound.to_string()),
    };
    let in_place = checked(&mut ledger, false);
    mounted.unmount()?;
    if !has_journal {
        image.mend()?;
    }
    let mounted = image.mount(mounts, "fs")?;
    let violation = match in_place {
        Some(text) => Some(format!("without a remount: {text}")),
        None => checked(&mut ledger, true),
    };
    let violation = violation.map(|text| format!("{text}; {}", keep_copy(mounted.path())));
    mounted.unmount()?;
    backing.unmount()?;
    Ok(violation)
}
