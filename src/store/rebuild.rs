//! A table of SQLite that is made anew: what goes with the old one without a word (indexes, triggers, its place in
//! `sqlite_sequence`, and rows of other tables that refer to it) is kept.

use super::{Store, quote};
use crate::error::{Result, Stop};
use std::collections::BTreeSet;

/// What stood on a table before it was made anew.
#[derive(Debug)]
pub struct Rebuild {
    table: String,
    /// Indexes and triggers: kind, name, SQL.
    objects: Vec<(String, String, String)>,
    /// The last number that `AUTOINCREMENT` gave.
    sequence: Option<String>,
}

impl Store {
    /// Looks at what stands on tables that are about to be made anew.
    pub fn before_rebuild(&mut self, tables: &[String]) -> Result<Vec<Rebuild>> {
        let mut found = Vec::new();
        for table in tables {
            if !self.has_table(table)? {
                return Err(Stop::database(format!("there is no table {table} to make anew"), "correct `-- kind: rebuild`"));
            }
            let from =
                "FROM sqlite_master WHERE tbl_name = $1 COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid";
            let rows = self.select(&["type", "name", "sql"], from, &[Some(table)])?;
            let objects = rows.into_iter().filter_map(|mut r| Some((r[0].take()?, r[1].take()?, r[2].take()?))).collect();
            let sequence = self.sequence_of(table)?;
            found.push(Rebuild { table: table.clone(), objects, sequence });
        }
        if !found.is_empty() {
            // Else renaming the new table fails where a view or trigger names the old one.
            self.execute("PRAGMA legacy_alter_table = ON")?;
        }
        Ok(found)
    }

    /// Makes again what went with the tables and was not dropped on purpose; gives the names. Refused where something
    /// cannot be, or a view or trigger does not fit the new table.
    pub fn after_rebuild(&mut self, before: Vec<Rebuild>, dropped: &[(String, String)]) -> Result<Vec<String>> {
        if before.is_empty() {
            return Ok(Vec::new());
        }
        self.execute("PRAGMA legacy_alter_table = OFF")?;
        let mut made = Vec::new();
        for rebuild in before {
            for (kind, name, sql) in &rebuild.objects {
                let gone = self.select(&["1"], "FROM sqlite_master WHERE type = $1 AND name = $2", &[Some(kind), Some(name)])?.is_empty();
                let on_purpose = dropped.iter().any(|(k, n)| k.eq_ignore_ascii_case(kind) && n.eq_ignore_ascii_case(name));
                if gone && !on_purpose {
                    self.execute(sql).map_err(|stop| {
                        let message =
                            format!("the {kind} {name} went with the table {} and cannot be made again: {}", rebuild.table, stop.message);
                        Stop::database(
                            message,
                            format!("make it anew in the step, or say `DROP {} {}` before", kind.to_uppercase(), quote(name)),
                        )
                    })?;
                    made.push(format!("{kind} {name}"));
                }
            }
            self.keep_sequence(&rebuild)?;
        }
        // Renaming makes SQLite read every view and trigger again: those that name what is gone are found now.
        let probe = "CREATE TABLE tieout_probe (a); ALTER TABLE tieout_probe RENAME TO tieout_probed; DROP TABLE tieout_probed";
        self.execute(probe).map_err(|stop| {
            let message = format!("a view or trigger does not fit the table that was made anew: {}", stop.message);
            Stop::database(message, "drop it and make it anew in the step")
        })?;
        Ok(made)
    }

    fn sequence_of(&mut self, table: &str) -> Result<Option<String>> {
        if !self.has_table("sqlite_sequence")? {
            return Ok(None);
        }
        let rows = self.select(&["seq"], "FROM sqlite_sequence WHERE name = $1 COLLATE NOCASE", &[Some(table)])?;
        Ok(rows.into_iter().next().and_then(|mut row| row[0].take()))
    }

    /// A number that was given once is not given again, though the row that had it is gone.
    fn keep_sequence(&mut self, rebuild: &Rebuild) -> Result<()> {
        let Some(old) = &rebuild.sequence else { return Ok(()) };
        let counts = "FROM sqlite_master WHERE type = 'table' AND name = $1 COLLATE NOCASE AND upper(sql) LIKE '%AUTOINCREMENT%'";
        if self.select(&["1"], counts, &[Some(&rebuild.table)])?.is_empty() {
            return Ok(());
        }
        match self.sequence_of(&rebuild.table)? {
            None => {
                self.change("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, CAST($2 AS INTEGER))", &[Some(&rebuild.table), Some(old)])?
            }
            Some(_) => self.change(
                "UPDATE sqlite_sequence SET seq = max(seq, CAST($1 AS INTEGER)) WHERE name = $2 COLLATE NOCASE",
                &[Some(old), Some(&rebuild.table)],
            )?,
        };
        Ok(())
    }

    /// Turns SQLite's foreign keys on or off; it has an effect only outside a transaction. PostgreSQL needs none of it.
    pub fn foreign_keys(&mut self, on: bool) -> Result<()> {
        if self.is_postgres() { Ok(()) } else { self.execute(if on { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" }) }
    }

    /// The rows of SQLite that refer to nothing: table, row and the table referred to, in words.
    pub fn dangling(&mut self) -> Result<BTreeSet<String>> {
        if self.is_postgres() {
            return Ok(BTreeSet::new());
        }
        let from = "FROM pragma_foreign_key_check() ORDER BY \"table\", rowid LIMIT 100000";
        let rows = self.select(&["\"table\"", "coalesce(rowid, '?')", "parent", "fkid"], from, &[])?;
        let words = |r: super::Texts| {
            let mut r = r.into_iter().map(Option::unwrap_or_default);
            let mut next = || r.next().unwrap_or_default();
            format!("row {1} of {0} refers to a row of {2} that is not there", next(), next(), next())
        };
        Ok(rows.into_iter().map(words).collect())
    }
}
