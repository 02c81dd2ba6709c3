//! A planted bug must be found: each test runs the model that is to catch it in a process of its
//! own, where the library has that bug, and asserts that the model fails for the right reason.

use std::process::Command;

/// What a lost wake-up looks like to loom.
const DEADLOCK: &str = "deadlock";
/// What a missing release looks like to loom.
const RACE: &str = "Causality violation";
const ASSERTION: &str = "panicked at tests/models/";
/// An event that was read before it was synced.
const NOT_DURABLE: &str = "is not durable";
/// What a reader says of bytes that it takes for damage.
const CORRUPTION: &str = "orruption";

/// Asserts that `model` fails with `symptom` once `canary` is planted. That it passes without is
/// the model's own test.
fn assert_killed(canary: &str, model: &str, symptom: &str) {
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args([model, "--exact", "--nocapture", "--test-threads=1"])
        .env("RINGLOG_CANARY", canary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned()
        + &String::from_utf8_lossy(&outcome.stderr);
    assert!(said.contains("running 1 test"), "no such model: {model}");
    assert!(!outcome.status.success(), "{canary} survives {model}");
    assert!(said.contains(symptom), "{canary} fails otherwise:\n{said}");
}

macro_rules! canaries {
    ($($test:ident: $canary:ident is killed by $model:literal as $symptom:expr;)*) => {
        $(
            #[test]
            fn $test() {
                assert_killed(stringify!($canary), $model, $symptom);
            }
        )*
    };
}

canaries! {
    a_place_that_is_answered_too_early_is_raced_for: PlaceAnsweredTooEarly is killed by
        "replies::a_place_that_nobody_waits_for_is_free_once_it_is_answered_and_not_before" as RACE;
    a_place_that_is_released_too_early_is_raced_for: PlaceReleasedTooEarly is killed by
        "replies::a_place_is_not_taken_from_a_waiter_on_another_thread" as RACE;
    a_notify_that_merely_loads_loses_a_wake_up: NotifyMerelyLoads is killed by
        "signal::a_change_announced_before_during_or_after_parking_is_seen" as DEADLOCK;
    parking_that_merely_stores_loses_a_wake_up: ParkMerelyStores is killed by
        "signal::a_change_announced_before_during_or_after_parking_is_seen" as DEADLOCK;
    parking_without_a_re_check_loses_a_wake_up: ParkWithoutRecheck is killed by
        "signal::a_change_announced_before_during_or_after_parking_is_seen" as DEADLOCK;
    a_notify_that_wakes_one_of_two_leaves_the_other_asleep: OnlyOneWoken is killed by
        "signal::one_notify_wakes_two_waiters" as DEADLOCK;
    a_relaxed_advance_publishes_a_value_without_what_it_stands_for: AdvanceRelaxed is killed by
        "watermark::a_reader_never_sees_the_value_ahead_of_what_it_stands_for_nor_fall" as RACE;
    an_advance_that_merely_loads_loses_a_waiter: AdvanceMerelyLoads is killed by
        "watermark::a_waiter_before_during_or_after_the_advance_sees_what_it_stands_for" as DEADLOCK;
    a_registration_that_merely_stores_loses_a_waiter: RegisterMerelyStores is killed by
        "watermark::a_waiter_before_during_or_after_the_advance_sees_what_it_stands_for" as DEADLOCK;
    a_poll_without_a_re_check_loses_its_waker: PollWithoutRecheck is killed by
        "watermark::a_pending_future_is_woken_once_and_a_ready_one_at_most_once" as ASSERTION;
    a_failure_without_a_second_look_takes_back_what_was_durable:
        FailureWithoutSecondLook is killed by
        "watermark::a_look_beside_advance_and_failure_never_takes_back_what_was_reached" as ASSERTION;
    a_queue_looked_at_before_the_end_loses_the_last_group: QueueLookedAtBeforeTheEnd is killed by
        "exchange::the_end_is_never_seen_before_the_last_group" as ASSERTION;
    a_mailbox_that_stays_open_hangs_a_late_visitor: MailboxStaysOpen is killed by
        "mailbox::a_visitor_beside_the_close_is_turned_away_and_never_hangs" as DEADLOCK;
    receipts_that_fail_before_their_cause_have_none_to_tell: ReceiptsFailBeforeTheirCause is killed by
        "gate::whoever_is_told_that_an_event_failed_finds_the_cause" as ASSERTION;
    a_relaxed_publication_races_with_its_reader: RingPublicationRelaxed is killed by
        "ring::what_one_publisher_publishes_is_read_whole_and_in_order" as RACE;
    space_freed_relaxed_is_overwritten_beside_its_reader: RingSpaceRelaxed is killed by
        "ring::a_publisher_never_overtakes_the_reader_of_a_full_ring" as RACE;
    a_visitor_that_goes_on_too_early_races_with_its_closure: VisitDoneEarly is killed by
        "mailbox::what_a_visit_borrows_is_untouched_once_the_visitor_goes_on" as RACE;
    space_that_is_not_announced_leaves_a_publisher_asleep: SpaceNotAnnounced is killed by
        "pipeline::a_publisher_that_waits_for_room_goes_on_once_there_is_some" as DEADLOCK;
    a_ring_that_is_not_sealed_loses_what_was_taken: RingNotSealed is killed by
        "pipeline::whatever_was_taken_before_the_close_is_handled_and_everything_later_is_refused"
        as DEADLOCK;
    a_visitor_that_is_served_early_misses_what_it_published: VisitServedEarly is killed by
        "pipeline::a_read_sees_what_this_thread_published_before" as ASSERTION;
    a_panicked_event_that_settles_was_never_applied: PanickedEventSettles is killed by
        "pipeline::a_panic_in_apply_fails_its_event_and_nothing_in_front_of_it" as ASSERTION;
    a_reader_without_its_limit_reads_what_is_not_durable: ReaderIgnoresTheLimit is killed by
        "journal::a_reader_that_starts_beside_the_second_group_reads_it_or_one" as NOT_DURABLE;
    segments_listed_before_the_control_word_miss_one: ListedBeforeTheControlWord is killed by
        "journal::a_reader_that_starts_beside_a_roll_loses_nothing_at_the_boundary" as CORRUPTION;
    a_control_word_stored_early_shows_what_is_not_durable: ControlBeforeTheWrite is killed by
        "journal::a_reader_that_starts_beside_the_second_group_reads_it_or_one" as NOT_DURABLE;
    an_early_acknowledgement_speaks_of_what_is_not_in_the_journal: AckBeforeTheWrite is killed by
        "journal::whoever_was_told_that_an_event_is_durable_finds_it_in_the_journal" as ASSERTION;
    a_failed_write_that_is_acknowledged_is_believed: FailedWriteAcknowledged is killed by
        "journal::a_group_that_cannot_be_written_fails_its_receipt_and_is_read_by_nobody" as ASSERTION;
    a_segment_recycled_under_its_reader_loses_its_bytes: RecycledUnderAReader is killed by
        "recycling::a_reader_that_holds_a_segment_keeps_its_bytes" as CORRUPTION;
    a_segment_locked_under_its_name_passes_for_damaged: LockedUnderItsName is killed by
        "recycling::a_reader_that_starts_beside_a_retirement_reads_all_or_what_is_left_or_is_told"
        as CORRUPTION;
    a_reader_that_ignores_a_refused_lock_meets_another_segment: RefusedLockIgnored is killed by
        "recycling::a_reader_that_starts_beside_a_retirement_reads_all_or_what_is_left_or_is_told"
        as CORRUPTION;
    a_preparer_that_is_stopped_silently_never_ends: PreparerStoppedSilently is killed by
        "preparing::a_preparer_ends_whenever_it_is_told" as DEADLOCK;
    an_alarm_rung_too_early_is_slept_through: AlarmRungTooEarly is killed by
        "snapshot::the_snapshot_thread_is_woken_when_enough_was_written" as DEADLOCK;
    a_snapshot_ahead_of_the_sync_holds_what_a_power_cut_takes_back: SnapshotAheadOfTheSync is killed by
        "snapshot::a_snapshot_holds_nothing_that_was_only_handed_to_the_kernel" as NOT_DURABLE;
}

/// Those of `src/canary.rs` in front of the ones for the rigs.
#[test]
fn every_bug_that_is_meant_for_the_models_has_one_that_finds_it() {
    let source = include_str!("../../../src/canary.rs");
    let (_, listed) = source.split_once("// For the models").unwrap();
    let (listed, _) = listed.split_once("// For the rigs").unwrap();
    let names = listed.lines().filter_map(|line| {
        let name = line.trim().strip_suffix(',')?;
        name.starts_with(char::is_uppercase).then_some(name)
    });
    let tests = include_str!("canaries.rs");
    let mut count = 0;
    for name in names {
        assert!(tests.contains(&format!(" {name} is killed by")), "{name}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}
