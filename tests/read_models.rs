//! Read models: fed from what is durable, stored with their place, rebuilt beside the old one.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ringlog::journal::{JournalReader, ReadError};
use ringlog::projection::{
    Cause, ProjectionError, ReadModel, RebuildError, Settings, StartAt, Status, WaitError, forget,
};
use ringlog::snapshot::Retention;
use ringlog::{Durability, Pipeline, Poison, State};
use support::sums::Sums;
use support::tally::Tally;
use support::{Counters, added, counter_in, exploded, noted, open};

const SELDOM: Duration = Duration::from_secs(3600);

fn seldom() -> Settings {
    Settings::default().checkpoint_every(u64::MAX, SELDOM)
}

/// Publishes additions of 1 to counters of every partition, and waits for them.
fn fill<S: State<Event = support::CounterEvent>>(pipeline: &Pipeline<S>, events: u64) {
    let publisher = pipeline.publisher();
    let receipts: Vec<_> = (0..events)
        .map(|event| publisher.publish(&added(event, 1)).unwrap().detach())
        .collect();
    receipts.into_iter().for_each(|receipt| {
        receipt.wait().unwrap();
    });
}

/// Waits until the model has applied everything that is durable.
fn catch_up<S: State>(pipeline: &Pipeline<S>, model: &ReadModel<Tally>) {
    for (partition, stats) in (0..).zip(pipeline.stats()) {
        model.wait_for(partition, stats.durable_sequence).unwrap();
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn checkpoint_path(directory: &Path, name: &str) -> std::path::PathBuf {
    directory.join(format!("projections/{name}.checkpoint"))
}

#[test]
fn one_read_state_is_folded_from_the_events_of_all_partitions() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 3);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 3000);
    catch_up(&pipeline, &model);
    let tally = model.read(Tally::clone);
    assert_eq!((tally.sum(), tally.events), (3000, 3000));
    assert_eq!(tally.applied.len(), 3);
    for lag in model.lag().unwrap() {
        assert_eq!((lag.events, lag.time), (0, Duration::ZERO));
        let position = model.position(lag.partition).unwrap();
        assert_eq!(tally.applied[&lag.partition], (1, position));
    }
    assert_eq!(model.position(3), None);
    assert!(matches!(model.status(), Status::Running));
    pipeline.close().unwrap();
    assert!(matches!(model.status(), Status::Stopped));
    assert_eq!(model.read(Tally::sum), 3000, "it can still be read");
}

#[test]
fn whoever_waits_for_its_own_write_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    let publisher = pipeline.publisher();
    for round in 1..=200 {
        publisher.publish(&added(7, 1)).unwrap().wait().unwrap();
        model.wait_for(0, round).unwrap();
        assert!(model.read(|tally| tally.totals[&7]) >= round);
    }
    assert!(matches!(
        model.wait_for(1, 1),
        Err(WaitError::NoSuchPartition(1))
    ));
}

#[test]
fn a_model_never_shows_an_event_that_is_not_durable() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    let publisher = pipeline.publisher();
    let durable = || pipeline.stats()[0].durable_sequence;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..30_000 {
                publisher.publish(&added(1, 1)).unwrap();
            }
        });
        while model.read(|tally| tally.events) < 30_000 {
            let shown = model.read(|tally| tally.events);
            assert!(shown <= durable());
        }
    });
}

#[test]
fn it_goes_on_from_its_checkpoint_after_a_clean_stop() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 1000);
    catch_up(&pipeline, &model);
    pipeline.close().unwrap();
    let stored = model.checkpoint();
    assert_eq!(stored.sequences.iter().sum::<u64>(), 1000);
    let pipeline = open(directory.path(), 2);
    // One that starts now, had it no checkpoint: it counts instead of the setting.
    let settings = seldom().start_at(StartAt::Now);
    let model = pipeline.project("tally", settings, Tally::new).unwrap();
    assert_eq!(model.read(|tally| tally.events), 1000);
    assert_eq!(model.checkpoint(), stored);
    fill(&pipeline, 10);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 1010);
}

