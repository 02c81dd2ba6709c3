//! redb: a copy-on-write B-tree.

use std::path::Path;

use redb::{Database, Durability, TableDefinition};

use super::{Entry, Journal, number};

const EVENTS: TableDefinition<'_, u64, &[u8; 128]> = TableDefinition::new("events");

/// A transaction a batch, a row an event, in rising order of keys.
///
/// Durable by `Durability::Immediate`, the default: `commit` returns after `fdatasync`. One-phase
/// commit, the default.
#[derive(Debug)]
pub struct Redb(Database);

impl Redb {
    pub fn open(directory: &Path) -> Self {
        Self(Database::create(directory.join("events.redb")).expect("it opens"))
    }
}

impl Journal for Redb {
    fn append(&mut self, entries: &[Entry]) {
        let mut transaction = self.0.begin_write().expect("it begins");
        transaction
            .set_durability(Durability::Immediate)
            .expect("nothing is in the way");
        {
            let mut table = transaction.open_table(EVENTS).expect("it opens");
            for entry in entries {
                table.insert(number(entry), entry).expect("it inserts");
            }
        }
        transaction.commit().expect("it commits");
    }
}
