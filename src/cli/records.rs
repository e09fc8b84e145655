//! What `tieout parse` prints of a file's records: exact JSON, or a table for looking at.

use crate::evidence::Finding;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{Result, Write};
use tieout_parsers::{Bill, ConfigEntry, FieldValue, Located, Parsed, Record, RentCalculation, Tenant, exact_decimal};

/// A file that was read.
pub(super) struct Read {
    pub(super) path: String,
    pub(super) format: &'static str,
    /// The declared table that its rows are for, and the names of their values.
    pub(super) table: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) parsed: Parsed,
}

impl Read {
    pub(super) fn new(path: &str, format: &'static str, parsed: Parsed) -> Read {
        Read { path: path.to_owned(), format, table: None, columns: Vec::new(), parsed }
    }

    /// A record with its place; the values of a row by their names.
    fn json(&self, located: &Located<Record>) -> Value {
        let mut value = serde_json::to_value(&located.value).unwrap_or_default();
        let Value::Object(members) = &mut value else { return value };
        if let (Record::Row { .. }, Some(Value::Array(values))) = (&located.value, members.remove("values")) {
            let named: Map<String, Value> = self.columns.iter().cloned().zip(values).collect();
            members.insert("values".to_owned(), named.into());
            members.insert("table".to_owned(), self.table.clone().into());
        }
        members.insert("line".to_owned(), located.span.line.into());
        members.insert("column".to_owned(), located.span.column.into());
        value
    }
}

/// The one document of `--json`.
#[derive(serde::Serialize)]
pub(super) struct Document<'a> {
    path: &'a str,
    format: &'a str,
    encoding: &'a str,
    read: usize,
    used: usize,
    ignored: &'a BTreeMap<&'static str, usize>,
    rejected: usize,
    findings: &'a [Finding],
    records: All<'a>,
}

impl<'a> Document<'a> {
    pub(super) fn new(read: &'a Read, findings: &'a [Finding]) -> Document<'a> {
        let Parsed { tally, encoding, .. } = &read.parsed;
        Document {
            path: &read.path,
            format: read.format,
            encoding,
            read: tally.read,
            used: tally.used,
            ignored: &tally.ignored,
            rejected: tally.rejected,
            findings,
            records: All(read),
        }
    }
}

/// The records, made into JSON one by one.
struct All<'a>(&'a Read);

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.parsed.records.iter().map(|located| self.0.json(located)))
    }
}

/// One JSON object a line.
pub(super) fn json_lines(read: &Read, out: &mut dyn Write) -> Result<()> {
    read.parsed.records.iter().try_for_each(|located| writeln!(out, "{}", read.json(located)))
}

/// A table: a header, and a row for each record, or for each share of a rent calculation.
pub(super) fn csv(read: &Read, out: &mut dyn Write) -> Result<()> {
    // What the pipe said is kept: a reader that leaves early is no error.
    table(read, out).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    })
}

fn table(read: &Read, out: &mut dyn Write) -> csv::Result<()> {
    let records = &read.parsed.records;
    let mut kinds: Vec<&str> = Vec::new();
    let mut columns: Vec<&str> = read.columns.iter().map(String::as_str).collect();
    for located in records {
        let kind = kind(&located.value);
        if !kinds.contains(&kind) {
            kinds.push(kind);
            let own = own_columns(read, &located.value);
            columns.extend(own.iter().filter(|c| !columns.contains(c)).copied().collect::<Vec<_>>());
        }
    }
    let mut table = csv::Writer::from_writer(out);
    // The kind is told where there are several; a cell beyond a record's own columns stays empty.
    let told = (kinds.len() > 1).then_some("record");
    table.write_record(told.into_iter().chain(columns.iter().copied()).chain(["file", "line"]).map(inert))?;
    for located in records {
        let own = own_columns(read, &located.value);
        let at: Vec<usize> = own.iter().filter_map(|c| columns.iter().position(|known| known == c)).collect();
        rows(&located.value, located.span.line, &mut |line, cells| {
            let mut row = vec![String::new(); columns.len()];
            at.iter().zip(cells).for_each(|(at, cell)| row[*at] = cell);
            let place = [inert(&read.path), line.to_string()];
            table.write_record(told.map(|_| kind(&located.value).to_owned()).into_iter().chain(row).chain(place))
        })?;
    }
    Ok(table.flush()?)
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::RentCalculation(_) => "rent-calculation",
        Record::Bill(_) => "bill",
        Record::Config(_) => "config",
        Record::Tenant(_) => "tenant",
        Record::Row { .. } => "row",
    }
}

