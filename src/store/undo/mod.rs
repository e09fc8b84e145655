//! The SQL of undoing a run's rows by the change log: per table a temporary one with what the run did to which row, and then one
//! statement for all rows. What is refused, and in which order tables come, is decided in `undo`.

mod created;
mod questions;

pub use created::Created;
pub use questions::Refused;

use super::dialect::Dialect;
use super::shape::{ShapeColumn, TableShape};
use super::{Store, Texts, quote};
use crate::error::{Result, Stop};
use crate::table::Kind;

/// What a run did to the rows of a table, and the table as it is now.
pub struct Undoing {
    /// The table's name.
    pub table: String,
    /// The temporary table's name.
    temporary: String,
    /// The columns that the images are of, in their order.
    columns: Vec<ShapeColumn>,
    /// Columns that came since.
    added: Vec<String>,
    /// The natural key: column, what it holds, its shape.
    keys: Vec<(Kind, ShapeColumn)>,
    /// Other unique keys, as positions in `columns`.
    unique: Vec<Vec<usize>>,
    /// How many rows were inserted, updated, deleted.
    pub inserted: usize,
    /// Updated.
    pub updated: usize,
    /// Deleted.
    pub deleted: usize,
    /// When it was done: the number of the table's first change, and of its first delete, in the order of the log.
    pub first: i64,
    /// The first delete.
    pub first_delete: i64,
}

/// What the log says of a run's doings in a table: name, operation, rows, the first change, changes with all that undoing needs.
const DONE: [&str; 5] = [
    "c.table_name",
    "c.operation",
    "count(*)",
    "min(c.id)",
    "sum(CASE WHEN (c.operation = 'delete' OR c.left_digest IS NOT NULL) AND (c.operation = 'insert' OR c.row_before IS NOT NULL) THEN 1 ELSE 0 END)",
];

impl Store {
    /// What the change log says a run did, by table. With `lock`, other writers are kept away from these tables from now on.
    pub fn changes_of(&mut self, run: i64, lock: bool) -> Result<Vec<Undoing>> {
        if lock {
            let by = self.next_run_id()?;
            self.unpack_run(run, by)?;
        } else {
            self.show_packed(None)?;
        }
        let bind = run.to_string();
        let from = "FROM tieout_change c WHERE c.run_id = CAST($1 AS BIGINT) AND c.operation <> 'adopt' AND c.undone_by IS NULL \
                    GROUP BY c.table_name, c.operation ORDER BY c.table_name, c.operation";
        let mut found: Vec<Undoing> = Vec::new();
        for mut row in self.select(&DONE, from, &[Some(&bind)])? {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            let (table, operation) = (take(0), take(1));
            let (count, first, complete): (usize, i64, usize) =
                (take(2).parse().unwrap_or_default(), take(3).parse().unwrap_or_default(), take(4).parse().unwrap_or_default());
            if complete < count {
                let message = format!("run {run} was made by an earlier version of tieout, which kept too little of its rows to undo it");
                return Err(Stop::database(message, "restore a backup of before it"));
            }
            if found.last().is_none_or(|u| u.table != table) {
                found.push(self.undoing(run, table, found.len())?);
            }
            let Some(of) = found.last_mut() else { continue };
            match operation.as_str() {
                "insert" => of.inserted = count,
                "update" => of.updated = count,
                _ => of.deleted = count,
            }
            let begin = if operation == "delete" { &mut of.first_delete } else { &mut of.first };
            *begin = (*begin).min(first);
        }
        for of in &found {
            of.open(self, run, lock)?;
        }
        Ok(found)
    }

