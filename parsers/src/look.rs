//! Files as they lie there, before anybody has said what they mean: cells, lists and sheets, for guessing a job from them.
//! What a cell is taken for is decided elsewhere.

use crate::delimited::{Account, rows};
use crate::diagnostic::Severity;
use crate::format::Parsed;
use crate::formats::workbook::fifteen_digits;
use crate::json::{Node, Value, pointer};
use crate::text::Text;
use calamine::{Data, Range, Reader};
use jiff::civil::DateTime;
use std::borrow::Cow;
use std::io::Cursor;

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
    rows(text, delimiter, &mut out, |_, row| if each(row.span(0).line, row.record) { Account::Used } else { Account::GiveUp });
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

/// A sheet of a workbook: its name, and its rows from the first that holds anything.
pub type Sheet = (String, Vec<Vec<Cell<'static>>>);

/// The sheets of a workbook, `ods` or else `xlsx`; or why it cannot be opened.
pub fn sheets(ods: bool, bytes: &[u8]) -> Result<Vec<Sheet>, String> {
    if ods {
        let book = calamine::Ods::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        return opened(book);
    }
    opened(calamine::Xlsx::new(Cursor::new(bytes)).map_err(|e| e.to_string())?)
}

fn opened<'b, B: Reader<Cursor<&'b [u8]>>>(mut book: B) -> Result<Vec<Sheet>, String>
where
    B::Error: std::fmt::Display,
{
    let names = book.sheet_names();
    names.into_iter().map(|name| Ok((name.clone(), cells(&book.worksheet_range(&name).map_err(|e| e.to_string())?)))).collect()
}

fn cells(range: &Range<Data>) -> Vec<Vec<Cell<'static>>> {
    range.rows().map(|row| row.iter().map(cell).collect()).collect()
}

fn cell(data: &Data) -> Cell<'static> {
    match data {
        Data::Empty => Cell::Empty,
        Data::String(text) | Data::DateTimeIso(text) => Cell::Text(text.clone().into()),
        Data::Bool(_) => Cell::Bool,
        Data::Int(_) | Data::Float(_) => Cell::Number(fifteen_digits(&data.to_string())),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let time = DateTime::new(year as i16, month as i8, day as i8, hour as i8, minute as i8, second as i8, 0);
            time.map_or(Cell::Other("a time that is none"), Cell::Moment)
        }
        Data::Error(_) => Cell::Other("an error of the spreadsheet"),
        _ => Cell::Other("a duration"),
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
