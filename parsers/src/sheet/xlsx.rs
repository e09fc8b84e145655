//! A sheet of an Excel workbook, cell by cell as the file has them.

use super::{Budget, COLUMNS, Cell, Each, ROWS, Row, bad, choose, package};
use crate::fields::Complaint;
use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use jiff::civil::DateTime;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The names of the sheets.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<String>, Complaint> {
    package::look_over(bytes)?;
    let book: Xlsx<_> = guarded(|| Xlsx::new(Cursor::new(bytes)))?;
    Ok(book.sheet_names())
}

/// Gives each row of the sheet to `each`, with the sheet's name.
pub(crate) fn read(bytes: &[u8], named: &str, each: &mut dyn FnMut(&str, Row<'_>)) -> Result<(), Complaint> {
    package::look_over(bytes)?;
    let mut book: Xlsx<_> = guarded(|| Xlsx::new(Cursor::new(bytes)))?;
    let sheet = choose(&book.sheet_names(), named)?;
    let mut cells = guarded(|| book.worksheet_cells_reader(&sheet))?;
    let mut rows = Rows { budget: Budget::new(), sheet: &sheet, number: 0, cells: Vec::new() };
    let each: Each<'_> = &mut |row| each(&sheet, row);
    while let Some(cell) = guarded(|| cells.next_cell())? {
        let at = cell.get_position();
        match value(cell.get_value()) {
            Cell::Empty => {}
            value => rows.put(at, value, each)?,
        }
    }
    rows.give(each)
}

/// The row that is being filled.
struct Rows<'a> {
    budget: Budget,
    sheet: &'a str,
    number: u64,
    cells: Vec<Cell>,
}

impl Rows<'_> {
    fn put(&mut self, (row, column): (u32, u32), value: Cell, each: Each<'_>) -> Result<(), Complaint> {
        let (row, column) = (u64::from(row), column as usize);
        if row >= ROWS || column >= COLUMNS {
            return Err(bad(format!("it has a cell in row {} and column {}, beyond any sheet", row + 1, column + 1)));
        }
        if row != self.number {
            self.give(each)?;
        }
        if row < self.number {
            return Err(bad(format!("row {} stands behind row {}", row + 1, self.number + 1)));
        }
        self.number = row;
        if self.cells.len() <= column {
            self.cells.resize(column + 1, Cell::Empty);
        }
        if !self.cells[column].is_empty() {
            return Err(bad(format!("the cell in row {} and column {} stands there twice", row + 1, column + 1)));
        }
        self.cells[column] = value;
        Ok(())
    }

    fn give(&mut self, each: Each<'_>) -> Result<(), Complaint> {
        let text: usize = self.cells.iter().map(|c| c.text().len()).sum();
        self.budget.charge(self.sheet, self.number, self.cells.len() as u64, text as u64)?;
        if !self.cells.is_empty() {
            each(Row { number: self.number, repeat: 1, cells: &self.cells });
            self.cells.clear();
        }
        Ok(())
    }
}

/// Calls the workbook reader, which counts rows and columns in numbers that a damaged file makes overflow: that is a panic
/// (in release builds, too: see `Cargo.toml`), and here an unreadable workbook.
fn guarded<T, E: std::fmt::Display>(call: impl FnOnce() -> Result<T, E>) -> Result<T, Complaint> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(bad),
        Err(_) => Err(bad("a number in it is too large")),
    }
}

fn value(data: &DataRef<'_>) -> Cell {
    match data {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) if !text.is_empty() => Cell::Text(text.clone()),
        DataRef::SharedString(text) if !text.is_empty() => Cell::Text((*text).to_owned()),
        DataRef::String(_) | DataRef::SharedString(_) => Cell::Empty,
        DataRef::Int(number) => Cell::Number(number.to_string()),
        DataRef::Float(number) => Cell::Number(number.to_string()),
        DataRef::Bool(flag) => Cell::Bool(*flag),
        DataRef::DateTimeIso(text) => Cell::Iso(text.clone()),
        DataRef::DateTime(serial) => Cell::Moment(moment(serial), serial.to_string()),
        DataRef::DurationIso(text) => Cell::Other(text.clone()),
        DataRef::Error(error) => Cell::Other(error.to_string()),
    }
}

fn moment(serial: &ExcelDateTime) -> Option<DateTime> {
    let (year, month, day, hour, minute, second, _) = serial.to_ymd_hms_milli();
    DateTime::new(i16::try_from(year).ok()?, month as i8, day as i8, hour as i8, minute as i8, second as i8, 0).ok()
}
