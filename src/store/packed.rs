//! New rows of a large first load in the change log: in blocks, not a row each. What a block is and what its lines are; how blocks are
//! kept is in `blocks`.

use super::Texts;
use super::shape::ShapeColumn;
use crate::error::{Result, Stop};
use crate::table::{Column, Kind, Role, Table};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{Read, Write};

/// How many rows a block has; the last one of a load has fewer.
pub(super) const ROWS: usize = 4096;
/// From how many bytes of lines on a block is full, however few rows it has.
pub(super) const BYTES: usize = 4 << 20;

/// What all blocks of a load share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The job's name, of which ids are made.
    pub(super) job: String,
    /// The run's time, canonical: when the rows are said to be created.
    pub(super) at: String,
    /// Every column that is written, in the order of writing.
    pub(super) columns: Vec<HeadColumn>,
}

/// A column as it was when the rows were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) role: Role,
    /// Its type, as the database spells it.
    pub(super) declared: String,
}

/// A block, without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: i64,
    pub(super) run: i64,
    pub(super) table: String,
    /// The number of its first row in the change log.
    pub(super) first: i64,
    pub(super) rows: i64,
}

/// What stands in a block.
pub(super) struct Lines {
    pub(super) head: Head,
    text: String,
    pub(super) block: Block,
}

/// A row of a block.
pub(super) struct PackedRow<'b> {
    /// Its number in the change log.
    pub(super) change: i64,
    /// Its natural key, as recorded.
    pub(super) key: &'b str,
    pub(super) file: Option<i64>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    pub(super) pointer: Option<Cow<'b, str>>,
    pub(super) derived: Option<Cow<'b, str>>,
    /// The canonical texts of what is neither key nor made up here, in the order of the head.
    others: Vec<Option<Cow<'b, str>>>,
}

/// Where a row comes from.
pub(super) struct Place<'v> {
    pub(super) file: Option<i64>,
    /// Line and column.
    pub(super) position: Option<(usize, usize)>,
    pub(super) pointer: Option<&'v str>,
    pub(super) derived: Option<&'v str>,
}

/// A block on its way.
#[derive(Default)]
pub(super) struct Packing {
    lines: Vec<u8>,
    pub(super) rows: usize,
}

impl Head {
    pub(super) fn of<'c>(job: &str, at: &str, columns: impl Iterator<Item = (&'c Column, &'c ShapeColumn)>) -> Head {
        let column = |(column, shape): (&Column, &ShapeColumn)| HeadColumn {
            name: column.name.to_string(),
            kind: column.kind,
            role: column.role,
            declared: shape.declared.clone(),
        };
        Head { job: job.to_owned(), at: at.to_owned(), columns: columns.map(column).collect() }
    }

    /// The table that the rows are of, as far as it is known.
    pub(super) fn table(&self, name: &str) -> Table {
        let columns = self.columns.iter().map(|c| Column { name: c.name.clone().into(), kind: c.kind, role: c.role });
        Table { name: name.to_owned().into(), noun: "row", columns: columns.collect(), occurrence: None }
    }

    /// Whether a column's texts stand behind the place in each line.
    pub(super) fn is_other(role: Role) -> bool {
        matches!(role, Role::Data | Role::InsertOnly)
    }
}

impl Block {
    pub(super) fn damaged(&self) -> Stop {
        let message = format!("the block {} of tieout_packed (run {}, {}) cannot be read", self.id, self.run, self.table);
        Stop::database(message, "somebody changed tieout's own records: `tieout verify` says more; restore a backup")
    }
}

