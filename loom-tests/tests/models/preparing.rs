//! `journal::Preparer`: segments made ahead of the writer, who appends where none is ready.

use std::sync::Arc;

use ringlog_loom_tests::{Preemptions, explore, spawn};

use crate::written::{Written, read_all};

/// The writer starts so many segments beside the preparer, who is then told to end.
fn segments_are_prepared(segments: u64, fails: bool) {
    explore(Preemptions::Three, move || {
        let setup = spawn(move || {
            let written = Written::with(0, true, 2);
            if fails {
                written.memory.refuse("prepared.tmp");
            }
            written.memory.start();
            written
        });
        let mut written = setup.join().unwrap();
        let preparer = Arc::clone(&written.preparer);
        let prepares = spawn(move || preparer.run());
        let writes = spawn(move || {
            written.commit(1, segments);
            written.preparer.stop();
            written
        });
        let written = writes.join().unwrap();
        prepares.join().unwrap();
        assert_eq!(written.files(".seg") as u64, segments);
        assert_eq!(written.files(".tmp"), 0);
        let mut cursor = written.reader.cursor(0).unwrap();
        assert_eq!(read_all(&mut cursor, &written.memory, 0).unwrap(), segments);
    });
}

#[test]
fn a_prepared_segment_is_handed_over_once_and_nothing_is_left_behind() {
    segments_are_prepared(2, false);
}

#[test]
fn a_preparer_that_cannot_prepare_costs_nothing_but_that() {
    segments_are_prepared(1, true);
}

#[test]
fn a_preparer_ends_whenever_it_is_told() {
    explore(Preemptions::Unbounded, || {
        let setup = spawn(|| {
            let written = Written::with(0, true, 2);
            written.memory.start();
            written
        });
        let written = setup.join().unwrap();
        let preparer = Arc::clone(&written.preparer);
        let prepares = spawn(move || preparer.run());
        written.preparer.stop();
        prepares.join().unwrap();
        assert_eq!(written.files(".tmp"), 0);
    });
}
