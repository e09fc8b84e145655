//! The chain of runs: the lines that each run's digest covers, sealing them, and reading them again. The lines are made in SQL
//! (`sql/*/run_lines.sql`), so that everybody can make them; what is wrong when they differ is `audit`'s business.

use super::dialect::Bind;
use super::own::number;
use super::{AnyConnection, Store, Texts, bound, refused};
use crate::digest::{Running, sha256};
use crate::error::{Result, Stop, io_words};
use crate::table::Line;
use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};

/// What the first run has in the place of the digest before it.
pub const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const SQLITE: &str = include_str!("../../sql/sqlite/run_lines.sql");
const POSTGRES: &str = include_str!("../../sql/postgres/run_lines.sql");

/// What is recorded when its run is sealed already; the next run seals it.
pub const LOOSE: [&str; 4] = ["tieout_step", "tieout_resolution", "tieout_report", "tieout_signature"];

/// How many lines' marks are kept in a row.
const MARKS: usize = 1000;

/// A run in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The digest of the run before, or [`FIRST`].
    pub previous: String,
    /// Its own.
    pub digest: String,
}

/// By what a line of a run is known again, when it is not as it was: what it is of, its number, and a few digits of its own
/// digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// `run`, `file`, `written`, `change`, `packed`, `check`, `alike`, `reject`, `step`, `resolution`, `report`, `signature`, `undone`.
    pub kind: String,
    /// The row's number; of `written`, the table's name.
    pub id: String,
    /// The first digits of the line's SHA-256.
    pub digits: String,
}

/// A run as `tieout_run` has it, without its report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RecordedRun {
    /// Number.
    pub id: i64,
    /// The job's name.
    pub job: String,
    /// The command.
    pub command: String,
    /// `committed`, `unchanged`, `failed`.
    pub status: String,
    /// Exit code.
    pub exit_code: i64,
    /// Begin, RFC 3339.
    pub started_at: String,
    /// End, RFC 3339.
    pub finished_at: String,
    /// Who ran it; `None` for what was recorded before the runs were a chain.
    pub who: Option<String>,
    /// SHA-256 of the job file.
    pub job_sha256: String,
    /// The run that undid it.
    pub undone_by: Option<i64>,
    /// The digest of the run before.
    pub previous: Option<String>,
    /// Its own.
    pub digest: Option<String>,
}

impl Store {
    /// Whether the own tables are of a version in which the runs are a chain.
    pub fn has_chain(&mut self) -> Result<bool> {
        self.has_table("tieout_seal")
    }

    /// Seals a run that is recorded to the last row, in the caller's transaction.
    pub fn seal(&mut self, run: i64) -> Result<Link> {
        let id = run.to_string();
        for table in LOOSE {
            self.change(&format!("UPDATE {table} SET sealed_by = CAST($1 AS BIGINT) WHERE sealed_by IS NULL"), &[Some(&id)])?;
        }
        let from = "FROM tieout_run WHERE id = (SELECT max(id) FROM tieout_run WHERE id < CAST($1 AS BIGINT))";
        let previous = self.select(&["digest"], from, &[Some(&id)])?.into_iter().flatten().next().flatten();
        let previous = previous.unwrap_or_else(|| FIRST.to_owned());
        let unkept = |e: std::io::Error| Stop::database(format!("no temporary file can be written: {}", io_words(&e)), "make room");
        // Of millions of rows the marks do not fit into memory, and while rows come nothing can be written to the database.
        let (mut digest, mut marks) = (Running::over(&previous), BufWriter::new(tempfile::tempfile().map_err(unkept)?));
        self.lines(run, |line| {
            digest.line(line);
            writeln!(marks, "{}", Mark::of(line).text()).map_err(unkept)
        })?;
        let digest = digest.finish();
        let mut marks = marks.into_inner().map_err(|e| unkept(e.into_error()))?;
        marks.rewind().map_err(unkept)?;
        let sealed = "FROM tieout_seal WHERE run_id = CAST($1 AS BIGINT)";
        if !self.select(&["1"], &format!("{sealed} LIMIT 1"), &[Some(&id)])?.is_empty() {
            // Somebody took away a run with this number.
            self.change(&format!("DELETE {sealed}"), &[Some(&id)])?;
        }
        let mut marks = BufReader::new(marks).lines();
        for n in 0.. {
            let part: Vec<String> = marks.by_ref().take(MARKS).collect::<std::io::Result<_>>().map_err(unkept)?;
            if part.is_empty() {
                break;
            }
            let row = vec![Some(id.clone()), Some(n.to_string()), Some(part.join("\n"))];
            self.insert_rows("tieout_seal", &[("run_id", Bind::Number), ("part", Bind::Number), ("seals", Bind::Text)], &[row])?;
        }
        let sql = "UPDATE tieout_run SET previous = $1, digest = $2 WHERE id = CAST($3 AS BIGINT)";
        self.change(sql, &[Some(&previous), Some(&digest), Some(&id)])?;
        Ok(Link { previous, digest })
    }

