//! Repair: what an opening does by itself, and the cut that has to be asked for; killed anywhere and
//! made again, it ends the same.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

#[path = "support/damaged.rs"]
mod damaged;
#[path = "support/killed.rs"]
mod killed;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use damaged::{BLOCK, edit, flip, forget_control_word, journal, readable, salvaged, zero};
use killed::Killed;
use ringlog::OpenError;
use ringlog::journal::{JournalReader, ReadError, Repair, RepairError, RepairStep};
use support::{added, open, segments};

/// A damage to a journal of three segments with ten events each.
struct Case {
    name: &'static str,
    damage: fn(&Path, &[PathBuf]),
    /// The last event in front of it.
    last_known: u64,
}

const CORRUPT: &[Case] = &[
    Case {
        name: "a flipped bit in the middle of the first segment",
        damage: |_, segments| flip(&segments[0], 3),
        last_known: 2,
    },
    Case {
        name: "a flipped bit in the first group of all",
        damage: |_, segments| flip(&segments[0], 1),
        last_known: 0,
    },
    Case {
        name: "a flipped bit in the first group of a later segment",
        damage: |_, segments| flip(&segments[1], 1),
        last_known: 10,
    },
    Case {
        name: "a flipped bit in the last segment",
        damage: |_, segments| flip(&segments[2], 4),
        last_known: 23,
    },
    Case {
        name: "the header of the first segment",
        damage: |_, segments| zero(&segments[0], 0..1),
        last_known: 0,
    },
    Case {
        name: "the header of the middle segment",
        damage: |_, segments| edit(&segments[1], |bytes| bytes[50] ^= 1),
        last_known: 10,
    },
    Case {
        name: "the header of the last segment",
        damage: |_, segments| edit(&segments[2], |bytes| bytes[50] ^= 1),
        last_known: 20,
    },
    Case {
        name: "the first segment is missing",
        damage: |_, segments| fs::remove_file(&segments[0]).unwrap(),
        last_known: 0,
    },
    Case {
        name: "the middle segment is missing",
        damage: |_, segments| fs::remove_file(&segments[1]).unwrap(),
        last_known: 10,
    },
    Case {
        name: "the last segment is missing, while the control word knows of it",
        damage: |_, segments| fs::remove_file(&segments[2]).unwrap(),
        last_known: 20,
    },
    Case {
        name: "every segment is missing, while the control word knows of them",
        damage: |_, segments| {
            for segment in segments {
                fs::remove_file(segment).unwrap();
            }
        },
        last_known: 0,
    },
    Case {
        name: "zeroed blocks in the middle",
        damage: |_, segments| zero(&segments[1], 3..6),
        last_known: 12,
    },
    Case {
        name: "zeros from a block on to the end of the journal",
        damage: |_, segments| zero(&segments[2], 4..12),
        last_known: 23,
    },
    Case {
        name: "a last segment that was cut short",
        damage: |_, segments| edit(&segments[2], |bytes| bytes.truncate(4 * BLOCK + 17)),
        last_known: 23,
    },
    Case {
        name: "an empty file for a segment",
        damage: |_, segments| edit(&segments[1], Vec::clear),
        last_known: 10,
    },
    Case {
        name: "a segment of another journal",
        damage: |directory, segments| {
            let other = directory.join("other");
            let theirs = journal(&other, 3);
            fs::copy(&theirs[1], &segments[1]).unwrap();
            fs::remove_dir_all(other).unwrap();
        },
        last_known: 10,
    },
    Case {
        name: "a segment by another sequence's name",
        damage: |_, segments| {
            let name = segments[1].to_str().unwrap().replace("00011-", "00012-");
            fs::rename(&segments[1], name).unwrap();
        },
        last_known: 10,
    },
    Case {
        name: "damage, and the control word too",
        damage: |directory, segments| {
            flip(&segments[1], 5);
            fs::write(directory.join("partition-0000/control"), [7; 32]).unwrap();
        },
        last_known: 14,
    },
];

