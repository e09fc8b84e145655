//! Conflicts that somebody settled on purpose, as `tieout_resolution` keeps them.

use super::dialect::Bind;
use super::{ByKey, Store, Texts};
use crate::error::Result;
use crate::table::Table;
use std::collections::{BTreeMap, HashMap};

/// What a row says, by column.
type Content = BTreeMap<String, Option<String>>;

fn content(recorded: Option<String>) -> Content {
    recorded.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The run that wrote the row of a resolution `r` after the run whose conflict it settles.
const WRITTEN_SINCE: &str = "(SELECT min(c.run_id) FROM tieout_change c WHERE c.table_name = r.table_name \
     AND c.row_key = r.row_key AND c.run_id > r.run_id)";

/// Which side of a conflict holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// What the file says.
    File,
    /// What the database holds.
    Database,
}

impl Accepted {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Accepted::File => "file",
            Accepted::Database => "database",
        }
    }
}

/// A value that a conflict is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disputed {
    /// The row's recorded key.
    pub key: String,
    /// The column; `*` where the row as a whole is gone.
    pub column: String,
    /// What the file says.
    pub file: Option<String>,
    /// What the database holds.
    pub database: Option<String>,
}

/// A value that somebody settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution<'a> {
    /// The table.
    pub table: &'a str,
    /// The value.
    pub value: &'a Disputed,
    /// Which side holds.
    pub accepted: Accepted,
}

impl Store {
    /// Records what somebody settled, of the conflicts of a run.
    pub fn record_resolutions(&mut self, run: i64, job: &str, settled: &[Resolution<'_>], reason: &str, by: &str) -> Result<()> {
        let (run, now) = (run.to_string(), jiff::Timestamp::now().to_string());
        let text = |t: &str| Some(t.to_owned());
        let row = |r: &Resolution<'_>| -> Texts {
            let Disputed { key, column, file, database } = r.value;
            let sides = [file.clone(), database.clone()];
            let who = [text(r.accepted.word()), text(reason), text(by), text(&now)];
            [text(&run), text(job), text(r.table), text(key), text(column)].into_iter().chain(sides).chain(who).collect()
        };
        let rows: Vec<Texts> = settled.iter().map(row).collect();
        let texts =
            ["job", "table_name", "row_key", "column", "file_value", "database_value", "accepted", "reason", "resolved_by", "resolved_at"];
        let columns: Vec<(&str, Bind)> = std::iter::once(("run_id", Bind::Number)).chain(texts.map(|c| (c, Bind::Text))).collect();
        self.insert_rows("tieout_resolution", &columns, &rows)
    }

    /// What was settled for a job's table and still holds; of a value that was settled twice, the last word. That the file's
    /// side holds is carried out once: when a run has written the row since, whoever changes it again makes a new conflict.
    pub fn resolutions(&mut self, job: &str, table: &str) -> Result<HashMap<Disputed, Accepted>> {
        let columns = ["row_key", "\"column\"", "file_value", "database_value", "accepted", WRITTEN_SINCE];
        let from = "FROM tieout_resolution r WHERE job = $1 AND table_name = $2 ORDER BY id";
        let rows = self.select(&columns, from, &[Some(job), Some(table)])?;
        let mut settled = HashMap::new();
        for mut row in rows {
            let mut take = |i: usize| row[i].take();
            let value =
                Disputed { key: take(0).unwrap_or_default(), column: take(1).unwrap_or_default(), file: take(2), database: take(3) };
            let accepted = if take(4).as_deref() == Some("file") { Accepted::File } else { Accepted::Database };
            match (accepted, take(5)) {
                (Accepted::File, Some(_)) => settled.remove(&value),
                _ => settled.insert(value, accepted),
            };
        }
        Ok(settled)
    }

    /// The rows of which conflicts were settled since that run went through: what each was then, and what the run that is on met of
    /// it, before it wrote it or let it stand. Contents by column; empty where there was no row.
    pub fn settled_since(&mut self, job: &str, table: &Table, since: i64) -> Result<Vec<(Content, Content)>> {
        let (name, number) = (&*table.name, since.to_string());
        let from = "FROM (SELECT DISTINCT row_key FROM tieout_resolution WHERE job = $1 AND table_name = $2 AND run_id > CAST($3 AS BIGINT)) r \
                    ORDER BY r.row_key";
        let keys = self.select(&["r.row_key"], from, &[Some(job), Some(name), Some(&number)])?;
        let by_key = ByKey::of(self, table)?;
        let mut found = Vec::new();
        for key in keys.into_iter().filter_map(|mut row| row[0].take()) {
            let then = self.content_then(job, name, &key, &number)?;
            let from = "FROM tieout_change WHERE table_name = $1 AND row_key = $2 AND run_id > CAST($3 AS BIGINT) \
                        AND operation <> 'adopt' AND undone_by IS NULL ORDER BY id LIMIT 1";
            let written = self.select(&["before"], from, &[Some(name), Some(&key), Some(&number)])?;
            let met = match written.into_iter().next() {
                Some(mut row) => content(row[0].take()),
                None => by_key.standing(self, &key)?.pop().unwrap_or_default(),
            };
            found.push((then, met));
        }
        Ok(found)
    }

    /// What a row was when that run had gone through: what was imported last, and what was let stand of others' changes.
    fn content_then(&mut self, job: &str, table: &str, key: &str, run: &str) -> Result<Content> {
        let binds = [Some(table), Some(key), Some(run)];
        let upto = "FROM tieout_change WHERE table_name = $1 AND row_key = $2 AND run_id <= CAST($3 AS BIGINT) AND undone_by IS NULL";
        let last = self.select(&["after"], &format!("{upto} ORDER BY id DESC LIMIT 1"), &binds)?;
        let mut then = content(last.into_iter().next().and_then(|mut row| row[0].take()));
        let from = format!(
            "FROM tieout_resolution WHERE table_name = $1 AND row_key = $2 AND run_id <= CAST($3 AS BIGINT) AND job = $4 \
             AND accepted = 'database' AND run_id > (SELECT coalesce(max(run_id), 0) {upto} AND operation <> 'adopt') ORDER BY id"
        );
        for mut row in self.select(&["\"column\"", "database_value"], &from, &[binds[0], binds[1], binds[2], Some(job)])? {
            match (row[0].take().unwrap_or_default(), row[1].take()) {
                (column, rows) if column == "*" => {
                    let rows: Vec<Content> = rows.and_then(|r| serde_json::from_str(&r).ok()).unwrap_or_default();
                    then = rows.into_iter().next().unwrap_or_default();
                }
                (column, value) => drop(then.insert(column, value)),
            }
        }
        Ok(then)
    }

    /// The run that wrote a row after that run, if any did.
    pub fn written_since(&mut self, run: i64, table: &str, key: &str) -> Result<Option<i64>> {
        let from = "FROM tieout_change WHERE table_name = $1 AND row_key = $2 AND run_id > CAST($3 AS BIGINT)";
        let rows = self.select(&["min(run_id)"], from, &[Some(table), Some(key), Some(&run.to_string())])?;
        let packed = self.packed_of(table, key)?.into_iter().map(|revision| revision.run).filter(|of| *of > run);
        Ok(rows.into_iter().next().and_then(|row| row[0].as_deref()?.parse().ok()).into_iter().chain(packed).min())
    }
}
