//! What an acknowledgement means.

/// What has happened to an event when its receipt says `Ok`, and what it survives from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The event is on stable storage: the device confirmed it. It survives the process being
    /// killed, the operating system crashing and the power failing, as far as the device keeps
    /// what it confirmed.
    #[default]
    Sync,
    /// The operating system has the event. It survives the process being killed at any moment, not
    /// a crash of the operating system or a power failure: those can take what was written in the
    /// last seconds, and recovery then keeps the gap-free prefix that is left.
    OsBuffer,
    /// The event has been applied to the state in memory. Nothing is written: it survives nothing,
    /// and the next opening starts empty.
    Memory,
}
