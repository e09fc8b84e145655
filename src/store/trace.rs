//! What the change log says of one row, or of one file: reading it for `tieout trace` and samples.

use super::dialect::Bind;
use super::{Store, Texts};
use crate::error::Result;
use std::collections::BTreeSet;

/// A change with its run and its file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Revision {
    /// Its number in `tieout_change`.
    pub change: i64,
    /// The table.
    pub table: String,
    /// The row's natural key, as recorded.
    pub key: String,
    /// `insert`, `update`, `adopt` or `delete`.
    pub operation: String,
    /// What the row held before, as recorded.
    pub before: Option<String>,
    /// What was imported, as recorded.
    pub after: Option<String>,
    /// The file.
    pub path: Option<String>,
    /// Its SHA-256 then.
    pub sha256: Option<String>,
    /// The encoding it was read as.
    #[serde(skip)]
    pub encoding: Option<String>,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// What it was derived from.
    pub derived: Option<String>,
    /// The run.
    pub run: i64,
    /// Its job.
    pub job: String,
    /// When the run began.
    pub at: String,
    /// Who ran it.
    pub who: Option<String>,
    /// The run's digest.
    pub digest: Option<String>,
    /// The run that undid it.
    pub undone_by: Option<i64>,
    /// The source's line.
    pub quote: Option<String>,
    /// Why it is not quoted.
    pub unquoted: Option<String>,
}

/// A file as a run recorded it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileOfRun {
    /// The run.
    pub run: i64,
    /// The job.
    pub job: String,
    /// The source's name.
    pub source: String,
    /// Path below the root.
    pub path: String,
    /// SHA-256.
    pub sha256: String,
    /// `loaded`, `unchanged`, `superseded`, `excluded`, `rejected`.
    pub status: String,
}

const COLUMNS: [&str; 18] = [
    "c.id",
    "c.table_name",
    "c.row_key",
    "c.operation",
    "c.before",
    "c.after",
    "f.path",
    "f.sha256",
    "f.encoding",
    "c.line",
    "c.\"column\"",
    "c.pointer",
    "c.derived",
    "c.run_id",
    "r.job",
    "r.started_at",
    "r.who",
    "r.digest",
];

impl Store {
    /// Of a run that is not recorded yet, its job and time are not known.
    fn revisions(&mut self, condition: &str, binds: &[Option<&str>]) -> Result<Vec<Revision>> {
        let from = format!(
            "FROM tieout_change c LEFT JOIN tieout_run r ON r.id = c.run_id LEFT JOIN tieout_file f ON f.id = c.file_id WHERE {condition}"
        );
        let columns: Vec<&str> = COLUMNS.into_iter().chain(["c.undone_by"]).collect();
        Ok(self.select(&columns, &from, binds)?.into_iter().map(revision).collect())
    }

    /// Every change of a row, the oldest first.
    pub fn revisions_of(&mut self, table: &str, key: &str) -> Result<Vec<Revision>> {
        let mut found = self.revisions("c.table_name = $1 AND c.row_key = $2 ORDER BY c.id", &[Some(table), Some(key)])?;
        found.extend(self.packed_of(table, key)?);
        Ok(found)
    }

    /// Every change that came from a file, or from a line of it.
    pub fn revisions_from(&mut self, path: &str, line: Option<usize>) -> Result<Vec<Revision>> {
        let text = line.map(|line| line.to_string());
        let condition = "f.path = $1 AND c.line = coalesce(CAST($2 AS BIGINT), c.line) ORDER BY c.line, c.id";
        let mut found = self.revisions(condition, &[Some(path), text.as_deref()])?;
        found.extend(self.packed_from(path, line)?);
        found.sort_by_key(|revision| (revision.line, revision.change));
        Ok(found)
    }

    /// The rows of a file that begin at the last line before this one where any do.
    pub fn revisions_before(&mut self, path: &str, line: usize) -> Result<Vec<Revision>> {
        let from = "FROM tieout_change o JOIN tieout_file g ON g.id = o.file_id WHERE g.path = $1 AND o.line < CAST($2 AS BIGINT)";
        let rows = self.select(&["max(o.line)"], from, &[Some(path), Some(&line.to_string())])?;
        let last = rows.first().and_then(|row| row[0].as_deref()?.parse().ok());
        match last.max(self.packed_line_before(path, line)?) {
            Some(last) => self.revisions_from(path, Some(last)),
            None => Ok(Vec::new()),
        }
    }

    /// Changes by their numbers.
    pub fn revisions_numbered(&mut self, changes: &[i64]) -> Result<Vec<Revision>> {
        let mut found = Vec::new();
        for chunk in changes.chunks(500) {
            let marks: Vec<String> = (1..=chunk.len()).map(|n| self.dialect().mark(n, Bind::Number)).collect();
            let texts: Vec<String> = chunk.iter().map(i64::to_string).collect();
            let binds: Vec<Option<&str>> = texts.iter().map(|t| Some(t.as_str())).collect();
            found.extend(self.revisions(&format!("c.id IN ({}) ORDER BY c.id", marks.join(", ")), &binds)?);
        }
        found.extend(self.packed_numbered(changes)?);
        Ok(found)
    }

