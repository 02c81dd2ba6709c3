//! Faults in the k-th system call of a real process on real files, injected by `strace`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::outcome::{Outcome, Ran};
use crate::process::{Ending, Ledger, Line, Running, Settings};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "strace";
/// What the engine calls, under every name that a libc or an architecture may choose. A `?` lets
/// `strace` pass over a name that the architecture does not have.
const CALLS: [&str; 15] = [
    "pwrite64",
    "pread64",
    "fdatasync",
    "fsync",
    "?open",
    "openat",
    "?rename",
    "?renameat",
    "renameat2",
    "ftruncate",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "flock",
];
/// Calls that may be interrupted, and are then made again.
const INTERRUPTIBLE: [&str; 2] = ["pwrite64", "pread64"];
/// Enough for a segment to be followed by another one.
const EVENTS: u64 = 1800;
const REOPEN_AFTER: u64 = 1200;
const BATCH: u64 = 64;
/// Acknowledgements of the process that leaves the directory behind that all runs start from.
const ACKS_BEFORE: usize = 6;
const RUN_MAX: Duration = Duration::from_secs(60);
const VIOLATIONS_MAX: usize = 10;

/// Injects errors and kills into the k-th call of a kind, on real files.
#[derive(Debug, Args)]
pub(crate) struct Strace {
    /// Only these calls, as `strace` names them.
    #[arg(long, value_delimiter = ',')]
    calls: Vec<String>,
    /// Only every N-th call of a kind.
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// Every call.
    #[arg(long)]
    full: bool,
    /// Stops after so many seconds; the faults come in random order, so that some of each are had.
    #[arg(long)]
    seconds: Option<u64>,
    /// Reproduces the order.
    #[arg(long)]
    seed: Option<u64>,
}

/// What happens at the k-th call of a kind in each thread.
#[derive(Debug, Clone)]
struct Injection {
    call: String,
    at: u64,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Once(&'static str),
    FromThenOn(&'static str),
    Killed,
}

impl Strace {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        if let Err(error) = try_strace() {
            return Ok(Outcome::Skipped {
                rig: RIG,
                reason: format!("{error:#}"),
            });
        }
        let scratch = TempDir::new().context("cannot make a directory")?;
        let bench = Bench::new(scratch.path().to_owned())?;
        let mut injections = self.choose(&bench.reference()?);
        Random::new(seed).shuffle(&mut injections);
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        let planned = injections.len() as u64;
        let mut figures = Figures::default();
        for injection in injections {
            let is_late = |seconds| begun.elapsed() >= Duration::from_secs(seconds);
            if self.seconds.is_some_and(is_late) {
                break;
            }
            ran.cycles += 1;
            if let Err(violation) = bench.inject(&injection, &mut figures)? {
                ran.violations
                    .push(format!("{}: {violation}", injection.expression()));
                if ran.violations.len() >= VIOLATIONS_MAX {
                    break;
                }
            }
        }
        ran.facts = vec![
            ("planned", planned),
            ("injected", figures.injected),
            ("not_loaded", figures.not_loaded),
            ("refused", figures.refused),
            ("acked", figures.acked),
        ];
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }

    fn choose(&self, reference: &BTreeMap<String, BTreeSet<u64>>) -> Vec<Injection> {
        let every = if self.full { 1 } else { self.every.max(1) };
        let mut injections = Vec::new();
        for (call, places) in reference {
            if !self.calls.is_empty() && !self.calls.contains(call) {
                continue;
            }
            let mut faults = vec![
                Fault::Once("EIO"),
                Fault::Once("ENOSPC"),
                Fault::FromThenOn("EIO"),
                Fault::FromThenOn("ENOSPC"),
                Fault::Killed,
            ];
            if INTERRUPTIBLE.contains(&call.as_str()) {
                faults.push(Fault::Once("EINTR"));
            }
            // The first of a kind is always among them.
            let chosen = (0..).zip(places).filter(|(index, _)| index % every == 0);
            for (_, at) in chosen {
                injections.extend(faults.iter().map(|fault| Injection {
                    call: call.clone(),
                    at: *at,
                    fault: *fault,
                }));
            }
        }
        injections
    }
}

#[derive(Debug, Default)]
struct Figures {
    /// Runs in which the fault happened.
    injected: u64,
    /// Runs that did not come as far as the engine: the fault met the program's loading, which has
    /// calls of the same count.
    not_loaded: u64,
    /// Runs in which the engine answered with a typed error.
    refused: u64,
    acked: u64,
}

impl Injection {
    fn expression(&self) -> String {
        let Self { call, at, fault } = self;
        match fault {
            Fault::Once(error) => format!("inject={call}:error={error}:when={at}"),
            Fault::FromThenOn(error) => format!("inject={call}:error={error}:when={at}+"),
            Fault::Killed => format!("inject={call}:signal=KILL:when={at}"),
        }
    }
}

/// Where the runs are made, and the directory that each of them starts from.
struct Bench {
    scratch: PathBuf,
    /// What the directory owes at the start.
    ledger: Ledger,
}

impl Bench {
    /// Makes a directory whose opening has a tail to copy and torn bytes to set aside: a process
    /// that was killed before anything was synced, and a write that was cut short.
    fn new(scratch: PathBuf) -> anyhow::Result<Self> {
        let mut bench = Self {
            scratch,
            ledger: Ledger::default(),
        };
        let mut settings = bench.settings(&bench.template());
        settings.os_buffer = true;
        (settings.events, settings.reopen_after) = (0, 0);
        let mut child = Running::start(&settings, &[])?;
        let mut acks = 0;
        while acks < ACKS_BEFORE {
            let line = child.next_line(RUN_MAX).context("the child ended early")?;
            acks += usize::from(matches!(line, Line::Acked { .. }));
        }
        child.kill()?.note(&mut bench.ledger);
        let partition = bench.template().join("partition-0000");
        let last = fs::read_dir(&partition)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .max()
            .context("the child left no segment")?;
        OpenOptions::new()
            .append(true)
            .open(last)
            .and_then(|mut segment| segment.write_all(&[0xab; 5000]))
            .context("cannot tear the tail")?;
        Ok(bench)
    }

