//! Text with positions: lines and columns, of a whole file or of a block of one. Decoding is in `decode`.

mod decode;

pub use decode::Utf8Check;
pub(crate) use decode::{Decoder, Unfit};

use crate::diagnostic::{Diagnostic, Severity, Span, excerpt};
use std::borrow::Cow;
use std::cell::Cell;

/// What a job says about a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, or refused.
    #[default]
    Utf8,
    /// Windows-1252, which Latin-1 is part of.
    Windows1252,
    /// UTF-8 where the bytes are, else Windows-1252; which it was is said.
    Auto,
}

/// A decoded file, or a block of one, with the offsets of its lines. `\n`, `\r\n` and a lone `\r` end a line.
#[derive(Debug)]
pub struct Text<'a> {
    text: Cow<'a, str>,
    starts: Vec<usize>,
    encoding: &'static str,
    /// Line and column of the first character in the file.
    first: (usize, usize),
    /// An offset and its column, the last that was asked for: most questions go forward, and lines can be long.
    asked: Cell<(usize, usize)>,
}

impl<'a> Text<'a> {
    /// Decodes a whole file: UTF-8 with or without byte-order mark, and UTF-16 by its byte-order mark, whatever is declared;
    /// else as declared. Bytes that do not fit are an error that names the first of them.
    pub fn decode(bytes: &[u8], declared: Encoding) -> Result<Text<'static>, Box<Diagnostic>> {
        let mut decoder = Decoder::new(declared, std::str::from_utf8(bytes).is_ok());
        let mut text = String::with_capacity(bytes.len());
        match decoder.push(bytes, true, &mut text) {
            Ok(()) => Ok(Text::new(Cow::Owned(text), decoder.encoding(), (1, 1))),
            Err(unfit) => Err(Text::new(Cow::Owned(text), decoder.encoding(), (1, 1)).not_decodable(&unfit, bytes.contains(&0))),
        }
    }

    /// A block of a file, whose first character is at that line and column.
    pub(crate) fn block(text: &'a str, encoding: &'static str, first: (usize, usize)) -> Text<'a> {
        Text::new(Cow::Borrowed(text), encoding, first)
    }

    fn new(text: Cow<'a, str>, encoding: &'static str, first: (usize, usize)) -> Text<'a> {
        let starts = line_starts(&text).collect();
        Text { text, starts, encoding, first, asked: Cell::new((0, first.1)) }
    }

    /// The whole decoded text, without byte-order mark.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the encoding it was read as.
    pub fn encoding(&self) -> &'static str {
        self.encoding
    }

    /// How many lines there are; a last line needs no line end to count.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The number of its first line.
    pub fn first_line(&self) -> usize {
        self.first.0
    }

    /// Line `n` of the file without its line end; empty where it is not in this text.
    pub fn line(&self, n: usize) -> &str {
        let Some(at) = n.checked_sub(self.first.0) else { return "" };
        let Some(&start) = self.starts.get(at) else { return "" };
        let end = self.starts.get(at + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// All lines with their number in the file.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (self.first.0..self.first.0 + self.line_count()).map(|n| (n, self.line(n)))
    }

    /// Line and column (in characters) of a byte offset; an offset inside a character counts as that character.
    pub fn span(&self, offset: usize) -> Span {
        let at = self.starts.partition_point(|s| *s <= offset).max(1);
        let start = self.starts.get(at - 1).copied().unwrap_or(0);
        let (asked, column) = self.asked.get();
        let (from, column) = match asked {
            asked if asked >= start && asked <= offset => (asked, column),
            _ if at == 1 => (0, self.first.1),
            _ => (start, 1),
        };
        let end = offset.min(self.text.len());
        let column = column + characters(&self.text.as_bytes()[from..end]);
        self.asked.set((end, column));
        Span { line: self.first.0 + at - 1, column, pointer: None }
    }

    /// Line `line`, column of the byte `offset` within that line.
    pub fn span_in_line(&self, line: usize, offset: usize) -> Span {
        let text = self.line(line).as_bytes();
        Span { line, column: 1 + characters(&text[..offset.min(text.len())]), pointer: None }
    }

    /// Line and column behind the last character.
    pub(crate) fn end(&self) -> (usize, usize) {
        if self.text.ends_with(['\n', '\r']) {
            return (self.first.0 + self.line_count(), 1);
        }
        let end = self.span(self.text.len());
        (end.line, end.column)
    }

    /// The line of a place as a reader should see it (of a long one, the part around the column), and where the place is in
    /// that: its character, from 1.
    pub fn quote(&self, span: &Span) -> (String, usize) {
        // The first line may have begun in an earlier block.
        let first = if span.line == self.first.0 { self.first.1 } else { 1 };
        excerpt(self.line(span.line), first, span.column)
    }

    /// A part of it as the file has it.
    pub(crate) fn encoded(&self, part: &str) -> Vec<u8> {
        match self.encoding {
            "windows-1252" => encoding_rs::WINDOWS_1252.encode(part).0.into_owned(),
            "UTF-16LE" => part.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "UTF-16BE" => part.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => part.as_bytes().to_vec(),
        }
    }

    /// What there is to say when the byte behind this text does not fit.
    pub(crate) fn not_decodable(&self, unfit: &Unfit, zeros: bool) -> Box<Diagnostic> {
        let (line, column) = self.end();
        let span = Span { line, column, pointer: None };
        let (quote, caret) = self.quote(&span);
        let byte = unfit.byte.map_or(String::new(), |b| format!(": the byte 0x{b:02X} does not fit"));
        Box::new(Diagnostic {
            code: "not-decodable",
            severity: Severity::Error,
            quote: if quote.is_empty() { String::new() } else { format!("{quote}…") },
            caret,
            span,
            message: format!("the file is not valid {}{byte}", unfit.encoding),
            hint: match unfit.encoding {
                "UTF-8" if zeros => "this looks like UTF-16 without a byte-order mark; save it again as UTF-8",
                "UTF-8" => {
                    "the file was perhaps saved as Windows-1252: save it again as UTF-8, or say `encoding = \"windows-1252\"` in the source"
                }
                _ => "the file is damaged, or in another encoding; save it again as UTF-8",
            }
            .into(),
        })
    }
}

