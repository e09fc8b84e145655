//! The program's own tables (`tieout_*`): runs, files, changes, checks, rejects, migrations. Their SQL lies in `sql/`.

use super::bulk::Rows;
use super::dialect::Bind;
use super::{Store, Texts};
use crate::error::{Result, Stop};
use crate::evidence::{Check, Finding};
use std::collections::{BTreeMap, BTreeSet};

/// The versions of the own tables, recorded as steps of the job '': name, and the SQL of each database.
pub(super) const OWN_STEPS: [(&str, &str, &str); 9] = [
    ("own_tables_1", include_str!("../../sql/sqlite/own_tables_1.sql"), include_str!("../../sql/postgres/own_tables_1.sql")),
    ("own_tables_2", include_str!("../../sql/sqlite/own_tables_2.sql"), include_str!("../../sql/postgres/own_tables_2.sql")),
    ("own_tables_3", include_str!("../../sql/sqlite/own_tables_3.sql"), include_str!("../../sql/postgres/own_tables_3.sql")),
    ("own_tables_4", include_str!("../../sql/sqlite/own_tables_4.sql"), include_str!("../../sql/postgres/own_tables_4.sql")),
    ("own_tables_5", include_str!("../../sql/sqlite/own_tables_5.sql"), include_str!("../../sql/postgres/own_tables_5.sql")),
    ("own_tables_6", include_str!("../../sql/sqlite/own_tables_6.sql"), include_str!("../../sql/postgres/own_tables_6.sql")),
    ("own_tables_7", include_str!("../../sql/sqlite/own_tables_7.sql"), include_str!("../../sql/postgres/own_tables_7.sql")),
    ("own_tables_8", include_str!("../../sql/sqlite/own_tables_8.sql"), include_str!("../../sql/postgres/own_tables_8.sql")),
    ("own_tables_9", include_str!("../../sql/sqlite/own_tables_9.sql"), include_str!("../../sql/postgres/own_tables_9.sql")),
];

/// How many rows are written at once.
const PUT: usize = 10_000;

/// From this version on the runs are a chain.
const FIRST_SEALED: &str = "own_tables_6";

/// A run, as it is recorded.
pub struct RunRecord<'a> {
    /// Number.
    pub id: i64,
    /// The job's name.
    pub job: &'a str,
    /// SHA-256 of the job file.
    pub job_sha256: &'a str,
    /// `run` or `import`.
    pub command: &'a str,
    /// `committed`, `unchanged`, `failed`.
    pub status: &'a str,
    /// Exit code.
    pub exit_code: i32,
    /// Begin, RFC 3339.
    pub started_at: &'a str,
    /// End, RFC 3339.
    pub finished_at: &'a str,
    /// The database, without password.
    pub database: &'a str,
    /// Who ran it.
    pub who: &'a str,
    /// The whole outcome as JSON.
    pub report: &'a str,
}

/// A source file of a run, as it is recorded.
pub struct FileRecord<'a> {
    /// The source's name.
    pub source: &'a str,
    /// Path below the root.
    pub path: &'a str,
    /// SHA-256.
    pub sha256: &'a str,
    /// Bytes.
    pub size: u64,
    /// The encoding it was read as.
    pub encoding: &'a str,
    /// What became of it.
    pub status: &'a str,
    /// SHA-256 of its lines but those in quarantine, where it has some there.
    pub rest_sha256: Option<&'a str>,
}

/// Where an imported row came from.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// File, line, column, JSON pointer; empty for derived rows.
    pub path: Option<String>,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// What it was derived from.
    pub derived: Option<String>,
    /// SHA-256 of the file.
    pub sha256: Option<String>,
}

impl Store {
    /// Makes the own tables where they are missing, and brings those of an earlier version up; refuses those of a later one.
    pub fn ensure_own_tables(&mut self) -> Result<()> {
        let made = self.own_steps()?;
        if made.iter().any(|name| OWN_STEPS.iter().all(|step| step.0 != name)) {
            return Err(Stop::database("the tables of tieout in this database were made by a later version", "use that version"));
        }
        for (name, sqlite, postgres) in OWN_STEPS.iter().filter(|step| !made.contains(step.0)) {
            // A table of SQLite's that is made anew may be in somebody's view, which stays as it is.
            let anew = format!("PRAGMA legacy_alter_table = ON; {sqlite}; PRAGMA legacy_alter_table = OFF");
            self.execute(if self.is_postgres() { postgres } else { &anew })?;
            let now = jiff::Timestamp::now().to_string();
            let sql = "INSERT INTO tieout_migration (job, name, sha256, kind, applied_at) VALUES ('', $1, '', 'applied', $2)";
            self.change(sql, &[Some(name), Some(&now)])?;
        }
        if made.contains(FIRST_SEALED) { Ok(()) } else { self.seal_what_stands() }
    }

