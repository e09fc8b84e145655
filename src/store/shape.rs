//! The shape of tables as the database has them: columns, keys, indexes. Read here, compared in `migrate`.

use super::Store;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// A column as declared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ShapeColumn {
    /// Name.
    pub name: String,
    /// Type, as the database spells it.
    pub declared: String,
    /// NOT NULL.
    pub required: bool,
    /// Default or generating expression; empty without.
    pub default: String,
    /// Computed by the database, not written.
    pub generated: bool,
}

/// A table's shape. Indexes and foreign keys are described without their names, which other tools choose otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct TableShape {
    /// Columns, in order.
    pub columns: Vec<ShapeColumn>,
    /// Indexes and unique keys: `unique (key, period)`.
    pub indexes: BTreeSet<String>,
    /// Foreign keys: `(tenantId) -> Tenant (id) …`.
    pub foreign_keys: BTreeSet<String>,
}

impl TableShape {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ShapeColumn> {
        self.columns.iter().find(|c| c.name == name)
    }
}

impl TableShape {
    /// The columns of each unique key, where they are plain columns.
    pub fn unique_keys(&self) -> impl Iterator<Item = Vec<&str>> {
        let plain = self.indexes.iter().filter_map(|i| i.strip_prefix("unique (")?.strip_suffix(')'));
        plain.map(|columns| columns.split(", ").map(|c| c.trim_end_matches(" desc").trim_matches('"')).collect())
    }
}

/// Every table of the user (not ours) by name.
pub type Shape = BTreeMap<String, TableShape>;

impl Store {
    /// Whether a table of that name can be seen.
    pub fn has_table(&mut self, table: &str) -> Result<bool> {
        let from = if self.is_postgres() {
            "FROM pg_class WHERE relname = $1 AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)"
        } else {
            "FROM sqlite_master WHERE type = 'table' AND name = $1"
        };
        Ok(!self.select(&["1"], from, &[Some(table)])?.is_empty())
    }

    /// The shape of one table; `None` when there is none.
    pub fn table_shape(&mut self, table: &str) -> Result<Option<TableShape>> {
        if !self.has_table(table)? {
            return Ok(None);
        }
        Ok(self.shapes(Some(table))?.remove(table))
    }

    /// The shapes of all tables that are not ours.
    pub fn shape(&mut self) -> Result<Shape> {
        self.shapes(None)
    }

    /// The shapes of one table, or of all but ours: a query for each kind of thing, however many tables there are.
    fn shapes(&mut self, only: Option<&str>) -> Result<Shape> {
        let mut shape = Shape::new();
        let (columns, from) = if self.is_postgres() { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
        self.for_each(&columns, &from.replace("$THESE", self.these(only)), &[only], |row| {
            let [table, name, declared, required, default, generated] = texts(row);
            let found: &mut TableShape = shape.entry(table).or_default();
            // A table without columns has one row here, of nothing.
            if !name.is_empty() {
                let (required, generated) = (required == "true", generated == "true");
                found.columns.push(ShapeColumn { name, declared, required, default, generated });
            }
            Ok(())
        })?;
        for index in self.indexes_of(only)? {
            shape.entry(index.table).or_default().indexes.insert(index.words);
        }
        for (table, key) in self.foreign_keys_of(only)? {
            shape.entry(table).or_default().foreign_keys.insert(key);
        }
        Ok(shape)
    }

    /// The condition that `t` is the table asked for, or any but ours.
    fn these(&self, only: Option<&str>) -> &'static str {
        match (self.is_postgres(), only) {
            (true, Some(_)) => "t.relname = $1 AND t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid)",
            (true, None) => {
                "$1 IS NULL AND t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid) AND t.relpersistence <> 't' \
                 AND t.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema')) \
                 AND t.relname NOT LIKE 'tieout\\_%'"
            }
            (false, Some(_)) => "t.type = 'table' AND t.name = $1",
            (false, None) => {
                "$1 IS NULL AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE 'tieout\\_%' ESCAPE '\\'"
            }
        }
    }

