//! `exec`: what a program of the user's prints about a file, one JSON object a line. Running it is not done here.
//!
//! ```text
//! {"line": 2, "record": {"provider": "vattenfall", "amount": "1632,50"}}
//! {"line": 3, "error": "no amount", "column": 12, "hint": "write one"}      (or "warning")
//! {"line": 1, "ignored": "header"}
//! ```
//! Every line of the file is a record, an error, or ignored, exactly once: that is checked here. A record of several lines
//! says `"lines": 3` besides.

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::fields::{READING, Reading, missing};
use crate::format::{Context, Format, OptionSpec, OptionValue};
use crate::parsed::{Parsed, Unit};
use crate::record::Record;
use crate::text::Text;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The format, for the registry.
pub struct Exec;

/// A line of the program's output.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    line: usize,
    #[serde(default = "one")]
    lines: usize,
    column: Option<usize>,
    record: Option<BTreeMap<String, Given>>,
    error: Option<String>,
    warning: Option<String>,
    hint: Option<String>,
    ignored: Option<String>,
}

fn one() -> usize {
    1
}

/// A value of a record: text, number as it is written, true, false or null.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
    Nothing(()),
}

impl Format for Exec {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn about(&self) -> &'static str {
        "any file, read by a program of yours that prints one JSON object a line; see docs/exec.md"
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn rejects_records(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        const COMMAND: OptionSpec = OptionSpec {
            name: "command",
            takes: "the program and its arguments, such as [\"python3\", \"read.py\"]; no shell is asked",
            fits: |v| matches!(v, OptionValue::Words(w) if !w.is_empty()),
        };
        const SECONDS: OptionSpec = OptionSpec {
            name: "seconds",
            takes: "how long it may take for a file, from 1 to 3600 seconds; 60 when it is not given",
            fits: |v| matches!(v, OptionValue::Integer(1..=3600)),
        };
        &[COMMAND, SECONDS, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]]
    }

    fn parse(&self, text: &Text<'_>, _context: &Context<'_>, out: &mut Parsed) {
        let message = "this format needs its program to be run, which only a job does";
        out.tally.read = text.line_count();
        out.tally.rejected = out.tally.read;
        out.note(Severity::Error, "exec-failed", text, text.span(0), message, "name it as `format` of a source");
    }
}

/// What a program's output says about a file.
pub fn heard(text: &Text<'_>, output: &str, context: &Context<'_>) -> Parsed {
    let reading = Reading::new(context.options, context.timezone);
    let mut out = Parsed { encoding: text.encoding(), ..Parsed::default() };
    out.tally.unit = Unit::Lines;
    out.tally.read = text.line_count();
    let mut accounts: Vec<bool> = vec![false; text.line_count() + 1];
    for (n, line) in output.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let said: Said = match serde_json::from_str(line) {
            Ok(said) => said,
            Err(error) => {
                broken(&mut out, format!("line {} of the program's output is not as agreed: {error}", n + 1), line);
                continue;
            }
        };
        let range = said.line..said.line.saturating_add(said.lines);
        if said.line == 0 || said.lines == 0 || range.end > accounts.len() {
            broken(&mut out, format!("the program speaks of line {}, and the file has {}", range.end.max(1) - 1, text.line_count()), line);
            continue;
        }
        let span = Span { line: said.line, column: said.column.unwrap_or(1).max(1), pointer: None };
        if let Some(warning) = &said.warning {
            out.note(Severity::Warning, "exec-warning", text, span.clone(), said_why(warning), hint_of(&said));
        }
        let parts = [said.record.is_some(), said.error.is_some(), said.ignored.is_some()].into_iter().filter(|p| *p).count();
        if parts != 1 {
            if parts > 1 || said.warning.is_none() {
                broken(&mut out, format!("line {} of the program's output is not one of record, error and ignored", n + 1), line);
            }
            continue;
        }
        if accounts[range.clone()].iter().any(|a| *a) {
            broken(&mut out, format!("the program accounts for line {} twice", said.line), line);
            continue;
        }
        accounts[range].iter_mut().for_each(|a| *a = true);
        if let Some(error) = &said.error {
            out.note(Severity::Error, "exec-error", text, span.clone(), said_why(error), hint_of(&said));
            out.tally.rejected += said.lines;
            out.reject(text, span, &raw(text, said.line, said.lines), None);
        } else if said.ignored.is_some() {
            out.tally.ignore("ignored by the program", said.lines);
        } else if let Some(record) = said.record {
            match values(record, &reading, context, text, &span, &mut out) {
                Some(values) => out.take(context.only, Record::Row { values }, span, said.lines),
                None => {
                    out.tally.rejected += said.lines;
                    out.reject(text, span, &raw(text, said.line, said.lines), None);
                }
            }
        }
    }
    for number in (1..accounts.len()).filter(|n| !accounts[*n]) {
        if text.line(number).trim().is_empty() {
            out.tally.ignore("blank line", 1);
        } else {
            let hint = "every line is a record, an error, or ignored: see docs/exec.md";
            let span = text.span_in_line(number, 0);
            out.note(Severity::Error, "exec-silent", text, span.clone(), "the program says nothing about this line", hint);
            out.tally.rejected += 1;
            out.reject(text, span, text.line(number), None);
        }
    }
    out
}

/// The lines of a record.
fn raw(text: &Text<'_>, line: usize, lines: usize) -> String {
    (line..line + lines).map(|n| text.line(n)).collect::<Vec<_>>().join("\n")
}

/// A program may give no reason; that is said, too.
fn said_why(reason: &str) -> &str {
    if reason.trim().is_empty() { "the program does not say why" } else { reason }
}

fn hint_of(said: &Said) -> &str {
    said.hint.as_deref().filter(|hint| !hint.trim().is_empty()).unwrap_or("see what the program wants")
}

fn values(
    mut record: BTreeMap<String, Given>,
    reading: &Reading<'_>,
    context: &Context<'_>,
    text: &Text<'_>,
    span: &Span,
    out: &mut Parsed,
) -> Option<Vec<Option<crate::record::FieldValue>>> {
    let mut values = Vec::with_capacity(context.fields.len());
    let mut complete = true;
    for field in context.fields {
        let value = match record.remove(&field.from) {
            None | Some(Given::Nothing(())) if field.required => Err(missing(field)),
            None | Some(Given::Nothing(())) => Ok(None),
            Some(Given::Text(given)) => reading.read(field, &given),
            Some(Given::Flag(flag)) => reading.read(field, if flag { "true" } else { "false" }),
            Some(Given::Number(number)) => Reading::plain(field, &number.to_string()),
        };
        match value {
            Ok(value) => values.push(value),
            Err((code, message, hint)) => {
                out.note(Severity::Error, code, text, span.clone(), message, hint);
                complete = false;
            }
        }
    }
    if let Some(unknown) = record.keys().next() {
        let message = format!("the program states `{unknown}`, which no column takes");
        out.note(Severity::Error, "exec-protocol", text, span.clone(), message, "name it in `columns` of the source, or leave it out");
        complete = false;
    }
    complete.then_some(values)
}

/// The program does not keep to what was agreed, so that nothing it says can be trusted.
fn broken(out: &mut Parsed, message: String, line: &str) {
    out.broken = true;
    out.push(Diagnostic {
        code: "exec-protocol",
        severity: Severity::Error,
        span: Span { line: 1, column: 1, pointer: None },
        message,
        hint: "see docs/exec.md for what a program may print".into(),
        quote: line.chars().take(200).collect(),
        caret: 1,
    });
}
