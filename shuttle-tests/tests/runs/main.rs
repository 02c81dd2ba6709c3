//! What holds under every schedule that was tried, and proof that the schedules find bugs.

mod canaries;
mod pipelines;