fn own_columns<'a>(read: &'a Read, record: &Record) -> Vec<&'a str> {
    match record {
        Record::RentCalculation(_) => {
            vec!["label", "version", "calculated_at", "title", "config_month", "name", "amount", "days", "room_adjustment"]
        }
        Record::Bill(_) => vec!["provider", "due", "period", "amount"],
        Record::Config(_) => vec!["key", "period", "value"],
        Record::Tenant(_) => vec!["id", "name", "email", "start", "departure", "room_adjustment"],
        Record::Row { .. } => read.columns.iter().map(String::as_str).collect(),
    }
}

/// Gives each row that a record makes to `each`, with its line.
fn rows(record: &Record, line: usize, each: &mut dyn FnMut(usize, Vec<String>) -> csv::Result<()>) -> csv::Result<()> {
    match record {
        Record::RentCalculation(calculation) => shares(calculation, each),
        Record::Bill(Bill { provider, due, period, amount }) => {
            each(line, vec![inert(provider), due.to_string(), period.to_string(), amount.to_string()])
        }
        Record::Config(ConfigEntry { key, period, value }) => {
            let value = if exact_decimal(value).is_some() { value.clone() } else { inert(value) };
            each(line, vec![inert(key), period.to_string(), value])
        }
        Record::Tenant(Tenant { id, name, email, start, departure, room_adjustment }) => {
            let text = |text: &Option<String>| text.as_deref().map(inert).unwrap_or_default();
            each(line, vec![text(id), inert(name), text(email), plain(start), plain(departure), plain(room_adjustment)])
        }
        Record::Row { values } => each(line, values.iter().map(|v| v.as_ref().map(cell).unwrap_or_default()).collect()),
    }
}

fn shares(calculation: &RentCalculation, each: &mut dyn FnMut(usize, Vec<String>) -> csv::Result<()>) -> csv::Result<()> {
    calculation.shares.iter().try_for_each(|share| {
        let roommate = calculation.roommate(&share.name);
        each(
            share.span.line,
            vec![
                calculation.label.to_string(),
                calculation.version.to_string(),
                plain(&calculation.calculated_at),
                calculation.title.as_deref().map(inert).unwrap_or_default(),
                plain(&calculation.config_month),
                inert(&share.name),
                share.amount.to_string(),
                plain(&roommate.and_then(|r| r.days)),
                plain(&roommate.and_then(|r| r.room_adjustment)),
            ],
        )
    })
}

fn cell(value: &FieldValue) -> String {
    match value {
        FieldValue::Text(text) => inert(text),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Date(date) => date.to_string(),
        FieldValue::Month(month) => month.to_string(),
        FieldValue::Time(time) => time.to_string(),
    }
}

/// A number, day or moment: no text of anybody's.
fn plain<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

/// A text that no spreadsheet takes for a formula, also where it looks past what cannot be seen.
fn inert(text: &str) -> String {
    let unseen = |c: char| c.is_whitespace() || c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || c == '\u{feff}';
    // The last four are the wide forms, which some take for the narrow ones.
    let begins = text.trim_start_matches(unseen).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if begins || text.starts_with(['\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn a_formula_becomes_a_text_and_a_text_stays_one() {
        for formula in ["=1", "+1", "-1+2", "@SUM(1)", "\t=1", "\rx", " =1", "\u{a0}\n=1", "\u{feff}=1", "\0=1", "＝1", "-"] {
            assert_eq!(inert(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in ["", "a=1", "'=1", "1-2", "Åsa", "(1)", " x", "2025-10-01"] {
            assert_eq!(inert(text), text);
        }
    }
}
