//! An object as the row of a declared table: columns are JSON pointers within it, or keys.

use super::{JsonReader, Node, Place, Value, pointer};
use crate::diagnostic::Span;
use crate::fields::{Complaint, Field, FieldKind, Reading, missing};
use crate::format::Context;
use crate::record::{FieldValue, Record};

/// The value a pointer leads to; everything passed on the way is left for the caller to account for.
pub(crate) fn find<'a>(from: Place<'a>, at: &str) -> Option<Place<'a>> {
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

/// Reads an object into a row; gives its place, and how many of its values the row took. What is wrong is noted, and the object kept
/// among the rejects.
pub(crate) fn row<'a>(
    json: &mut JsonReader<'a, '_>,
    (node, at): Place<'a>,
    reading: &Reading<'_>,
    context: &Context<'_>,
) -> Option<(Record, Span, usize)> {
    let counted = json.out.tally.used;
    let object = json.object(node, at.clone());
    json.out.tally.used = counted; // An empty object is the caller's to count.
    let span = json.span(node, at.clone());
    let Some(object) = object else {
        json.out.reject(json.text, span, node.text(), None);
        return None;
    };
    let mut values = Vec::with_capacity(context.fields.len());
    let (mut used, mut worth) = (0, None);
    let mut complete = !object.repeats();
    for field in context.fields {
        let path = if field.from.starts_with('/') { field.from.clone() } else { pointer("", &field.from) };
        let place = find((node, at.clone()), &path);
        used += usize::from(place.is_some());
        match place.as_ref().map_or(Ok(None), |(node, _)| value(*node, reading, field)) {
            Ok(None) if field.required => {
                let (code, message, hint) = missing(field);
                json.wrong(place.or(Some((node, at.clone()))), code, message, &hint);
                complete = false;
            }
            Ok(value) => {
                worth = worth.or(context.worth_of(field, value.as_ref()));
                values.push(value);
            }
            Err((code, message, hint)) => {
                json.wrong(place, code, message, &hint);
                complete = false;
            }
        }
    }
    if !complete {
        json.out.reject(json.text, span, node.text(), worth);
        return None;
    }
    Some((Record::Row { values }, span, used))
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
