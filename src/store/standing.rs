//! The rows that imports wrote and that stand: what the change log says of each, beside what the table holds now. What a
//! difference means is `audit`'s business.

use super::shape::ShapeColumn;
use super::{Store, Texts, quote};
use crate::error::Result;
use crate::table::Kind;

/// The changes of a run that are the last word on their rows of a table.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The table.
    pub table: String,
    /// The run.
    pub run: i64,
    /// Its job.
    pub job: String,
    /// How many rows.
    pub rows: usize,
    /// Key columns, and what they hold.
    keys: Vec<(String, Kind)>,
    /// All columns that the digest of a row is of.
    kept: Vec<String>,
    /// Columns that were compared; none known where an earlier version recorded it.
    kinds: Vec<(String, Kind)>,
}

/// Why rows cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// The version that recorded them kept too little.
    Unknown,
    /// The table is not what it was: how.
    Changed(String),
}

/// A row that stands.
#[derive(Debug, Clone)]
pub struct StandingRow {
    /// The number of the change.
    pub change: i64,
    /// Its natural key, as recorded.
    pub key: String,
    /// What we imported, as recorded.
    pub after: String,
    /// The file it came from.
    pub path: Option<String>,
    /// The line.
    pub line: Option<usize>,
    /// Whether the whole row is as the run left it; `None` where that was not recorded.
    pub as_left: Option<bool>,
    /// What the table holds; `None` where there is no such row.
    pub held: Option<Vec<Held>>,
}

/// A value that the table holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// The column.
    pub column: String,
    /// What it holds, where that was recorded.
    pub kind: Option<Kind>,
    /// The value's text.
    pub text: Option<String>,
}

/// That the change `c` is the last word on its row.
const LAST: &str = "c.operation <> 'delete' AND c.undone_by IS NULL AND NOT EXISTS (SELECT 1 FROM tieout_change o WHERE \
                    o.table_name = c.table_name AND o.row_key = c.row_key AND o.id > c.id AND o.undone_by IS NULL)";

impl Store {
    /// That the next queries of the transaction join whole tables. Where PostgreSQL does not know yet how many rows there are, it would
    /// go through one table for each row of another.
    pub(super) fn join_whole_tables(&mut self, whole: bool) -> Result<()> {
        let nested = if whole { "off" } else { "DEFAULT" };
        if self.is_postgres() { self.execute(&format!("SET LOCAL enable_nestloop TO {nested}")) } else { Ok(()) }
    }

    /// The tables with rows that stand, by the runs that wrote them.
    pub fn standing(&mut self) -> Result<Vec<Standing>> {
        self.show_packed(None)?;
        let from = format!(
            "FROM (SELECT c.table_name, c.run_id, count(*) AS rows FROM tieout_change c WHERE {LAST} GROUP BY c.table_name, c.run_id) s \
             LEFT JOIN tieout_run r ON r.id = s.run_id LEFT JOIN tieout_written w ON w.run_id = s.run_id AND w.table_name = s.table_name \
             ORDER BY s.table_name, s.run_id"
        );
        let columns = ["s.table_name", "s.run_id", "r.job", "s.rows", "w.row_key", "w.columns", "w.kinds"];
        let mut found = Vec::new();
        for mut row in self.select(&columns, &from, &[])? {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            found.push(Standing {
                table: take(0),
                run: take(1).parse().unwrap_or_default(),
                job: take(2),
                rows: take(3).parse().unwrap_or_default(),
                keys: serde_json::from_str(&take(4)).unwrap_or_default(),
                kept: serde_json::from_str(&take(5)).unwrap_or_default(),
                kinds: serde_json::from_str(&take(6)).unwrap_or_default(),
            });
        }
        Ok(found)
    }
}

impl Standing {
    /// Gives every row to `each`; or why that is impossible.
    pub fn read(&self, store: &mut Store, mut each: impl FnMut(StandingRow) -> Result<()>) -> Result<Option<WhyNot>> {
        if self.keys.is_empty() {
            return Ok(Some(WhyNot::Unknown));
        }
        let Some(shape) = store.table_shape(&self.table)? else {
            return Ok(Some(WhyNot::Changed(format!("the table {} is no longer there", self.table))));
        };
        let keys: Vec<(Kind, &ShapeColumn)> = self.keys.iter().filter_map(|(name, kind)| Some((*kind, shape.column(name)?))).collect();
        if keys.len() != self.keys.len() {
            return Ok(Some(WhyNot::Changed(format!("the table {} lacks a column of its natural key", self.table))));
        }
        let dialect = store.dialect();
        let key_texts: Vec<String> = keys.iter().map(|(_, column)| format!("t.{}", quote(&column.name))).collect();
        let shown: Vec<(String, Option<Kind>)> = match self.kinds.as_slice() {
            [] => self.kept.iter().map(|name| (name.clone(), None)).collect(),
            known => known.iter().map(|(name, kind)| (name.clone(), Some(*kind))).collect(),
        };
        let shown: Vec<_> = shown.into_iter().filter(|(name, _)| shape.column(name).is_some()).collect();
        let whole = self.kept.iter().all(|name| shape.column(name).is_some());
        let image = dialect.digest(&dialect.image("t", self.kept.iter().map(String::as_str)));
        let as_left = if whole {
            format!("CASE WHEN c.left_digest = {image} THEN 1 WHEN c.left_digest IS NOT NULL THEN 0 END")
        } else {
            "NULL".to_owned()
        };
        let there: Vec<String> = key_texts.iter().map(|text| format!("{text} IS NOT NULL")).collect();
        let there = format!("CASE WHEN {} OR c.row_key NOT LIKE '%\"%' THEN 1 END", there.join(" OR "));
        let mut expressions =
            vec!["c.id".to_owned(), "c.row_key".into(), "c.after".into(), "f.path".into(), "c.line".into(), as_left, there];
        let own = expressions.len();
        expressions.extend(shown.iter().map(|(name, _)| format!("t.{}", quote(name))));
        let same = keys.iter().zip(&key_texts).enumerate().map(|(at, ((kind, column), text))| {
            let recorded = dialect.cast(&dialect.stored_sql(&dialect.member("c.row_key", at), *kind, column), column);
            if column.required { format!("{text} = {recorded}") } else { dialect.equal(text, &recorded) }
        });
        let from = format!(
            "FROM tieout_change c LEFT JOIN tieout_file f ON f.id = c.file_id LEFT JOIN {} t ON {} \
             WHERE c.run_id = CAST($1 AS BIGINT) AND c.table_name = $2 AND {LAST} ORDER BY c.id",
            quote(&self.table),
            same.collect::<Vec<_>>().join(" AND ")
        );
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        store.join_whole_tables(true)?;
        store.for_each(&expressions, &from, &[Some(&self.run.to_string()), Some(&self.table)], |mut row: Texts| {
            let texts = row.split_off(own);
            let mut take = |i: usize| row[i].take();
            let held = shown.iter().zip(texts).map(|((name, kind), text)| Held { column: name.clone(), kind: *kind, text }).collect();
            each(StandingRow {
                change: take(0).and_then(|t| t.parse().ok()).unwrap_or_default(),
                key: take(1).unwrap_or_default(),
                after: take(2).unwrap_or_default(),
                path: take(3),
                line: take(4).and_then(|t| t.parse().ok()),
                as_left: take(5).map(|t| t == "1"),
                held: take(6).map(|_| held),
            })
        })?;
        store.join_whole_tables(false)?;
        Ok(None)
    }
}
