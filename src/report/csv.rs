//! The report as CSV files, a table each. No text in them is taken for a formula by a spreadsheet.

use super::sheets::{Cell, Sheets};
use crate::error::{Result, Stop, io_words};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A folder of CSV files.
pub(super) struct CsvFolder {
    folder: PathBuf,
    open: Option<(PathBuf, csv::Writer<File>)>,
}

impl CsvFolder {
    pub(super) fn new(folder: &Path) -> Result<CsvFolder> {
        std::fs::create_dir_all(folder).map_err(|e| cannot(folder, &e))?;
        Ok(CsvFolder { folder: folder.to_owned(), open: None })
    }

    pub(super) fn close(mut self) -> Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.open.take().map_or(Ok(()), |(path, mut file)| file.flush().map_err(|e| cannot(&path, &e)))
    }

    fn put(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        let Some((path, file)) = &mut self.open else { return Ok(()) };
        // Some tables have rows that end early.
        file.write_record(cells).map_err(|e| match e.into_kind() {
            csv::ErrorKind::Io(e) => cannot(path, &e),
            other => Stop::usage(format!("cannot write {}: {other:?}", path.display()), ""),
        })
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format!("cannot write {}: {}", path.display(), io_words(error)), "choose a place that can be written to with --report DIR")
}

impl Sheets for CsvFolder {
    fn sheet(&mut self, name: &str, headings: &[&str]) -> Result<()> {
        self.flush()?;
        let path = self.folder.join(format!("{}.csv", file_name(name)));
        let file = File::create(&path).map_err(|e| cannot(&path, &e))?;
        self.open = Some((path, csv::WriterBuilder::new().flexible(true).from_writer(file)));
        self.put(headings.iter().map(|h| inert(h)))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        self.put(cells.iter().map(|cell| match cell {
            Cell::Nothing => String::new(),
            Cell::Text(text) => inert(text),
            Cell::Number(exact) if tieout_parsers::exact_decimal(exact).is_none() => inert(exact),
            Cell::Number(exact) => exact.to_string(),
            Cell::Moment(text) => inert(text),
        }))
    }
}

/// A table's name as one of a file.
pub(super) fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' }).collect()
}

/// A text that no spreadsheet takes for a formula, also where it looks past what cannot be seen.
pub fn inert(text: &str) -> String {
    let unseen = |c: char| c.is_whitespace() || c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || c == '\u{feff}';
    // The last four are the wide forms, which some take for the narrow ones.
    let begins = text.trim_start_matches(unseen).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if begins || text.starts_with(['\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{file_name, inert};

    #[test]
    fn a_formula_becomes_a_text_and_a_text_stays_one() {
        for formula in ["=1", "+1", "-1+2", "@SUM(1)", "\t=1", "\rx", " =1", "\u{a0}\n=1", "\u{feff}=1", "\0=1", "＝1", "-"] {
            assert_eq!(inert(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in ["", "a=1", "'=1", "1-2", "Åsa", "(1)", " x", "2025-10-01"] {
            assert_eq!(inert(text), text);
        }
    }

    #[test]
    fn a_table_cannot_leave_the_folder() {
        assert_eq!(file_name("../etc/x"), "___etc_x");
    }
}
