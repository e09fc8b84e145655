//! The only place that knows SQLite from PostgreSQL: connecting, locking, transactions, reading, and what differs in SQL.
//! What is loaded and why is not decided here.

mod address;
mod alike;
mod around;
mod aside;
mod beside;
mod blocks;
mod bounds;
mod bulk;
mod chain;
mod connection;
mod contents;
mod copies;
mod create;
mod dialect;
mod fingerprint;
mod foreign;
mod image;
mod imported;
mod lines;
mod lock;
mod objects;
mod own;
mod packed;
mod packed_by_key;
mod packed_log;
mod pages;
mod rebuild;
mod references;
mod rejects;
mod resolutions;
mod rows;
mod runs;
mod scratch;
mod shape;
mod signatures;
mod spelling;
mod stage;
mod stale;
mod standing;
mod steps;
mod trace;
mod undo;
mod unpack;
mod url;

pub use address::Bare;
pub use around::{Orphans, Rights, Server, Session};
pub use aside::Aside;
pub use chain::{FIRST, LOOSE, Link, Mark, RecordedRun};
pub use contents::Listing;
pub use copies::{BEGIN, drop_everything};
pub use dialect::quote;
pub use fingerprint::{Content, Fingerprint, Position, Scope};
pub use imported::{Imported, Logged};
pub use lock::{Lock, PAUSES, session_name, who};
pub use own::{FileRecord, RunRecord, Written};
pub use rebuild::{Rebuild, Remade};
pub use references::Reference;
pub use rejects::Quarantined;
pub use resolutions::{Accepted, Disputed, Resolution};
pub use runs::{Balances, PastRun};
pub use scratch::{Tried, shapes_after};
pub use shape::{Shape, ShapeColumn, TableShape};
pub use signatures::Signature;
pub use stage::{Act, Alike, Decision, Difference, Run, Stage, Staged, Straight, Wanted};
pub use stale::{ByKey, LISTED, Stale};
pub use standing::{Held, Standing, StandingRow, WhyNot};
pub use steps::{RecordStep, RecordedStep};
pub use trace::{FileOfRun, Revision};
pub use undo::{Created, Refused, Undoing};
pub use url::Target;

use crate::error::{Result, Stop};
use crate::table::Line;
use connection::AnyConnection;
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Nullable, Text};
use lock::LOCK_TIMEOUT;
use packed_log::Files;
use std::sync::Arc;

/// How a session with PostgreSQL is set: texts of values give the same values again, whatever the server was told. A run that
/// was killed must not hold its lock until its statement ends: since version 14 the server can be told to look.
const POSTGRES_SESSION: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET client_min_messages = warning; \
    SET standard_conforming_strings = on; SET extra_float_digits = 3; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; \
    SET work_mem = '64MB'; SET temp_buffers = '64MB'; \
    SELECT set_config('client_connection_check_interval', '500ms', false) WHERE current_setting('server_version_num')::int >= 140000";

/// A row read as texts, one per column asked for.
pub type Texts = Vec<Option<String>>;

/// A connection to the user's database.
pub struct Store {
    connection: AnyConnection,
    /// Of PostgreSQL: where it is connected to.
    url: Option<String>,
    /// The files of the run that was asked for last, while its transaction lasts.
    files: Option<(i64, Arc<Files>)>,
}

impl Store {
    /// Connects and takes the lock, in the name of what is done: the command and its job. An SQLite file that is not there yet
    /// is made.
    pub fn open(target: &Target, doing: &str) -> Result<(Store, Lock)> {
        match target {
            Target::Sqlite(path) => {
                let lock = Lock::beside(path, doing)?;
                Ok((Store::connect(target)?, lock))
            }
            Target::Postgres(_) => {
                let mut store = Store::connect(target)?;
                let lock = Lock::of_session(&mut store, doing)?;
                Ok((store, lock))
            }
        }
    }