    /// Seals the runs that were recorded before there was a chain, as they stand.
    pub(super) fn seal_what_stands(&mut self) -> Result<()> {
        let runs = self.select(&["id"], "FROM tieout_run ORDER BY id", &[])?;
        (0..runs.len()).filter_map(|i| number(&runs, i)).try_for_each(|run| self.seal(run).map(drop))
    }

    /// The lines of a run, in their order, each without its line feed.
    pub fn lines(&mut self, run: i64, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        if !self.has_table("tieout_packed")? {
            // An earlier version made the own tables: there is nothing in blocks.
            self.execute("CREATE TEMP TABLE IF NOT EXISTS tieout_packed (id BIGINT, run_id BIGINT, table_name TEXT, first_change BIGINT, rows BIGINT, head TEXT, lines BYTEA, unpacked_by BIGINT)")?;
        }
        if !self.has_table("tieout_alike")? {
            self.execute("CREATE TEMP TABLE IF NOT EXISTS tieout_alike (id BIGINT, run_id BIGINT, checks BIGINT, lines BYTEA)")?;
        }
        let run = run.to_string();
        let parts = if self.is_postgres() { POSTGRES } else { SQLITE };
        for part in parts.split(";\n").filter(|part| part.contains("SELECT")) {
            let binds = [Some(run.as_str())];
            let mut give = |line: QueryResult<Line>| each(line.map_err(|e| refused(&e))?.get(0).unwrap_or_default());
            match &mut self.connection {
                AnyConnection::Sqlite(c) => {
                    let rows = bound(diesel::sql_query(part).into_boxed(), &binds);
                    rows.load_iter::<Line, DefaultLoadingMode>(c).map_err(|e| refused(&e))?.try_for_each(&mut give)?;
                }
                AnyConnection::Postgres(c) => {
                    let rows = bound(diesel::sql_query(part).into_boxed(), &binds);
                    rows.load_iter::<Line, PgRowByRowLoadingMode>(c).map_err(|e| refused(&e))?.try_for_each(&mut give)?;
                }
            }
        }
        Ok(())
    }

    /// The marks that were taken when a run was sealed.
    pub fn marks(&mut self, run: i64) -> Result<Vec<Mark>> {
        let rows =
            self.select(&["seals"], "FROM tieout_seal WHERE run_id = CAST($1 AS BIGINT) ORDER BY part", &[Some(&run.to_string())])?;
        Ok(rows.into_iter().flatten().flatten().flat_map(|part| Mark::read(&part)).collect())
    }

    /// How many rows each run inserted, updated and deleted.
    pub fn rows_by_run(&mut self) -> Result<BTreeMap<i64, [usize; 3]>> {
        let mut found: BTreeMap<i64, [usize; 3]> = BTreeMap::new();
        let from = "FROM tieout_change WHERE operation <> 'adopt' GROUP BY run_id, operation";
        for row in self.select(&["run_id", "operation", "count(*)"], from, &[])? {
            let text = |i: usize| row[i].as_deref().unwrap_or_default();
            let at = ["insert", "update", "delete"].iter().position(|o| *o == text(1));
            if let (Ok(run), Some(at), Ok(count)) = (text(0).parse(), at, text(2).parse()) {
                found.entry(run).or_default()[at] = count;
            }
        }
        for ((run, _), count) in self.packed_counts(None)? {
            found.entry(run).or_default()[0] += count;
        }
        Ok(found)
    }

    /// How many rows came since the last run was sealed, by table.
    pub fn not_sealed(&mut self) -> Result<Vec<(&'static str, i64)>> {
        let mut found = Vec::new();
        for table in LOOSE {
            let rows = self.select(&["count(*)"], &format!("FROM {table} WHERE sealed_by IS NULL"), &[])?;
            found.extend(number(&rows, 0).filter(|n| *n > 0).map(|n| (table, n)));
        }
        Ok(found)
    }

