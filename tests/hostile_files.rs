//! Files that nobody wrote as a journal: each is a typed error that names the file and the place,
//! for whoever opens, reads, verifies or repairs.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

#[path = "support/damaged.rs"]
mod damaged;
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use damaged::{BLOCK, edit, journal};
use ringlog::journal::{JournalReader, ReadError, Repair, RepairError};
use ringlog::{OpenError, Pipeline};
use support::Counters;

/// The error of each way in: opening for writing, reading, verifying and repairing.
fn errors(directory: &Path) -> Vec<ReadError> {
    let mut found = Vec::new();
    match Pipeline::<Counters>::builder(directory).open(|_| Counters::default()) {
        Err(OpenError::Journal(error)) => found.push(error),
        other => panic!("opened: {other:?}"),
    }
    match Repair::new(directory).plan() {
        Err(RepairError::Journal(error) | RepairError::Metadata(error)) => found.push(error),
        other => panic!("planned: {other:?}"),
    }
    let reader = match JournalReader::open(directory) {
        Ok(reader) => reader,
        Err(error) => {
            found.push(error);
            return found;
        }
    };
    let report = reader.verify(|_| Ok(()));
    found.push(match report {
        Err(error) => error,
        Ok(mut report) => report.partitions.remove(0).error.expect("verify finds it"),
    });
    let read = || -> Result<(), ReadError> {
        let mut cursor = reader.cursor(0)?;
        while cursor.next_event()?.is_some() {}
        Ok(())
    };
    found.push(read().expect_err("a cursor meets it"));
    found
}

#[track_caller]
fn assert_each_names(directory: &Path, word: &str, is_kind: fn(&ReadError) -> bool) {
    for error in errors(directory) {
        let text = error.to_string();
        assert!(is_kind(&error) && text.contains(word), "{text}");
    }
}

fn is_io(error: &ReadError) -> bool {
    matches!(error, ReadError::Io { .. })
}

fn is_newer(error: &ReadError) -> bool {
    matches!(error, ReadError::NewerFormat { version: 2, .. })
}

fn with_journal(segments: u64) -> (tempfile::TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let found = journal(directory.path(), segments);
    (directory, found)
}

#[test]
fn a_symbolic_link_is_no_file_of_a_journal() {
    for name in ["journal.meta", "partition-0000/control"] {
        let (directory, _) = with_journal(1);
        let path = directory.path().join(name);
        fs::rename(&path, directory.path().join("elsewhere")).unwrap();
        symlink(directory.path().join("elsewhere"), &path).unwrap();
        assert_each_names(directory.path(), "symbolic link", is_io);
    }
    let (directory, segments) = with_journal(2);
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&segments[1], &elsewhere).unwrap();
    symlink(&elsewhere, &segments[1]).unwrap();
    let name = segments[1].file_name().unwrap().to_str().unwrap();
    assert_each_names(directory.path(), name, is_io);
    assert_each_names(directory.path(), "symbolic link", is_io);
}

#[test]
fn a_directory_may_be_reached_through_a_link_but_not_through_a_dead_one() {
    let (directory, _) = with_journal(1);
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("link");
    symlink(directory.path(), &link).unwrap();
    assert_eq!(damaged::readable(&link).0.len(), 10);
    let loops = place.path().join("loop");
    symlink(&loops, &loops).unwrap();
    assert_each_names(&loops, "loop", is_io);
}

#[test]
fn a_pipe_or_a_folder_for_a_segment_is_an_error_and_no_waiting() {
    let (directory, segments) = with_journal(1);
    fs::remove_file(&segments[0]).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&segments[0])
        .status();
    if made.is_ok_and(|status| status.success()) {
        assert_each_names(directory.path(), "cannot", is_io);
    } else {
        writeln!(std::io::stderr(), "SKIPPED: there is no mkfifo").unwrap();
    }
    fs::remove_file(&segments[0]).ok();
    fs::create_dir(&segments[0]).unwrap();
    assert_each_names(directory.path(), "cannot", is_io);
}

#[test]
fn a_file_for_a_directory_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, b"hello").unwrap();
    assert_each_names(&file, "file", is_io);
}

#[test]
fn a_read_only_directory_can_be_read_and_verified_but_not_written() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, _) = with_journal(1);
    let folders = [
        directory.path().join("partition-0000"),
        directory.path().to_owned(),
    ];
    let set = |mode| {
        for folder in &folders {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_file() {
                    fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
                }
            }
            fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o111)).unwrap();
        }
    };
    set(0o444);
    if fs::write(directory.path().join("probe"), b"x").is_ok() {
        let words = "SKIPPED: this user (root?) writes where permissions forbid it";
        writeln!(std::io::stderr(), "{words}").unwrap();
    } else {
        let opened = Pipeline::<Counters>::builder(directory.path()).open(|_| Counters::default());
        let Err(OpenError::Journal(error)) = opened else {
            panic!("{opened:?}")
        };
        assert!(
            is_io(&error) && error.to_string().contains("lock"),
            "{error}"
        );
        assert_eq!(damaged::readable(directory.path()).0.len(), 10);
        assert!(Repair::new(directory.path()).plan().unwrap().is_empty());
    }
    set(0o644);
}