/// What an opening mends by itself: nothing that was acknowledged is lost.
const MENDED: &[Case] = &[
    Case {
        name: "garbage behind the last group",
        damage: |_, segments| edit(&segments[2], |bytes| bytes.extend([0x5a; 6000])),
        last_known: 30,
    },
    Case {
        name: "a torn last group that nothing witnesses",
        damage: |directory, segments| {
            forget_control_word(directory);
            edit(&segments[2], |bytes| {
                bytes.truncate(11 * BLOCK);
                bytes[10 * BLOCK + 80..].fill(0);
            });
        },
        last_known: 29,
    },
    Case {
        name: "a torn first group of a segment",
        damage: |directory, segments| {
            forget_control_word(directory);
            edit(&segments[2], |bytes| {
                bytes.truncate(2 * BLOCK);
                bytes[BLOCK + 80..].fill(0);
            });
        },
        last_known: 20,
    },
    Case {
        name: "a sound last group that nothing witnesses",
        damage: |directory, segments| {
            forget_control_word(directory);
            edit(&segments[2], |bytes| bytes.truncate(11 * BLOCK));
        },
        last_known: 30,
    },
    Case {
        name: "an unreadable control word",
        damage: |directory, _| {
            fs::write(directory.join("partition-0000/control"), [7; 32]).unwrap();
        },
        last_known: 30,
    },
    Case {
        name: "an unreadable control word and a torn tail",
        damage: |directory, segments| {
            fs::write(directory.join("partition-0000/control"), [7; 32]).unwrap();
            edit(&segments[2], |bytes| bytes.extend([0x5a; 100]));
        },
        last_known: 30,
    },
];

fn damaged(case: &Case) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let found = journal(directory.path(), 3);
    (case.damage)(directory.path(), &found);
    directory
}

/// Every file of a directory with its bytes.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// A copy of a directory, in memory where that can be: a kill loses nothing that was written.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    for (path, bytes) in contents(from) {
        let path = to.path().join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    to
}

fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[track_caller]
fn assert_repaired(directory: &Path, last_known: u64, what: &str) {
    assert_eq!(readable(directory), (up_to(last_known), false), "{what}");
    let report = JournalReader::open(directory)
        .unwrap()
        .verify(|_| Ok(()))
        .unwrap();
    let check = &report.partitions[0];
    assert!(
        check.error.is_none() && check.torn_tail.is_none() && !check.control_unreadable,
        "{what}: {check:?}"
    );
    let plan = Repair::new(directory).plan().unwrap();
    assert!(plan.is_empty(), "{what}: {plan:?}");
}

/// A kill may leave some: the next opening removes them.
#[track_caller]
fn assert_no_temporaries(directory: &Path) {
    let is_temporary = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tmp");
    assert!(!contents(directory).keys().any(is_temporary));
}

/// The journal goes on behind `last_known`, also after another opening.
#[track_caller]
fn assert_goes_on(directory: &Path, last_known: u64, what: &str) {
    for more in 1..=2 {
        let pipeline = open(directory, 1);
        let publisher = pipeline.publisher();
        publisher.publish(&added(1, 7)).unwrap().wait().unwrap();
        let sequences = pipeline.read(1, |state| state.sequences.clone()).unwrap();
        assert_eq!(sequences, up_to(last_known + more), "{what}");
        pipeline.close().unwrap();
    }
}

#[test]
fn corruption_is_refused_with_its_place_until_the_loss_is_accepted() {
    for case in CORRUPT {
        let directory = damaged(case);
        let before = contents(directory.path());
        let (readable, _) = salvaged(directory.path());
        let error = Repair::new(directory.path()).execute().unwrap_err();
        let RepairError::LossNotAccepted { losses } = &error else {
            panic!("{}: {error}", case.name)
        };
        assert_eq!(losses.len(), 1, "{}", case.name);
        let damage = &losses[0].corruption;
        assert_eq!(
            (damage.last_known, damage.first_lost),
            (case.last_known, case.last_known + 1),
            "{}: {error}",
            case.name
        );
        assert!(!damage.segment.is_empty() && error.is_corruption());
        assert_eq!(
            losses[0].sound_events,
            readable.len() as u64 - case.last_known,
            "{}",
            case.name
        );
        let plan = Repair::new(directory.path()).plan().unwrap();
        assert_eq!(plan.losses().count(), 1);
        assert_eq!(before, contents(directory.path()), "{}", case.name);
    }
}

