//! The rows of declared tables: each value in its column, and equal rows of a file counted where the key asks for it.

use super::Archive;
use crate::job::{DeclaredTable, Holds};
use crate::table::{Canonical, Origin, Row};
use std::collections::HashMap;
use tieout_parsers::{FieldValue, Record};

/// The rows for the declared table with the index `at`.
pub fn declared_rows<'a>(archive: Archive<'a>, at: usize) -> impl Iterator<Item = Row> + 'a {
    let declared = &archive.job.tables[at];
    let occurrence = declared.columns.iter().position(|c| c.holds == Holds::Occurrence);
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut current = usize::MAX;
    let records = archive.records().filter(move |(file, _)| archive.job.sources[archive.files[*file].source].table == Some(at));
    records.filter_map(move |(file, located)| {
        let Record::Row { values: fields } = &located.value else { return None };
        let mut values = placed(archive, declared, file, fields);
        if let Some(column) = occurrence {
            if file != current {
                seen.clear();
                current = file;
            }
            let count = seen.entry(declared.table.key_of(&values)).or_default();
            *count += 1;
            values[column] = Some(count.to_string());
        }
        Some(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } })
    })
}

/// The values of a record in the table's columns.
fn placed(archive: Archive<'_>, declared: &DeclaredTable, file: usize, fields: &[Option<FieldValue>]) -> Vec<Option<String>> {
    let filled = &archive.job.sources[archive.files[file].source].fields;
    let mut values = vec![None; declared.columns.len()];
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
