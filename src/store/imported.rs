//! What imports of ours made of the user's rows, from the change log: each row with its history, as of any run, and what one
//! run wrote. For the report, row by row, in an order that both databases share.

use super::dialect::Bind;
use super::packed::Block;
use super::{Store, Texts};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// A row as imports of ours left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its natural key, as recorded.
    pub key: String,
    /// What was written to it, the oldest first; never empty.
    pub changes: Vec<Logged>,
}

/// A change of a row, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logged {
    /// The run.
    pub run: i64,
    /// `insert`, `update`, `adopt` or `delete`.
    pub operation: String,
    /// What stood there, as a JSON object of canonical texts.
    pub before: Option<String>,
    /// What was written.
    pub after: Option<String>,
    /// The file.
    pub path: Option<String>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// What it was derived from.
    pub derived: Option<String>,
}

/// What stands of a table as of a run.
struct Standing<'a> {
    job: &'a str,
    run: i64,
    table: &'a str,
    /// Which changes those are, see [`Store::of_standing_run`].
    which: String,
}

/// Gives rows on as long as there is room for their changes.
struct Giving<'e> {
    left: usize,
    whole: bool,
    each: &'e mut dyn FnMut(Imported) -> Result<()>,
}

impl Giving<'_> {
    fn row(&mut self, row: Imported) -> Result<()> {
        let left = self.left.checked_sub(row.changes.len()).filter(|_| self.whole);
        let Some(left) = left else {
            self.whole = false;
            return Ok(());
        };
        self.left = left;
        if row.changes.last().is_some_and(|c| c.operation != "delete") { (self.each)(row) } else { Ok(()) }
    }
}

const COLUMNS: [&str; 11] = [
    "c.row_key",
    "c.run_id",
    "c.operation",
    "c.before",
    "c.after",
    "f.path",
    "f.sha256",
    "c.line",
    "c.\"column\"",
    "c.pointer",
    "c.derived",
];

impl Store {
    /// Whether the change log is there, in a shape that can be asked.
    pub fn has_change_log(&mut self) -> Result<bool> {
        Ok(self.own_steps()?.contains("own_tables_4"))
    }

    /// The rows of a table as the job's imports up to a run left them, by key, rows that were taken away left out; at most
    /// `most` changes are read. Whether that was all.
    pub fn imported(
        &mut self,
        job: &str,
        run: i64,
        table: &str,
        most: usize,
        mut each: impl FnMut(Imported) -> Result<()>,
    ) -> Result<bool> {
        let blocks = self.blocks_upto(job, run, table)?;
        let of = Standing { job, run, table, which: self.of_standing_run(run)? };
        let mut give = Giving { left: most, whole: true, each: &mut each };
        let mut behind: Option<String> = None;
        if let Some(mut packed) = self.packed_by_key(blocks)? {
            while let (true, Some(rows)) = (give.whole, self.next_by_key(&mut packed, give.left.saturating_add(1))?) {
                let last = rows.last().map(|row| row.0.clone());
                let mut rows = rows.into_iter().peekable();
                self.imported_rows(&of, behind.as_deref(), last.as_deref(), give.left, |own| {
                    while let Some(row) = rows.next_if(|row| row.0 < own.key) {
                        give.row(packed.imported(row)?)?;
                    }
                    give.row(own)
                })?;
                rows.try_for_each(|row| give.row(packed.imported(row)?))?;
                behind = last;
            }
        }
        if give.whole {
            self.imported_rows(&of, behind.as_deref(), None, give.left, |own| give.row(own))?;
        }
        Ok(give.whole)
    }