#[test]
fn it_checkpoints_after_so_many_events_and_after_so_long() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let often = Settings::default().checkpoint_every(500, SELDOM);
    let soon = Settings::default().checkpoint_every(u64::MAX, Duration::from_millis(20));
    let by_events = pipeline.project("by-events", often, Tally::new).unwrap();
    let by_time = pipeline.project("by-time", soon, Tally::new).unwrap();
    fill(&pipeline, 499);
    catch_up(&pipeline, &by_events);
    eventually("a checkpoint by time", || {
        by_time.checkpoint().sequences == [499]
    });
    assert!(by_events.checkpoint().sequences.is_empty());
    fill(&pipeline, 1);
    eventually("a checkpoint by events", || {
        by_events.checkpoint().sequences == [500]
    });
}

#[test]
fn several_start_at_different_points() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    fill(&pipeline, 100);
    let at = |start: StartAt| seldom().start_at(start);
    let publisher = pipeline.publisher();
    let time_ns = {
        let mut cursor = JournalReader::open(directory.path())
            .unwrap()
            .cursor_after(0, 59)
            .unwrap();
        let event = cursor.next_event().unwrap().unwrap();
        event.meta.journal_time_ns
    };
    let now = pipeline
        .project("now", at(StartAt::Now), Tally::new)
        .unwrap();
    let sequence = pipeline
        .project("sequence", at(StartAt::Sequences(vec![41])), Tally::new)
        .unwrap();
    let time = pipeline
        .project("time", at(StartAt::JournalTime(time_ns)), Tally::new)
        .unwrap();
    // Notes have the event time 1, additions that of the journal.
    let later = pipeline
        .project("later", at(StartAt::EventTime(i64::MAX)), Tally::new)
        .unwrap();
    let early = pipeline
        .project("early", at(StartAt::EventTime(1)), Tally::new)
        .unwrap();
    publisher.publish(&noted(1, "a")).unwrap().wait().unwrap();
    for model in [&now, &sequence, &time, &later, &early] {
        catch_up(&pipeline, model);
    }
    let applied = |model: &ReadModel<Tally>| model.read(|tally| tally.applied.get(&0).copied());
    assert_eq!(applied(&now), Some((101, 101)));
    assert_eq!(applied(&sequence), Some((41, 101)));
    // Events of one group share their time: the first one of it is the first.
    let (first, last) = applied(&time).unwrap();
    assert!(first <= 60 && last == 101, "{first}");
    assert_eq!(applied(&later), None);
    assert_eq!(applied(&early), Some((1, 101)));
    assert_eq!(later.position(0), Some(101), "passed over, not waited for");

    let wrong = pipeline.project("wrong", at(StartAt::Sequences(vec![0])), Tally::new);
    let Err(ProjectionError::Sequences { partitions: 1 }) = wrong else {
        panic!("{wrong:?}");
    };
    // What was passed over stays so, and the starting point stays what it was.
    pipeline.close().unwrap();
    let pipeline = open(directory.path(), 1);
    let later = pipeline
        .project("later", at(StartAt::EventTime(i64::MAX)), Tally::new)
        .unwrap();
    fill(&pipeline, 5);
    catch_up(&pipeline, &later);
    assert_eq!(later.read(|tally| tally.events), 0);
    let now = pipeline
        .project("now", at(StartAt::Now), Tally::new)
        .unwrap();
    catch_up(&pipeline, &now);
    assert_eq!(applied(&now), Some((101, 106)));
}

