//! The report as a workbook: a sheet a table, numbers and days as such, headings that stay, filters. What comes from data is
//! never a formula. Rows are written as they come, so that a sheet may be larger than memory.

use super::Outcome;
use super::sheets::{Cell, Sheets};
use crate::error::{Result, Stop};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatBorder, Workbook, Worksheet, XlsxError};
use std::path::Path;
use tieout_parsers::exact_decimal;

/// The rows that a sheet takes, its heading included.
const MOST: u32 = 1_048_576;
/// The characters that a cell takes.
const CELL: usize = 32_767;
/// The digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;
/// The rows in which long texts are wrapped: each takes the program that opens the book a look.
const WRAPPED: u32 = 200;

/// A workbook being written.
pub(super) struct Book {
    book: Workbook,
    name: String,
    headings: Vec<String>,
    row: u32,
    part: usize,
    heading: Format,
    day: Format,
    moment: Format,
    wrapped: Format,
}

fn refused(error: &XlsxError) -> Stop {
    Stop::usage(format!("cannot write the workbook: {error}"), "choose a place that can be written to with --report DIR")
}

impl Book {
    pub(super) fn new(outcome: &Outcome) -> Book {
        let mut book = Workbook::new();
        // The time of writing would make every copy another file.
        let begun = outcome.run.started_at.get(..19).and_then(|t| ExcelDateTime::parse_from_str(t).ok());
        let title = format!("tieout {} {}", outcome.run.job, outcome.run.id.unwrap_or_default());
        let properties = DocProperties::new().set_title(title).set_author("tieout");
        book.set_properties(&begun.map_or(properties.clone(), |begun| properties.set_creation_datetime(&begun)));
        let heading = Format::new().set_bold().set_border_bottom(FormatBorder::Thin).set_text_wrap();
        let [day, moment] = ["yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"].map(|f| Format::new().set_num_format(f));
        let wrapped = Format::new().set_text_wrap();
        Book { book, name: String::new(), headings: Vec::new(), row: 0, part: 0, heading, day, moment, wrapped }
    }

    pub(super) fn close(mut self, path: &Path) -> Result<()> {
        self.end().map_err(|e| refused(&e))?;
        self.book.save(path).map_err(|e| refused(&e))
    }

    fn begin(&mut self) -> std::result::Result<(), XlsxError> {
        self.part += 1;
        let name = sheet_name(&self.name, self.part);
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (n, heading) in self.headings.iter().enumerate() {
            let column = u16::try_from(n).unwrap_or(u16::MAX);
            // Columns must be as wide as they are before the first row is written.
            let wide: u16 =
                match heading.as_str() {
                    "Message" | "Explanation" | "Text" | "Quoted line" | "Meddelande" | "Förklaring" | "Citerad rad" | "Value"
                    | "Värde" => 60,
                    "File" | "Fil" | "file" | "Place" | "Plats" | "Reason" | "Orsak" | "Key" | "Nyckel" | "SHA-256" | "sha256"
                    | "Version" => 34,
                    _ => 16,
                };
            sheet.set_column_width(column, wide)?;
            sheet.write_string_with_format(0, column, cut(heading), &self.heading)?;
        }
        self.row = 1;
        Ok(())
    }

    /// The filter needs to know where a sheet ends.
    fn end(&mut self) -> std::result::Result<(), XlsxError> {
        let last = u16::try_from(self.headings.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let row = self.row.saturating_sub(1);
        let at = self.book.worksheets().len();
        if at > 0 && !self.headings.is_empty() {
            self.book.worksheet_from_index(at - 1)?.autofilter(0, 0, row.max(1), last)?;
        }
        Ok(())
    }

    fn write(&mut self, cells: &[Cell<'_>]) -> std::result::Result<(), XlsxError> {
        if self.row >= MOST {
            self.end()?;
            self.begin()?;
        }
        let row = self.row;
        let at = self.book.worksheets().len() - 1;
        let sheet = self.book.worksheet_from_index(at)?;
        for (n, cell) in cells.iter().enumerate() {
            let column = u16::try_from(n).unwrap_or(u16::MAX);
            match cell {
                Cell::Nothing => {}
                Cell::Text(text) if row < WRAPPED && text.len() > 60 => {
                    sheet.write_string_with_format(row, column, cut(text), &self.wrapped)?;
                }
                Cell::Text(text) => {
                    sheet.write_string(row, column, cut(text))?;
                }
                Cell::Number(text) => number(sheet, row, column, text)?,
                Cell::Moment(text) => moment(sheet, row, column, text, &self.day, &self.moment)?,
            }
        }
        self.row += 1;
        Ok(())
    }
}

/// A number that a spreadsheet can keep to the last digit; as a text where it cannot.
fn number(sheet: &mut Worksheet, row: u32, column: u16, text: &str) -> std::result::Result<(), XlsxError> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match exact_decimal(text).filter(|_| digits <= DIGITS) {
        Some(number) => sheet.write(row, column, number).map(drop),
        None => sheet.write_string(row, column, cut(text)).map(drop),
    }
}

/// A day or a point in time, from 1900 on; a month stays a text.
fn moment(sheet: &mut Worksheet, row: u32, column: u16, text: &str, day: &Format, moment: &Format) -> std::result::Result<(), XlsxError> {
    let later = text.get(..4).is_some_and(|year| year >= "1901");
    if let (10, true, Ok(date)) = (text.len(), later, text.parse::<jiff::civil::Date>()) {
        return sheet.write_with_format(row, column, &date, day).map(drop);
    }
    // What is finer than a second would be rounded.
    if let (19, true, Ok(time)) = (text.len(), later, text.parse::<jiff::civil::DateTime>()) {
        return sheet.write_with_format(row, column, &time, moment).map(drop);
    }
    sheet.write_string(row, column, cut(text)).map(drop)
}

/// As much of a text as a cell takes; the reader is told that there is more.
fn cut(text: &str) -> String {
    if text.encode_utf16().count() <= CELL {
        return text.to_owned();
    }
    let mut room = CELL - 1;
    let kept: String = text.chars().take_while(|c| room.checked_sub(c.len_utf16()).inspect(|left| room = *left).is_some()).collect();
    kept + "…"
}

/// A name that a sheet may have, of 31 characters at most.
fn sheet_name(name: &str, part: usize) -> String {
    let end = if part > 1 { format!(" {part}") } else { String::new() };
    let plain: String =
        name.chars().map(|c| if "[]:*?/\\'".contains(c) || c.is_control() { '_' } else { c }).take(31 - end.len()).collect();
    plain + &end
}

impl Sheets for Book {
    fn sheet(&mut self, name: &str, headings: &[&str]) -> Result<()> {
        self.end().map_err(|e| refused(&e))?;
        self.name = name.to_owned();
        self.headings = headings.iter().map(|h| (*h).to_owned()).collect();
        // Two tables may come out with one name.
        let taken = self.book.worksheets().iter().any(|s| s.name().eq_ignore_ascii_case(&sheet_name(name, 1)));
        self.part = if taken { self.book.worksheets().len() } else { 0 };
        self.begin().map_err(|e| refused(&e))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        self.write(cells).map_err(|e| refused(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_fit_their_cells() {
        assert_eq!(sheet_name("a/b:c", 1), "a_b_c");
        assert_eq!(sheet_name(&"x".repeat(40), 12).len(), 31);
        assert_eq!(cut(&"å".repeat(40_000)).encode_utf16().count(), CELL);
        assert_eq!(cut("abc"), "abc");
    }
}
