//! Reads a file whose bytes come in pieces: decodes them, cuts the text where a format allows it, hands the blocks to the
//! format, and checks that every line or value is accounted for. So a file may be larger than memory.

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::format::{Blocks, Context, Format, last_line_end};
use crate::parsed::{Parsed, Tally, Unit};
use crate::record::{Located, Record};
use crate::text::{Decoder, Encoding, Text, Utf8Check};
use std::ops::ControlFlow;

/// The largest file of a format that reads whole files: 64 MiB.
const WHOLE: usize = 64 << 20;
/// The longest record of a format that reads blocks: 16 MiB.
const RECORD: usize = 16 << 20;

/// Reads one file.
pub struct Reader<'c> {
    format: &'c dyn Format,
    context: &'c Context<'c>,
    way: Way<'c>,
    out: Parsed,
    /// How many lines begin in the bytes so far, and whether the last of them is open.
    lines: (usize, bool),
    /// Whether all bytes so far are UTF-8, where another encoding is declared.
    check: Option<Utf8Check>,
}

enum Way<'c> {
    Blocks(Box<dyn Blocks + 'c>, Window),
    /// The bytes so far.
    Whole(Vec<u8>),
    /// Something is wrong with the file as a whole; its lines are still counted.
    Broken,
}

/// The text that is decoded and not read yet.
struct Window {
    decoder: Decoder,
    text: String,
    /// Line and column of its first character.
    first: (usize, usize),
    /// Whether there was anything but blanks.
    inked: bool,
}

impl<'c> Reader<'c> {
    /// A reader for a file. `utf8` says whether all its bytes are UTF-8; that matters where the encoding is `auto`.
    pub fn new(format: &'c dyn Format, context: &'c Context<'c>, utf8: bool) -> Reader<'c> {
        let way = match format.blocks(context) {
            Some(blocks) => {
                let decoder = Decoder::new(context.encoding, utf8);
                Way::Blocks(blocks, Window { decoder, text: String::new(), first: (1, 1), inked: false })
            }
            None => Way::Whole(Vec::new()),
        };
        let check = (context.encoding != Encoding::Utf8).then(Utf8Check::default);
        Reader { format, context, way, out: Parsed::default(), lines: (0, false), check }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let (lines, open) = count_lines(bytes);
        if lines > 0 {
            self.lines = (self.lines.0 + lines - usize::from(self.lines.1), open);
        }
        if let Some(check) = &mut self.check {
            check.push(bytes);
        }
        self.take(bytes, false);
    }

    /// Takes the records that are there.
    pub fn records(&mut self) -> Vec<Located<Record>> {
        std::mem::take(&mut self.out.records)
    }

    /// The file is at its end: the rest of its records, and everything found.
    pub fn finish(mut self) -> Parsed {
        self.take(&[], true);
        match &self.way {
            Way::Whole(bytes) => whole(self.format, bytes, self.context, self.lines.0, &mut self.out),
            Way::Blocks(_, window) if !window.inked => empty(self.lines.0, &mut self.out),
            Way::Blocks(..) => {}
            Way::Broken => reject_rest(self.lines.0, &mut self.out),
        }
        if let Some(check) = &self.check {
            about_encoding(check, self.context.encoding, &mut self.out);
        }
        balance(self.format, &mut self.out);
        self.out
    }

    fn take(&mut self, bytes: &[u8], last: bool) {
        match &mut self.way {
            Way::Whole(all) if all.len() + bytes.len() <= WHOLE => all.extend_from_slice(bytes),
            Way::Whole(_) => {
                let message =
                    format!("the file has more than {} MiB, and the format `{}` reads it as a whole", WHOLE >> 20, self.format.name());
                self.out.push(unquoted("too-large", message, "split it; formats that read record by record take files of any size"));
                self.way = Way::Broken;
            }
            Way::Blocks(blocks, window) => {
                if window.take(blocks.as_mut(), bytes, last, &mut self.out).is_break() {
                    self.way = Way::Broken;
                }
            }
            Way::Broken => {}
        }
    }
}

impl Window {
    /// Decodes the next bytes, and gives as much of the text to the format as can be read. `Break` when nothing of the rest can.
    fn take(&mut self, blocks: &mut dyn Blocks, bytes: &[u8], last: bool, out: &mut Parsed) -> ControlFlow<()> {
        let known = self.text.len();
        let decoded = self.decoder.push(bytes, last, &mut self.text);
        out.encoding = self.decoder.encoding();
        self.inked = self.inked || self.text[known..].contains(|c: char| !c.is_whitespace());
        let text = Text::block(&self.text, out.encoding, self.first);
        if let Some(at) = memchr::memchr(0, &self.text.as_bytes()[known..]) {
            nul(&text, known + at, out);
            return ControlFlow::Break(());
        }
        if let Err(unfit) = decoded {
            out.push(*text.not_decodable(&unfit, bytes.contains(&0)));
            out.encoding = "";
            return ControlFlow::Break(());
        }
        let cut = if last { Some(self.text.len()) } else { blocks.cut(&self.text) };
        let Some(cut) = cut.filter(|at| self.inked && (*at > 0 || last)) else {
            if self.text.len() <= RECORD {
                return ControlFlow::Continue(());
            }
            let message = format!("a record of more than {} MiB begins here", RECORD >> 20);
            let hint = "the file is damaged, or of another format, or a quotation mark or a bracket is never closed";
            out.note(Severity::Error, "too-large", &text, text.span(0), message, hint);
            return ControlFlow::Break(());
        };
        let block = Text::block(&self.text[..cut], out.encoding, self.first);
        let read = blocks.read(&block, last, out);
        self.first = block.end();
        self.text.drain(..cut);
        read
    }
}

/// The text of a file whose bytes come in pieces, for whoever wants to see its lines and not its records.
pub struct TextBlocks(Window, bool); // … and whether it could be decoded so far.

impl TextBlocks {
    /// As [`Reader::new`].
    pub fn new(encoding: Encoding, utf8: bool) -> TextBlocks {
        TextBlocks(Window { decoder: Decoder::new(encoding, utf8), text: String::new(), first: (1, 1), inked: false }, true)
    }

