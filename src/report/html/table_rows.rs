//! The rows of each table, as the page's script reads them: made ready on all cores, in their order.

use super::data::{Grid, Heading, head, option, visibly, written};
use super::escape::visible;
use super::files::Files;
use crate::error::Result;
use crate::report::Outcome;
use crate::report::rows::{self, Holds, RowLine, RowTable, members};
use crate::store::{Imported, Logged, Store};
use rayon::prelude::*;
use serde_json::{Value, json};

/// How many rows of all tables together the page holds; each has a part of them.
const ROWS: usize = 100_000;

/// The rows of every table as the page has them. They may be read while other work is done, over another connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRows {
    pub(super) tables: Vec<Rows>,
    /// The files that they name.
    pub(super) files: Files,
}

/// The rows of a table, in a script of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) grid: Grid,
    pub(super) table: String,
    pub(super) script: String,
    /// How many there are, where the page does not hold all.
    pub(super) of: Option<usize>,
    /// How many name the place they come from, and how many were derived.
    pub(super) placed: usize,
    pub(super) derived: usize,
}

impl PageRows {
    /// Reads the rows as the outcome's job left them, as many as the page holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(store: &mut Store, outcome: &Outcome) -> Result<PageRows> {
        let mut found = PageRows::default();
        let (tables, files) = (&mut found.tables, &mut found.files);
        let (mut left, all_tables) = (ROWS, rows::tables(store, outcome)?);
        for (n, table) in all_tables.iter().enumerate() {
            // What one table leaves of its share is for those behind it.
            let share = left / (all_tables.len() - n);
            let mut page = Script { table, text: String::from("["), count: 0, placed: 0, derived: 0, waiting: Vec::new() };
            let all = rows::recorded(store, outcome, table, share, |row| {
                page.take(row, files);
                Ok(())
            })?;
            page.write();
            page.text.push(']');
            left = left.saturating_sub(page.count);
            let of =
                if all { None } else { Some(store.imported_count(&outcome.run.job, outcome.run.id.unwrap_or_default(), &table.name)?) };
            let Script { text: script, count, placed, derived, .. } = page;
            tables.push(Rows { grid: row_grid(n, table, count), table: table.name.clone(), script, of, placed, derived });
        }
        Ok(found)
    }
}

/// How many rows are made ready at once, on all cores.
const AT_ONCE: usize = 8192;

/// The rows of a table on their way into the page.
struct Script<'t> {
    table: &'t RowTable,
    text: String,
    count: usize,
    placed: usize,
    derived: usize,
    /// With the numbers of the files that their changes came from.
    waiting: Vec<(Imported, Vec<Option<usize>>)>,
}

impl Script<'_> {
    fn take(&mut self, row: Imported, files: &mut Files) {
        let Some((last, earlier)) = row.changes.split_last() else { return };
        // Files are numbered as they come up: that of the last change first.
        let own = file(last, files);
        let mut places: Vec<Option<usize>> = earlier.iter().map(|change| file(change, files)).collect();
        places.push(own);
        self.placed += usize::from(own.is_some());
        self.derived += usize::from(last.derived.is_some());
        self.count += 1;
        self.waiting.push((row, places));
        if self.waiting.len() == AT_ONCE {
            self.write();
        }
    }

    fn write(&mut self) {
        let texts: Vec<String> =
            std::mem::take(&mut self.waiting).into_par_iter().map(|(row, places)| row_text(self.table.line(row), &places)).collect();
        for text in texts {
            self.text.push_str(if self.text.len() > 1 { ",\n" } else { "" });
            self.text.push_str(&text);
        }
    }
}

fn row_text(row: RowLine, places: &[Option<usize>]) -> String {
    let Some(last) = row.changes.last() else { return String::new() };
    let mut cells: Vec<Value> = row.cells.iter().map(|c| option(c.as_deref())).collect();
    let mut more = json!([
        places.last(),
        last.line,
        last.column,
        option(last.pointer.as_deref()),
        last.run,
        last.operation,
        option(last.derived.as_deref())
    ]);
    if let (Value::Array(more), true) = (&mut more, row.changes.len() > 1) {
        more.push(row.changes.iter().zip(places).map(|(change, place)| history(change, *place)).collect());
    }
    cells.push(more);
    written(&Value::Array(cells))
}

fn row_grid(n: usize, table: &RowTable, count: usize) -> Grid {
    let kind = |holds: Holds| match holds {
        Holds::Number => "n",
        Holds::Moment => "d",
        Holds::Text => "t",
    };
    let columns: Vec<Heading<'_>> = table.columns.iter().map(|(name, holds)| (name.as_str(), kind(*holds))).collect();
    let by_time = table.columns.iter().position(|(_, holds)| *holds == Holds::Moment);
    let id = format!("g-rows-{n}");
    let head = head(&id, &visible(&table.name), &columns, "row", by_time);
    let json = format!("{},\"from\":\"rows-{n}\"}}", head.trim_end_matches('}'));
    Grid { id, count, json }
}

fn file(change: &Logged, files: &mut Files) -> Option<usize> {
    Some(files.number(change.path.as_deref()?, change.sha256.as_deref().unwrap_or_default()))
}

fn history(change: &Logged, place: Option<usize>) -> Value {
    let side = |text: &Option<String>| text.as_deref().map_or(Value::Null, |t| visibly(&members(t)));
    json!([
        change.run,
        change.operation,
        side(&change.before),
        side(&change.after),
        place,
        change.line,
        change.column,
        option(change.pointer.as_deref())
    ])
}
