//! Rows of blocks as rows of `tieout_change`: for good, before anything else is written to their table; or for one connection alone,
//! which only looks.

use super::bulk::Rows;
use super::lines::{Lines, PackedRow, Part};
use super::packed::{Block, Head, ROWS};
use super::shape::ShapeColumn;
use super::{Store, quote};
use crate::error::Result;
use crate::table::{Role, Table, row_id};
use std::collections::HashMap;

/// The columns of a row of the change log that its block gives.
const GIVEN: [&str; 12] =
    ["id", "run_id", "table_name", "row_key", "operation", "after", "file_id", "line", "column", "pointer", "derived", "left_digest"];

/// Own columns of the table that rows pass through.
const PASSING: [&str; 8] = ["id", "row_key", "content", "file", "line", "col", "pointer", "derived"];

impl Store {
    /// Unpacks the rows of a table for good, for a run that writes to it.
    pub(super) fn unpack(&mut self, table: &str, by: i64) -> Result<()> {
        let blocks = self.blocks(None, Some(table))?;
        self.unpack_into("tieout_change", &blocks, Part::Packed)?;
        let sql = "UPDATE tieout_packed SET unpacked_by = CAST($1 AS BIGINT) WHERE table_name = $2 AND unpacked_by IS NULL";
        self.change(sql, &[Some(&by.to_string()), Some(table)]).map(drop)
    }

