//! The report as tables: what the workbook, the CSV set and the Markdown are written from. Rows and changes come from the
//! database one by one, so that a table may be larger than memory.

use super::account::Change;
use super::form::Lang;
use super::html::{self, visible};
use super::rows::{self, Holds};
use super::safety::way_back;
use super::{Outcome, conclude};
use crate::error::Result;
use crate::evidence::{Check, Severity, Side, Status};
use crate::store::Store;
use std::borrow::Cow;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell<'c> {
    Nothing,
    Text(Cow<'c, str>),
    /// An exact number, as its canonical text.
    Number(Cow<'c, str>),
    /// A day, a month or a point in time, as its canonical text.
    Moment(Cow<'c, str>),
}

/// What tables are written into. A sheet ends where the next begins.
pub(super) trait Sheets {
    fn sheet(&mut self, name: &str, headings: &[&str]) -> Result<()>;
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<()>;
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(visible(text))
}

fn number(text: &str) -> Cell<'_> {
    Cell::Number(Cow::Borrowed(text))
}

fn count(n: usize) -> Cell<'static> {
    Cell::Number(n.to_string().into())
}

fn maybe<'c>(value: Option<&'c str>, cell: fn(&'c str) -> Cell<'c>) -> Cell<'c> {
    value.map_or(Cell::Nothing, cell)
}

/// Writes every table: what the outcome knows, then what the database holds.
pub(super) fn write(outcome: &Outcome, mut store: Option<&mut Store>, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    known(outcome, store.as_deref_mut(), lang, out)?;
    let Some(store) = store else { return listed(outcome, lang, out) };
    for table in rows::tables(store, outcome)? {
        let name = match table.name.as_str() {
            "RentLedger" => "ledger",
            "ElectricityBill" => "bills",
            other => other,
        };
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
        let headings: Vec<&str> =
            columns.iter().copied().chain(["file", "line", "column", "pointer", "sha256", "run", "derived from"]).collect();
        out.sheet(name, &headings)?;
        rows::each(store, outcome, &table, usize::MAX - 1, |row| {
            let Some(last) = row.changes.last() else { return Ok(()) };
            let held = row.cells.iter().zip(&table.columns).map(|(value, (_, holds))| match (value, holds) {
                (None, _) => Cell::Nothing,
                (Some(value), Holds::Number) => number(value),
                (Some(value), Holds::Moment) => Cell::Moment(Cow::Borrowed(value)),
                (Some(value), Holds::Text) => text(value),
            });
            let place = [
                maybe(last.path.as_deref(), text),
                last.line.map_or(Cell::Nothing, count),
                last.column.map_or(Cell::Nothing, count),
                maybe(last.pointer.as_deref(), text),
                maybe(last.sha256.as_deref(), text),
                Cell::Number(last.run.to_string().into()),
                maybe(last.derived.as_deref(), text),
            ];
            out.row(&held.chain(place).collect::<Vec<_>>())
        })?;
    }
    out.sheet("changes", &changed(lang))?;
    let failed = outcome.run.status == super::RunStatus::Failed;
    if failed {
        return outcome.account.changes.listed.iter().try_for_each(|c| change(c, out));
    }
    rows::changes(store, outcome, |c| change(&c, out))
}

/// What the outcome itself knows; the checks that it only counts are read from the database.
pub(super) fn known(outcome: &Outcome, store: Option<&mut Store>, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    summary(outcome, lang, out)?;
    controls(outcome, lang, out)?;
    checks(outcome, store, lang, out)?;
    differences(outcome, lang, out)?;
    files(outcome, lang, out)?;
    let account = &outcome.account;
    let heads = ["Month", "Version", "Counts instead", "Came to", "Counts", "Effect", "Step"].map(|h| lang.word(h));
    out.sheet("superseded", &heads)?;
    for s in &account.superseded {
        out.row(&[
            Cell::Moment((&*s.month).into()),
            text(&s.path),
            text(&s.by),
            number(&s.before),
            number(&s.after),
            number(&s.effect),
            number(&s.step),
        ])?;
    }
    out.sheet("rejects", &["File", "Line", "Code", "Message", "Worth", "Set aside", "Text"].map(|h| lang.word(h)))?;
    for r in &account.rejects.listed {
        let aside = Cell::Text(lang.word(if r.quarantined { "yes" } else { "no" }).into());
        out.row(&[text(&r.path), count(r.line), text(&r.code), text(&r.message), maybe(r.worth.as_deref(), number), aside, text(&r.raw)])?;
    }
    out.sheet("findings", &["Severity", "Code", "Place", "Message", "What to do"].map(|h| lang.word(h)))?;
    for f in &outcome.findings {
        let place = f.place().unwrap_or_default();
        out.row(&[Cell::Text(severity(f.severity, lang).into()), text(&f.code), text(&place), text(&f.message), text(&f.hint)])?;
    }
    out.sheet("sample", &["Table", "Key", "Value", "Place", "Quoted line"].map(|h| lang.word(h)))?;
    for row in &account.sample.rows {
        let (values, place, key) = (html::values(row), html::place(row, lang), crate::table::spoken_key(&row.key));
        out.row(&[text(&row.table), text(&key), text(&values), text(&place), maybe(html::source(outcome, row), text)])?;
    }
    safety(outcome, lang, out)?;
    out.sheet("months", &["Table", "What", "Month", "Rows", "Value"].map(|h| lang.word(h)))?;
    for m in &account.monthly {
        out.row(&[text(&m.table), text(&m.of), Cell::Moment((&*m.month).into()), count(m.rows), maybe(m.sum.as_deref(), number)])?;
    }
    Ok(())
}

