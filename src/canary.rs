//! Planted bugs, each of which the models in `loom-tests/` must find.
//!
//! In the product [`is_planted`] is `false` at compile time, and nothing of this is left. Under
//! loom one canary can be planted in a process by naming it in the environment; a test of
//! `loom-tests/` then runs the model that is to catch it in a process of its own, and asserts that
//! it does. A suite that passes with a planted bug proves nothing.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canary {
    /// `Signal::notify` loads the count of sleepers without a fence behind the change.
    NotifyWithoutFence,
    /// `Signal::wait_until` re-checks without a fence behind its registration.
    ParkWithoutFence,
    /// `Signal::wait_until` parks right after its registration.
    ParkWithoutRecheck,
    /// `Signal::notify` wakes one of several sleepers.
    OnlyOneWoken,
    /// `Watermark::advance` publishes the value, but not what it stands for.
    AdvanceRelaxed,
    /// `Watermark::advance` looks for waiters without a fence behind the new value.
    AdvanceWithoutFence,
    /// A new waiter of a `Watermark` re-checks without a fence behind its registration.
    RegisterWithoutFence,
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
}

/// Whether the canary is planted: never in the product.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn is_planted(_: Canary) -> bool {
    false
}

/// Whether the canary is planted.
#[cfg(loom)]
pub(crate) fn is_planted(canary: Canary) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("RINGLOG_CANARY").ok())
        .as_deref()
        .is_some_and(|planted| planted == format!("{canary:?}"))
}
