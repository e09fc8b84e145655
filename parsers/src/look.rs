//! Files as they lie there, before anybody has said what they mean: cells, lists and sheets, for guessing a job from them.
//! What a cell is taken for is decided elsewhere.

use crate::delimited::{Account, rows};
use crate::diagnostic::Severity;
use crate::formats::workbook::fifteen_digits;
use crate::json::{Node, Value, pointer};
use crate::parsed::Parsed;
use crate::sheet;
use crate::text::Text;
use jiff::civil::DateTime;
use std::borrow::Cow;

/// A value as a file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A text, or anything that a text file has.
    Text(Cow<'a, str>),
    /// A number that is one in the file already, in its digits.
    Number(String),
    /// True or false.
    Bool,
    /// A day or a time that is one in the file already.
    Moment(DateTime),
    /// What no column can take: a list, an error of a spreadsheet.
    Other(&'static str),
}

/// A scalar of an object: its JSON pointer there, and what it is.
pub type Scalar<'a> = (String, Cell<'a>);

/// The rows of delimited text with their line. What is wrong with the text is given back, and where.
pub fn delimited(text: &Text<'_>, delimiter: u8, each: &mut dyn FnMut(usize, &csv::StringRecord) -> bool) -> Result<(), String> {
    let mut out = Parsed::default();
    let _ = rows(text, delimiter, None, &mut out, |_, row| match each(row.span(0).line, row.record) {
        true => Account::Ignored("looked at"),
        false => Account::GiveUp,
    });
    match out.diagnostics.into_iter().find(|d| d.severity == Severity::Error) {
        Some(wrong) => Err(format!("line {}: {}", wrong.span.line, wrong.message)),
        None => Ok(()),
    }
}

/// The lists of objects in a JSON document that a pointer without numbers leads to, with their lengths; `None` where the
/// text is no JSON document.
pub fn json_lists(text: &str) -> Option<Vec<(String, usize)>> {
    let root = Node::document(text).ok()?;
    root.leaves()?;
    let mut lists = Vec::new();
    let mut left = vec![(root, String::new())];
    while let Some((node, at)) = left.pop() {
        match node.open().ok()? {
            Value::Array(items) if !items.is_empty() && items.iter().all(|i| matches!(i.open(), Ok(Value::Object(_)))) => {
                lists.push((at, items.len()));
            }
            Value::Object(members) => left.extend(members.into_iter().map(|(key, node)| (node, pointer(&at, &key)))),
            _ => {}
        }
    }
    lists.sort();
    Some(lists)
}

/// The objects of the list at `at`, each as its scalars with their pointers.
pub fn json_records(text: &str, at: &str, each: &mut dyn FnMut(&[Scalar<'_>])) -> Option<()> {
    let mut node = Node::document(text).ok()?;
    for part in at.split('/').skip(1) {
        let Value::Object(members) = node.open().ok()? else { return None };
        node = members.into_iter().find(|m| pointer("", &m.0)[1..] == *part)?.1;
    }
    let Value::Array(items) = node.open().ok()? else { return None };
    items.into_iter().for_each(|item| each(&scalars(item)));
    Some(())
}

/// The objects of JSON lines; `None` as soon as a line is none.
pub fn json_lines(text: &Text<'_>, each: &mut dyn FnMut(&[Scalar<'_>])) -> Option<()> {
    for (_, line) in text.lines().filter(|l| !l.1.trim().is_empty()) {
        let node = Node::document(line).ok()?;
        node.leaves()?;
        let Value::Object(_) = node.open().ok()? else { return None };
        each(&scalars(node));
    }
    Some(())
}

fn scalars(object: Node<'_>) -> Vec<Scalar<'_>> {
    let mut found = Vec::new();
    gather(object, "", &mut found);
    found
}

fn gather<'a>(node: Node<'a>, at: &str, found: &mut Vec<Scalar<'a>>) {
    let cell = match node.open() {
        Ok(Value::Object(members)) => return members.into_iter().for_each(|(key, node)| gather(node, &pointer(at, &key), found)),
        Ok(Value::Null) => Cell::Empty,
        Ok(Value::Bool) => Cell::Bool,
        Ok(Value::Number(text)) => Cell::Number(text.to_owned()),
        Ok(Value::Text(text)) => Cell::Text(text),
        Ok(Value::Array(_)) => Cell::Other("a list"),
        Err(_) => Cell::Other("a text with a broken escape"),
    };
    found.push((at.to_owned(), cell));
}

/// A sheet of a workbook: its name, and its rows with something in them.
pub type Sheet = (String, Vec<Vec<Cell<'static>>>);

/// The sheets of a workbook, `ods` or else `xlsx`; or why it cannot be opened.
pub fn sheets(ods: bool, bytes: &[u8]) -> Result<Vec<Sheet>, String> {
    let names = if ods { sheet::ods::names(bytes) } else { sheet::xlsx::names(bytes) };
    let read = if ods { sheet::ods::read } else { sheet::xlsx::read };
    let mut sheets = Vec::new();
    for name in names.map_err(|complaint| complaint.1)? {
        let mut rows: Vec<Vec<Cell<'static>>> = Vec::new();
        read(bytes, &name, &mut |_, row| {
            for _ in 0..row.repeat {
                rows.push(row.cells.iter().map(cell).collect());
            }
        })
        .map_err(|complaint| complaint.1)?;
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        rows.iter_mut().for_each(|row| row.resize(width, Cell::Empty));
        sheets.push((name, rows));
    }
    Ok(sheets)
}

fn cell(cell: &sheet::Cell) -> Cell<'static> {
    match cell {
        sheet::Cell::Empty => Cell::Empty,
        sheet::Cell::Text(text) | sheet::Cell::Iso(text) => Cell::Text(text.clone().into()),
        sheet::Cell::Bool(_) => Cell::Bool,
        sheet::Cell::Number(text) => Cell::Number(fifteen_digits(text)),
        sheet::Cell::Moment(moment, _) => moment.map_or(Cell::Other("a time that is none"), Cell::Moment),
        sheet::Cell::Other(_) => Cell::Other("an error of the spreadsheet, or a duration"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_where_a_pointer_leads_and_rows_flatten() {
        let text = r#"{ "meta": { "n": 2 }, "data": { "a/b": [ { "id": 1, "at": { "day": "x", "tags": [1] } }, { "id": null } ] } }"#;
        assert_eq!(json_lists(text), Some(vec![("/data/a~1b".to_owned(), 2)]));
        let mut rows = Vec::new();
        json_records(text, "/data/a~1b", &mut |row| rows.push(row.iter().map(|c| c.0.clone()).collect::<Vec<_>>())).unwrap();
        assert_eq!(rows, [vec!["/id", "/at/day", "/at/tags"], vec!["/id"]]);
        assert_eq!(json_lists("{"), None);
    }
}
