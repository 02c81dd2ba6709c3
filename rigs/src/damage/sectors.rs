//! Sectors that are zeros, older, of another place, or swapped.

use std::ops::Range;
use std::time::Instant;

use super::layout::Kind;
use super::reference::Reference;
use super::runner::{Fault, Sum, references};
use crate::outcome::Outcome;
use crate::random::{Random, seed_or_clock};

const SECTOR_BYTES: usize = 512;
/// Misdirected and swapped sectors, of each journal, where not all are tried.
const SAMPLES: usize = 2000;

/// Replaces sectors of reference journals by zeros, by what they were before, and by each other.
#[derive(Debug, clap::Args)]
pub(crate) struct Sectors {
    /// Tries all pairs of sectors, instead of a sample.
    #[arg(long)]
    all: bool,
    /// Only this journal.
    #[arg(long)]
    only: Option<String>,
    /// Chooses the sample.
    #[arg(long)]
    seed: Option<u64>,
}

/// A sector: of which file, and where.
type Place = (usize, usize);

impl Sectors {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let seed = seed_or_clock(self.seed);
        let references = references(self.only.as_deref())?;
        let mut sum = Sum::default();
        for reference in &references {
            let places = places(reference);
            sum.run(reference, places.len(), |number| {
                zeroed(reference, places[number])
            });
            sum.run(reference, places.len(), |number| {
                older(reference, places[number])
            });
            let pairs = places.len() * places.len();
            let tried = if self.all { pairs } else { SAMPLES };
            let pair = |number: usize| {
                let pair = match self.all {
                    true => number,
                    false => sampled(seed, number, pairs),
                };
                (places[pair / places.len()], places[pair % places.len()])
            };
            sum.run(reference, tried, |number| {
                let (to, from) = pair(number);
                misdirected(reference, to, from)
            });
            sum.run(reference, tried, |number| {
                let (one, other) = pair(number);
                swapped(reference, one, other)
            });
        }
        Ok(sum.outcome("sectors", Some(seed), started))
    }
}

fn sampled(seed: u64, number: usize, pairs: usize) -> usize {
    let mut random = Random::new(seed ^ (number as u64).wrapping_mul(0x9e37_79b9));
    usize::try_from(random.below(pairs as u64)).unwrap_or(0)
}

/// The sectors of the segments and snapshots: other files are one sector.
fn places(reference: &Reference) -> Vec<Place> {
    let files = reference.files.iter().enumerate();
    files
        .filter(|(_, file)| matches!(file.kind, Kind::Segment(_) | Kind::Snapshot(_)))
        .flat_map(|(index, file)| {
            (0..file.bytes.len().div_ceil(SECTOR_BYTES)).map(move |sector| (index, sector))
        })
        .collect()
}

fn range(reference: &Reference, (file, sector): Place) -> Range<usize> {
    let length = reference.files[file].bytes.len();
    sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(length)
}

fn sector(reference: &Reference, place: Place) -> &[u8] {
    &reference.files[place.0].bytes[range(reference, place)]
}

/// The file of `place` with other bytes there; `None` where they are the same.
fn replaced(reference: &Reference, place: Place, bytes: &[u8]) -> Option<Vec<u8>> {
    let range = range(reference, place);
    let length = range.len().min(bytes.len());
    let mut file = reference.files[place.0].bytes.clone();
    let target = &mut file[range.start..range.start + length];
    if target == &bytes[..length] {
        return None;
    }
    target.copy_from_slice(&bytes[..length]);
    Some(file)
}

fn name(reference: &Reference, (file, sector): Place) -> String {
    format!("sector {sector} of {}", reference.files[file].name())
}

fn zeroed(reference: &Reference, place: Place) -> Option<Fault> {
    Some(Fault {
        what: format!("{} zeroed", name(reference, place)),
        changes: vec![(place.0, replaced(reference, place, &[0; SECTOR_BYTES])?)],
    })
}

/// What the sector was before its last write: known of recycled files, and zeros elsewhere.
fn older(reference: &Reference, place: Place) -> Option<Fault> {
    let older = reference.older.as_ref()?;
    let Kind::Segment(_) = reference.files[place.0].kind else {
        return None;
    };
    let bytes = older.get(range(reference, place))?;
    Some(Fault {
        what: format!("{} as it was before", name(reference, place)),
        changes: vec![(place.0, replaced(reference, place, bytes)?)],
    })
}

fn misdirected(reference: &Reference, to: Place, from: Place) -> Option<Fault> {
    Some(Fault {
        what: format!(
            "{} written over {}",
            name(reference, from),
            name(reference, to)
        ),
        changes: vec![(to.0, replaced(reference, to, sector(reference, from))?)],
    })
}

fn swapped(reference: &Reference, one: Place, other: Place) -> Option<Fault> {
    let what = format!(
        "{} swapped with {}",
        name(reference, one),
        name(reference, other)
    );
    let first = replaced(reference, one, sector(reference, other))?;
    let changes = if one.0 == other.0 {
        let mut file = first;
        let range = range(reference, other);
        let bytes = sector(reference, one);
        let length = range.len().min(bytes.len());
        file[range.start..range.start + length].copy_from_slice(&bytes[..length]);
        vec![(one.0, file)]
    } else {
        let second = replaced(reference, other, sector(reference, one))?;
        vec![(one.0, first), (other.0, second)]
    };
    Some(Fault { what, changes })
}
