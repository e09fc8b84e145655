//! The shape of tables as the database has them: columns, keys, indexes. Read here, compared in `migrate`.

use super::{Store, quote};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// A column as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
        if self.is_postgres() { self.postgres_table(table).map(Some) } else { self.sqlite_table(table).map(Some) }
    }

    /// The shapes of all tables that are not ours.
    pub fn shape(&mut self) -> Result<Shape> {
        let from = if self.is_postgres() {
            "FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid) AND relpersistence <> 't' \
             AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema')) \
             AND relname NOT LIKE 'tieout\\_%'"
        } else {
            "FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'tieout\\_%' ESCAPE '\\'"
        };
        let name = if self.is_postgres() { "relname" } else { "name" };
        let mut shape = Shape::new();
        for row in self.select(&[name], from, &[])? {
            let table = row.into_iter().next().flatten().unwrap_or_default();
            if let Some(found) = self.table_shape(&table)? {
                shape.insert(table, found);
            }
        }
        Ok(shape)
    }

    fn sqlite_table(&mut self, table: &str) -> Result<TableShape> {
        let bind = [Some(table)];
        let columns =
            self.select(&["name", "type", "\"notnull\"", "dflt_value", "hidden"], "FROM pragma_table_xinfo($1) ORDER BY cid", &bind)?;
        let mut shape = TableShape::default();
        for row in columns {
            let [name, declared, required, default, hidden] = texts(row);
            let generated = hidden != "0";
            shape.columns.push(ShapeColumn { name, declared: declared.to_uppercase(), required: required == "1", default, generated });
        }
        for row in self.select(&["name", "\"unique\"", "partial"], "FROM pragma_index_list($1)", &bind)? {
            let [index, unique, partial] = texts(row);
            let columns = self.select(
                &["coalesce(name, '(expression)')", "\"desc\""],
                "FROM pragma_index_xinfo($1) WHERE key = 1 ORDER BY seqno",
                &[Some(&index)],
            )?;
            let columns: Vec<String> = columns
                .into_iter()
                .map(|r| {
                    let [name, desc] = texts(r);
                    if desc == "1" { format!("{name} desc") } else { name }
                })
                .collect();
            let predicate =
                if partial == "1" { self.select(&["sql"], "FROM sqlite_master WHERE name = $1", &[Some(&index)])? } else { Vec::new() };
            let predicate = predicate.into_iter().next().map_or(String::new(), |r| {
                let [sql] = texts(r);
                sql.to_lowercase().split_once(" where ").map_or(String::new(), |p| format!(" where {}", p.1))
            });
            shape.indexes.insert(index_words(unique == "1", &columns.join(", "), &predicate));
        }
        let keys = self.select(
            &["id", "\"from\"", "\"table\"", "coalesce(\"to\", '')", "on_delete", "on_update"],
            "FROM pragma_foreign_key_list($1) ORDER BY id, seq",
            &bind,
        )?;
        let mut by_id: BTreeMap<String, (Vec<String>, String, Vec<String>, String)> = BTreeMap::new();
        for row in keys {
            let [id, from, to_table, to, on_delete, on_update] = texts(row);
            let key = by_id
                .entry(id)
                .or_insert_with(|| (Vec::new(), to_table, Vec::new(), format!("on delete {on_delete} on update {on_update}")));
            key.0.push(from);
            key.2.push(to);
        }
        shape.foreign_keys.extend(
            by_id
                .into_values()
                .map(|(from, table, to, on)| format!("({}) -> {table} ({}) {}", from.join(", "), to.join(", "), on.to_lowercase())),
        );
        Ok(shape)
    }

    fn postgres_table(&mut self, table: &str) -> Result<TableShape> {
        let quoted = quote(table);
        let bind = [Some(quoted.as_str())];
        let mut shape = TableShape::default();
        let columns =
            ["a.attname", "format_type(a.atttypid, a.atttypmod)", "a.attnotnull", "pg_get_expr(d.adbin, d.adrelid)", "a.attgenerated"];
        let from = "FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
        for row in self.select(&columns, from, &bind)? {
            let [name, declared, required, default, generated] = texts(row);
            shape.columns.push(ShapeColumn { name, declared, required: required == "true", default, generated: !generated.is_empty() });
        }
        let columns = "(SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true) || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' desc' ELSE '' END, ', ' ORDER BY k) \
                       FROM generate_series(1, i.indnkeyatts) k)";
        let indexes = self.select(
            &["i.indisunique", columns, "pg_get_expr(i.indpred, i.indrelid)"],
            "FROM pg_index i WHERE i.indrelid = to_regclass($1)",
            &bind,
        )?;
        for row in indexes {
            let [unique, columns, predicate] = texts(row);
            let predicate = if predicate.is_empty() { predicate } else { format!(" where {predicate}") };
            shape.indexes.insert(index_words(unique == "true", &columns, &predicate));
        }
        let keys =
            self.select(&["pg_get_constraintdef(oid)"], "FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'f'", &bind)?;
        shape.foreign_keys.extend(keys.into_iter().map(|row| texts::<1>(row).concat()));
        Ok(shape)
    }
}

fn index_words(unique: bool, columns: &str, predicate: &str) -> String {
    format!("{}({columns}){predicate}", if unique { "unique " } else { "index " })
}

/// A row of exactly `N` texts, NULL as empty.
pub(super) fn texts<const N: usize>(row: super::Texts) -> [String; N] {
    let mut row = row.into_iter();
    std::array::from_fn(|_| row.next().flatten().unwrap_or_default())
}