    /// The indexes of one table, or of all.
    pub(super) fn indexes_of(&mut self, only: Option<&str>) -> Result<Vec<Index>> {
        let mut indexes: Vec<Index> = Vec::new();
        if self.is_postgres() {
            let columns = "(SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true) || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' desc' ELSE '' END, ', ' ORDER BY k) \
                           FROM generate_series(1, i.indnkeyatts) k)";
            let from = "FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid WHERE $THESE";
            let columns = ["t.relname", "x.relname", "i.indisunique", columns, "pg_get_expr(i.indpred, i.indrelid)"];
            self.for_each(&columns, &from.replace("$THESE", self.these(only)), &[only], |row| {
                let [table, name, unique, columns, predicate] = texts(row);
                let predicate = if predicate.is_empty() { predicate } else { format!(" where {predicate}") };
                indexes.push(Index { table, name, words: index_words(unique == "true", &columns, &predicate) });
                Ok(())
            })?;
            return Ok(indexes);
        }
        let columns = ["t.name", "i.name", "i.\"unique\"", "k.name", "k.\"desc\"", "s.sql"];
        let from = "FROM sqlite_master t JOIN pragma_index_list(t.name) i JOIN pragma_index_xinfo(i.name) k LEFT JOIN sqlite_master s ON s.name = i.name \
                    WHERE k.key = 1 AND $THESE ORDER BY t.name, i.name, k.seqno";
        let mut all: Vec<([String; 3], Vec<String>, String)> = Vec::new();
        self.for_each(&columns, &from.replace("$THESE", self.these(only)), &[only], |row| {
            let [table, name, unique, column, desc, sql] = texts(row);
            let column = if column.is_empty() { "(expression)".to_owned() } else { column };
            let column = if desc == "1" { format!("{column} desc") } else { column };
            let index = [table, name, unique];
            match all.last_mut().filter(|last| last.0 == index) {
                Some(last) => last.1.push(column),
                None => all.push((index, vec![column], sql)),
            }
            Ok(())
        })?;
        indexes.extend(all.into_iter().map(|([table, name, unique], columns, sql)| {
            let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            let (definition, predicate) = match sql.to_lowercase().find(" where ") {
                Some(at) => (sql[..at].to_owned(), format!(" where {}", &sql[at + " where ".len()..])),
                None => (sql, String::new()),
            };
            let columns = if columns.iter().any(|c| c.starts_with("(expression)")) {
                // SQLite tells an expression nowhere but in the index's own words.
                definition.split_once('(').map_or(definition.as_str(), |(_, columns)| columns.trim_end_matches(')').trim()).to_owned()
            } else {
                columns.join(", ")
            };
            Index { table, name, words: index_words(unique == "1", &columns, &predicate) }
        }));
        Ok(indexes)
    }

    fn foreign_keys_of(&mut self, only: Option<&str>) -> Result<Vec<(String, String)>> {
        if self.is_postgres() {
            let from = "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid WHERE k.contype = 'f' AND $THESE";
            let rows = self.select(&["t.relname", "pg_get_constraintdef(k.oid)"], &from.replace("$THESE", self.these(only)), &[only])?;
            return Ok(rows.into_iter().map(|row| texts::<2>(row).into()).collect());
        }
        let columns = ["t.name", "f.id", "f.\"from\"", "f.\"table\"", "coalesce(f.\"to\", '')", "f.on_delete", "f.on_update"];
        let from = "FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE $THESE ORDER BY t.name, f.id, f.seq";
        let mut keys: Vec<Key> = Vec::new();
        for row in self.select(&columns, &from.replace("$THESE", self.these(only)), &[only])? {
            let [table, id, from, to_table, to, on_delete, on_update] = texts(row);
            if keys.last().is_none_or(|key| key.table != table || key.id != id) {
                let on = format!("on delete {on_delete} on update {on_update}").to_lowercase();
                keys.push(Key { table, id, from: Vec::new(), to_table, to: Vec::new(), on });
            }
            if let Some(key) = keys.last_mut() {
                key.from.push(from);
                key.to.push(to);
            }
        }
        let words = |key: &Key| format!("({}) -> {} ({}) {}", key.from.join(", "), key.to_table, key.to.join(", "), key.on);
        Ok(keys.into_iter().map(|key| (key.table.clone(), words(&key))).collect())
    }
}

/// A foreign key of SQLite, whose columns come row by row.
struct Key {
    table: String,
    id: String,
    from: Vec<String>,
    to_table: String,
    to: Vec<String>,
    on: String,
}

/// An index: its table, its name, and the rest in words.
pub(super) struct Index {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) words: String,
}

/// What is asked of each column: the expressions, and where they come from. `$THESE` says of which tables.
type Columns = ([&'static str; 6], &'static str);

const POSTGRES_COLUMNS: Columns = (
    [
        "t.relname",
        "a.attname",
        "format_type(a.atttypid, a.atttypmod)",
        "a.attnotnull",
        "pg_get_expr(d.adbin, d.adrelid)",
        "a.attgenerated <> ''",
    ],
    "FROM pg_class t LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE $THESE ORDER BY t.relname, a.attnum",
);

const SQLITE_COLUMNS: Columns = (
    [
        "t.name",
        "c.name",
        "upper(c.type)",
        "CASE WHEN c.\"notnull\" THEN 'true' END",
        "c.dflt_value",
        "CASE WHEN c.hidden <> 0 THEN 'true' END",
    ],
    "FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c WHERE $THESE ORDER BY t.name, c.cid",
);

fn index_words(unique: bool, columns: &str, predicate: &str) -> String {
    format!("{}({columns}){predicate}", if unique { "unique " } else { "index " })
}

/// A row of exactly `N` texts, NULL as empty.
pub(super) fn texts<const N: usize>(row: super::Texts) -> [String; N] {
    let mut row = row.into_iter();
    std::array::from_fn(|_| row.next().flatten().unwrap_or_default())
}
