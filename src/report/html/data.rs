//! What the page's tables are made of, as compact JSON: files by number, rows as lists.

use super::escape::visible;
use super::files::{Files, Hashes};
use crate::error::Result;
use crate::evidence::{Check, Operand, Severity, Side};
use crate::report::Outcome;
use crate::report::form::Lang;
use crate::report::rows::{self, Holds, RowTable, members};
use crate::store::{Logged, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many rows of all tables together the page holds.
pub(super) const ROWS: usize = 100_000;

/// A table of the page.
pub(super) struct Grid {
    /// The element that it is built in.
    pub(super) id: String,
    pub(super) count: usize,
    /// As JSON.
    json: String,
}

/// The rows of a table, in a script of their own.
pub(super) struct Rows {
    pub(super) grid: Grid,
    pub(super) table: String,
    pub(super) script: String,
    /// How many there are, where the page does not hold all.
    pub(super) of: Option<usize>,
    /// How many name the place they come from, and how many were derived.
    pub(super) placed: usize,
    pub(super) derived: usize,
}

/// A column: its heading, and `n` a number, `m` a text to the letter, `d` a day, `s` a state, `c` one of a few,
/// `t` any text.
type Heading<'h> = (&'h str, &'static str);

fn grid(id: &str, title: &str, columns: &[Heading<'_>], detail: &str, rows: impl Iterator<Item = Value>) -> Grid {
    let mut head = head(id, title, columns, detail, None);
    head.truncate(head.len() - 1);
    let (mut json, mut count) = (head + ",\"rows\":[", 0);
    for row in rows {
        let _ = write!(json, "{}{row}", if count > 0 { "," } else { "" });
        count += 1;
    }
    Grid { id: id.to_owned(), count, json: json + "]}" }
}

/// What a table is, without its rows.
fn head(id: &str, title: &str, columns: &[Heading<'_>], detail: &str, sort: Option<usize>) -> String {
    let columns: Vec<Value> = columns.iter().map(|(title, kind)| json!([visible(title), kind])).collect();
    json!({"id": id, "title": title, "columns": columns, "detail": detail, "sort": sort}).to_string()
}

fn shown(text: &str) -> Value {
    visible(text).into_owned().into()
}

fn option(text: Option<&str>) -> Value {
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
    let rows = outcome.sources.iter().map(|f| {
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
    });
    grid("g-files", lang.say("Files"), &columns, "plain", rows)
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

fn visibly(columns: &BTreeMap<String, Option<String>>) -> Value {
    Value::Object(columns.iter().map(|(name, value)| (visible(name).into_owned(), option(value.as_deref()))).collect())
}

/// The rows of every table, as many as the page holds.
pub(super) fn rows(store: &mut Store, outcome: &Outcome, files: &mut Files) -> Result<Vec<Rows>> {
    let mut left = ROWS;
    let mut found = Vec::new();
    for (n, table) in rows::tables(store, outcome)?.iter().enumerate() {
        let (mut script, mut count, mut placed, mut derived) = (String::from("["), 0, 0, 0);
        let all = rows::each(store, outcome, table, left, |row| {
            let Some(last) = row.changes.last() else { return Ok(()) };
            let mut cells: Vec<Value> = row.cells.iter().map(|c| option(c.as_deref())).collect();
            let own = file(last, files);
            placed += usize::from(own.is_some());
            derived += usize::from(last.derived.is_some());
            let mut more = json!([
                own,
                last.line,
                last.column,
                option(last.pointer.as_deref()),
                last.run,
                last.operation,
                option(last.derived.as_deref())
            ]);
            if let (Value::Array(more), true) = (&mut more, row.changes.len() > 1) {
                more.push(row.changes.iter().map(|c| history(c, files)).collect());
            }
            cells.push(more);
            script.push_str(if count > 0 { ",\n" } else { "" });
            script.push_str(&Value::Array(cells).to_string());
            count += 1;
            Ok(())
        })?;
        script.push(']');
        left = left.saturating_sub(count);
        let of = if all { None } else { Some(store.imported_count(&outcome.run.job, outcome.run.id.unwrap_or_default(), &table.name)?) };
        found.push(Rows { grid: row_grid(n, table, count), table: table.name.clone(), script, of, placed, derived });
    }
    Ok(found)
}

fn row_grid(n: usize, table: &RowTable, count: usize) -> Grid {
    let kind = |holds: Holds| match holds {
        Holds::Number => "n",
        Holds::Moment => "d",
        Holds::Text => "t",
    };
    let columns: Vec<Heading<'_>> = table.columns.iter().map(|(name, holds)| (name.as_str(), kind(*holds))).collect();
    let by_time = table.columns.iter().position(|(_, holds)| *holds == Holds::Moment);
    let id = format!("g-rows-{n}");
    let head = head(&id, &visible(&table.name), &columns, "row", by_time);
    let json = format!("{},\"from\":\"rows-{n}\"}}", head.trim_end_matches('}'));
    Grid { id, count, json }
}

fn file(change: &Logged, files: &mut Files) -> Option<usize> {
    Some(files.number(change.path.as_deref()?, change.sha256.as_deref().unwrap_or_default()))
}

fn history(change: &Logged, files: &mut Files) -> Value {
    let side = |text: &Option<String>| text.as_deref().map_or(Value::Null, |t| visibly(&members(t)));
    let place = file(change, files);
    json!([
        change.run,
        change.operation,
        side(&change.before),
        side(&change.after),
        place,
        change.line,
        change.column,
        option(change.pointer.as_deref())
    ])
}

/// The comparisons that are no exact match, the gravest first.
pub(super) fn differences(outcome: &Outcome) -> Vec<&Check> {
    use crate::evidence::Status;
    let mut found: Vec<&Check> = outcome.checks.iter().filter(|c| !matches!(c.status, Status::Match | Status::Derived)).collect();
    found.sort_by_key(|c| (!c.fails(), c.status != Status::Difference, c.status == Status::NotRun));
    found
}