#[test]
fn one_of_three_that_fails_stops_alone_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let sound = pipeline.project("sound", seldom(), Tally::new).unwrap();
    let failing = || Tally::failing("poison");
    let fails = pipeline.project("fails", seldom(), failing).unwrap();
    let panicking = || Tally {
        panics: true,
        ..failing()
    };
    let panics = pipeline.project("panics", seldom(), panicking).unwrap();
    fill(&pipeline, 100);
    for model in [&sound, &fails, &panics] {
        catch_up(&pipeline, model);
    }
    let key = counter_in(1, 2);
    let publisher = pipeline.publisher();
    let sequence = pipeline.stats()[1].durable_sequence + 1;
    publisher
        .publish(&noted(key, "poison"))
        .unwrap()
        .wait()
        .unwrap();
    fill(&pipeline, 100);
    catch_up(&pipeline, &sound);
    assert_eq!(sound.read(Tally::sum), 200);
    for model in [&fails, &panics] {
        let Err(WaitError::Failed(failure)) = model.wait_for(1, sequence) else {
            panic!("it did not fail");
        };
        assert_eq!((failure.partition, failure.sequence), (1, sequence));
        assert_eq!(&*failure.name, model.name());
        assert_eq!(model.position(1), Some(sequence - 1));
        assert!(matches!(model.status(), Status::Failed(_)));
        assert!(matches!(
            model.rebuild(Tally::new()).wait(),
            Err(RebuildError::Stopped)
        ));
    }
    let cause = |model: &ReadModel<Tally>| match model.status() {
        Status::Failed(failure) => failure.cause,
        status => panic!("{status:?}"),
    };
    assert!(matches!(cause(&fails), Cause::Apply(error) if error.to_string().contains("poison")));
    assert!(matches!(cause(&panics), Cause::Panicked(text) if text.contains("exploded")));
    // Mended, it goes on under its name.
    let mended = pipeline.project("fails", seldom(), Tally::new).unwrap();
    catch_up(&pipeline, &mended);
    assert_eq!(mended.read(Tally::sum), 200);
}

#[test]
fn a_name_is_taken_until_its_projection_has_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    let second = pipeline.project("tally", seldom(), Tally::new);
    assert!(matches!(second, Err(ProjectionError::AlreadyRunning(_))));
    for name in ["", "no/name", &"n".repeat(49)] {
        let named = pipeline.project(name, seldom(), Tally::new);
        assert!(matches!(named, Err(ProjectionError::Name(_))), "{name}");
    }
    model.stop();
    assert!(matches!(model.wait_for(0, 1), Err(WaitError::Stopped)));
    let third = pipeline.project("tally", seldom(), Tally::new).unwrap();
    drop(third);
    pipeline.project("tally", seldom(), Tally::new).unwrap();
    let volatile = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::<Counters>::builder(volatile.path())
        .durability(Durability::Memory)
        .open(|_| Counters::default())
        .unwrap();
    let refused = pipeline.project("tally", seldom(), Tally::new);
    assert!(matches!(refused, Err(ProjectionError::NoJournal)));
}

#[test]
fn a_rebuild_answers_with_the_old_state_until_it_is_equal_and_then_with_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let settings = Settings::default().checkpoint_every(5000, SELDOM);
    let model = pipeline.project("tally", settings, Tally::new).unwrap();
    fill(&pipeline, 20_000);
    catch_up(&pipeline, &model);
    let doubling = Tally {
        factor: 2,
        ..Tally::default()
    };
    let rebuild = model.rebuild(doubling);
    let publisher = pipeline.publisher();
    let mut shown = 0;
    while !rebuild.is_settled() {
        publisher.publish(&added(3, 1)).unwrap();
        // Either the whole old state or the whole new one, and never one that is behind.
        model.read(|tally| {
            assert_eq!(tally.sum(), tally.factor * tally.events);
            assert!(tally.events >= shown.max(20_000));
            shown = tally.events;
        });
    }
    rebuild.wait().unwrap();
    assert_eq!(model.read(|tally| tally.factor), 2);
    assert!(matches!(model.status(), Status::Running));
    catch_up(&pipeline, &model);
    let marks = fs::read_dir(directory.path().join("partition-0000")).unwrap();
    let marks: Vec<_> = marks
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".cursor"))
        .collect();
    assert_eq!(marks, ["tally.projection.cursor"]);
    pipeline.close().unwrap();
    // The checkpoint is of the new one.
    let pipeline = open(directory.path(), 2);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    assert_eq!(model.read(|tally| tally.factor), 2);
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_state_and_its_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 10);
    let publisher = pipeline.publisher();
    publisher
        .publish(&noted(1, "poison"))
        .unwrap()
        .wait()
        .unwrap();
    catch_up(&pipeline, &model);
    let failed = model.rebuild(Tally::failing("poison")).wait();
    let Err(RebuildError::Failed(failure)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!((failure.partition, failure.sequence), (0, 11));
    fill(&pipeline, 10);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 20);
    assert!(matches!(model.status(), Status::Running));
}

