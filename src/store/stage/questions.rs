//! What is asked of staged rows: which repeat, which are new, which differ. What the answers mean is `load`'s business.

use super::{Run, Stage};
use crate::error::Result;
use crate::store::dialect::Bind;
use crate::store::shape::ShapeColumn;
use crate::store::{Store, Texts, quote};
use crate::table::{Column, Kind, Role, row_id};
use std::collections::BTreeMap;

/// A staged row with its place, as the classifying queries give it.
#[derive(Debug, Clone)]
pub struct Staged {
    /// Its number, in order of reading.
    pub seq: i64,
    /// Its natural key, as recorded.
    pub key: String,
    /// Its content, as recorded.
    pub content: String,
    /// Id of its file in `tieout_file`.
    pub file: Option<i64>,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// What we imported last for this key, as recorded.
    pub last: Option<String>,
    /// The run that did.
    pub last_run: Option<String>,
    /// The target row's texts of key and data columns, where there is one.
    pub target: Texts,
}

/// The latest change that we recorded for a staged row's key and that stands. The first placeholder is the table's name.
pub(super) const LAST: &str =
    "(SELECT c.id FROM tieout_change c WHERE c.table_name = $1 AND c.row_key = s.key AND c.undone_by IS NULL ORDER BY c.id DESC LIMIT 1)";

/// Stands where that change is of no interest.
pub(super) const WITHOUT_LAST: &str = "LEFT JOIN tieout_change l ON l.table_name = $1 AND 1 = 0";

impl<'t> Stage<'t> {
    /// Staged rows `s` (joined with their target row `t` where `from` says so) and what we imported last.
    pub(super) fn rows(&self, store: &mut Store, from: &str, with_target: bool) -> Result<Vec<Staged>> {
        let own = ["s.seq", "s.key", "s.content", "s.file", "s.line", "s.col", "s.pointer", "l.after", "l.run_id"];
        let target: Vec<String> = self.with(&[Role::Key, Role::Data]).map(|(_, c, _)| format!("t.{}", quote(&c.name))).collect();
        let expressions: Vec<&str> = own.into_iter().chain(target.iter().filter(|_| with_target).map(String::as_str)).collect();
        let rows = store.select(&expressions, from, &[Some(&self.table.name)])?;
        Ok(rows
            .into_iter()
            .map(|mut row| {
                let target = row.split_off(own.len());
                let mut take = |i: usize| row[i].take();
                let count = |text: Option<String>| text.and_then(|t| t.parse().ok());
                Staged {
                    seq: take(0).and_then(|t| t.parse().ok()).unwrap_or_default(),
                    key: take(1).unwrap_or_default(),
                    content: take(2).unwrap_or_default(),
                    file: take(3).and_then(|t| t.parse().ok()),
                    line: count(take(4)),
                    column: count(take(5)),
                    pointer: take(6),
                    last: take(7),
                    last_run: take(8),
                    target,
                }
            })
            .collect())
    }

    /// The staged rows with these numbers.
    pub fn numbered(&self, store: &mut Store, seqs: &[i64]) -> Result<Vec<Staged>> {
        let list = seqs.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let from = format!("FROM tieout_stage s {WITHOUT_LAST} WHERE s.seq IN ({list}) ORDER BY s.seq");
        if seqs.is_empty() { Ok(Vec::new()) } else { self.rows(store, &from, false) }
    }

    /// How many rows of each file are staged, by its id.
    pub fn by_file(&self, store: &mut Store) -> Result<BTreeMap<i64, usize>> {
        let rows = store.select(&["file", "count(*)"], "FROM tieout_stage WHERE file IS NOT NULL GROUP BY file", &[])?;
        Ok(rows.into_iter().filter_map(|row| Some((row[0].as_deref()?.parse().ok()?, row[1].as_deref()?.parse().ok()?))).collect())
    }

    /// The rows whose key stands in the stage more than once, by key, in order of reading.
    pub fn repeated(&self, store: &mut Store) -> Result<Vec<Staged>> {
        let from = format!(
            "FROM tieout_stage s {WITHOUT_LAST} \
             WHERE s.key IN (SELECT key FROM tieout_stage GROUP BY key HAVING count(*) > 1) ORDER BY s.key, s.seq"
        );
        self.rows(store, &from, false)
    }