    /// Rows that stand in `tieout_change`, behind a key and up to another; of their changes one more than so many, so that the last row
    /// may have others.
    fn imported_rows(
        &mut self,
        of: &Standing<'_>,
        behind: Option<&str>,
        upto: Option<&str>,
        most: usize,
        mut each: impl FnMut(Imported) -> Result<()>,
    ) -> Result<()> {
        let key = if self.is_postgres() { "c.row_key COLLATE \"C\"" } else { "c.row_key" };
        let order = format!("{key}, c.id");
        let mut binds = vec![Some(of.table.to_owned()), Some(of.run.to_string()), Some(of.job.to_owned())];
        let mut keys = String::new();
        for (than, bound) in [(">", behind), ("<=", upto)] {
            if let Some(bound) = bound {
                binds.push(Some(bound.to_owned()));
                keys += &format!(" AND {key} {than} {}", self.dialect().mark(binds.len(), Bind::Text));
            }
        }
        let from = format!(
            "FROM (SELECT c.* FROM tieout_change c WHERE c.table_name = $1 AND {}{keys} ORDER BY {order} LIMIT {}) c \
             LEFT JOIN tieout_file f ON f.id = c.file_id ORDER BY {order}",
            of.which,
            most.saturating_add(1).min(i64::MAX as usize),
        );
        let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
        let mut last: Option<Imported> = None;
        self.for_each(&COLUMNS, &from, &binds, |mut row| {
            let key = row[0].take().unwrap_or_default();
            let change = logged(row);
            match &mut last {
                Some(known) if known.key == key => known.changes.push(change),
                _ => last.replace(Imported { key, changes: vec![change] }).map_or(Ok(()), &mut each)?,
            }
            Ok(())
        })?;
        last.map_or(Ok(()), each)
    }

    /// How many rows of a table the job's imports up to a run wrote.
    pub fn imported_count(&mut self, job: &str, run: i64, table: &str) -> Result<usize> {
        let packed: usize = self.blocks_upto(job, run, table)?.iter().map(Block::packed).sum();
        let from =
            format!("FROM (SELECT DISTINCT c.row_key FROM tieout_change c WHERE c.table_name = $1 AND {}) k", self.of_standing_run(run)?);
        let rows = self.select(&["count(*)"], &from, &[Some(table), Some(&run.to_string()), Some(job)])?;
        Ok(packed + super::own::number(&rows, 0).and_then(|n| usize::try_from(n).ok()).unwrap_or_default())
    }