impl Block {
    /// A line of this block, or of another of the same load, as a row.
    pub(super) fn row<'l>(&self, line: &'l str, change: i64, head: &Head) -> Result<PackedRow<'l>> {
        read(line, change, head.columns.len()).ok_or_else(|| self.damaged())
    }

    pub(super) fn lines(&self, head: &str, packed: &[u8]) -> Result<Lines> {
        let head: Head = serde_json::from_str(head).map_err(|_| self.damaged())?;
        let mut text = String::new();
        // Nobody but us writes blocks; still, one that was tampered with must not fill the memory.
        GzDecoder::new(packed).take(1 << 30).read_to_string(&mut text).map_err(|_| self.damaged())?;
        let rows = text.bytes().filter(|byte| *byte == b'\n').count();
        if i64::try_from(rows) == Ok(self.rows) { Ok(Lines { head, text, block: self.clone() }) } else { Err(self.damaged()) }
    }
}

impl Lines {
    /// The rows, in the order of the change log.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<PackedRow<'_>>> {
        let columns = self.head.columns.len();
        let numbered = self.text.lines().zip(self.block.first..);
        numbered.map(move |(line, change)| read(line, change, columns).ok_or_else(|| self.block.damaged()))
    }

    /// The lines as they stand, each with its number in the change log and its natural key.
    pub(super) fn keyed(&self) -> impl Iterator<Item = (i64, &str, &str)> {
        self.text.lines().zip(self.block.first..).map(|(line, change)| (change, key_of(line).unwrap_or_default(), line))
    }

    /// Whether a row has that natural key, as recorded.
    pub(super) fn holds(&self, key: &str) -> bool {
        let line = format!("[{key},");
        self.text.match_indices(&line).any(|(at, _)| at == 0 || self.text.as_bytes()[at - 1] == b'\n')
    }
}

impl PackedRow<'_> {
    /// What was imported, as recorded.
    pub(super) fn after(&self, head: &Head) -> String {
        head.table("").content_of(&self.values(head))
    }

    /// The canonical texts of the row, in the order of the head; of what is made up when a row is written none.
    pub(super) fn values(&self, head: &Head) -> Texts {
        let mut key = serde_json::from_str::<Texts>(self.key).unwrap_or_default().into_iter();
        let mut others = self.others.iter();
        let value = |column: &HeadColumn| match column.role {
            Role::Key => key.next().flatten(),
            role if Head::is_other(role) => others.next().and_then(Option::as_deref).map(str::to_owned),
            _ => None,
        };
        head.columns.iter().map(value).collect()
    }

    /// The text of one column that is not made up when a row is written.
    pub(super) fn value(&self, head: &Head, name: &str) -> Option<String> {
        let at = head.columns.iter().position(|c| c.name == name)?;
        if head.columns[at].role == Role::Key {
            return self.values(head).into_iter().nth(at).flatten();
        }
        let before = head.columns[..at].iter().filter(|c| Head::is_other(c.role)).count();
        self.others.get(before).filter(|_| Head::is_other(head.columns[at].role))?.as_deref().map(str::to_owned)
    }
}

impl Packing {
    /// Takes in a row: its key as recorded, its place, and the texts that are neither key nor made up.
    pub(super) fn row<'v>(&mut self, key: &str, place: Place<'v>, others: impl Iterator<Item = Option<&'v str>>) {
        let Place { file, position, pointer, derived } = place;
        let lines = &mut self.lines;
        // A vector takes whatever is written to it.
        let _ = write!(lines, "[{key}");
        let numbers = [file, position.map(|p| p.0 as i64), position.map(|p| p.1 as i64)];
        for number in numbers {
            let _ = match number {
                Some(number) => write!(lines, ",{number}"),
                None => write!(lines, ",null"),
            };
        }
        for text in [pointer, derived].into_iter().chain(others) {
            lines.push(b',');
            let _ = serde_json::to_writer(&mut *lines, &text);
        }
        lines.extend(b"]\n");
        self.rows += 1;
    }

    /// How many bytes its lines have.
    pub(super) fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// The block's lines as they are kept, in hexadecimal digits; nothing is left here.
    pub(super) fn finish(&mut self) -> (usize, String) {
        let mut packed = GzEncoder::new(Vec::with_capacity(self.lines.len() / 3), Compression::fast());
        let _ = packed.write_all(&self.lines);
        let packed = packed.finish().unwrap_or_default();
        self.lines.clear();
        (std::mem::take(&mut self.rows), hex(&packed))
    }
}

