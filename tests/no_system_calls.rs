//! Publishing makes no system call: not between claim and publish, not around it, unless it has to
//! wake a thread that sleeps or to wait for room. The kernel itself holds it to that: the
//! publishing thread forbids itself every call (but `read`, `write` and `exit`, which strict seccomp
//! leaves to everybody, and which `.ci/syscalls` counts), and would be killed in the first one.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]
#![forbid(unsafe_code)]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ringlog::Pipeline;
use rustix::thread::{SecureComputingMode, gettid, set_secure_computing_mode};
use support::{Counters, added};

const CHILD: &str = "RINGLOG_TEST_CHILD_DIRECTORY";
const SLEEPS: &str = "RINGLOG_TEST_CHILD_SLEEPS";
const RING_SLOTS: usize = 1 << 20;
/// As many as the ring has room for, each in a slot.
const EVENTS: u64 = 1_000_000;

const PUBLISHED: i32 = 10;
const CALLED: i32 = 11;
const CANNOT_FORBID: i32 = 12;

/// Not a test of its own: a process whose partition is either held in a reader's closure, and so
/// neither sleeps nor frees a slot, or asleep.
#[test]
fn child_publishes_where_calls_are_forbidden() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);

    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let pipeline = Pipeline::<Counters>::builder(Path::new(&directory))
        .ring_slots(RING_SLOTS)
        .open(|_| Counters::default())
        .unwrap();
    let publisher = pipeline.publisher();
    let source = pipeline.source("feed").unwrap();
    let (held, is_held) = mpsc::channel();
    let (told, tid) = mpsc::channel();
    std::thread::scope(|scope| {
        if std::env::var_os(SLEEPS).is_some() {
            std::thread::sleep(Duration::from_millis(300));
        } else {
            scope.spawn(|| {
                pipeline.read_applied(1, move |_| {
                    held.send(()).unwrap();
                    std::thread::sleep(Duration::from_secs(3600));
                })
            });
            is_held.recv().unwrap();
        }
        scope.spawn(move || {
            // The first one of each takes the memory that it archives into.
            publisher.publish(&added(1, 1)).unwrap();
            source.publish(1, &added(1, 1)).unwrap();
            if std::env::var_os(SLEEPS).is_some() {
                std::thread::sleep(Duration::from_millis(300));
            }
            told.send(gettid()).unwrap();
            if set_secure_computing_mode(SecureComputingMode::Strict).is_err() {
                std::process::exit(CANNOT_FORBID);
            }
            for number in 1..=EVENTS / 2 {
                publisher.publish(&added(number, number)).unwrap();
                source.publish(number + 1, &added(number, number)).unwrap();
            }
            IS_DONE.store(true, Ordering::Release);
            loop {
                // Ending the thread would be a call.
                std::hint::spin_loop();
            }
        });
        let thread = format!("/proc/self/task/{}", tid.recv().unwrap());
        while !IS_DONE.load(Ordering::Acquire) {
            if !Path::new(&thread).exists() {
                std::process::exit(CALLED);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::process::exit(PUBLISHED);
    });
}

fn run_child(sleeps: bool) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "child_publishes_where_calls_are_forbidden",
            "--nocapture",
        ])
        .env(CHILD, directory.path().join("journal"));
    if sleeps {
        command.env(SLEEPS, "");
    }
    command.output().unwrap()
}

#[test]
fn a_million_events_are_published_without_a_system_call() {
    let child = run_child(false);
    match child.status.code() {
        Some(CANNOT_FORBID) => println!("SKIPPED: this kernel has no strict seccomp mode"),
        code => assert_eq!(code, Some(PUBLISHED), "{child:?}"),
    }
}

/// What shows that a call would be seen: to wake the partition that sleeps takes one.
#[test]
fn an_event_that_wakes_its_partition_is_caught_in_the_call() {
    let child = run_child(true);
    match child.status.code() {
        Some(CANNOT_FORBID) => println!("SKIPPED: this kernel has no strict seccomp mode"),
        // The kernel kills the thread, or the process with it.
        code => assert!(matches!(code, Some(CALLED) | None), "{child:?}"),
    }
}
