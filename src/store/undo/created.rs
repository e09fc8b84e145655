//! Tables that a run made, and taking them away again when nothing is in them any more.

use crate::error::Result;
use crate::store::{Store, quote};

/// A table that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its name.
    pub table: String,
    /// Why it stays when the run is undone; `None` where it goes.
    pub stays: Option<String>,
}

impl Store {
    /// The tables that the run made, or a run that was undone before it, unless one that stands made them again. `left` says how
    /// many rows of a table of so many there will be.
    pub fn created_by(&mut self, run: i64, left: impl Fn(&str, usize) -> usize) -> Result<Vec<Created>> {
        let from = "FROM tieout_written w JOIN tieout_run r ON r.id = w.run_id WHERE w.created IS NOT NULL \
                    AND (r.id = CAST($1 AS BIGINT) OR r.undone_by IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM tieout_written o \
                    JOIN tieout_run p ON p.id = o.run_id WHERE o.table_name = w.table_name AND o.created IS NOT NULL \
                    AND (p.id > r.id OR (p.undone_by IS NULL AND p.id <> CAST($1 AS BIGINT)))) ORDER BY w.table_name";
        let mut found = Vec::new();
        for mut row in self.select(&["w.table_name", "w.created"], from, &[Some(&run.to_string())])? {
            let (table, made) = (row[0].take().unwrap_or_default(), row[1].take().unwrap_or_default());
            if let Some(shape) = self.table_shape(&table)? {
                let same = serde_json::to_string(&shape).is_ok_and(|now| now == made);
                let rows = self.select(&["count(*)"], &format!("FROM {}", quote(&table)), &[])?;
                let rows = left(&table, rows.first().and_then(|r| r[0].as_deref()?.parse().ok()).unwrap_or_default());
                let stays = if same { self.why_kept(&table, rows)? } else { Some("its shape was changed since".to_owned()) };
                found.push(Created { table, stays });
            }
        }
        Ok(found)
    }

    fn why_kept(&mut self, table: &str, rows: usize) -> Result<Option<String>> {
        if rows > 0 {
            return Ok(Some(format!("it holds {rows} row{} that others wrote", if rows == 1 { "" } else { "s" })));
        }
        if let Some(reference) = self.references()?.into_iter().find(|r| r.to == table) {
            return Ok(Some(format!("the table {} refers to it", reference.from)));
        }
        let (triggers, name) = if self.is_postgres() {
            ("FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal", quote(table))
        } else {
            ("FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower($1)", table.to_owned())
        };
        let trigger = !self.select(&["1"], &format!("{triggers} LIMIT 1"), &[Some(&name)])?.is_empty();
        Ok(trigger.then(|| "it has a trigger".to_owned()))
    }

    /// Takes an empty table away; gives why the database keeps it, where it does (a view of somebody's may need it).
    pub fn remove_table(&mut self, table: &str) -> Result<Option<String>> {
        self.execute("SAVEPOINT tieout_remove")?;
        let kept = self.execute(&format!("DROP TABLE {}", quote(table))).err().map(|stop| stop.message);
        self.execute(if kept.is_some() {
            "ROLLBACK TO SAVEPOINT tieout_remove; RELEASE SAVEPOINT tieout_remove"
        } else {
            "RELEASE SAVEPOINT tieout_remove"
        })?;
        Ok(kept)
    }
}
