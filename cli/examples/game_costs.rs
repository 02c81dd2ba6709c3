//! What the game domain costs a single thread, in nanoseconds an event.
//!
//! `cargo run --release --example game_costs -- FILE.ndjson ...`
#![expect(
    clippy::disallowed_methods,
    reason = "a program that measures needs a clock and its input"
)]

use std::hint::black_box;
use std::time::Instant;

use ringlog::game::{Arena, GameEvent};
use ringlog::rkyv::util::AlignedVec;
use ringlog::{Archiver, Event, EventMeta, State, event};
use ringlog_cli::{Domain, Game, Synthetic};

const SYNTHETIC_EVENTS_COUNT: u64 = 10_000_000;

fn main() -> anyhow::Result<()> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        println!("{path}");
        real(&text)?;
    }
    synthetic()
}

fn real(text: &str) -> anyhow::Result<()> {
    let lines: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let lines_count = lines.len() as u64;
    timed("parse", lines_count, || {
        lines
            .iter()
            .for_each(|line| drop(black_box(Game::parse(line))));
    });
    let mut archiver = Archiver::default();
    let mut arena = Game::state(0);
    let mut bytes_count = 0;
    let mut result = Ok(());
    timed("parse, archive, view, apply", lines_count, || {
        result = lines.iter().try_for_each(|line| -> anyhow::Result<()> {
            let event = Game::parse(line).map_err(anyhow::Error::msg)?;
            bytes_count += apply(&event, &mut archiver, &mut arena)?;
            Ok(())
        });
    });
    result?;
    let mut result = Ok(());
    println!("  {} bytes of archive an event", bytes_count / lines_count);
    let mut out = Vec::new();
    let events: Vec<GameEvent> = lines
        .iter()
        .filter_map(|line| Game::parse(line).ok())
        .collect();
    timed("archive, view, print", lines_count, || {
        result = events.iter().try_for_each(|event| -> anyhow::Result<()> {
            let bytes = event::to_archive(event, &mut archiver)?;
            let event_type = event.event_type();
            out.clear();
            Game::print(
                &GameEvent::view(event_type.kind, event_type.version, bytes)?,
                &mut out,
            );
            Ok(())
        });
    });
    result
}

fn synthetic() -> anyhow::Result<()> {
    println!("synthetic traffic");
    let mut traffic = Game::traffic(1, 0);
    timed("generate", SYNTHETIC_EVENTS_COUNT, || {
        (0..SYNTHETIC_EVENTS_COUNT).for_each(|_| drop(black_box(traffic())));
    });
    let mut archiver = Archiver::default();
    let mut result = Ok(());
    timed("generate, archive", SYNTHETIC_EVENTS_COUNT, || {
        result = (0..SYNTHETIC_EVENTS_COUNT).try_for_each(|_| {
            event::to_archive(&traffic(), &mut archiver).map(|bytes| {
                black_box(bytes);
            })
        });
    });
    result?;
    // Ready-made archives, back to back, as a partition finds them in its ring.
    let mut archives = Vec::new();
    let mut sizes = std::collections::BTreeMap::new();
    for _ in 0..1_000_000 {
        let event = traffic();
        let event_type = event.event_type();
        let mut bytes = AlignedVec::<16>::new();
        bytes.extend_from_slice(event::to_archive(&event, &mut archiver)?);
        sizes.insert(event_type.name, bytes.len());
        archives.push((event_type.kind, event.key(), bytes));
    }
    println!("  bytes of archive: {sizes:?}");
    let mut arena = Game::state(0);
    for round in ["view, apply (new players)", "view, apply"] {
        timed(round, archives.len() as u64, || {
            for (kind, key, bytes) in &archives {
                if let Ok(view) = GameEvent::view(*kind, 1, bytes) {
                    arena.apply(view, &meta(*key));
                }
            }
        });
    }
    timed("view", archives.len() as u64, || {
        for (kind, _, bytes) in &archives {
            drop(black_box(GameEvent::view(*kind, 1, bytes)));
        }
    });
    timed("digest, by player", arena.players().len() as u64, || {
        black_box(Game::digest(&arena));
    });
    Ok(())
}

fn apply(event: &GameEvent, archiver: &mut Archiver, arena: &mut Arena) -> anyhow::Result<u64> {
    let event_type = event.event_type();
    let bytes = event::to_archive(event, archiver)?;
    let view = GameEvent::view(event_type.kind, event_type.version, bytes)?;
    arena.apply(view, &meta(event.key()));
    Ok(bytes.len() as u64)
}

fn meta(key: u64) -> EventMeta {
    EventMeta {
        partition: 0,
        sequence: 1,
        journal_time_ns: 0,
        event_time_ms: 0,
        key,
        source: None,
    }
}

fn timed(what: &str, count: u64, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    println!(
        "  {:6.1} ns  {what}",
        start.elapsed().as_nanos() as f64 / count as f64
    );
}