    /// Counts the rows of a file that are equal but for their occurrence: each was staged as the first of its kind.
    pub fn number_occurrences(&self, store: &mut Store, run: &Run<'_>) -> Result<()> {
        let Some(column) = self.table.occurrence else { return Ok(()) };
        let Some(place) = self.table.with(&[Role::Key]).position(|(i, _)| i == column) else { return Ok(()) };
        let Some(staged) = self.used.iter().position(|(i, ..)| *i == column) else { return Ok(()) };
        let id = self.used.iter().position(|(_, c, _)| c.role == Role::Id);
        let equal = "SELECT file, key FROM tieout_stage GROUP BY file, key HAVING count(*) > 1";
        let from = format!("FROM tieout_stage s {WITHOUT_LAST} WHERE (s.file, s.key) IN ({equal}) ORDER BY s.file, s.key, s.seq");
        let name = &self.table.columns[column].name;
        let mut changed: Vec<Texts> = Vec::new();
        let (mut of, mut count) = ((None, String::new()), 0u64);
        store.for_each(&["s.seq", "s.file", "s.key", "s.content"], &from, &[Some(&self.table.name)], |mut row| {
            let (seq, file, key, content) = (row[0].take(), row[1].take(), row[2].take().unwrap_or_default(), row[3].take());
            count = if of == (file.clone(), key.clone()) { count + 1 } else { 1 };
            if count > 1 {
                let mut parts: Vec<Option<String>> = serde_json::from_str(&key).unwrap_or_default();
                parts[place] = Some(count.to_string());
                let mut members: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(&content.unwrap_or_default()).unwrap_or_default();
                members.insert(name.to_string(), count.to_string().into());
                let new = serde_json::to_string(&parts).unwrap_or_default();
                let id = id.map(|_| row_id(run.job, &self.table.name, &new));
                changed.push(vec![seq, Some(new), Some(serde_json::Value::Object(members).to_string()), Some(count.to_string()), id]);
            }
            of = (file, key);
            Ok(())
        })?;
        if !changed.is_empty() {
            self.index(store)?;
        }
        let dialect = store.dialect();
        let set_id = id.map_or(String::new(), |at| format!(", v{at} = d.id"));
        for chunk in changed.chunks(500) {
            let binds: Vec<Option<&str>> = chunk.iter().flatten().map(Option::as_deref).collect();
            let tuple = |n: usize| {
                let marks: Vec<String> =
                    (0..5).map(|i| dialect.mark(5 * n + i + 1, if i == 0 { Bind::Number } else { Bind::Text })).collect();
                format!("({})", marks.join(", "))
            };
            let tuples: Vec<String> = (0..chunk.len()).map(tuple).collect();
            let sql = format!(
                "WITH d (seq, key, content, count, id) AS (VALUES {}) UPDATE tieout_stage SET key = d.key, content = d.content, \
                 v{staged} = d.count{set_id} FROM d WHERE tieout_stage.seq = d.seq",
                tuples.join(", ")
            );
            store.change(&sql, &binds)?;
        }
        Ok(())
    }

    /// Takes rows out of the stage.
    pub fn remove(&self, store: &mut Store, seqs: &[i64]) -> Result<()> {
        if !seqs.is_empty() {
            self.index(store)?;
        }
        for chunk in seqs.chunks(500) {
            let list: Vec<String> = chunk.iter().map(i64::to_string).collect();
            store.execute(&format!("DELETE FROM tieout_stage WHERE seq IN ({})", list.join(", ")))?;
        }
        Ok(())
    }

    /// The rows that leave a column empty which the table wants filled, with the columns' names.
    pub fn empty_but_required(&self, store: &mut Store) -> Result<Vec<(Staged, &'t str)>> {
        let mut found = Vec::new();
        let empty = |(at, (.., shape)): (usize, &(usize, &Column, ShapeColumn))| shape.required.then(|| format!("v{at} IS NULL"));
        let empty: Vec<String> = self.used.iter().enumerate().filter_map(empty).collect();
        if empty.is_empty() || store.select(&["1"], &format!("FROM tieout_stage WHERE {} LIMIT 1", empty.join(" OR ")), &[])?.is_empty() {
            return Ok(found);
        }
        for (at, (_, column, shape)) in self.used.iter().enumerate() {
            if shape.required {
                let from = format!("FROM tieout_stage s {WITHOUT_LAST} WHERE s.v{at} IS NULL ORDER BY s.seq");
                found.extend(self.rows(store, &from, false)?.into_iter().map(|row| (row, &*column.name)));
            }
        }
        Ok(found)
    }

    /// The rows that share what a unique key of the table allows only once, with that key's columns.
    pub fn colliding(&self, store: &mut Store) -> Result<Vec<(Staged, String)>> {
        let mut found = Vec::new();
        for key in &self.unique {
            let columns: Vec<String> = key.iter().map(|at| format!("v{at}")).collect();
            let columns = columns.join(", ");
            let from = format!(
                "FROM tieout_stage s {WITHOUT_LAST} WHERE ({columns}) IN \
                 (SELECT {columns} FROM tieout_stage GROUP BY {columns} HAVING count(*) > 1) ORDER BY s.seq"
            );
            let names = key.iter().map(|at| self.used[*at].1.name.to_string()).collect::<Vec<_>>().join(", ");
            found.extend(self.rows(store, &from, false)?.into_iter().map(|row| (row, names.clone())));
        }
        Ok(found)
    }