    /// Takes the lock alone, for work on the whole file or database. An SQLite file is not opened; what comes back with
    /// PostgreSQL's lock is the session that holds it.
    pub fn lock(target: &Target, doing: &str) -> Result<(Option<Store>, Lock)> {
        match target {
            Target::Sqlite(path) => Ok((None, Lock::beside(path, doing)?)),
            Target::Postgres(_) => Store::open(target, doing).map(|(store, lock)| (Some(store), lock)),
        }
    }

    /// Connects for reading, beside whoever holds the lock.
    pub fn read(target: &Target) -> Result<Store> {
        if let Target::Sqlite(path) = target
            && !path.is_file()
        {
            return Err(Stop::database(format!("there is no database {target}"), "check the path"));
        }
        Store::connect(target)
    }

    fn connect(target: &Target) -> Result<Store> {
        let cannot = |e: ConnectionError| {
            let said = target.redact(e.to_string().trim());
            let hint = url::connection_hint(&said);
            Stop::database(format!("cannot connect to {target}: {said}"), hint)
        };
        match target {
            Target::Sqlite(path) => {
                let connection = SqliteConnection::establish(&path.to_string_lossy()).map_err(cannot)?;
                let mut store = Store { connection: AnyConnection::Sqlite(connection), url: None, files: None };
                store.set_session()?;
                store.teach_digest()?;
                store.select(&["count(*)"], "FROM sqlite_master", &[]).map_err(|stop| {
                    Stop::database(
                        format!("{target} cannot be read: {}", stop.message),
                        "check that it is an SQLite database and nobody holds it",
                    )
                })?;
                Ok(store)
            }
            Target::Postgres(url) => {
                let connection = PgConnection::establish(url).map_err(cannot)?;
                let mut store = Store { connection: AnyConnection::Postgres(connection), url: Some(url.clone()), files: None };
                store.set_session()?;
                let name = session_name("session");
                store.select(&["set_config('application_name', $1, false)"], "", &[Some(&name)])?;
                Ok(store)
            }
        }
    }

    /// Sets what every session of ours has.
    fn set_session(&mut self) -> Result<()> {
        let patience = LOCK_TIMEOUT.as_millis();
        if self.is_postgres() {
            self.execute(&format!("{POSTGRES_SESSION}; SET lock_timeout = {patience}"))
        } else {
            self.execute(&format!("PRAGMA busy_timeout = {patience}; PRAGMA foreign_keys = ON"))
        }
    }