    /// Takes some rows out of the blocks of a table, for a run that writes to it: each by its number, with its line. All blocks are of
    /// one load.
    pub(super) fn take_out(&mut self, of: &Lines, rows: &[(i64, String)], by: i64) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let passing = Passing::open(self, of)?;
        for some in rows.chunks(ROWS) {
            passing.take(self, "tieout_change", &of.block, some.iter().map(|(change, line)| of.block.row(line, *change, &of.head)))?;
        }
        self.execute("DROP TABLE tieout_passing")?;
        let (by, mut taken) = (by.to_string(), Rows::new(self, 2));
        for (change, _) in rows {
            taken.push(Some(&change.to_string()), false);
            taken.push(Some(&by), true);
        }
        self.put("tieout_taken", &["change_id", "taken_by"], &taken)
    }

    /// Unpacks the rows that a run left packed, of every table, for a run that undoes it.
    pub(super) fn unpack_run(&mut self, run: i64, by: i64) -> Result<()> {
        let tables = self.packed_counts(Some(run))?;
        tables.keys().try_for_each(|(_, table)| self.unpack(table, by))
    }

    /// Lets this connection see packed rows, of one table or of all, in `tieout_change`, as long as the transaction lasts.
    pub(super) fn show_packed(&mut self, table: Option<&str>) -> Result<()> {
        let blocks = self.blocks(None, table)?;
        if blocks.is_empty() {
            return Ok(());
        }
        if !self.shows_packed()? {
            self.make_unpacked()?;
            // PostgreSQL knows by now which table is meant; SQLite looks when the view is read.
            let log = if self.is_postgres() { "tieout_change" } else { "main.tieout_change" };
            let view = format!("CREATE TEMP VIEW tieout_change AS SELECT * FROM {log} UNION ALL SELECT * FROM tieout_unpacked");
            self.execute(&view)?;
        }
        self.unpack_into("tieout_unpacked", &blocks, Part::Packed)?;
        self.execute("ANALYZE tieout_unpacked")
    }

    /// Whether this connection sees packed rows in `tieout_change`.
    pub(super) fn shows_packed(&mut self) -> Result<bool> {
        let from = if self.is_postgres() {
            "WHERE to_regclass('pg_temp.tieout_unpacked') IS NOT NULL"
        } else {
            "FROM sqlite_temp_master WHERE name = 'tieout_unpacked'"
        };
        Ok(!self.select(&["1"], from, &[])?.is_empty())
    }

    /// What is wrong between blocks and `tieout_change`, in words; of rows at most so many.
    pub(super) fn unlike_packed(&mut self, most: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let within = "c.id >= p.first_change AND c.id < p.first_change + p.rows";
        let (taken, has_taken) = ("SELECT 1 FROM tieout_taken t WHERE t.change_id = c.id", self.has_table("tieout_taken")?);
        let not_taken = if has_taken { format!(" AND NOT EXISTS ({taken})") } else { String::new() };
        let twice = format!(
            "FROM tieout_change c JOIN tieout_packed p ON p.run_id = c.run_id AND p.table_name = c.table_name AND p.unpacked_by IS NULL AND {within}{not_taken} \
             GROUP BY p.id ORDER BY p.id"
        );
        for mut row in self.select(&["p.id", "count(*)"], &twice, &[])? {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            let (block, count) = (take(0), take(1));
            found.push(format!("{count} rows of tieout_change stand in the block {block} of tieout_packed, too"));
        }
        if has_taken {
            let within = "t.change_id >= p.first_change AND t.change_id < p.first_change + p.rows";
            let stray =
                format!("FROM tieout_taken t WHERE NOT EXISTS (SELECT 1 FROM tieout_packed p WHERE {within}) ORDER BY 1 LIMIT {most}");
            let stray = self.select(&["t.change_id"], &stray, &[])?.into_iter().flatten().flatten();
            found.extend(stray.map(|id| format!("the row {id} of tieout_taken is of no block of tieout_packed")));
        }
        found.extend(self.changed_in_block(most)?);
        let unlike = self.unlike_blocks(most)?;
        found.extend(unlike.iter().map(|id| format!("the row {id} of tieout_change is not as its block of tieout_packed has it")));
        Ok(found)
    }

    /// Rows that still stand in their block, and were changed all the same: what `tieout_change` says of a row begins with where it comes
    /// from. In words, at most so many.
    fn changed_in_block(&mut self, most: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (_, table) in self.packed_counts(None)?.into_keys() {
            let from = "FROM tieout_change c WHERE c.table_name = $1 AND c.undone_by IS NULL AND c.operation <> 'insert' AND NOT EXISTS \
                        (SELECT 1 FROM tieout_change e WHERE e.table_name = c.table_name AND e.row_key = c.row_key AND e.id < c.id AND e.undone_by IS NULL)";
            let mut without = HashMap::new();
            self.for_each(&["c.row_key", "c.id"], from, &[Some(&table)], |mut row| {
                without.extend(row[0].take().zip(row[1].take()));
                Ok(())
            })?;
            let blocks = if without.is_empty() { Vec::new() } else { self.blocks(None, Some(&table))? };
            self.packed_keys(&blocks, |key| {
                if let Some(change) = without.get(key).filter(|_| found.len() < most) {
                    found.push(format!("the row {key} of {table} stands in its block of tieout_packed, and was changed by the row {change} of tieout_change"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The rows of `tieout_change` that are not what the blocks say that they came from: their numbers, at most so many.
    fn unlike_blocks(&mut self, most: usize) -> Result<Vec<i64>> {
        let mut blocks = self.blocks_where("1 = 1", None, None)?;
        blocks.retain(|block| block.unpacked || block.taken > 0);
        if blocks.is_empty() {
            return Ok(Vec::new());
        }
        self.execute("SAVEPOINT tieout_unlike")?;
        let found = self.compare_unpacked(&blocks, most);
        self.execute("ROLLBACK TO SAVEPOINT tieout_unlike; RELEASE SAVEPOINT tieout_unlike")?;
        found
    }

    fn compare_unpacked(&mut self, blocks: &[Block], most: usize) -> Result<Vec<i64>> {
        self.make_unpacked()?;
        self.unpack_into("tieout_unpacked", blocks, Part::Out)?;
        let dialect = self.dialect();
        let columns = GIVEN.iter().skip(1).chain(&["before", "row_before"]);
        let differs: Vec<String> = columns.map(|c| dialect.distinct(&format!("c.{}", quote(c)), &format!("u.{}", quote(c)))).collect();
        let from = format!(
            "FROM tieout_unpacked u LEFT JOIN tieout_change c ON c.id = u.id WHERE c.id IS NULL OR {} ORDER BY u.id LIMIT {most}",
            differs.join(" OR ")
        );
        let rows = self.select(&["u.id"], &from, &[])?;
        Ok(rows.into_iter().flatten().flatten().filter_map(|id| id.parse().ok()).collect())
    }

    fn make_unpacked(&mut self) -> Result<()> {
        let like = if self.is_postgres() { "(LIKE tieout_change)" } else { "AS SELECT * FROM tieout_change LIMIT 0" };
        self.execute(&format!(
            "CREATE TEMP TABLE tieout_unpacked {like}; CREATE INDEX {} ON tieout_unpacked (table_name, row_key, id)",
            if self.is_postgres() { "tieout_unpacked_key" } else { "temp.tieout_unpacked_key" }
        ))
    }

    /// Writes the rows of a part of blocks into a table that is like `tieout_change`.
    fn unpack_into(&mut self, into: &str, blocks: &[Block], part: Part) -> Result<()> {
        let mut passing: Option<Passing> = None;
        for block in blocks {
            let lines = self.lines_of(block)?;
            if passing.as_ref().is_none_or(|open| open.head != lines.head || open.table.name != block.table) {
                if passing.is_some() {
                    self.execute("DROP TABLE tieout_passing")?;
                }
                passing = Some(Passing::open(self, &lines)?);
            }
            if let Some(passing) = &passing {
                passing.take(self, into, block, lines.rows(part))?;
            }
        }
        if passing.is_some() { self.execute("DROP TABLE tieout_passing") } else { Ok(()) }
    }
}

/// A temporary table in which values become what the database makes of them.
struct Passing {
    head: Head,
    table: Table,
    shapes: Vec<ShapeColumn>,
    /// The row's image.
    image: String,
}

impl Passing {
    fn open(store: &mut Store, lines: &Lines) -> Result<Passing> {
        let (head, block) = (lines.head.clone(), &lines.block);
        let shapes = head.columns.iter().map(|c| ShapeColumn {
            name: c.name.clone(),
            declared: c.declared.clone(),
            required: false,
            default: String::new(),
            generated: false,
        });
        let shapes: Vec<ShapeColumn> = shapes.collect();
        let own = PASSING.map(|name| format!("{name} {}", if matches!(name, "id" | "file" | "line" | "col") { "BIGINT" } else { "TEXT" }));
        let values: String = shapes.iter().enumerate().map(|(i, shape)| format!(", v{i} {}", shape.declared)).collect();
        store.execute(&format!("CREATE TEMP TABLE tieout_passing ({}{values})", own.join(", ")))?;
        let from = "FROM tieout_written WHERE run_id = CAST($1 AS BIGINT) AND table_name = $2";
        let kept = store.select(&["columns"], from, &[Some(&block.run.to_string()), Some(&block.table)])?.concat();
        let kept: Vec<String> = kept.into_iter().flatten().next().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let names: Vec<String> =
            kept.iter().filter_map(|name| head.columns.iter().position(|c| c.name == *name)).map(|at| format!("v{at}")).collect();
        let image = store.dialect().image("s", names.iter().map(String::as_str));
        let table = head.table(&block.table);
        Ok(Passing { head, table, shapes, image })
    }

    /// Takes rows of a block through.
    fn take<'r>(&self, store: &mut Store, into: &str, block: &Block, packed: impl Iterator<Item = Result<PackedRow<'r>>>) -> Result<()> {
        let dialect = store.dialect();
        let names: Vec<String> = (0..self.shapes.len()).map(|i| format!("v{i}")).collect();
        let columns: Vec<&str> = PASSING.into_iter().chain(names.iter().map(String::as_str)).collect();
        let mut rows = Rows::new(store, columns.len());
        for row in packed {
            let row = row?;
            let values = row.values(&self.head);
            let number = |n: Option<usize>| n.map(|n| n.to_string());
            rows.push(Some(&row.change.to_string()), false);
            rows.push(Some(row.key), false);
            rows.push(Some(&self.table.content_of(&values)), false);
            rows.push(row.file.map(|n| n.to_string()).as_deref(), false);
            rows.push(number(row.line).as_deref(), false);
            rows.push(number(row.column).as_deref(), false);
            rows.push(row.pointer.as_deref(), false);
            rows.push(row.derived.as_deref(), false);
            for (at, (value, shape)) in values.into_iter().zip(&self.shapes).enumerate() {
                let column = &self.table.columns[at];
                let text = match column.role {
                    Role::Id => Some(row_id(&self.head.job, &self.table.name, row.key)),
                    Role::CreatedAt | Role::UpdatedAt => Some(self.head.at.clone()),
                    _ => value.map(|text| dialect.stored(text, column.kind, shape)),
                };
                rows.push(text.as_deref(), at + 1 == self.shapes.len());
            }
        }
        store.put("tieout_passing", &columns, &rows)?;
        let given = GIVEN.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ");
        let system = if store.is_postgres() { " OVERRIDING SYSTEM VALUE" } else { "" };
        let sql = format!(
            "INSERT INTO {into} ({given}){system} SELECT s.id, CAST($1 AS BIGINT), $2, s.row_key, 'insert', s.content, s.file, s.line, s.col, \
             s.pointer, s.derived, {} FROM tieout_passing s ORDER BY s.id",
            dialect.digest(&self.image)
        );
        store.change(&sql, &[Some(&block.run.to_string()), Some(&block.table)])?;
        // PostgreSQL would go through rows that were deleted again and again.
        store.execute(if store.is_postgres() { "TRUNCATE tieout_passing" } else { "DELETE FROM tieout_passing" })
    }
}
