//! What the two databases offer for copying them whole and putting a copy in place: statements alone, no files and no programs.

use super::{Store, Target, quote};
use crate::error::{Result, Stop};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How the names of databases begin that are made for a copy and dropped again.
const SCRATCH: &str = "tieout_scratch_";

/// Drops everything of the user's; where it stands `KEPT`, the names of extensions come in.
const DROP_EVERYTHING: &str = include_str!("../../sql/postgres/drop_everything.sql");

/// Statements that empty a PostgreSQL database but for these extensions, and give up when somebody holds a lock. The open
/// transaction stays open.
pub fn drop_everything(kept: &[&str]) -> String {
    let kept: Vec<String> = kept.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    let kept = format!("ARRAY[{}]::text[]", kept.join(", "));
    format!("SET LOCAL lock_timeout = '10s';\n{}", DROP_EVERYTHING.replacen("(KEPT)", &format!("({kept})"), 1))
}

/// The statement that begins the transaction of a script.
pub const BEGIN: &str = "BEGIN;\n";

impl Store {
    /// SQLite: writes a copy of the whole database to `path`, where there is nothing, as of one moment.
    pub fn copy_into(&mut self, path: &Path) -> Result<()> {
        let text = path.to_str().ok_or_else(|| Stop::usage(format!("the path {} is no UTF-8", path.display()), "rename the folder"))?;
        self.change("VACUUM INTO $1", &[Some(text)]).map(drop)
    }

    /// SQLite: whether the database is in WAL mode.
    pub fn has_wal(&mut self) -> Result<bool> {
        let mode = self.select(&["journal_mode"], "FROM pragma_journal_mode", &[])?;
        Ok(mode.into_iter().flatten().flatten().next().as_deref() == Some("wal"))
    }

    /// SQLite: turns WAL mode on or off. Off writes the log into the database and takes it away, which fails as long as
    /// anybody else has the database open.
    pub fn set_wal(&mut self, on: bool) -> Result<()> {
        self.execute(if on { "PRAGMA journal_mode = WAL" } else { "PRAGMA journal_mode = DELETE" })?;
        if self.has_wal()? != on {
            return Err(Stop::database("the database does not change its journal mode", "another program has it open; stop it"));
        }
        Ok(())
    }

    /// SQLite: holds the database against readers and writers until this connection ends or rolls back. What a killed
    /// program had not finished is undone first.
    pub fn hold_alone(&mut self) -> Result<()> {
        self.execute("BEGIN EXCLUSIVE")
    }

    /// PostgreSQL: lifts the limits of time on this session. One that a role or database has set would end it while it waits
    /// for another program.
    pub fn be_patient(&mut self) -> Result<()> {
        let limits = "FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', \
                      'idle_session_timeout')";
        self.select(&["set_config(name, '0', false)"], limits, &[]).map(drop)
    }

    /// PostgreSQL: a name by which other sessions see the state that the open transaction sees.
    pub fn export_snapshot(&mut self) -> Result<String> {
        self.one("pg_export_snapshot()")
    }

    /// PostgreSQL: the server's major version; SQLite's library's first number.
    pub fn major(&mut self) -> Result<u32> {
        let number = if self.is_postgres() {
            self.one("CAST(current_setting('server_version_num') AS integer) / 10000")?
        } else {
            self.one("CAST(sqlite_version() AS INTEGER)")?
        };
        number.parse().map_err(|_| Stop::database(format!("the server calls its version `{number}`"), ""))
    }

    /// PostgreSQL: makes an empty database like this one, named after our process, and says where it is. It stands in for no
    /// other's as long as this connection lasts.
    pub fn create_scratch(&mut self, target: &Target) -> Result<(String, Target)> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let may = self.one("EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper))")?;
        if may != "true" {
            let user = self.one("current_user")?;
            let hint =
                format!("let the role make databases (ALTER ROLE {} CREATEDB), or name an empty database with --scratch URL", quote(&user));
            let message =
                format!("a backup must be restored once before it counts, and the role `{user}` may not make a database for that");
            return Err(Stop::database(message, hint));
        }
        let moment = self.one("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{SCRATCH}{}_{moment}_{count}", std::process::id());
        // Under this name the session answers for the database, also before anybody is connected to it.
        self.execute(&format!("SET application_name = '{name}'"))?;
        let columns = [
            "pg_encoding_to_char(encoding)",
            "datcollate",
            "datctype",
            "to_jsonb(d) ->> 'datlocprovider'",
            "coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')",
        ];
        let row = self.select(&columns, "FROM pg_database d WHERE datname = current_database()", &[])?;
        let mut row = row.into_iter().flatten().map(|text| text.unwrap_or_default());
        let [encoding, collate, ctype, provider, locale] = std::array::from_fn(|_| literal(&row.next().unwrap_or_default()));
        let provider = match provider.as_str() {
            "'i'" => format!(" LOCALE_PROVIDER icu ICU_LOCALE {locale}"),
            "'b'" => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}"),
            _ => String::new(),
        };
        let made = format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {encoding} LC_COLLATE {collate} LC_CTYPE {ctype}{provider}",
            quote(&name)
        );
        self.execute(&made)?;
        Ok((name.clone(), target.beside(&name)))
    }

    /// PostgreSQL: drops a database that [`create_scratch`](Store::create_scratch) made, whoever is connected.
    pub fn drop_scratch(&mut self, name: &str) -> Result<()> {
        debug_assert!(name.starts_with(SCRATCH));
        let force = if self.major()? >= 13 { " WITH (FORCE)" } else { "" };
        self.execute(&format!("DROP DATABASE IF EXISTS {}{force}", quote(name)))
    }

    /// PostgreSQL: drops such databases of ours that nobody answers for any more, because their process was killed. One that
    /// somebody connects to meanwhile is left.
    pub fn sweep_scratches(&mut self) -> Result<()> {
        let from = "FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba AND r.rolname = current_user \
                    WHERE starts_with(d.datname, $1) AND NOT EXISTS \
                    (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname OR a.application_name = d.datname)";
        for row in self.select(&["d.datname"], from, &[Some(SCRATCH)])? {
            if let Some(name) = row.into_iter().flatten().next() {
                let _ = self.execute(&format!("DROP DATABASE IF EXISTS {}", quote(&name)));
            }
        }
        Ok(())
    }

    /// PostgreSQL: empties the database but for these extensions.
    pub fn empty(&mut self, kept: &[&str]) -> Result<()> {
        self.begin()?;
        let emptied = self.execute(&drop_everything(kept)).and_then(|()| self.commit());
        emptied.inspect_err(|_| self.rollback())
    }

    fn one(&mut self, expression: &str) -> Result<String> {
        let row = self.select(&[expression], "", &[])?;
        Ok(row.into_iter().flatten().next().flatten().unwrap_or_default())
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