/// Where the lines of a text begin.
pub(crate) fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).filter(|at| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
    let inner = ends.map(|at| at + 1).filter(|at| *at < bytes.len());
    (!bytes.is_empty()).then_some(0).into_iter().chain(inner)
}

/// How many characters begin in these bytes.
fn characters(utf8: &[u8]) -> usize {
    utf8.iter().filter(|b| (**b).cast_signed() >= -0x40).count()
}

#[cfg(test)]
mod tests {
    use super::{Encoding::*, *};

    #[test]
    fn every_line_end_ends_a_line() {
        let text = Text::decode(b"a\nb\r\nc\rd", Utf8).unwrap();
        assert_eq!(text.lines().map(|l| l.1).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(Text::decode(b"a\n", Utf8).unwrap().line_count(), 1);
        assert_eq!(Text::decode(b"", Utf8).unwrap().line_count(), 0);
        assert_eq!(Text::decode(b"\n\n", Utf8).unwrap().line_count(), 2);
    }

    #[test]
    fn byte_order_marks_are_no_text() {
        assert_eq!(Text::decode(b"\xEF\xBB\xBFhej", Utf8).unwrap().as_str(), "hej");
        let le: Vec<u8> = [0xFF, 0xFE].into_iter().chain("hej å".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let be: Vec<u8> = [0xFE, 0xFF].into_iter().chain("hej å".encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!(Text::decode(&le, Utf8).unwrap().as_str(), "hej å");
        assert_eq!(Text::decode(&be, Utf8).unwrap().as_str(), "hej å");
        assert!(Text::decode(&le[..le.len() - 1], Utf8).is_err(), "half a character at the end");
    }

    #[test]
    fn a_wrong_byte_is_named_with_its_place() {
        let error = Text::decode(b"ett\nn\xe4t 1632 kr\n", Utf8).unwrap_err();
        assert_eq!((error.span.line, error.span.column), (2, 2));
        assert!(error.message.contains("0xE4"), "{}", error.message);
    }

    #[test]
    fn windows_1252_is_read_where_it_is_declared_or_allowed() {
        let bytes = b"eln\xe4t \x80";
        assert!(Text::decode(bytes, Utf8).is_err());
        for declared in [Windows1252, Auto] {
            let text = Text::decode(bytes, declared).unwrap();
            assert_eq!((text.as_str(), text.encoding()), ("elnät €", "windows-1252"));
        }
        assert_eq!(Text::decode("elnät".as_bytes(), Auto).unwrap().encoding(), "UTF-8");
        assert_eq!(Text::decode("\u{feff}å".as_bytes(), Windows1252).unwrap().as_str(), "å", "a mark says more than a declaration");
        let error = Text::decode(b"\xe4\xe4\n\xe4\x81", Auto).unwrap_err();
        assert_eq!((error.span.line, error.span.column), (2, 2));
    }

    #[test]
    fn columns_count_characters() {
        let text = Text::decode("åäö x".as_bytes(), Utf8).unwrap();
        assert_eq!(text.span("åäö ".len()).column, 5);
    }
}
