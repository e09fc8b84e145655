//! `xlsx` and `ods`: one sheet of a workbook, whose first row names the columns.
//!
//! A workbook's numbers have fifteen significant digits: they are read as the shortest decimal that stands for them. Dates
//! come as the workbook's own; texts are read by the source's rules. Cells are counted as `Sheet!B7`.

use crate::amount::exact_decimal;
use crate::diagnostic::{Diagnostic, Severity, Span, nearest};
use crate::fields::{Complaint, Field, FieldKind, READING, Reading, missing};
use crate::format::{Context, Format, OptionSpec, OptionValue};
use crate::month::Month;
use crate::parsed::{Parsed, Unit};
use crate::record::{FieldValue, Located, Record};
use crate::sheet::{self, Cell, Row};

/// Excel workbooks.
pub struct Xlsx;

/// OpenDocument spreadsheets.
pub struct Ods;

const SHEET: OptionSpec = OptionSpec {
    name: "sheet",
    takes: "the name of the sheet; the only one when it is not given",
    fits: |v| matches!(v, OptionValue::Text(t) if !t.is_empty()),
};
const OPTIONS: [OptionSpec; 7] = [SHEET, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]];

macro_rules! workbook {
    ($format:ident, $name:literal, $about:literal, $reader:path) => {
        impl Format for $format {
            fn name(&self) -> &'static str {
                $name
            }

            fn about(&self) -> &'static str {
                $about
            }

            fn reads_tables(&self) -> bool {
                true
            }

            fn options(&self) -> &'static [OptionSpec] {
                &OPTIONS
            }

            fn parse_bytes(&self, bytes: &[u8], context: &Context<'_>, out: &mut Parsed) -> bool {
                out.encoding = "binary";
                out.tally.unit = Unit::Lines;
                let mut table = Table::new(context, out);
                let read = $reader(bytes, context.options.text("sheet", ""), &mut |sheet, row| table.row(sheet, &row));
                table.end(read);
                true
            }
        }
    };
}

workbook!(Xlsx, "xlsx", "a sheet of an Excel workbook, whose first row names the columns", sheet::xlsx::read);
workbook!(Ods, "ods", "a sheet of an OpenDocument spreadsheet, whose first row names the columns", sheet::ods::read);

/// The rows of a sheet on their way to records.
struct Table<'a> {
    context: &'a Context<'a>,
    reading: Reading<'a>,
    out: &'a mut Parsed,
    header: Option<Header>,
    /// The row that comes next, from 0.
    next: u64,
    /// Where a value stands in a column without a name; that is said once.
    stray: bool,
}

/// The first row.
struct Header {
    names: Vec<String>,
    /// The first column that has a name, from 0.
    first: usize,
    /// Where the fields are; `None` when one is missing, and no row can be read.
    at: Option<Vec<usize>>,
}

