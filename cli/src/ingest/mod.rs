//! `ringlog ingest`: newline-delimited JSON into the journal, as often as one likes.
//!
//! The lines of an input are the events of a source, numbered by line. Lines that the journal has
//! already are compared with it; lines that it does not have are published only when every number
//! that it has of this source has been met and was equal. So another file under the same name
//! changes nothing, also when it comes from a pipe and can be read only once.

mod command;
mod compare;
mod equal;
mod feed;
mod input;
mod lines;
mod parse;
mod rejected;

pub(crate) use command::{Args, run};
