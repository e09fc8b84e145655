//! `json` and `jsonl`: lists of objects, in one document or one a line. Columns are JSON pointers within the object, or keys.

use crate::diagnostic::Severity;
use crate::fields::{READING, Reading};
use crate::format::{Blocks, Context, Format, OptionSpec, OptionValue};
use crate::json::{self, JsonReader, Node, blanks, find, list_start, pointer, row, value_end};
use crate::parsed::{Parsed, Unit};
use crate::text::Text;
use std::ops::ControlFlow;

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

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        let reading = Reading::new(context.options, context.timezone);
        let list = context.options.text("records", "");
        Some(Box::new(List { context, reading, list, outline: String::new(), state: State::Before }))
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

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        Some(Box::new(Lines { context, reading: Reading::new(context.options, context.timezone) }))
    }
}

struct Lines<'c> {
    context: &'c Context<'c>,
    reading: Reading<'c>,
}

impl Blocks for Lines<'_> {
    fn read(&mut self, text: &Text<'_>, _last: bool, out: &mut Parsed) -> ControlFlow<()> {
        out.tally.unit = Unit::Lines;
        out.tally.read += text.line_count();
        for (_, line) in text.lines() {
            if line.trim().is_empty() {
                out.tally.ignore("blank line", 1);
                continue;
            }
            match Node::document(line) {
                Ok(node) => match row(&mut JsonReader { text, out }, (node, String::new()), &self.reading, self.context) {
                    Some((record, span, _)) => out.take(self.context.only, record, span, 1),
                    None => out.tally.rejected += 1,
                },
                Err(error) => {
                    let at = line.as_ptr().addr() - text.as_str().as_ptr().addr();
                    json::refuse_syntax(text, (line, at), out, &error);
                    out.reject(text, text.span(at), line, None);
                    out.tally.rejected += 1;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// A list of objects within a document, element by element.
struct List<'c> {
    context: &'c Context<'c>,
    reading: Reading<'c>,
    /// The pointer of the list.
    list: &'c str,
    /// The document without the elements of the list.
    outline: String,
    state: State,
}

enum State {
    /// The list has not begun.
    Before,
    /// So many elements were read.
    Within(usize),
    /// The list is over; behind it, the document goes on from that place, that far into the outline.
    Behind((usize, usize), usize),
}

impl Blocks for List<'_> {
    fn cut(&mut self, text: &str) -> Option<usize> {
        let (mut at, mut n) = match self.state {
            State::Before => (list_start(text, self.list)?, 0),
            State::Within(n) => (0, n),
            State::Behind(..) => return Some(text.len()),
        };
        loop {
            match element(text, at, n) {
                Ok(Next::Element(from)) => match value_end(text, from) {
                    Some(end) => (at, n) = (end, n + 1),
                    None => return Some(at),
                },
                Ok(Next::Unknown) => return Some(at),
                Ok(Next::End(_)) | Err(_) => return Some(text.len()),
            }
        }
    }

    fn read(&mut self, text: &Text<'_>, last: bool, out: &mut Parsed) -> ControlFlow<()> {
        out.tally.unit = Unit::Values;
        let (all, mut at) = (text.as_str(), 0);
        if let State::Before = self.state {
            let Some(start) = list_start(all, self.list) else { return self.no_list(text, out) };
            self.outline.push_str(&all[..start]);
            (at, self.state) = (start, State::Within(0));
        }
        while let State::Within(n) = self.state {
            let from = match element(all, at, n) {
                Ok(Next::Element(from)) => from,
                Ok(Next::Unknown) => break,
                Ok(Next::End(end)) => {
                    out.tally.used += usize::from(n == 0); // An empty list is a value.
                    out.tally.read += usize::from(n == 0);
                    at = end;
                    let place = text.span(at);
                    self.state = State::Behind((place.line, place.column), self.outline.len());
                    break;
                }
                Err((at, message)) => {
                    out.note(Severity::Error, "bad-json", text, text.span(at), format!("this is not JSON: {message}"), MEND);
                    return ControlFlow::Break(());
                }
            };
            // A block ends with a whole value; only of a number the text alone does not tell.
            let number = || (!all[from..].starts_with(['{', '[', '"'])).then_some(all.len());
            let Some(end) = value_end(all, from).or_else(number) else { break };
            let part = &all[from..end];
            let node = match Node::document(part) {
                Ok(node) => node,
                Err(error) => {
                    json::refuse_syntax(text, (part, from), out, &error);
                    return ControlFlow::Break(());
                }
            };
            let Some(leaves) = node.leaves() else {
                let message = "the JSON is nested too deeply, or a text in it has a broken escape";
                out.note(Severity::Error, "bad-json", text, text.span(from), message, "check that it is the right file");
                return ControlFlow::Break(());
            };
            out.tally.read += leaves;
            let pointer = pointer(self.list, &n.to_string());
            match row(&mut JsonReader { text, out }, (node, pointer), &self.reading, self.context) {
                Some((record, span, used)) => {
                    out.take(self.context.only, record, span, used);
                    out.tally.ignore("not in the mapping", leaves.saturating_sub(used));
                }
                None => out.tally.rejected += leaves,
            }
            (at, self.state) = (end, State::Within(n + 1));
        }
        if let State::Behind(..) = self.state {
            self.outline.push_str(&all[at..]);
            if self.outline.len() > OUTLINE {
                let message = "there is more than 16 MiB of JSON outside the list of records";
                out.note(Severity::Error, "too-large", text, text.span(at), message, "see `records` of the source's options");
                return ControlFlow::Break(());
            }
        }
        if last { self.end(text, out) } else { ControlFlow::Continue(()) }
    }
}

/// How much of a document is kept besides its list.
const OUTLINE: usize = 16 << 20;
const MEND: &str = "mend the place that is marked, or restore the file from where it came from";

/// What comes next in a list.
enum Next {
    /// An element begins there.
    Element(usize),
    /// The list's bracket closes there.
    End(usize),
    /// The text ends before.
    Unknown,
}

/// What comes behind `n` elements, at `at`; or where it is no JSON, and why.
fn element(text: &str, at: usize, n: usize) -> Result<Next, (usize, &'static str)> {
    let bytes = text.as_bytes();
    let at = blanks(text, at);
    match bytes.get(at) {
        None => return Ok(Next::Unknown),
        Some(b']') => return Ok(Next::End(at)),
        Some(b',') if n > 0 => {}
        Some(_) if n > 0 => return Err((at, "expected `,` or `]`")),
        Some(b',') => return Err((at, "expected value")),
        Some(_) => return Ok(Next::Element(at)),
    }
    let next = blanks(text, at + 1);
    match bytes.get(next) {
        Some(b']') => Err((next, "trailing comma")),
        Some(b',') => Err((next, "expected value")),
        Some(_) => Ok(Next::Element(next)),
        None => Ok(Next::Unknown),
    }
}

impl List<'_> {
    /// What is wrong with a document in which the list was not found.
    fn no_list(&self, text: &Text<'_>, out: &mut Parsed) -> ControlFlow<()> {
        let hint = "see `records` of the source's options";
        match Node::document(text.as_str()) {
            Err(error) => json::refuse_syntax(text, (text.as_str(), 0), out, &error),
            Ok(root) => {
                let mut json = JsonReader { text, out };
                match find((root, String::new()), self.list) {
                    Some(place) => json.wrong(Some(place), "wrong-type", "a list of objects is expected here".into(), hint),
                    None => {
                        let message = format!("there is nothing at `{}`", self.list);
                        json.wrong(Some((root, String::new())), "no-results", message, hint);
                    }
                }
            }
        }
        ControlFlow::Break(())
    }

    /// The document is at its end: what is outside the list must be JSON too, and is accounted for.
    fn end(&self, text: &Text<'_>, out: &mut Parsed) -> ControlFlow<()> {
        let State::Behind(place, head) = self.state else {
            let span = text.span(text.as_str().trim_end().len());
            let message = "the JSON ends in the middle: the file is truncated";
            out.note(Severity::Error, "bad-json", text, span, message, "restore the whole file from where it came from");
            return ControlFlow::Break(());
        };
        match Node::document(&self.outline) {
            Ok(root) => {
                // The list stands in the outline as an empty one, which is a value.
                let outside = root.leaves().unwrap_or(1) - 1;
                out.tally.read += outside;
                out.tally.ignore("outside the list", outside);
                ControlFlow::Continue(())
            }
            Err(error) => {
                // serde_json says where in the outline; what is behind the list has its own place in the file.
                let lines = self.outline.split_inclusive('\n').take(error.line().max(1) - 1).map(str::len).sum::<usize>();
                let at = (lines + error.column().saturating_sub(1)).min(self.outline.len());
                let (part, first) = if at < head { (&self.outline[..], (1, 1)) } else { (&self.outline[head..], place) };
                let part = Text::block(part, text.encoding(), first);
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                let span = part.span(if at < head { at } else { at - head });
                out.note(Severity::Error, "bad-json", &part, span, format!("this is not JSON: {said}"), MEND);
                ControlFlow::Break(())
            }
        }
    }
}