    /// The versions of our own tables that stand.
    pub(super) fn own_steps(&mut self) -> Result<BTreeSet<String>> {
        if !self.has_table("tieout_migration")? {
            return Ok(BTreeSet::new());
        }
        let rows = self.select(&["name"], "FROM tieout_migration WHERE job = ''", &[])?;
        Ok(rows.into_iter().filter_map(|mut row| row[0].take()).collect())
    }

    /// The number of the next run.
    pub fn next_run_id(&mut self) -> Result<i64> {
        if !self.has_table("tieout_run")? {
            return Ok(1);
        }
        let rows = self.select(&["coalesce(max(id), 0) + 1"], "FROM tieout_run", &[])?;
        Ok(number(&rows, 0).unwrap_or(1))
    }

    /// Records a run; [`Store::seal`] is what comes last.
    pub fn record_run(&mut self, run: &RunRecord<'_>) -> Result<()> {
        let (id, exit_code) = (run.id.to_string(), run.exit_code.to_string());
        let values = [
            &id,
            run.job,
            run.job_sha256,
            run.command,
            run.status,
            &exit_code,
            run.started_at,
            run.finished_at,
            run.database,
            env!("CARGO_PKG_VERSION"),
            run.who,
            run.report,
        ];
        let sql = "INSERT INTO tieout_run (id, job, job_sha256, command, status, exit_code, started_at, finished_at, database, version, who, report) \
                   VALUES (CAST($1 AS BIGINT), $2, $3, $4, $5, CAST($6 AS BIGINT), $7, $8, $9, $10, $11, $12)";
        self.change(sql, &values.map(Some)).map(drop)
    }

