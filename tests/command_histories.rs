//! Random histories: commands, crashes, snapshots and reopenings in any order. State is the plain fold of
//! the journal, every reply holds, and nothing is decided twice.
//!
//! `HISTORIES=10000 cargo test --release --features sim --test command_histories` runs so many; 500 is
//! what runs otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests unwrap, and read the environment"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use proptest::prelude::*;
use ringlog::testing::{CrashReport, CrashTest, Random, given};
use ringlog::{Command, CommandFailure, Decider, EventMeta, Events, State, events, rkyv};

/// Part of what an order led to.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Entered {
    account: u64,
    order: u64,
    part: u32,
    parts: u32,
    filler: Vec<u8>,
}

events! {
    #[derive(Debug)]
    enum LedgerEvent, view LedgerView {
        Entered(Entered) = 1, "ledger.entered", version 1, key account;
    }
}

#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
struct Order {
    account: u64,
    order: u64,
    what: What,
}

#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
enum What {
    /// In so many parts, with so many bytes each.
    Enter {
        parts: u32,
        filler: u32,
    },
    /// Only where the account has an even number of parts.
    IfEven,
    Panic,
}

/// What is in each account, in order.
#[derive(Debug, Default, PartialEq)]
struct Ledger {
    accounts: BTreeMap<u64, Vec<(u64, u32)>>,
}

impl Command for Order {
    fn key(&self) -> u64 {
        self.account
    }
}

impl State for Ledger {
    type Event = LedgerEvent;

    const SNAPSHOT_VERSION: u32 = 1;
    const KEY_VERSIONS_MAX: usize = 3;

    fn apply(&mut self, LedgerView::Entered(entered): LedgerView<'_>, _: &EventMeta) {
        let account = self
            .accounts
            .entry(entered.account.to_native())
            .or_default();
        account.push((entered.order.to_native(), entered.part.to_native()));
    }

    fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
        for (account, parts) in &self.accounts {
            for (order, part) in parts {
                for number in [*account, *order, u64::from(*part)] {
                    out.write_all(&number.to_le_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, _: u32, from: &mut dyn io::Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        for entry in bytes.chunks(24) {
            let number =
                |index: usize| u64::from_le_bytes(entry[index * 8..][..8].try_into().unwrap());
            let part = u32::try_from(number(2)).unwrap();
            let account = self.accounts.entry(number(0)).or_default();
            account.push((number(1), part));
        }
        Ok(())
    }
}

impl Decider for Ledger {
    type Command = Order;
    /// How many parts the account has afterwards.
    type Reply = u64;
    type Rejection = String;

    fn decide(
        &self,
        order: &ArchivedOrder,
        events: &mut Events<LedgerEvent>,
    ) -> Result<u64, String> {
        let (account, number) = (order.account.to_native(), order.order.to_native());
        let has = self.accounts.get(&account).map_or(0, Vec::len) as u64;
        let (parts, filler) = match &order.what {
            ArchivedWhat::Enter { parts, filler } => (parts.to_native(), filler.to_native()),
            ArchivedWhat::IfEven if has.is_multiple_of(2) => (1, 0),
            ArchivedWhat::IfEven => return Err(format!("{has} is odd")),
            ArchivedWhat::Panic => panic!("as ordered"),
        };
        for part in 0..parts {
            events.push(Entered {
                account,
                order: number,
                part,
                parts,
                filler: vec![7; filler as usize],
            });
        }
        Ok(has + u64::from(parts))
    }
}

fn random_order(random: &mut Random) -> Order {
    let what = match random.below(10) {
        0..=5 => What::Enter {
            parts: u32::try_from(random.below(5)).unwrap(),
            filler: u32::try_from(random.below(1_500)).unwrap(),
        },
        // More than a group of the simulation has room for.
        6 if random.below(3) == 0 => What::Enter {
            parts: 40,
            filler: 1_000,
        },
        9 if random.below(3) == 0 => What::Panic,
        _ => What::IfEven,
    };
    Order {
        account: random.below(4),
        order: random.number(),
        what,
    }
}

/// Every order is there whole and once: its parts one behind the other.
fn is_whole(ledger: &Ledger) {
    let mut seen = BTreeSet::new();
    for parts in ledger.accounts.values() {
        let mut before = None;
        for (order, part) in parts {
            match (before, part) {
                (_, 0) => assert!(seen.insert(*order), "order {order} was taken twice"),
                (Some((same, one_less)), _) => {
                    assert_eq!((same, one_less + 1), (*order, *part), "a part is missing");
                }
                (None, _) => panic!("order {order} begins with part {part}"),
            }
            before = Some((*order, *part));
        }
    }
}

fn history(seed: u64, commands: u64) -> CrashReport {
    CrashTest::new(seed)
        .commands(commands)
        .run(|_| Ledger::default(), random_order, is_whole)
}

#[test]
fn any_history_ends_in_the_fold_of_its_events_and_keeps_its_replies() {
    let histories = std::env::var("HISTORIES").map_or(500, |text| text.parse().unwrap());
    std::panic::set_hook(Box::new(|info| {
        // `decide` panics as ordered, thousands of times.
        if !info.to_string().contains("as ordered") {
            eprintln!("{info}");
        }
    }));
    let config = ProptestConfig {
        cases: histories,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let total = RefCell::new(CrashReport::default());
    proptest!(config, |(seed: u64, commands in 1u64..80)| {
        *total.borrow_mut() += history(seed, commands);
    });
    let total = total.into_inner();
    println!("{histories} histories: {total:?}");
    let least = [
        total.accepted / 10,
        total.rejected,
        total.failed,
        total.repeated,
        total.crashes,
        total.snapshots,
    ];
    assert!(
        least
            .into_iter()
            .all(|count| count >= u64::from(histories) / 4),
        "every kind of thing happened: {total:?}"
    );
}

#[test]
fn decisions_are_checked_without_a_pipeline() {
    let order = |what| Order {
        account: 1,
        order: 9,
        what,
    };
    let entered = |part| Entered {
        account: 1,
        order: 9,
        part,
        parts: 2,
        filler: Vec::new(),
    };
    given(Ledger::default(), [entered(0).into()])
        .when(&order(What::IfEven))
        .then_rejected(&"1 is odd".to_owned())
        .when(&order(What::Enter {
            parts: 2,
            filler: 0,
        }))
        .then_events([entered(0).into(), entered(1).into()])
        .then_reply(&3)
        .then_state(|ledger| assert_eq!(ledger.accounts[&1].len(), 3))
        .when(&order(What::Enter {
            parts: 5,
            filler: 200_000,
        }))
        .then_failed(&CommandFailure::TooManyEvents { bytes_max: 520_192 });
}

#[test]
#[should_panic(expected = "the event at index 0 is another")]
fn an_event_that_differs_is_noticed() {
    let entered = |order| Entered {
        account: 1,
        order,
        part: 0,
        parts: 1,
        filler: Vec::new(),
    };
    let order = Order {
        account: 1,
        order: 9,
        what: What::IfEven,
    };
    let _ = given(Ledger::default(), [])
        .when(&order)
        .then_events([entered(8).into()]);
}
