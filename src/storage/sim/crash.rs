//! Power cuts, and the death of the process.

use super::SimDisk;
use super::contents::{SECTOR_BYTES, Survival};
use super::disk::Machine;
use super::random::Random;
use crate::sync;

impl SimDisk {
    /// The power fails: returns the disk as the next boot finds it. What was not durable survives
    /// as the seed says; every lock is free, and every call of this life fails from now on.
    #[must_use = "this disk's calls fail from now on"]
    pub fn power_cut(&self) -> Self {
        let mut machine = sync::lock(&self.shared);
        let random = Random::new(machine.random.number());
        let mut survival = Chance::new(random);
        self.cut(&mut machine, &mut survival)
    }

    /// As [`power_cut`](Self::power_cut), but `choices` says what survives, one entry for each of
    /// [`unsynced`](Self::unsynced): 0 for what was durable, or the number of the version. Missing
    /// entries are 0.
    #[must_use = "this disk's calls fail from now on"]
    pub fn power_cut_choosing(&self, choices: &[usize]) -> Self {
        let mut machine = sync::lock(&self.shared);
        let mut survival = Chosen(choices.iter());
        self.cut(&mut machine, &mut survival)
    }

    /// Whether a planned crash has struck, so that every call fails.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        sync::lock(&self.shared).is_halted
    }

    /// What is not durable at this moment: for each sector, each length and each change of a
    /// directory, in a fixed order, how many versions of it a power cut may leave.
    #[must_use]
    pub fn unsynced(&self) -> Vec<usize> {
        let machine = sync::lock(&self.shared);
        let changes = machine.names.changes.iter().map(|_| 2);
        let files = machine.files.values();
        changes
            .chain(files.flat_map(|file| file.contents.unsynced()))
            .collect()
    }

    /// The process dies, as by `SIGKILL`: everything that it wrote is still there, its locks are
    /// free, and every call of this life fails from now on. Returns the disk for the next process.
    #[must_use = "this disk's calls fail from now on"]
    pub fn kill(&self) -> Self {
        let mut machine = sync::lock(&self.shared);
        self.end_life(&mut machine)
    }

    /// The kernel writes back what it has, in the background: everything becomes durable.
    pub fn write_back(&self) {
        let mut machine = sync::lock(&self.shared);
        for file in machine.files.values_mut() {
            file.contents.sync();
        }
        machine.names.sync_all();
    }

    /// The kernel drops clean pages: what a failed sync marked clean shows as the device has it.
    pub fn drop_caches(&self) {
        let mut machine = sync::lock(&self.shared);
        for file in machine.files.values_mut() {
            file.contents.drop_cache();
        }
    }

    /// A copy in every detail, on which the present state can be cut again and again.
    #[must_use]
    pub fn fork(&self) -> Self {
        let machine = sync::lock(&self.shared).clone();
        let life = self.life;
        let fork = Self::of(machine);
        Self { life, ..fork }
    }

    fn cut(&self, machine: &mut Machine, survival: &mut impl Survival) -> Self {
        machine.names.cut(|| survival.version(2) == 1);
        for file in machine.files.values_mut() {
            file.contents.cut(survival);
        }
        self.end_life(machine)
    }

    fn end_life(&self, machine: &mut Machine) -> Self {
        machine.life += 1;
        machine.is_halted = false;
        for file in machine.files.values_mut() {
            file.handles = 0;
            file.unlock_all();
        }
        machine.release_all();
        Self {
            shared: sync::Arc::clone(&self.shared),
            life: machine.life,
        }
    }
}

/// What survives, as the seed says.
struct Chance {
    random: Random,
    style: u64,
}

impl Chance {
    /// Each cut has a style of its own: uniform chance alone would hardly ever lose all or nothing.
    fn new(mut random: Random) -> Self {
        let style = random.below(6);
        Self { random, style }
    }
}

impl Survival for Chance {
    fn version(&mut self, versions: usize) -> usize {
        let any = self.random.index(versions);
        match self.style {
            0 => 0,
            1 => versions - 1,
            // Nearly nothing, or nearly everything.
            2 if self.random.below(8) > 0 => 0,
            3 if self.random.below(8) > 0 => versions - 1,
            _ => any,
        }
    }

    fn written(&mut self) -> usize {
        match self.random.below(4) {
            0 => self.random.index(SECTOR_BYTES),
            _ => SECTOR_BYTES,
        }
    }
}

/// What survives, as the caller says.
struct Chosen<'a>(std::slice::Iter<'a, usize>);

impl Survival for Chosen<'_> {
    fn version(&mut self, versions: usize) -> usize {
        self.0
            .next()
            .map_or(0, |choice| (*choice).min(versions - 1))
    }
}
