//! Reads a JSON document member by member, so that every value is taken, named as unknown, or refused with its place.

use super::{Node, Value, pointer};
use crate::amount::{exact_decimal, is_plausible};
use crate::diagnostic::{Severity, Span};
use crate::parsed::{Parsed, Unit};
use crate::text::Text;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// A value and its JSON pointer.
pub(crate) type Place<'a> = (Node<'a>, String);

/// Reads a whole document with `records`, which sees the root; a document with an error gives no record.
pub(crate) fn read<'a>(text: &'a Text<'a>, out: &mut Parsed, records: impl FnOnce(JsonReader<'a, '_>, Node<'a>)) {
    let root = match Node::document(text.as_str()) {
        Ok(root) => root,
        Err(error) => {
            reject_all(out, text);
            return refuse_syntax(text, (text.as_str(), 0), out, &error);
        }
    };
    out.tally.unit = Unit::Values;
    let Some(leaves) = root.leaves() else {
        reject_all(out, text);
        let message = "the JSON is nested too deeply, or a text in it has a broken escape";
        return out.note(Severity::Error, "bad-json", text, text.span(0), message, "check that it is the right file");
    };
    out.tally.read = leaves;
    records(JsonReader { text, out }, root);
    if out.is_rejected() {
        out.records.clear();
        reject_all(out, text);
    }
}

fn reject_all(out: &mut Parsed, text: &Text<'_>) {
    if out.tally.read == 0 {
        out.tally.unit = Unit::Lines;
        out.tally.read = text.line_count();
    }
    out.tally.rejected = out.tally.read;
    out.tally.used = 0;
    out.tally.ignored.clear();
}

/// Notes what is wrong with the JSON of a part of the text, which begins at that offset.
pub(crate) fn refuse_syntax(text: &Text<'_>, (part, at): (&str, usize), out: &mut Parsed, error: &serde_json::Error) {
    // serde_json counts columns in bytes, and lines by `\n` alone: find the byte, then ask the text.
    let start: usize = part.split_inclusive('\n').take(error.line().max(1) - 1).map(str::len).sum();
    let mut offset = (start + error.column().saturating_sub(1)).min(part.len().saturating_sub(1));
    if error.is_eof() {
        offset = part.trim_end().len();
    }
    let span = text.span(at + offset);
    let (message, hint) = if error.is_eof() {
        ("the JSON ends in the middle: the file is truncated".to_owned(), "restore the whole file from where it came from")
    } else {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        (format!("this is not JSON: {reason}"), "mend the place that is marked, or restore the file from where it came from")
    };
    out.note(Severity::Error, "bad-json", text, span, message, hint);
}

/// Takes values out of a document, and notes what is wrong with them.
pub(crate) struct JsonReader<'a, 'o> {
    pub(crate) text: &'a Text<'a>,
    pub(crate) out: &'o mut Parsed,
}

/// An object whose members are taken out one by one; what is left was not known.
pub(crate) struct Object<'a> {
    pub(crate) pointer: String,
    pub(crate) members: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Object<'a> {
    /// Whether a key stands in it twice.
    pub(crate) fn repeats(&self) -> bool {
        self.members.iter().enumerate().any(|(i, (key, _))| self.members[..i].iter().any(|m| m.0 == *key))
    }

    /// Takes a member out.
    pub(crate) fn take(&mut self, key: &str) -> Option<Place<'a>> {
        let at = self.members.iter().position(|m| m.0 == key)?;
        Some((self.members.remove(at).1, pointer(&self.pointer, key)))
    }
}

