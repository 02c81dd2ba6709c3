//! Clients: sending commands and appends, and waiting for what becomes of them.
#![forbid(unsafe_code)]

mod append;
mod error;
mod pending;
mod seat;
mod send;
mod source;

pub use append::{Appender, VersionError};
pub use error::{ClientError, CommandError, SendError};
pub use pending::Pending;
pub use send::{Client, PENDING_DEFAULT};
pub use source::CommandSource;
