//! An event-sourced bank account: commands in, events out, and none of them happens twice.
//!
//! `cargo run --example bank_account`
#![forbid(unsafe_code)]

use std::collections::HashMap;

use ringlog::{Command, Decider, EventMeta, Events, OpenError, Outcome, Pipeline, State, rkyv};

/// Happened: what is in the journal. A deposit, or below zero a withdrawal.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Booked {
    pub account: u64,
    pub cents: i64,
}

ringlog::events! {
    #[derive(Debug)]
    pub enum BankEvent, view BankView {
        Booked(Booked) = 1, "account.booked", version 1, key account;
    }
}

/// Asked for: may be refused, and is not in the journal.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Book {
    pub account: u64,
    pub cents: i64,
}

impl Command for Book {
    fn key(&self) -> u64 {
        self.account
    }
}

/// The balances: nothing but the fold of the events.
#[derive(Default)]
struct Bank(HashMap<u64, i64>);

impl State for Bank {
    type Event = BankEvent;

    fn apply(&mut self, BankView::Booked(event): BankView<'_>, _: &EventMeta) {
        *self.0.entry(event.account.into()).or_default() += event.cents.to_native();
    }
}

impl Decider for Bank {
    type Command = Book;
    /// The balance afterwards.
    type Reply = i64;
    /// What is missing.
    type Rejection = String;

    fn decide(&self, book: &ArchivedBook, events: &mut Events<BankEvent>) -> Result<i64, String> {
        let (account, cents) = (book.account.to_native(), book.cents.to_native());
        let has = self.0.get(&account).copied().unwrap_or_default();
        let left = has.checked_add(cents).ok_or("too much for one account")?;
        if left < 0 {
            return Err(format!("{} cents are missing", -left));
        }
        events.push(Booked { account, cents });
        Ok(left)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let open = || -> Result<_, OpenError> {
        Pipeline::<Bank>::builder(directory.path()).open(|_| Bank::default())
    };
    let account = 7;

    let bank = open()?;
    let client = bank.client()?;
    // All on their way at once; each is decided after the one before it.
    let pending = [100, -70, -70].map(|cents| client.send(&Book { account, cents }));
    for pending in pending {
        println!("{}", said(pending?.wait()?));
    }
    // With a number of a source it happens once, however often it is sent.
    let till = bank.command_source("till")?;
    let fifty = Book { account, cents: 50 };
    println!("number 1: {}", said(till.send(1, &fifty)?.wait()?));
    // Suppose that we crash here, and do not know whether that came through.
    bank.close()?;

    let bank = open()?;
    let till = bank.command_source("till")?;
    println!("number 1 again: {}", said(till.send(1, &fifty)?.wait()?));
    let cents = bank.read(account, |bank| bank.0.get(&7).copied())?;
    println!("afterwards there are {cents:?} cents");
    assert_eq!(cents, Some(80));
    Ok(())
}

fn said(outcome: Outcome<i64, String>) -> String {
    match outcome {
        Outcome::Accepted(answered) => {
            let (cents, event) = (answered.reply, answered.first_sequence);
            format!("{cents} cents now, by event {event}")
        }
        Outcome::Rejected(answered) => format!("refused: {}", answered.reply),
    }
}
