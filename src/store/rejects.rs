//! What was refused, as `tieout_reject` keeps it: findings of error level, and records in quarantine with their bytes.

use super::dialect::Bind;
use super::own::without_nul;
use super::{Store, Texts};
use crate::error::Result;
use crate::evidence::{Finding, Severity};
use std::collections::BTreeMap;
use std::ops::Range;

/// The lines of a file that a run put into quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The source's name.
    pub source: String,
    /// Path below the root.
    pub path: String,
    /// SHA-256 of the file's other lines.
    pub rest: String,
    /// The lines, record by record.
    pub lines: Vec<Range<usize>>,
}

impl Store {
    pub(super) fn record_rejects(&mut self, run: Option<&str>, findings: &[Finding]) -> Result<()> {
        let count = |n: usize| Some(n.to_string());
        let kept = findings.iter().filter(|f| f.severity == Severity::Error || f.reject.is_some());
        let row = |f: &Finding| -> Texts {
            let reject = f.reject.as_ref();
            vec![
                run.map(str::to_owned),
                f.path.clone(),
                f.line.and_then(count),
                f.column.and_then(count),
                f.pointer.as_deref().map(without_nul),
                Some(f.code.clone()),
                Some(without_nul(&f.message)),
                f.quote.as_deref().map(without_nul),
                reject.and_then(|r| count(r.span.line)),
                reject.and_then(|r| count(r.lines)),
                reject.map(|r| r.raw.iter().map(|b| format!("{b:02x}")).collect()),
                reject.and_then(|r| r.worth).map(|w| w.normalize().to_string()),
                reject.map(|_| if f.severity == Severity::Error { "0" } else { "1" }.to_owned()),
            ]
        };
        let rows: Vec<Texts> = kept.map(row).collect();
        let columns = [
            ("run_id", Bind::Number),
            ("path", Bind::Text),
            ("line", Bind::Number),
            ("column", Bind::Number),
            ("pointer", Bind::Text),
            ("code", Bind::Text),
            ("message", Bind::Text),
            ("quote", Bind::Text),
            ("record_line", Bind::Number),
            ("record_lines", Bind::Number),
            ("raw", Bind::Hex),
            ("worth", Bind::Text),
            ("quarantined", Bind::Number),
        ];
        self.insert_rows("tieout_reject", &columns, &rows)
    }

    /// What a run of the job that went through put into quarantine, by file.
    pub fn quarantined(&mut self, job: &str, run: i64) -> Result<Vec<Quarantined>> {
        if !self.has_table("tieout_run")? {
            return Ok(Vec::new());
        }
        self.begin()?;
        self.ensure_own_tables()?;
        self.commit()?;
        let run = run.to_string();
        let from = "FROM tieout_reject r JOIN tieout_file f ON f.run_id = r.run_id AND f.path = r.path \
                    WHERE r.run_id = (SELECT id FROM tieout_run WHERE id = CAST($1 AS BIGINT) AND job = $2 AND status <> 'failed' AND undone_by IS NULL) \
                    AND r.quarantined = 1 AND f.rest_sha256 IS NOT NULL ORDER BY r.id";
        let columns = ["f.source", "f.path", "f.rest_sha256", "r.record_line", "r.record_lines"];
        let mut found: BTreeMap<(String, String), Quarantined> = BTreeMap::new();
        for mut row in self.select(&columns, from, &[Some(&run), Some(job)])? {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            let (source, path, rest) = (take(0), take(1), take(2));
            let (line, lines): (usize, usize) = (take(3).parse().unwrap_or_default(), take(4).parse().unwrap_or_default());
            let of = found.entry((source.clone(), path.clone())).or_insert_with(|| Quarantined { source, path, rest, lines: Vec::new() });
            of.lines.push(line..line + lines);
        }
        Ok(found.into_values().collect())
    }
}