impl<'a> Table<'a> {
    fn new(context: &'a Context<'a>, out: &'a mut Parsed) -> Table<'a> {
        let reading = Reading::new(context.options, context.timezone);
        Table { context, reading, out, header: None, next: 0, stray: false }
    }

    /// Takes the next row that has something in it; those passed over are blank.
    fn row(&mut self, sheet: &str, row: &Row<'_>) {
        let Some(header) = self.header.take() else {
            self.next = row.number + 1;
            let header = self.read_header(sheet, row);
            // Where the first row stands there several times, the others are rows as any.
            self.header = Some(header);
            if row.repeat > 1 {
                self.row(sheet, &Row { number: row.number + 1, repeat: row.repeat - 1, cells: row.cells });
            }
            return;
        };
        let (blank, alike) = ((row.number - self.next) as usize, row.repeat as usize);
        self.next = row.number + row.repeat;
        self.out.tally.read += blank + alike;
        match &header.at {
            Some(at) => {
                self.out.tally.ignore("blank line", blank);
                self.note_stray(sheet, row, &header);
                for n in 0..row.repeat {
                    self.read_row(sheet, row.number + n, row.cells, at, header.first);
                }
            }
            None => self.out.tally.rejected += blank + alike,
        }
        self.header = Some(header);
    }

    fn read_header(&mut self, sheet: &str, row: &Row<'_>) -> Header {
        let names: Vec<String> = row.cells.iter().map(|cell| cell.text().trim().to_owned()).collect();
        let first = names.iter().position(|n| !n.is_empty()).unwrap_or(0);
        let named: Vec<&str> = names.iter().map(String::as_str).filter(|n| !n.is_empty()).collect();
        let mut at = Vec::new();
        self.out.tally.read += 1;
        for field in self.context.fields {
            let Some(n) = names.iter().position(|h| *h == field.from) else {
                let hint = match nearest(&field.from, named.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? See `columns` of the source"),
                    None => format!("the first row has: {}", named.join(", ")),
                };
                self.out.tally.rejected += 1;
                let message = format!("the column `{}` for {} is missing", field.from, field.name);
                note(self.out, "unknown-header", place(sheet, row.number, first), message, &hint, Severity::Error);
                return Header { names, first, at: None };
            };
            at.push(n);
        }
        self.out.tally.ignore("header", 1);
        let left: Vec<&str> = names.iter().enumerate().filter(|(n, h)| !at.contains(n) && !h.is_empty()).map(|(_, h)| h.as_str()).collect();
        if !left.is_empty() {
            let message = format!("columns that are not loaded: {}", left.join(", "));
            let hint = "name them in `columns` of the source to load them";
            note(self.out, "not-loaded", place(sheet, row.number, first), message, hint, Severity::Info);
        }
        Header { names, first, at: Some(at) }
    }

    fn note_stray(&mut self, sheet: &str, row: &Row<'_>, header: &Header) {
        let nameless = |n: usize| header.names.get(n).is_none_or(String::is_empty);
        let stray = row.cells.iter().enumerate().find(|(n, cell)| !cell.is_empty() && nameless(*n));
        if let Some((n, _)) = stray.filter(|_| !std::mem::replace(&mut self.stray, true)) {
            let message = "there are values in columns that the first row does not name, here and perhaps further down";
            let hint = "give the column a name to load it; remove what does not belong to the table";
            note(self.out, "not-loaded", place(sheet, row.number, n), message.to_owned(), hint, Severity::Info);
        }
    }

    fn read_row(&mut self, sheet: &str, number: u64, cells: &[Cell], at: &[usize], first: usize) {
        let mut values = Vec::with_capacity(at.len());
        let mut complete = true;
        for (field, n) in self.context.fields.iter().zip(at) {
            match value(cells.get(*n).unwrap_or(&Cell::Empty), field, &self.reading) {
                Ok(value) => values.push(value),
                Err((code, message, hint)) => {
                    note(self.out, code, place(sheet, number, *n), message, &hint, Severity::Error);
                    if let Some(diagnostic) = self.out.diagnostics.last_mut() {
                        diagnostic.quote = quoted(cells);
                    }
                    complete = false;
                }
            }
        }
        if complete {
            self.out.records.push(Located { value: Record::Row { values }, span: place(sheet, number, first) });
            self.out.tally.used += 1;
        } else {
            self.out.tally.rejected += 1;
        }
    }

    /// Says what kept the sheet from being read to its end, and that it is empty where it is.
    fn end(self, read: Result<(), Complaint>) {
        let whole = Span { line: 1, column: 1, pointer: None };
        match read {
            Err((code, message, hint)) => {
                self.out.tally.read += 1;
                self.out.tally.rejected += 1;
                note(self.out, code, whole, message, &hint, Severity::Error);
            }
            Ok(()) if self.header.is_none() => {
                note(self.out, "empty-file", whole, "the sheet is empty".into(), "check that it is the right sheet", Severity::Error);
            }
            Ok(()) => {}
        }
    }
}

/// A cell's place: row and column from 0, from 1 in what is shown.
fn place(sheet: &str, row: u64, column: usize) -> Span {
    let (row, column) = (row as usize + 1, column + 1);
    Span { line: row, column, pointer: Some(format!("{sheet}!{}{row}", letters(column))) }
}

fn value(cell: &Cell, field: &Field, reading: &Reading<'_>) -> Result<Option<FieldValue>, Complaint> {
    let wrong = |what: &str| {
        (
            "wrong-type",
            format!("{}: {what} does not fit here", field.name),
            "mend the cell, or declare the column with another type".to_owned(),
        )
    };
    match (cell, field.kind) {
        (Cell::Empty, _) if field.required => Err(missing(field)),
        (Cell::Empty, _) => Ok(None),
        (Cell::Text(text) | Cell::Iso(text), _) => reading.read(field, text),
        (Cell::Bool(flag), FieldKind::Bool) => Ok(Some(FieldValue::Bool(*flag))),
        (Cell::Number(text), FieldKind::Integer | FieldKind::Decimal { .. } | FieldKind::Bool) => {
            Reading::plain(field, &fifteen_digits(text))
        }
        (Cell::Number(text), FieldKind::Text) => Ok(Some(FieldValue::Text(fifteen_digits(text)))),
        (Cell::Moment(None, text), _) => Err(wrong(&format!("the day {text}"))),
        (Cell::Moment(Some(time), _), FieldKind::Date) => Ok(Some(FieldValue::Date(time.date()))),
        (Cell::Moment(Some(time), _), FieldKind::Month) => Ok(Some(FieldValue::Month(Month::of(time.date())))),
        (Cell::Moment(Some(time), _), _) => reading.read(field, &time.to_string()),
        (other, _) => Err(wrong(&format!("`{}`", other.text()))),
    }
}

/// The shortest decimal of a workbook's number, with no more digits than a workbook keeps.
pub(crate) fn fifteen_digits(text: &str) -> String {
    exact_decimal(text).map_or_else(|| text.to_owned(), |n| n.round_sf(15).unwrap_or(n).normalize().to_string())
}

/// `1` is A, `27` is AA.
fn letters(mut column: usize) -> String {
    let mut letters = Vec::new();
    while column > 0 {
        column -= 1;
        letters.push(char::from(b'A' + (column % 26) as u8));
        column /= 26;
    }
    letters.iter().rev().collect()
}

fn note(out: &mut Parsed, code: &'static str, span: Span, message: String, hint: &str, severity: Severity) {
    out.push(Diagnostic { code, severity, span, message, hint: hint.to_owned(), quote: String::new(), caret: 1 });
}

/// A row of the sheet as one line, for quoting.
fn quoted(cells: &[Cell]) -> String {
    let mut line = String::new();
    for (n, cell) in cells.iter().enumerate().take_while(|(n, _)| *n < 100) {
        line.push_str(if n > 0 { " | " } else { "" });
        line.extend(cell.text().chars().take(200));
    }
    line.chars().take(200).collect()
}