#[test]
fn a_damaged_checkpoint_and_one_that_load_refuses_are_folded_anew() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 500);
    catch_up(&pipeline, &model);
    model.stop();
    let path = checkpoint_path(directory.path(), "tally");
    let whole = fs::read(&path).unwrap();
    for byte in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fs::write(&path, &bytes).unwrap();
        let begins_anew = pipeline.project("tally", seldom().start_at(StartAt::Now), Tally::new);
        let Err(ProjectionError::Checkpoint { .. }) = begins_anew else {
            panic!("byte {byte} flipped unseen");
        };
    }
    for length in [0, 63, 64, 100, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
        catch_up(&pipeline, &model);
        assert_eq!(model.read(|tally| (tally.sum(), tally.events)), (500, 500));
        eventually("it runs", || matches!(model.status(), Status::Running));
    }
}

#[test]
fn a_model_beside_a_writer_follows_what_becomes_durable_by_looking() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    fill(&pipeline, 100);
    let reader = JournalReader::open(directory.path()).unwrap();
    let settings = seldom().look_every(Duration::from_millis(1));
    let model = ReadModel::follow(reader, "outside", settings.clone(), Tally::new).unwrap();
    catch_up(&pipeline, &model);
    fill(&pipeline, 100);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 200);
    assert!(model.lag().unwrap().iter().all(|lag| lag.events == 0));
    // The name is the journal's, whichever process has it.
    let inside = pipeline.project("outside", seldom(), Tally::new);
    assert!(matches!(inside, Err(ProjectionError::AlreadyRunning(_))));
    pipeline.close().unwrap();
    drop(model);
    // Without a writer, from the checkpoint.
    let reader = JournalReader::open(directory.path()).unwrap();
    let now = settings.start_at(StartAt::Now);
    let model = ReadModel::follow(reader, "outside", now.clone(), Tally::new).unwrap();
    assert_eq!(model.read(Tally::sum), 200);
    let reader = JournalReader::open(directory.path()).unwrap();
    let other = ReadModel::follow(reader, "other", now, Tally::new).unwrap();
    let at_end = [other.position(0), other.position(1)];
    assert_eq!(at_end, [model.position(0), model.position(1)]);
}

#[test]
fn with_os_buffer_a_checkpoint_counts_once_what_is_in_it_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        Pipeline::<Counters>::builder(directory.path())
            .durability(Durability::OsBuffer)
            .open(|_| Counters::default())
            .unwrap()
    };
    let pipeline = open();
    let settings = Settings::default().checkpoint_every(10, SELDOM);
    let model = pipeline.project("tally", settings, Tally::new).unwrap();
    fill(&pipeline, 25);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 25, "what is acknowledged is shown");
    // An idle journal leaves a witness after 200 ms.
    eventually("a checkpoint", || !model.checkpoint().sequences.is_empty());
    pipeline.close().unwrap();
    assert_eq!(model.checkpoint().sequences, [25]);
    let pipeline = open();
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    assert_eq!(model.read(Tally::sum), 25);
}

