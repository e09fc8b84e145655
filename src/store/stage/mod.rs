//! Staging: the rows of a table in a temporary table beside it, so that everything after is one statement for all rows.
//! What a difference means is not decided here; see `load`.

mod answers;
mod difference;
mod questions;
mod shifted;
mod straight;
mod unique;

pub use answers::{Act, Decision};
pub use difference::{Alike, Difference};
pub use questions::Staged;
pub use straight::Straight;
pub use unique::Wanted;

use super::bulk::Rows;
use super::packed::Block;
use super::{Store, Texts, pages, quote};
use crate::error::{Result, Stop};
use crate::store::shape::{ShapeColumn, TableShape};
use crate::table::{Column, Role, Row, Table, row_id};
use std::cell::Cell;

/// What is the same for all rows of a load.
pub struct Run<'a> {
    /// The run's number.
    pub id: i64,
    /// The job's name.
    pub job: &'a str,
    /// The run's time, canonical: when rows are said to be created and updated.
    pub at: &'a str,
    /// Ids in `tieout_file`, by the file's index.
    pub files: &'a [i64],
    /// Whether the rows are all that the job's files state, so that others have no source any more.
    pub whole: bool,
    /// Whether rows are only compared, and nothing is written.
    pub dry: bool,
    /// Whether rows that no file states any more are taken away.
    pub take_away: bool,
}

/// Staged rows of one table.
pub struct Stage<'t> {
    table: &'t Table,
    /// Index, column and shape of every column that is written.
    used: Vec<(usize, &'t Column, ShapeColumn)>,
    /// All columns that the table keeps, for images of its rows.
    kept: Vec<String>,
    /// Unique keys of the table that are not the natural key, as positions in `used`.
    unique: Vec<Vec<usize>>,
    /// Whether the table is empty and no import of ours wrote to it: then every row is new, and nothing is to be compared.
    fresh: bool,
    /// Whether the stage's rows can be found by their number.
    indexed: Cell<bool>,
    /// The blocks of the change log in which rows of the table stand.
    blocks: Vec<Block>,
}

/// The stage's own columns before those of the table; whether they are numbers.
const OWN: [(&str, bool); 8] = [
    ("seq", true),
    ("key", false),
    ("content", false),
    ("file", true),
    ("line", true),
    ("col", true),
    ("pointer", false),
    ("derived", false),
];

/// How many bytes of rows are written at once.
const CHUNK: usize = 1 << 20;