    /// What the chain covers only in sum, and does not agree with it: marks of undone changes, the state of migration steps, rows
    /// of runs that there are not. In words.
    pub fn inconsistent(&mut self) -> Result<Vec<String>> {
        let distinct = self.dialect().distinct("c.undone_by", "r.undone_by");
        let mut found = Vec::new();
        let from = format!("FROM tieout_change c JOIN tieout_run r ON r.id = c.run_id WHERE {distinct} ORDER BY c.id LIMIT {MARKS}");
        for mut row in self.select(&["c.id", "c.run_id", "c.undone_by", "r.undone_by"], &from, &[])? {
            let mut take = |i: usize| row[i].take().unwrap_or_else(|| "none".into());
            let (change, run, says, should) = (take(0), take(1), take(2), take(3));
            found.push(format!("the row {change} of tieout_change (run {run}) is marked as undone by {says}, the run by {should}"));
        }
        let from = "FROM tieout_run r WHERE r.undone_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tieout_run u WHERE u.id = r.undone_by AND u.command = 'rollback')";
        for mut row in self.select(&["r.id", "r.undone_by"], from, &[])? {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            found.push(format!("run {} is marked as undone by run {}, which is no rollback", take(0), take(1)));
        }
        if self.has_table("tieout_packed")? {
            // A block that cannot be read is one thing to say beside others.
            found.extend(self.unlike_packed(MARKS).unwrap_or_else(|stop| vec![stop.message]));
        }
        let packed = self.has_table("tieout_packed")?.then_some("tieout_packed");
        let alike = self.has_table("tieout_alike")?.then_some("tieout_alike");
        for table in ["tieout_change", "tieout_file", "tieout_check", "tieout_reject"].into_iter().chain(packed).chain(alike) {
            let from = format!(
                "FROM {table} x WHERE NOT EXISTS (SELECT 1 FROM tieout_run r WHERE r.id = x.run_id) GROUP BY x.run_id ORDER BY x.run_id"
            );
            for mut row in self.select(&["x.run_id", "count(*)", "min(x.id)", "max(x.id)"], &from, &[])? {
                let mut take = |i: usize| row[i].take().unwrap_or_default();
                let (run, count, first, last) = (take(0), take(1), take(2), take(3));
                let rows = match count.as_str() {
                    "1" => format!("the row {first} of {table} is"),
                    _ => format!("{count} rows of {table} (from {first} to {last}) are"),
                };
                found.push(format!("{rows} of run {run}, which is not there"));
            }
        }
        found.extend(self.steps_unlike()?);
        Ok(found)
    }

    fn steps_unlike(&mut self) -> Result<Vec<String>> {
        let last = "s.id = (SELECT max(o.id) FROM tieout_step o WHERE o.job = s.job AND o.name = s.name)";
        let pairs = [
            ("s.kind <> 'undone' AND m.name IS NULL", "is missing in tieout_migration"),
            ("s.kind = 'undone' AND m.name IS NOT NULL", "stands in tieout_migration, and was taken back"),
            ("s.kind <> 'undone' AND (m.sha256 <> s.sha256 OR m.kind <> s.kind)", "is another in tieout_migration than was recorded"),
        ];
        let mut found = Vec::new();
        for (condition, what) in pairs {
            let from = format!(
                "FROM tieout_step s LEFT JOIN tieout_migration m ON m.job = s.job AND m.name = s.name WHERE {last} AND {condition} ORDER BY s.id"
            );
            for row in self.select(&["s.name"], &from, &[])? {
                found.push(format!("the step {} {what}", row.into_iter().flatten().next().unwrap_or_default()));
            }
        }
        let from = "FROM tieout_migration m WHERE m.job <> '' AND NOT EXISTS (SELECT 1 FROM tieout_step s WHERE s.job = m.job AND s.name = m.name)";
        for row in self.select(&["m.name"], from, &[])? {
            found.push(format!(
                "the step {} stands in tieout_migration, and nothing recorded it",
                row.into_iter().flatten().next().unwrap_or_default()
            ));
        }
        Ok(found)
    }

    /// Every recorded run, in order.
    pub fn recorded_runs(&mut self) -> Result<Vec<RecordedRun>> {
        if !self.has_table("tieout_run")? {
            return Ok(Vec::new());
        }
        let shape = self.table_shape("tieout_run")?.unwrap_or_default();
        let newer = |name: &'static str| if shape.column(name).is_some() { name } else { "NULL" };
        let columns = [
            "id",
            "job",
            "command",
            "status",
            "exit_code",
            "started_at",
            "finished_at",
            newer("who"),
            "job_sha256",
            newer("undone_by"),
            newer("previous"),
            newer("digest"),
        ];
        let rows = self.select(&columns, "FROM tieout_run ORDER BY id", &[])?;
        let read = |mut row: Texts| {
            let mut take = |i: usize| row[i].take();
            Some(RecordedRun {
                id: take(0)?.parse().ok()?,
                job: take(1)?,
                command: take(2)?,
                status: take(3)?,
                exit_code: take(4)?.parse().ok()?,
                started_at: take(5)?,
                finished_at: take(6)?,
                who: take(7),
                job_sha256: take(8)?,
                undone_by: take(9).and_then(|t| t.parse().ok()),
                previous: take(10),
                digest: take(11),
            })
        };
        rows.into_iter().map(|row| read(row).ok_or_else(|| Stop::database("a row of tieout_run cannot be read", ""))).collect()
    }
}

impl Mark {
    /// The mark of a line.
    pub fn of(line: &str) -> Mark {
        let mut words = line.split('"').skip(1).step_by(2);
        let mut word = || words.next().unwrap_or_default().to_owned();
        Mark { kind: word(), id: word(), digits: sha256(line)[..8].to_owned() }
    }

    /// The marks that were written one under the other.
    pub fn read(text: &str) -> Vec<Mark> {
        let read = |line: &str| {
            let (kind, rest) = line.split_once(' ')?;
            let (digits, id) = rest.split_once(' ')?;
            Some(Mark { kind: kind.to_owned(), id: id.to_owned(), digits: digits.to_owned() })
        };
        text.lines().filter_map(read).collect()
    }

    /// As it is written.
    pub fn text(&self) -> String {
        format!("{} {} {}", self.kind, self.digits, self.id)
    }
}
