//! Rows of delimited text with the place of every field. Which columns there are is the caller's business.

use crate::diagnostic::{Severity, Span};
use crate::parsed::{Parsed, Unit};
use crate::record::Record;
use crate::text::{Text, line_starts};
use rust_decimal::Decimal;
use std::ops::{ControlFlow, Range};

/// What became of a row.
pub(crate) enum Account {
    Used(Record),
    Ignored(&'static str),
    /// With what it is worth, where that can be read.
    Rejected(Option<Decimal>),
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

/// Behind the last row that is whole, where no field goes on. As the reader has it, a quotation mark opens a field only where the field
/// begins, and two of them within are one that does not close it.
pub(crate) fn last_row_end(text: &str, delimiter: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let sure = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let (mut quoted, mut end, mut behind) = (false, None, 0);
    for at in memchr::memchr3_iter(b'"', b'\n', b'\r', sure) {
        let begins = || at == 0 || [delimiter, b'\n', b'\r'].contains(&sure[at - 1]);
        match sure[at] {
            _ if at < behind => {}
            b'"' if quoted && sure.get(at + 1) == Some(&b'"') => behind = at + 2,
            b'"' if quoted => quoted = false,
            b'"' => quoted = begins(),
            _ if !quoted => end = Some(at + 1),
            _ => {}
        }
    }
    end
}

/// Gives each row to `each`, and accounts for every line. Blank lines are ignored. A quotation mark that is never closed
/// is refused: it would swallow the lines behind it.
pub(crate) fn rows<'t>(
    text: &'t Text<'t>,
    delimiter: u8,
    only: Option<&[Range<usize>]>,
    out: &mut Parsed,
    mut each: impl FnMut(&mut Parsed, Row<'_>) -> Account,
) -> ControlFlow<()> {
    out.tally.unit = Unit::Lines;
    out.tally.read += text.line_count();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_str().as_bytes());
    let mut record = csv::StringRecord::new();
    let mut accounted = 0;
    loop {
        let begin = reader.position().byte() as usize;
        let more = reader.read_record(&mut record).unwrap_or(false);
        let raw = &text.as_str()[begin..reader.position().byte() as usize];
        let skipped = raw.len() - raw.trim_start_matches(['\n', '\r']).len();
        let from = text.span(begin + skipped).line - text.first_line();
        let blank = if more { from - accounted } else { text.line_count() - accounted };
        out.tally.ignore("blank line", blank);
        if !more {
            return ControlFlow::Continue(());
        }
        let raw = &raw[skipped..];
        let lines = line_starts(raw).count();
        accounted += blank + lines;
        if raw.trim().is_empty() {
            out.tally.ignore("blank line", lines);
            continue;
        }
        let row = Row { text, raw, offset: begin + skipped, delimiter, record: &record, header: &[] };
        let account = if memchr::memchr_iter(b'"', raw.as_bytes()).count() % 2 == 1 {
            let span = text.span(row.offset + raw.find('"').unwrap_or(0));
            let message = format!("a quotation mark is opened here and not closed within {lines} line(s)");
            let hint = "close it, or double it (\"\") where it is part of the text";
            out.note(Severity::Error, "unclosed-quote", text, span, message, hint);
            Account::Rejected(None)
        } else {
            each(out, row)
        };
        match account {
            Account::Used(record) => out.take(only, record, row.span(0), lines),
            Account::Ignored(rule) => out.tally.ignore(rule, lines),
            Account::Rejected(worth) => {
                out.tally.rejected += lines;
                out.reject(text, row.span(0), raw, worth);
            }
            Account::GiveUp => return ControlFlow::Break(()),
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

#[cfg(test)]
mod tests {
    use super::last_row_end;

    #[test]
    fn a_row_ends_where_the_reader_ends_it() {
        for (text, rows) in [
            ("a;b\nc", "a;b\n"),
            ("a;\"b\nc\";d\ne", "a;\"b\nc\";d\n"),
            ("a;\"b\nc", ""),
            ("5\" pipe\n2;\"b\nc\";d\ne", "5\" pipe\n2;\"b\nc\";d\n"),
            ("5\" pipe\n2;\"b\nc", "5\" pipe\n"),
            ("\"a\"\"\nb\"\nc", "\"a\"\"\nb\"\n"),
            ("\"a\"b\"\nc", "\"a\"b\"\n"),
            ("\"\"\na", "\"\"\n"),
            ("a\r", ""),
        ] {
            assert_eq!(last_row_end(text, b';').map_or("", |end| &text[..end]), rows, "{text:?}");
        }
    }
}
