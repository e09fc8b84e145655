//! The outcome as text: conclusion first, then sources, tables, checks and findings. For terminals and for files.

use super::layout::{aligned, clean, heading, line, number, table};
use super::{Outcome, RunStatus, cache, hooks, preflight, safety, since};
use crate::evidence::{Check, Finding, Severity, Side, Status};
use crate::migrate::{StepOutcome, Touched};
use std::collections::BTreeMap;

/// How many findings of one kind are shown in full.
const SHOWN: usize = 3;
/// How many groups of one check are shown in full.
const GROUPS: usize = 20;

/// How to render.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Every check and finding, with operands.
    pub verbose: bool,
}

impl Style {
    /// For files: complete, without colours.
    pub fn plain() -> Style {
        Style { color: false, verbose: true }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        match severity {
            Severity::Error => self.paint("1;31", text),
            Severity::Warning => self.paint("33", text),
            Severity::Info => self.paint("36", text),
        }
    }
}

/// Renders an outcome.
pub fn text(outcome: &Outcome, style: Style) -> String {
    let mut out = String::new();
    conclusion(&mut out, outcome, style);
    since::section(&mut out, outcome, style);
    preflight::section(&mut out, outcome, style);
    safety::section(&mut out, outcome, style);
    sources(&mut out, outcome, style);
    migrations(&mut out, outcome, style);
    tables(&mut out, outcome, style);
    checks(&mut out, outcome, style);
    findings(&mut out, outcome, style);
    if outcome.passed_on.count > 0 {
        let p = &outcome.passed_on;
        heading(&mut out, style, "Passed on");
        let limit = p.limit.as_ref().map_or(String::new(), |l| format!(", of at most {l}"));
        let words = format!(
            "{} differences in money stand: {} over and {} under, {} in all and not netted{limit}",
            p.count, p.over, p.under, p.total
        );
        line(&mut out, &format!("  {words}"));
    }
    cache::section(&mut out, outcome, style);
    hooks::section(&mut out, outcome, style);
    if !outcome.assumptions.is_empty() {
        heading(&mut out, style, "Assumptions");
        for assumption in &outcome.assumptions {
            line(&mut out, &format!("  {}", clean(assumption)));
        }
    }
    out
}

fn conclusion(out: &mut String, outcome: &Outcome, style: Style) {
    let run = &outcome.run;
    let (code, words) = match run.status {
        RunStatus::Failed if run.command == "rollback" => ("1;31", "NOT ROLLED BACK: nothing was written"),
        _ if run.command == "rollback" => ("1;32", "ROLLED BACK"),
        RunStatus::Failed => ("1;31", "DOES NOT TIE OUT: nothing was written"),
        RunStatus::Planned => ("1;32", "WOULD TIE OUT: rehearsed on a copy, nothing was written"),
        _ if outcome.has_exceptions() => ("1;32", "TIES OUT, with exceptions to look at"),
        _ => ("1;32", "TIES OUT"),
    };
    let status = match run.status {
        RunStatus::Committed => "committed",
        RunStatus::Unchanged => "unchanged: the database already holds all of it",
        RunStatus::Failed => "failed",
        RunStatus::Planned => "planned",
    };
    line(out, &style.paint(code, words));
    let number = run.id.map_or(run.command.clone(), |id| format!("run {id}"));
    line(out, &format!("{} · {number} · {status} · {}", clean(&run.job), clean(&run.database)));
    for s in &outcome.signatures {
        line(out, &format!("signed by {} as {} on {} (`tieout verify` checks it)", clean(&s.signer), s.role, s.signed_at));
    }
    if style.verbose {
        line(
            out,
            &format!("begun {} · ended {} · tieout {} · amounts in {}", run.started_at, run.finished_at, run.version, clean(&run.currency)),
        );
        line(out, &format!("root {} · job file SHA-256 {}", clean(&run.root), run.job_sha256));
        if let (Some(digest), Some(previous)) = (&run.digest, &run.previous) {
            line(out, &format!("by {} · digest {digest} · of the run before {previous}", clean(&run.who)));
        }
    }
}

