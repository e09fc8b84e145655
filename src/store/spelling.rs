//! How the texts of keys are written: one that somebody wrote otherwise means the same, and is another key to the database.

use super::Store;
use super::dialect::Dialect;
use super::shape::ShapeColumn;
use crate::error::Result;
use crate::table::{Column, Kind, Role, Table};

/// The columns of a table's key that the database compares by their texts.
pub struct Spelling {
    dialect: Dialect,
    columns: Vec<(Column, ShapeColumn)>,
}

impl Store {
    /// How the key of a table is written.
    pub fn spelling(&mut self, table: &Table) -> Result<Spelling> {
        let (shape, dialect) = (self.table_shape(&table.name)?.unwrap_or_default(), self.dialect());
        let columns = table.with(&[Role::Key]).filter_map(|(_, c)| Some((c.clone(), shape.column(&c.name)?.clone())));
        Ok(Spelling { dialect, columns: columns.filter(|(column, shape)| dialect.is_text(column.kind, shape)).collect() })
    }
}

impl Spelling {
    /// Whether a value of a column, as the table holds it, is written as we write it.
    pub fn is_ours(&self, column: &Column, text: &str) -> bool {
        let known = self.columns.iter().find(|(known, _)| known.name == column.name);
        known.is_none_or(|(_, shape)| self.dialect.stored(column.kind.canonical(text), column.kind, shape) == text)
    }
}

impl Dialect {
    /// Whether values of that kind are texts in a column, and may be spelled in more than one way.
    fn is_text(self, kind: Kind, column: &ShapeColumn) -> bool {
        match (self, kind) {
            (_, Kind::Text | Kind::Name) => false,
            (Dialect::Sqlite, Kind::Number | Kind::NumberText) => self.alike(column) == "TEXT",
            (Dialect::Sqlite, _) => true,
            (Dialect::Postgres, _) => ["text", "character"].iter().any(|name| column.declared.starts_with(name)),
        }
    }
}
