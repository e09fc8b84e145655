//! What a file looks like: its format, its columns and what their values could be. One file at a time.

use super::fixed;
use super::header::{Header, is_header};
use super::values::{Profile, Readings};
use crate::unpack::unpacked_name;
use tieout_parsers::look::{self, Cell};
use tieout_parsers::{Encoding, FieldKind, Text};

/// Rows found in a file, and how to read them.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) format: &'static str,
    pub(super) bytes: Bytes,
    pub(super) delimiter: Option<char>,
    /// Whether the first row names the columns.
    pub(super) headed: bool,
    /// Lines before the first row.
    pub(super) skip: usize,
    pub(super) sheet: Option<String>,
    pub(super) records: Option<String>,
    pub(super) columns: Vec<Seen>,
    pub(super) rows: usize,
    /// What a person should look at.
    pub(super) doubts: Vec<String>,
}

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Where the file has it, as the format says it.
    pub(super) from: String,
    /// What it is called there.
    pub(super) title: String,
    pub(super) profile: Profile,
}

/// What the bytes of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    /// ASCII, which is both of the others.
    Ascii,
    Unicode,
    Windows1252,
    /// Some files are Unicode, some Windows-1252.
    Mixed,
    /// A workbook.
    Binary,
}

impl Bytes {
    pub(super) fn and(self, other: Bytes) -> Bytes {
        match (self, other) {
            (a, b) if a == b => a,
            (Bytes::Ascii, other) | (other, Bytes::Ascii) => other,
            _ => Bytes::Mixed,
        }
    }

    /// As the formats take it.
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Bytes::Ascii | Bytes::Unicode | Bytes::Binary => Encoding::Utf8,
            Bytes::Windows1252 => Encoding::Windows1252,
            Bytes::Mixed => Encoding::Auto,
        }
    }
}

impl Sight {
    /// Whether rows of both can go into one table; where the files are `called` alike, a column may be a text in one of them.
    pub(super) fn is_like(&self, other: &Sight, called: bool) -> bool {
        let place = |s: &Sight| (s.format, s.delimiter, s.headed, s.skip, s.sheet.clone(), s.records.clone());
        if place(self) != place(other) {
            return false;
        }
        let has = |column: &Seen| self.columns.iter().any(|c| c.from == column.from);
        let shared = other.columns.iter().filter(|c| has(c)).count();
        if self.format.starts_with("json") {
            return shared * 3 >= self.columns.len() + other.columns.len() - shared;
        }
        let same = |(mine, theirs): (&Seen, &Seen)| {
            let is_text = |c: &Seen| c.profile.any_kind() == FieldKind::Text;
            let named = called && self.headed && self.format != "fixed";
            let empty = mine.profile.filled == 0 || theirs.profile.filled == 0;
            mine.from == theirs.from && mine.title == theirs.title && (named || empty || is_text(mine) == is_text(theirs))
        };
        self.columns.len() == other.columns.len() && self.columns.iter().zip(&other.columns).all(same)
    }

    /// Takes in the rows of a file that is like it.
    pub(super) fn merge(&mut self, other: Sight) {
        self.rows += other.rows;
        self.bytes = self.bytes.and(other.bytes);
        for column in other.columns {
            match self.columns.iter_mut().find(|c| c.from == column.from) {
                Some(mine) => mine.profile.merge(&column.profile),
                None => self.columns.push(column),
            }
        }
        other.doubts.into_iter().for_each(|d| {
            if !self.doubts.contains(&d) {
                self.doubts.push(d)
            }
        });
    }

    fn new(format: &'static str, bytes: Bytes) -> Sight {
        let (delimiter, sheet, records) = (None, None, None);
        Sight { format, bytes, delimiter, headed: true, skip: 0, sheet, records, columns: Vec::new(), rows: 0, doubts: Vec::new() }
    }

    fn column(&mut self, from: String, title: String) {
        self.columns.push(Seen { from, title, profile: Profile::default() });
    }
}

/// A file that text can be read from, or why there is none.
pub(super) fn decode(bytes: &[u8]) -> Result<(Text<'_>, Bytes), String> {
    if bytes.is_empty() || bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("empty".into());
    }
    let (text, kind) = match Text::decode(bytes, Encoding::Utf8) {
        Ok(text) => (text, if bytes.is_ascii() { Bytes::Ascii } else { Bytes::Unicode }),
        Err(_) => (Text::decode(bytes, Encoding::Windows1252).map_err(|_| NO_TEXT.to_owned())?, Bytes::Windows1252),
    };
    let strange = |c: char| c.is_control() && !['\n', '\r', '\t', '\u{c}'].contains(&c);
    if text.as_str().contains(strange) { Err(NO_TEXT.into()) } else { Ok((text, kind)) }
}

const NO_TEXT: &str = "no text, no workbook";

