//! Conflicts that somebody settled on purpose, as `tieout_resolution` keeps them.

use super::dialect::Bind;
use super::{Store, Texts};
use crate::error::Result;
use std::collections::HashMap;

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

    /// The run that wrote a row after that run, if any did.
    pub fn written_since(&mut self, run: i64, table: &str, key: &str) -> Result<Option<i64>> {
        let from = "FROM tieout_change WHERE table_name = $1 AND row_key = $2 AND run_id > CAST($3 AS BIGINT)";
        let rows = self.select(&["min(run_id)"], from, &[Some(table), Some(key), Some(&run.to_string())])?;
        Ok(rows.into_iter().next().and_then(|row| row[0].as_deref()?.parse().ok()))
    }
}
