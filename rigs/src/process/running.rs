//! A child from the outside.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

use super::child::{DONE, FAILED};
use super::ledger::Ledger;
use super::line::Line;
use super::settings::Settings;

/// A child that may still run. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    heard: Vec<Line>,
    partitions: u32,
}

/// Everything that a child said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lines: Vec<Line>,
    pub(crate) ending: Ending,
    partitions: u32,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It did everything.
    Done,
    /// The engine refused something with a typed error.
    Failed,
    /// `SIGKILL`.
    Killed,
    /// It had to be killed because it did not end.
    Stuck,
    /// In another way: a panic, say.
    Other(ExitStatus),
}

impl Running {
    /// Starts a child in a process group of its own, through `wrapper` (a command that takes a
    /// command) where there is one.
    pub(crate) fn start(settings: &Settings, wrapper: &[OsString]) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot name this program")?;
        let mut words = wrapper.iter().cloned().chain([own.into()]);
        let mut command = Command::new(words.next().as_deref().unwrap_or(OsStr::new("")));
        if !wrapper.is_empty() {
            // A fault may meet the program's loader, which complains at length.
            command.stderr(Stdio::null());
        }
        let mut child = command
            .args(words)
            .args(settings.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start a child")?;
        let out = child.stdout.take().context("a child has an output")?;
        let (said, lines) = channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut text = String::new();
            // A line that the kill cut short has no end, and proves nothing.
            while out.read_line(&mut text).is_ok_and(|read| read > 0) && text.ends_with('\n') {
                if let Some(line) = Line::parse(text.trim_end()) {
                    let _ = said.send(line);
                }
                text.clear();
            }
        });
        Ok(Self {
            child,
            lines,
            heard: Vec::new(),
            partitions: settings.partitions,
        })
    }

    /// Lets a child go that waits for it.
    pub(crate) fn go(&mut self) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("a child has an input")?;
        input.write_all(b"g").context("a child does not listen")
    }

    /// The next thing it says; `None` where it ended, or said nothing in time.
    pub(crate) fn next_line(&mut self, limit: Duration) -> Option<Line> {
        let line = self.lines.recv_timeout(limit).ok()?;
        self.heard.push(line.clone());
        Some(line)
    }

    /// Waits until it has opened the pipeline, or cannot any more.
    pub(crate) fn await_opened(&mut self, limit: Duration) {
        while let Some(line) = self.next_line(limit) {
            if matches!(line, Line::Opened(_)) {
                return;
            }
        }
    }

    /// Kills it now, and waits until it is gone.
    pub(crate) fn kill(mut self) -> anyhow::Result<Ended> {
        self.kill_group();
        let status = self.child.wait()?;
        Ok(self.end(status, false))
    }

    /// Waits until it ends, and kills it where it does not.
    pub(crate) fn wait(mut self, limit: Duration) -> anyhow::Result<Ended> {
        let deadline = Instant::now() + limit;
        let is_stuck = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if is_stuck {
            self.kill_group();
        }
        let status = self.child.wait()?;
        Ok(self.end(status, is_stuck))
    }

    fn kill_group(&self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn end(&mut self, status: ExitStatus, is_stuck: bool) -> Ended {
        let ending = match (status.code(), status.signal()) {
            _ if is_stuck => Ending::Stuck,
            (Some(DONE), _) => Ending::Done,
            (Some(FAILED), _) => Ending::Failed,
            // 137: a wrapper that says so of its command.
            (_, Some(9)) | (Some(137), _) => Ending::Killed,
            _ => Ending::Other(status),
        };
        self.heard.extend(self.lines.iter());
        Ended {
            lines: std::mem::take(&mut self.heard),
            ending,
            partitions: self.partitions,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever was waited for is `None` to the system's `kill` by now.
        if let Ok(None) = self.child.try_wait() {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Notes what was acknowledged; the count says how many events are owed more than before.
    pub(crate) fn note(&self, ledger: &mut Ledger) -> u64 {
        let before = ledger.owed();
        for line in &self.lines {
            if let Line::Acked {
                thread,
                source_number,
            } = line
            {
                ledger.acked(*thread, *source_number, self.partitions);
            }
        }
        ledger.owed() - before
    }

    /// What the child saw of broken promises, its own end included.
    pub(crate) fn violation(&self) -> Option<String> {
        let seen = self.lines.iter().find_map(|line| match line {
            Line::Violation(text) => Some(text.clone()),
            _ => None,
        });
        seen.or_else(|| match self.ending {
            Ending::Stuck => Some("the child did not end".to_owned()),
            Ending::Other(status) => Some(format!("the child ended with {status}")),
            Ending::Failed if self.failure().is_none() && !self.was_busy() => {
                Some("the child failed without a word".to_owned())
            }
            Ending::Done | Ending::Failed | Ending::Killed => None,
        })
    }

    /// The first typed error.
    pub(crate) fn failure(&self) -> Option<&Line> {
        self.lines
            .iter()
            .find(|line| matches!(line, Line::Failed { .. }))
    }

    /// Whether somebody else had the directory open.
    pub(crate) fn was_busy(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Busy(_)))
    }

    /// Whether it ended between the announcement of an opening and its success.
    pub(crate) fn ended_in_open(&self) -> bool {
        self.last_phase() == Some(&Line::Opening)
    }

    /// Whether it ended between the announcement of closing and its success.
    pub(crate) fn ended_in_close(&self) -> bool {
        self.last_phase() == Some(&Line::Closing)
    }

    fn last_phase(&self) -> Option<&Line> {
        self.lines.iter().rev().find(|line| {
            matches!(
                line,
                Line::Opening | Line::Opened(_) | Line::Closing | Line::Closed
            )
        })
    }
}