/// What stands in a file; `whole` when all of it was read.
pub(super) fn sights(path: &str, bytes: &[u8], whole: bool, readings: &Readings<'_>) -> Result<Vec<Sight>, String> {
    let name = unpacked_name(path).to_lowercase();
    if name.ends_with(".xlsx") || name.ends_with(".ods") {
        return if whole { workbook(name.ends_with(".ods"), bytes, readings) } else { Err(TOO_LARGE.into()) };
    }
    if name.ends_with(".xls") {
        return Err("a workbook of the old kind; save it as .xlsx".into());
    }
    if name.ends_with(".zip") {
        return Err("an archive; unpack it, or name its members in a source: files = [\"archive.zip/*.csv\"]".into());
    }
    let (text, kind) = decode(bytes)?;
    match text.as_str().trim_start().as_bytes().first() {
        Some(b'{' | b'[') => json(&text, kind, whole, readings).map(|sight| vec![sight]),
        _ => delimited(&name, &text, kind, readings).map(|sight| vec![sight]),
    }
}

const TOO_LARGE: &str = "larger than 64 MiB, and no part of it can be looked at alone";

fn workbook(ods: bool, bytes: &[u8], readings: &Readings<'_>) -> Result<Vec<Sight>, String> {
    let sheets = look::sheets(ods, bytes).map_err(|why| format!("the workbook cannot be opened: {why}"))?;
    let several = sheets.len() > 1;
    let mut found = Vec::new();
    for (name, rows) in sheets {
        let Some((header, rows)) = rows.split_first() else { continue };
        let mut sight = Sight::new(if ods { "ods" } else { "xlsx" }, Bytes::Binary);
        sight.sheet = several.then(|| name.clone());
        for title in header.iter().map(spoken) {
            sight.column(title.clone(), title);
        }
        for row in rows.iter().filter(|row| row.iter().any(|c| *c != Cell::Empty)) {
            row.iter().zip(&mut sight.columns).for_each(|(cell, column)| column.profile.add(cell, readings));
            sight.rows += 1;
        }
        if sight.columns.iter().any(|c| c.title.is_empty() && c.profile.filled > 0) {
            return Err(format!("the first row of the sheet {name} does not name its columns"));
        }
        if sight.rows > 0 {
            found.push(unrepeated(sight));
        }
    }
    if found.is_empty() { Err(NO_ROWS.into()) } else { Ok(found) }
}

const NO_ROWS: &str = "no rows below the header, so nothing says what they would hold";

fn spoken(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => text.trim().to_owned(),
        Cell::Number(text) => text.clone(),
        _ => String::new(),
    }
}

/// A column whose title stands there twice, or that has neither title nor values, is not loaded.
fn unrepeated(mut sight: Sight) -> Sight {
    let mut titles: Vec<String> = Vec::new();
    let mut repeated = Vec::new();
    sight.columns.retain(|column| {
        let again = titles.contains(&column.title);
        if again && column.profile.filled > 0 {
            repeated.push(column.title.clone());
        }
        titles.push(column.title.clone());
        let nobodys = column.title.is_empty() && column.profile.filled == 0;
        !(again || nobodys)
    });
    for title in repeated {
        sight.doubts.push(format!("the header has `{title}` more than once; only the first of them is loaded"));
    }
    sight
}

fn json(text: &Text<'_>, bytes: Bytes, whole: bool, readings: &Readings<'_>) -> Result<Sight, String> {
    let lists = if whole { look::json_lists(text.as_str()) } else { None };
    if let Some((pointer, _)) = lists.as_ref().and_then(|l| l.iter().max_by_key(|(at, n)| (*n, std::cmp::Reverse(at)))) {
        let mut sight = Sight::new("json", bytes);
        sight.records = Some(pointer.clone());
        look::json_records(text.as_str(), pointer, &mut |row| record(&mut sight, row, readings));
        return filled(listless(sight));
    }
    let mut sight = Sight::new("jsonl", bytes);
    match look::json_lines(text, &mut |row| record(&mut sight, row, readings)) {
        Some(()) if lists.is_none() || text.line_count() == 1 => filled(listless(sight)),
        _ if lists.is_some() => Err("JSON, but without a list of objects".into()),
        _ if !whole => Err(TOO_LARGE.into()),
        _ => Err("it begins like JSON, but is neither a document nor an object a line".into()),
    }
}

