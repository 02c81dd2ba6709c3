//! One short history a test: what is allowed is asserted, and everything else is forbidden.

mod canaries;
mod exchange;
mod gate;
mod journal;
mod mailbox;
mod pipeline;
mod preparing;
mod recycling;
mod replies;
mod ring;
mod signal;
mod snapshot;
mod watermark;
mod written;