fn severity(severity: Severity, lang: Lang) -> &'static str {
    lang.word(match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    })
}

fn changed(lang: Lang) -> [&'static str; 7] {
    ["Table", "Key", "Operation", "Column", "Before", "After", "Place"].map(|h| lang.word(h))
}

/// The changes that the outcome lists, where no database can be asked.
fn listed(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    out.sheet("changes", &changed(lang))?;
    outcome.account.changes.listed.iter().try_for_each(|c| change(c, out))
}

/// A row for each column that is different.
fn change(change: &Change, out: &mut dyn Sheets) -> Result<()> {
    let place = change.place.as_deref();
    for (column, before, after) in change.differing() {
        let row = [
            text(&change.table),
            text(&change.key),
            text(&change.operation),
            text(column),
            maybe(before, text),
            maybe(after, text),
            maybe(place, text),
        ];
        out.row(&row)?;
    }
    Ok(())
}

fn summary(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    let (run, account) = (&outcome.run, &outcome.account);
    out.sheet("summary", &[lang.say("Summary"), lang.say("Value")])?;
    let mut put = |name: &str, cell: Cell<'_>| out.row(&[Cell::Text(name.to_owned().into()), cell]);
    put(lang.say("Report"), Cell::Text(lang.say(conclude::title(outcome)).into()))?;
    for sentence in conclude::sentences(outcome, lang) {
        put("", text(&sentence))?;
    }
    let number = run.id.map_or(Cell::Nothing, |id| Cell::Number(id.to_string().into()));
    put(lang.say("Job"), text(&run.job))?;
    put(lang.say("Run"), number)?;
    put(lang.say("Status"), Cell::Text(lang.word(run.status.word()).into()))?;
    put(lang.say("Currency"), text(&run.currency))?;
    put(lang.say("Period"), text(&[account.from.as_deref(), account.to.as_deref()].map(Option::unwrap_or_default).join(" – ")))?;
    for (name, value) in [
        (lang.say("Run by"), &account.by),
        (lang.say("Begun (UTC)"), &run.started_at),
        (lang.say("Ended (UTC)"), &run.finished_at),
        (lang.say("Program"), &format!("tieout {}", run.version)),
        (lang.say("Command"), &run.command),
        (lang.say("Database"), &run.database),
        (lang.say("Files from"), &run.root),
        (lang.say("Job file SHA-256"), &run.job_sha256),
    ] {
        put(name, text(value))?;
    }
    for (name, items) in [(lang.say("Assumptions"), &outcome.assumptions), (lang.say("Limitations"), &account.limitations)] {
        for item in items {
            put(name, text(item))?;
        }
    }
    Ok(())
}

/// The backup, and what a rehearsal showed, where there was either.
fn safety(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    if let Some(backup) = &outcome.backup {
        out.sheet(
            "backup",
            &["File", "Size in bytes", "Rows of all tables", "SHA-256", "Restored once, and found the same"].map(|h| lang.word(h)),
        )?;
        let restored = Cell::Text(lang.word(if backup.verified { "yes" } else { "no" }).into());
        out.row(&[
            text(&backup.path),
            Cell::Number(backup.size.to_string().into()),
            Cell::Number(backup.rows.to_string().into()),
            text(&backup.sha256),
            restored,
        ])?;
    }
    let Some(rehearsal) = &outcome.rehearsal else { return Ok(()) };
    let heads = ["Table", "Rows before", "Inserted", "Updated", "Deleted", "Rows afterwards", "Other values in"].map(|h| lang.word(h));
    out.sheet("rehearsal", &heads)?;
    for (name, c) in &rehearsal.tables {
        let columns: Vec<String> = c.columns.iter().map(|(column, n)| format!("{column} ({n})")).collect();
        let figures = [c.before, c.inserted, c.updated, c.deleted, c.after].map(|n| Cell::Number(n.to_string().into()));
        out.row(&std::iter::once(text(name)).chain(figures).chain([text(&columns.join(", "))]).collect::<Vec<_>>())?;
    }
    let back = &rehearsal.way_back;
    out.sheet("way-back", &["What", "Text"].map(|h| lang.word(h)))?;
    let time = [("seconds", super::seconds(rehearsal.milliseconds)), ("way back", lang.say(way_back(rehearsal)).to_owned())];
    let lists = [("schema", &rehearsal.schema), ("lost", &back.losses), ("again", &rehearsal.again)];
    let lists = lists.iter().flat_map(|(what, list)| list.iter().map(|item| (*what, item.clone())));
    time.into_iter().chain(lists).try_for_each(|(what, item)| out.row(&[text(what), text(&item)]))
}

