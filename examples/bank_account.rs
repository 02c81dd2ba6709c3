//! An event-sourced bank account: commands in, events out, and none of them happens twice.
//!
//! `cargo run --example bank_account`
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::Path;

use ringlog::{Command, Decider, EventMeta, Events, Outcome, Pipeline, State, events, rkyv};

/// Happened: what is in the journal.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Deposited {
    pub account: u64,
    pub cents: u64,
}

/// Happened, too.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Withdrawn {
    pub account: u64,
    pub cents: u64,
}

events! {
    #[derive(Debug)]
    pub enum BankEvent, view BankView {
        Deposited(Deposited) = 1, "account.deposited", version 1, key account;
        Withdrawn(Withdrawn) = 2, "account.withdrawn", version 1, key account;
    }
}

/// Asked for: may be refused, and is not in the journal.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub enum Ask {
    Deposit { account: u64, cents: u64 },
    Withdraw { account: u64, cents: u64 },
}

impl Command for Ask {
    fn key(&self) -> u64 {
        match self {
            Self::Deposit { account, .. } | Self::Withdraw { account, .. } => *account,
        }
    }
}

/// Why a command is refused.
#[derive(Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[rkyv(crate = ringlog::rkyv)]
pub enum Refused {
    Short { cents: u64 },
    TooMuch,
}

/// The balances: nothing but the fold of the events.
#[derive(Default)]
struct Bank(HashMap<u64, u64>);

impl State for Bank {
    type Event = BankEvent;

    fn apply(&mut self, event: BankView<'_>, _: &EventMeta) {
        match event {
            BankView::Deposited(event) => {
                *self.0.entry(event.account.into()).or_default() += event.cents.to_native();
            }
            BankView::Withdrawn(event) => {
                *self.0.entry(event.account.into()).or_default() -= event.cents.to_native();
            }
        }
    }
}

impl Decider for Bank {
    type Command = Ask;
    /// The balance afterwards.
    type Reply = u64;
    type Rejection = Refused;

    fn decide(&self, ask: &ArchivedAsk, events: &mut Events<BankEvent>) -> Result<u64, Refused> {
        match ask {
            ArchivedAsk::Deposit { account, cents } => {
                let (account, cents) = (account.to_native(), cents.to_native());
                let has = self.balance(account).checked_add(cents);
                let has = has.ok_or(Refused::TooMuch)?;
                events.push(Deposited { account, cents });
                Ok(has)
            }
            ArchivedAsk::Withdraw { account, cents } => {
                let (account, cents) = (account.to_native(), cents.to_native());
                let has = self.balance(account);
                let left = has.checked_sub(cents);
                let left = left.ok_or_else(|| Refused::Short { cents: cents - has })?;
                events.push(Withdrawn { account, cents });
                Ok(left)
            }
        }
    }
}

impl Bank {
    fn balance(&self, account: u64) -> u64 {
        self.0.get(&account).copied().unwrap_or_default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let account = 7;
    {
        let bank = open(directory.path())?;
        let client = bank.client()?;
        // Sent one after the other and waited for together: each is decided after the one before it.
        let asked = [
            Ask::Deposit {
                account,
                cents: 100,
            },
            Ask::Withdraw { account, cents: 70 },
            Ask::Withdraw { account, cents: 70 },
        ];
        let pending: Vec<_> = asked
            .iter()
            .map(|ask| client.send(ask))
            .collect::<Result<_, _>>()?;
        for (ask, pending) in asked.iter().zip(pending) {
            println!("{ask:?}: {}", said(pending.wait()?));
        }
        // With a number of a source it happens once, however often it is sent.
        let till = bank.command_source("till")?;
        let outcome = till.send(1, &Ask::Deposit { account, cents: 50 })?.wait()?;
        println!("number 1 of the till: {}", said(outcome));
        // Suppose that we crash here, and do not know whether that came through.
        bank.close()?;
    }
    let bank = open(directory.path())?;
    println!(
        "opened again: {} cents",
        bank.read(account, |bank| bank.balance(7))?
    );
    let till = bank.command_source("till")?;
    let outcome = till.send(1, &Ask::Deposit { account, cents: 50 })?.wait()?;
    println!("number 1 of the till again: {}", said(outcome));
    let cents = bank.read(account, |bank| bank.balance(7))?;
    println!("afterwards: {cents} cents");
    assert_eq!(cents, 80);
    bank.close()?;
    Ok(())
}

fn open(path: &Path) -> Result<Pipeline<Bank>, ringlog::OpenError> {
    Pipeline::<Bank>::builder(path).open(|_| Bank::default())
}

fn said(outcome: Outcome<u64, Refused>) -> String {
    match outcome {
        Outcome::Accepted(answered) => format!(
            "accepted as event {}{}, {} cents now",
            answered.first_sequence,
            if answered.is_repeated {
                " (before)"
            } else {
                ""
            },
            answered.reply
        ),
        Outcome::Rejected(answered) => format!("refused, {:?}", answered.reply),
    }
}
