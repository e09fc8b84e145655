//! `xlsx` and `ods`: one sheet of a workbook, whose first row names the columns.
//!
//! A workbook's numbers have fifteen significant digits: they are read as the shortest decimal that stands for them. Dates
//! come as the workbook's own; texts are read by the source's rules. Cells are counted as `Sheet!B7`.

use crate::amount::exact_decimal;
use crate::diagnostic::{Diagnostic, Severity, Span, nearest};
use crate::fields::{Complaint, Field, FieldKind, READING, Reading, missing};
use crate::format::{Context, Format, OptionSpec, OptionValue, Parsed, Unit};
use crate::month::Month;
use crate::record::{FieldValue, Located, Record};
use crate::text::Text;
use calamine::{Data, DataType, Range, Reader};
use std::io::Cursor;

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
    ($format:ident, $name:literal, $about:literal, $reader:ty) => {
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

            fn parse(&self, _text: &Text<'_>, _context: &Context<'_>, _out: &mut Parsed) {}

            fn parse_bytes(&self, bytes: &[u8], context: &Context<'_>, out: &mut Parsed) -> bool {
                out.encoding = "binary";
                let opened = <$reader>::new(Cursor::new(bytes)).map_err(|e| e.to_string());
                let sheets = opened.map(|mut book| {
                    let names = book.sheet_names();
                    let wanted = context.options.text("sheet", if names.len() == 1 { &names[0] } else { "" }).to_owned();
                    (names, wanted.clone(), book.worksheet_range(&wanted).ok())
                });
                sheet(sheets, context, out);
                true
            }
        }
    };
}

workbook!(Xlsx, "xlsx", "a sheet of an Excel workbook, whose first row names the columns", calamine::Xlsx<Cursor<&[u8]>>);
workbook!(Ods, "ods", "a sheet of an OpenDocument spreadsheet, whose first row names the columns", calamine::Ods<Cursor<&[u8]>>);

/// Names of the sheets, the one wanted, and its cells.
type Sheets = Result<(Vec<String>, String, Option<Range<Data>>), String>;

fn sheet(sheets: Sheets, context: &Context<'_>, out: &mut Parsed) {
    out.tally.unit = Unit::Lines;
    let whole = || Span { line: 1, column: 1, pointer: None };
    let (names, wanted, range) = match sheets {
        Ok(sheets) => sheets,
        Err(why) => {
            (out.tally.read, out.tally.rejected) = (1, 1);
            return note(
                out,
                "bad-workbook",
                whole(),
                format!("the workbook cannot be read: {why}"),
                "open it in a spreadsheet program and save it again",
                Severity::Error,
            );
        }
    };
    let Some(range) = range else {
        (out.tally.read, out.tally.rejected) = (1, 1);
        let message = if wanted.is_empty() {
            format!("the workbook has {} sheets", names.len())
        } else {
            format!("the workbook has no sheet `{wanted}`")
        };
        return note(
            out,
            "unknown-sheet",
            whole(),
            message,
            &format!("say `sheet` in the source's options: {}", names.join(", ")),
            Severity::Error,
        );
    };
    let (first_row, first_column) = range.start().unwrap_or((0, 0));
    let place = |row: usize, column: usize| {
        let (row, column) = (first_row as usize + row + 1, first_column as usize + column + 1);
        Span { line: row, column, pointer: Some(format!("{wanted}!{}{row}", letters(column))) }
    };
    let mut rows = range.rows().enumerate();
    out.tally.read = range.height();
    let Some((_, header)) = rows.next() else {
        return note(out, "empty-file", whole(), "the sheet is empty".into(), "check that it is the right sheet", Severity::Error);
    };
    let header: Vec<String> = header.iter().map(|cell| cell.to_string().trim().to_owned()).collect();
    let mut at = Vec::new();
    for field in context.fields {
        let Some(n) = header.iter().position(|h| *h == field.from) else {
            let hint = match nearest(&field.from, header.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? See `columns` of the source"),
                None => format!("the first row has: {}", header.join(", ")),
            };
            out.tally.rejected = out.tally.read;
            let message = format!("the column `{}` for {} is missing", field.from, field.name);
            return note(out, "unknown-header", place(0, 0), message, &hint, Severity::Error);
        };
        at.push(n);
    }
    out.tally.ignore("header", 1);
    let left: Vec<&str> = header.iter().enumerate().filter(|(n, h)| !at.contains(n) && !h.is_empty()).map(|(_, h)| h.as_str()).collect();
    if !left.is_empty() {
        let message = format!("columns that are not loaded: {}", left.join(", "));
        note(out, "not-loaded", place(0, 0), message, "name them in `columns` of the source to load them", Severity::Info);
    }
    let reading = Reading::new(context.options, context.timezone);
    for (row, cells) in rows {
        if cells.iter().all(DataType::is_empty) {
            out.tally.ignore("blank line", 1);
            continue;
        }
        let mut values = Vec::with_capacity(at.len());
        let mut complete = true;
        for (field, n) in context.fields.iter().zip(&at) {
            match value(&cells[*n], field, &reading) {
                Ok(value) => values.push(value),
                Err((code, message, hint)) => {
                    note(out, code, place(row, *n), message, &hint, Severity::Error);
                    complete = false;
                }
            }
        }
        for diagnostic in out.diagnostics.iter_mut().filter(|d| d.quote.is_empty() && d.severity == Severity::Error) {
            diagnostic.quote = quoted(cells);
        }
        if complete {
            out.records.push(Located { value: Record::Row { values }, span: place(row, 0) });
            out.tally.used += 1;
        } else {
            out.tally.rejected += 1;
        }
    }
}

fn value(cell: &Data, field: &Field, reading: &Reading<'_>) -> Result<Option<FieldValue>, Complaint> {
    let wrong = |what: String| {
        (
            "wrong-type",
            format!("{}: {what} does not fit here", field.name),
            "mend the cell, or declare the column with another type".to_owned(),
        )
    };
    match (cell, field.kind) {
        (Data::Empty, _) if field.required => Err(missing(field)),
        (Data::Empty, _) => Ok(None),
        (Data::String(text), _) => reading.read(field, text),
        (Data::DateTimeIso(text), _) => reading.read(field, text),
        (Data::Bool(flag), FieldKind::Bool) => Ok(Some(FieldValue::Bool(*flag))),
        (Data::Int(_) | Data::Float(_), FieldKind::Integer | FieldKind::Decimal { .. } | FieldKind::Bool) => {
            Reading::plain(field, &fifteen_digits(&cell.to_string()))
        }
        (Data::Int(_) | Data::Float(_), FieldKind::Text) => Ok(Some(FieldValue::Text(fifteen_digits(&cell.to_string())))),
        (Data::DateTime(moment), kind) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let time = jiff::civil::DateTime::new(year as i16, month as i8, day as i8, hour as i8, minute as i8, second as i8, 0)
                .map_err(|e| wrong(e.to_string()))?;
            match kind {
                FieldKind::Date => Ok(Some(FieldValue::Date(time.date()))),
                FieldKind::Month => Ok(Some(FieldValue::Month(Month::of(time.date())))),
                _ => reading.read(field, &time.to_string()),
            }
        }
        (Data::Error(error), _) => Err(wrong(format!("the error {error}"))),
        (other, _) => Err(wrong(format!("`{other}`"))),
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
    out.diagnostics.push(Diagnostic { code, severity, span, message, hint: hint.to_owned(), quote: String::new() });
}

/// A row of the sheet as one line, for quoting.
fn quoted(cells: &[Data]) -> String {
    let line = cells.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    line.chars().take(200).collect()
}
