//! Declared tables (`[[table]]`): their columns, natural key, and which source column fills which.

use super::patterns::Columns;
use super::read::Place;
use crate::error::Result;
use crate::table::{Column, Kind, Role, Table};
use serde::Deserialize;
use tieout_parsers::{Field, FieldKind, nearest};
use toml::Spanned;

/// A table that the job declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTable {
    /// The columns, in order.
    pub columns: Vec<DeclaredColumn>,
    /// The same as a load needs it.
    pub table: Table,
    /// Whether it is made where it is missing.
    pub create: bool,
}

/// A column of a declared table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// Whether every row must have a value.
    pub required: bool,
}

/// What a declared column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A value of the file.
    Value(FieldKind),
    /// The number of the row among those of its file that are equal in the rest of the key, from 1: two equal payments
    /// on one day are two rows.
    Occurrence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    name: Spanned<String>,
    key: Spanned<Vec<String>>,
    #[serde(default)]
    insert_only: Vec<Spanned<String>>,
    columns: Vec<RawColumn>,
    create: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    name: Spanned<String>,
    r#type: Spanned<String>,
    #[serde(default)]
    required: bool,
}

impl Place<'_> {
    pub(super) fn tables(&self, raw: Vec<RawTable>) -> Result<Vec<DeclaredTable>> {
        let mut tables: Vec<DeclaredTable> = Vec::new();
        for table in raw {
            if tables.iter().any(|t| t.table.name == *table.name.get_ref()) {
                return Err(self.stop(table.name.span(), format!("there are two tables `{}`", table.name.get_ref()), "declare it once"));
            }
            tables.push(self.table(table)?);
        }
        Ok(tables)
    }

    fn table(&self, raw: RawTable) -> Result<DeclaredTable> {
        let mut columns: Vec<DeclaredColumn> = Vec::new();
        for column in raw.columns {
            let (name, span) = (column.name.get_ref().clone(), column.name.span());
            if name.is_empty() || columns.iter().any(|c| c.name == name) {
                return Err(self.stop(span, format!("the column `{name}` has no name of its own"), "every column has another name"));
            }
            let holds = holds(column.r#type.get_ref()).ok_or_else(|| {
                let hint = "write text, integer, decimal(12,2), bool, date, month, timestamp or occurrence";
                self.stop(column.r#type.span(), format!("there is no type `{}`", column.r#type.get_ref()), hint)
            })?;
            columns.push(DeclaredColumn { name, holds, required: column.required });
        }
        let known = |name: &str| columns.iter().any(|c| c.name == name);
        for (name, span) in
            raw.key.get_ref().iter().map(|k| (k, raw.key.span())).chain(raw.insert_only.iter().map(|c| (c.get_ref(), c.span())))
        {
            if !known(name) {
                return Err(self.stop(span, format!("there is no column `{name}`"), self.known_columns(name, &columns)));
            }
        }
        let key = raw.key.get_ref();
        if key.is_empty() {
            return Err(self.stop(
                raw.key.span(),
                "a table needs a natural key",
                "name the columns that tell its rows apart; with a column of the type \"occurrence\" if nothing else does",
            ));
        }
        let stray = columns.iter().find(|c| c.holds == Holds::Occurrence && !key.contains(&c.name));
        if let Some(stray) = stray {
            return Err(self.stop(
                raw.key.span(),
                format!("`{}` counts occurrences of a key it is not part of", stray.name),
                "put it into the key",
            ));
        }
        for column in columns.iter_mut().filter(|c| key.contains(&c.name)) {
            column.required = true;
        }
        let role = |name: &String| match (key.contains(name), raw.insert_only.iter().any(|c| c.get_ref() == name)) {
            (true, _) => Role::Key,
            (_, true) => Role::InsertOnly,
            _ => Role::Data,
        };
        let loaded = columns.iter().map(|c| Column { name: c.name.clone().into(), kind: kind(c.holds), role: role(&c.name) }).collect();
        let occurrence = columns.iter().position(|c| c.holds == Holds::Occurrence);
        let table = Table { name: raw.name.into_inner().into(), noun: "row", columns: loaded, occurrence };
        Ok(DeclaredTable { columns, table, create: raw.create.unwrap_or(true) })
    }

    fn known_columns(&self, name: &str, columns: &[DeclaredColumn]) -> String {
        let names = columns.iter().map(|c| c.name.as_str());
        match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the columns are: {}", names.collect::<Vec<_>>().join(", ")),
        }
    }

    /// The fields that a source fills: each column from the place `mapping` names, else from its own name. With a
    /// mapping, only the columns in it are filled. The column `house` is left to the files' paths.
    pub(super) fn fields(&self, table: &DeclaredTable, mapping: Option<Columns>, house: Option<usize>) -> Result<Vec<Field>> {
        let values = table.columns.iter().enumerate().filter_map(|(n, c)| match c.holds {
            Holds::Value(kind) if Some(n) != house => Some((c, kind)),
            _ => None,
        });
        let field =
            |c: &DeclaredColumn, kind, from: &str| Field { name: c.name.clone(), from: from.to_owned(), kind, required: c.required };
        let Some(mapping) = mapping else { return Ok(values.map(|(c, kind)| field(c, kind, &c.name)).collect()) };
        let of_path = house.map(|at| table.columns[at].name.as_str());
        if let Some(wrong) = mapping.get_ref().keys().find(|k| Some(k.as_str()) != of_path && !values.clone().any(|(c, _)| c.name == **k)) {
            return Err(self.stop(
                mapping.span(),
                format!("the table {} has no column `{wrong}` to fill", table.table.name),
                self.known_columns(wrong, &table.columns),
            ));
        }
        if let Some((missing, _)) = values.clone().find(|(c, _)| c.required && !mapping.get_ref().contains_key(&c.name)) {
            return Err(self.stop(
                mapping.span(),
                format!("`{}` must not be empty, but the source does not fill it", missing.name),
                "say where the file has it",
            ));
        }
        Ok(values.filter_map(|(c, kind)| Some(field(c, kind, mapping.get_ref().get(&c.name)?))).collect())
    }
}

fn holds(text: &str) -> Option<Holds> {
    if text == "occurrence" { Some(Holds::Occurrence) } else { FieldKind::parse(text).map(Holds::Value) }
}

fn kind(holds: Holds) -> Kind {
    match holds {
        Holds::Value(FieldKind::Text) => Kind::Text,
        Holds::Value(FieldKind::Bool) => Kind::Bool,
        Holds::Value(FieldKind::Date | FieldKind::Month) => Kind::Date,
        Holds::Value(FieldKind::Timestamp) => Kind::Time,
        Holds::Value(FieldKind::Integer | FieldKind::Decimal { .. }) | Holds::Occurrence => Kind::Number,
    }
}