#[test]
fn a_newer_format_is_named_and_never_cut() {
    // The metadata.
    let (directory, _) = with_journal(1);
    let path = directory.path().join("journal.meta");
    let text = fs::read_to_string(&path).unwrap();
    let body = text.split("checksum").next().unwrap();
    let body = body.replace("format 1", "format 2");
    let sum = crc32c(body.as_bytes());
    fs::write(&path, format!("{body}checksum {sum:08x}\n")).unwrap();
    assert_each_names(directory.path(), "journal.meta", is_newer);
    // A segment's header: of the last one, and of one before it.
    for segment in 0..2 {
        let (directory, segments) = with_journal(2);
        edit(&segments[segment], |bytes| {
            bytes[12] = 2;
            let sum = crc32c(&bytes[12..80]);
            bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        });
        let name = segments[segment].file_name().unwrap().to_str().unwrap();
        assert_each_names(directory.path(), name, is_newer);
        let accepted = Repair::new(directory.path()).accept_loss(true).execute();
        assert!(matches!(accepted, Err(RepairError::Journal(error)) if is_newer(&error)));
    }
    // A group.
    let (directory, segments) = with_journal(2);
    edit(&segments[1], |bytes| {
        let group = &mut bytes[BLOCK..2 * BLOCK];
        group[8] = 2;
        let length = u32::from_le_bytes(group[56..60].try_into().unwrap()) as usize;
        let sum = crc32c(&[&group[64..64 + length], &group[8..64]].concat());
        group[4..8].copy_from_slice(&sum.to_le_bytes());
    });
    let name = segments[1].file_name().unwrap().to_str().unwrap();
    assert_each_names(directory.path(), name, is_newer);
}

#[test]
fn a_newer_segment_behind_damage_is_not_cut_either() {
    let (directory, segments) = with_journal(3);
    damaged::flip(&segments[0], 2);
    edit(&segments[1], |bytes| {
        bytes[12] = 2;
        let sum = crc32c(&bytes[12..80]);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    });
    let accepted = Repair::new(directory.path()).accept_loss(true).execute();
    assert!(
        matches!(&accepted, Err(RepairError::Journal(error)) if is_newer(error)),
        "{accepted:?}"
    );
}

#[test]
fn huge_lengths_and_numbers_are_damage_with_their_place() {
    // Each group field that a program would trust, as large as it goes, with a right checksum
    // where the field is under it.
    for (offset, bytes_wide) in [(16, 8), (24, 8), (32, 8), (56, 4), (60, 4)] {
        let (directory, segments) = with_journal(1);
        edit(&segments[0], |bytes| {
            let group = &mut bytes[3 * BLOCK..4 * BLOCK];
            let length = u32::from_le_bytes(group[56..60].try_into().unwrap()) as usize;
            group[offset..offset + bytes_wide].fill(0xff);
            let sum = crc32c(&[&group[64..64 + length], &group[8..64]].concat());
            group[4..8].copy_from_slice(&sum.to_le_bytes());
        });
        // A witness that claims too much is believed: then what it names is missing.
        for error in plan_aside(directory.path()) {
            assert!(error.is_corruption(), "offset {offset}: {error}");
        }
        // Who takes the checksum along may claim events that are not there, and so hide real ones;
        // but never unsaid.
        let readable_min = if offset == 60 { 3 } else { 9 };
        let (sequences, gaps) = damaged::salvaged(directory.path());
        assert!(sequences.len() >= readable_min, "offset {offset}");
        assert!(!gaps.is_empty(), "offset {offset}");
    }
    // A frame's length.
    let (directory, segments) = with_journal(1);
    edit(&segments[0], |bytes| {
        let group = &mut bytes[3 * BLOCK..4 * BLOCK];
        let length = u32::from_le_bytes(group[56..60].try_into().unwrap()) as usize;
        group[64..68].fill(0xff);
        let sum = crc32c(&[&group[64..64 + length], &group[8..64]].concat());
        group[4..8].copy_from_slice(&sum.to_le_bytes());
    });
    let (sequences, gaps) = damaged::salvaged(directory.path());
    assert_eq!(sequences, [1, 2, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!((gaps[0].first_lost, gaps[0].lost_up_to), (3, Some(3)));
    // File names that claim the end of all numbers.
    for name in [
        "18446744073709551615-18446744073709551615.seg",
        "00000000000000000001-18446744073709551615.seg",
        "18446744073709551615-00000000000000000001.seg",
    ] {
        let (directory, segments) = with_journal(1);
        let path = segments[0].with_file_name(name);
        fs::write(&path, b"").unwrap();
        for error in plan_aside(directory.path()) {
            assert!(error.is_corruption(), "{name}: {error}");
        }
        // One by the number of a segment's first group hides that segment, but never unsaid.
        let hides = name.ends_with("-00000000000000000001.seg");
        let (sequences, gaps) = damaged::salvaged(directory.path());
        assert_eq!(sequences.len(), if hides { 0 } else { 10 }, "{name}");
        assert!(!gaps.is_empty(), "{name}");
        let accepted = Repair::new(directory.path()).accept_loss(true).execute();
        assert!(accepted.is_ok(), "{name}: {accepted:?}");
        assert!(!path.exists());
        assert!(!damaged::readable(directory.path()).1, "{name}");
    }
}

/// The errors of opening and reading, without planning a repair: that has a plan for corruption.
fn plan_aside(directory: &Path) -> Vec<ReadError> {
    let reader = JournalReader::open(directory).unwrap();
    let mut report = reader.verify(|_| Ok(())).unwrap();
    let mut found = vec![report.partitions.remove(0).error.unwrap()];
    match Pipeline::<Counters>::builder(directory).open(|_| Counters::default()) {
        Err(OpenError::Journal(error)) => found.push(error),
        other => panic!("opened: {other:?}"),
    }
    found
}

/// CRC-32C, bit by bit: the tests' own.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