    fn undoing(&mut self, run: i64, table: String, number: usize) -> Result<Undoing> {
        let changed = |what: &str| {
            let message = format!("run {run} cannot be undone by its change log: {what}");
            Stop::database(message, "undo what changed the table first, or restore a backup of before the run")
        };
        let shape: TableShape = self.table_shape(&table)?.ok_or_else(|| changed(&format!("the table {table} is no longer there")))?;
        let from = "FROM tieout_written WHERE run_id = CAST($1 AS BIGINT) AND table_name = $2";
        let rows = self.select(&["columns", "row_key"], from, &[Some(&run.to_string()), Some(&table)])?;
        let [columns, keys] = rows.into_iter().next().and_then(|row| row.try_into().ok()).unwrap_or_default();
        let columns: Vec<String> = serde_json::from_str(&columns.unwrap_or_default()).unwrap_or_default();
        let keys: Vec<(String, Kind)> = serde_json::from_str(&keys.unwrap_or_default()).unwrap_or_default();
        let column = |name: &String| {
            let found = shape.column(name).filter(|c| !c.generated).cloned();
            found.ok_or_else(|| changed(&format!("the table {table} has no column {name} any more")))
        };
        let kept = columns.iter().map(&column).collect::<Result<Vec<_>>>()?;
        let keys = keys.iter().map(|(name, kind)| Ok((*kind, column(name)?))).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            return Err(changed(&format!("the natural key of the table {table} was not recorded")));
        }
        let added = shape.kept().filter(|c| !columns.contains(&c.name)).map(|c| c.name.clone()).collect();
        let primary = self.primary_key(&table)?;
        let names = shape.unique_keys().map(|key| key.into_iter().map(str::to_owned).collect()).chain([primary]);
        let unique = names.filter_map(|key: Vec<String>| key.iter().map(|name| columns.iter().position(|c| c == name)).collect());
        let mut unique: Vec<Vec<usize>> = unique.filter(|key: &Vec<usize>| !key.is_empty()).collect();
        unique.sort();
        unique.dedup();
        let temporary = format!("tieout_undo_{number}");
        let never = i64::MAX;
        Ok(Undoing {
            table,
            temporary,
            columns: kept,
            added,
            keys,
            unique,
            inserted: 0,
            updated: 0,
            deleted: 0,
            first: never,
            first_delete: never,
        })
    }

    /// Notes that a run was undone, and all that it wrote with it.
    pub fn mark_undone(&mut self, run: i64, by: i64) -> Result<()> {
        let binds = [by.to_string(), run.to_string()];
        let binds = [Some(&*binds[0]), Some(&*binds[1])];
        self.change("UPDATE tieout_change SET undone_by = CAST($1 AS BIGINT) WHERE run_id = CAST($2 AS BIGINT)", &binds)?;
        self.change("UPDATE tieout_run SET undone_by = CAST($1 AS BIGINT) WHERE id = CAST($2 AS BIGINT)", &binds).map(drop)
    }
}

