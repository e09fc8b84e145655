//! The rows of every table of the user's, in an order that two states of a database share, so that they can be compared.

use super::{Store, Texts, quote};
use crate::error::Result;
use std::collections::BTreeMap;

/// A table, as far as its rows are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its name; outside `public` with its schema.
    pub table: String,
    /// What stays the same when it is renamed, where the database knows such a thing.
    pub identity: String,
    /// Its columns: what stays the same when one is renamed, and its name.
    pub columns: Vec<(String, String)>,
    /// Which of them are the primary key; all, where there is none.
    pub key: Vec<usize>,
    /// Its name in SQL.
    from: String,
}

impl Listing {
    /// The same table, of which nothing is left.
    pub fn without_columns(&self) -> Listing {
        Listing { columns: Vec::new(), key: Vec::new(), ..self.clone() }
    }
}

impl Store {
    /// The tables of the user's, by name.
    pub fn listings(&mut self) -> Result<Vec<Listing>> {
        let (columns, from) = if self.is_postgres() { POSTGRES } else { SQLITE };
        let mut found: BTreeMap<String, Listing> = BTreeMap::new();
        self.for_each(&columns, from, &[], |row| {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (schema, name, identity, column, number, key) = (next(), next(), next(), next(), next(), next());
            let plain = schema.is_empty() || schema == "public";
            let table = if plain { name.clone() } else { format!("{schema}.{name}") };
            let from = if schema.is_empty() { quote(&name) } else { format!("{}.{}", quote(&schema), quote(&name)) };
            let listing =
                found.entry(table.clone()).or_insert_with(|| Listing { table, identity, columns: Vec::new(), key: Vec::new(), from });
            if !key.is_empty() {
                listing.key.push(listing.columns.len());
            }
            listing.columns.push((number, column));
            Ok(())
        })?;
        Ok(found
            .into_values()
            .map(|mut listing| {
                if listing.key.is_empty() {
                    listing.key = (0..listing.columns.len()).collect();
                }
                listing
            })
            .collect())
    }

    /// Every row of a table as texts, in the order of its key's texts, byte by byte, NULL first.
    pub fn rows_in_order(&mut self, listing: &Listing, each: impl FnMut(Texts) -> Result<()>) -> Result<()> {
        let postgres = self.is_postgres();
        let text =
            |(_, name): &(String, String)| if postgres { format!("{}::text", quote(name)) } else { format!("quote({})", quote(name)) };
        let texts: Vec<String> = listing.columns.iter().map(text).collect();
        let order = listing.key.iter().map(|at| format!("{}{} NULLS FIRST", texts[*at], if postgres { " COLLATE \"C\"" } else { "" }));
        let order = order.collect::<Vec<_>>().join(", ");
        let columns: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.for_each(&columns, &format!("FROM {} ORDER BY {order}", listing.from), &[], each)
    }

    /// Whether any table of the user's holds a row.
    pub fn holds_rows(&mut self) -> Result<bool> {
        for listing in self.listings()? {
            if !self.select(&["1"], &format!("FROM {} LIMIT 1", listing.from), &[])?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Schema, table, identity, column, its identity, whether it is of the key.
type Query = ([&'static str; 6], &'static str);

const POSTGRES: Query = (
    ["n.nspname", "t.relname", "t.oid", "a.attname", "a.attnum", "CASE WHEN a.attnum = ANY (i.indkey) THEN 1 END"],
    "FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary \
     WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
     AND n.nspname NOT LIKE 'pg\\_toast%' AND t.relname NOT LIKE 'tieout\\_%' ORDER BY n.nspname, t.relname, a.attnum",
);

const SQLITE: Query = (
    ["NULL", "t.name", "t.name", "c.name", "lower(c.name)", "CASE WHEN c.pk > 0 THEN 1 END"],
    "FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     AND t.name NOT LIKE 'tieout\\_%' ESCAPE '\\' ORDER BY t.name, c.cid",
);