/// A journal of segments of 1 MiB, whose older ones are retired once `cursor_lag_max` allows it.
fn retiring(directory: &Path, cursor_lag_max: u64) -> Pipeline<Sums<1>> {
    Pipeline::<Sums<1>>::builder(directory)
        .segment_bytes(1024 * 1024)
        .retention(Retention::FromOldestSnapshot { cursor_lag_max })
        .open(|_| Sums::<1>::default())
        .unwrap()
}

/// Publishes two segments and more, and has what is superfluous retired.
fn churn(pipeline: &Pipeline<Sums<1>>) -> u64 {
    let publisher = pipeline.publisher();
    let mut retired = 0;
    for _ in 0..3 {
        for note in 0..60 {
            let receipt = publisher.publish(&noted(note, "n".repeat(30_000))).unwrap();
            if note == 59 {
                receipt.wait().unwrap();
            }
        }
        retired += pipeline.snapshot().unwrap()[0].segments_retired;
    }
    retired
}

#[test]
fn retention_keeps_what_a_stopped_projection_has_not_read_and_expires_it_loudly() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = retiring(directory.path(), 1_000_000);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 10);
    catch_up(&pipeline, &model);
    model.stop();
    assert_eq!(churn(&pipeline), 0, "everything is still needed");
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    catch_up(&pipeline, &model);
    model.stop();
    assert!(churn(&pipeline) > 0, "what was stored is no longer needed");
    pipeline.close().unwrap();

    // Nobody waits any more.
    let pipeline = retiring(directory.path(), 0);
    assert!(churn(&pipeline) > 0);
    let expired = pipeline.project("tally", seldom(), Tally::new);
    let Err(ProjectionError::Read(ReadError::Retired {
        partition: 0,
        earliest,
    })) = expired
    else {
        panic!("{expired:?}");
    };
    let fresh = pipeline.project("fresh", seldom(), Tally::new);
    assert!(matches!(
        fresh,
        Err(ProjectionError::Read(ReadError::Retired { .. }))
    ));
    // What is gone may have had such a time: it does not pretend to know.
    let by_time = seldom().start_at(StartAt::JournalTime(0));
    let by_time = pipeline.project("by-time", by_time, Tally::new).unwrap();
    eventually("it fails", || matches!(by_time.status(), Status::Failed(_)));
    // What to do: start where the journal does.
    let settings = seldom().start_at(StartAt::Sequences(vec![earliest]));
    let late = pipeline.project("late", settings, Tally::new).unwrap();
    catch_up(&pipeline, &late);
    assert_eq!(late.read(|tally| tally.applied[&0].0), earliest);
    // A checkpoint that is of no use has nothing to be folded anew from.
    late.stop();
    let path = checkpoint_path(directory.path(), "late");
    fs::write(&path, b"damaged").unwrap();
    let unusable = pipeline.project("late", seldom(), Tally::new);
    let Err(error @ ProjectionError::Checkpoint { .. }) = unusable else {
        panic!("{unusable:?}");
    };
    let rebuild = error.to_string();
    assert!(rebuild.contains("projection::forget"), "{rebuild}");
    assert!(rebuild.contains("retired"), "{rebuild}");
}

#[test]
fn one_that_begins_at_a_time_goes_on_where_only_what_it_passed_over_was_retired() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = retiring(directory.path(), 1_000_000);
    fill(&pipeline, 10);
    std::thread::sleep(Duration::from_millis(20));
    let begin = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let begin = u64::try_from(begin.as_nanos()).unwrap();
    let settings = || seldom().start_at(StartAt::JournalTime(begin));
    let model = pipeline.project("late", settings(), Tally::new).unwrap();
    catch_up(&pipeline, &model);
    model.stop();
    assert_eq!(model.checkpoint().sequences, [10]);
    drop(model);
    pipeline.close().unwrap();
    // A new segment starts at 11, and has room for all that follows.
    let pipeline = retiring(directory.path(), 0);
    let publisher = pipeline.publisher();
    let mut retired = 0;
    for _ in 0..2 {
        for note in 0..5 {
            let receipt = publisher.publish(&noted(note, "n".repeat(30_000))).unwrap();
            if note == 4 {
                receipt.wait().unwrap();
            }
        }
        retired += pipeline.snapshot().unwrap()[0].segments_retired;
    }
    assert!(retired > 0);
    let model = pipeline.project("late", settings(), Tally::new).unwrap();
    catch_up(&pipeline, &model);
    assert_eq!(model.read(|tally| tally.applied[&0].0), 11);
    // It began there, whoever folds it.
    model.rebuild(Tally::new()).wait().unwrap();
    assert_eq!(model.read(|tally| tally.applied[&0].0), 11);
}

