//! A small domain that changed twice: the programs of then and of now, for the tests of schema
//! evolution and for the golden journals.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use ringlog::{EventMeta, State, events, layout, rkyv};

/// The first program: a deposit has whole units, and its time.
pub mod first {
    use super::*;

    #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub struct Opened {
        pub account: u64,
        pub owner: Owner,
    }

    #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub enum Owner {
        Unknown,
        Person(String),
        Company {
            name: String,
            tax_number: Option<u64>,
        },
    }

    #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub struct DepositedV1 {
        pub account: u64,
        pub units: u64,
        pub at_ms: i64,
    }

    #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub struct NotedV1 {
        pub account: u64,
        pub text: String,
    }

    layout!(ArchivedOpened { account, owner });
    layout!(enum ArchivedOwner { Unknown, Person { 0 }, Company { name, tax_number } });
    layout!(ArchivedDepositedV1 {
        account,
        units,
        at_ms
    });
    layout!(ArchivedNotedV1 { account, text });

    events! {
        #[derive(Debug)]
        pub enum Event, view View {
            Opened(Opened) = 1, "account.opened", version 1, key account;
            Deposited(DepositedV1) = 2, "account.deposited", version 1, key account, time at_ms;
            Noted(NotedV1) = 3, "account.noted", version 1, key account;
        }
    }

    pub fn opened(account: u64, owner: &str) -> Event {
        let owner = match owner {
            "" => Owner::Unknown,
            name => match name.strip_suffix(" Ltd") {
                Some(_) => Owner::Company {
                    name: name.to_owned(),
                    tax_number: Some(account),
                },
                None => Owner::Person(name.to_owned()),
            },
        };
        Opened { account, owner }.into()
    }

    pub fn deposited(account: u64, units: u64) -> Event {
        let at_ms = units.cast_signed();
        DepositedV1 {
            account,
            units,
            at_ms,
        }
        .into()
    }

    pub fn noted(account: u64, text: &str) -> Event {
        let text = text.to_owned();
        NotedV1 { account, text }.into()
    }

    #[derive(Debug, Default)]
    pub struct Accounts(u64);

    impl State for Accounts {
        type Event = Event;

        fn apply(&mut self, _: View<'_>, _: &EventMeta) {
            self.0 += 1;
        }
    }
}

/// The second program: a deposit has cents.
pub mod second {
    use super::*;

    /// The upcaster to version 3 panics for this deposit.
    pub const WITHOUT_UPCAST: u64 = 404;
    /// `apply` of the current program panics for this deposit.
    pub const NOT_APPLIED: u64 = 405;

    #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
    #[rkyv(crate = ringlog::rkyv)]
    pub struct DepositedV2 {
        pub account: u64,
        pub cents: u64,
        pub at_ms: i64,
    }

    layout!(ArchivedDepositedV2 {
        account,
        cents,
        at_ms
    });

    impl DepositedV2 {
        pub fn from_v1(old: &first::ArchivedDepositedV1) -> Self {
            Self {
                account: old.account.into(),
                cents: 100 * u64::from(old.units),
                at_ms: i64::from(old.at_ms) + 1_000_000,
            }
        }
    }

    events! {
        #[derive(Debug)]
        pub enum Event, view View {
            Opened(first::Opened) = 1, "account.opened", version 1, key account;
            Deposited(DepositedV2) = 2, "account.deposited", version 2, key account, time at_ms,
                from 1: first::DepositedV1 => DepositedV2::from_v1;
            Noted(first::NotedV1) = 3, "account.noted", version 1, key account;
        }
    }

    pub fn noted(account: u64, text: &str) -> Event {
        let text = text.to_owned();
        first::NotedV1 { account, text }.into()
    }

    pub fn opened(account: u64, owner: &str) -> Event {
        match first::opened(account, owner) {
            first::Event::Opened(opened) => opened.into(),
            event => unreachable!("{event:?}"),
        }
    }

    pub fn deposited(account: u64, cents: u64) -> Event {
        let at_ms = cents.cast_signed();
        DepositedV2 {
            account,
            cents,
            at_ms,
        }
        .into()
    }

    #[derive(Debug, Default)]
    pub struct Accounts(u64);

    impl State for Accounts {
        type Event = Event;

        fn apply(&mut self, _: View<'_>, _: &EventMeta) {
            self.0 += 1;
        }
    }
}

/// A deposit, in its third version: with a currency.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Deposited {
    pub account: u64,
    pub cents: u64,
    pub currency: String,
    pub at_ms: i64,
}

