//! Planted bugs, each of which a model or a rig must find.
//!
//! In the product [`is_planted`] is `false` at compile time, and nothing of this is left. Under
//! loom and shuttle, and in a build with `--cfg ringlog_canaries`, one canary can be planted in a
//! process by naming it in the environment. A test of `loom-tests/` or `shuttle-tests/` then runs
//! what is to catch it in a process of its own, and asserts that it does; `.ci/canaries` does the
//! same with the rigs. A suite that passes with a planted bug proves nothing.
#![forbid(unsafe_code)]

/// Declares the bugs, and the list of them all.
macro_rules! canaries {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Canary {
            $($(#[$doc])* $name,)*
        }

        #[cfg(any(loom, shuttle, ringlog_canaries))]
        const ALL: &[Canary] = &[$(Canary::$name,)*];
    };
}

canaries! {
    // For the models of `loom-tests/`.
    /// `Signal::notify` merely loads the count of sleepers, which may pass the change before it.
    NotifyMerelyLoads,
    /// `Signal::wait_until` merely stores its registration, which its re-check may pass.
    ParkMerelyStores,
    /// `Signal::wait_until` parks right after its registration.
    ParkWithoutRecheck,
    /// `Signal::notify` wakes one of several sleepers.
    OnlyOneWoken,
    /// `Watermark::advance` publishes the value, but not what it stands for.
    AdvanceRelaxed,
    /// `Watermark::advance` merely loads the count of waiters, which may pass the new value.
    AdvanceMerelyLoads,
    /// A new waiter of a `Watermark` merely stores its registration, which its re-check may pass.
    RegisterMerelyStores,
    /// A polled future registers its waker and trusts the look that it took before.
    PollWithoutRecheck,
    /// `Watermark::check` believes a failure although the value was reached before it.
    FailureWithoutSecondLook,
    /// `Exchange::is_drained` looks at the queue first and at the end second.
    QueueLookedAtBeforeTheEnd,
    /// `Mailbox::close` turns away who waits, but not who comes later.
    MailboxStaysOpen,
    /// `Gate::fail_receipts` tells waiters before there is a cause to be told.
    ReceiptsFailBeforeTheirCause,
    /// A cursor reads on behind what is acknowledged.
    ReaderIgnoresTheLimit,
    /// A reader lists the segments before it looks how far they go.
    ListedBeforeTheControlWord,
    /// A retired segment is used again although a reader holds it.
    RecycledUnderAReader,
    /// A retired segment is locked while it still has its name.
    LockedUnderItsName,
    /// A reader believes that a segment which it could not lock is the one that it opened.
    RefusedLockIgnored,
    /// `Preparer::stop` wakes nobody.
    PreparerStoppedSilently,
    /// `Alarm::written` rings before there is something to be seen.
    AlarmRungTooEarly,
    /// A partition frees slots and wakes nobody who waits for them.
    SpaceNotAnnounced,
    /// A partition ends with its ring unsealed.
    RingNotSealed,
    /// A visitor goes on before its closure is gone.
    VisitDoneEarly,
    /// A visitor is shown the state before what precedes its marker was applied.
    VisitServedEarly,
    /// The receipt of an event whose `apply` panicked settles.
    PanickedEventSettles,
    /// A partition says that a place is answered before the answer is in it.
    PlaceAnsweredTooEarly,
    /// A waiter gives its place back before it has taken the answer.
    PlaceReleasedTooEarly,

    // For the rigs.
    /// What is to be durable on return is only handed to the kernel.
    DataNotSynced,
    /// A new directory's entry is not synced.
    NewDirectoryNotSynced,
    /// A segment's name is not synced.
    SegmentNameNotSynced,
    /// The name that a retired segment lost is not synced before its file gets another header.
    RecycledNameNotSynced,
    /// Segments are removed without a sync after each.
    RemovalNotSynced,
    /// A segment gets its name before its header is written.
    SegmentNamedBeforeItsHeader,
    /// A group is acknowledged before it is written.
    AckBeforeTheWrite,
    /// A group whose write failed is acknowledged.
    FailedWriteAcknowledged,
    /// A group whose write failed is dropped, and the next one is written in its place.
    GoesOnBehindAFailedWrite,
    /// A failed sync is tried again, and believed.
    FailedSyncRetried,
    /// What a short write left out is not written.
    ShortWriteIgnored,
    /// The control word is stored before the group that it speaks of.
    ControlBeforeTheWrite,
    /// With `OsBuffer` a group says that those before it are synced.
    WitnessAheadOfTheSync,
    /// With `OsBuffer` a segment's successor is made before the segment is synced.
    RollWithoutSync,
    /// With `OsBuffer` a snapshot holds what is acknowledged, synced or not.
    SnapshotAheadOfTheSync,
    /// A snapshot gets its name before it is synced.
    SnapshotNamedBeforeItsSync,
    /// Segments are retired before the snapshot that makes them superfluous is written.
    RetiredBeforeTheSnapshot,
    /// An opening goes on in the segment whose tail was torn.
    TornSegmentContinued,
    /// A wrong checksum means a torn tail, whatever proves otherwise.
    CorruptionTakenForTorn,
    /// The checksum of a group leaves its header out.
    ChecksumWithoutHeader,
    /// A group may have the salt of another segment, and a recycled file's old groups count.
    SaltNotChecked,
    /// The control word's checksum is not compared.
    ControlNotChecked,
    /// The checksum of a snapshot's body is not compared.
    SnapshotNotChecked,
    /// A duplicate settles although its original is not durable yet.
    DuplicateSettlesFirst,
    /// Every opener gets the lock.
    LockNotTaken,
    /// The lock is a file that exists, and outlives a killed holder.
    LockIsAFile,
}

/// Whether the canary is planted: never in the product.
#[cfg(not(any(loom, shuttle, ringlog_canaries)))]
#[inline(always)]
pub(crate) const fn is_planted(_: Canary) -> bool {
    false
}

/// Whether the canary is planted.
#[cfg(any(loom, shuttle, ringlog_canaries))]
pub(crate) fn is_planted(canary: Canary) -> bool {
    static PLANTED: std::sync::OnceLock<Option<Canary>> = std::sync::OnceLock::new();
    let named = || {
        let name = std::env::var("RINGLOG_CANARY").ok()?;
        let mut all = ALL.iter().copied();
        let canary = all.find(|canary| format!("{canary:?}") == name);
        // A misspelt one would pass for one that survives.
        Some(canary.unwrap_or_else(|| panic!("there is no canary {name}")))
    };
    *PLANTED.get_or_init(named) == Some(canary)
}
