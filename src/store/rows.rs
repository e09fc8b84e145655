//! Rows as the database gives them, in one buffer each: their texts, or all that tells one from another. How they are asked for is
//! `Store`'s.

use super::{AnyConnection, Store, Texts, refused};
use crate::error::Result;
use diesel::backend::Backend;
use diesel::connection::DefaultLoadingMode;
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::row::{Field, NamedRow, Row};
use diesel::sqlite::{Sqlite, SqliteType};
use std::ops::Range;

/// The texts of one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: String,
    /// Where each column stands in `text`; `None` for NULL.
    places: Vec<Option<Range<usize>>>,
}

impl Line {
    /// The text of a column.
    pub fn get(&self, column: usize) -> Option<&str> {
        self.text.get(self.places.get(column)?.clone()?)
    }

    /// The texts, each on its own.
    pub(super) fn texts(&self) -> Texts {
        self.places.iter().map(|place| self.text.get(place.clone()?).map(str::to_owned)).collect()
    }

    fn read<'a, DB: Backend>(
        row: &impl NamedRow<'a, DB>,
        mut push: impl FnMut(DB::RawValue<'_>, &mut String) -> deserialize::Result<()>,
    ) -> deserialize::Result<Line> {
        let columns = row.field_count();
        let mut line = Line { text: String::with_capacity(16 * columns), places: Vec::with_capacity(columns) };
        for column in 0..columns {
            let field = Row::get(row, column).ok_or("a column is missing")?;
            let from = line.text.len();
            let filled = field.value().map(|value| push(value, &mut line.text)).transpose()?;
            line.places.push(filled.map(|()| from..line.text.len()));
        }
        Ok(line)
    }
}

impl QueryableByName<Sqlite> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Line> {
        Line::read(row, |mut value, into| {
            into.push_str(value.read_text());
            Ok(())
        })
    }
}

impl QueryableByName<Pg> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Line> {
        Line::read(row, |value, into| {
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

impl Store {
    /// Gives the image of every row of a query to `each`. SQLite alone: PostgreSQL makes images itself.
    pub(super) fn each_image(&mut self, sql: &str, mut each: impl FnMut(&[u8])) -> Result<()> {
        let AnyConnection::Sqlite(connection) = &mut self.connection else { return Ok(()) };
        for row in diesel::sql_query(sql).load_iter::<Image, DefaultLoadingMode>(connection).map_err(|e| refused(&e))? {
            each(&row.map_err(|e| refused(&e))?.0);
        }
        Ok(())
    }
}