    /// The keys of a table's rows that we ever wrote.
    pub fn keys_of(&mut self, table: &str, mut each: impl FnMut(String) -> Result<()>) -> Result<()> {
        let from = "FROM tieout_change WHERE table_name = $1 GROUP BY row_key ORDER BY min(id)";
        self.for_each(&["row_key"], from, &[Some(table)], |mut row| each(row[0].take().unwrap_or_default()))?;
        let blocks = self.blocks(None, Some(table))?;
        self.packed_keys(&blocks, |key| each(key.to_owned()))
    }

    /// What a run wrote or found standing, but for packed rows: number of the change, table, key.
    pub fn rows_of_run(&mut self, run: i64, mut each: impl FnMut(i64, &str, &str) -> Result<()>) -> Result<()> {
        let from = "FROM tieout_change WHERE run_id = CAST($1 AS BIGINT) AND operation <> 'delete' ORDER BY id";
        self.for_each(&["id", "table_name", "row_key"], from, &[Some(&run.to_string())], |row| {
            let text = |i: usize| row[i].as_deref().unwrap_or_default();
            each(text(0).parse().unwrap_or_default(), text(1), text(2))
        })
    }

    /// The tables that we ever wrote to.
    pub fn written_tables(&mut self) -> Result<Vec<String>> {
        let rows = self.select(&["table_name"], "FROM tieout_change GROUP BY table_name ORDER BY table_name", &[])?;
        let mut names: BTreeSet<String> = rows.into_iter().flatten().flatten().collect();
        names.extend(self.packed_counts(None)?.into_keys().map(|(_, table)| table));
        Ok(names.into_iter().collect())
    }

    /// The files of a run; of all runs, each path as it was recorded last, when none is named.
    pub fn files_of_run(&mut self, run: Option<i64>) -> Result<Vec<FileOfRun>> {
        let run = run.map(|run| run.to_string());
        let from = "FROM tieout_file f JOIN tieout_run r ON r.id = f.run_id WHERE CASE WHEN $1 IS NULL THEN \
                    f.id = (SELECT max(o.id) FROM tieout_file o WHERE o.path = f.path) ELSE f.run_id = CAST($1 AS BIGINT) END ORDER BY f.id";
        let rows = self.select(&["f.run_id", "r.job", "f.source", "f.path", "f.sha256", "f.status"], from, &[run.as_deref()])?;
        let read = |mut row: Texts| {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            FileOfRun {
                run: take(0).parse().unwrap_or_default(),
                job: take(1),
                source: take(2),
                path: take(3),
                sha256: take(4),
                status: take(5),
            }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// How many versions of a file were read.
    pub fn files_with(&mut self, path: &str) -> Result<i64> {
        let rows = self.select(&["count(DISTINCT sha256)"], "FROM tieout_file WHERE path = $1", &[Some(path)])?;
        Ok(super::own::number(&rows, 0).unwrap_or_default())
    }

    /// What was refused at a line of a file, by the last run that refused something there: run, code, message.
    pub fn refused_at(&mut self, path: &str, line: usize) -> Result<Vec<(i64, String, String)>> {
        let at = "path = $1 AND (line = CAST($2 AS BIGINT) OR (CAST($2 AS BIGINT) >= record_line AND CAST($2 AS BIGINT) < record_line + record_lines))";
        let from = format!("FROM tieout_reject WHERE {at} ORDER BY id DESC LIMIT 10");
        let rows = self.select(&["run_id", "code", "message"], &from, &[Some(path), Some(&line.to_string())])?;
        let read = |mut row: Texts| {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            (take(0).parse().unwrap_or_default(), take(1), take(2))
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

fn revision(mut row: Texts) -> Revision {
    let mut take = |i: usize| row[i].take();
    let count = |text: Option<String>| text.and_then(|t| t.parse().ok());
    Revision {
        change: take(0).and_then(|t| t.parse().ok()).unwrap_or_default(),
        table: take(1).unwrap_or_default(),
        key: take(2).unwrap_or_default(),
        operation: take(3).unwrap_or_default(),
        before: take(4),
        after: take(5),
        path: take(6),
        sha256: take(7),
        encoding: take(8),
        line: count(take(9)),
        column: count(take(10)),
        pointer: take(11),
        derived: take(12),
        run: take(13).and_then(|t| t.parse().ok()).unwrap_or_default(),
        job: take(14).unwrap_or_default(),
        at: take(15).unwrap_or_default(),
        who: take(16),
        digest: take(17),
        undone_by: take(18).and_then(|t| t.parse().ok()),
        quote: None,
        unquoted: None,
    }
}
