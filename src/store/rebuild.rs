//! A table of SQLite that is made anew: what goes with the old one without a word (indexes, triggers, its place in
//! `sqlite_sequence`, and rows of other tables that refer to it) is kept.

use super::{Store, quote};
use crate::error::{Result, Stop};
use std::collections::BTreeSet;

/// A table that a step makes anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remade {
    /// Its name.
    pub table: String,
    /// The step says so, and the table must stand.
    pub declared: bool,
    /// What goes with the old table is made again; else it is only said.
    pub whole: bool,
}

/// What stood on a table before it was made anew.
#[derive(Debug)]
pub struct Rebuild {
    remade: Remade,
    /// Indexes and triggers: kind, name, SQL.
    objects: Vec<(String, String, String)>,
    /// The last number that `AUTOINCREMENT` gave.
    sequence: Option<String>,
}

impl Store {
    /// Looks at what stands on tables that are about to be made anew.
    pub fn before_rebuild(&mut self, tables: &[Remade]) -> Result<Vec<Rebuild>> {
        let mut found = Vec::new();
        for remade in tables {
            let table = &remade.table;
            if self.select(&["1"], "FROM sqlite_master WHERE type = 'table' AND name = $1 COLLATE NOCASE", &[Some(table)])?.is_empty() {
                if remade.declared {
                    return Err(Stop::database(format!("there is no table {table} to make anew"), "correct `-- kind: rebuild`"));
                }
                continue;
            }
            let from =
                "FROM sqlite_master WHERE tbl_name = $1 COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid";
            let rows = self.select(&["type", "name", "sql"], from, &[Some(table)])?;
            let objects = rows.into_iter().filter_map(|mut r| Some((r[0].take()?, r[1].take()?, r[2].take()?))).collect();
            let sequence = self.sequence_of(table)?;
            found.push(Rebuild { remade: remade.clone(), objects, sequence });
        }
        Ok(found)
    }

    /// Renames a table of SQLite, while tables are made anew: `apart` leaves all that refers to it as it is, since another
    /// takes its name. Else SQLite looks at every view and trigger, of which some may name the table that was just dropped.
    pub fn rename_table(&mut self, statement: &str, apart: bool) -> Result<()> {
        if !apart {
            match self.execute(statement) {
                Err(stop) if stop.message.contains("error in ") => {}
                done => return done,
            }
        }
        self.execute("PRAGMA legacy_alter_table = ON")?;
        let done = self.execute(statement);
        self.execute("PRAGMA legacy_alter_table = OFF")?;
        done
    }

    /// Makes again what went with the tables and was not dropped on purpose. Gives the names of that, and of what went and
    /// was not to be made again. Refused where something cannot be, or a view or trigger does not fit the new table.
    pub fn after_rebuild(&mut self, before: Vec<Rebuild>, dropped: &[(String, String)]) -> Result<(Vec<String>, Vec<String>)> {
        let (mut made, mut gone) = (Vec::new(), Vec::new());
        let whole = before.iter().any(|rebuild| rebuild.remade.whole);
        for rebuild in before {
            for (kind, name, sql) in &rebuild.objects {
                let stands =
                    !self.select(&["1"], "FROM sqlite_master WHERE type = $1 AND name = $2", &[Some(kind), Some(name)])?.is_empty();
                let on_purpose = dropped.iter().any(|(k, n)| k.eq_ignore_ascii_case(kind) && n.eq_ignore_ascii_case(name));
                let words = format!("the {kind} {name} went with the table {}", rebuild.remade.table);
                if stands || on_purpose {
                } else if rebuild.remade.whole {
                    self.execute(sql).map_err(|stop| {
                        let hint = format!("make it anew in the step, or say `DROP {} {}` before", kind.to_uppercase(), quote(name));
                        Stop::database(format!("{words} and cannot be made again: {}", stop.message), hint)
                    })?;
                    made.push(format!("{words} and was made again"));
                } else {
                    gone.push(words);
                }
            }
            self.keep_sequence(&rebuild)?;
        }
        if !whole {
            return Ok((made, gone));
        }
        // Renaming makes SQLite read every view and trigger again: those that name what is gone are found now.
        let probe = "CREATE TABLE tieout_probe (a); ALTER TABLE tieout_probe RENAME TO tieout_probed; DROP TABLE tieout_probed";
        self.execute(probe).map_err(|stop| {
            let message = format!("a view or trigger does not fit the table that was made anew: {}", stop.message);
            Stop::database(message, "drop it and make it anew in the step")
        })?;
        Ok((made, gone))
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
        let table = rebuild.remade.table.as_str();
        if self.select(&["1"], counts, &[Some(table)])?.is_empty() {
            return Ok(());
        }
        let sql = match self.sequence_of(table)? {
            None => "INSERT INTO sqlite_sequence (name, seq) VALUES ($2, CAST($1 AS INTEGER))",
            Some(_) => "UPDATE sqlite_sequence SET seq = max(seq, CAST($1 AS INTEGER)) WHERE name = $2 COLLATE NOCASE",
        };
        self.change(sql, &[Some(old), Some(table)]).map(drop)
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
        let mut found = BTreeSet::new();
        for mut table in self.select(&["name"], "FROM sqlite_master WHERE type = 'table' ORDER BY name", &[])? {
            let columns = ["\"table\"", "coalesce(rowid, '?')", "parent"];
            let table = table[0].take().unwrap_or_default();
            match self.select(&columns, "FROM pragma_foreign_key_check($1) LIMIT 100000", &[Some(&table)]) {
                Ok(rows) => found.extend(rows.into_iter().map(|r| {
                    let [table, row, parent] = super::shape::texts(r);
                    format!("row {row} of {table} refers to a row of {parent} that is not there")
                })),
                // A key that refers to what is no key: SQLite says so only when it looks.
                Err(stop) => {
                    found.insert(format!("the rows of {table} cannot be looked up: {}", stop.message));
                }
            }
        }
        Ok(found)
    }
}
