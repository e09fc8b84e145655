//! Rows of delimited text with the place of every field. Which columns there are is the caller's business.

use crate::diagnostic::{Severity, Span};
use crate::format::{Parsed, Unit};
use crate::text::{Encoding, Text};

/// What became of a row.
pub(crate) enum Account {
    Used,
    Ignored(&'static str),
    Rejected,
    /// Nothing behind it can be read either.
    GiveUp,
}

/// A fault in a field.
pub(crate) struct Wrong {
    pub(crate) field: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// A line of the table with its place in the text.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    text: &'a Text<'a>,
    raw: &'a str,
    offset: usize,
    delimiter: u8,
    pub(crate) record: &'a csv::StringRecord,
    /// The names of the fields; set by the caller once they are known.
    pub(crate) header: &'a [String],
}

impl<'a> Row<'a> {
    /// The same row, its fields named.
    pub(crate) fn under(self, header: &'a [String]) -> Row<'a> {
        Row { header, ..self }
    }

    pub(crate) fn field(&self, column: &str) -> usize {
        self.header.iter().position(|h| h == column).unwrap_or(usize::MAX)
    }

    pub(crate) fn get(&self, column: &str) -> &str {
        self.record.get(self.field(column)).unwrap_or_default().trim()
    }

    pub(crate) fn filled(&self, column: &str) -> Result<&str, Wrong> {
        match self.get(column) {
            "" => Err(self.wrong(column, "missing-value", format!("`{column}` is empty"), "every row needs it")),
            text => Ok(text),
        }
    }

    pub(crate) fn complete(&self) -> Result<(), Wrong> {
        if self.record.len() == self.header.len() {
            return Ok(());
        }
        Err(Wrong {
            field: self.record.len().min(self.header.len()),
            code: "wrong-number-of-fields",
            message: format!("{} fields where the header names {}", self.record.len(), self.header.len()),
            hint: "add or remove commas; a comma within a text needs quotation marks around the text".into(),
        })
    }

    pub(crate) fn wrong(&self, column: &str, code: &'static str, message: String, hint: &str) -> Wrong {
        Wrong { field: self.field(column), code, message, hint: hint.to_owned() }
    }

    /// Where a field stands.
    pub(crate) fn span(&self, field: usize) -> Span {
        self.text.span(self.offset + field_offset(self.raw, field, self.delimiter))
    }

    pub(crate) fn refuse(&self, out: &mut Parsed, wrong: Wrong) {
        out.note(Severity::Error, wrong.code, self.text, self.span(wrong.field), wrong.message, wrong.hint);
    }
}

/// Gives each row to `each`, and accounts for every line. Blank lines are ignored. A quotation mark that is never closed
/// is refused: it would swallow the lines behind it.
pub(crate) fn rows<'t>(text: &'t Text<'t>, delimiter: u8, out: &mut Parsed, mut each: impl FnMut(&mut Parsed, Row<'_>) -> Account) {
    out.tally.unit = Unit::Lines;
    out.tally.read = text.line_count();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_str().as_bytes());
    let mut record = csv::StringRecord::new();
    let mut accounted = 0;
    loop {
        let begin = reader.position().byte() as usize;
        let more = reader.read_record(&mut record).unwrap_or(false);
        let raw = &text.as_str()[begin..reader.position().byte() as usize];
        let skipped = raw.len() - raw.trim_start_matches(['\n', '\r']).len();
        let from = text.span(begin + skipped).line;
        let blank = if more { from - 1 - accounted } else { text.line_count() - accounted };
        out.tally.ignore("blank line", blank);
        if !more {
            break;
        }
        let lines = Text::decode(&raw.as_bytes()[skipped..], Encoding::Utf8).map_or(1, |t| t.line_count());
        accounted += blank + lines;
        if raw.trim().is_empty() {
            out.tally.ignore("blank line", lines);
            continue;
        }
        let row = Row { text, raw: &raw[skipped..], offset: begin + skipped, delimiter, record: &record, header: &[] };
        let account = if row.raw.bytes().filter(|b| *b == b'"').count() % 2 == 1 {
            let span = text.span(row.offset + row.raw.find('"').unwrap_or(0));
            let message = format!("a quotation mark is opened here and not closed within {lines} line(s)");
            let hint = "close it, or double it (\"\") where it is part of the text";
            out.note(Severity::Error, "unclosed-quote", text, span, message, hint);
            Account::Rejected
        } else {
            each(out, row)
        };
        match account {
            Account::Used => out.tally.used += lines,
            Account::Ignored(rule) => out.tally.ignore(rule, lines),
            Account::Rejected => out.tally.rejected += lines,
            Account::GiveUp => {
                out.tally.rejected = out.tally.read - out.tally.used - out.tally.ignored.values().sum::<usize>();
                return;
            }
        }
    }
}

/// Where field `n` begins in the raw record, in bytes; its end when it has no such field.
fn field_offset(raw: &str, n: usize, delimiter: u8) -> usize {
    let mut quoted = false;
    let mut fields = 0;
    for (i, b) in raw.bytes().enumerate() {
        if fields == n {
            return i;
        }
        match b {
            b'"' => quoted = !quoted,
            b if b == delimiter && !quoted => fields += 1,
            _ => {}
        }
    }
    raw.trim_end_matches(['\n', '\r']).len()
}
