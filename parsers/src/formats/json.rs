//! `json` and `jsonl`: lists of objects, in one document or one a line. Columns are JSON pointers within the object, or keys.

use crate::diagnostic::Severity;
use crate::fields::{Complaint, Field, FieldKind, READING, Reading, missing};
use crate::format::{Context, Format, OptionSpec, OptionValue, Parsed, Unit};
use crate::json::{self, JsonReader, Node, Place, Value, pointer};
use crate::record::{FieldValue, Located, Record};
use crate::text::Text;

/// One document; `options.records` points at the list.
pub struct Json;

/// One object a line.
pub struct JsonLines;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "a list of objects in one JSON document, for a declared table"
    }

    fn example(&self) -> &'static str {
        r#"{ "data": { "items": [ { "id": "m1", "reading": { "at": "2025-10-01 00:00:00", "kwh": 1234.5 } } ] } }"#
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        const RECORDS: OptionSpec = OptionSpec {
            name: "records",
            takes: "the JSON pointer of the list, such as \"/data/items\"; the whole document when it is not given",
            fits: |v| matches!(v, OptionValue::Text(t) if t.is_empty() || t.starts_with('/')),
        };
        &[RECORDS, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]]
    }

    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed) {
        let reading = Reading::new(context.options, context.timezone);
        let list = context.options.text("records", "").to_owned();
        json::read(text, out, |mut json, root| {
            let Some((node, at)) = find((root, String::new()), &list) else {
                let message = format!("there is nothing at `{list}`");
                return json.wrong(Some((root, String::new())), "no-results", message, "see `records` of the source's options");
            };
            let Ok(Value::Array(items)) = node.open() else {
                return json.wrong(
                    Some((node, at)),
                    "wrong-type",
                    "a list of objects is expected here".into(),
                    "see `records` of the source's options",
                );
            };
            let outside = json.out.tally.read.saturating_sub(node.leaves().unwrap_or(0));
            json.out.tally.ignore("outside the list", outside);
            json.out.tally.used += usize::from(items.is_empty());
            for (i, item) in items.into_iter().enumerate() {
                row(&mut json, (item, pointer(&at, &i.to_string())), &reading, context.fields);
            }
        });
    }
}

impl Format for JsonLines {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn about(&self) -> &'static str {
        "one JSON object a line, for a declared table"
    }

    fn example(&self) -> &'static str {
        r#"{"id": "m1", "reading": {"at": "2025-10-01 00:00:00", "kwh": 1234.5}}"#
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        &READING
    }

    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed) {
        let reading = Reading::new(context.options, context.timezone);
        out.tally.unit = Unit::Lines;
        out.tally.read = text.line_count();
        for (number, line) in text.lines() {
            if line.trim().is_empty() {
                out.tally.ignore("blank line", 1);
                continue;
            }
            // Each line is a document of its own; its places are moved to where it stands.
            let Ok(document) = Text::decode(line.as_bytes(), crate::text::Encoding::Utf8) else { continue };
            let mut one = Parsed::default();
            json::read(&document, &mut one, |mut json, root| row(&mut json, (root, String::new()), &reading, context.fields));
            let rejected = one.is_rejected();
            for mut diagnostic in one.diagnostics {
                diagnostic.span.line = number;
                out.diagnostics.push(diagnostic);
            }
            for mut record in one.records {
                record.span.line = number;
                out.records.push(record);
            }
            if rejected { out.tally.rejected += 1 } else { out.tally.used += 1 }
        }
    }
}

/// The value a pointer leads to; everything passed on the way is left for the caller to account for.
fn find<'a>(from: Place<'a>, at: &str) -> Option<Place<'a>> {
    let mut place = from;
    for part in at.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match place.0.open().ok()? {
            Value::Object(members) => members.into_iter().find(|m| m.0 == part)?.1,
            Value::Array(items) => items.into_iter().nth(part.parse().ok()?)?,
            _ => return None,
        };
        place = (next, pointer(&place.1, &part));
    }
    Some(place)
}

/// Reads an object into a row.
fn row<'a>(json: &mut JsonReader<'a, '_>, (node, at): Place<'a>, reading: &Reading<'_>, fields: &[Field]) {
    let before = json.out.diagnostics.len();
    let leaves = node.leaves().unwrap_or(0);
    // An object is expected, with each key once; what is empty has been counted by the reader.
    let counted = json.out.tally.used;
    if json.object(node, at.clone()).is_none() {
        return;
    }
    json.out.tally.used = counted;
    let mut values = Vec::with_capacity(fields.len());
    let mut used = 0;
    for field in fields {
        let path = if field.from.starts_with('/') { field.from.clone() } else { pointer("", &field.from) };
        let place = find((node, at.clone()), &path);
        used += usize::from(place.is_some());
        match place.as_ref().map_or(Ok(None), |(node, _)| value(*node, reading, field)) {
            Ok(None) if field.required => {
                let (code, message, hint) = missing(field);
                json.wrong(place.or(Some((node, at.clone()))), code, message, &hint);
            }
            Ok(value) => values.push(value),
            Err((code, message, hint)) => json.wrong(place, code, message, &hint),
        }
    }
    json.out.tally.used += used;
    json.out.tally.ignore("not in the mapping", leaves.saturating_sub(used));
    if json.out.diagnostics[before..].iter().all(|d| d.severity != Severity::Error) {
        let span = json.span(node, at);
        json.out.records.push(Located { value: Record::Row { values }, span });
    }
}

fn value(node: Node<'_>, reading: &Reading<'_>, field: &Field) -> Result<Option<FieldValue>, Complaint> {
    let wrong = |kind| {
        (
            "wrong-type",
            format!("{}: {kind} does not fit here", field.name),
            "mend the value, or declare the column with another type".to_owned(),
        )
    };
    match node.open() {
        Ok(Value::Null) => Ok(None),
        Ok(Value::Text(text)) => reading.read(field, &text),
        Ok(Value::Number(text)) => match field.kind {
            FieldKind::Text => Ok(Some(FieldValue::Text(text.to_owned()))),
            FieldKind::Integer | FieldKind::Decimal { .. } | FieldKind::Bool => Reading::plain(field, text),
            _ => Err(wrong("a number")),
        },
        Ok(Value::Bool) if field.kind == FieldKind::Bool => Ok(Some(FieldValue::Bool(node.is_true()))),
        Ok(other) => Err(wrong(other.kind())),
        Err(_) => Err(wrong("a text with a broken escape")),
    }
}