#[test]
fn a_cut_keeps_what_precedes_the_damage_and_copies_everything_else_first() {
    for case in CORRUPT {
        let directory = damaged(case);
        let before = contents(directory.path());
        let planned = Repair::new(directory.path()).plan().unwrap();
        let done = Repair::new(directory.path())
            .accept_loss(true)
            .execute()
            .unwrap();
        assert_eq!(planned.partitions[0].steps, done.partitions[0].steps);
        assert_repaired(directory.path(), case.last_known, case.name);
        assert_no_temporaries(directory.path());
        // Whatever is not in the journal any more is in the quarantine.
        let copies: BTreeMap<_, _> = done.partitions[0]
            .steps
            .iter()
            .filter_map(|step| match step {
                RepairStep::Copy {
                    segment,
                    position,
                    bytes,
                    to,
                } => {
                    let copy = fs::read(directory.path().join(to)).unwrap();
                    assert_eq!(copy.len() as u64, *bytes, "{}", case.name);
                    Some((segment.clone(), (*position, copy)))
                }
                _ => None,
            })
            .collect();
        let after = contents(directory.path());
        for (path, old) in before {
            let is_segment = path.extension().is_some_and(|ending| ending == "seg");
            if !is_segment || after.get(&path) == Some(&old) {
                continue;
            }
            let end = old
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            if end == 0 {
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            let (position, copy) = &copies[name];
            assert_eq!(
                (*position, copy),
                (0, &old[..end].to_vec()),
                "{}",
                case.name
            );
        }
        assert_goes_on(directory.path(), case.last_known, case.name);
    }
}

#[test]
fn what_an_opening_mends_is_mended_without_accepting_a_loss() {
    for case in MENDED {
        let directory = damaged(case);
        let before = contents(directory.path());
        let opened = copy(directory.path());
        open(opened.path(), 1).close().unwrap();
        let planned = Repair::new(directory.path()).plan().unwrap();
        assert!(!planned.is_empty() && planned.losses().count() == 0);
        assert_eq!(before, contents(directory.path()), "{}", case.name);
        let done = Repair::new(directory.path()).execute().unwrap();
        assert_eq!(planned.partitions[0].steps, done.partitions[0].steps);
        assert_repaired(directory.path(), case.last_known, case.name);
        assert_no_temporaries(directory.path());
        // The same files as an opening leaves, and the steps named each of them.
        let names = |root: &Path| -> Vec<PathBuf> {
            let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_owned();
            contents(root).keys().map(relative).collect()
        };
        assert_eq!(
            names(directory.path()),
            names(opened.path()),
            "{}",
            case.name
        );
        for step in &done.partitions[0].steps {
            let (name, is_there) = match step {
                RepairStep::Copy { to, .. } => (to, directory.path().join(to).exists()),
                RepairStep::StartSegment { segment, .. } => (
                    segment,
                    directory
                        .path()
                        .join("partition-0000")
                        .join(segment)
                        .exists(),
                ),
                _ => continue,
            };
            assert!(is_there, "{}: no {name}", case.name);
        }
        assert_goes_on(directory.path(), case.last_known, case.name);
    }
}

#[test]
fn a_sound_journal_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path(), 2);
    let before = contents(directory.path());
    let done = Repair::new(directory.path())
        .accept_loss(true)
        .execute()
        .unwrap();
    assert!(done.is_empty());
    assert_eq!(before, contents(directory.path()));
}