fn record(sight: &mut Sight, row: &[(String, Cell<'_>)], readings: &Readings<'_>) {
    sight.rows += 1;
    for (pointer, cell) in row {
        let at = sight.columns.iter().position(|c| c.from == *pointer).unwrap_or_else(|| {
            sight.column(pointer.clone(), pointer[1..].replace('/', "_"));
            sight.columns.len() - 1
        });
        sight.columns[at].profile.add(cell, readings);
    }
}

/// Lists within rows go into no column.
fn listless(mut sight: Sight) -> Sight {
    let lists: Vec<String> = sight.columns.extract_if(.., |c| c.profile.strange == Some("a list")).map(|c| c.from).collect();
    if !lists.is_empty() {
        sight.doubts.push(format!("lists within the rows are not loaded: {}", lists.join(", ")));
    }
    sight
}

fn filled(sight: Sight) -> Result<Sight, String> {
    if sight.columns.is_empty() { Err("a list of objects in which there are no values".into()) } else { Ok(sight) }
}

fn delimited(name: &str, text: &Text<'_>, bytes: Bytes, readings: &Readings<'_>) -> Result<Sight, String> {
    let is_csv = [".csv", ".tsv"].iter().any(|e| name.ends_with(e));
    let mut ragged = None;
    for delimiter in ['\t', ';', '|', ','] {
        match widths(text, delimiter) {
            Ok(2..) => {
                let sight = columns(text, delimiter, bytes, readings)?;
                let typed = sight.columns.iter().any(|c| c.profile.any_kind() != FieldKind::Text);
                // Prose has commas, too.
                if typed || is_csv || delimiter != ',' {
                    return Ok(sight);
                }
            }
            Ok(_) => {}
            Err(why) => ragged = ragged.or(why),
        }
    }
    if ragged.is_none() && is_csv {
        return columns(text, ',', bytes, readings);
    }
    let mut sight = Sight::new("fixed", bytes);
    if let Some(found) = fixed::columns(text, readings) {
        sight.headed = false;
        (sight.skip, sight.columns, sight.rows, sight.doubts) = (found.skip, found.columns, found.rows, found.doubts);
        return Ok(sight);
    }
    Err(ragged.unwrap_or_else(|| "text in which no columns can be told apart; the format `lines` may read it".into()))
}

/// How many fields every row has; an error says which row has more or fewer, where most are alike.
fn widths(text: &Text<'_>, delimiter: char) -> Result<usize, Option<String>> {
    let mut widths: Vec<(usize, usize)> = Vec::new();
    let read = look::delimited(text, delimiter as u8, &mut |line, row| {
        widths.push((line, row.len()));
        true
    });
    let most = widths[widths.len() / 2..].iter().map(|w| w.1).max().unwrap_or(0);
    let alike = widths.iter().filter(|w| w.1 == most).count();
    let odd = widths.iter().find(|w| w.1 != most).map(|(line, n)| {
        let has = if *n == 1 { "1 field".to_owned() } else { format!("{n} fields") };
        let title = if *line == widths[0].0 { "; what stands above the names of the columns cannot be skipped" } else { "" };
        format!("line {line} has {has} parted by `{}` where most have {most}{title}", spell(delimiter))
    });
    match (read.err(), odd) {
        (None, None) => Ok(most),
        (why, odd) if most > 1 && alike * 2 > widths.len() && widths.len() > 2 => Err(odd.or(why)),
        // What parts a few lines alone is no mark between fields.
        _ => Err(None),
    }
}

pub(super) fn spell(delimiter: char) -> String {
    if delimiter == '\t' { "tab".into() } else { delimiter.to_string() }
}

fn columns(text: &Text<'_>, delimiter: char, bytes: Bytes, readings: &Readings<'_>) -> Result<Sight, String> {
    let mut sight = Sight::new("csv", bytes);
    sight.delimiter = Some(delimiter);
    let mut first: Vec<String> = Vec::new();
    let read = look::delimited(text, delimiter as u8, &mut |_, row| {
        if first.is_empty() {
            first = row.iter().map(|f| f.trim().to_owned()).collect();
            first.iter().enumerate().for_each(|(n, title)| sight.column((n + 1).to_string(), title.clone()));
        } else {
            sight.rows += 1;
            row.iter().zip(&mut sight.columns).for_each(|(field, c)| c.profile.add(&Cell::Text(field.into()), readings));
        }
        true
    });
    read?;
    let profiles: Vec<&Profile> = sight.columns.iter().map(|c| &c.profile).collect();
    sight.headed = match is_header(&first, &profiles, readings) {
        Header::Yes => true,
        Header::No => false,
        Header::Perhaps => {
            sight.doubts.push("the first line is taken for the names of the columns; if it is a row, say header = false".into());
            true
        }
    };
    if sight.headed {
        sight.columns.iter_mut().for_each(|c| c.from = c.title.clone());
        return if sight.rows == 0 { Err(NO_ROWS.into()) } else { Ok(unrepeated(sight)) };
    }
    sight.rows += 1;
    for (field, column) in first.iter().zip(&mut sight.columns) {
        column.profile.add(&Cell::Text(field.into()), readings);
        column.title = format!("column_{}", column.from);
    }
    Ok(sight)
}