    fn template(&self) -> PathBuf {
        self.scratch.join("template")
    }

    fn settings(&self, directory: &Path) -> Settings {
        let mut settings = Settings::new(directory.to_owned(), 1);
        (settings.partitions, settings.threads) = (1, 1);
        (settings.events, settings.reopen_after) = (EVENTS, REOPEN_AFTER);
        settings.batch = BATCH;
        settings
    }

    /// A copy of the template; the one before it is removed.
    fn copy(&self) -> anyhow::Result<PathBuf> {
        let copy = self.scratch.join("journal");
        if copy.exists() {
            fs::remove_dir_all(&copy).context("cannot remove a copy")?;
        }
        let mut command = Command::new("cp");
        let status = command.arg("-a").arg(self.template()).arg(&copy).status()?;
        ensure!(status.success(), "cannot copy the template");
        Ok(copy)
    }

    fn log(&self) -> PathBuf {
        self.scratch.join("strace.log")
    }

    fn wrapper(&self, options: &[String]) -> Vec<OsString> {
        let mut wrapper: Vec<OsString> = ["strace", "-f", "-qq", "-y", "-o"].map(Into::into).into();
        wrapper.push(self.log().into());
        for option in options {
            wrapper.extend(["-e".into(), option.into()]);
        }
        wrapper
    }

    /// By kind, which calls of a thread touch the journal in a run without faults.
    fn reference(&self) -> anyhow::Result<BTreeMap<String, BTreeSet<u64>>> {
        let copy = self.copy()?;
        let wrapper = self.wrapper(&[format!("trace={}", CALLS.join(","))]);
        let ended = Running::start(&self.settings(&copy), &wrapper)?.wait(RUN_MAX)?;
        ensure!(
            ended.ending == Ending::Done,
            "the run without faults failed: {:?}",
            ended.failure()
        );
        let log = fs::read_to_string(self.log()).context("strace wrote no log")?;
        Ok(places(&log, &copy.to_string_lossy()))
    }

    /// One run with one fault; the inner error is a violation.
    fn inject(
        &self,
        injection: &Injection,
        figures: &mut Figures,
    ) -> anyhow::Result<Result<(), String>> {
        let settings = self.settings(&self.copy()?);
        let mut ledger = self.ledger.clone();
        let wrapper = self.wrapper(&[format!("trace={}", injection.call), injection.expression()]);
        let ended = Running::start(&settings, &wrapper)?.wait(RUN_MAX)?;
        figures.acked += ended.note(&mut ledger);
        figures.refused += u64::from(ended.failure().is_some());
        let was_injected = match injection.fault {
            Fault::Killed => ended.ending == Ending::Killed,
            _ => fs::read_to_string(self.log())
                .context("strace wrote no log")?
                .contains("(INJECTED)"),
        };
        figures.injected += u64::from(was_injected);
        if was_injected && ended.lines.is_empty() {
            figures.not_loaded += 1;
            return Ok(Ok(()));
        }
        if let Some(violation) = ended.violation() {
            return Ok(Err(violation));
        }
        match injection.fault {
            Fault::Once("EINTR") if ended.ending != Ending::Done => {
                return Ok(Err(format!("not made again: {:?}", ended.failure())));
            }
            Fault::Once(_) | Fault::FromThenOn(_) if ended.ending == Ending::Killed => {
                return Ok(Err("somebody killed it".to_owned()));
            }
            _ => {}
        }
        Ok(ledger
            .check(&settings)
            .map(drop)
            .map_err(|unsound| unsound.to_string()))
    }
}

/// From a log with a line a call, counts the calls of each kind in each thread, and returns the
/// counts at which one names `directory`.
fn places(log: &str, directory: &str) -> BTreeMap<String, BTreeSet<u64>> {
    let mut counts = BTreeMap::<(&str, &str), u64>::new();
    let mut places = BTreeMap::<String, BTreeSet<u64>>::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else {
            continue;
        };
        // The end of a call that another thread's interrupted in the log.
        if call.contains(' ') {
            continue;
        }
        let count = counts.entry((thread, call)).or_default();
        *count += 1;
        if arguments.contains(directory) {
            places.entry(call.to_owned()).or_default().insert(*count);
        }
    }
    places
}

/// Whether `strace` is there and may trace.
fn try_strace() -> anyhow::Result<()> {
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run strace")?;
    ensure!(
        output.status.success(),
        "strace may not trace: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_a_thread_and_chosen_where_they_touch_the_journal() {
        let log = "7 openat(AT_FDCWD, \"/lib/libc.so\") = 3\n\
                   7 openat(AT_FDCWD, \"/j/lock\") = 3\n\
                   8 openat(AT_FDCWD, \"/j/x\" <unfinished ...>\n\
                   7 fsync(3</j>) = 0\n\
                   8 <... openat resumed>) = 4</j/x>\n\
                   8 openat(AT_FDCWD, \"/proc/x\") = 5\n";
        let places = places(log, "/j");
        assert_eq!(places["openat"], BTreeSet::from([1, 2]));
        assert_eq!(places["fsync"], BTreeSet::from([1]));
    }
}
