//! What is done with staged rows: decisions noted, rows written and logged, everything read back.

use super::Stage;
use super::questions::LAST;
use crate::error::Result;
use crate::store::dialect::Bind;
use crate::store::{Store, pages, quote};
use crate::table::{Column, Kind, Role};

/// What is to happen with a staged row whose target row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The file holds: write it over the target row.
    Update,
    /// Equal after all (`24530.0` and `24530`).
    Same,
    /// Not to be touched.
    Conflict,
}

/// A decision about a staged row.
pub struct Decision {
    /// The row.
    pub seq: i64,
    /// What to do.
    pub act: Act,
    /// The target row's content before, as recorded.
    pub before: Option<String>,
}

impl Stage<'_> {
    /// Notes what is to happen with rows.
    pub fn decide(&self, store: &mut Store, decisions: &[Decision]) -> Result<()> {
        let dialect = store.dialect();
        if !decisions.is_empty() {
            self.index(store)?;
        }
        for chunk in decisions.chunks(500) {
            let mut binds = Vec::new();
            let tuples: Vec<String> = chunk
                .iter()
                .map(|d| {
                    binds.push(d.before.as_deref());
                    let act = match d.act {
                        Act::Update => "update",
                        Act::Same => "same",
                        Act::Conflict => "conflict",
                    };
                    format!("({}, '{act}', {})", d.seq, dialect.mark(binds.len(), Bind::Text))
                })
                .collect();
            let sql = format!(
                "WITH d (seq, act, before) AS (VALUES {}) UPDATE tieout_stage SET act = d.act, before = d.before FROM d WHERE tieout_stage.seq = d.seq",
                tuples.join(", ")
            );
            store.change(&sql, &binds)?;
        }
        Ok(())
    }

    /// Puts what the database holds into columns of a staged row, where that side holds.
    pub fn keep(&self, store: &mut Store, seq: i64, columns: &[(&str, Option<&str>)]) -> Result<()> {
        self.index(store)?;
        let dialect = store.dialect();
        for (name, text) in columns {
            let Some(at) = self.used.iter().position(|(_, c, _)| c.name == *name) else { continue };
            let (_, column, shape) = &self.used[at];
            let stored = text.map(|t| dialect.stored(t.to_owned(), column.kind, shape));
            store.change(&format!("UPDATE tieout_stage SET v{at} = $1 WHERE seq = {seq}"), &[stored.as_deref()])?;
        }
        Ok(())
    }

    /// Inserts the new rows and updates the decided ones; gives how many of each.
    pub fn apply(&self, store: &mut Store) -> Result<(usize, usize)> {
        // A new row may take what a changed one gives up; but a changed row may refer to a new one of the same table.
        let refers = self.has_unique() && store.references()?.iter().any(|r| r.from == self.table.name && r.to == self.table.name);
        if self.has_unique() && !refers {
            let updated = self.update(store)?;
            // Those that are left keep what a new row may want: they stop the run anyway.
            let waiting = !store.select(&["1"], "FROM tieout_stage WHERE act = 'update' LIMIT 1", &[])?.is_empty();
            return Ok((if waiting { 0 } else { self.insert(store)? }, updated));
        }
        Ok((self.insert(store)?, self.update(store)?))
    }

    fn insert(&self, store: &mut Store) -> Result<usize> {
        let dialect = store.dialect();
        let names: Vec<String> = self.used.iter().map(|(_, c, _)| quote(&c.name)).collect();
        let values: Vec<String> = (0..self.used.len()).map(|at| self.staged(dialect, at)).collect();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT {} FROM tieout_stage s WHERE s.act = 'insert'{}",
            self.target(),
            names.join(", "),
            values.join(", "),
            self.in_order(dialect)
        );
        store.change(&sql, &[])
    }

    fn update(&self, store: &mut Store) -> Result<usize> {
        let dialect = store.dialect();
        let sets: Vec<String> = self
            .with(&[Role::Data, Role::UpdatedAt])
            .map(|(at, c, _)| format!("{} = {}", quote(&c.name), self.staged(dialect, at)))
            .collect();
        if sets.is_empty() {
            return Ok(0);
        }
        store.execute(&format!(
            "UPDATE tieout_stage AS s SET row_before = {} FROM {} t WHERE s.act = 'update' AND {}",
            self.image(dialect),
            self.target(),
            self.same_key(dialect)
        ))?;
        let update = |act: &str| {
            let same = self.same_key(dialect);
            format!("UPDATE {} AS t SET {} FROM tieout_stage s WHERE s.act = '{act}' AND {same}", self.target(), sets.join(", "))
        };
        if self.has_unique() { self.update_in_rounds(store, &update("next")) } else { store.change(&update("update"), &[]) }
    }

    /// Records what was written, and what already stood there as the files say, in the change log.
    pub fn log(&self, store: &mut Store, run: i64) -> Result<()> {
        let dialect = store.dialect();
        let into =
            "INSERT INTO tieout_change (run_id, table_name, row_key, operation, before, after, file_id, line, \"column\", pointer, derived";
        let values = |operation: &str| {
            format!("SELECT {run}, $1, s.key, {operation}, s.before, s.content, s.file, s.line, s.col, s.pointer, s.derived")
        };
        let name = [Some(&*self.table.name)];
        let written = format!(
            "{into}, row_before, left_digest) {}, s.row_before, {} FROM tieout_stage s JOIN {} t ON {} \
             WHERE s.act IN ('insert', 'update', 'updated'){}",
            values("CASE s.act WHEN 'updated' THEN 'update' ELSE s.act END"),
            dialect.digest(&self.image(dialect)),
            self.target(),
            self.same_key(dialect),
            self.in_order(dialect)
        );
        store.change(&written, &name)?;
        if self.fresh {
            return self.describe(store, run);
        }
        let distinct = dialect.distinct("l.after", "s.content");
        let adopt = format!(
            "{into}) {} FROM tieout_stage s LEFT JOIN tieout_change l ON l.id = {LAST} WHERE coalesce(s.act, 'same') = 'same' AND {distinct} ORDER BY s.seq",
            values("'adopt'")
        );
        store.change(&adopt, &name)?;
        self.describe(store, run)
    }

    /// Records what the table's rows consist of, so that their images can be read later.
    pub(super) fn describe(&self, store: &mut Store, run: i64) -> Result<()> {
        let keys: Vec<(&str, Kind)> = self.with(&[Role::Key]).map(|(_, c, _)| (&*c.name, c.kind)).collect();
        let compared = self.with(&[Role::Key, Role::Data]);
        let kinds: Vec<(&str, Kind)> = compared.map(|(_, c, _)| (&*c.name, c.kind)).collect();
        let [columns, keys, kinds] = [serde_json::to_string(&self.kept), serde_json::to_string(&keys), serde_json::to_string(&kinds)]
            .map(std::result::Result::unwrap_or_default);
        let sql = "INSERT INTO tieout_written (run_id, table_name, columns, row_key, kinds) VALUES (CAST($1 AS BIGINT), $2, $3, $4, $5) \
                   ON CONFLICT DO NOTHING";
        store.change(sql, &[Some(&run.to_string()), Some(&self.table.name), Some(&columns), Some(&keys), Some(&kinds)]).map(drop)
    }

    /// Reads every staged row's target row back, row by row: `each` gets its number, and column by column
    /// (column, what was staged, what stands there).
    pub fn read_back(
        &self,
        store: &mut Store,
        mut each: impl FnMut(i64, &[(&Column, Option<String>, Option<String>)]) -> Result<()>,
    ) -> Result<()> {
        let dialect = store.dialect();
        let columns: Vec<(usize, &Column)> = self.with(&[Role::Key, Role::Data, Role::InsertOnly]).map(|(at, c, _)| (at, c)).collect();
        let mut expressions = vec!["s.seq".to_owned(), "s.act".to_owned()];
        for (at, column) in &columns {
            expressions.extend([format!("s.v{at}"), format!("t.{}", quote(&column.name))]);
        }
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let from =
            format!("FROM tieout_stage s JOIN {} t ON {} WHERE coalesce(s.act, '') <> 'conflict'", self.target(), self.same_key(dialect));
        store.for_each(&expressions, &from, &[], |row| {
            let mut row = row.into_iter();
            let seq = row.next().flatten().and_then(|n| n.parse().ok()).unwrap_or_default();
            let inserted = row.next().flatten().as_deref() == Some("insert");
            let mut pairs = Vec::with_capacity(columns.len());
            for (_, column) in &columns {
                let (staged, target) = (row.next().flatten(), row.next().flatten());
                if inserted || column.role != Role::InsertOnly {
                    pairs.push((*column, staged, target));
                }
            }
            each(seq, &pairs)
        })
    }

    /// Takes the stage away.
    pub fn close(self, store: &mut Store) -> Result<()> {
        store.execute("DROP TABLE tieout_stage")?;
        store.keep_pages(pages::READING)
    }
}
