//! `schema.lock`: what it says, and that a change of what journals hold does not get past it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "the doors are the library's; helpers of tests are tests; some structs are looked at alone"
)]

mod support;

use std::fs;

use ringlog::Event;
use ringlog::game::GameEvent;
use ringlog::schema::{self, Change, SchemaError};
use support::CounterEvent;
use support::accounts::{AccountEvent, since_two};

#[test]
fn the_events_of_the_game_are_those_of_its_lock() {
    schema::assert_locked::<GameEvent>("schema.lock");
}

#[test]
fn the_events_of_the_golden_journals_are_those_of_their_lock() {
    schema::assert_locked::<AccountEvent>("tests/golden/accounts.lock");
}

/// A program of one type, "thing.happened", kind 5; with a layout, which each test changes.
macro_rules! program {
    ($module:ident { $($item:item)* } $($line:tt)*) => {
        mod $module {
            use ringlog::{layout, rkyv};
            $(
                #[derive(rkyv::Archive, rkyv::Serialize)]
                #[rkyv(crate = ringlog::rkyv)]
                $item
            )*
            $($line)*
        }
    };
}

program!(base { pub struct Happened { pub key: u64, pub amount: u32, pub rate: u32 } }
    layout!(ArchivedHappened { key, amount, rate });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.happened", version 1, key key;
    } });

program!(wider { pub struct Happened { pub key: u64, pub amount: u64, pub rate: u32 } }
    layout!(ArchivedHappened { key, amount, rate });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.happened", version 1, key key;
    } });

program!(swapped { pub struct Happened { pub key: u64, pub rate: u32, pub amount: u32 } }
    layout!(ArchivedHappened { key, amount, rate });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.happened", version 1, key key;
    } });

program!(newer {
        pub struct HappenedV1 { pub key: u64, pub amount: u32, pub rate: u32 }
        pub struct Happened { pub key: u64, pub amount: u64 }
        pub struct Ended { pub key: u64 }
    }
    layout!(ArchivedHappenedV1 { key, amount, rate });
    layout!(ArchivedHappened { key, amount });
    layout!(ArchivedEnded { key });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.happened", version 2, key key,
            from 1: HappenedV1 => |old| Happened { key: old.key.into(), amount: old.amount.to_native().into() };
        Ended(Ended) = 6, "thing.ended", version 1, key key;
    } });

program!(dropped { pub struct Happened { pub key: u64, pub amount: u64 } }
    layout!(ArchivedHappened { key, amount });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.happened", version 2 since 2, key key;
    } });

program!(renamed { pub struct Happened { pub key: u64, pub amount: u32, pub rate: u32 } }
    layout!(ArchivedHappened { key, amount, rate });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 5, "thing.occurred", version 1, key key;
    } });

program!(reused {
        pub struct Happened { pub key: u64, pub amount: u32, pub rate: u32 }
        pub struct Ended { pub key: u64 }
    }
    layout!(ArchivedHappened { key, amount, rate });
    layout!(ArchivedEnded { key });
    ringlog::events! { pub enum Event, view View {
        Ended(Ended) = 5, "thing.ended", version 1, key key;
        Happened(Happened) = 6, "thing.happened", version 1, key key;
    } });

program!(renumbered { pub struct Happened { pub key: u64, pub amount: u32, pub rate: u32 } }
    layout!(ArchivedHappened { key, amount, rate });
    ringlog::events! { pub enum Event, view View {
        Happened(Happened) = 9, "thing.happened", version 1, key key;
    } });

