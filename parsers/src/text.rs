//! Bytes to text with positions: byte-order marks, UTF-8 and UTF-16, lines and columns. Never a replacement character.

use crate::diagnostic::{Diagnostic, Severity, Span};
use std::borrow::Cow;

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

/// A decoded file with the offsets of its lines. `\n`, `\r\n` and a lone `\r` end a line.
#[derive(Debug)]
pub struct Text<'a> {
    text: Cow<'a, str>,
    starts: Vec<usize>,
    encoding: &'static str,
}

impl<'a> Text<'a> {
    /// Decodes UTF-8 with or without byte-order mark, and UTF-16 by its byte-order mark, whatever is declared; else as
    /// declared. Bytes that do not fit are an error that names the first of them.
    pub fn decode(bytes: &'a [u8], declared: Encoding) -> Result<Text<'a>, Box<Diagnostic>> {
        if let Some((encoding, bom)) = encoding_rs::Encoding::for_bom(bytes) {
            let body = &bytes[bom..];
            let even = encoding == encoding_rs::UTF_8 || body.len().is_multiple_of(2);
            return match encoding.decode_without_bom_handling_and_without_replacement(body) {
                Some(text) if even => Ok(Text::new(text, encoding.name())),
                _ => Err(not_decodable(body, encoding.name())),
            };
        }
        match (std::str::from_utf8(bytes), declared) {
            (Ok(text), Encoding::Utf8 | Encoding::Auto) => Ok(Text::new(Cow::Borrowed(text), "UTF-8")),
            (Err(_), Encoding::Utf8) => Err(not_decodable(bytes, "UTF-8")),
            (_, Encoding::Windows1252) | (Err(_), Encoding::Auto) => windows_1252(bytes),
        }
    }

    fn new(text: Cow<'a, str>, encoding: &'static str) -> Text<'a> {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (i, b) in bytes.iter().enumerate() {
            let ends = *b == b'\n' || (*b == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
            if ends && i + 1 < bytes.len() {
                starts.push(i + 1);
            }
        }
        if bytes.is_empty() {
            starts.clear();
        }
        Text { text, starts, encoding }
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

    /// Line `n` (from 1) without its line end; empty beyond the last.
    pub fn line(&self, n: usize) -> &str {
        let Some(&start) = n.checked_sub(1).and_then(|i| self.starts.get(i)) else { return "" };
        let end = self.starts.get(n).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// All lines with their number, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..=self.line_count()).map(|n| (n, self.line(n)))
    }

    /// Line and column (in characters) of a byte offset; an offset inside a character counts as that character.
    pub fn span(&self, offset: usize) -> Span {
        let line = self.starts.partition_point(|s| *s <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text[start..].char_indices().take_while(|(i, _)| start + i < offset).count() + 1;
        Span { line, column, pointer: None }
    }

    /// Line `line`, column of the byte `offset` within that line.
    pub fn span_in_line(&self, line: usize, offset: usize) -> Span {
        let column = self.line(line).char_indices().take_while(|(i, _)| *i < offset).count() + 1;
        Span { line, column, pointer: None }
    }
}

/// Windows-1252, and Latin-1 with it; five bytes mean nothing in it and are refused.
fn windows_1252(bytes: &[u8]) -> Result<Text<'_>, Box<Diagnostic>> {
    if bytes.iter().any(|b| MEANINGLESS.contains(b)) {
        return Err(not_decodable(bytes, "Windows-1252"));
    }
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
    Ok(Text::new(text, "windows-1252"))
}

const MEANINGLESS: [u8; 5] = [0x81, 0x8D, 0x8F, 0x90, 0x9D];

fn not_decodable(bytes: &[u8], encoding: &'static str) -> Box<Diagnostic> {
    let good = match (std::str::from_utf8(bytes), encoding) {
        (Err(error), "UTF-8") => &bytes[..error.valid_up_to()],
        (_, "Windows-1252") => &bytes[..bytes.iter().position(|b| MEANINGLESS.contains(b)).unwrap_or(0)],
        _ => &[],
    };
    let text = Text::new(encoding_rs::WINDOWS_1252.decode_without_bom_handling(good).0, "");
    let text = if encoding == "UTF-8" { Text::new(String::from_utf8_lossy(good), "") } else { text };
    let mut span = text.span(text.as_str().len());
    if good.ends_with(b"\n") {
        span = Span { line: text.line_count() + 1, column: 1, pointer: None };
    }
    let byte = bytes.get(good.len()).filter(|_| !encoding.starts_with("UTF-16"));
    let byte = byte.map_or(String::new(), |b| format!(": the byte 0x{b:02X} does not fit"));
    let quote = text.line(span.line);
    Box::new(Diagnostic {
        code: "not-decodable",
        severity: Severity::Error,
        quote: if quote.is_empty() { String::new() } else { format!("{quote}…") },
        span,
        message: format!("the file is not valid {encoding}{byte}"),
        hint: match encoding {
            "UTF-8" if bytes.contains(&0) => "this looks like UTF-16 without a byte-order mark; save it again as UTF-8",
            "UTF-8" => {
                "the file was perhaps saved as Windows-1252: save it again as UTF-8, or say `encoding = \"windows-1252\"` in the source"
            }
            _ => "the file is damaged, or in another encoding; save it again as UTF-8",
        }
        .into(),
    })
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
