//! What can be wrong with bytes.

/// What is wrong with bytes that should have been a header, a group or a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file ends inside a structure.
    #[error("the file ends in the middle of it")]
    Short,
    /// The file or folder is not there.
    #[error("it is missing")]
    Missing,
    /// The first bytes are not the expected magic number.
    #[error("the magic number is missing")]
    Magic,
    /// The checksum does not match: bytes were lost, torn or flipped.
    #[error("the checksum does not match")]
    Checksum,
    /// Written by a newer format. Use a newer program.
    #[error("format version {0} is newer than this program")]
    Version(u16),
    /// A whole structure of another place: a stale or misdirected write.
    #[error("it belongs to another place ({0})")]
    Misplaced(&'static str),
    /// A number is outside its limits.
    #[error("a number in it is outside its limits ({0})")]
    OutOfRange(&'static str),
}