fn controls(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    let heads = [
        "Table",
        "Figure",
        "Stated by the files",
        "What counts",
        "Read back",
        "Opening",
        "Added",
        "Corrected",
        "Removed",
        "Closing",
        "Foots",
    ];
    out.sheet("controls", &heads.map(|h| lang.word(h)))?;
    for c in &outcome.account.controls {
        // A hash may be all digits, and is no number.
        let cell = if c.figure == "hash" { text } else { number };
        let stages = [&c.stated, &c.counted, &c.read_back, &c.opening, &c.added, &c.corrected, &c.removed, &c.closing];
        let foots = c.foots.map_or(Cell::Nothing, |yes| Cell::Text(lang.word(if yes { "yes" } else { "no" }).into()));
        let row = [text(&c.table), text(&c.figure)].into_iter().chain(stages.map(|s| maybe(s.as_deref(), cell))).chain([foots]);
        out.row(&row.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn checks(outcome: &Outcome, store: Option<&mut Store>, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    let heads =
        ["Check", "Group", "Actual", "Expected", "Difference", "Status", "Severity", "Tolerance", "Why that tolerance", "Explanation"];
    out.sheet("checks", &heads.map(|h| lang.word(h)))?;
    outcome.checks.iter().try_for_each(|c| out.row(&check(c, lang)))?;
    let (Some(store), Some(run), true) = (store, outcome.run.id, outcome.counted() > 0) else { return Ok(()) };
    store.checks_behind(run, outcome.checks.len(), |c| out.row(&check(&c, lang)))
}

fn check(c: &Check, lang: Lang) -> Vec<Cell<'_>> {
    vec![
        text(&c.name),
        text(&c.group),
        maybe(c.actual.as_deref(), number),
        maybe(c.expected.as_deref(), number),
        maybe(c.difference.as_deref(), number),
        Cell::Text(lang.word(c.status.words()).into()),
        Cell::Text(severity(c.severity, lang).into()),
        maybe(c.tolerance.as_deref(), number),
        maybe(c.because.as_deref(), text),
        maybe(c.explanation.as_deref(), text),
    ]
}

/// Every difference with the figures it was computed from, down to the quoted line.
fn differences(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    let heads = ["Check", "Group", "Difference", "Status", "Side", "What", "Value", "File", "Line", "Column", "Quoted line"];
    out.sheet("differences", &heads.map(|h| lang.word(h)))?;
    for c in outcome.checks.iter().filter(|c| !matches!(c.status, Status::Match | Status::Derived)) {
        let head =
            || [text(&c.name), text(&c.group), maybe(c.difference.as_deref(), number), Cell::Text(lang.word(c.status.words()).into())];
        for (side, name, value) in [("Actual", "", &c.actual), ("Expected", "", &c.expected)] {
            let sum = [Cell::Text(lang.word(side).into()), text(name), maybe(value.as_deref(), number)];
            out.row(&head().into_iter().chain(sum).collect::<Vec<_>>())?;
        }
        for o in &c.operands {
            let side = Cell::Text(lang.word(if o.side == Side::Actual { "Actual" } else { "Expected" }).into());
            let now = o
                .path
                .as_ref()
                .filter(|p| o.sha256.is_none() || outcome.sources.iter().any(|s| s.path == **p && Some(&s.sha256) == o.sha256.as_ref()));
            let quote = now.zip(o.line).and_then(|(path, line)| outcome.account.quotes.get(path)?.get(&line));
            let place = [maybe(o.path.as_deref(), text), o.line.map_or(Cell::Nothing, count), o.column.map_or(Cell::Nothing, count)];
            let row = head()
                .into_iter()
                .chain([side, text(&o.label), number(&o.value)])
                .chain(place)
                .chain([maybe(quote.map(String::as_str), text)]);
            out.row(&row.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn files(outcome: &Outcome, lang: Lang, out: &mut dyn Sheets) -> Result<()> {
    let heads = [
        "Source",
        "File",
        "Status",
        "Format",
        "Encoding",
        "Size",
        "SHA-256",
        "Kind",
        "Records",
        "Read",
        "Loaded",
        "Superseded",
        "Duplicate",
        "Ignored",
        "Rejected",
        "Foots",
        "Reason",
    ];
    out.sheet("files", &heads.map(|h| lang.word(h)))?;
    for f in &outcome.sources {
        let counts = [f.records, f.read, f.loaded, f.superseded, f.duplicate, f.ignored.values().sum(), f.rejected].map(count);
        let head =
            [text(&f.source), text(&f.path), Cell::Text(lang.word_of(&f.status).to_owned().into()), text(&f.format), text(&f.encoding)];
        let size = [Cell::Number(f.size.to_string().into()), text(&f.sha256), text(&f.unit)];
        let tail = [Cell::Text(lang.word(if f.balances() { "yes" } else { "no" }).into()), maybe(f.reason.as_deref(), text)];
        out.row(&head.into_iter().chain(size).chain(counts).chain(tail).collect::<Vec<_>>())?;
    }
    Ok(())
}