    /// Takes the next bytes, and gives whole lines to `each`; a very long line comes in parts. Behind a byte that does not
    /// fit the encoding there is nothing.
    pub fn push(&mut self, bytes: &[u8], last: bool, each: &mut dyn FnMut(&Text<'_>)) {
        let TextBlocks(window, readable) = self;
        if !*readable {
            return;
        }
        let decoded = window.decoder.push(bytes, last, &mut window.text);
        *readable = decoded.is_ok();
        let all = last || !*readable || window.text.len() > RECORD;
        let cut = if all { Some(window.text.len()) } else { last_line_end(&window.text) };
        if let Some(cut) = cut.filter(|cut| *cut > 0) {
            let block = Text::block(&window.text[..cut], window.decoder.encoding(), window.first);
            each(&block);
            window.first = block.end();
            window.text.drain(..cut);
        }
    }
}

/// Reads the bytes of a whole file.
pub fn parse(format: &dyn Format, bytes: &[u8], context: &Context<'_>) -> Parsed {
    let mut reader = Reader::new(format, context, std::str::from_utf8(bytes).is_ok());
    reader.push(bytes);
    reader.finish()
}

/// Reads a file of a format that needs all of it at once.
fn whole(format: &dyn Format, bytes: &[u8], context: &Context<'_>, lines: usize, out: &mut Parsed) {
    if format.parse_bytes(bytes, context, out) {
        return;
    }
    let text = match Text::decode(bytes, context.encoding) {
        Ok(text) => text,
        Err(diagnostic) => {
            out.push(*diagnostic);
            return reject_rest(lines, out);
        }
    };
    out.encoding = text.encoding();
    if text.as_str().trim().is_empty() {
        empty(text.line_count(), out);
    } else if let Some(at) = memchr::memchr(0, text.as_str().as_bytes()) {
        nul(&text, at, out);
        reject_rest(text.line_count(), out);
    } else {
        format.parse(&text, context, out);
    }
}

/// Nothing of the file can be used; those of its lines that are not accounted for are rejected.
fn reject_rest(lines: usize, out: &mut Parsed) {
    out.broken = true;
    out.records.clear();
    let accounted = out.tally.used + out.tally.ignored.values().sum::<usize>();
    if out.tally.unit == Unit::Values || accounted > lines {
        out.tally = Tally { read: lines, rejected: lines, ..Tally::default() };
    } else {
        (out.tally.read, out.tally.rejected) = (lines, lines - accounted);
    }
}

fn empty(lines: usize, out: &mut Parsed) {
    out.push(unquoted("empty-file", "the file is empty".into(), "restore it from where it came from, or leave it out of the job"));
    reject_rest(lines, out);
}

fn nul(text: &Text<'_>, at: usize, out: &mut Parsed) {
    let hint = "the file is damaged, or UTF-16 without a byte-order mark; save it as UTF-8";
    out.note(Severity::Error, "nul-character", text, text.span(at), "there is a NUL character in the text", hint);
}

/// What a reader should know of how the bytes were read.
fn about_encoding(check: &Utf8Check, declared: Encoding, out: &mut Parsed) {
    let first = |severity, code, message: &str, hint| Diagnostic { severity, ..unquoted(code, message.to_owned(), hint) };
    if declared == Encoding::Auto && out.encoding == "windows-1252" {
        let message = "the file is not UTF-8; it was read as Windows-1252, as the job allows";
        let hint = "look at the names with å, ä and ö in it";
        out.diagnostics.insert(0, first(Severity::Info, "encoding-chosen", message, hint));
    } else if out.encoding == "windows-1252" && check.foreign && check.holds() {
        let message = "the file is declared as Windows-1252, but its bytes are valid UTF-8";
        let hint = "if å shows as Ã¥, remove the declaration";
        out.diagnostics.insert(0, first(Severity::Warning, "encoding-doubtful", message, hint));
    }
}

/// A diagnostic about a file as a whole.
fn unquoted(code: &'static str, message: String, hint: &str) -> Diagnostic {
    let span = Span { line: 1, column: 1, pointer: None };
    Diagnostic { code, severity: Severity::Error, span, message, hint: hint.to_owned(), quote: String::new(), caret: 1 }
}

/// How many lines there are in bytes, and whether the last has no end.
fn count_lines(bytes: &[u8]) -> (usize, bool) {
    let open = bytes.last().is_some_and(|b| *b != b'\n');
    (memchr::memchr_iter(b'\n', bytes).count() + usize::from(open), open)
}

/// Conservation is not left to the formats' word.
fn balance(format: &dyn Format, out: &mut Parsed) {
    if !out.tally.balances() {
        let message = format!("conservation is broken in the format `{}`: {:?}", format.name(), out.tally);
        out.push(unquoted("conservation", message, "this is a fault of the program: please report it with the file"));
        out.broken = true;
    }
}
