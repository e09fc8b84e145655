//! The contract of a format: [`Format`], what it gets ([`Context`]) and its settings. What it gives is [`Parsed`].

use crate::diagnostic::nearest;
use crate::fields::Field;
use crate::parsed::Parsed;
use crate::record::FieldValue;
use crate::text::{Encoding, Text};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

/// A file format: its name, and one of `parse` (the whole file at once) and `blocks` (file of any size, record by
/// record); the rest has defaults. It does no I/O and never panics, on any bytes.
pub trait Format: Sync {
    /// The name a job file calls it by, such as `electricity-bills-text`.
    fn name(&self) -> &'static str;

    /// Reads a decoded file into records and diagnostics, and accounts for each of its lines or values in the tally.
    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed) {
        if let Some(mut blocks) = self.blocks(context) {
            let _ = blocks.read(text, true, out);
        }
    }

    /// How to read a file of it block by block; `None` for a format whose files are one record, or hang together.
    fn blocks<'c>(&self, _context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        None
    }

    /// Whether a record that is wrong leaves the others of its file usable.
    fn rejects_records(&self) -> bool {
        false
    }

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

/// Reads a file block by block. What one block means for the next is its state.
pub trait Blocks {
    /// Where the text may be cut: behind the last whole record in it, if there is one. It begins where the last block ended.
    fn cut(&mut self, text: &str) -> Option<usize> {
        last_line_end(text)
    }

    /// Reads a block; behind the `last` one there is nothing. `Break` when nothing of the rest can be read.
    fn read(&mut self, block: &Text<'_>, last: bool, out: &mut Parsed) -> ControlFlow<()>;
}

/// Behind the last line end of which it is sure that it is a whole one.
pub(crate) fn last_line_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let sure = bytes.strip_suffix(b"\r").unwrap_or(bytes); // The `\n` of it may be yet to come.
    memchr::memrchr2(b'\n', b'\r', sure).map(|at| at + 1)
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
    /// The column whose number says what a rejected record is worth, for the budget of a quarantine.
    pub worth: Option<&'a str>,
    /// Where given, only the records that begin on these lines are read; the others are in the database already.
    pub only: Option<&'a [Range<usize>]>,
    /// The source's settings.
    pub options: &'a Options,
}

impl Context<'_> {
    /// What a rejected record is worth, if this field says so.
    pub(crate) fn worth_of(&self, field: &Field, value: Option<&FieldValue>) -> Option<Decimal> {
        match value {
            Some(FieldValue::Number(number)) if self.worth == Some(field.name.as_str()) => Some(*number),
            _ => None,
        }
    }

    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}
