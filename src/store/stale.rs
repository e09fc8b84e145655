//! Rows that we imported and whose source states them no longer, and taking them away where the job says so.

use super::dialect::Bind;
use super::references::Reference;
use super::shape::ShapeColumn;
use super::stage::Stage;
use super::{Store, Texts, quote};
use crate::error::{Result, Stop};
use crate::table::{Role, Table};
use std::collections::BTreeMap;

/// A row that we imported and that no file states any more.
#[derive(Debug, Clone)]
pub struct Stale {
    /// Its natural key, as recorded.
    pub key: String,
    /// What we imported last, as recorded.
    pub after: String,
    /// The run that did.
    pub run: String,
    /// The file it came from, and the line.
    pub path: Option<String>,
    /// Line.
    pub line: Option<String>,
    /// The source it came from.
    pub source: Option<String>,
}

/// How many stale rows are listed, and taken up at once; more are only counted.
pub const LISTED: usize = 1000;

/// The rows of a table by their recorded keys.
pub struct ByKey<'t> {
    table: &'t Table,
    /// The key columns: index in the table, and shape.
    keys: Vec<(usize, ShapeColumn)>,
    /// All columns that the table keeps, for images of its rows.
    kept: Vec<String>,
}

impl<'t> ByKey<'t> {
    /// Of a table that the database has.
    pub fn of(store: &mut Store, table: &'t Table) -> Result<ByKey<'t>> {
        let shape = store.table_shape(&table.name)?;
        let keys = table.with(&[Role::Key]).filter_map(|(i, c)| Some((i, shape.as_ref()?.column(&c.name)?.clone())));
        let kept = shape.iter().flat_map(|s| s.kept()).map(|c| c.name.clone()).collect();
        Ok(ByKey { table, keys: keys.collect(), kept })
    }

    /// What stands under a recorded key: the canonical texts of key and data columns of each row, by name.
    pub fn standing(&self, store: &mut Store, key: &str) -> Result<Vec<BTreeMap<String, Option<String>>>> {
        let (condition, binds) = self.under(store, key, 1)?;
        let columns: Vec<_> = self.table.with(&[Role::Key, Role::Data]).map(|(_, c)| c).collect();
        let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
        let rows = store.select(&names, &format!("FROM {} WHERE {condition}", quote(&self.table.name)), &binds)?;
        let named =
            |row: Texts| columns.iter().zip(row).map(|(c, text)| (c.name.to_string(), text.map(|t| c.kind.canonical(&t)))).collect();
        Ok(rows.into_iter().map(named).collect())
    }

    /// The condition that a row has a recorded key, and its texts, the placeholders numbered from `first`.
    fn under(&self, store: &mut Store, key: &str, first: usize) -> Result<(String, Texts)> {
        let dialect = store.dialect();
        let parts: Texts = serde_json::from_str(key).unwrap_or_default();
        if parts.len() != self.keys.len() || parts.is_empty() {
            let message = format!("the recorded key {key} does not fit the table {}", self.table.name);
            return Err(Stop::database(message, "was the key of the table changed in the job file?"));
        }
        let (mut conditions, mut binds) = (Vec::new(), Vec::new());
        for ((at, shape), part) in self.keys.iter().zip(parts) {
            let column = &self.table.columns[*at];
            let name = quote(&column.name);
            match part {
                None => conditions.push(format!("{name} IS NULL")),
                Some(text) => {
                    binds.push(Some(dialect.stored(text, column.kind, shape)));
                    conditions.push(format!("{name} = {}", dialect.cast(&dialect.mark(first + binds.len() - 1, Bind::Text), shape)));
                }
            }
        }
        Ok((conditions.join(" AND "), binds))
    }

    /// Copies columns of what stands under a recorded key into another table.
    pub(super) fn copy(&self, store: &mut Store, key: &str, columns: &[String], into: &str) -> Result<()> {
        let (condition, binds) = self.under(store, key, 1)?;
        let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
        let columns = columns.join(", ");
        let sql = format!("INSERT INTO {into} SELECT {columns} FROM {} WHERE {condition}", quote(&self.table.name));
        store.change(&sql, &binds).map(drop)
    }

    /// How many rows refer to a row by a foreign key, and of which table; `None` where none does.
    pub fn referred(&self, store: &mut Store, key: &str, references: &[Reference]) -> Result<Option<(usize, String)>> {
        let (condition, binds) = self.under(store, key, 1)?;
        let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
        let target = quote(&self.table.name);
        for by in references.iter().filter(|by| by.to == self.table.name) {
            let (from, to): (Vec<String>, Vec<String>) = by.columns.iter().map(|(from, to)| (quote(from), quote(to))).unzip();
            let from =
                format!("FROM {} WHERE ({}) IN (SELECT {} FROM {target} WHERE {condition})", by.from_sql, from.join(", "), to.join(", "));
            let rows = store.select(&["count(*)"], &from, &binds)?;
            let count = rows.first().and_then(|r| r[0].as_deref()?.parse().ok()).unwrap_or_default();
            if count > 0 {
                return Ok(Some((count, by.from.clone())));
            }
        }
        Ok(None)
    }

    /// Takes a row away, and records it as it was.
    pub fn delete(&self, store: &mut Store, row: &Stale, run: i64) -> Result<()> {
        let (condition, key) = self.under(store, &row.key, 5)?;
        let sql = format!(
            "INSERT INTO tieout_change (run_id, table_name, row_key, operation, before, row_before) \
             SELECT CAST($1 AS BIGINT), $2, $3, 'delete', $4, {} FROM {} t WHERE {condition}",
            store.dialect().image("t", self.kept.iter().map(String::as_str)),
            quote(&self.table.name)
        );
        let run = run.to_string();
        let own = [&run, &*self.table.name, &row.key, &row.after].map(Some);
        store.change(&sql, &own.into_iter().chain(key.iter().map(Option::as_deref)).collect::<Vec<_>>())?;
        let (condition, key) = self.under(store, &row.key, 1)?;
        let key: Vec<Option<&str>> = key.iter().map(Option::as_deref).collect();
        store.change(&format!("DELETE FROM {} WHERE {condition}", quote(&self.table.name)), &key).map(drop)
    }
}

impl Stage<'_> {
    /// Notes the rows that the job imported into the table and that are not staged now, for [`Store::noted`].
    pub fn note_stale(&self, store: &mut Store, job: &str) -> Result<()> {
        store.execute(
            "CREATE TEMP TABLE IF NOT EXISTS tieout_stale \
             (n BIGINT, table_name TEXT, row_key TEXT, after TEXT, run_id BIGINT, path TEXT, line BIGINT, source TEXT)",
        )?;
        let sql = "INSERT INTO tieout_stale SELECT c.id, c.table_name, c.row_key, c.after, c.run_id, f.path, c.line, f.source \
                   FROM tieout_change c JOIN tieout_run r ON r.id = c.run_id LEFT JOIN tieout_file f ON f.id = c.file_id \
                   WHERE c.table_name = $1 AND r.job = $2 AND c.operation <> 'delete' AND c.id = \
                   (SELECT max(o.id) FROM tieout_change o WHERE o.table_name = $1 AND o.row_key = c.row_key AND o.undone_by IS NULL) \
                   AND NOT EXISTS (SELECT 1 FROM tieout_stage s WHERE s.key = c.row_key)";
        store.change(sql, &[Some(&self.table().name), Some(job)]).map(drop)
    }
}

