//! One short history a test: what is allowed is asserted, and everything else is forbidden.

mod canaries;
mod exchange;
mod gate;
mod mailbox;
mod pipeline;
mod ring;
mod signal;
mod watermark;