impl<'t> Stage<'t> {
    /// Opens a stage for a table; unless nothing is to be written, rows in blocks are still to be unpacked or taken out then.
    /// `how` says what to do when the table or a column is missing. Unless nothing is to be written,
    /// other writers are kept away from the table.
    pub fn open(store: &mut Store, table: &'t Table, how: &str, run: &Run<'_>) -> Result<Stage<'t>> {
        let name = &table.name;
        let shape = store.table_shape(name)?;
        let shape: TableShape = shape.ok_or_else(|| Stop::database(format!("the database has no table {name}"), how))?;
        let mut used = Vec::new();
        for (i, column) in table.columns.iter().enumerate() {
            let numeric_id = |c: &ShapeColumn| column.role == Role::Id && c.declared.to_uppercase().contains("INT");
            match shape.column(&column.name) {
                Some(found) if !found.generated && !numeric_id(found) => used.push((i, column, found.clone())),
                _ if matches!(column.role, Role::Key | Role::Data | Role::InsertOnly) => {
                    return Err(Stop::database(format!("the table {name} has no column {} to write to", column.name), how));
                }
                _ => {}
            }
        }
        if !run.dry && store.is_postgres() {
            // Between comparing and writing nobody else may write; reading goes on. SQLite's transaction does the same.
            store.execute(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quote(name)))?;
        }
        let kept = shape.kept().map(|c| c.name.clone()).collect();
        let at = |name: &str| used.iter().position(|(_, c, _)| c.name == name);
        let unique = shape.unique_keys().filter_map(|columns| columns.into_iter().map(at).collect::<Option<Vec<usize>>>());
        let natural =
            |key: &Vec<usize>| key.iter().all(|at| used[*at].1.role == Role::Key) || key.iter().any(|at| used[*at].1.role == Role::Id);
        let unique: Vec<Vec<usize>> = unique.filter(|key| !natural(key)).collect();
        let blocks = store.blocks(None, Some(name))?;
        if run.dry {
            store.show_packed(Some(name))?;
        }
        let known = "FROM tieout_change WHERE table_name = $1 AND undone_by IS NULL LIMIT 1";
        let fresh = blocks.is_empty()
            && store.select(&["1"], &format!("FROM {} LIMIT 1", quote(name)), &[])?.is_empty()
            && store.select(&["1"], known, &[Some(name)])?.is_empty();
        Ok(Stage { table, used, kept, unique, fresh, indexed: Cell::new(false), blocks })
    }

    /// Writes rows into the stage; gives how many.
    pub fn write(&self, store: &mut Store, rows: impl Iterator<Item = Result<Row>>, run: &Run<'_>) -> Result<usize> {
        if !self.is_packed() {
            store.keep_pages(pages::WRITING)?;
        }
        let own = OWN.map(|(name, number)| format!("{name} {}", if number { "BIGINT" } else { "TEXT" })).join(", ");
        let values: String = (0..self.used.len()).map(|i| format!(", v{i} TEXT")).collect();
        store.execute(&format!("CREATE TEMP TABLE tieout_stage ({own}{values}, act TEXT, before TEXT, row_before TEXT)"))?;
        let dialect = store.dialect();
        let names: Vec<String> = (0..self.used.len()).map(|i| format!("v{i}")).collect();
        let columns: Vec<&str> = OWN.iter().map(|own| own.0).chain(names.iter().map(String::as_str)).chain(["act"]).collect();
        let act = self.fresh.then_some("insert");
        let (mut count, mut waiting) = (0, Rows::new(store, columns.len()));
        for row in rows {
            count += 1;
            for value in self.line(dialect, count, row?, run) {
                waiting.push(value.as_deref(), false);
            }
            waiting.push(act, true);
            if waiting.bytes() >= CHUNK {
                store.put("tieout_stage", &columns, &waiting)?;
                waiting = waiting.another();
            }
        }
        store.put("tieout_stage", &columns, &waiting)?;
        if !self.fresh {
            store.execute("CREATE INDEX tieout_stage_key ON tieout_stage (key)")?;
            self.index(store)?;
        }
        store.execute("ANALYZE tieout_stage")?;
        Ok(count)
    }

    /// What asks for the rows in the order of reading. In SQLite they lie in it: to sort them would cost more than to write them.
    fn in_order(&self, dialect: super::dialect::Dialect) -> &'static str {
        if self.fresh && dialect == super::dialect::Dialect::Sqlite { " ORDER BY s.rowid" } else { " ORDER BY s.seq" }
    }

    /// Sees to it that rows are found by their number.
    fn index(&self, store: &mut Store) -> Result<()> {
        if !self.indexed.replace(true) {
            store.execute("CREATE INDEX tieout_stage_seq ON tieout_stage (seq)")?;
        }
        Ok(())
    }

    /// A row as the stage holds it.
    fn line(&self, dialect: super::dialect::Dialect, seq: usize, row: Row, run: &Run<'_>) -> Texts {
        let key = self.table.key_of(&row.values);
        let content = self.table.content_of(&row.values);
        let Row { mut values, origin } = row;
        let place = origin.file.map(|_| &origin.span);
        let mut line = vec![
            Some(seq.to_string()),
            None,
            Some(content),
            origin.file.and_then(|i| run.files.get(i)).map(i64::to_string),
            place.map(|p| p.line.to_string()),
            place.map(|p| p.column.to_string()),
            origin.span.pointer.clone(),
            origin.derived.map(str::to_owned),
        ];
        for (i, column, shape) in &self.used {
            line.push(match column.role {
                Role::Id => Some(row_id(run.job, &self.table.name, &key)),
                Role::CreatedAt | Role::UpdatedAt => Some(run.at.to_owned()),
                _ => values[*i].take().map(|text| dialect.stored(text, column.kind, shape)),
            });
        }
        line[1] = Some(key);
        line
    }

    /// The staged column of a table column.
    fn staged(&self, dialect: super::dialect::Dialect, at: usize) -> String {
        self.staged_as(dialect, "s", at)
    }

    fn staged_as(&self, dialect: super::dialect::Dialect, alias: &str, at: usize) -> String {
        dialect.cast(&format!("{alias}.v{at}"), &self.used[at].2)
    }

    fn with<'s>(&'s self, roles: &'s [Role]) -> impl Iterator<Item = (usize, &'s Column, &'s ShapeColumn)> + 's {
        self.used.iter().enumerate().filter(|(_, (_, c, _))| roles.contains(&c.role)).map(|(at, (_, c, shape))| (at, *c, shape))
    }

    /// `t` is the target row of `s`.
    fn same_key(&self, dialect: super::dialect::Dialect) -> String {
        self.same_key_as(dialect, "s")
    }

    /// `t` is the target row of the staged row with that alias.
    fn same_key_as(&self, dialect: super::dialect::Dialect, alias: &str) -> String {
        let parts = self.with(&[Role::Key]).map(|(at, column, shape)| {
            let (target, staged) = (format!("t.{}", quote(&column.name)), self.staged_as(dialect, alias, at));
            if shape.required { format!("{target} = {staged}") } else { format!("NOT ({})", dialect.distinct(&target, &staged)) }
        });
        parts.collect::<Vec<_>>().join(" AND ")
    }

    pub(in crate::store) fn table(&self) -> &'t Table {
        self.table
    }

    /// The image of the target row `t`.
    fn image(&self, dialect: super::dialect::Dialect) -> String {
        dialect.image("t", self.kept.iter().map(String::as_str))
    }

    fn target(&self) -> String {
        quote(&self.table.name)
    }
}
