//! The reference domain's state through a snapshot.
#![allow(clippy::unwrap_used, reason = "tests")]

use ringlog::Pipeline;
use ringlog::game::{Arena, digest};
use ringlog_cli::{Game, Synthetic};

#[test]
fn a_snapshot_gives_the_arena_back_and_the_tail_goes_on_from_there() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        Pipeline::<Arena>::builder(directory.path())
            .open(|_| Arena::default())
            .unwrap()
    };
    let pipeline = open();
    let publisher = pipeline.publisher();
    let mut traffic = Game::traffic(7, 0);
    let mut publish = |count| {
        for _ in 1..count {
            publisher.publish(&traffic()).unwrap();
        }
        publisher.publish(&traffic()).unwrap().wait().unwrap();
    };
    publish(20_000);
    pipeline.snapshot().unwrap();
    publish(1_000);
    let before = pipeline.read_partition(0, digest).unwrap();
    pipeline.close().unwrap();

    let pipeline = open();
    let start = &pipeline.start_report().partitions[0];
    assert_eq!(start.snapshot_sequence, Some(20_000));
    assert_eq!(start.last_sequence, 21_000);
    assert_eq!(pipeline.read_partition(0, digest).unwrap(), before);
    pipeline.close().unwrap();
}
