//! The conclusion of a report, in words: whether it ties out, and what that rests on.

use super::form::Lang;
use super::{Outcome, RunStatus};
use crate::evidence::{Severity, Status};

/// How a run came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    TiesOut,
    Exceptions,
    Fails,
}

pub(super) fn verdict(outcome: &Outcome) -> Verdict {
    match outcome.run.status {
        RunStatus::Failed => Verdict::Fails,
        _ if outcome.has_exceptions() => Verdict::Exceptions,
        _ => Verdict::TiesOut,
    }
}

/// The headline, in English.
pub(super) fn title(outcome: &Outcome) -> &'static str {
    match (verdict(outcome), outcome.run.command == "rollback") {
        (Verdict::Fails, true) => "Not rolled back: nothing was written",
        (_, true) => "Rolled back",
        (Verdict::Fails, _) => "It does not tie out: nothing was written",
        (Verdict::Exceptions, _) => "It ties out, with exceptions to look at",
        (Verdict::TiesOut, _) => "It ties out",
    }
}

/// What it rests on.
pub(super) fn sentences(outcome: &Outcome, lang: Lang) -> Vec<String> {
    let mut said = Vec::new();
    let count = |f: &dyn Fn(Status) -> bool| outcome.checks.iter().filter(|c| f(c.status)).count();
    if outcome.run.status == RunStatus::Failed && !outcome.tables.is_empty() {
        said.push(lang.say("Nothing was written to the database; the figures say what it would have held.").to_owned());
    }
    if !outcome.checks.is_empty() {
        let tolerated = outcome.tolerated.values().sum::<usize>();
        let figures = [
            outcome.comparisons(),
            count(&|s| s == Status::Match) + outcome.alike.count(),
            count(&|s| matches!(s, Status::WithinTolerance | Status::Explained | Status::Waived)) + tolerated,
            count(&|s| matches!(s, Status::Derived | Status::MissingExpected)),
            outcome.checks.iter().filter(|c| matches!(c.status, Status::Difference | Status::MissingActual | Status::NotRun)).count(),
        ];
        let figures = figures.map(|n| n.to_string());
        said.push(lang.fill(
            "{} comparisons were made: {} agree exactly, {} are within a stated tolerance or explained by a rule, {} prove nothing, and {} do not agree or were not run.",
            &figures.each_ref().map(String::as_str),
        ));
    }
    let failing = outcome.checks.iter().filter(|c| c.fails()).count();
    if failing > 0 {
        said.push(lang.fill("{} of those that do not agree must hold for anything to be written.", &[&failing.to_string()]));
    } else if outcome.checks.iter().any(|c| !c.status.passes()) {
        said.push(lang.say("None of those that do not agree is one that must hold: they are told, and stop nothing.").to_owned());
    }
    if outcome.passed_on.count > 0 {
        said.push(passed_on(outcome, lang));
    } else if outcome.checks.iter().any(|c| c.money) {
        said.push(lang.say("No difference in money stands.").to_owned());
    }
    if !outcome.sources.is_empty() {
        let files = outcome.sources.len().to_string();
        said.push(if outcome.sources.iter().all(super::SourceOutcome::balances) {
            lang.fill("{} files were read; every line or value of them is accounted for.", &[&files])
        } else {
            lang.fill("{} files were read; of some of them not every line or value is accounted for.", &[&files])
        });
    }
    let of = |severity: Severity| outcome.kinds.iter().filter(|k| k.severity == severity).map(|k| k.count).sum::<usize>().to_string();
    let figures = [Severity::Error, Severity::Warning, Severity::Info].map(of);
    said.push(lang.fill("There are {} errors, {} warnings and {} notes.", &figures.each_ref().map(String::as_str)));
    said
}

/// The differences in money that stand.
pub(super) fn passed_on(outcome: &Outcome, lang: Lang) -> String {
    let passed = &outcome.passed_on;
    let count = passed.count.to_string();
    let figures = [&count, &passed.over, &passed.under, &passed.total, &outcome.run.currency].map(String::as_str);
    lang.fill("{} differences in money stand: {} over and {} under, {} {} in all and not netted.", &figures)
}
