//! The lines of a block: rows, their keys, and whether they still stand in it or on their own by now.

use super::Texts;
use super::packed::{Block, Head, HeadColumn};
use crate::error::Result;
use crate::table::Role;
use std::borrow::Cow;
use std::ops::Range;

/// What stands in a block.
pub(super) struct Lines {
    pub(super) head: Head,
    text: String,
    pub(super) block: Block,
    /// The numbers of the rows that were taken out, ascending.
    taken: Vec<i64>,
}

/// Which rows of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Those that stand nowhere else.
    Packed,
    /// Those that stand in `tieout_change` by now.
    Out,
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

impl Lines {
    pub(super) fn of(head: Head, text: String, block: Block, taken: Vec<i64>) -> Lines {
        Lines { head, text, block, taken }
    }

    fn is_packed(&self, change: i64) -> bool {
        !self.block.unpacked && (self.taken.is_empty() || self.taken.binary_search(&change).is_err())
    }

    /// The lines of one part as they stand, each with its number in the change log.
    fn part(&self, part: Part) -> impl Iterator<Item = (i64, &str)> {
        let numbered = self.block.first..;
        numbered.zip(self.text.lines()).filter(move |(change, _)| self.is_packed(*change) == (part == Part::Packed))
    }

    /// The rows of one part, in the order of the change log.
    pub(super) fn rows(&self, part: Part) -> impl Iterator<Item = Result<PackedRow<'_>>> {
        let columns = self.head.columns.len();
        self.part(part).map(move |(change, line)| read(line, change, columns).ok_or_else(|| self.block.damaged()))
    }

    /// The packed lines as they stand, each with its number in the change log and its natural key.
    pub(super) fn keyed(&self) -> impl Iterator<Item = (i64, &str, &str)> {
        self.part(Part::Packed).map(|(change, line)| (change, key_of(line).unwrap_or_default(), line))
    }

    /// Whether a packed row has that natural key, as recorded.
    pub(super) fn holds(&self, key: &str) -> bool {
        // To look for the text is faster than to read every line.
        self.text.contains(&format!("[{key},")) && self.keyed().any(|(_, of, _)| of == key)
    }

    /// The first packed line from a place in the text on, where the row with this number begins: its number, and where it stands.
    pub(super) fn next(&self, mut from: usize, mut change: i64) -> Option<(i64, Range<usize>)> {
        loop {
            let end = from + self.text.get(from..)?.find('\n')?;
            if self.is_packed(change) {
                return Some((change, from..end));
            }
            (from, change) = (end + 1, change + 1);
        }
    }

    /// The text of a line.
    pub(super) fn text(&self, at: Range<usize>) -> &str {
        &self.text[at]
    }
}

/// Whether a line is of the row with that natural key, as recorded.
pub(super) fn is_of(line: &str, key: &str) -> bool {
    line.get(1..).and_then(|list| list.strip_prefix(key)).is_some_and(|rest| rest.starts_with(','))
}

/// Whether a line states these texts behind the place of its row. What is `None` is not compared.
pub(super) fn states<'v>(line: &str, key: &str, mut others: impl Iterator<Item = Option<Option<&'v str>>>) -> bool {
    let Some(rest) = line.get(key.len() + 2..) else { return false };
    let mut stated = RestOf { text: rest, done: false }.skip(PLACE);
    let same = others.by_ref().all(|wanted| {
        let stated = stated.next();
        wanted.is_none_or(|wanted| stated.and_then(text_of).is_some_and(|stated| stated.as_deref() == wanted))
    });
    same && stated.next().is_none()
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

/// How many values stand between the key and the other columns of a line: file, line, column, pointer, derived.
const PLACE: usize = 5;

/// A line of a block.
pub(super) fn read(line: &str, change: i64, columns: usize) -> Option<PackedRow<'_>> {
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
pub(super) fn key_of(line: &str) -> Option<&str> {
    let list = line.strip_prefix('[').filter(|list| list.starts_with('['))?;
    let mut at = 1;
    loop {
        match list.as_bytes().get(at)? {
            b'"' => at = behind_text(list.as_bytes(), at)?,
            b']' => return list.get(..=at),
            _ => at += 1,
        }
    }
}

/// The place behind a JSON text that begins at a place.
fn behind_text(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
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
        let at = if bytes.first() == Some(&b'"') { behind_text(bytes, 0)? } else { 0 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::packed::{Packing, Place};
    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use std::io::Read;

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
