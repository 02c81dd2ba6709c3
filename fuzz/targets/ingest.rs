//! Lines of any bytes: refused with a reason, or an event that prints as a line with the same event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog::event::{Archiver, Event, to_archive};
use ringlog::game::GameEvent;
use ringlog_cli::{Domain, Game};
use ringlog_fuzz::{lines, write_seeds};

/// What `line` prints as, once it is an event; `None` where it is none, or too long for one.
fn printed(line: &[u8]) -> Option<Vec<u8>> {
    let event = Game::parse(line).ok()?;
    let mut archiver = Archiver::default();
    let body = to_archive(&event, &mut archiver).ok()?;
    let event_type = event.event_type();
    let view = GameEvent::view(event_type.kind, event_type.version, body)
        .expect("what was archived can be viewed");
    let mut out = Vec::new();
    Game::print(&view, &mut out);
    Some(out)
}

fuzz_target!(
    init: write_seeds(lines().into_iter().map(String::into_bytes)),
    |data: &[u8]| {
        if let Some(once) = printed(data) {
            assert!(!once.contains(&b'\n'), "a line is one line");
            let twice = printed(&once);
            assert_eq!(
                twice.as_deref().map(String::from_utf8_lossy),
                Some(String::from_utf8_lossy(&once)),
                "what is printed is read as it was"
            );
        }
    }
);