/// A line of a block.
fn read(line: &str, change: i64, columns: usize) -> Option<PackedRow<'_>> {
    let key = key_of(line)?;
    let rest = line.get(1 + key.len()..)?.strip_prefix(',')?;
    let mut rest = RestOf { text: rest, done: false };
    let mut number = || serde_json::from_str::<Option<i64>>(rest.next()?).ok();
    let (file, at, column) = (number()?, number()?, number()?);
    let mut texts = Vec::with_capacity(columns);
    for text in rest.by_ref() {
        texts.push(text_of(text)?);
    }
    let mut texts = texts.into_iter();
    let (pointer, derived) = (texts.next()?, texts.next()?);
    let size = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok());
    Some(PackedRow { change, key, file, line: size(at), column: size(column), pointer, derived, others: texts.collect() })
}

/// The recorded key at the beginning of a line.
fn key_of(line: &str) -> Option<&str> {
    let list = line.strip_prefix('[')?;
    let mut values = serde_json::Deserializer::from_str(list).into_iter::<&RawValue>();
    values.next()?.ok().map(RawValue::get)
}

/// The values of a JSON list of plain values, behind its first ones.
struct RestOf<'t> {
    text: &'t str,
    done: bool,
}

impl<'t> Iterator for RestOf<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.done {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut at = 0;
        if bytes.first() == Some(&b'"') {
            at = 1;
            while *bytes.get(at)? != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
        }
        let end = at + bytes[at..].iter().position(|byte| matches!(byte, b',' | b']'))?;
        self.done = bytes[end] == b']';
        let value = self.text.get(..end)?;
        self.text = self.text.get(end + 1..)?;
        Some(value)
    }
}

/// A JSON text or null.
fn text_of(json: &str) -> Option<Option<Cow<'_, str>>> {
    match json.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Some(Some(plain.into())),
        _ => serde_json::from_str::<Option<String>>(json).ok().map(|text| text.map(Cow::Owned)),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_gives_back_what_was_packed(
            rows in proptest::collection::vec((proptest::collection::vec(proptest::option::of(".*"), 1..4), proptest::option::of(".*"), proptest::collection::vec(proptest::option::of(".*"), 0..4), proptest::option::of(0i64..9)), 0..20),
        ) {
            let mut packing = Packing::default();
            for (key, pointer, others, file) in &rows {
                let key = serde_json::to_string(key).unwrap();
                let place = Place { file: *file, position: file.map(|n| (n as usize, 3)), pointer: pointer.as_deref(), derived: None };
                packing.row(&key, place, others.iter().map(Option::as_deref));
            }
            let text = String::from_utf8(packing.lines.clone()).unwrap();
            prop_assert_eq!(text.lines().count(), rows.len());
            for (n, (line, (key, pointer, others, file))) in text.lines().zip(&rows).enumerate() {
                let row = read(line, n as i64, 9).unwrap();
                prop_assert_eq!(row.key, serde_json::to_string(key).unwrap());
                prop_assert_eq!((row.file, row.line, row.column), (*file, file.map(|n| n as usize), file.map(|_| 3)));
                prop_assert_eq!(row.pointer.as_deref(), pointer.as_deref());
                let back: Vec<Option<&str>> = row.others.iter().map(Option::as_deref).collect();
                prop_assert_eq!(back, others.iter().map(Option::as_deref).collect::<Vec<_>>());
            }
            let (count, digits) = packing.finish();
            prop_assert_eq!(count, rows.len());
            let mut back = String::new();
            let packed: Vec<u8> = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
            GzDecoder::new(packed.as_slice()).read_to_string(&mut back).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