    /// The new rows that mean the same to people as a row that stands there: a name in other letters, a day with a time.
    /// Gives the target row's key as it stands.
    pub fn nearly_there(&self, store: &mut Store) -> Result<Vec<(Staged, String)>> {
        if self.fresh {
            return Ok(Vec::new());
        }
        let keys: Vec<(usize, &Column, &ShapeColumn)> = self.with(&[Role::Key]).collect();
        if !keys.iter().any(|(_, column, _)| matches!(column.kind, Kind::Name | Kind::Date)) {
            return Ok(Vec::new()); // Such keys are the same to the letter, or not at all.
        }
        for from in [format!("FROM {} LIMIT 1", self.target()), "FROM tieout_stage WHERE act = 'insert' LIMIT 1".to_owned()] {
            if store.select(&["1"], &from, &[])?.is_empty() {
                return Ok(Vec::new());
            }
        }
        let dialect = store.dialect();
        let near = keys.iter().map(|(at, column, shape)| {
            let (target, staged) = (format!("t.{}", quote(&column.name)), format!("s.v{at}"));
            match column.kind {
                Kind::Date => format!("substr(CAST({target} AS TEXT), 1, 10) = substr({staged}, 1, 10)"),
                Kind::Name => format!("lower(trim(CAST({target} AS TEXT))) = lower(trim({staged}))"),
                _ => format!("{target} = {}", dialect.cast(&staged, shape)),
            }
        });
        let near = near.collect::<Vec<_>>().join(" AND ");
        if !store.is_postgres() {
            let parts = keys.iter().map(|(at, column, _)| match column.kind {
                Kind::Date => format!("(substr(v{at}, 1, 10))"),
                Kind::Name => format!("(lower(trim(v{at})))"),
                _ => format!("v{at}"),
            });
            store.execute(&format!("CREATE INDEX tieout_stage_near ON tieout_stage ({})", parts.collect::<Vec<_>>().join(", ")))?;
        }
        // The target is gone through once, each of its rows looked up among the staged.
        let from =
            format!("FROM {} t CROSS JOIN tieout_stage s {WITHOUT_LAST} WHERE s.act = 'insert' AND {near} ORDER BY s.seq", self.target());
        let keys = keys.len();
        let rows = self.rows(store, &from, true)?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let shown = row.target.iter().take(keys).map(|t| t.clone().unwrap_or_default()).collect::<Vec<_>>().join(", ");
                (row, shown)
            })
            .collect())
    }

    /// The keys that the target table holds more than once.
    pub fn ambiguous(&self, store: &mut Store) -> Result<Vec<String>> {
        if self.fresh {
            return Ok(Vec::new());
        }
        let same_key = self.same_key(store.dialect());
        let from = format!("FROM tieout_stage s JOIN {} t ON {same_key} GROUP BY s.key HAVING count(*) > 1 ORDER BY s.key", self.target());
        Ok(store.select(&["s.key"], &from, &[])?.into_iter().filter_map(|mut row| row[0].take()).collect())
    }

    /// Marks the rows without a target row as new; gives those that we imported before, and that are gone.
    pub fn mark_new(&self, store: &mut Store) -> Result<Vec<Staged>> {
        if self.fresh {
            return Ok(Vec::new());
        }
        let same_key = self.same_key(store.dialect());
        store.execute(&format!(
            "UPDATE tieout_stage AS s SET act = 'insert' WHERE NOT EXISTS (SELECT 1 FROM {} t WHERE {same_key})",
            self.target()
        ))?;
        let from = format!(
            "FROM tieout_stage s JOIN tieout_change l ON l.id = {LAST} WHERE s.act = 'insert' AND l.operation <> 'delete' ORDER BY s.seq"
        );
        self.rows(store, &from, false)
    }

    /// The first new rows, and how many rows are marked with each act.
    pub fn outstanding(&self, store: &mut Store) -> Result<(Vec<Staged>, usize, usize)> {
        let from = format!("FROM tieout_stage s {WITHOUT_LAST} WHERE s.act = 'insert' ORDER BY s.seq LIMIT 1000");
        let new = self.rows(store, &from, false)?;
        let mut count = |act: &str| -> Result<usize> {
            let rows = store.select(&["count(*)"], &format!("FROM tieout_stage WHERE act = '{act}'"), &[])?;
            Ok(rows.first().and_then(|r| r[0].as_deref()?.parse().ok()).unwrap_or_default())
        };
        Ok((new, count("insert")?, count("update")?))
    }

    /// The rows whose target row has another value in some compared column.
    pub fn differing(&self, store: &mut Store) -> Result<Vec<Staged>> {
        let dialect = store.dialect();
        let differs: Vec<String> = self
            .with(&[Role::Data])
            .map(|(at, column, _)| dialect.distinct(&format!("t.{}", quote(&column.name)), &self.staged(dialect, at)))
            .collect();
        if self.fresh || differs.is_empty() {
            return Ok(Vec::new());
        }
        let from = format!(
            "FROM tieout_stage s JOIN {} t ON {} LEFT JOIN tieout_change l ON l.id = {LAST} WHERE {} ORDER BY s.seq",
            self.target(),
            self.same_key(dialect),
            differs.join(" OR ")
        );
        self.rows(store, &from, true)
    }
}
