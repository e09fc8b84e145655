//! Makes a declared table, and its natural key with it.

use super::{Store, quote};
use crate::error::Result;
use crate::job::{DeclaredTable, Holds};
use crate::table::Role;
use tieout_parsers::FieldKind;

impl Store {
    /// Creates the table where it is missing and may be created.
    pub fn ensure_table(&mut self, declared: &DeclaredTable) -> Result<bool> {
        if !declared.create || self.has_table(&declared.table.name)? {
            return Ok(false);
        }
        let columns = declared.columns.iter().map(|column| {
            let required = if column.required { " NOT NULL" } else { "" };
            format!("{} {}{required}", quote(&column.name), self.type_of(column.holds))
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let key: Vec<String> = declared.table.with(&[Role::Key]).map(|(_, c)| quote(&c.name)).collect();
        let key = key.join(", ");
        self.execute(&format!("CREATE TABLE {} ({columns}, PRIMARY KEY ({key}))", quote(&declared.table.name)))?;
        Ok(true)
    }

    /// Records that a run made a table which it then loaded, and in what shape.
    pub fn record_created(&mut self, run: i64, table: &str) -> Result<()> {
        let shape = self.table_shape(table)?.unwrap_or_default();
        let shape = serde_json::to_string(&shape).unwrap_or_default();
        let sql = "UPDATE tieout_written SET created = $1 WHERE run_id = CAST($2 AS BIGINT) AND table_name = $3";
        self.change(sql, &[Some(&shape), Some(&run.to_string()), Some(table)]).map(drop)
    }

    fn type_of(&self, holds: Holds) -> String {
        let number = if self.is_postgres() { "NUMERIC" } else { "DECIMAL" };
        match holds {
            Holds::Value(FieldKind::Text) => "TEXT".into(),
            Holds::Value(FieldKind::Integer) | Holds::Occurrence => "BIGINT".into(),
            Holds::Value(FieldKind::Decimal { precision, scale }) => format!("{number}({precision},{scale})"),
            Holds::Value(FieldKind::Bool) => "BOOLEAN".into(),
            Holds::Value(FieldKind::Date | FieldKind::Month) => "DATE".into(),
            Holds::Value(FieldKind::Timestamp) => "TIMESTAMP".into(),
        }
    }
}