/// Killed at its k-th call, for every k; then made again.
#[test]
fn a_repair_that_was_killed_anywhere_is_made_again_and_ends_the_same() {
    let mut kills = 0;
    for case in CORRUPT.iter().chain(MENDED) {
        let original = damaged(case);
        for allowed in 0.. {
            let directory = copy(original.path());
            let repair = Repair::new(directory.path()).accept_loss(true);
            let first = repair.clone().storage(Killed::after(allowed)).execute();
            let what = format!("{}, killed at call {allowed}", case.name);
            // What precedes the damage is readable at any moment, and nothing else ever is. Without
            // a control word a reader does not show a last group that nothing else witnesses.
            let sequences = readable(directory.path()).0;
            assert!(
                sequences == up_to(case.last_known)
                    || sequences == up_to(case.last_known.saturating_sub(1)),
                "{what}: {sequences:?}"
            );
            if first.is_ok() {
                break;
            }
            kills += 1;
            // An opening refuses, or finds exactly that.
            if allowed % 5 == 0 {
                let opened = copy(directory.path());
                let pipeline = ringlog::Pipeline::<support::Counters>::builder(opened.path())
                    .open(|_| support::Counters::default());
                match pipeline {
                    Ok(pipeline) => {
                        let sequences = pipeline.read(1, |state| state.sequences.clone()).unwrap();
                        assert_eq!(sequences, up_to(case.last_known), "{what}");
                    }
                    Err(OpenError::Journal(error)) => assert!(error.is_corruption(), "{what}"),
                    Err(error) => panic!("{what}: {error}"),
                }
            }
            repair
                .execute()
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_repaired(directory.path(), case.last_known, &what);
            if allowed % 7 == 0 {
                assert_goes_on(directory.path(), case.last_known, &what);
            }
        }
    }
    assert!(kills > 200, "{kills}");
}

/// A kill loses nothing that was written, a power cut does: the order of syncs is what holds then.
#[test]
fn a_cut_is_synced_step_by_step() {
    let directory = tempfile::tempdir().unwrap();
    let found = journal(directory.path(), 4);
    flip(&found[1], 3);
    let storage = Killed::after(usize::MAX);
    Repair::new(directory.path())
        .accept_loss(true)
        .storage(storage.clone())
        .execute()
        .unwrap();
    let calls = storage.calls();
    let at = |wanted: &str| -> Vec<usize> {
        let found: Vec<_> = (0..calls.len())
            .filter(|index| calls[*index].starts_with(wanted))
            .collect();
        assert!(!found.is_empty(), "no {wanted} in {calls:#?}");
        found
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    // Copies: each is synced before it gets its name; all are durable before the control word.
    let control = at("write control")[0];
    let copies = at("rename partition-0000-");
    assert_eq!(copies.len(), 3);
    for copy in copies {
        assert!(calls[copy - 1].starts_with("sync partition-0000-"));
        assert_eq!(calls[copy + 1], "sync_dir quarantine");
        assert!(copy < control);
    }
    assert_eq!(
        calls[control + 1..control + 3],
        ["sync control", "sync_dir partition-0000"]
    );
    // Removals: from the last, each durable before the next.
    let removals = at("remove ");
    assert_eq!(removals.len(), 2);
    assert_eq!(calls[removals[0]], format!("remove {}", name(&found[3])));
    assert_eq!(calls[removals[1]], format!("remove {}", name(&found[2])));
    for removal in &removals {
        assert!(*removal > control);
        assert_eq!(calls[removal + 1], "sync_dir partition-0000");
    }
    // The fresh segment: synced, named, and its name durable, as the last of all.
    let named = at("rename 0000")[0];
    assert!(named > removals[1]);
    assert_eq!(calls[named - 1], "sync recovered.tmp");
    assert_eq!(calls[named + 1..], ["sync_dir partition-0000"]);
}

#[test]
fn two_cuts_of_one_segments_name_keep_both_copies() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=2_u64 {
        let found = journal_of_one(directory.path(), round);
        zero(&found, 0..1);
        Repair::new(directory.path())
            .accept_loss(true)
            .execute()
            .unwrap();
        let copies = fs::read_dir(directory.path().join("quarantine")).unwrap();
        assert_eq!(copies.count() as u64, round);
    }
}

