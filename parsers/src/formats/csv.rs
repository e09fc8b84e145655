//! `csv`: the configuration table (`key,period,value`) and the tenants (`id,name,email,…`), told apart by their header.
//!
//! Commas, double quotes, a header line; columns in any order. A quote that is never closed is refused, since it would
//! swallow the lines behind it.

use crate::amount::{Money, exact_decimal};
use crate::diagnostic::{Severity, Span, nearest};
use crate::format::{Context, Format, Parsed, Unit};
use crate::month::{Month, wall_day};
use crate::record::{ConfigEntry, Located, Record, Tenant};
use crate::text::{Encoding, Text};
use jiff::civil::Date;

/// The format, for the registry.
pub struct Csv;

/// A kind of table: its columns, all of which must be there, and how a row becomes a record.
struct Shape {
    columns: &'static [&'static str],
    read: fn(&Row<'_>) -> Result<Record, Wrong>,
}

const SHAPES: [Shape; 2] = [
    Shape { columns: &["key", "period", "value"], read: config },
    Shape { columns: &["id", "name", "email", "start_date", "departure_date", "room_adjustment"], read: tenant },
];

/// Configuration keys whose value must be a number.
const NUMBERS: [&str; 10] = ["kallhyra", "el", "bredband", "vattenavgift", "va", "larm", "drift_rakning", "saldo_innan", "extra_in", "gas"];

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "configuration (key,period,value) or tenants (id,name,email,start_date,departure_date,room_adjustment)"
    }

    fn example(&self) -> &'static str {
        "key,period,value\nel,2025-09,2424"
    }

    fn claims(&self, name: &str, text: &str) -> bool {
        let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').map(str::trim).collect();
        name.ends_with(".csv") && SHAPES.iter().any(|s| s.columns.iter().all(|c| header.contains(c)))
    }

    fn parse(&self, text: &Text<'_>, _context: &Context<'_>, out: &mut Parsed) {
        out.tally.unit = Unit::Lines;
        out.tally.read = text.line_count();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_str().as_bytes());
        let mut record = csv::StringRecord::new();
        let mut shape: Option<(&Shape, Vec<String>)> = None;
        let mut accounted = 0;
        loop {
            let begin = reader.position().byte() as usize;
            let more = reader.read_record(&mut record).unwrap_or(false);
            let raw = &text.as_str()[begin..reader.position().byte() as usize];
            let skipped = raw.len() - raw.trim_start_matches(['\n', '\r']).len();
            let from = text.span(begin + skipped).line;
            let blank = if more { from - 1 - accounted } else { text.line_count() - accounted };
            out.tally.ignore("blank line", blank);
            if !more {
                break;
            }
            let lines = Text::decode(&raw.as_bytes()[skipped..], Encoding::Utf8).map_or(1, |t| t.line_count());
            accounted += blank + lines;
            if raw.trim().is_empty() {
                out.tally.ignore("blank line", lines);
                continue;
            }
            let row = Row { text, raw: &raw[skipped..], offset: begin + skipped, record: &record, header: &[] };
            if row.raw.bytes().filter(|b| *b == b'"').count() % 2 == 1 {
                let quote = row.raw.find('"').unwrap_or(0);
                out.note(
                    Severity::Error,
                    "unclosed-quote",
                    text,
                    text.span(row.offset + quote),
                    format!("a quotation mark is opened here and not closed within {lines} line(s)"),
                    "close it, or double it (\"\") where it is part of the text",
                );
                out.tally.rejected += lines;
                continue;
            }
            match &shape {
                None => match find_shape(&row) {
                    Ok(found) => {
                        shape = Some((found, record.iter().map(|c| c.trim().to_owned()).collect()));
                        out.tally.ignore("header", lines);
                    }
                    Err(wrong) => {
                        row.refuse(out, wrong);
                        out.tally.rejected = out.tally.read - out.tally.ignored.values().sum::<usize>();
                        return;
                    }
                },
                Some((shape, header)) => {
                    let row = Row { header, ..row };
                    match row.complete().and_then(|()| (shape.read)(&row)) {
                        Ok(value) => {
                            out.records.push(Located { value, span: text.span(row.offset) });
                            out.tally.used += lines;
                        }
                        Err(wrong) => {
                            row.refuse(out, wrong);
                            out.tally.rejected += lines;
                        }
                    }
                }
            }
        }
    }
}

