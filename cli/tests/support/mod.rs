//! What the tests of the game domain share.
#![allow(dead_code, reason = "every test program uses its own part of it")]

pub(crate) mod json;

use ringlog::game::{Arena, GameEvent};
use ringlog::{Archiver, Event, EventMeta, State, event};
use ringlog_cli::{Domain, Game};

/// Archives `event` and hands it to `look` as a journal's reader would.
pub(crate) fn with_view<T>(
    event: &GameEvent,
    look: impl FnOnce(ringlog::game::GameView<'_>) -> T,
) -> T {
    let mut archiver = Archiver::default();
    let bytes = event::to_archive(event, &mut archiver).unwrap();
    let event_type = event.event_type();
    look(GameEvent::view(event_type.kind, event_type.version, bytes).unwrap())
}

/// The event in `line`.
pub(crate) fn parsed(line: &str) -> GameEvent {
    Game::parse(line.as_bytes()).unwrap_or_else(|reason| panic!("{reason}: {line}"))
}

/// The line that `dump` prints for `line`.
pub(crate) fn printed(line: &str) -> String {
    with_view(&parsed(line), |view| {
        let mut out = Vec::new();
        Game::print(&view, &mut out);
        String::from_utf8(out).unwrap()
    })
}

/// What the engine would say of `event` as number `sequence`.
pub(crate) fn meta(event: &GameEvent, sequence: u64) -> EventMeta {
    EventMeta {
        partition: 0,
        sequence,
        journal_time_ns: 0,
        event_time_ms: event.time_ms().unwrap_or_default(),
        key: event.key(),
        source: None,
    }
}

/// The states of `arenas_count` partitions after `events`.
pub(crate) fn fold(events: &[GameEvent], arenas_count: usize) -> Vec<Arena> {
    let mut arenas: Vec<Arena> = (0..arenas_count).map(|i| Game::state(i as u32)).collect();
    let mut archiver = Archiver::default();
    for (event, sequence) in events.iter().zip(1..) {
        let meta = meta(event, sequence);
        let event_type = event.event_type();
        let bytes = event::to_archive(event, &mut archiver).unwrap();
        let view = GameEvent::view(event_type.kind, event_type.version, bytes).unwrap();
        arenas[meta.key as usize % arenas_count].apply(view, &meta);
    }
    arenas
}
