//! The contract of a format: [`Format`], what it gets ([`Context`]) and what it gives ([`Parsed`]).

use crate::diagnostic::{Diagnostic, Severity, Span, nearest};
use crate::fields::Field;
use crate::record::{Located, Record};
use crate::text::{Encoding, Text};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// A file format. Two methods are required; the rest has defaults. It does no I/O and never panics, on any bytes.
pub trait Format: Sync {
    /// The name a job file calls it by, such as `electricity-bills-text`.
    fn name(&self) -> &'static str;

    /// Reads a decoded file into records and diagnostics, and accounts for each of its lines or values in the tally.
    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed);

    /// Reads a file that is no text, such as a workbook, from its bytes; gives whether it did.
    fn parse_bytes(&self, _bytes: &[u8], _context: &Context<'_>, _out: &mut Parsed) -> bool {
        false
    }

    /// One line for listings.
    fn about(&self) -> &'static str {
        ""
    }

    /// A small file of it, for listings.
    fn example(&self) -> &'static str {
        ""
    }

    /// Whether a file of that name and text is surely of this format; for files given without one.
    fn claims(&self, _name: &str, _text: &str) -> bool {
        false
    }

    /// Whether its files can state tenants: without them names mean nobody.
    fn holds_tenants(&self) -> bool {
        false
    }

    /// Whether it can fill a declared table.
    fn reads_tables(&self) -> bool {
        false
    }

    /// The settings a job file may give under `options`.
    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }
}

/// A setting of a format.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Its key under `options`.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// Whether a value fits.
    pub fits: fn(&OptionValue) -> bool,
}

/// The value of a setting, as job files can write it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `25`
    Integer(i64),
    /// `"text"`
    Text(String),
    /// `true`
    Bool(bool),
    /// `["one", "two"]`
    Words(Vec<String>),
}

/// The settings of one source, already checked against the format's list.
#[derive(Debug, Clone, Default)]
pub struct Options(BTreeMap<String, OptionValue>);

/// Why settings do not fit a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError {
    /// The key that is wrong.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
    /// What to write.
    pub hint: String,
}

impl Options {
    /// Checks settings against what the format takes.
    pub fn new(format: &dyn Format, given: BTreeMap<String, OptionValue>) -> Result<Options, OptionsError> {
        for (key, value) in &given {
            let specs = format.options();
            let error = |message, hint| OptionsError { key: key.clone(), message, hint };
            let Some(spec) = specs.iter().find(|s| s.name == key) else {
                let known: Vec<&str> = specs.iter().map(|s| s.name).collect();
                let hint = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => format!("`{}` has no options", format.name()),
                    None => format!("`{}` knows: {}", format.name(), known.join(", ")),
                };
                return Err(error(format!("the format `{}` has no option `{key}`", format.name()), hint));
            };
            if !(spec.fits)(value) {
                return Err(error(format!("the option `{key}` takes {}", spec.takes), format!("write {}", spec.takes)));
            }
        }
        Ok(Options(given))
    }

    /// A whole number, or `default`.
    pub fn integer(&self, name: &str, default: i64) -> i64 {
        match self.0.get(name) {
            Some(OptionValue::Integer(n)) => *n,
            _ => default,
        }
    }

    /// A text, or `default`.
    pub fn text<'o>(&'o self, name: &str, default: &'o str) -> &'o str {
        match self.0.get(name) {
            Some(OptionValue::Text(text)) => text,
            _ => default,
        }
    }

    /// True or false, or `default`.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.0.get(name) {
            Some(OptionValue::Bool(flag)) => *flag,
            _ => default,
        }
    }

    /// A list of words, or `default`.
    pub fn words(&self, name: &str, default: &[&str]) -> Vec<String> {
        match self.0.get(name) {
            Some(OptionValue::Words(words)) => words.clone(),
            _ => default.iter().map(|w| (*w).to_owned()).collect(),
        }
    }
}

/// What a parser may know besides the bytes.
#[derive(Debug)]
pub struct Context<'a> {
    /// The file's path as the job sees it, with `/`.
    pub path: &'a str,
    /// The zone of wall-clock times without an offset.
    pub timezone: &'a TimeZone,
    /// What the bytes are said to be.
    pub encoding: Encoding,
    /// The columns of the declared table that the source fills; empty for the records of the domain.
    pub fields: &'a [Field],
    /// The source's settings.
    pub options: &'a Options,
}

impl Context<'_> {
    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Lines of text.
    #[default]
    Lines,
    /// JSON values: scalars and empty containers.
    Values,
}

