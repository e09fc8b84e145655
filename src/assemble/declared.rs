//! The rows of declared tables: each value in its column. Equal rows are counted where the key asks for it, but in
//! staging: here no two rows are seen together.

use super::Archive;
use crate::error::Result;
use crate::job::{DeclaredTable, Holds};
use crate::table::{Canonical, Origin, Row};
use std::thread::Scope;
use tieout_parsers::{FieldValue, Record};

/// The rows for the declared table with the index `at`.
pub fn declared_rows<'s, 'a>(archive: Archive<'a>, scope: &'s Scope<'s, 'a>, at: usize) -> impl Iterator<Item = Result<Row>>
where
    'a: 's,
{
    let declared = &archive.job.tables[at];
    let records = archive.all(scope, move |file| archive.job.sources[file.source].table == Some(at));
    records.filter_map(move |found| {
        let (file, located) = match found {
            Ok(found) => found,
            Err(stop) => return Some(Err(stop)),
        };
        let Record::Row { values } = &located.value else { return None };
        let values = placed(archive, declared, file, values);
        Some(Ok(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } }))
    })
}

/// The values of a record in the table's columns; the first of its kind, until it is counted.
fn placed(archive: Archive<'_>, declared: &DeclaredTable, file: usize, fields: &[Option<FieldValue>]) -> Vec<Option<String>> {
    let filled = &archive.job.sources[archive.files[file].source].fields;
    let first = |holds| (holds == Holds::Occurrence).then(|| "1".to_owned());
    let mut values: Vec<Option<String>> = declared.columns.iter().map(|c| first(c.holds)).collect();
    if let Some(at) = archive.job.sources[archive.files[file].source].house_column {
        values[at].clone_from(&archive.files[file].house);
    }
    for (field, value) in filled.iter().zip(fields) {
        if let Some(column) = declared.columns.iter().position(|c| c.name == field.name) {
            values[column] = value.as_ref().map(canonical);
        }
    }
    values
}

fn canonical(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) => text.clone(),
        FieldValue::Number(number) => number.canonical(),
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Date(date) => date.canonical(),
        FieldValue::Month(month) => month.canonical(),
        FieldValue::Time(time) => time.canonical(),
    }
}