fn sources(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.sources.is_empty() {
        return;
    }
    heading(out, style, "Sources");
    let mut groups: BTreeMap<&str, Vec<&super::SourceOutcome>> = BTreeMap::new();
    for source in &outcome.sources {
        groups.entry(&source.source).or_default().push(source);
    }
    let mut rows = vec![["", "files", "loaded", "unchanged", "superseded", "excluded", "rejected", "rows"].map(str::to_owned).to_vec()];
    for (name, files) in &groups {
        let count = |status: &str| files.iter().filter(|f| f.status == status).count();
        let states = ["loaded", "unchanged", "superseded", "excluded", "rejected"].map(|s| number(count(s)));
        let rows_in: usize = files.iter().filter(|f| f.status == "loaded" || f.status == "unchanged").map(|f| f.records).sum();
        rows.push([vec![clean(name), number(files.len())], states.to_vec(), vec![number(rows_in)]].concat());
    }
    table(out, &rows);
    if !style.verbose {
        return;
    }
    heading(out, style, "Files: every line or value accounted for");
    let mut rows =
        vec![["", "status", "of", "read", "loaded", "superseded", "duplicate", "ignored", "rejected", ""].map(str::to_owned).to_vec()];
    for file in &outcome.sources {
        let ignored: usize = file.ignored.values().sum();
        let counts = [file.read, file.loaded, file.superseded, file.duplicate, ignored, file.rejected].map(number);
        let note = if file.balances() { String::new() } else { "DOES NOT ADD UP".to_owned() };
        rows.push([vec![clean(&file.path), file.status.clone(), file.unit.clone()], counts.to_vec(), vec![note]].concat());
    }
    table(out, &rows);
    for file in &outcome.sources {
        let ignored: Vec<String> = file.ignored.iter().map(|(rule, n)| format!("{n} {rule}")).collect();
        let ignored = if ignored.is_empty() { String::new() } else { format!(" · ignored: {}", ignored.join(", ")) };
        let reason = file.reason.as_ref().map_or(String::new(), |r| format!(" · {}", clean(r)));
        let encoding = if file.encoding.is_empty() { "not decoded" } else { &file.encoding };
        line(out, &format!("  {} · {} bytes · {encoding} · SHA-256 {}{ignored}{reason}", clean(&file.path), file.size, file.sha256));
    }
}

fn migrations(out: &mut String, outcome: &Outcome, style: Style) {
    let done: Vec<_> = outcome.migrations.iter().filter(|s| style.verbose || s.status != "recorded").collect();
    if done.is_empty() {
        return;
    }
    heading(out, style, "Schema");
    let rows: Vec<Vec<String>> = done.iter().map(|s| vec![clean(&s.name), s.status.clone()]).collect();
    table(out, &rows);
    let touched =
        |s: &StepOutcome, t: &Touched| vec![format!("{}:{}", clean(&s.name), t.line), t.operation.clone(), clean(&t.table), number(t.rows)];
    let mut rows: Vec<Vec<String>> = done.iter().flat_map(|s| s.changes.iter().map(|t| touched(s, t))).collect();
    if !rows.is_empty() {
        rows.insert(0, ["step and line", "does", "to the table", "rows"].map(str::to_owned).to_vec());
        line(out, "");
        table(out, &rows);
    }
    for step in done {
        step.notes.iter().for_each(|note| line(out, &format!("  {}: {}", clean(&step.name), clean(note))));
    }
}

fn tables(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.tables.is_empty() {
        return;
    }
    heading(out, style, "Tables");
    // Deleting is rare enough to be shown only where it happens.
    let deleting = outcome.tables.values().any(|c| c.deleted > 0);
    let mut rows = vec![["", "read", "inserted", "updated", "unchanged", "duplicate", "rejected"].map(str::to_owned).to_vec()];
    rows[0].extend(deleting.then(|| "deleted".to_owned()));
    for (name, c) in &outcome.tables {
        let counts = [c.read, c.inserted, c.updated, c.unchanged, c.duplicate, c.rejected].map(number);
        rows.push([vec![clean(name)], counts.to_vec(), deleting.then(|| number(c.deleted)).into_iter().collect()].concat());
    }
    table(out, &rows);
}