/// The conservation of one file: every line or value is used, ignored by a named rule, or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// What is counted.
    pub unit: Unit,
    /// How many there are, counted apart from the parsing.
    pub read: usize,
    /// How many went into records.
    pub used: usize,
    /// How many each named rule ignored.
    pub ignored: BTreeMap<&'static str, usize>,
    /// How many were refused.
    pub rejected: usize,
}

impl Tally {
    /// Counts `n` under an ignoring rule.
    pub fn ignore(&mut self, rule: &'static str, n: usize) {
        if n > 0 {
            *self.ignored.entry(rule).or_default() += n;
        }
    }

    /// Whether read = used + ignored + rejected.
    pub fn balances(&self) -> bool {
        self.read == self.used + self.ignored.values().sum::<usize>() + self.rejected
    }
}

/// The result of reading a file: as much as could be read, and everything that is wrong.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// The records, in the file's order.
    pub records: Vec<Located<Record>>,
    /// Everything found, in the order found.
    pub diagnostics: Vec<Diagnostic>,
    /// Conservation.
    pub tally: Tally,
    /// The encoding the bytes were read as; empty when they could not be.
    pub encoding: &'static str,
}

impl Parsed {
    /// Whether the file must not be loaded.
    pub fn is_rejected(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// A file that could not even be opened as what it is.
    pub fn refused(code: &'static str, message: String, hint: &str) -> Parsed {
        let span = Span { line: 1, column: 1, pointer: None };
        let diagnostic = Diagnostic { code, severity: Severity::Error, span, message, hint: hint.to_owned(), quote: String::new() };
        let tally = Tally { read: 1, rejected: 1, ..Tally::default() };
        Parsed { diagnostics: vec![diagnostic], tally, ..Parsed::default() }
    }

    /// Notes a finding at a place; the line it stands on is quoted.
    pub fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        text: &Text<'_>,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let quote = text.line(span.line).chars().take(200).collect();
        self.diagnostics.push(Diagnostic { code, severity, span, message: message.into(), hint: hint.into(), quote });
    }
}

/// Reads the bytes of a file: decodes them, lets the format parse them, and checks that the tally balances.
pub fn parse(format: &dyn Format, bytes: &[u8], context: &Context<'_>) -> Parsed {
    let mut out = Parsed::default();
    if format.parse_bytes(bytes, context, &mut out) {
        balance(format, &mut out);
        return out;
    }
    let text = match Text::decode(bytes, context.encoding) {
        Ok(text) => text,
        Err(diagnostic) => {
            let lines = bytes.split_inclusive(|b| *b == b'\n').count();
            out.tally = Tally { read: lines, rejected: lines, ..Tally::default() };
            out.diagnostics.push(*diagnostic);
            return out;
        }
    };
    out.encoding = text.encoding();
    let first = Span { line: 1, column: 1, pointer: None };
    if context.encoding == Encoding::Auto && out.encoding == "windows-1252" {
        let message = "the file is not UTF-8; it was read as Windows-1252, as the job allows";
        out.note(Severity::Info, "encoding-chosen", &text, first, message, "look at the names with å, ä and ö in it");
    } else if context.encoding == Encoding::Windows1252 && !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() {
        let message = "the file is declared as Windows-1252, but its bytes are valid UTF-8";
        out.note(Severity::Warning, "encoding-doubtful", &text, first, message, "if å shows as Ã¥, remove the declaration");
    }
    if text.as_str().trim().is_empty() {
        let n = text.line_count();
        out.tally = Tally { read: n, rejected: n, ..Tally::default() };
        let span = Span { line: 1, column: 1, pointer: None };
        out.note(
            Severity::Error,
            "empty-file",
            &text,
            span,
            "the file is empty",
            "restore it from where it came from, or leave it out of the job",
        );
        return out;
    }
    if let Some(at) = text.as_str().find('\0') {
        let n = text.line_count();
        out.tally = Tally { read: n, rejected: n, ..Tally::default() };
        out.note(
            Severity::Error,
            "nul-character",
            &text,
            text.span(at),
            "there is a NUL character in the text",
            "the file is damaged, or UTF-16 without a byte-order mark; save it as UTF-8",
        );
        return out;
    }
    format.parse(&text, context, &mut out);
    balance(format, &mut out);
    out
}

/// Conservation is not left to the formats' word.
fn balance(format: &dyn Format, out: &mut Parsed) {
    if out.tally.balances() {
        return;
    }
    out.diagnostics.push(Diagnostic {
        code: "conservation",
        severity: Severity::Error,
        span: Span { line: 1, column: 1, pointer: None },
        message: format!("conservation is broken in the format `{}`: {:?}", format.name(), out.tally),
        hint: "this is a fault of the program: please report it with the file".into(),
        quote: String::new(),
    });
}