fn journal_of_one(directory: &Path, amount: u64) -> PathBuf {
    let pipeline = open(directory, 1);
    let publisher = pipeline.publisher();
    publisher
        .publish(&added(1, amount))
        .unwrap()
        .wait()
        .unwrap();
    pipeline.close().unwrap();
    segments(directory).pop().unwrap()
}

#[test]
fn a_missing_partition_folder_is_made_anew_once_its_loss_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    for partition in 0..2 {
        let counter = support::counter_in(partition, 2);
        publisher
            .publish(&added(counter, 1))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    fs::remove_dir_all(directory.path().join("partition-0001")).unwrap();
    let error = Repair::new(directory.path()).execute().unwrap_err();
    let RepairError::LossNotAccepted { losses } = &error else {
        panic!("{error}")
    };
    assert_eq!(losses[0].corruption.partition, 1);
    assert!(error.to_string().contains("folder"), "{error}");
    for allowed in 0..2 {
        let storage = Killed::after(allowed);
        let repair = Repair::new(directory.path())
            .accept_loss(true)
            .storage(storage);
        assert_eq!(repair.execute().is_ok(), allowed == 1);
    }
    let pipeline = open(directory.path(), 2);
    let events = support::states(&pipeline);
    assert_eq!(events[0].sequences.len(), 1);
    assert_eq!(events[1].sequences.len(), 0);
}

#[test]
fn nothing_is_changed_in_any_partition_while_one_loss_is_not_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let publisher = pipeline.publisher();
    for partition in [0, 0, 0, 1] {
        let counter = support::counter_in(partition, 2);
        publisher
            .publish(&added(counter, 1))
            .unwrap()
            .wait()
            .unwrap();
    }
    pipeline.close().unwrap();
    flip(&segments(directory.path())[0], 2);
    fs::write(directory.path().join("partition-0001/control"), [1; 32]).unwrap();
    let before = contents(directory.path());
    Repair::new(directory.path()).execute().unwrap_err();
    assert_eq!(before, contents(directory.path()));
    Repair::new(directory.path())
        .accept_loss(true)
        .execute()
        .unwrap();
    assert!(Repair::new(directory.path()).plan().unwrap().is_empty());
    let pipeline = open(directory.path(), 2);
    let states = support::states(&pipeline);
    assert_eq!(
        (states[0].sequences.len(), states[1].sequences.len()),
        (1, 1)
    );
}

#[test]
fn a_journal_that_is_open_is_not_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    for answer in [
        Repair::new(directory.path()).plan(),
        Repair::new(directory.path()).execute(),
    ] {
        let error = answer.unwrap_err();
        assert!(matches!(error, RepairError::AlreadyOpen { .. }), "{error}");
    }
    pipeline.close().unwrap();
    assert!(Repair::new(directory.path()).execute().unwrap().is_empty());
}

#[test]
fn damaged_metadata_cannot_be_repaired_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path(), 1);
    edit(&directory.path().join("journal.meta"), |bytes| {
        bytes[30] ^= 1
    });
    let before = contents(directory.path());
    for repair in [
        Repair::new(directory.path()).plan(),
        Repair::new(directory.path()).accept_loss(true).execute(),
    ] {
        let error = repair.unwrap_err();
        assert!(matches!(error, RepairError::Metadata(_)) && error.is_corruption());
        let text = error.to_string();
        assert!(
            text.contains("journal.meta") && text.contains("restore it"),
            "{text}"
        );
    }
    assert_eq!(before, contents(directory.path()));
    let error = Repair::new(directory.path().join("nothing"))
        .plan()
        .unwrap_err();
    assert!(
        matches!(error, RepairError::Journal(ReadError::NotAJournal { .. })),
        "{error}"
    );
}
