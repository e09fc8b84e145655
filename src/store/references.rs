//! Foreign keys between the tables of a database: which rows would go, or hang in the air, with others.

use super::{Store, Texts, quote};
use crate::error::Result;

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table that refers, as it is called in SQL.
    pub from_sql: String,
    /// The same, as it is called.
    pub from: String,
    /// The table that it refers to.
    pub to: String,
    /// The columns that refer, each with the one that it refers to.
    pub columns: Vec<(String, String)>,
    /// What becomes of the referring rows when the other is deleted: `cascade`, `set null`, `no action` ….
    pub on_delete: String,
}

impl Store {
    /// Every foreign key of the database.
    pub fn references(&mut self) -> Result<Vec<Reference>> {
        let columns = ["f.sql", "f.child", "f.parent", "f.id", "f.child_column", "f.parent_column", "f.on_delete"];
        let from = if self.is_postgres() { POSTGRES } else { SQLITE };
        let rows = self.select(&columns, from, &[])?;
        let mut found: Vec<(String, Reference)> = Vec::new();
        for mut row in rows {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            let (from_sql, from, to, id) = (take(0), take(1), take(2), take(3));
            let (pair, on_delete) = ((take(4), take(5)), take(6));
            match found.last_mut().filter(|(of, r)| *of == id && r.from_sql == from_sql) {
                Some((_, reference)) => reference.columns.push(pair),
                None => found.push((id, Reference { from_sql, from, to, columns: vec![pair], on_delete })),
            }
        }
        let mut references: Vec<Reference> = found.into_iter().map(|(_, reference)| reference).collect();
        if !self.is_postgres() {
            for reference in &mut references {
                reference.from_sql = quote(&reference.from);
                self.complete(reference)?;
            }
        }
        Ok(references)
    }

    /// SQLite lets a foreign key name the table in other letters, and leave the primary key's columns out.
    fn complete(&mut self, reference: &mut Reference) -> Result<()> {
        let names =
            self.select(&["name"], "FROM sqlite_master WHERE type = 'table' AND lower(name) = lower($1)", &[Some(&reference.to)])?;
        if let Some(name) = names.into_iter().next().and_then(|mut row| row[0].take()) {
            reference.to = name;
        }
        if reference.columns.iter().any(|(_, to)| to.is_empty()) {
            let keys = self.primary_key(&reference.to)?;
            reference.columns.iter_mut().zip(keys).for_each(|((_, to), key)| *to = key);
        }
        Ok(())
    }

    /// Keeps other writers away from the table that refers, until the transaction ends: none may refer to a row that is about to
    /// go. SQLite's transaction does so anyway.
    pub fn keep_writers_away(&mut self, reference: &Reference) -> Result<()> {
        if !self.is_postgres() {
            return Ok(());
        }
        self.execute(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", reference.from_sql))
    }

    /// The columns of a table's primary key, in SQLite where it is no index when it is a row's number.
    pub(super) fn primary_key(&mut self, table: &str) -> Result<Vec<String>> {
        if self.is_postgres() {
            return Ok(Vec::new()); // It is an index there, like every unique key.
        }
        let rows: Vec<Texts> = self.select(&["name"], "FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk", &[Some(table)])?;
        Ok(rows.into_iter().filter_map(|mut row| row[0].take()).collect())
    }
}

const SQLITE: &str = "FROM (SELECT m.name AS sql, m.name AS child, k.\"table\" AS parent, k.id AS id, k.seq AS seq, k.\"from\" AS child_column, \
                      coalesce(k.\"to\", '') AS parent_column, lower(k.on_delete) AS on_delete \
                      FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table') f ORDER BY f.child, f.id, f.seq";

const POSTGRES: &str = "FROM (SELECT CAST(CAST(k.conrelid AS regclass) AS text) AS sql, t.relname AS child, p.relname AS parent, k.oid AS id, \
                        n.at AS seq, a.attname AS child_column, b.attname AS parent_column, \
                        CASE k.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'no action' END AS on_delete \
                        FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid \
                        CROSS JOIN LATERAL generate_subscripts(k.conkey, 1) n(at) \
                        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[n.at] \
                        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[n.at] \
                        WHERE k.contype = 'f' AND k.conparentid = 0 AND pg_table_is_visible(k.confrelid)) f ORDER BY f.sql, f.id, f.seq";