/// What `E` is told about the lock of `base`, or of `newer`.
fn changes<E: Event>(lock: &str) -> (Vec<Change>, String) {
    match schema::check::<E>(lock) {
        Ok(()) => (Vec::new(), String::new()),
        Err(SchemaError::Changed(changes)) => {
            let error = SchemaError::Changed(changes.clone());
            (changes, error.to_string())
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_changed_layout_fails_with_what_changed_and_what_to_do() {
    let lock = schema::lock::<base::Event>().unwrap();
    assert_eq!(changes::<base::Event>(&lock).0, []);
    let (found, text) = changes::<wider::Event>(&lock);
    assert!(matches!(&found[..], [Change::Layout { version: 1, .. }]));
    assert_eq!(
        text,
        "the event types are not those of the lock:\n- the layout of thing.happened version 1 \
         changed: restore it, or keep the old struct, raise the version to 2 and add `from 1: …`\n    \
         locked: 16 bytes, aligned to 8: struct\n    locked: 0..8 key: u64\n    locked: 8..12 amount: \
         u32\n    locked: 12..16 rate: u32\n    now: 24 bytes, aligned to 8: struct\n    now: 0..8 \
         key: u64\n    now: 8..16 amount: u64\n    now: 16..20 rate: u32"
    );
    // Of the same types at the same places: the names tell them apart.
    let (found, text) = changes::<swapped::Event>(&lock);
    assert!(matches!(&found[..], [Change::Layout { .. }]));
    assert!(
        text.ends_with("now: 8..12 rate: u32\n    now: 12..16 amount: u32"),
        "{text}"
    );
    assert!(
        schema::update::<wider::Event>(&lock).is_err(),
        "an update keeps what is locked"
    );
}

#[test]
fn additions_are_compatible_and_have_to_be_locked() {
    let lock = schema::lock::<base::Event>().unwrap();
    let error = schema::check::<newer::Event>(&lock).unwrap_err();
    assert!(error.is_compatible());
    let text = error.to_string();
    assert!(
        text.contains(
            "thing.happened version 2 is not locked yet: run the test with RINGLOG_UPDATE_SCHEMA=1"
        ) && text.contains("thing.ended version 1 is not locked yet"),
        "{text}"
    );
    let updated = schema::update::<newer::Event>(&lock).unwrap();
    assert_eq!(updated, schema::lock::<newer::Event>().unwrap());
    assert_eq!(changes::<newer::Event>(&updated).0, []);
    // From nothing: everything is an addition.
    assert_eq!(schema::update::<base::Event>("").unwrap(), lock);
}

#[test]
fn what_is_removed_renamed_reused_or_renumbered_is_told_apart() {
    let lock = schema::lock::<newer::Event>().unwrap();
    let (found, text) = changes::<dropped::Event>(&lock);
    assert!(matches!(
        &found[..],
        [
            Change::Removed {
                version: 1,
                current: Some(2),
                ..
            },
            Change::Removed {
                kind: 6,
                current: None,
                ..
            }
        ]
    ));
    assert!(
        text.contains("restore `from 1: …`; where no journal holds it any more, remove its block"),
        "{text}"
    );
    assert!(
        text.contains("restore its line in `events!` (a type may stay"),
        "{text}"
    );
    let (found, text) = changes::<base::Event>(&lock);
    assert!(matches!(
        &found[0],
        Change::Removed {
            version: 2,
            current: Some(1),
            ..
        }
    ));
    assert!(
        text.contains("versions never fall: restore version 2"),
        "{text}"
    );

    let lock = schema::lock::<base::Event>().unwrap();
    let (found, text) = changes::<renamed::Event>(&lock);
    assert!(matches!(&found[..], [Change::Renamed { kind: 5, .. }]));
    assert!(
        text.contains("kind 5 is locked as thing.happened, but called thing.occurred"),
        "{text}"
    );
    let (found, text) = changes::<reused::Event>(&lock);
    assert!(matches!(&found[..], [Change::KindReused { kind: 5, .. }]));
    assert!(
        text.contains("give thing.ended a kind that was never used"),
        "{text}"
    );
    let (found, text) = changes::<renumbered::Event>(&lock);
    assert!(matches!(
        &found[..],
        [Change::Renumbered {
            locked: 5,
            found: 9,
            ..
        }]
    ));
    assert!(
        text.contains("thing.happened is locked as kind 5, but has kind 9"),
        "{text}"
    );
    for update in [
        schema::update::<renamed::Event>(&lock),
        schema::update::<reused::Event>(&lock),
        schema::update::<renumbered::Event>(&lock),
    ] {
        assert!(!update.unwrap_err().is_compatible());
    }
}

#[test]
fn a_struct_without_a_layout_cannot_be_locked_and_the_error_names_it() {
    let error = schema::lock::<CounterEvent>().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("- counter.added version 1: write `ringlog::layout!(ArchivedAdded { … });`")
            && text.contains("counter.noted version 1"),
        "{text}"
    );
    assert!(matches!(error, SchemaError::NoLayout(missing) if missing.len() == 3));
}

program!(shapes {
        pub struct Everything {
            pub key: u64,
            pub option: Option<u16>,
            pub list: Vec<(u8, Vec<String>)>,
            pub fixed: [[i32; 2]; 3],
            pub boxed: Box<str>,
            pub map: std::collections::BTreeMap<u32, char>,
            pub unit: Unit,
            #[rkyv(with = rkyv::with::Niche)]
            pub niched: Option<std::num::NonZeroU32>,
            pub shape: Shape,
        }
        pub struct Unit;
        pub enum Shape {
            Circle(f64),
            Line { to: std::num::NonZeroU64, flag: bool, by: u16 },
            Never(std::num::NonZeroU16, bool),
            Point,
        }
    }
    layout!(ArchivedEverything { shape, niched, unit, map, boxed, fixed, list, option, key });
    layout!(ArchivedUnit {});
    // In another order than the enum, whose tags are told from its archives.
    layout!(enum ArchivedShape { Point, Line { by, to, flag }, Circle { 0 }, Never { 0, 1 } });
    ringlog::events! { pub enum Event, view View {
        Everything(Everything) = 1, "everything", version 1, key key;
    } });

#[test]
fn every_kind_of_field_has_its_place_in_the_lock() {
    let lock = schema::lock::<shapes::Event>().unwrap();
    let block = lock.split_once("\n\n").unwrap().1;
    assert_eq!(
        block,
        "\
everything version 1, kind 1
  88 bytes, aligned to 8: struct
    0..8 key: u64
    8..12 option: option of u16
    12..20 list: list of struct
      0..1 0: u8
      4..12 1: list of string
    20..44 fixed: 3 of 2 of i32
    44..52 boxed: box of text
    52..60 map: sorted map (5 a node) of u32 to char
    60..60 unit: struct
    60..64 niched: niched option of nonzero u32
    64..88 shape: enum
      0 Circle
        8..16 0: f64
      1 Line
        8..16 to: nonzero u64
        16..17 flag: bool
        18..20 by: u16
      2 Never
        2..4 0: nonzero u16
        4..5 1: bool
      3 Point
"
    );
}

#[test]
fn a_lock_that_is_none_is_refused_with_its_line() {
    let block = "a.b version 1, kind 2\n  8 bytes, aligned to 8: struct\n";
    let cases = [
        ("  0..8 a: u64\n", 1, "without a type"),
        ("# comment\n\nnonsense\n", 3, "not of the form"),
        ("a.b version 1\n  x\n", 1, "not of the form"),
        ("a.b version 0, kind 2\n  x\n", 1, "not of the form"),
        ("a.b version 01, kind 2\n  x\n", 1, "not of the form"),
        ("a.b version +1, kind 2\n  x\n", 1, "not of the form"),
        ("a.b version 1, kind 65536\n  x\n", 1, "not of the form"),
        ("a b version 1, kind 2\n  x\n", 1, "not of the form"),
        ("a.b version 1, kind 2\n", 1, "without a layout below"),
        (
            "\na.b version 1, kind 2\nc.d version 1, kind 3\n  x\n",
            2,
            "without a layout below",
        ),
        (&format!("{block}\n{block}"), 4, "stand above already"),
    ];
    for (text, expected, problem) in cases {
        match schema::check::<base::Event>(text) {
            Err(SchemaError::Text {
                line,
                problem: found,
            }) => {
                assert_eq!(line, expected, "{text}");
                assert!(found.contains(problem), "{text}: {found}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn no_byte_of_a_locked_type_can_change_unnoticed() {
    let lock = schema::lock::<newer::Event>().unwrap();
    let start = lock.find("\n\n").unwrap() + 2;
    for position in start..lock.len() {
        for byte in [b' ', b'0', b'x', b'\n', b'#'] {
            let mut changed = lock.clone().into_bytes();
            let is_blank = |byte: u8| byte == b'\n' || byte == b' ';
            // Blank lines, and what ends a line, mean nothing.
            if is_blank(changed[position]) && is_blank(byte) || changed[position] == byte {
                continue;
            }
            changed[position] = byte;
            let changed = String::from_utf8(changed).unwrap();
            let checked = schema::check::<newer::Event>(&changed);
            let is_locked = matches!(&checked, Ok(()));
            // A line may also become a comment, or blank: then its block is another one, or none.
            assert!(
                !is_locked,
                "byte {position} as {:?}:\n{changed}",
                char::from(byte)
            );
        }
    }
    // Line ends of other systems, and what is written between the blocks, mean nothing.
    let other = lock
        .replace('\n', "\r\n")
        .replace("thing.ended", "# between\r\n\r\nthing.ended");
    schema::check::<newer::Event>(&other).unwrap();
}

#[test]
fn the_file_is_made_checked_and_added_to_but_what_is_locked_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("schema.lock");
    assert!(
        schema::check_file::<base::Event>(&path)
            .unwrap_err()
            .is_compatible()
    );
    schema::write_file::<base::Event>(&path).unwrap();
    schema::check_file::<base::Event>(&path).unwrap();
    schema::write_file::<newer::Event>(&path).unwrap();
    schema::check_file::<newer::Event>(&path).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    schema::write_file::<wider::Event>(&path).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let panicked = std::panic::catch_unwind(|| schema::assert_locked::<wider::Event>(&path));
    let message = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("raise the version") || message.contains("restore it"),
        "{message}"
    );
    fs::write(&path, [0xff]).unwrap();
    let error = schema::check_file::<base::Event>(&path).unwrap_err();
    assert!(
        matches!(
            error,
            SchemaError::Io {
                operation: "read",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_version_that_is_no_longer_read_stays_in_the_lock_until_it_is_removed_by_hand() {
    let lock = schema::lock::<AccountEvent>().unwrap();
    let (found, _) = changes::<since_two::Event>(&lock);
    assert!(
        found
            .iter()
            .all(|change| matches!(change, Change::Removed { .. })),
        "{found:?}"
    );
    assert!(schema::update::<since_two::Event>(&lock).is_err());
}