    /// The tables that the job's imports up to a run wrote to.
    pub fn imported_tables(&mut self, job: &str, run: i64) -> Result<Vec<String>> {
        // The table comes first of the bound texts, so that conditions are the same everywhere.
        let from = format!("FROM tieout_change c WHERE coalesce($1, '') = '' AND {} GROUP BY c.table_name", self.of_standing_run(run)?);
        let rows = self.select(&["c.table_name"], &from, &[Some(""), Some(&run.to_string()), Some(job)])?;
        let mut names: BTreeSet<String> = rows.into_iter().filter_map(|mut r| r[0].take()).collect();
        for (_, table) in self.packed_counts(None)?.into_keys() {
            if !self.blocks_upto(job, run, &table)?.is_empty() {
                names.insert(table);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// What a run wrote, in order: table, key, change. Without new rows, where these are not wanted.
    pub fn logged(
        &mut self,
        run: i64,
        inserts: bool,
        most: Option<usize>,
        mut each: impl FnMut(String, String, Logged) -> Result<()>,
    ) -> Result<()> {
        let columns: Vec<&str> = ["c.id", "c.table_name"].into_iter().chain(COLUMNS).collect();
        let number = run.to_string();
        type Each<'e> = &'e mut dyn FnMut(i64, String, String, Logged) -> Result<()>;
        let rows = |store: &mut Store, which: &str, each: Each<'_>| {
            let from = format!(
                "FROM tieout_change c LEFT JOIN tieout_file f ON f.id = c.file_id WHERE c.run_id = CAST($1 AS BIGINT){which} ORDER BY c.id{}",
                most.map_or(String::new(), |most| format!(" LIMIT {most}")),
            );
            store.for_each(&columns, &from, &[Some(&number)], |mut row| {
                let mut own = row.drain(..2).map(Option::unwrap_or_default);
                let (change, table) = (own.next().and_then(|n| n.parse().ok()).unwrap_or_default(), own.next().unwrap_or_default());
                drop(own);
                let key = row[0].take().unwrap_or_default();
                each(change, table, key, logged(row))
            })
        };
        if !inserts {
            return rows(self, " AND c.operation <> 'insert'", &mut |_, table, key, logged| each(table, key, logged));
        }
        // Blocks stand where their numbers are, and between their rows those that were taken out.
        let mut from = 0;
        for block in self.blocks(Some(run), None)? {
            let upto = |from: i64, to: i64| format!(" AND c.id >= {from} AND c.id < {to}");
            rows(self, &upto(from, block.first), &mut |_, table, key, logged| each(table, key, logged))?;
            let changes = block.changes();
            let mut taken = Vec::new();
            if block.taken > 0 {
                rows(self, &upto(changes.start, changes.end), &mut |change, table, key, logged| {
                    taken.push((change, table, key, logged));
                    Ok(())
                })?;
            }
            let mut taken = taken.into_iter().peekable();
            self.logged_packed(&block, |change, table, key, logged| {
                while let Some((_, table, key, logged)) = taken.next_if(|of| of.0 < change) {
                    each(table, key, logged)?;
                }
                each(table, key, logged)
            })?;
            taken.try_for_each(|(_, table, key, logged)| each(table, key, logged))?;
            from = changes.end;
        }
        rows(self, &format!(" AND c.id >= {from}"), &mut |_, table, key, logged| each(table, key, logged))
    }

    /// What a run wrote to one table, but for packed rows.
    pub fn logged_of(&mut self, run: i64, table: &str, mut each: impl FnMut(Logged) -> Result<()>) -> Result<()> {
        let from = "FROM tieout_change WHERE run_id = CAST($1 AS BIGINT) AND table_name = $2 AND operation <> 'adopt'";
        self.for_each(&["operation", "before", "after"], from, &[Some(&run.to_string()), Some(table)], |mut row| {
            let operation = row[0].take().unwrap_or_default();
            each(Logged { run, operation, before: row[1].take(), after: row[2].take(), ..Logged::default() })
        })
    }

    /// How many changes a run recorded, by table and operation.
    pub fn logged_counts(&mut self, run: i64) -> Result<BTreeMap<String, BTreeMap<String, usize>>> {
        let from = "FROM tieout_change WHERE run_id = CAST($1 AS BIGINT) GROUP BY table_name, operation";
        let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for mut row in self.select(&["table_name", "operation", "count(*)"], from, &[Some(&run.to_string())])? {
            let count = row[2].take().and_then(|n| n.parse().ok()).unwrap_or_default();
            counts.entry(row[0].take().unwrap_or_default()).or_default().insert(row[1].take().unwrap_or_default(), count);
        }
        for ((_, table), count) in self.packed_counts(Some(run))? {
            *counts.entry(table).or_default().entry("insert".to_owned()).or_default() += count;
        }
        Ok(counts)
    }

    /// That the change `c` is of the job (`$3`), not of a later run than `$2`, and was not undone until then.
    fn of_standing_run(&mut self, run: i64) -> Result<String> {
        let of = "c.run_id <= CAST($2 AS BIGINT) AND (c.run_id = CAST($2 AS BIGINT) OR c.run_id IN (SELECT r.id FROM tieout_run r WHERE r.job = $3))";
        let later = "FROM tieout_run WHERE undone_by > CAST($1 AS BIGINT)";
        // The index knows the rows that were never undone; most often there are no others to look for.
        let undone_later = !self.select(&["1"], later, &[Some(&run.to_string())])?.is_empty();
        let undone = if undone_later { "(c.undone_by IS NULL OR c.undone_by > CAST($2 AS BIGINT))" } else { "c.undone_by IS NULL" };
        Ok(format!("{of} AND {undone}"))
    }
}

fn logged(row: Texts) -> Logged {
    let mut row = row.into_iter().skip(1);
    let mut take = || row.next().flatten();
    let count = |text: Option<String>| text.and_then(|t| t.parse().ok());
    Logged {
        run: take().and_then(|t| t.parse().ok()).unwrap_or_default(),
        operation: take().unwrap_or_default(),
        before: take(),
        after: take(),
        path: take(),
        sha256: take(),
        line: count(take()),
        column: count(take()),
        pointer: take(),
        derived: take(),
    }
}