fn find_shape(row: &Row<'_>) -> Result<&'static Shape, Wrong> {
    let header: Vec<&str> = row.record.iter().map(str::trim).collect();
    let Some(shape) = SHAPES.iter().find(|s| s.columns.iter().all(|c| header.contains(c))) else {
        let known: Vec<String> = SHAPES.iter().map(|s| s.columns.join(",")).collect();
        let near =
            header.iter().find_map(|h| nearest(h, SHAPES.iter().flat_map(|s| s.columns).copied()).filter(|n| n != h).map(|n| (h, n)));
        let hint = match near {
            Some((wrong, near)) => format!("did you mean `{near}` by `{wrong}`? The first line must be {}", known.join(" or ")),
            None => format!("the first line must be {}", known.join(" or ")),
        };
        return Err(Wrong { field: 0, code: "unknown-header", message: "the first line names no table that is known".into(), hint });
    };
    for (field, name) in header.iter().enumerate() {
        let problem = if !shape.columns.contains(name) {
            format!("the column `{name}` is unknown here")
        } else if header[..field].contains(name) {
            format!("the column `{name}` stands here a second time")
        } else {
            continue;
        };
        let hint = match nearest(name, shape.columns.iter().copied()).filter(|near| near != name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", shape.columns.join(", ")),
        };
        return Err(Wrong { field, code: "unknown-header", message: problem, hint });
    }
    Ok(shape)
}

fn config(row: &Row<'_>) -> Result<Record, Wrong> {
    let key = row.filled("key")?.to_owned();
    let period = row.filled("period")?;
    let period = Month::parse(period).ok_or_else(|| {
        row.wrong("period", "impossible-date", format!("`{period}` is no month"), "write it as `2025-02` or `2025-02-01`")
    })?;
    let value = row.filled("value")?;
    let value = match exact_decimal(value) {
        Some(number) => number.to_string(),
        None if NUMBERS.contains(&key.as_str()) => {
            return Err(row.wrong(
                "value",
                "unreadable-amount",
                format!("`{value}` is no number, and `{key}` needs one"),
                "write it with digits and a decimal point: `5935.98`",
            ));
        }
        None => value.to_owned(),
    };
    Ok(Record::Config(ConfigEntry { key, period, value }))
}

fn tenant(row: &Row<'_>) -> Result<Record, Wrong> {
    let start = row.date("start_date")?;
    let departure = row.date("departure_date")?;
    if let (Some(start), Some(departure)) = (start, departure)
        && departure < start
    {
        return Err(row.wrong(
            "departure_date",
            "impossible-date",
            format!("moved out on {departure}, before moving in on {start}"),
            "correct one of the two dates",
        ));
    }
    let room_adjustment = match row.get("room_adjustment") {
        "" => None,
        text => Some(Money(exact_decimal(text).ok_or_else(|| {
            row.wrong(
                "room_adjustment",
                "unreadable-amount",
                format!("`{text}` is no number"),
                "write it with digits and a decimal point: `-1400`",
            )
        })?)),
    };
    let optional = |column| Some(row.get(column)).filter(|t| !t.is_empty()).map(str::to_owned);
    Ok(Record::Tenant(Tenant {
        id: optional("id"),
        name: row.filled("name")?.to_owned(),
        email: optional("email"),
        start,
        departure,
        room_adjustment,
    }))
}

/// A fault in a field.
struct Wrong {
    field: usize,
    code: &'static str,
    message: String,
    hint: String,
}

/// A line of the table with its place in the text.
struct Row<'a> {
    text: &'a Text<'a>,
    raw: &'a str,
    offset: usize,
    record: &'a csv::StringRecord,
    header: &'a [String],
}

impl Row<'_> {
    fn field(&self, column: &str) -> usize {
        self.header.iter().position(|h| h == column).unwrap_or(usize::MAX)
    }

    fn get(&self, column: &str) -> &str {
        self.record.get(self.field(column)).unwrap_or_default().trim()
    }

    fn filled(&self, column: &str) -> Result<&str, Wrong> {
        match self.get(column) {
            "" => Err(self.wrong(column, "missing-value", format!("`{column}` is empty"), "every row needs it")),
            text => Ok(text),
        }
    }

    /// A date, or a wall-clock time whose day counts (`2025-08-01 00:00:00 +0200` is 1 August).
    fn date(&self, column: &str) -> Result<Option<Date>, Wrong> {
        let text = self.get(column);
        if text.is_empty() {
            return Ok(None);
        }
        match wall_day(text) {
            Some(date) => Ok(Some(date)),
            None => Err(self.wrong(
                column,
                "impossible-date",
                format!("there is no such day as {text}"),
                "write it as `2025-02-28`, or leave it empty",
            )),
        }
    }

    fn complete(&self) -> Result<(), Wrong> {
        if self.record.len() == self.header.len() {
            return Ok(());
        }
        Err(Wrong {
            field: self.record.len().min(self.header.len()),
            code: "wrong-number-of-fields",
            message: format!("{} fields where the header names {}", self.record.len(), self.header.len()),
            hint: "add or remove commas; a comma within a text needs quotation marks around the text".into(),
        })
    }

    fn wrong(&self, column: &str, code: &'static str, message: String, hint: &str) -> Wrong {
        Wrong { field: self.field(column), code, message, hint: hint.to_owned() }
    }

    fn refuse(&self, out: &mut Parsed, wrong: Wrong) {
        let span: Span = self.text.span(self.offset + field_offset(self.raw, wrong.field));
        out.note(Severity::Error, wrong.code, self.text, span, wrong.message, wrong.hint);
    }
}

/// Where field `n` begins in the raw record, in bytes; its end when it has no such field.
fn field_offset(raw: &str, n: usize) -> usize {
    let mut quoted = false;
    let mut commas = 0;
    for (i, b) in raw.bytes().enumerate() {
        if commas == n {
            return i;
        }
        match b {
            b'"' => quoted = !quoted,
            b',' if !quoted => commas += 1,
            _ => {}
        }
    }
    raw.trim_end_matches(['\n', '\r']).len()
}
