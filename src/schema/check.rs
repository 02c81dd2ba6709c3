//! Comparing the program with its lock.

use super::lock::{Block, blocks_of, parse, text_of};
use super::{Change, SchemaError};
use crate::event::Event;

/// Compares the event types of `E` with the text of a lock.
///
/// # Errors
///
/// [`SchemaError::Changed`] with every difference, additions included; a lock or a layout that
/// cannot be read.
pub fn check<E: Event>(lock: &str) -> Result<(), SchemaError> {
    let changes = compare(&parse(lock)?, &blocks_of::<E>()?);
    match changes.is_empty() {
        true => Ok(()),
        false => Err(SchemaError::Changed(changes)),
    }
}

/// The text of `lock` with what `E` adds to it.
///
/// # Errors
///
/// Those of [`check`], where anything but an addition was found: what is locked is never given up
/// by an update.
pub fn update<E: Event>(lock: &str) -> Result<String, SchemaError> {
    let found = blocks_of::<E>()?;
    let mut changes = compare(&parse(lock)?, &found);
    changes.retain(|change| !change.is_compatible());
    match changes.is_empty() {
        true => Ok(text_of(&found)),
        false => Err(SchemaError::Changed(changes)),
    }
}

/// Every difference, in the order of the lock, and then what it does not have.
fn compare(locked: &[Block], found: &[Block]) -> Vec<Change> {
    let mut changes = Vec::new();
    for block in locked {
        let change = compare_block(block, found);
        // Once for all versions of a type.
        changes.extend(change.filter(|change| !changes.contains(change)));
    }
    for block in found {
        let is_same = |other: &&Block| (other.kind, other.version) == (block.kind, block.version);
        // What is renamed, renumbered or reused was told above.
        let is_told = locked
            .iter()
            .any(|other| (other.kind == block.kind) != (other.name == block.name));
        if !locked.iter().any(|other| is_same(&other)) && !is_told {
            changes.push(Change::NotLocked {
                name: block.name.clone(),
                version: block.version,
            });
        }
    }
    changes
}

fn compare_block(locked: &Block, found: &[Block]) -> Option<Change> {
    let of_kind = || found.iter().filter(|block| block.kind == locked.kind);
    let current = of_kind().map(|block| block.version).max();
    let same = of_kind().find(|block| block.version == locked.version);
    if let Some(other) = of_kind().next().filter(|block| block.name != locked.name) {
        let (kind, locked_name, found_name) =
            (locked.kind, locked.name.clone(), other.name.clone());
        let is_elsewhere = found.iter().any(|block| block.name == locked.name);
        let is_renamed = !is_elsewhere && same.is_some_and(|same| same.layout == locked.layout);
        return Some(match is_renamed {
            true => Change::Renamed {
                kind,
                locked: locked_name,
                found: found_name,
            },
            false => Change::KindReused {
                kind,
                locked: locked_name,
                found: found_name,
            },
        });
    }
    let Some(same) = same else {
        let elsewhere = found.iter().find(|block| block.name == locked.name);
        return Some(match (current, elsewhere) {
            (None, Some(elsewhere)) => Change::Renumbered {
                name: locked.name.clone(),
                locked: locked.kind,
                found: elsewhere.kind,
            },
            _ => Change::Removed {
                name: locked.name.clone(),
                kind: locked.kind,
                version: locked.version,
                current,
            },
        });
    };
    (same.layout != locked.layout).then(|| {
        let (locked_lines, found_lines) = apart(&locked.layout, &same.layout);
        Change::Layout {
            name: locked.name.clone(),
            version: locked.version,
            current: current.unwrap_or(locked.version),
            locked: locked_lines.to_vec(),
            found: found_lines.to_vec(),
        }
    })
}

/// The lines between what two layouts have in common at their beginnings and ends.
fn apart<'a>(one: &'a [String], other: &'a [String]) -> (&'a [String], &'a [String]) {
    let common = |pairs: &mut dyn Iterator<Item = (&String, &String)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let start = common(&mut one.iter().zip(other));
    let (one, other) = (&one[start..], &other[start..]);
    let end = common(&mut one.iter().rev().zip(other.iter().rev()));
    (&one[..one.len() - end], &other[..other.len() - end])
}
