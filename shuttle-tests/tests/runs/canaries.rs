//! A planted bug must be found: each test runs the pipelines that are to catch it in a process of
//! its own, where the library has that bug.

use std::process::Command;

/// Asserts that `runs` fail once `canary` is planted. That they pass without is their own test.
fn assert_killed(canary: &str, runs: &str) {
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args([runs, "--exact", "--nocapture"])
        .env("RINGLOG_CANARY", canary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(said.contains("running 1 test"), "no such test: {runs}");
    assert!(
        !outcome.status.success(),
        "{canary} survives {runs}:\n{said}"
    );
}

#[test]
fn an_acknowledgement_in_front_of_the_write_is_found() {
    assert_killed(
        "AckBeforeTheWrite",
        "pipelines::a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged",
    );
}

#[test]
fn a_failed_write_that_is_acknowledged_is_found() {
    assert_killed(
        "FailedWriteAcknowledged",
        "pipelines::a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged",
    );
}

#[test]
fn a_journaler_that_goes_on_behind_a_failed_write_is_found() {
    assert_killed(
        "GoesOnBehindAFailedWrite",
        "pipelines::a_failed_write_answers_everybody_and_loses_nothing_that_was_acknowledged",
    );
}

#[test]
fn parking_without_a_re_check_is_found() {
    assert_killed(
        "ParkWithoutRecheck",
        "pipelines::whatever_was_taken_is_durable_after_the_close",
    );
}

#[test]
fn a_duplicate_that_settles_in_front_of_its_original_is_found() {
    assert_killed(
        "DuplicateSettlesFirst",
        "pipelines::reads_and_live_readers_see_prefixes_beside_the_publishers",
    );
}
