//! A planted bug must be found: each test runs the pipelines that are to catch it in a process of
//! its own, where the library has that bug, and asserts that they fail for the right reason.

use std::process::Command;

const LOST: &str = "lost ";
const DEADLOCK: &str = "deadlock!";

/// Asserts that `runs` fail with `symptom` once `canary` is planted. That they pass without is their
/// own test.
fn assert_killed(canary: &str, runs: &str, symptom: &str) {
    let runs = format!("pipelines::{runs}");
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args([&runs, "--exact", "--nocapture"])
        .env("RINGLOG_CANARY", canary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned()
        + &String::from_utf8_lossy(&outcome.stderr);
    assert!(said.contains("running 1 test"), "no such test: {runs}");
    assert!(!outcome.status.success(), "{canary} survives {runs}");
    assert!(said.contains(symptom), "{canary} fails otherwise:\n{said}");
}

#[test]
fn an_acknowledgement_in_front_of_the_write_is_found() {
    let runs = "a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged";
    assert_killed("AckBeforeTheWrite", runs, LOST);
}

#[test]
fn a_failed_write_that_is_acknowledged_is_found() {
    let runs = "a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged";
    assert_killed("FailedWriteAcknowledged", runs, LOST);
}

#[test]
fn a_journaler_that_goes_on_behind_a_failed_write_is_found() {
    let runs = "a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged";
    assert_killed("GoesOnBehindAFailedWrite", runs, LOST);
}

#[test]
fn a_duplicate_that_settles_in_front_of_its_original_is_found() {
    let runs = "a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged";
    assert_killed("DuplicateSettlesFirst", runs, LOST);
}

#[test]
fn parking_without_a_re_check_is_found() {
    let runs = "whatever_was_taken_is_durable_after_the_close";
    assert_killed("ParkWithoutRecheck", runs, DEADLOCK);
}
