//! Runs many checks on two threads, and adds up what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Context;

use super::check::{Came, check};
use super::expectation::Changes;
use super::reference::Reference;
use crate::outcome::{Outcome, Ran};

const THREADS: usize = 2;

/// One way to damage a journal.
pub(crate) struct Fault {
    /// In words, and enough to do it again.
    pub(crate) what: String,
    pub(crate) changes: Changes,
}

/// What came of all faults.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    cycles: u64,
    counts: BTreeMap<Came, u64>,
    violations: Vec<String>,
    /// Where damage was harmless: by journal and file, the bytes.
    harmless: BTreeMap<(&'static str, String), BTreeSet<usize>>,
    /// Where damage was not: a byte is harmless when no bit of it did anything.
    harmful: BTreeMap<(&'static str, String), BTreeSet<usize>>,
}

impl Sum {
    /// Checks the faults that `fault` makes of each number below `count`; `None` is no fault.
    pub(crate) fn run(
        &mut self,
        reference: &Reference,
        count: usize,
        fault: impl Fn(usize) -> Option<Fault> + Sync,
    ) {
        let total = Mutex::new(std::mem::take(self));
        std::thread::scope(|scope| {
            for lane in 0..THREADS {
                let (total, fault) = (&total, &fault);
                scope.spawn(move || {
                    let mut sum = Self::default();
                    for number in (lane..count).step_by(THREADS) {
                        if let Some(fault) = fault(number) {
                            sum.check(reference, &fault);
                        }
                    }
                    total.lock().expect("no thread panics with it").add(sum);
                });
            }
        });
        *self = total.into_inner().expect("no thread panics with it");
    }

    fn check(&mut self, reference: &Reference, fault: &Fault) {
        self.cycles += 1;
        match check(reference, &fault.changes) {
            Ok(came) => {
                *self.counts.entry(came).or_default() += 1;
                self.note_place(reference, fault, came);
            }
            Err(error) => self
                .violations
                .push(format!("{}: {}: {error:#}", reference.name, fault.what)),
        }
    }

    /// Notes which byte a change of a single one was in.
    fn note_place(&mut self, reference: &Reference, fault: &Fault, came: Came) {
        let [(index, is)] = &fault.changes[..] else {
            return;
        };
        let file = &reference.files[*index];
        let mut differing = file
            .bytes
            .iter()
            .zip(is)
            .enumerate()
            .filter(|(_, (was, is))| was != is);
        let (Some((at, _)), None) = (differing.next(), differing.next()) else {
            return;
        };
        let place = (reference.name, file.name().to_owned());
        let noted = match came {
            Came::Harmless => &mut self.harmless,
            _ => &mut self.harmful,
        };
        noted.entry(place).or_default().insert(at);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.cycles += other.cycles;
        for (came, count) in other.counts {
            *self.counts.entry(came).or_default() += count;
        }
        self.violations.extend(other.violations);
        for (mine, others) in [
            (&mut self.harmless, other.harmless),
            (&mut self.harmful, other.harmful),
        ] {
            for (place, bytes) in others {
                mine.entry(place).or_default().extend(bytes);
            }
        }
    }

    /// Counts a check that was made elsewhere.
    pub(crate) fn count(&mut self, what: &str, came: anyhow::Result<Came>) {
        self.cycles += 1;
        match came {
            Ok(came) => *self.counts.entry(came).or_default() += 1,
            Err(error) => self.violations.push(format!("{what}: {error:#}")),
        }
    }

    /// Prints the bytes that did not matter, as ranges, and what they are.
    pub(crate) fn print_harmless(&self, references: &[Reference]) {
        for ((journal, name), bytes) in &self.harmless {
            let reference = references.iter().find(|one| one.name == *journal);
            let file = reference.and_then(|one| one.files.iter().find(|file| file.name() == name));
            let Some(file) = file else { continue };
            let empty = BTreeSet::new();
            let harmful = self
                .harmful
                .get(&(*journal, name.clone()))
                .unwrap_or(&empty);
            let meaning = file.kind.meaning(file.bytes.len());
            // Untested bytes between harmless ones do not end a range; what means something does.
            let mut ranges: Vec<(usize, usize, &str)> = Vec::new();
            for &at in bytes {
                let label = match meaning.iter().any(|range| range.contains(&at)) {
                    true if harmful.contains(&at) => "some of its bits",
                    true => "not read, or superseded",
                    false => "padding, prepared space or stale bytes",
                };
                match ranges.last_mut() {
                    Some((start, end, last))
                        if *last == label
                            && harmful.range(*end..at).next().is_none()
                            && meaning.iter().any(|range| range.contains(start))
                                == meaning.iter().any(|range| range.contains(&at)) =>
                    {
                        *end = at;
                    }
                    _ => ranges.push((at, at, label)),
                }
            }
            for (start, end, label) in ranges {
                eprintln!("harmless: {journal}/{name} bytes {start} to {end}: {label}");
            }
        }
    }

    pub(crate) fn outcome(self, rig: &'static str, seed: Option<u64>, started: Instant) -> Outcome {
        let count = |came| self.counts.get(&came).copied().unwrap_or(0);
        Outcome::Ran(Ran {
            rig,
            cycles: self.cycles,
            facts: vec![
                ("detected", count(Came::Refused)),
                ("torn", count(Came::Torn)),
                ("reported", count(Came::Reported)),
                ("harmless", count(Came::Harmless)),
            ],
            violations: self.violations,
            seed,
            took: started.elapsed(),
        })
    }
}

/// The journals, each of which the engine must find whole before it is damaged.
pub(crate) fn references(only: Option<&str>) -> anyhow::Result<Vec<Reference>> {
    let mut references = super::reference::all()?;
    references.retain(|reference| only.is_none_or(|only| only == reference.name));
    anyhow::ensure!(!references.is_empty(), "there is no such journal");
    for reference in &references {
        let came = check(reference, &Vec::new())
            .with_context(|| format!("{} without any damage", reference.name))?;
        anyhow::ensure!(
            came == Came::Harmless,
            "{} without any damage: {came:?}",
            reference.name
        );
    }
    Ok(references)
}
