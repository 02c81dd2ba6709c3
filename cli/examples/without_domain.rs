//! The tools for a journal whose events nobody knows: `verify`, and `dump` as headers and hex.

fn main() -> std::process::ExitCode {
    ringlog_cli::run::<ringlog_cli::NoDomain>()
}