impl Undoing {
    /// Fills the temporary table: change, row, operation, digest, image, the natural key as the table's own values.
    fn open(&self, store: &mut Store, run: i64, lock: bool) -> Result<()> {
        let dialect = store.dialect();
        let temporary = &self.temporary;
        if lock && store.is_postgres() {
            store.execute(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", self.target()))?;
        }
        let bytes = if store.is_postgres() { "BYTEA" } else { "BLOB" };
        let typed: String = self.keys.iter().enumerate().map(|(i, (_, shape))| format!(", k{i} {}", dialect.alike(shape))).collect();
        let keys: String = (0..self.keys.len()).map(|i| format!(", {}", self.recorded_key(dialect, i))).collect();
        store.execute(&format!(
            "CREATE TEMP TABLE {temporary} (id BIGINT, row_key TEXT, op TEXT, left_digest {bytes}, row_before TEXT, later BIGINT{typed})"
        ))?;
        let sql = format!(
            "INSERT INTO {temporary} SELECT c.id, c.row_key, c.operation, c.left_digest, c.row_before, NULL{keys} FROM tieout_change c \
             WHERE c.run_id = CAST($1 AS BIGINT) AND c.table_name = $2 AND c.operation <> 'adopt' AND c.undone_by IS NULL"
        );
        store.change(&sql, &[Some(&run.to_string()), Some(&self.table)])?;
        let names: Vec<String> = (0..self.keys.len()).map(|i| format!("k{i}")).collect();
        store.execute(&format!("CREATE INDEX {temporary}_key ON {temporary} ({}); ANALYZE {temporary}", names.join(", ")))
    }

    /// A part of a recorded key as the value that the table holds for it.
    fn recorded_key(&self, dialect: Dialect, at: usize) -> String {
        let (kind, shape) = &self.keys[at];
        dialect.cast(&dialect.stored_sql(&dialect.member("c.row_key", at), *kind, shape), shape)
    }

    /// Takes the temporary table away.
    pub fn close(&self, store: &mut Store) -> Result<()> {
        store.execute(&format!("DROP TABLE {}", self.temporary))
    }

    /// Inserts again what the run deleted. All three of these give how many rows they touched.
    pub fn insert_again(&self, store: &mut Store) -> Result<usize> {
        let dialect = store.dialect();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (at, column) in self.columns.iter().enumerate() {
            names.push(quote(&column.name));
            values.push(dialect.value("u.row_before", at, column));
        }
        // What the database numbers by itself gets its old number all the same.
        let system = if store.is_postgres() { "OVERRIDING SYSTEM VALUE " } else { "" };
        let sql = format!(
            "INSERT INTO {} ({}) {system}SELECT {} FROM {} u WHERE u.op = 'delete' ORDER BY u.id DESC",
            self.target(),
            names.join(", "),
            values.join(", "),
            self.temporary
        );
        store.change(&sql, &[])
    }

    /// Gives updated rows back what they held before.
    pub fn give_back(&self, store: &mut Store) -> Result<usize> {
        let dialect = store.dialect();
        let fixed = self.numbered_always(store)?;
        let columns = self.columns.iter().enumerate().filter(|(_, c)| !fixed.contains(&Some(c.name.clone())));
        let sets: Vec<String> = columns.map(|(at, c)| format!("{} = {}", quote(&c.name), dialect.value("u.row_before", at, c))).collect();
        let sql = format!(
            "UPDATE {} AS t SET {} FROM {} u WHERE u.op = 'update' AND {}",
            self.target(),
            sets.join(", "),
            self.temporary,
            self.same("t", "u", dialect)
        );
        store.change(&sql, &[])
    }

    /// Deletes what the run inserted.
    pub fn delete(&self, store: &mut Store) -> Result<usize> {
        let sql = format!(
            "DELETE FROM {} AS t WHERE EXISTS (SELECT 1 FROM {} u WHERE u.op = 'insert' AND {})",
            self.target(),
            self.temporary,
            self.same("t", "u", store.dialect())
        );
        store.change(&sql, &[])
    }

    /// The columns that nobody may update, as the database alone numbers them.
    fn numbered_always(&self, store: &mut Store) -> Result<Texts> {
        if !store.is_postgres() {
            return Ok(Vec::new());
        }
        let from = "FROM pg_attribute WHERE attrelid = to_regclass($1) AND attidentity = 'a'";
        Ok(store.select(&["attname"], from, &[Some(&self.target())])?.concat())
    }

    /// The image of the row `alias`, of the columns that there were.
    fn image(&self, alias: &str, dialect: Dialect) -> String {
        dialect.image(alias, self.columns.iter().map(|c| c.name.as_str()))
    }

    /// The row `t` of the table is the one that `u` is about.
    fn same(&self, t: &str, u: &str, dialect: Dialect) -> String {
        let parts = self.keys.iter().enumerate().map(|(i, (_, shape))| {
            let (target, recorded) = (format!("{t}.{}", quote(&shape.name)), format!("{u}.k{i}"));
            if shape.required { format!("{target} = {recorded}") } else { dialect.equal(&target, &recorded) }
        });
        parts.collect::<Vec<_>>().join(" AND ")
    }

    fn target(&self) -> String {
        quote(&self.table)
    }
}
