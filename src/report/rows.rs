//! The rows of each table as the run left them, and what one run changed, read from the database one by one for the renderings.

use super::Outcome;
use super::account::Change;
use crate::error::Result;
use crate::store::{Imported, Logged, Store};
use std::collections::{BTreeMap, BTreeSet};

/// What a column holds, as the database declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Number,
    Moment,
    Text,
}

/// A table with rows to show.
pub(super) struct RowTable {
    pub(super) name: String,
    /// The columns: the key first.
    pub(super) columns: Vec<(String, Holds)>,
    /// The tenants by id, where rows name them by that.
    people: BTreeMap<String, String>,
}

/// A row to show.
pub(super) struct RowLine {
    /// In the order of the table's columns.
    pub(super) cells: Vec<Option<String>>,
    /// What was written to it, the oldest first; never empty.
    pub(super) changes: Vec<Logged>,
}

/// The column that shows a tenant's name.
const TENANT: &str = "tenant";

/// The tables that the job's runs up to this one wrote to. None where the database cannot tell.
pub(super) fn tables(store: &mut Store, outcome: &Outcome) -> Result<Vec<RowTable>> {
    let (Some(run), true) = (outcome.run.id, store.has_change_log()?) else { return Ok(Vec::new()) };
    let mut tables = Vec::new();
    for name in store.imported_tables(&outcome.run.job, run)? {
        let mut columns = store.recorded_key(&name)?;
        let mut others = BTreeSet::new();
        if let Some(packed) = store.packed_columns(&outcome.run.job, run, &name)? {
            others.extend(packed);
        } else {
            store.imported(&outcome.run.job, run, &name, 200, |row| {
                let content = row.changes.last().and_then(|c| c.after.as_deref()).map(members).unwrap_or_default();
                others.extend(content.into_keys());
                Ok(())
            })?;
        }
        columns.extend(others.into_iter().filter(|c| !columns.contains(c)).collect::<Vec<_>>());
        let mut people = BTreeMap::new();
        if name == "RentLedger" && columns.iter().any(|c| c == "tenantId") {
            store.imported(&outcome.run.job, run, "Tenant", usize::MAX - 1, |row| {
                let mut content = row.changes.last().and_then(|c| c.after.as_deref()).map(members).unwrap_or_default();
                people.extend(content.remove("id").flatten().zip(content.remove("name").flatten()));
                Ok(())
            })?;
        }
        let shape = store.table_shape(&name)?;
        let holds = |column: &str| shape.as_ref().and_then(|s| s.column(column)).map_or(Holds::Text, |c| declared(&c.declared));
        let mut columns: Vec<(String, Holds)> = columns.into_iter().map(|c| (c.clone(), holds(&c))).collect();
        if !people.is_empty() {
            columns.insert(0, (TENANT.to_owned(), Holds::Text));
        }
        tables.push(RowTable { name, columns, people });
    }
    Ok(tables)
}

/// Each row of a table, by key; of at most so many changes. Whether that was all.
pub(super) fn each(
    store: &mut Store,
    outcome: &Outcome,
    table: &RowTable,
    most: usize,
    mut give: impl FnMut(RowLine) -> Result<()>,
) -> Result<bool> {
    recorded(store, outcome, table, most, |row| give(table.line(row)))
}

/// The same, as they are recorded.
pub(super) fn recorded(
    store: &mut Store,
    outcome: &Outcome,
    table: &RowTable,
    most: usize,
    give: impl FnMut(Imported) -> Result<()>,
) -> Result<bool> {
    store.imported(&outcome.run.job, outcome.run.id.unwrap_or_default(), &table.name, most, give)
}

impl RowTable {
    /// A recorded row, as it is shown.
    pub(super) fn line(&self, row: Imported) -> RowLine {
        let mut content = row.changes.last().and_then(|c| c.after.as_deref()).map(members).unwrap_or_default();
        if !self.people.is_empty() {
            let name = content.get("tenantId").and_then(Option::as_ref).and_then(|id| self.people.get(id)).cloned();
            content.insert(TENANT.to_owned(), name);
        }
        let cells = self.columns.iter().map(|(column, _)| content.remove(column).flatten()).collect();
        RowLine { cells, changes: row.changes }
    }
}

/// Each change of the run, in order.
pub(super) fn changes(store: &mut Store, outcome: &Outcome, mut give: impl FnMut(Change) -> Result<()>) -> Result<()> {
    let (Some(run), true) = (outcome.run.id, store.has_change_log()?) else { return Ok(()) };
    store.logged(run, true, None, |table, key, logged| give(super::gather::change(table, &key, logged)))
}

/// A recorded content by column.
pub(super) fn members(text: &str) -> BTreeMap<String, Option<String>> {
    serde_json::from_str(text).unwrap_or_default()
}

fn declared(kind: &str) -> Holds {
    let kind = kind.to_uppercase();
    let begins = |words: &[&str]| words.iter().any(|w| kind.starts_with(w));
    if begins(&["INTERVAL"]) {
        Holds::Text
    } else if begins(&["INT", "BIGINT", "SMALLINT", "DEC", "NUM", "REAL", "DOUBLE", "FLOAT", "MONEY"]) {
        Holds::Number
    } else if begins(&["DATE", "TIMESTAMP"]) {
        Holds::Moment
    } else {
        Holds::Text
    }
}
