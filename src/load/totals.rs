//! Control totals of a load: the number of rows, the sum of each number, and a hash total, first of what the files state, then
//! of what counts of it, then of the same rows read back from the database. All of them are the same in any order of the rows.

use crate::digest::sha256_number;
use crate::error::Result;
use crate::store::Store;
use crate::table::{Canonical, Column, Kind, Role, Row, Table};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use tieout_parsers::{Decimal, exact_decimal};

/// Totals over rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many rows.
    pub rows: usize,
    /// The sum of each number column; `None` once it has more digits than can be kept.
    pub sums: BTreeMap<String, Option<Decimal>>,
    /// The sum of the digests of all rows, each over every compared value; `None` where it was not taken.
    pub hash: Option<u64>,
}

/// The totals of a table in the course of a load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stages {
    /// The table.
    pub table: String,
    /// The whole table before.
    pub opening: Option<Totals>,
    /// What the files state.
    pub stated: Totals,
    /// What is written or compared of it.
    pub counted: Option<Totals>,
    /// The same rows, read back.
    pub read_back: Option<Totals>,
}

impl Totals {
    /// Takes in a number, where the text is one.
    pub fn add(&mut self, column: &str, text: Option<&str>) {
        let Some(number) = text.and_then(exact_decimal) else { return };
        match self.sums.get_mut(column) {
            Some(sum) => *sum = sum.and_then(|s| s.checked_add(number)),
            None => drop(self.sums.insert(column.to_owned(), Some(number))),
        }
    }

    /// Nothing, of columns.
    pub fn of<'c>(columns: impl IntoIterator<Item = &'c str>) -> Totals {
        Totals { sums: columns.into_iter().map(|c| (c.to_owned(), Some(Decimal::ZERO))).collect(), ..Totals::default() }
    }

    /// The figures by name, as they are written.
    pub fn figures(&self) -> BTreeMap<String, String> {
        let sums = self.sums.iter().filter_map(|(column, sum)| Some((column.clone(), sum.as_ref()?.canonical())));
        let hash = self.hash.map(|hash| ("hash".to_owned(), format!("{hash:016x}")));
        sums.chain([("rows".to_owned(), self.rows.to_string())]).chain(hash).collect()
    }

    /// Takes in a row, canonical or stored texts of its compared columns; gives its digest.
    pub(super) fn row<'v>(&mut self, values: impl Iterator<Item = (&'v Column, Option<&'v str>)>) -> u64 {
        self.texts(values.map(|(column, text)| (column, text.map(|t| Cow::Owned(column.kind.canonical(t))))))
    }

    /// The same of canonical texts.
    pub(super) fn canonical_row<'v>(&mut self, values: impl Iterator<Item = (&'v Column, Option<&'v str>)>) -> u64 {
        self.texts(values.map(|(column, text)| (column, text.map(Cow::Borrowed))))
    }

    fn texts<'v>(&mut self, values: impl Iterator<Item = (&'v Column, Option<Cow<'v, str>>)>) -> u64 {
        let mut all = String::with_capacity(128);
        for (column, text) in values {
            let text = text.as_deref();
            if column.kind == Kind::Number {
                self.add(&column.name, text);
            }
            // Lengths keep two columns apart, whatever stands in them.
            let _ = match text {
                Some(text) => writeln!(all, "{}:{}:{text}", column.name, text.len()),
                None => writeln!(all, "{}:-:", column.name),
            };
        }
        let digest = sha256_number(all);
        self.counted(digest);
        digest
    }

    fn counted(&mut self, digest: u64) {
        self.rows += 1;
        self.hash = Some(self.hash.unwrap_or_default().wrapping_add(digest));
    }
}

/// The columns of a table that are summed.
pub(super) fn numbers(table: &Table) -> impl Iterator<Item = &str> {
    table.with(&[Role::Key, Role::Data]).filter(|(_, c)| c.kind == Kind::Number).map(|(_, c)| &*c.name)
}

/// Rows on their way, counted as they pass.
pub(super) fn passing<'t>(
    table: &'t Table,
    rows: impl Iterator<Item = Result<Row>> + 't,
    into: &'t RefCell<Totals>,
) -> impl Iterator<Item = Result<Row>> + 't {
    let columns: Vec<(usize, &Column)> = table.with(&[Role::Key, Role::Data]).filter(|(_, c)| c.kind == Kind::Number).collect();
    rows.inspect(move |row| {
        let Ok(row) = row else { return };
        let mut totals = into.borrow_mut();
        totals.rows += 1;
        columns.iter().for_each(|(at, column)| totals.add(&column.name, row.values[*at].as_deref()));
    })
}

