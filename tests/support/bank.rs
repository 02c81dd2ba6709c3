//! A bank for the tests of commands: accounts, and everything that can be asked of them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use std::collections::BTreeMap;
use std::io;

use ringlog::{Command, Decider, EventMeta, Events, State, events, rkyv};

#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Deposited {
    pub account: u64,
    pub cents: u64,
}

#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Withdrawn {
    pub account: u64,
    pub cents: u64,
}

/// Makes `apply` panic.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Robbed {
    pub account: u64,
}

events! {
    #[derive(Debug, Clone)]
    pub enum BankEvent, view BankView {
        Deposited(Deposited) = 1, "account.deposited", version 1, key account;
        Withdrawn(Withdrawn) = 2, "account.withdrawn", version 1, key account;
        Robbed(Robbed) = 3, "account.robbed", version 1, key account;
    }
}

#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Ask {
    pub account: u64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub enum What {
    /// In so many deposits of a cent each.
    Deposit {
        cents: u64,
        parts: u32,
    },
    Withdraw {
        cents: u64,
    },
    /// Deposits a cent in an account of another partition.
    DepositElsewhere {
        account: u64,
    },
    /// A deposit, and then an event that `apply` panics for.
    Rob,
    Panic,
    /// Does what the test has set, and rejects with what came of it.
    Inside,
}

#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[rkyv(crate = ringlog::rkyv)]
pub enum Refused {
    Short { cents: u64 },
    Nothing,
    Why(String),
}

/// Cents by account, and how many events there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bank {
    pub accounts: BTreeMap<u64, u64>,
    pub events: u64,
    /// Whether robberies are survived: "mended code".
    pub is_mended: bool,
}

impl State for Bank {
    type Event = BankEvent;

    const SNAPSHOT_VERSION: u32 = 1;
    const KEY_VERSIONS_MAX: usize = 1_000;

    fn apply(&mut self, event: BankView<'_>, _: &EventMeta) {
        self.events += 1;
        match event {
            BankView::Deposited(deposited) => {
                *self
                    .accounts
                    .entry(deposited.account.to_native())
                    .or_default() += deposited.cents.to_native();
            }
            BankView::Withdrawn(withdrawn) => {
                *self
                    .accounts
                    .entry(withdrawn.account.to_native())
                    .or_default() -= withdrawn.cents.to_native();
            }
            BankView::Robbed(_) => assert!(self.is_mended, "robbed"),
        }
    }

    fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&self.events.to_le_bytes())?;
        for (account, cents) in &self.accounts {
            out.write_all(&account.to_le_bytes())?;
            out.write_all(&cents.to_le_bytes())?;
        }
        Ok(())
    }

    fn load(&mut self, _version: u32, from: &mut dyn io::Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let mut numbers = bytes
            .chunks(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        self.events = numbers.next().unwrap();
        while let (Some(account), Some(cents)) = (numbers.next(), numbers.next()) {
            self.accounts.insert(account, cents);
        }
        Ok(())
    }
}

impl Command for Ask {
    fn key(&self) -> u64 {
        self.account
    }
}

impl Decider for Bank {
    type Command = Ask;
    /// What the account has afterwards.
    type Reply = u64;
    type Rejection = Refused;

    fn decide(&self, ask: &ArchivedAsk, events: &mut Events<BankEvent>) -> Result<u64, Refused> {
        let account = ask.account.to_native();
        let has = self.accounts.get(&account).copied().unwrap_or_default();
        match &ask.what {
            ArchivedWhat::Deposit { cents, parts } => {
                let cents = cents.to_native();
                if cents == 0 {
                    return Err(Refused::Nothing);
                }
                for _ in 0..parts.to_native() {
                    events.push(Deposited { account, cents });
                }
                Ok(has + cents * u64::from(parts.to_native()))
            }
            ArchivedWhat::Withdraw { cents } => {
                let cents = cents.to_native();
                // Pushed before it is checked: what is rejected leaves nothing behind.
                events.push(Withdrawn { account, cents });
                has.checked_sub(cents)
                    .ok_or_else(|| Refused::Short { cents: cents - has })
            }
            ArchivedWhat::DepositElsewhere { account } => {
                events.push(Deposited {
                    account: account.to_native(),
                    cents: 1,
                });
                Ok(1)
            }
            ArchivedWhat::Rob => {
                events.push(Deposited { account, cents: 1 });
                events.push(Robbed { account });
                Ok(0)
            }
            ArchivedWhat::Panic => panic!("decide exploded"),
            ArchivedWhat::Inside => Err(Refused::Why(super::do_inside())),
        }
    }
}

pub fn deposit(account: u64, cents: u64) -> Ask {
    deposits(account, cents, 1)
}

pub fn deposits(account: u64, cents: u64, parts: u32) -> Ask {
    ask(account, What::Deposit { cents, parts })
}

pub fn withdraw(account: u64, cents: u64) -> Ask {
    ask(account, What::Withdraw { cents })
}

pub fn ask(account: u64, what: What) -> Ask {
    Ask { account, what }
}