impl<'a> JsonReader<'a, '_> {
    /// Takes a member out and counts it under an ignoring rule.
    pub(crate) fn set_aside(&mut self, object: &mut Object<'a>, key: &str, rule: &'static str) {
        if let Some((node, _)) = object.take(key) {
            self.out.tally.ignore(rule, node.leaves().unwrap_or(0));
        }
    }

    /// What is left in an object is accounted for by a named rule, and said.
    pub(crate) fn leave(&mut self, object: Object<'a>) {
        for (key, node) in object.members {
            self.out.tally.ignore("unknown key", node.leaves().unwrap_or(0));
            let pointer = pointer(&object.pointer, &key);
            let span = self.span(node, pointer.clone());
            self.out.note(
                Severity::Warning,
                "unknown-key",
                self.text,
                span,
                format!("`{pointer}` is not known and is not loaded"),
                "check that it is no misspelling of a key that matters",
            );
        }
    }

    /// The members of an object; `None` (and an error) for anything else. Repeated keys are errors.
    pub(crate) fn object(&mut self, node: Node<'a>, at: String) -> Option<Object<'a>> {
        match node.open().ok()? {
            Value::Object(members) => {
                for (i, (key, repeated)) in members.iter().enumerate() {
                    if members[..i].iter().any(|m| m.0 == *key) {
                        let pointer = pointer(&at, key);
                        self.wrong(
                            Some((*repeated, pointer)),
                            "repeated-key",
                            format!("`{key}` stands here a second time"),
                            "keep the right one of the two",
                        );
                    }
                }
                if members.is_empty() {
                    self.out.tally.used += 1;
                }
                Some(Object { pointer: at, members })
            }
            other => {
                let message = format!("an object is expected here, not {}", other.kind());
                self.wrong(Some((node, at)), "wrong-type", message, "mend the value, or restore the file from where it came from");
                None
            }
        }
    }

    pub(crate) fn optional_object(&mut self, node: Option<Place<'a>>) -> Option<Object<'a>> {
        let (node, at) = node?;
        if let Ok(Value::Null) = node.open() {
            self.out.tally.used += 1;
            return None;
        }
        self.object(node, at)
    }

    pub(crate) fn optional_text(&mut self, node: Option<Place<'a>>) -> Option<String> {
        let (node, at) = node?;
        self.out.tally.used += 1;
        match node.open().ok()? {
            Value::Null => None,
            Value::Text(text) if text.contains('\0') => {
                self.wrong(
                    Some((node, at)),
                    "nul-character",
                    "there is a NUL character in this text".into(),
                    "remove `\\u0000`; no database stores it in a text",
                );
                None
            }
            Value::Text(text) => Some(text.into_owned()),
            other => {
                let message = format!("a text is expected here, not {}", other.kind());
                self.wrong(Some((node, at)), "wrong-type", message, "put the value in quotation marks");
                None
            }
        }
    }

    pub(crate) fn optional_number(&mut self, node: Option<Place<'a>>) -> Option<Decimal> {
        let (node, at) = node?;
        let (message, hint) = match node.open().ok()? {
            Value::Null => {
                self.out.tally.used += 1;
                return None;
            }
            Value::Number(text) => match exact_decimal(text).filter(|n| is_plausible(*n)) {
                Some(number) => {
                    self.out.tally.used += 1;
                    return Some(number);
                }
                None => (
                    format!("`{text}` has more digits than an amount can have"),
                    "write it with at most 15 digits before the decimal point, and 28 in all",
                ),
            },
            other => (format!("a number is expected here, not {}", other.kind()), "write it as a plain number, without quotation marks"),
        };
        self.wrong(Some((node, at)), "wrong-type", message, hint);
        None
    }

    pub(crate) fn span(&self, node: Node<'a>, pointer: String) -> Span {
        let text = self.text.as_str();
        Span { pointer: Some(pointer), ..self.text.span(node.offset(text)) }
    }

    pub(crate) fn wrong(&mut self, place: Option<Place<'a>>, code: &'static str, message: String, hint: &str) {
        let span = match place {
            Some((node, pointer)) => self.span(node, pointer),
            None => Span { line: 1, column: 1, pointer: Some(String::new()) },
        };
        self.out.note(Severity::Error, code, self.text, span, message, hint);
    }
}
