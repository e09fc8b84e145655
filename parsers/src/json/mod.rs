//! JSON with positions: values as slices of the text, so that numbers stay text and every value knows its place.
//! Syntax is serde_json's business. Repeated keys are kept, for the caller to refuse.

mod reader;
mod row;
mod scan;

pub(crate) use crate::diagnostic::pointer;
pub(crate) use reader::{JsonReader, Object, Place, read, refuse_syntax};
pub(crate) use row::{find, row};
pub(crate) use scan::{blanks, list_start, value_end};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// How deeply values may be nested. Legacy files have three levels; bombs have thousands.
const DEPTH: usize = 32;

/// A value within a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a>(&'a str);

/// A value one level opened.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool,
    /// The number as it is written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// Members in order, repeated keys included.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl Value<'_> {
    /// What to call it in a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

impl<'a> Node<'a> {
    /// The whole document; its syntax is checked to the end.
    pub(crate) fn document(text: &'a str) -> Result<Node<'a>, serde_json::Error> {
        serde_json::from_str::<&RawValue>(text).map(|raw| Node(raw.get()))
    }

    /// Opens the value one level.
    pub(crate) fn open(self) -> Result<Value<'a>, serde_json::Error> {
        Ok(match self.0.as_bytes().first() {
            Some(b'n') => Value::Null,
            Some(b't' | b'f') => Value::Bool,
            Some(b'"') => Value::Text(serde_json::from_str::<Key<'_>>(self.0)?.0),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(self.0)?;
                Value::Array(items.into_iter().map(|raw| Node(raw.get())).collect())
            }
            Some(b'{') => Value::Object(serde_json::from_str::<Members<'_>>(self.0)?.0),
            _ => Value::Number(self.0),
        })
    }

    /// As it is written.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    /// Whether it is the literal `true`.
    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// Where it begins in the document's text, in bytes.
    pub(crate) fn offset(self, text: &str) -> usize {
        self.0.as_ptr().addr().saturating_sub(text.as_ptr().addr())
    }

    /// How many scalars and empty containers it holds; `None` when it is nested too deeply or a string in it is broken.
    pub(crate) fn leaves(self) -> Option<usize> {
        self.leaves_within(DEPTH)
    }

    fn leaves_within(self, depth: usize) -> Option<usize> {
        let depth = depth.checked_sub(1)?;
        let nodes: Vec<Node<'_>> = match self.open().ok()? {
            Value::Array(items) => items,
            Value::Object(members) => members.into_iter().map(|m| m.1).collect(),
            _ => return Some(1),
        };
        if nodes.is_empty() {
            return Some(1);
        }
        nodes.into_iter().try_fold(0, |sum, node| Some(sum + node.leaves_within(depth)?))
    }
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key.0, Node(raw.get())));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_and_number_texts_survive() {
        let text = r#"{ "a": 1.50, "a": [], "b": {"c": null} }"#;
        let root = Node::document(text).unwrap();
        assert_eq!(root.leaves(), Some(3));
        let Value::Object(members) = root.open().unwrap() else { panic!("no object") };
        assert_eq!(members.iter().map(|m| &*m.0).collect::<Vec<_>>(), ["a", "a", "b"]);
        assert!(matches!(members[0].1.open().unwrap(), Value::Number("1.50")));
        assert_eq!(members[0].1.offset(text), 7);
    }

    #[test]
    fn a_bomb_has_no_leaves() {
        let bomb = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Node::document(&bomb).ok().and_then(Node::leaves), None);
    }
}
