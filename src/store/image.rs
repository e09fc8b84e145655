//! Whole rows as exact texts, and their digests: what the change log keeps so that a run can be undone. Both are written and
//! read by the database itself, for all rows of a statement.

use super::dialect::Dialect;
use super::shape::{ShapeColumn, TableShape};
use super::{AnyConnection, Store, quote};
use crate::digest::short;
use crate::error::{Result, Stop};

#[allow(missing_docs, reason = "the macro generates items that this file keeps to itself")]
mod function {
    /// What SQLite has no function for. It lives as long as the connection.
    #[diesel::declare_sql_function]
    extern "SQL" {
        fn tieout_digest(image: diesel::sql_types::Binary) -> diesel::sql_types::Binary;
    }
    pub(super) use tieout_digest_utils::register_impl;
}

impl Store {
    /// Teaches this connection to digest rows.
    pub(super) fn teach_digest(&mut self) -> Result<()> {
        let AnyConnection::Sqlite(connection) = &mut self.connection else { return Ok(()) };
        function::register_impl(connection, |image: Vec<u8>| short(&image).to_be_bytes().to_vec())
            .map_err(|e| Stop::database(format!("the database refused a function: {e}"), ""))
    }
}

impl TableShape {
    /// The columns that a row consists of: all but those that the database computes.
    pub fn kept(&self) -> impl Iterator<Item = &ShapeColumn> {
        self.columns.iter().filter(|c| !c.generated)
    }
}

impl Dialect {
    /// The row `alias` as a JSON list of exact texts, one per column. SQLite's say in their first letter what is stored, as any
    /// column may hold anything there.
    pub(super) fn image<'c>(self, alias: &str, columns: impl Iterator<Item = &'c str>) -> String {
        let texts = columns.map(|name| {
            let value = format!("{alias}.{}", quote(name));
            match self {
                Dialect::Postgres => format!("CAST({value} AS TEXT)"),
                // A text with a NUL in it would end there in JSON.
                Dialect::Sqlite => format!(
                    "CASE typeof({value}) WHEN 'text' THEN iif(instr({value}, char(0)), 'z' || hex({value}), 't' || {value}) \
                     WHEN 'integer' THEN 'i' || {value} WHEN 'real' THEN 'r' || quote({value}) WHEN 'blob' THEN 'b' || hex({value}) END"
                ),
            }
        });
        let texts = texts.collect::<Vec<_>>().join(", ");
        match self {
            Dialect::Postgres => format!("CAST(array_to_json(CAST(ARRAY[{texts}] AS TEXT[])) AS TEXT)"),
            Dialect::Sqlite => format!("json_array({texts})"),
        }
    }

    /// The digest of a row's image.
    pub(super) fn digest(self, image: &str) -> String {
        match self {
            Dialect::Postgres => format!("substring(sha256(convert_to({image}, 'UTF8')) FROM 1 FOR 16)"),
            Dialect::Sqlite => format!("tieout_digest(CAST({image} AS BLOB))"),
        }
    }

    /// Text number `at` of a JSON list of texts.
    pub(super) fn member(self, list: &str, at: usize) -> String {
        match self {
            Dialect::Postgres => format!("(CAST({list} AS JSON) ->> {at})"),
            Dialect::Sqlite => format!("json_extract({list}, '$[{at}]')"),
        }
    }

    /// The value of `column`, number `at` of the image `image`.
    pub(super) fn value(self, image: &str, at: usize, column: &ShapeColumn) -> String {
        let text = self.member(image, at);
        match self {
            Dialect::Postgres => format!("CAST({text} AS {})", column.declared),
            Dialect::Sqlite => format!(
                "CASE substr({text}, 1, 1) WHEN 't' THEN substr({text}, 2) WHEN 'i' THEN CAST(substr({text}, 2) AS INTEGER) \
                 WHEN 'r' THEN CAST(substr({text}, 2) AS REAL) WHEN 'b' THEN unhex(substr({text}, 2)) \
                 WHEN 'z' THEN CAST(unhex(substr({text}, 2)) AS TEXT) END"
            ),
        }
    }
}
