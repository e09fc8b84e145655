//! The elements of a spreadsheet's content, one after the other. What is not well-formed, or ends early, is an error.

use super::bad;
use crate::fields::Complaint;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::io::BufRead;

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    Row,
    Cell,
    Paragraph,
    Spaces,
    Tab,
    Break,
    Note,
    Other,
}

pub(super) type Attributes = Vec<(String, String)>;

/// What comes next.
pub(super) enum Node {
    Start(Kind, Attributes),
    End(Kind),
    Text(String),
    Other,
    Eof,
}

pub(super) struct Xml<R> {
    reader: quick_xml::Reader<R>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(content: R) -> Xml<R> {
        let mut reader = quick_xml::Reader::from_reader(content);
        reader.config_mut().expand_empty_elements = true;
        Xml { reader, buffer: Vec::new(), depth: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Node, Complaint> {
        self.buffer.clear();
        Ok(match self.reader.read_event_into(&mut self.buffer).map_err(bad)? {
            Event::Start(element) => {
                self.depth += 1;
                let kind = kind(element.name().as_ref());
                Node::Start(kind, attributes(kind, &element)?)
            }
            Event::End(element) => {
                self.depth = self.depth.saturating_sub(1);
                Node::End(kind(element.name().as_ref()))
            }
            Event::Text(text) => Node::Text(text.xml10_content().into_owned()),
            Event::CData(text) => Node::Text(text.xml10_content().into_owned()),
            Event::GeneralRef(entity) => Node::Text(character(&entity)?),
            Event::Eof if self.depth > 0 => return Err(bad("its content ends too early")),
            Event::Eof => Node::Eof,
            _ => Node::Other,
        })
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "table:table" => Kind::Table,
        "table:table-row" => Kind::Row,
        "table:table-cell" | "table:covered-table-cell" => Kind::Cell,
        "text:p" => Kind::Paragraph,
        "text:s" => Kind::Spaces,
        "text:tab" => Kind::Tab,
        "text:line-break" => Kind::Break,
        "office:annotation" => Kind::Note,
        _ => Kind::Other,
    }
}

/// The attributes of the elements that are looked at.
fn attributes(kind: Kind, element: &BytesStart<'_>) -> Result<Attributes, Complaint> {
    if !matches!(kind, Kind::Table | Kind::Row | Kind::Cell | Kind::Spaces) {
        return Ok(Attributes::new());
    }
    let mut all = element.attributes();
    // That each stands there once is checked by comparing every one with all others.
    all.with_checks(false);
    let read = |a: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let a = a.map_err(bad)?;
        let value = a.normalized_value(XmlVersion::Implicit1_0).map_err(bad)?.into_owned();
        Ok((a.key.as_ref().to_owned(), value))
    };
    all.map(read).collect()
}

pub(super) fn attribute<'a>(attributes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    attributes.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
}

/// How often something is meant: once, where nothing is said.
pub(super) fn count(attributes: &[(String, String)], key: &str) -> Result<u64, Complaint> {
    let Some(text) = attribute(attributes, key) else { return Ok(1) };
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad(format!("`{key}` is `{text}`")))
}

/// `&amp;` and `&#228;`.
fn character(entity: &BytesRef<'_>) -> Result<String, Complaint> {
    if let Some(known) = resolve_predefined_entity(entity.as_ref()) {
        return Ok(known.to_owned());
    }
    let character = entity.resolve_char_ref().map_err(bad)?;
    character.map(String::from).ok_or_else(|| bad(format!("`&{};` stands for nothing", entity.as_ref() as &str)))
}