impl Store {
    /// How many rows of a table are noted as stale, by source.
    pub fn noted_by_source(&mut self, table: &str) -> Result<BTreeMap<Option<String>, usize>> {
        let from = "FROM tieout_stale WHERE table_name = $1 GROUP BY source";
        let rows = self.select(&["source", "count(*)"], from, &[Some(table)])?;
        Ok(rows.into_iter().filter_map(|mut row| Some((row[0].take(), row[1].as_deref()?.parse().ok()?))).collect())
    }

    /// The next rows of a table that are noted as stale, those written last first: with their numbers, which are smaller than `before`.
    pub fn noted(&mut self, table: &str, before: i64) -> Result<Vec<(i64, Stale)>> {
        let from = format!("FROM tieout_stale WHERE table_name = $1 AND n < CAST($2 AS BIGINT) ORDER BY n DESC LIMIT {LISTED}");
        let rows = self.select(&NOTED, &from, &[Some(table), Some(&before.to_string())])?;
        Ok(rows.into_iter().map(noted).collect())
    }

    /// The row of a table with that recorded key, where it is noted as stale; it is forgotten.
    pub fn take_noted(&mut self, table: &str, key: &str) -> Result<Option<Stale>> {
        let binds = [Some(table), Some(key)];
        let rows = self.select(&NOTED, "FROM tieout_stale WHERE table_name = $1 AND row_key = $2", &binds)?;
        self.change("DELETE FROM tieout_stale WHERE table_name = $1 AND row_key = $2", &binds)?;
        Ok(rows.into_iter().next().map(|row| noted(row).1))
    }

    /// The first rows of a table that are noted as stale and come from a source, as far as they still stand there; and how many of the
    /// first do not.
    pub fn first_noted(&mut self, table: &Table, source: &Option<String>) -> Result<(Vec<Stale>, usize)> {
        let from = format!("FROM tieout_stale WHERE table_name = $1 AND coalesce(source, '') = coalesce($2, '') ORDER BY n LIMIT {LISTED}");
        let rows = self.select(&NOTED, &from, &[Some(&table.name), source.as_deref()])?;
        let by_key = ByKey::of(self, table)?;
        let (mut there, mut gone) = (Vec::new(), 0);
        for (_, row) in rows.into_iter().map(noted) {
            // A row that somebody took away is no longer there to be stale.
            if by_key.standing(self, &row.key)?.is_empty() { gone += 1 } else { there.push(row) }
        }
        Ok((there, gone))
    }

    /// Forgets the noted rows of a table that come from a source.
    pub fn forget_noted(&mut self, table: &str, source: &Option<String>) -> Result<()> {
        let sql = "DELETE FROM tieout_stale WHERE table_name = $1 AND coalesce(source, '') = coalesce($2, '')";
        self.change(sql, &[Some(table), source.as_deref()]).map(drop)
    }

    /// Forgets all that is noted.
    pub fn forget_stale(&mut self) -> Result<()> {
        let temporary = if self.is_postgres() { "pg_temp" } else { "temp" };
        self.execute(&format!("DROP TABLE IF EXISTS {temporary}.tieout_stale"))
    }
}

const NOTED: [&str; 7] = ["n", "row_key", "after", "run_id", "path", "line", "source"];

fn noted(mut row: Texts) -> (i64, Stale) {
    let mut take = |i: usize| row[i].take();
    let n = take(0).and_then(|n| n.parse().ok()).unwrap_or_default();
    let (key, after, run) = (take(1).unwrap_or_default(), take(2).unwrap_or_default(), take(3).unwrap_or_default());
    (n, Stale { key, after, run, path: take(4), line: take(5), source: take(6) })
}
