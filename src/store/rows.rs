//! Rows as the database gives them, in one buffer each: their texts, or all that tells one from another. How they are asked for is
//! `Store`'s.

use super::beside::beside;
use super::bulk::each_copied;
use super::{AnyConnection, Store, bound, quote, refused};
use crate::error::Result;
use crate::table::Line;
use diesel::backend::Backend;
use diesel::connection::DefaultLoadingMode;
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::row::{Field, NamedRow, Row};
use diesel::sqlite::{Sqlite, SqliteType};

fn read<'a, DB: Backend>(
    row: &impl NamedRow<'a, DB>,
    mut push: impl FnMut(DB::RawValue<'_>, &mut String) -> deserialize::Result<()>,
) -> deserialize::Result<Line> {
    let columns = row.field_count();
    let mut line = Line::of(columns);
    for column in 0..columns {
        let field = Row::get(row, column).ok_or("a column is missing")?;
        line.push(|text| field.value().map_or(Ok(false), |value| push(value, text).map(|()| true)))?;
    }
    Ok(line)
}

impl QueryableByName<Sqlite> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Line> {
        read(row, |mut value, into| {
            into.push_str(value.read_text());
            Ok(())
        })
    }
}

impl QueryableByName<Pg> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Line> {
        read(row, |value, into| {
            into.push_str(std::str::from_utf8(value.as_bytes())?);
            Ok(())
        })
    }
}

/// A row of SQLite's to the byte: of each value what it is, how long, and its bytes. 1, 1.0, '1' and x'31' differ.
struct Image(Vec<u8>);

impl QueryableByName<Sqlite> for Image {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Image> {
        let mut image = Vec::with_capacity(24 * row.field_count());
        let mut bytes = |kind: u8, bytes: &[u8]| {
            image.push(kind);
            image.extend_from_slice(&bytes.len().to_le_bytes());
            image.extend_from_slice(bytes);
        };
        for column in 0..row.field_count() {
            let field = Row::get(row, column).ok_or("a column is missing")?;
            let Some(mut value) = field.value() else {
                bytes(b'n', &[]);
                continue;
            };
            match value.value_type() {
                Some(SqliteType::Text) => bytes(b't', value.read_blob()),
                Some(SqliteType::Binary) => bytes(b'b', value.read_blob()),
                Some(SqliteType::Double) => bytes(b'r', &value.read_double().to_bits().to_le_bytes()),
                _ => bytes(b'i', &value.read_long().to_le_bytes()),
            }
        }
        Ok(Image(image))
    }
}

/// The bytes of the first column of a row.
struct Bytes(Vec<u8>);

impl QueryableByName<Sqlite> for Bytes {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Bytes> {
        let field = Row::get(row, 0).ok_or("a column is missing")?;
        Ok(Bytes(field.value().map(|mut value| value.read_blob().to_vec()).unwrap_or_default()))
    }
}

impl QueryableByName<Pg> for Bytes {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Bytes> {
        let field = Row::get(row, 0).ok_or("a column is missing")?;
        Ok(Bytes(field.value().map(|value| value.as_bytes().to_vec()).unwrap_or_default()))
    }
}

impl Store {
    /// Gives the rows of a query to `each`, as texts.
    pub fn each_line(
        &mut self,
        expressions: &[&str],
        from: &str,
        binds: &[Option<&str>],
        mut each: impl FnMut(&Line) -> Result<()>,
    ) -> Result<()> {
        self.each_line_given(expressions, from, binds, &mut |line| each(&line))
    }

    fn each_line_given(
        &mut self,
        expressions: &[&str],
        from: &str,
        binds: &[Option<&str>],
        each: &mut dyn FnMut(Line) -> Result<()>,
    ) -> Result<()> {
        let dialect = self.dialect();
        let expressions: Vec<String> = expressions.iter().enumerate().map(|(n, e)| dialect.text(e, n)).collect();
        let sql = format!("SELECT {} {from}", expressions.join(", "));
        let mut give = |line: QueryResult<Line>| each(line.map_err(|e| refused(&e))?);
        match &mut self.connection {
            AnyConnection::Sqlite(c) => {
                let query = bound(diesel::sql_query(sql).into_boxed(), binds);
                query.load_iter::<Line, DefaultLoadingMode>(c).map_err(|e| refused(&e))?.try_for_each(&mut give)
            }
            // The usual mode of PostgreSQL's client would hold the whole result in memory.
            AnyConnection::Postgres(c) => {
                let query = bound(diesel::sql_query(sql).into_boxed(), binds);
                query.load_iter::<Line, PgRowByRowLoadingMode>(c).map_err(|e| refused(&e))?.try_for_each(&mut give)
            }
        }
    }

    /// Reads whole columns of a table.
    pub fn column_texts(&mut self, table: &str, columns: &[&str], each: impl FnMut(&Line) -> Result<()> + Send) -> Result<()> {
        let quoted: Vec<String> = columns.iter().map(|c| quote(c)).collect();
        let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
        let from = format!("FROM {}", quote(table));
        beside(Line::bytes, |give| self.give_column_texts(&quoted, &from, give), each)
    }

    fn give_column_texts(&mut self, quoted: &[&str], from: &str, each: &mut dyn FnMut(Line) -> Result<()>) -> Result<()> {
        // Diesel does not look whether a COPY came to its end; releasing the savepoint fails when it did not. Outside of a transaction
        // there is none.
        if !self.is_postgres() || self.execute("SAVEPOINT tieout_copied").is_err() {
            return self.each_line_given(quoted, from, &[], each);
        }
        let texts: Vec<String> = quoted.iter().map(|name| format!("CAST({name} AS TEXT)")).collect();
        let mut given = Ok(());
        if let AnyConnection::Postgres(connection) = &mut self.connection {
            // All of it must be read, or the next statement would find the rest.
            each_copied(connection, &format!("(SELECT {} {from})", texts.join(", ")), |line| {
                if given.is_ok() {
                    given = each(line);
                }
            })?;
        }
        self.execute("RELEASE SAVEPOINT tieout_copied").and(given)
    }

    /// The bytes of one value; `None` where there is none. The placeholder is a number.
    pub(super) fn bytes(&mut self, sql: &str, number: i64) -> Result<Option<Vec<u8>>> {
        let query = diesel::sql_query(sql).bind::<diesel::sql_types::BigInt, _>(number);
        let found: Vec<Bytes> = match &mut self.connection {
            AnyConnection::Sqlite(connection) => query.load(connection),
            AnyConnection::Postgres(connection) => query.load(connection),
        }
        .map_err(|e| refused(&e))?;
        Ok(found.into_iter().next().map(|bytes| bytes.0))
    }

    /// Gives the image of every row of a query to `each`. SQLite alone: PostgreSQL makes images itself.
    pub(super) fn each_image(&mut self, sql: &str, mut each: impl FnMut(&[u8]) + Send) -> Result<()> {
        let AnyConnection::Sqlite(connection) = &mut self.connection else { return Ok(()) };
        let rows = diesel::sql_query(sql).load_iter::<Image, DefaultLoadingMode>(connection).map_err(|e| refused(&e))?;
        beside(
            |image: &Image| image.0.len(),
            |give| rows.into_iter().try_for_each(|row| give(row.map_err(|e| refused(&e))?)),
            |image| {
                each(&image.0);
                Ok(())
            },
        )
    }
}
