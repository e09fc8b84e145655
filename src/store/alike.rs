//! The recorded checks that are like many others, which no report lists one by one: recording their blocks, and reading them again.

use super::Store;
use super::dialect::Bind;
use super::own::number;
use crate::digest::hex;
use crate::error::{Result, Stop};
use crate::evidence::{Alike, Block, Check, Severity};

/// What is recorded of a check that stands in a row of its own.
const COLUMNS: [&str; 8] = ["name", "group_name", "expected", "actual", "difference", "status", "severity", "explanation"];

impl Store {
    /// Records the checks that are like many others.
    pub fn record_alike(&mut self, run: i64, alike: &Alike) -> Result<()> {
        let id = run.to_string();
        if let Some(other) = alike.recorded {
            let sql = "INSERT INTO tieout_alike (run_id, checks, lines) SELECT CAST($1 AS BIGINT), checks, lines FROM tieout_alike \
                       WHERE run_id = CAST($2 AS BIGINT) ORDER BY id";
            return self.change(sql, &[Some(&id), Some(&other.to_string())]).map(drop);
        }
        for block in &alike.blocks {
            let row = vec![Some(id.clone()), Some(block.checks.to_string()), Some(hex(&block.lines))];
            self.insert_rows("tieout_alike", &[("run_id", Bind::Number), ("checks", Bind::Number), ("lines", Bind::Hex)], &[row])?;
        }
        Ok(())
    }

    /// How many checks a run recorded in rows of their own, and in blocks.
    pub fn recorded_checks(&mut self, run: i64) -> Result<(usize, usize)> {
        let mut count = |what: &str, table: &str| {
            let rows = self.select(&[what], &format!("FROM {table} WHERE run_id = CAST($1 AS BIGINT)"), &[Some(&run.to_string())])?;
            Ok(number(&rows, 0).and_then(|n| usize::try_from(n).ok()).unwrap_or_default())
        };
        Ok((count("count(*)", "tieout_check")?, count("coalesce(sum(checks), 0)", "tieout_alike")?))
    }

    /// The checks that a run recorded behind so many, as far as they are recorded. An earlier version gave each a row.
    pub fn checks_behind(&mut self, run: i64, behind: usize, mut each: impl FnMut(Check) -> Result<()>) -> Result<()> {
        let id = run.to_string();
        let from = format!("FROM tieout_check WHERE run_id = CAST($1 AS BIGINT) ORDER BY id LIMIT {} OFFSET {behind}", i64::MAX);
        self.for_each(&COLUMNS, &from, &[Some(&id)], |mut row| {
            let mut take = |n: usize| row[n].take();
            let severity = serde_json::from_value(take(6).into()).unwrap_or(Severity::Error);
            let check = Check::new(take(0).unwrap_or_default(), take(1).unwrap_or_default(), severity);
            let status = serde_json::from_value(take(5).into()).unwrap_or(check.status);
            each(Check { expected: take(2), actual: take(3), difference: take(4), status, explanation: take(7), ..check })
        })?;
        if !self.has_table("tieout_alike")? {
            return Ok(());
        }
        let blocks = self.select(&["id", "checks"], "FROM tieout_alike WHERE run_id = CAST($1 AS BIGINT) ORDER BY id", &[Some(&id)])?;
        for n in 0..blocks.len() {
            let block = number(&blocks, n).unwrap_or_default();
            let mark = self.dialect().mark(1, Bind::Number);
            let lines = self.bytes(&format!("SELECT lines FROM tieout_alike WHERE id = {mark}"), block)?.unwrap_or_default();
            let mut checks = Vec::new();
            let read = Block { checks: 0, lines }.each(|check| checks.push(check));
            if read.is_err() || blocks[n][1].as_deref() != Some(&*checks.len().to_string()) {
                let message = format!("the block {block} of tieout_alike (run {run}) cannot be read");
                return Err(Stop::database(message, "somebody changed tieout's own records: `tieout verify` says more; restore a backup"));
            }
            checks.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    }
}
