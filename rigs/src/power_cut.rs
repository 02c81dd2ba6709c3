//! Power cuts on a real ext4: it is shut down under a publishing process, and mounted again.

use std::time::{Duration, Instant};

use clap::Args;

use crate::keep::keep_copy;
use crate::mounts::{Image, Mounted, PrivateMounts};
use crate::outcome::{Outcome, Ran};
use crate::process::{Covered, Ledger, Running, Settings, Traces};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "power-cut";
const IMAGE_MEBIBYTES: u64 = 128;
const BYTES_MAX: u64 = 24 * 1024 * 1024;
const CYCLES_OF_AN_IMAGE: u64 = 50;
const LIFE_MAX: Duration = Duration::from_millis(60);
/// One child in four that retires segments lives for long enough to use one again.
const RETIRING_LIFE_MAX: Duration = Duration::from_millis(500);
/// One child in four loses its disk while it starts and recovers.
const SHORT_LIFE_MAX: Duration = Duration::from_millis(20);
const OPENING_MAX: Duration = Duration::from_secs(30);
/// A child notices at its next write.
const NOTICE_MAX: Duration = Duration::from_secs(30);
const VIOLATIONS_MAX: usize = 10;

/// Cuts the power of an ext4 under a publishing process at random moments.
#[derive(Debug, Args)]
pub(crate) struct PowerCut {
    /// How many power cuts.
    #[arg(long, default_value_t = 50)]
    cycles: u64,
    /// Reproduces the choices, though not the moments.
    #[arg(long)]
    seed: Option<u64>,
}

impl PowerCut {
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
        let backing = mounts.tmpfs("backing", 2 * IMAGE_MEBIBYTES)?;
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        let mut figures = Figures::default();
        let mut disk = Disk::new(&mounts, &backing, seed)?;
        for cycle in 0..self.cycles {
            ran.cycles += 1;
            let cycle_seed = seed.wrapping_add(cycle);
            let (next, result) = disk.cycle(&mounts, cycle_seed, &mut figures)?;
            disk = next;
            let is_worn = disk.cycles >= CYCLES_OF_AN_IMAGE;
            match result {
                Ok(bytes) if bytes <= BYTES_MAX && !is_worn => {}
                Ok(_) => disk = disk.replace(&mounts, &backing, cycle_seed)?,
                Err(violation) => {
                    ran.violations.push(format!(
                        "cycle {cycle} of --seed {seed}: {violation}; {}",
                        keep_copy(disk.mounted.path())
                    ));
                    disk = disk.replace(&mounts, &backing, cycle_seed)?;
                    if ran.violations.len() >= VIOLATIONS_MAX {
                        break;
                    }
                }
            }
        }
        ran.facts = vec![
            ("acked", figures.acked),
            ("cycles_with_acks", figures.cycles_with_acks),
            ("cut_in_open", figures.cut_in_open),
            ("noticed", figures.noticed),
            ("torn_tails", figures.torn_tails),
        ];
        ran.facts.extend(figures.covered.facts());
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }
}

#[derive(Debug, Default)]
struct Figures {
    acked: u64,
    cycles_with_acks: u64,
    cut_in_open: u64,
    noticed: u64,
    torn_tails: u64,
    covered: Covered,
}

/// An image, mounted, and what the journal on it owes.
struct Disk {
    image: Image,
    mounted: Mounted,
    ledger: Ledger,
    cycles: u64,
    /// Whether its journal is retired below the snapshots.
    retires: bool,
}

impl Disk {
    fn new(mounts: &PrivateMounts, backing: &Mounted, seed: u64) -> anyhow::Result<Self> {
        let image = Image::create(backing.path(), IMAGE_MEBIBYTES, true)?;
        let mounted = image.mount(mounts, "fs")?;
        Ok(Self {
            image,
            mounted,
            ledger: Ledger::default(),
            cycles: 0,
            retires: Random::new(!seed).below(2) == 0,
        })
    }

    fn replace(self, mounts: &PrivateMounts, backing: &Mounted, seed: u64) -> anyhow::Result<Self> {
        self.mounted.unmount()?;
        Self::new(mounts, backing, seed)
    }

    /// One power cut; the inner result is the journal's size, or the violation.
    fn cycle(
        mut self,
        mounts: &PrivateMounts,
        seed: u64,
        figures: &mut Figures,
    ) -> anyhow::Result<(Self, Result<u64, String>)> {
        self.cycles += 1;
        let mut random = Random::new(seed);
        let mut settings = Settings::new(self.mounted.path().join("journal"), seed);
        settings.os_buffer = random.below(4) == 0;
        if random.below(3) == 0 {
            settings.reopen_after = 20 + random.below(300);
        }
        settings.retire = self.retires;
        let before = Traces::of(&settings.dir, settings.partitions);
        let mut child = Running::start(&settings, &[])?;
        let life_max = match random.below(4) {
            0 => SHORT_LIFE_MAX,
            choice => {
                child.await_opened(OPENING_MAX);
                match self.retires && choice == 1 {
                    true => RETIRING_LIFE_MAX,
                    false => LIFE_MAX,
                }
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "some milliseconds")]
        let life = Duration::from_micros(random.below(life_max.as_micros() as u64));
        std::thread::sleep(life);
        self.mounted.cut_power()?;
        // It goes on through the cut, and must see it.
        let ended = child.wait(NOTICE_MAX)?;
        self.mounted.unmount()?;
        self.mounted = self.image.mount(mounts, "fs")?;

        let after = Traces::of(&settings.dir, settings.partitions);
        figures.covered.count(&before, &after);
        // What only the kernel had may be gone; what is left is held to be a prefix all the same.
        if !settings.os_buffer {
            let acked = ended.note(&mut self.ledger);
            figures.acked += acked;
            figures.cycles_with_acks += u64::from(acked > 0);
        }
        figures.cut_in_open += u64::from(ended.ended_in_open());
        figures.noticed += u64::from(ended.failure().is_some());
        let result = match ended.violation() {
            Some(violation) => Err(violation),
            None => match self.ledger.check(&settings) {
                Ok(found) => {
                    figures.torn_tails += found.torn_tails;
                    Ok(found.bytes)
                }
                Err(unsound) => Err(unsound.to_string()),
            },
        };
        Ok((self, result))
    }
}
