//! The recorded checks that are like many others, which no report lists one by one: recording them, and reading them again.

use super::dialect::Bind;
use super::own::number;
use super::{Store, Texts};
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Alike, Check, Severity};

/// What is recorded of a check, beside the run.
const COLUMNS: [&str; 8] = ["name", "group_name", "expected", "actual", "difference", "status", "severity", "explanation"];

/// How many are written in a statement.
const ROWS: usize = 500;

impl Store {
    /// Records the checks that are like many others, behind those that were recorded one by one.
    pub fn record_alike(&mut self, run: i64, alike: &Alike) -> Result<()> {
        if alike.is_empty() {
            return Ok(());
        }
        let id = run.to_string();
        if let Some((other, behind)) = alike.recorded {
            let columns = COLUMNS.join(", ");
            let sql = format!(
                "INSERT INTO tieout_check (run_id, {columns}) SELECT CAST($1 AS BIGINT), {columns} FROM tieout_check \
                 WHERE run_id = CAST($2 AS BIGINT) ORDER BY id LIMIT {} OFFSET {behind}",
                alike.count()
            );
            return self.change(&sql, &[Some(&id), Some(&other.to_string())]).map(drop);
        }
        let columns: Vec<(&str, Bind)> = std::iter::once(("run_id", Bind::Number)).chain(COLUMNS.map(|c| (c, Bind::Text))).collect();
        let mut all = alike.each().map(|found| {
            let texts = found.map_err(|e| Stop::database(format!("the checks cannot be recorded: {}", io_words(&e)), "run again"))?;
            let texts = texts.into_iter().map(|t| t.map(|t| super::own::without_nul(&t)));
            Ok(std::iter::once(Some(id.clone())).chain(texts).collect())
        });
        loop {
            let rows = all.by_ref().take(ROWS).collect::<Result<Vec<Texts>>>()?;
            if rows.is_empty() {
                return Ok(());
            }
            self.insert_rows("tieout_check", &columns, &rows)?;
        }
    }

    /// How many checks a run recorded.
    pub fn recorded_checks(&mut self, run: i64) -> Result<usize> {
        let rows = self.select(&["count(*)"], "FROM tieout_check WHERE run_id = CAST($1 AS BIGINT)", &[Some(&run.to_string())])?;
        Ok(number(&rows, 0).and_then(|n| usize::try_from(n).ok()).unwrap_or_default())
    }

    /// The checks that a run recorded behind so many, as far as they are recorded.
    pub fn checks_behind(&mut self, run: i64, behind: usize, mut each: impl FnMut(Check) -> Result<()>) -> Result<()> {
        let from = format!("FROM tieout_check WHERE run_id = CAST($1 AS BIGINT) ORDER BY id LIMIT {} OFFSET {behind}", i64::MAX);
        self.for_each(&COLUMNS, &from, &[Some(&run.to_string())], |mut row| {
            let mut take = |n: usize| row[n].take();
            let severity = serde_json::from_value(take(6).into()).unwrap_or(Severity::Error);
            let check = Check::new(take(0).unwrap_or_default(), take(1).unwrap_or_default(), severity);
            let status = serde_json::from_value(take(5).into()).unwrap_or(check.status);
            each(Check { expected: take(2), actual: take(3), difference: take(4), status, explanation: take(7), ..check })
        })
    }
}