#[test]
fn whoever_waits_for_what_a_poison_keeps_from_being_durable_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 2);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 100);
    catch_up(&pipeline, &model);
    let publisher = pipeline.publisher();
    let (bad, good) = (counter_in(0, 2), counter_in(1, 2));
    let never = pipeline.stats()[0].durable_sequence + 1;
    let is_told = |model: &ReadModel<Tally>| {
        let waited = model.wait_for(0, never);
        let poison = matches!(
            waited,
            Err(WaitError::Poisoned(Poison::ApplyPanicked {
                partition: 0,
                ..
            }))
        );
        assert!(poison, "{waited:?}");
    };
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| is_told(&model));
        std::thread::sleep(Duration::from_millis(50));
        let _ = publisher.publish(&exploded(bad)).unwrap().wait();
        waits.join().unwrap();
    });
    is_told(&model);
    model.wait_for(0, never - 1).unwrap();
    // One that starts afterwards is no wiser, and the other partition goes on.
    let late = pipeline.project("late", seldom(), Tally::new).unwrap();
    is_told(&late);
    publisher.publish(&added(good, 1)).unwrap().wait().unwrap();
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 101);
    assert!(matches!(model.status(), Status::Running));
}

#[test]
fn one_that_has_expired_can_be_forgotten_and_then_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = retiring(directory.path(), 1_000_000);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    fill(&pipeline, 10);
    catch_up(&pipeline, &model);
    let reader = JournalReader::open(directory.path()).unwrap();
    let running = forget(&reader, "tally");
    assert!(matches!(running, Err(ProjectionError::AlreadyRunning(_))));
    model.stop();
    assert_eq!(churn(&pipeline), 0, "everything is still needed");
    forget(&reader, "tally").unwrap();
    assert!(churn(&pipeline) > 0, "nobody needs it any more");
    let left = |folder: &str, ending: &str| {
        let entries = fs::read_dir(directory.path().join(folder)).unwrap();
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut names = names.filter_map(|name| name.into_string().ok());
        names.find(|name| name.starts_with("tally") && name.contains(ending))
    };
    assert_eq!(left("projections", "checkpoint"), None);
    assert_eq!(left("partition-0000", "cursor"), None);
    // It is a new one, and where nothing is stored, nothing is removed.
    let now = seldom().start_at(StartAt::Now);
    let model = pipeline.project("tally", now, Tally::new).unwrap();
    assert!(model.checkpoint().sequences.is_empty());
    fill(&pipeline, 5);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 5);
    forget(&reader, "nobody").unwrap();
    let no_name = forget(&reader, "no/name");
    assert!(matches!(no_name, Err(ProjectionError::Name(_))));
}

#[test]
fn a_look_inside_a_callback_is_refused_instead_of_waiting_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path(), 1);
    let model = pipeline.project("tally", seldom(), Tally::new).unwrap();
    let nested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        model.read(|_| model.read(Tally::sum))
    }));
    assert!(nested.is_err());
    let waited = model.read(|_| model.wait_for(0, 1));
    assert!(matches!(waited, Err(WaitError::WouldDeadlock)));
    fill(&pipeline, 1);
    catch_up(&pipeline, &model);
    assert_eq!(model.read(Tally::sum), 1, "and nobody was harmed");
}