    /// A private, empty SQLite database in memory.
    fn in_memory() -> Result<Store> {
        let connection = SqliteConnection::establish(":memory:").map_err(|e| Stop::database(e.to_string(), ""))?;
        Ok(Store { connection: AnyConnection::Sqlite(connection), url: None, files: None })
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.connection, AnyConnection::Postgres(_))
    }

    fn dialect(&self) -> dialect::Dialect {
        if self.is_postgres() { dialect::Dialect::Postgres } else { dialect::Dialect::Sqlite }
    }

    /// `sqlite` or `postgres`: the name of the folder with this database's SQL.
    pub fn backend(&self) -> &'static str {
        if self.is_postgres() { "postgres" } else { "sqlite" }
    }

    /// Runs statements that give no rows.
    pub fn execute(&mut self, sql: &str) -> Result<()> {
        if sql.trim().is_empty() {
            return Ok(()); // PostgreSQL would refuse an empty query.
        }
        self.connection.batch_execute(sql).map_err(|e| refused(&e))
    }

    /// Runs one statement with bound texts; gives the number of rows it touched. Placeholders are `$1`, `$2` ….
    pub fn change(&mut self, sql: &str, binds: &[Option<&str>]) -> Result<usize> {
        bound(diesel::sql_query(sql).into_boxed(), binds).execute(&mut self.connection).map_err(|e| refused(&e))
    }

    /// Reads `SELECT expressions from`, each value as text.
    pub fn select(&mut self, expressions: &[&str], from: &str, binds: &[Option<&str>]) -> Result<Vec<Texts>> {
        let mut rows = Vec::new();
        self.for_each(expressions, from, binds, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Reads `SELECT expressions from` row by row, each value as text.
    pub fn for_each(
        &mut self,
        expressions: &[&str],
        from: &str,
        binds: &[Option<&str>],
        mut each: impl FnMut(Texts) -> Result<()>,
    ) -> Result<()> {
        self.each_line(expressions, from, binds, |line| each(line.iter().map(|text| text.map(str::to_owned)).collect()))
    }

    /// Runs a query of the user's, one statement, within the open transaction; each of its rows as texts. Whatever else it
    /// does is undone.
    pub fn ask(&mut self, query: &str, each: impl FnMut(&Line) -> Result<()>) -> Result<()> {
        self.execute("SAVEPOINT tieout_ask")?;
        let asked = self.ask_within(query.trim().trim_end_matches(';'), each);
        self.execute("ROLLBACK TO SAVEPOINT tieout_ask; RELEASE SAVEPOINT tieout_ask")?;
        asked
    }

    fn ask_within(&mut self, query: &str, each: impl FnMut(&Line) -> Result<()>) -> Result<()> {
        // A view can only be made of a query, and says what its columns are called.
        self.change(&format!("CREATE TEMP VIEW tieout_ask AS {query}"), &[])?;
        let names = if self.is_postgres() {
            self.select(
                &["attname"],
                "FROM pg_attribute WHERE attrelid = 'pg_temp.tieout_ask'::regclass AND attnum > 0 ORDER BY attnum",
                &[],
            )?
        } else {
            self.select(&["name"], "FROM pragma_table_info('tieout_ask') ORDER BY cid", &[])?
        };
        let names: Vec<String> = names.into_iter().filter_map(|mut row| row[0].take()).collect();
        let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Not as whole columns are read: where the query fails half-way, what the database says of it is to be heard.
        self.each_line(&names, "FROM tieout_ask", &[], each)
    }

    /// Begins a transaction that no other writer can get in front of.
    pub fn begin(&mut self) -> Result<()> {
        self.files = None;
        let sql = if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.execute(sql)
    }

    /// Begins a transaction that sees one state of the database to its end, and keeps nobody from writing.
    pub fn begin_snapshot(&mut self) -> Result<()> {
        let sql = if self.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN DEFERRED" };
        self.execute(sql)
    }

    /// Commits.
    pub fn commit(&mut self) -> Result<()> {
        self.execute("COMMIT")
    }

    /// Rolls back. A transaction that the database has already given up is no error here.
    pub fn rollback(&mut self) {
        self.files = None;
        let _ = self.execute("ROLLBACK");
    }
}

/// A statement with texts for its placeholders.
fn bound<'q, DB>(query: BoxedSqlQuery<'q, DB, SqlQuery>, binds: &[Option<&'q str>]) -> BoxedSqlQuery<'q, DB, SqlQuery>
where
    DB: Backend + HasSqlType<Text>,
    Option<&'q str>: ToSql<Nullable<Text>, DB>,
{
    binds.iter().fold(query, |query, bind| query.bind::<Nullable<Text>, _>(*bind))
}

/// What the database said, in one sentence.
fn refused(error: &diesel::result::Error) -> Stop {
    let hint = match error {
        diesel::result::Error::DatabaseError(_, info) => info.hint().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let said = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    // Diesel does not tell PostgreSQL's code of an error, only its words.
    let busy = has(&["lock timeout", "database is locked", "database table is locked", "deadlock detected"]);
    let hint = match () {
        () if busy => "another program holds a lock; stop it, or run again when it is done".to_owned(),
        () if has(&["unsafe use of new value"]) => {
            "a value that was added to an enumeration can be used when that is committed: put it into an earlier step, and apply the \
             steps with `tieout migrate up`, which commits between"
                .to_owned()
        }
        () if has(&["invalid transaction termination", "cannot run inside a transaction block"]) => {
            "put it into a step of its own that says `-- kind: outside-transaction`".to_owned()
        }
        () => hint,
    };
    Stop { busy, ..Stop::database(format!("the database refused: {}", said.trim()), hint) }
}