    /// Records the files of a run; gives their ids, in order.
    pub fn record_files(&mut self, run: i64, files: &[FileRecord<'_>]) -> Result<Vec<i64>> {
        self.files = None;
        let run = run.to_string();
        let columns = ["run_id", "source", "path", "sha256", "size", "encoding", "status", "rest_sha256"];
        for files in files.chunks(PUT) {
            let mut rows = Rows::new(self, columns.len());
            for f in files {
                let size = f.size.to_string();
                let texts = [&run, f.source, f.path, f.sha256, &size, f.encoding, f.status];
                texts.into_iter().for_each(|text| rows.push(Some(text), false));
                rows.push(f.rest_sha256, true);
            }
            self.put("tieout_file", &columns, &rows)?;
        }
        let ids = self.select(&["id"], "FROM tieout_file WHERE run_id = CAST($1 AS BIGINT) ORDER BY id", &[Some(&run)])?;
        Ok((0..ids.len()).filter_map(|i| number(&ids, i)).collect())
    }

    /// Records checks, error findings and refused records of a run.
    pub fn record_evidence(&mut self, run: i64, checks: &[Check], findings: &[Finding]) -> Result<()> {
        let run = Some(run.to_string());
        let word = |v: serde_json::Result<serde_json::Value>| v.ok().and_then(|v| v.as_str().map(str::to_owned));
        let columns = ["run_id", "name", "group_name", "expected", "actual", "difference", "status", "severity", "explanation"];
        for checks in checks.chunks(PUT) {
            let mut rows = Rows::new(self, columns.len());
            for c in checks {
                let (status, severity) = (word(serde_json::to_value(c.status)), word(serde_json::to_value(c.severity)));
                let group = without_nul(&c.group);
                let figures = [&c.expected, &c.actual, &c.difference].map(Option::as_deref);
                let of = [run.as_deref(), Some(&*c.name), Some(&*group)].into_iter().chain(figures);
                of.chain([status.as_deref(), severity.as_deref()]).for_each(|text| rows.push(text, false));
                rows.push(c.explanation.as_deref().map(without_nul).as_deref(), true);
            }
            self.put("tieout_check", &columns, &rows)?;
        }
        self.record_rejects(run.as_deref(), findings)
    }

    /// What was written to a table behind that run: each row's content before and after, as recorded.
    pub fn changes_since(
        &mut self,
        table: &str,
        run: i64,
        mut each: impl FnMut(Option<String>, Option<String>) -> Result<()>,
    ) -> Result<()> {
        let from = "FROM tieout_change WHERE table_name = $1 AND run_id > CAST($2 AS BIGINT) AND operation <> 'adopt' AND undone_by IS NULL ORDER BY id";
        self.for_each(&["before", "after"], from, &[Some(table), Some(&run.to_string())], |mut row| {
            let (before, after) = (row[0].take(), row[1].take());
            each(before, after)
        })?;
        let mut blocks = self.blocks(None, Some(table))?;
        blocks.retain(|block| block.run > run);
        self.packed_rows(&blocks, |lines, row| each(None, Some(row.after(&lines.head))))
    }

    /// Whether a run of the job ever wrote to a table.
    pub fn filled_by(&mut self, table: &str, job: &str) -> Result<bool> {
        let from = "FROM tieout_change c JOIN tieout_run r ON r.id = c.run_id WHERE c.table_name = $1 AND r.job = $2 AND c.undone_by IS NULL LIMIT 1";
        Ok(!self.select(&["1"], from, &[Some(table), Some(job)])?.is_empty() || !self.blocks_upto(job, i64::MAX, table)?.is_empty())
    }

    /// The keys of a table's rows that an import of ours inserted.
    pub fn inserted_keys(&mut self, table: &str) -> Result<BTreeSet<String>> {
        if !self.has_change_log()? {
            return Ok(BTreeSet::new());
        }
        let rows = self.select(
            &["row_key"],
            "FROM tieout_change WHERE table_name = $1 AND operation = 'insert' AND undone_by IS NULL",
            &[Some(table)],
        );
        let mut keys: BTreeSet<String> = rows?.into_iter().filter_map(|mut r| r[0].take()).collect();
        let blocks = self.blocks(None, Some(table))?;
        self.packed_keys(&blocks, |key| {
            keys.insert(key.to_owned());
            Ok(())
        })?;
        Ok(keys)
    }

    /// Where rows came from, by key: the latest change of each.
    pub fn written(&mut self, table: &str, keys: &BTreeSet<String>) -> Result<BTreeMap<String, Written>> {
        let mut found: BTreeMap<String, Written> = self.written_packed(table, keys)?.into_iter().collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for chunk in keys.chunks(500) {
            let marks: Vec<String> = (0..chunk.len()).map(|i| self.dialect().mark(i + 2, Bind::Text)).collect();
            let from = format!(
                "FROM tieout_change c LEFT JOIN tieout_file f ON f.id = c.file_id \
                 WHERE c.table_name = {} AND c.row_key IN ({}) AND c.id = (SELECT max(o.id) FROM tieout_change o WHERE o.table_name = c.table_name AND o.row_key = c.row_key AND o.undone_by IS NULL)",
                self.dialect().mark(1, Bind::Text),
                marks.join(", ")
            );
            let binds: Vec<Option<&str>> = std::iter::once(table).chain(chunk.iter().copied()).map(Some).collect();
            for mut row in
                self.select(&["c.row_key", "f.path", "c.line", "c.\"column\"", "c.pointer", "c.derived", "f.sha256"], &from, &binds)?
            {
                let mut take = |i: usize| row[i].take();
                let Some(key) = take(0) else { continue };
                let count = |text: Option<String>| text.and_then(|t| t.parse().ok());
                found.insert(
                    key,
                    Written {
                        path: take(1),
                        line: count(take(2)),
                        column: count(take(3)),
                        pointer: take(4),
                        derived: take(5),
                        sha256: take(6),
                    },
                );
            }
        }
        Ok(found)
    }

    /// The columns of a table's natural key, as the last load recorded them.
    pub fn recorded_key(&mut self, table: &str) -> Result<Vec<String>> {
        let from = "FROM tieout_written WHERE table_name = $1 ORDER BY run_id DESC LIMIT 1";
        let rows = self.select(&["row_key"], from, &[Some(table)])?;
        let recorded = rows.into_iter().next().and_then(|mut r| r[0].take()).unwrap_or_default();
        let keys: Vec<(String, serde_json::Value)> = serde_json::from_str(&recorded).unwrap_or_default();
        Ok(keys.into_iter().map(|(name, _)| name).collect())
    }

    /// Inserts rows of texts, many a statement; columns say what they stand for.
    pub(super) fn insert_rows(&mut self, table: &str, columns: &[(&str, Bind)], rows: &[Texts]) -> Result<()> {
        let dialect = self.dialect();
        let names: Vec<String> = columns.iter().map(|c| super::quote(c.0)).collect();
        for chunk in rows.chunks((30_000 / columns.len().max(1)).clamp(1, 500)) {
            let mut n = 0;
            let mut tuple = || {
                let marks = columns.iter().map(|(_, bind)| {
                    n += 1;
                    dialect.mark(n, *bind)
                });
                format!("({})", marks.collect::<Vec<_>>().join(", "))
            };
            let tuples: Vec<String> = chunk.iter().map(|_| tuple()).collect();
            let binds: Vec<Option<&str>> = chunk.iter().flatten().map(Option::as_deref).collect();
            self.change(&format!("INSERT INTO {} ({}) VALUES {}", super::quote(table), names.join(", "), tuples.join(", ")), &binds)?;
        }
        Ok(())
    }
}

/// PostgreSQL keeps no NUL in a text; a finding about one must be recorded all the same.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

pub(super) fn number(rows: &[Texts], i: usize) -> Option<i64> {
    rows.get(i)?.first()?.as_deref()?.parse().ok()
}