layout!(ArchivedDeposited {
    account,
    cents,
    currency,
    at_ms
});

impl Deposited {
    pub fn from_v2(old: &second::ArchivedDepositedV2) -> Self {
        assert!(old.cents != second::WITHOUT_UPCAST, "nobody deposits that");
        Self {
            account: old.account.into(),
            cents: old.cents.into(),
            currency: "EUR".to_owned(),
            at_ms: old.at_ms.into(),
        }
    }
}

/// A note, in its second version: twice as long.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Noted {
    pub account: u64,
    pub text: String,
    pub tags: Vec<(u8, String)>,
}

layout!(ArchivedNoted {
    account,
    text,
    tags
});

events! {
    /// What happens to accounts.
    #[derive(Debug)]
    pub enum AccountEvent, view AccountView {
        Opened(first::Opened) = 1, "account.opened", version 1, key account;
        Deposited(Deposited) = 2, "account.deposited", version 3, key account, time at_ms,
            from 1: first::DepositedV1 => second::DepositedV2::from_v1,
            from 2: second::DepositedV2 => Deposited::from_v2;
        Noted(Noted) = 3, "account.noted", version 2, key account,
            from 1: first::NotedV1 => |old| Noted {
                account: old.account.into(),
                text: old.text.repeat(2),
                tags: Vec::new(),
            };
    }
}

/// A program that no longer reads the first version.
pub mod since_two {
    use super::*;

    events! {
        #[derive(Debug)]
        pub enum Event, view View {
            Opened(first::Opened) = 1, "account.opened", version 1, key account;
            Deposited(Deposited) = 2, "account.deposited", version 3 since 2, key account, time at_ms,
                from 2: second::DepositedV2 => Deposited::from_v2;
        }
    }
}

pub fn deposited(account: u64, cents: u64, currency: &str) -> AccountEvent {
    let (currency, at_ms) = (currency.to_owned(), cents.cast_signed());
    Deposited {
        account,
        cents,
        currency,
        at_ms,
    }
    .into()
}

/// What the current program makes of the events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Accounts {
    pub cents: BTreeMap<u64, u64>,
    pub currencies: Vec<String>,
    pub longest_note: usize,
    pub sequences: Vec<u64>,
}

impl State for Accounts {
    type Event = AccountEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: AccountView<'_>, meta: &EventMeta) {
        match event {
            AccountView::Opened(opened) => {
                self.cents.entry(opened.account.into()).or_default();
            }
            AccountView::Deposited(deposited) => {
                assert!(deposited.cents != second::NOT_APPLIED, "not applied");
                *self.cents.entry(deposited.account.into()).or_default() +=
                    u64::from(deposited.cents);
                self.currencies.push(deposited.currency.as_str().to_owned());
            }
            AccountView::Noted(noted) => {
                self.longest_note = self.longest_note.max(noted.text.len());
            }
        }
        self.sequences.push(meta.sequence);
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut put = |number: u64| out.write_all(&number.to_le_bytes());
        put(self.longest_note as u64)?;
        put(self.cents.len() as u64)?;
        for (account, cents) in &self.cents {
            put(*account)?;
            put(*cents)?;
        }
        put(self.sequences.len() as u64)?;
        self.sequences
            .iter()
            .try_for_each(|sequence| put(*sequence))?;
        put(self.currencies.len() as u64)?;
        for currency in &self.currencies {
            let bytes: [u8; 3] = currency
                .as_bytes()
                .try_into()
                .map_err(|_| io::ErrorKind::InvalidData)?;
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let take = |from: &mut dyn Read| {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)
                .map(|()| u64::from_le_bytes(bytes))
        };
        self.longest_note = take(from)? as usize;
        for _ in 0..take(from)? {
            let account = take(from)?;
            self.cents.insert(account, take(from)?);
        }
        for _ in 0..take(from)? {
            self.sequences.push(take(from)?);
        }
        for _ in 0..take(from)? {
            let mut bytes = [0; 3];
            from.read_exact(&mut bytes)?;
            self.currencies
                .push(String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(())
    }
}

pub fn noted(account: u64, text: &str, tags: &[&str]) -> AccountEvent {
    let tags = (1..)
        .zip(tags)
        .map(|(number, tag)| (number, (*tag).to_owned()));
    Noted {
        account,
        text: text.to_owned(),
        tags: tags.collect(),
    }
    .into()
}
