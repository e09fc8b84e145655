//! One sheet of a workbook as rows of cells, whichever program wrote it. A sheet is read row by row and never held as a
//! rectangle: two cells in opposite corners would make one of seventeen billion cells.

pub(crate) mod ods;
mod package;
pub(crate) mod xlsx;
mod xml;

use crate::fields::Complaint;
use jiff::civil::DateTime;

/// What a sheet can have, in Excel as in LibreOffice.
const ROWS: u64 = 1_048_576;
const COLUMNS: usize = 16_384;

/// What a cell holds. Numbers are the workbook's own text of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Cell {
    #[default]
    Empty,
    Text(String),
    Number(String),
    Bool(bool),
    /// A day or time that the workbook writes as a text.
    Iso(String),
    /// A day or time that the workbook keeps as a number, and that number.
    Moment(Option<DateTime>, String),
    /// An error such as `#DIV/0!`, or a kind of value that no column takes.
    Other(String),
}

impl Cell {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Cell::Empty
    }

    /// The cell as a text, for headers and quotes.
    pub(crate) fn text(&self) -> &str {
        match self {
            Cell::Empty => "",
            Cell::Bool(true) => "true",
            Cell::Bool(false) => "false",
            Cell::Text(text) | Cell::Number(text) | Cell::Iso(text) | Cell::Moment(_, text) | Cell::Other(text) => text,
        }
    }
}

/// A row with something in it, from column A on.
pub(crate) struct Row<'a> {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// How many rows in all are like it, this one included.
    pub(crate) repeat: u64,
    pub(crate) cells: &'a [Cell],
}

/// Takes the rows of a sheet, from the top.
pub(crate) type Each<'e> = &'e mut dyn FnMut(Row<'_>);

/// How much may come out of a workbook: a few bytes of it can say that a value stands in a million cells.
struct Budget {
    cells: u64,
    text: u64,
}

impl Budget {
    fn new() -> Budget {
        Budget { cells: 20_000_000, text: 256 << 20 }
    }

    /// Accounts for so many cells, and bytes of text in them.
    fn charge(&mut self, sheet: &str, number: u64, cells: u64, text: u64) -> Result<(), Complaint> {
        let left = (self.cells.checked_sub(cells), self.text.checked_sub(text));
        let (Some(cells), Some(text)) = left else {
            let message =
                format!("the sheet `{sheet}` has more than 20 million cells or 256 MiB of text in the rows down to {}", number + 1);
            return Err(("too-large", message, "save what is needed of it as a sheet of its own, or as CSV".to_owned()));
        };
        *self = Budget { cells, text };
        Ok(())
    }
}

/// Which sheet is meant: the one named, else the only one.
fn choose(names: &[String], named: &str) -> Result<String, Complaint> {
    let wanted = match names {
        [only] if named.is_empty() => only,
        _ => named,
    };
    if names.iter().any(|n| n == wanted) {
        return Ok(wanted.to_owned());
    }
    let message = if wanted.is_empty() {
        format!("the workbook has {} sheets", names.len())
    } else {
        format!("the workbook has no sheet `{wanted}`")
    };
    Err(("unknown-sheet", message, format!("say `sheet` in the source's options: {}", names.join(", "))))
}

fn bad(why: impl std::fmt::Display) -> Complaint {
    let message = format!("the workbook cannot be read: {why}");
    ("bad-workbook", message, "open it in a spreadsheet program and save it again".to_owned())
}
