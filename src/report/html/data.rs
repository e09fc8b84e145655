//! What the page's tables are made of, as compact JSON: files by number, rows as lists.

use super::escape::visible;
use super::files::{Files, Hashes};
use crate::evidence::{Check, Operand, Severity, Side};
use crate::report::form::Lang;
use crate::report::{Outcome, SourceOutcome};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A table of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    /// The element that it is built in.
    pub(super) id: String,
    pub(super) count: usize,
    /// As JSON.
    pub(super) json: String,
}

/// A column: its heading, and `n` a number, `m` a text to the letter, `d` a day, `s` a state, `c` one of a few,
/// `t` any text.
pub(super) type Heading<'h> = (&'h str, &'static str);

fn grid(id: &str, title: &str, columns: &[Heading<'_>], detail: &str, rows: impl Iterator<Item = Value>) -> Grid {
    grid_of(id, title, columns, detail, rows.map(|row| written(&row)))
}

/// The same of rows that are written already.
fn grid_of(id: &str, title: &str, columns: &[Heading<'_>], detail: &str, rows: impl Iterator<Item = String>) -> Grid {
    let mut head = head(id, title, columns, detail, None);
    head.truncate(head.len() - 1);
    let (mut json, mut count) = (head + ",\"rows\":[", 0);
    for row in rows {
        json.push_str(if count > 0 { "," } else { "" });
        json.push_str(&row);
        count += 1;
    }
    Grid { id: id.to_owned(), count, json: json + "]}" }
}

pub(super) fn written(row: &Value) -> String {
    serde_json::to_string(row).unwrap_or_default()
}

/// What a table is, without its rows.
pub(super) fn head(id: &str, title: &str, columns: &[Heading<'_>], detail: &str, sort: Option<usize>) -> String {
    let columns: Vec<Value> = columns.iter().map(|(title, kind)| json!([visible(title), kind])).collect();
    json!({"id": id, "title": title, "columns": columns, "detail": detail, "sort": sort}).to_string()
}

fn shown(text: &str) -> Value {
    visible(text).into_owned().into()
}

pub(super) fn option(text: Option<&str>) -> Value {
    text.map_or(Value::Null, shown)
}

/// The document that the page's script reads first, in pieces.
pub(super) fn document(outcome: &Outcome, lang: Lang, files: &Files, hashes: &Hashes<'_>, grids: Vec<Grid>) -> Vec<String> {
    let words: BTreeMap<&str, &str> = crate::report::words::of_script().map(|english| (english, lang.say(english))).collect();
    let (list, quotes) = files.json(outcome, hashes);
    let mut pieces = vec![format!("{{\"words\":{},\"files\":{list},\"quotes\":{quotes},\"grids\":[", json!(words))];
    for (n, grid) in grids.into_iter().enumerate() {
        pieces.extend((n > 0).then(|| ",".to_owned()));
        pieces.push(grid.json);
    }
    pieces.push("]}".to_owned());
    pieces
}

/// All checks, with what they were computed from.
pub(super) fn checks(outcome: &Outcome, lang: Lang, files: &mut Files, hashes: &Hashes<'_>) -> Grid {
    let columns = [
        (lang.say("Check"), "c"),
        (lang.say("Group"), "t"),
        (lang.say("Actual"), "n"),
        (lang.say("Expected"), "n"),
        (lang.say("Difference"), "n"),
        (lang.say("Status"), "s"),
        (lang.say("Severity"), "c"),
        (lang.say("Explanation"), "t"),
    ];
    let rows = outcome.checks.iter().map(|check| {
        let formula = outcome.account.formulas.iter().find(|f| f.check == check.name).map(|f| f.formula.as_str());
        let operands: Vec<Value> = check.operands.iter().map(|o| operand(o, hashes, files)).collect();
        let text = |t: &Option<String>| option(t.as_deref());
        let because = check.because.as_deref().filter(|_| check.tolerance.as_deref() != Some("0"));
        json!([
            shown(&check.name),
            shown(&check.group),
            text(&check.actual),
            text(&check.expected),
            text(&check.difference),
            check.status.words(),
            severity(check.severity),
            text(&check.explanation),
            [operands, text(&check.tolerance), option(because), option(formula)]
        ])
    });
    grid("g-checks", lang.say("Checks"), &columns, "check", rows)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn operand(operand: &Operand, hashes: &Hashes<'_>, files: &mut Files) -> Value {
    let file = operand.path.as_deref().map(|path| files.number(path, hashes.of_operand(operand)));
    json!([
        u8::from(operand.side == Side::Actual),
        shown(&operand.label),
        shown(&operand.value),
        file,
        operand.line,
        operand.column,
        option(operand.pointer.as_deref())
    ])
}

/// All source files.
pub(super) fn sources(outcome: &Outcome, lang: Lang) -> Grid {
    let counts = ["Read", "Loaded", "Superseded", "Duplicate", "Ignored", "Rejected"].map(|c| (lang.say(c), "n"));
    let head = [(lang.say("Source"), "c"), (lang.say("File"), "t"), (lang.say("Status"), "s"), (lang.say("Size"), "n")];
    let tail = [(lang.say("Foots"), "s"), (lang.say("Reason"), "t")];
    let columns: Vec<Heading<'_>> = head.into_iter().chain(counts).chain(tail).collect();
    let row = |f: &SourceOutcome| {
        let ignored: usize = f.ignored.values().sum();
        let rules: Vec<String> = f.ignored.iter().map(|(rule, n)| format!("{n} {rule}")).collect();
        let more = json!([
            ["SHA-256", f.sha256],
            ["Format", f.format],
            ["Encoding", f.encoding],
            ["Kind", f.unit],
            ["Records", f.records],
            ["Ignored", rules.join(", ")]
        ]);
        json!([
            shown(&f.source),
            shown(&f.path),
            f.status,
            f.size,
            f.read,
            f.loaded,
            f.superseded,
            f.duplicate,
            ignored,
            f.rejected,
            if f.balances() { "✓" } else { "✗" },
            option(f.reason.as_deref()),
            more
        ])
    };
    let rows: Vec<String> = outcome.sources.par_iter().map(|source| written(&row(source))).collect();
    grid_of("g-files", lang.say("Files"), &columns, "plain", rows.into_iter())
}

/// Everything found.
pub(super) fn findings(outcome: &Outcome, lang: Lang) -> Grid {
    let columns = [(lang.say("Severity"), "s"), (lang.say("Code"), "c"), (lang.say("Place"), "t"), (lang.say("Message"), "t")];
    let rows = outcome.findings.iter().map(|f| {
        let quote = f.quote.as_deref().map(|q| format!("{q}\n{}^", " ".repeat(f.caret.saturating_sub(1))));
        json!([
            severity(f.severity),
            shown(&f.code),
            option(f.place().as_deref()),
            shown(&f.message),
            [shown(&f.hint), option(quote.as_deref())]
        ])
    });
    grid("g-findings", lang.say("Findings"), &columns, "finding", rows)
}

/// The versions that do not count.
pub(super) fn superseded(outcome: &Outcome, lang: Lang) -> Grid {
    let names =
        [("Month", "c"), ("Version", "t"), ("Counts instead", "t"), ("Came to", "n"), ("Counts", "n"), ("Effect", "n"), ("Step", "n")];
    let columns = names.map(|(name, kind)| (lang.say(name), kind));
    let rows = outcome.account.superseded.iter();
    let rows = rows.map(|s| json!([s.month, shown(&s.path), shown(&s.by), s.before, s.after, s.effect, s.step]));
    grid("g-superseded", lang.say("Superseded versions"), &columns, "plain", rows)
}

/// What was refused.
pub(super) fn rejects(outcome: &Outcome, lang: Lang) -> Grid {
    let names = [("File", "t"), ("Line", "n"), ("Code", "c"), ("Message", "t"), ("Worth", "n"), ("Set aside", "c"), ("Text", "m")];
    let columns = names.map(|(name, kind)| (lang.say(name), kind));
    let rows = outcome.account.rejects.listed.iter().map(|r| {
        let aside = lang.say(if r.quarantined { "yes" } else { "no" });
        json!([shown(&r.path), r.line, r.code, shown(&r.message), r.worth, aside, shown(&r.raw)])
    });
    grid("g-rejects", lang.say("Refused records"), &columns, "plain", rows)
}

/// What the run changed of rows that stood there.
pub(super) fn changes(outcome: &Outcome, lang: Lang) -> Grid {
    let names = [("Table", "c"), ("Key", "t"), ("Operation", "c"), ("Before", "t"), ("After", "t"), ("Place", "t")];
    let columns = names.map(|(name, kind)| (lang.say(name), kind));
    let rows = outcome.account.changes.listed.iter().map(|c| {
        let said = |name: &str, value: Option<&str>| format!("{name} {}", value.unwrap_or("–"));
        let (before, after): (Vec<String>, Vec<String>) =
            c.differing().map(|(name, before, after)| (said(name, before), said(name, after))).unzip();
        json!([
            shown(&c.table),
            shown(&c.key),
            c.operation,
            shown(&before.join("; ")),
            shown(&after.join("; ")),
            option(c.place.as_deref()),
            [visibly(&c.before), visibly(&c.after), option(c.place.as_deref())]
        ])
    });
    grid("g-changes", lang.say("Changes of this run"), &columns, "change", rows)
}

pub(super) fn visibly(columns: &BTreeMap<String, Option<String>>) -> Value {
    Value::Object(columns.iter().map(|(name, value)| (visible(name).into_owned(), option(value.as_deref()))).collect())
}

/// The comparisons that are no exact match, the gravest first.
pub(super) fn differences(outcome: &Outcome) -> Vec<&Check> {
    use crate::evidence::Status;
    let mut found: Vec<&Check> = outcome.checks.iter().filter(|c| !matches!(c.status, Status::Match | Status::Derived)).collect();
    found.sort_by_key(|c| (!c.fails(), c.status != Status::Difference, c.status == Status::NotRun));
    found
}
