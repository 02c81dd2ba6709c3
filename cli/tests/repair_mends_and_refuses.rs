//! `repair` and what it says: the plan, what was done, what is refused, and its exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use program::{Place, command, end, lines, ringlog};

const BLOCK_BYTES: usize = 4096;

/// Three runs, three segments, a hundred events in each.
fn journal() -> (Place, Vec<PathBuf>) {
    let place = Place::new();
    for last in [100, 200, 300] {
        let file = place.file("events", lines(last));
        place.ingest(&[&file, "--partitions", "1"]);
    }
    let mut segments: Vec<_> = fs::read_dir(place.path("journal/partition-0000"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    segments.sort();
    assert_eq!(segments.len(), 3);
    (place, segments)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn contents(directory: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(path.to_str().unwrap()));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn a_sound_journal_needs_no_repair() {
    let (place, _) = journal();
    let before = contents(&place.journal());
    for arguments in [vec!["--dry-run"], vec![], vec!["--accept-loss"]] {
        let answer = place.run("repair", &arguments).expect(0).json();
        assert_eq!(answer["outcome"], "nothing to do");
    }
    assert_eq!(before, contents(&place.journal()));
}

#[test]
fn a_torn_tail_is_planned_and_then_set_aside() {
    let (place, segments) = journal();
    edit(&segments[2], |bytes| bytes.extend([0xa5; 100]));
    let before = contents(&place.journal());
    let answer = place.run("repair", &["--dry-run"]).expect(3).json();
    assert_eq!(answer["outcome"], "planned");
    let steps = answer["partitions"][0]["steps"].clone();
    assert!(steps[0].as_str().unwrap().starts_with("Copy 100 bytes"));
    assert_eq!(before, contents(&place.journal()));

    let answer = place.run("repair", &[]).expect(0).json();
    assert_eq!(answer["outcome"], "repaired");
    assert_eq!(answer["partitions"][0]["steps"], steps);
    place.run("verify", &[]).expect(0);
    assert_eq!(place.dump(&[]).len(), 300);
}

#[test]
fn damage_is_cut_only_when_its_loss_is_accepted() {
    let (place, segments) = journal();
    edit(&segments[1], |bytes| bytes[BLOCK_BYTES + 100] ^= 1);
    let sound = place.run("dump", &[]).expect(4).json();
    let sound = sound.as_array().unwrap().len() as u64;
    let before = contents(&place.journal());
    for (arguments, outcome) in [(vec!["--dry-run"], "planned"), (vec![], "refused")] {
        let answer = place.run("repair", &arguments).expect(4).json();
        assert_eq!(answer["outcome"], outcome);
        let loss = &answer["partitions"][0]["loss"];
        assert_eq!(loss["last_known"], sound);
        assert_eq!(loss["first_lost"], sound + 1);
        assert!(loss["position"].as_u64().unwrap() >= BLOCK_BYTES as u64);
        let name = segments[1].file_name().unwrap().to_str().unwrap();
        assert_eq!(loss["segment"], name);
        let finding = answer["partitions"][0]["findings"][0].as_str().unwrap();
        assert!(finding.contains("dump --salvage"), "{finding}");
        assert_eq!(before, contents(&place.journal()));
    }
    let text = ringlog(&["repair", "--dir", &place.journal()]).expect(4);
    assert!(text.stdout.contains("Refused"), "{}", text.stdout);

    let answer = place.run("repair", &["--accept-loss"]).expect(0).json();
    assert_eq!(answer["outcome"], "repaired");
    let verdict = place.run("verify", &[]).expect(0).json();
    assert_eq!(verdict["events"], sound);
    // What was cut is in the quarantine, and ingesting again fills the journal up.
    assert!(
        fs::read_dir(place.path("journal/quarantine"))
            .unwrap()
            .count()
            >= 2
    );
    place.ingest(&[&place.path("events")]);
    assert_eq!(place.dump(&[]).len(), 300);
    place.run("verify", &[]).expect(0);
}

#[test]
fn what_cannot_be_repaired_says_what_to_do() {
    let place = Place::new();
    place
        .run("repair", &[])
        .expect(1)
        .says("not a ringlog journal");
    ringlog(&["repair"]).expect(2);
    let (place, _) = journal();
    edit(Path::new(&place.path("journal/journal.meta")), |bytes| {
        bytes[30] ^= 1
    });
    place
        .run("repair", &["--accept-loss"])
        .expect(4)
        .says("restore it from a copy");
}

#[test]
fn an_unreadable_control_word_is_stored_anew() {
    let (place, _) = journal();
    fs::write(place.path("journal/partition-0000/control"), [7; 32]).unwrap();
    place.run("verify", &[]).expect(4);
    place.run("repair", &["--dry-run"]).expect(4);
    place.run("repair", &[]).expect(0);
    place.run("verify", &[]).expect(0);
    assert_eq!(place.dump(&[]).len(), 300);
}

#[test]
fn a_journal_in_use_is_not_repaired() {
    let (place, _) = journal();
    let journal = place.journal();
    let arguments = [
        "ingest", "-", "--source", "pipe", "--dir", &journal, "--json",
    ];
    let mut writer = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let pipe = writer.stdin.take().unwrap();
    while place.run("verify", &[]).expect(0).json()["has_writer"] != true {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for arguments in [vec!["--dry-run"], vec![]] {
        place
            .run("repair", &arguments)
            .expect(1)
            .says("already open");
    }
    drop(pipe);
    end(writer).expect(0);
}

#[test]
fn verify_has_a_sentence_for_each_damage() {
    let (place, segments) = journal();
    // Its first group only names the source.
    edit(&segments[0], |bytes| bytes[2 * BLOCK_BYTES + 100] ^= 1);
    edit(&segments[1], |bytes| bytes[50] ^= 1);
    // Early in the group: how many events the first one takes is up to the moment.
    edit(&segments[2], |bytes| bytes[BLOCK_BYTES + 100] ^= 1);
    let verdict = place.run("verify", &[]).expect(4).json();
    let findings: Vec<&str> = verdict["partitions"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding.as_str().unwrap())
        .collect();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    for (finding, segment) in findings.iter().zip(&segments) {
        let name = segment.file_name().unwrap().to_str().unwrap();
        assert!(finding.contains(name), "{finding}");
    }
    assert!(findings[1].contains("no event is lost"), "{findings:#?}");
    assert!(
        verdict["partitions"][0]["salvageable_events"]
            .as_u64()
            .unwrap()
            >= 100
    );
}
