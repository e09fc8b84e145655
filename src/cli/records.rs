//! What `tieout parse` prints of a file's records: exact JSON, or a table for looking at.

use super::parse::To;
use crate::discover::SourceFile;
use crate::evidence::Finding;
use crate::job::Job;
use crate::report::inert;
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{Result, Write};
use tieout_parsers::{Bill, ConfigEntry, FieldValue, Located, Parsed, Record, RentCalculation, Tenant, exact_decimal};

/// What is printed of: the file, and how it is read.
pub(super) struct Of {
    path: String,
    format: &'static str,
    /// The declared table that its rows are for, and the names of their values.
    table: Option<String>,
    columns: Vec<String>,
}

impl Of {
    pub(super) fn new(job: &Job, file: &SourceFile) -> Of {
        let source = &job.sources[file.source];
        let table = source.table.map(|table| job.tables[table].table.name.to_string());
        let columns = source.fields.iter().map(|field| field.name.clone()).collect();
        Of { path: file.path.clone(), format: source.format.name(), table, columns }
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
    pub(super) fn new(of: &'a Of, parsed: &'a Parsed, records: &'a [Located<Record>], findings: &'a [Finding]) -> Document<'a> {
        let Parsed { tally, encoding, .. } = parsed;
        Document {
            path: &of.path,
            format: of.format,
            encoding,
            read: tally.read,
            used: tally.used,
            ignored: &tally.ignored,
            rejected: tally.rejected,
            findings,
            records: All(of, records),
        }
    }
}

/// The records, made into JSON one by one.
struct All<'a>(&'a Of, &'a [Located<Record>]);

impl Serialize for All<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|located| self.0.json(located)))
    }
}

/// Prints records block by block: one JSON object a line, or a table with a header and a row for each record (for each
/// share of a rent calculation).
pub(super) struct Table<'a> {
    of: &'a Of,
    to: To,
    columns: Vec<&'a str>,
    /// Whether the kind of record is told, because there are several.
    told: bool,
    begun: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(of: &'a Of, to: To) -> Table<'a> {
        Table { of, to, columns: of.columns.iter().map(String::as_str).collect(), told: false, begun: false }
    }

    pub(super) fn print(&mut self, records: &[Located<Record>], out: &mut dyn Write) -> Result<()> {
        if self.to == To::Jsonl {
            return records.iter().try_for_each(|located| writeln!(out, "{}", self.of.json(located)));
        }
        // What the pipe said is kept: a reader that leaves early is no error.
        self.rows(records, out).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => std::io::Error::other(format!("{other:?}")),
        })
    }

    /// The header, from the first block: a file that is read in several has records of one kind.
    fn header(&mut self, records: &[Located<Record>]) -> Vec<String> {
        let mut kinds: Vec<&str> = Vec::new();
        for located in records {
            let kind = kind(&located.value);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            let own = own_columns(self.of, &located.value);
            self.columns.extend(own.iter().filter(|c| !self.columns.contains(c)).copied().collect::<Vec<_>>());
        }
        (self.told, self.begun) = (kinds.len() > 1, true);
        self.told.then_some("record").into_iter().chain(self.columns.iter().copied()).chain(["file", "line"]).map(inert).collect()
    }

    fn rows(&mut self, records: &[Located<Record>], out: &mut dyn Write) -> csv::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        if !self.begun {
            table.write_record(self.header(records))?;
        }
        for located in records {
            let own = own_columns(self.of, &located.value);
            // A cell beyond a record's own columns stays empty.
            let at: Vec<usize> = own.iter().filter_map(|c| self.columns.iter().position(|known| known == c)).collect();
            rows(&located.value, located.span.line, &mut |line, cells| {
                let mut row = vec![String::new(); self.columns.len()];
                at.iter().zip(cells).for_each(|(at, cell)| row[*at] = cell);
                let place = [inert(&self.of.path), line.to_string()];
                let told = self.told.then(|| kind(&located.value).to_owned());
                table.write_record(told.into_iter().chain(row).chain(place))
            })?;
        }
        Ok(table.flush()?)
    }
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

fn own_columns<'a>(of: &'a Of, record: &Record) -> Vec<&'a str> {
    match record {
        Record::RentCalculation(_) => {
            vec!["label", "version", "calculated_at", "title", "config_month", "name", "amount", "days", "room_adjustment"]
        }
        Record::Bill(_) => vec!["provider", "due", "period", "amount"],
        Record::Config(entry) => ["key", "period", "value"].into_iter().chain(entry.house.as_ref().map(|_| "house")).collect(),
        Record::Tenant(tenant) => {
            let columns = ["id", "name", "email", "start", "departure", "room_adjustment"];
            columns.into_iter().chain(tenant.house.as_ref().map(|_| "house")).collect()
        }
        Record::Row { .. } => of.columns.iter().map(String::as_str).collect(),
    }
}

/// Gives each row that a record makes to `each`, with its line.
fn rows(record: &Record, line: usize, each: &mut dyn FnMut(usize, Vec<String>) -> csv::Result<()>) -> csv::Result<()> {
    match record {
        Record::RentCalculation(calculation) => shares(calculation, each),
        Record::Bill(Bill { provider, due, period, amount }) => {
            each(line, vec![inert(provider), due.to_string(), period.to_string(), amount.to_string()])
        }
        Record::Config(ConfigEntry { key, period, value, house }) => {
            let value = if exact_decimal(value).is_some() { value.clone() } else { inert(value) };
            each(line, [inert(key), period.to_string(), value].into_iter().chain(house.as_deref().map(inert)).collect())
        }
        Record::Tenant(Tenant { id, name, email, start, departure, room_adjustment, house }) => {
            let text = |text: &Option<String>| text.as_deref().map(inert).unwrap_or_default();
            let values = [text(id), inert(name), text(email), plain(start), plain(departure), plain(room_adjustment)];
            each(line, values.into_iter().chain(house.as_deref().map(inert)).collect())
        }
        Record::Row { values } => each(line, values.iter().map(|v| v.as_ref().map(cell).unwrap_or_default()).collect()),
    }
}

fn shares(calculation: &RentCalculation, each: &mut dyn FnMut(usize, Vec<String>) -> csv::Result<()>) -> csv::Result<()> {
    calculation.shares.iter().try_for_each(|share| {
        let roommate = calculation.roommate(&share.name);
        each(
            share.span().line,
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
