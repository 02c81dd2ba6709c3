//! The program `ringlog`: the reference domain `game`.
#![forbid(unsafe_code)]

/// Parsing allocates for every line; the system's allocator would dominate the profile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ringlog_cli::run_with_demo::<ringlog_cli::Game>()
}