impl Totals {
    /// These and others.
    pub(super) fn and(self, others: &Totals) -> Totals {
        self.moved(others, usize::checked_add, u64::wrapping_add, |own, sum| own.checked_add(sum))
    }

    /// These without others.
    pub(super) fn without(self, others: &Totals) -> Totals {
        self.moved(others, usize::checked_sub, u64::wrapping_sub, |own, sum| own.checked_sub(sum))
    }

    fn moved(
        mut self,
        by: &Totals,
        rows: fn(usize, usize) -> Option<usize>,
        hash: fn(u64, u64) -> u64,
        sum: fn(Decimal, Decimal) -> Option<Decimal>,
    ) -> Totals {
        self.rows = rows(self.rows, by.rows).unwrap_or_default();
        self.hash = by.hash.map_or(self.hash, |of| Some(hash(self.hash.unwrap_or_default(), of)));
        for (column, of) in &by.sums {
            let own = self.sums.entry(column.clone()).or_insert(Some(Decimal::ZERO));
            *own = own.zip(*of).and_then(|(own, of)| sum(own, of));
        }
        self
    }

    /// Whether these are `before` without the rows of `less`.
    pub fn are(&self, before: &Totals, less: &Totals) -> bool {
        let hash = |totals: &Totals| totals.hash.unwrap_or_default();
        self.rows + less.rows == before.rows && hash(self).wrapping_add(hash(less)) == hash(before)
    }
}

impl Stages {
    /// A row of the stage, and as the database gives it back.
    pub(super) fn pair(&mut self, columns: &[(&Column, Option<String>, Option<String>)]) {
        let compared = || columns.iter().filter(|(c, ..)| matches!(c.role, Role::Key | Role::Data));
        let (counted, back) = (self.counted.get_or_insert_default(), self.read_back.get_or_insert_default());
        let digest = counted.row(compared().map(|(c, staged, _)| (*c, staged.as_deref())));
        if compared().all(|(_, staged, held)| staged == held) {
            // Equal texts have equal digests.
            back.counted(digest);
            let numbers = compared().filter(|(c, ..)| c.kind == Kind::Number);
            numbers.for_each(|(column, _, held)| back.add(&column.name, held.as_deref()));
        } else {
            back.row(compared().map(|(c, _, held)| (*c, held.as_deref())));
        }
    }
}

/// Rows, sums and hash total of a whole table, over the columns that are compared. `key` sees every value of a key, as it stands there.
pub fn compared(store: &mut Store, table: &Table, mut key: impl FnMut(&Column, &str) + Send) -> Result<Totals> {
    let columns: Vec<&Column> = table.with(&[Role::Key, Role::Data]).map(|(_, c)| c).collect();
    let names: Vec<&str> = columns.iter().map(|c| &*c.name).collect();
    let mut totals = Totals::of(numbers(table));
    store.column_texts(&table.name, &names, |row| {
        let values = || columns.iter().copied().zip(row.iter());
        values().filter(|(c, _)| c.role == Role::Key).for_each(|(column, text)| text.into_iter().for_each(|text| key(column, text)));
        totals.row(values());
        Ok(())
    })?;
    Ok(totals)
}

/// The totals of a whole table, as the database holds it.
pub fn whole<'c>(store: &mut Store, table: &str, columns: impl IntoIterator<Item = &'c str>) -> Result<Totals> {
    let columns: Vec<&str> = columns.into_iter().collect();
    let mut totals = Totals::of(columns.iter().copied());
    let shape = store.table_shape(table)?;
    // A table without numbers is counted by whatever column comes first.
    let first = shape.as_ref().and_then(|s| s.kept().next()).map(|c| c.name.clone());
    let read: Vec<&str> = if columns.is_empty() { first.as_deref().into_iter().collect() } else { columns.clone() };
    store.column_texts(table, &read, |row| {
        totals.rows += 1;
        for (column, text) in columns.iter().zip(row.iter()) {
            totals.add(column, text);
        }
        Ok(())
    })?;
    Ok(totals)
}
