//! What a rig came to, as one line for the ledger.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Violations that are described one by one.
const DESCRIBED_MAX: usize = 10;

/// What a rig came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Ran(Ran),
    /// It cannot run on this machine; a skipped rig proves nothing, and says so.
    #[allow(dead_code, reason = "the simulated rigs run everywhere")]
    Skipped {
        /// The rig's name.
        rig: &'static str,
        /// Why.
        reason: String,
    },
}

/// A rig that ran.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// The rig's name.
    pub(crate) rig: &'static str,
    /// How many faults were injected, or states checked.
    pub(crate) cycles: u64,
    /// What was broken, and how to reproduce it.
    pub(crate) violations: Vec<String>,
    /// Figures of the rig's own.
    pub(crate) facts: Vec<(&'static str, u64)>,
    /// The first seed, where there is one.
    pub(crate) seed: Option<u64>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Prints the line, and every violation on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Skipped { rig, reason } => {
                println!("rig={rig} SKIPPED: {reason}");
                ExitCode::SUCCESS
            }
            Self::Ran(ran) => {
                println!("{}", ran.line());
                for violation in ran.violations.iter().take(DESCRIBED_MAX) {
                    eprintln!("violation: {violation}");
                }
                match ran.violations.is_empty() {
                    true => ExitCode::SUCCESS,
                    false => ExitCode::FAILURE,
                }
            }
        }
    }
}

impl Ran {
    fn line(&self) -> String {
        let mut line = format!(
            "rig={} cycles={} violations={} seconds={:.1}",
            self.rig,
            self.cycles,
            self.violations.len(),
            self.took.as_secs_f64()
        );
        if let Some(seed) = self.seed {
            let _ = write!(line, " seed={seed}");
        }
        for (name, value) in &self.facts {
            let _ = write!(line, " {name}={value}");
        }
        line
    }
}
