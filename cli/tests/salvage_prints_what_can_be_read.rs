//! `dump --salvage` goes on behind damage, and says what was lost.
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

use std::fs;

use program::{Place, lines};
use serde_json::Value;

#[test]
fn salvage_prints_what_precedes_and_what_follows_the_damage() {
    let place = Place::new();
    let events = lines(300);
    // Three runs, three segments: the events of each are one group.
    for last in [100, 200, 300] {
        let file = place.file("events", lines(last));
        place.ingest(&[&file, "--partitions", "1"]);
    }
    let whole = place.dump(&[]);
    assert_eq!(whole.len(), events.lines().count());
    let mut segments: Vec<_> = fs::read_dir(place.path("journal/partition-0000"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    segments.sort();
    let mut bytes = fs::read(&segments[1]).unwrap();
    bytes[4096 + 100] ^= 1;
    fs::write(&segments[1], bytes).unwrap();

    let plain = place.run("dump", &[]).expect(4).says("corruption");
    let before = plain.json().as_array().unwrap().len();
    assert!((100..200).contains(&before), "{before}");
    let salvaged = place
        .run("dump", &["--salvage"])
        .expect(4)
        .says(&format!("events {} to ", before + 1))
        .says("were lost");
    let sequences: Vec<u64> = salvaged
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|event: &Value| event["sequence"].as_u64().unwrap())
        .collect();
    assert!(sequences.len() > before && sequences.len() < 300);
    assert_eq!(*sequences.last().unwrap(), 300);
    // A sound journal has nothing to salvage.
    let sound = Place::new();
    let file = sound.file("events", lines(10));
    sound.ingest(&[&file]);
    let ended = sound.run("dump", &["--salvage"]).expect(0);
    assert_eq!(ended.stderr, "");
    // A partition without a folder is a gap too; the others are read.
    fs::remove_dir_all(sound.path("journal/partition-0000")).unwrap();
    sound
        .run("dump", &["--salvage"])
        .expect(4)
        .says("it is missing");
}
