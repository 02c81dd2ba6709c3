//! The messages that every hand-off moves: 64 and 128 bytes, plain integers.
#![allow(missing_debug_implementations, reason = "what rkyv derives has none")]

use ringlog::{Event, EventMeta, State, events, rkyv};

use crate::handoff::Tally;

/// Plain data that every contender moves by value.
pub trait Message: Copy + Send + Sync + 'static {
    /// What ringlog calls it.
    type Event: Event + From<Self>;
    /// A state that does nothing but tally.
    type State: State<Event = Self::Event>;

    /// All bytes are written, and the last of them depend on the number. A mark ends a lap.
    fn new(number: u64, is_mark: bool) -> Self;

    /// The number and the last word, which is the same number.
    fn ends(&self) -> (u64, u64);

    /// Whether this ends a lap of its publisher.
    fn is_mark(&self) -> bool;

    /// The state that counts with `tally`.
    fn state(tally: Tally) -> Self::State;
}

macro_rules! messages {
    ($($(#[$doc:meta])* $message:ident, $words:literal, $event:ident, $view:ident, $state:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
        #[rkyv(crate = ringlog::rkyv)]
        #[repr(C)]
        pub struct $message {
            pub number: u64,
            pub mark: u64,
            pub words: [u64; $words],
        }

        events! {
            #[derive(Debug, Clone, Copy)]
            pub enum $event, view $view {
                $message($message) = 1, "rivals.message", version 1, key number;
            }
        }

        /// Tallies.
        #[derive(Debug)]
        pub struct $state(Tally);

        impl State for $state {
            type Event = $event;

            #[inline]
            fn apply(&mut self, event: $view<'_>, _: &EventMeta) {
                let $view::$message(message) = event;
                let last = message.words[$words - 1].to_native();
                self.0.count(message.number.to_native(), last, message.mark != 0);
            }
        }

        impl Message for $message {
            type Event = $event;
            type State = $state;

            #[inline]
            fn new(number: u64, is_mark: bool) -> Self {
                Self { number, mark: is_mark.into(), words: [number; $words] }
            }

            #[inline]
            fn ends(&self) -> (u64, u64) {
                (self.number, self.words[$words - 1])
            }

            #[inline]
            fn is_mark(&self) -> bool {
                self.mark != 0
            }

            fn state(tally: Tally) -> Self::State {
                $state(tally)
            }
        }
    )*};
}

messages! {
    /// 64 bytes: a cache line.
    Small, 6, SmallEvent, SmallView, SmallState;
    /// 128 bytes: two of them.
    Large, 14, LargeEvent, LargeView, LargeState;
}

const _: () = assert!(size_of::<Small>() == 64 && size_of::<Large>() == 128);
