//! SQLite, bundled, through rusqlite.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{Entry, Journal, number};

/// A transaction a batch, a row an event, in rising order of row identifiers.
///
/// Durable by `journal_mode = WAL` with `synchronous = FULL`: `COMMIT` returns after `fdatasync` of
/// the write-ahead log (`.cargo/config.toml`; it is `fsync` otherwise). The connection has the file for itself, which spares it shared memory.
#[derive(Debug)]
pub struct Sqlite(Connection);

impl Sqlite {
    pub fn open(directory: &Path) -> Self {
        let connection = Connection::open(directory.join("events.sqlite")).expect("it opens");
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 CREATE TABLE events (number INTEGER PRIMARY KEY, body BLOB NOT NULL);",
            )
            .expect("it takes the settings");
        let mode: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .expect("it answers");
        assert_eq!(mode, "wal");
        Self(connection)
    }
}

impl Journal for Sqlite {
    fn append(&mut self, entries: &[Entry]) {
        let transaction = self.0.transaction().expect("it begins");
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO events VALUES (?1, ?2)")
                .expect("it is SQL");
            for entry in entries {
                insert
                    .execute(params![number(entry).cast_signed(), entry])
                    .expect("it inserts");
            }
        }
        transaction.commit().expect("it commits");
    }
}
