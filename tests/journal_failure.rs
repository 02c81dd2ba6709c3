//! A disk that refuses: nothing is acknowledged that is not there, everybody is told, and the
//! directory opens again with exactly what was acknowledged, or more.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

#[path = "support/faulty.rs"]
mod faulty;
mod support;

use faulty::Faulty;
use ringlog::{CloseError, Pipeline, Poison, PublishError, ReceiptError};
use support::{Counters, added, open};

#[test]
fn after_a_failed_write_nothing_is_acknowledged_and_reopening_goes_on() {
    // The k-th journal write fails, for every k that the run comes to.
    for writes_allowed in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        // The first opening is a clean one, so that the faults hit writing, not creating.
        open(directory.path(), 1).close().unwrap();
        let pipeline = Pipeline::<Counters>::builder(directory.path())
            .storage(Faulty::after_writes(writes_allowed))
            .open(|_| Counters::default())
            .unwrap();
        let publisher = pipeline.publisher();
        let mut acknowledged = 0;
        let error = loop {
            match publisher.publish(&added(1, 1)).map(ringlog::Receipt::wait) {
                Ok(Ok(())) => acknowledged += 1,
                _ if acknowledged > 1000 => panic!("the fault never came"),
                Ok(Err(ReceiptError::Poisoned(poison))) => break poison,
                Err(PublishError::Poisoned(poison)) => break poison,
                other => panic!("{other:?}"),
            }
        };
        let Poison::Journal { partition: 0, .. } = &error else {
            panic!("{error}")
        };
        assert!(error.is_storage_full(), "{error}");
        let told_at_once = publisher.publish(&added(1, 1)).unwrap_err();
        assert!(matches!(told_at_once, PublishError::Poisoned(_)));
        let Err(CloseError::Poisoned { report, .. }) = pipeline.close() else {
            panic!("close reports the poison")
        };
        assert_eq!(report.events(), acknowledged);

        let pipeline = open(directory.path(), 1);
        let recovered = pipeline
            .read(1, |state| state.sequences.len() as u64)
            .unwrap();
        assert!(
            (acknowledged..=acknowledged + 1).contains(&recovered),
            "{acknowledged} acknowledged, {recovered} recovered"
        );
        pipeline
            .publisher()
            .publish(&added(1, 1))
            .unwrap()
            .wait()
            .unwrap();
        pipeline.close().unwrap();
    }
}