fn checks(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.checks.is_empty() {
        return;
    }
    heading(out, style, "Checks");
    let mut names: Vec<&str> = Vec::new();
    for check in &outcome.checks {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    for name in names {
        let group: Vec<&Check> = outcome.checks.iter().filter(|c| c.name == name).collect();
        let mut by_status: BTreeMap<Status, usize> = BTreeMap::new();
        for check in &group {
            *by_status.entry(check.status).or_default() += 1;
        }
        let counted: Vec<(Status, usize)> = outcome.counted_of(name).collect();
        counted.iter().for_each(|(status, n)| *by_status.entry(*status).or_default() += n);
        let counts: Vec<String> = by_status.iter().map(|(status, n)| format!("{n} {status}")).collect();
        line(out, &format!("  {}  {}", clean(name), counts.join(", ")));
        let worth: Vec<&&Check> = group.iter().filter(|c| style.verbose || worth_showing(c)).collect();
        let shown = &worth[..if style.verbose { worth.len() } else { worth.len().min(GROUPS) }];
        let mut rows = Vec::new();
        for check in shown {
            let side = |v: &Option<String>| v.clone().unwrap_or_else(|| "–".into());
            let delta = check.difference.as_deref().filter(|d| *d != "0").unwrap_or("");
            let severity = if check.fails() {
                Severity::Error
            } else if check.status == Status::Match || check.status == Status::Derived {
                Severity::Info
            } else {
                Severity::Warning
            };
            let why = check.explanation.as_deref().map(clean).unwrap_or_default();
            let status = check.status.to_string();
            rows.push((
                severity,
                vec![
                    format!("  {}", clean(&check.group)),
                    side(&check.actual),
                    "against".into(),
                    side(&check.expected),
                    delta.to_owned(),
                    status,
                    why,
                ],
                *check,
            ));
        }
        let texts: Vec<Vec<String>> = rows.iter().map(|r| r.1.clone()).collect();
        let lines = aligned(&texts);
        for ((severity, _, check), text) in rows.iter().zip(lines) {
            let text = if *severity == Severity::Info { text } else { style.severity(*severity, &text) };
            line(out, &format!("  {text}"));
            if style.verbose {
                operands(out, check);
            }
        }
        if worth.len() > shown.len() {
            line(out, &format!("    … and {} groups more: see the report", worth.len() - shown.len()));
        }
        for (status, n) in counted.iter().filter(|_| style.verbose) {
            let what = if *status == Status::Match { "that match" } else { "within tolerance, whose figures another check proves" };
            line(out, &format!("    … and {n} more {what}: they are recorded, not listed"));
        }
        let mut tolerances: Vec<(&String, &String)> = shown.iter().filter_map(|c| c.tolerance.as_ref().zip(c.because.as_ref())).collect();
        tolerances.dedup();
        for (tolerance, because) in tolerances.iter().filter(|(t, _)| *t != "0").take(SHOWN) {
            line(out, &format!("    tolerance {tolerance}: {}", clean(because)));
        }
    }
}

/// What a reader in a hurry must see: every failure, and what is passed on of the checks that could fail a run.
fn worth_showing(check: &Check) -> bool {
    match check.status {
        Status::Match | Status::Derived => false,
        Status::WithinTolerance | Status::Explained => check.severity == Severity::Error,
        _ => true,
    }
}

fn operands(out: &mut String, check: &Check) {
    for operand in &check.operands {
        let sign = match operand.side {
            Side::Expected => "expected",
            Side::Actual => "actual",
        };
        let place = operand.path.as_ref().map(|p| crate::evidence::place(p, operand.line.zip(operand.column), operand.pointer.as_deref()));
        let place = place.map_or(String::new(), |p| format!(" · {}", clean(&p)));
        line(out, &format!("        {sign} {} {}{place}", clean(&operand.label), clean(&operand.value)));
    }
}

fn findings(out: &mut String, outcome: &Outcome, style: Style) {
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Info, "Notes")] {
        let found: Vec<&Finding> = outcome.findings.iter().filter(|f| f.severity == severity).collect();
        // Where findings already say what is wrong, a check that could not run for it is no further reason.
        let reason = |c: &&Check| c.fails() && (c.status != Status::NotRun || found.is_empty());
        let failed: Vec<&Check> = outcome.checks.iter().filter(|_| severity == Severity::Error).filter(reason).collect();
        if found.is_empty() && failed.is_empty() {
            continue;
        }
        heading(out, style, title);
        for check in failed {
            one_failure(out, check, style);
        }
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in found {
            let n = shown.entry(&finding.code).or_default();
            if style.verbose || *n < SHOWN {
                *n += 1;
                one_finding(out, finding, style);
            }
        }
        for kind in outcome.kinds.iter().filter(|k| k.severity == severity) {
            let more = kind.count.saturating_sub(shown.get(&*kind.code).copied().unwrap_or_default());
            let place = if style.verbose { "they are counted, not listed" } else { "see the report" };
            if more > 0 {
                line(out, &format!("  … and {more} more of the kind {} ({} in all): {place}", kind.code, kind.count));
            }
        }
    }
}

/// Why the run must not commit, in a sentence.
fn one_failure(out: &mut String, check: &Check, style: Style) {
    let name = style.severity(Severity::Error, &check.name);
    let side = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".into());
    let figures = match check.status {
        Status::NotRun => String::new(),
        _ => format!("{} against {}, a difference of {}; ", side(&check.actual), side(&check.expected), side(&check.difference)),
    };
    let why = check.explanation.as_deref().map_or_else(|| check.status.words().to_owned(), clean);
    line(out, &format!("  {name}  {}: {figures}{why}", clean(&check.group)));
    if matches!(check.status, Status::Difference | Status::MissingActual | Status::MissingExpected) {
        line(out, &format!("      → if it may stand, waive it: [[waiver]] with hash = \"{}\"", check.hash()));
    }
}

fn one_finding(out: &mut String, finding: &Finding, style: Style) {
    let place = finding.place().map_or(String::new(), |p| format!("{}: ", clean(&p)));
    let code = style.severity(finding.severity, &finding.code);
    line(out, &format!("  {code}  {place}{}", clean(&finding.message)));
    if let Some(quote) = &finding.quote {
        line(out, &format!("      {}", clean(quote)));
        // The caret stands under the character: what is before it is repeated as blanks, tabs as tabs.
        let before: String = quote.chars().take(finding.caret.max(1) - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        line(out, &format!("      {before}^"));
    }
    if !finding.hint.is_empty() {
        line(out, &format!("      → {}", clean(&finding.hint)));
    }
}

/// One finding as text.
pub fn finding_text(finding: &Finding, style: Style) -> String {
    let mut out = String::new();
    one_finding(&mut out, finding, style);
    out
}
