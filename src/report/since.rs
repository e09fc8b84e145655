//! What differs from the run before: which differences and findings are new, which are gone, which still stand, and for how
//! many runs. Of the same job in the same database, failed runs too.
//!
//! A check is the same one as before by its name and group; its figures may change, which is said. A finding is the same one
//! by kind, file and message. Lines and columns do not count, as they move with every line above. The figures in a message do:
//! as often as not they name what it is about (a month, a key), and without them one finding could hide behind another. A
//! changed figure so comes out as one that is gone and one that is new: noise at worst, and nothing is kept back.
//!
//! Checks within their tolerance that are counted, and not listed, are differences that stand; one that is listed now and was counted
//! then is looked up, and stands for two runs at least.
//!
//! Gone is only what a run looked for and did not find. What it did not get as far as looking for is neither gone nor there
//! (`not_looked_at`), and is kept in mind for the run after.

use super::layout::{clean, heading, line};
use super::{Outcome, RunStatus, Style};
use crate::evidence::{Check, Finding, Severity, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a run has got that looked at everything.
const WHOLE: u8 = 3;

/// How many of a sort are shown to a reader in a hurry.
const SHOWN: usize = 10;

/// What differs from the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceLast {
    /// The run before.
    pub run: i64,
    /// Here and not there.
    pub new: Vec<Difference>,
    /// There and not here.
    pub gone: Vec<Difference>,
    /// In both.
    pub still: Vec<Difference>,
    /// There, and this run did not get as far as looking.
    pub not_looked_at: Vec<Difference>,
}

/// A check that is no match, or a finding that is no note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `check` or `finding`.
    pub kind: Kind,
    /// The check's name, or the finding's code.
    pub name: String,
    /// The check's group, or the finding's place.
    pub group: String,
    /// How it stands, in words.
    pub is: String,
    /// How it stood in the run before, where that was different.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// For how many runs it stands, this one included.
    pub runs: usize,
    /// How far the run that found it had got: 3 is to the end.
    depth: u8,
}

/// What a difference is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A check.
    Check,
    /// A finding.
    Finding,
}

/// By what a difference is known again.
type Identity = (Kind, String, String);

/// What the run before found, as far as the next one must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    run: i64,
    differences: Vec<Difference>,
    /// How many checks it listed, and whether it counted some that are no match.
    listed: (usize, bool),
    /// How the checks stood that it counted: by name and group.
    counted: BTreeMap<(String, String), String>,
}

impl Past {
    /// What the recorded outcome of a run says.
    pub fn of(run: i64, outcome: &Outcome) -> Past {
        let mut differences = differences(outcome);
        if let Some(since) = &outcome.since_last {
            let stood = since.still.iter().chain(&since.new).map(|d| (d.identity(), d.runs)).collect::<BTreeMap<_, _>>();
            for difference in &mut differences {
                difference.runs = stood.get(&difference.identity()).copied().unwrap_or(1);
            }
            differences.extend(since.not_looked_at.iter().cloned());
        }
        let listed = (outcome.checks.len(), !outcome.tolerated.is_empty());
        Past { run, differences, listed, counted: BTreeMap::new() }
    }

    /// The run, and how many checks it listed, where it counted others that are no match: those are to be looked up.
    pub fn counted(&self) -> Option<(i64, usize)> {
        Some((self.run, self.listed.0)).filter(|_| self.listed.1)
    }

    /// Takes in one of those.
    pub fn count(&mut self, check: &Check) {
        let difference = Difference::of_check(check, WHOLE);
        self.counted.extend(difference.map(|d| ((d.name, d.group), d.is)));
    }

    /// What is different now.
    pub(super) fn compare(&self, outcome: &Outcome) -> SinceLast {
        let mut before: BTreeMap<Identity, Vec<&Difference>> = BTreeMap::new();
        self.differences.iter().rev().for_each(|d| before.entry(d.identity()).or_default().push(d));
        let mut since = SinceLast { run: self.run, new: Vec::new(), gone: Vec::new(), still: Vec::new(), not_looked_at: Vec::new() };
        for mut now in differences(outcome) {
            match before.get_mut(&now.identity()).and_then(Vec::pop) {
                None => match self.counted_as(&now) {
                    None => since.new.push(now),
                    Some(then) => {
                        now.runs = 2;
                        now.was = Some(then).filter(|then| **then != now.is).cloned();
                        since.still.push(now);
                    }
                },
                Some(then) => {
                    now.runs = then.runs + 1;
                    now.was = (now.kind == Kind::Check && then.is != now.is).then(|| then.is.clone());
                    since.still.push(now);
                }
            }
        }
        // What is counted now, and was listed, still stands.
        let counted = |d: &Difference| d.kind == Kind::Check && outcome.alike.tolerated.contains(&(d.name.clone(), d.group.clone()));
        for then in before.into_values().flatten().filter(|then| !counted(then)) {
            let kept = Difference { was: None, ..then.clone() };
            if looked_for(outcome, then) { since.gone.push(kept) } else { since.not_looked_at.push(kept) }
        }
        since
    }

    /// How a check stood that the run before counted, and did not list.
    fn counted_as(&self, now: &Difference) -> Option<&String> {
        let check = now.kind == Kind::Check && !self.counted.is_empty();
        check.then(|| self.counted.get(&(now.name.clone(), now.group.clone())))?
    }
}

impl Difference {
    fn identity(&self) -> Identity {
        let which = match self.kind {
            Kind::Check => self.group.clone(),
            Kind::Finding => format!("{}\n{}", path_alone(&self.group), without_places(&self.is)),
        };
        (self.kind, self.name.clone(), which)
    }

    fn of_check(check: &Check, depth: u8) -> Option<Difference> {
        if matches!(check.status, Status::Match | Status::Derived) || check.severity == Severity::Info {
            return None;
        }
        let side = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".into());
        let figures = match check.status {
            Status::NotRun => check.explanation.clone().unwrap_or_else(|| check.status.words().to_owned()),
            status => format!("{} against {}, {}", side(&check.actual), side(&check.expected), status.words()),
        };
        let (name, group) = (check.name.clone(), check.group.clone());
        Some(Difference { kind: Kind::Check, name, group, is: figures, was: None, runs: 1, depth })
    }

    fn of_finding(finding: &Finding, depth: u8) -> Option<Difference> {
        if finding.severity == Severity::Info {
            return None;
        }
        let (name, group) = (finding.code.clone(), finding.place().unwrap_or_default());
        Some(Difference { kind: Kind::Finding, name, group, is: finding.message.clone(), was: None, runs: 1, depth })
    }
}

/// All that is no match and no note.
fn differences(outcome: &Outcome) -> Vec<Difference> {
    let depth = depth(outcome);
    let checks = outcome.checks.iter().filter_map(|c| Difference::of_check(c, depth));
    checks.chain(outcome.findings.iter().filter_map(|f| Difference::of_finding(f, depth))).collect()
}

/// Whether there is any: for the first run, all of it is new.
pub(super) fn any(outcome: &Outcome) -> bool {
    !differences(outcome).is_empty()
}

/// How far a run got: 0 nothing was read, 1 the files were, 2 rows were loaded, 3 everything was looked at.
fn depth(outcome: &Outcome) -> u8 {
    let whole = outcome.run.status != RunStatus::Failed || outcome.exit_code == 1;
    match (whole, outcome.tables.is_empty(), outcome.sources.is_empty()) {
        (true, ..) => WHOLE,
        (_, false, _) => 2,
        (_, _, false) => 1,
        _ => 0,
    }
}

/// Whether the run would have found it again, were it still there.
fn looked_for(outcome: &Outcome, then: &Difference) -> bool {
    // A replay takes a few lines of a few files.
    let depth = if outcome.run.command == "replay" { 0 } else { depth(outcome) };
    let unlisted = outcome.unlisted.keys().any(|(_, code)| then.kind == Kind::Finding && *code == then.name);
    let not_run = |c: &Check| then.kind == Kind::Check && c.name == then.name && c.status == Status::NotRun;
    depth >= then.depth && !unlisted && !outcome.checks.iter().any(not_run)
}

/// A place without line, column and pointer: the file.
fn path_alone(place: &str) -> String {
    let masked = without_places(place);
    masked.split_once(":#:#").map_or(masked.clone(), |(path, _)| path.to_owned())
}

/// A text with `:#:#` for each `:line:column` behind a file's name. A time of day, whose colon stands behind a figure, stays.
fn without_places(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(':') {
        out.push_str(&rest[..at]);
        let figure = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
        let line = figure(&rest[at + 1..]);
        let behind = &rest[at + 1 + line..];
        let column = behind.strip_prefix(':').map_or(0, figure);
        if line > 0 && column > 0 && !out.ends_with(|c: char| c.is_ascii_digit()) {
            out.push_str(":#:#");
            rest = &behind[1 + column..];
        } else {
            out.push(':');
            rest = &rest[at + 1..];
        }
    }
    out + rest
}

/// The section of the text report: how many, and then what came and went.
pub(super) fn section(out: &mut String, outcome: &Outcome, style: Style) {
    let Some(since) = &outcome.since_last else { return };
    let changed: Vec<&Difference> = since.still.iter().filter(|d| d.was.is_some()).collect();
    let oldest = since.still.iter().map(|d| d.runs).max().unwrap_or_default();
    let still = if oldest > 2 { format!("still there, the oldest for {oldest} runs") } else { "still there".to_owned() };
    let counts = [(since.new.len(), "new"), (since.gone.len(), "gone"), (since.still.len(), &*still)];
    let more = (since.not_looked_at.len(), "not looked at this time");
    let counts: Vec<String> = counts.into_iter().chain([more]).filter(|c| c.0 > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if counts.is_empty() {
        return;
    }
    heading(out, style, &format!("Since run {}", since.run));
    line(out, &format!("  {}", counts.join(", ")));
    for (word, list) in [("new", since.new.iter().collect()), ("changed", changed), ("gone", since.gone.iter().collect::<Vec<_>>())] {
        let shown = if style.verbose { list.len() } else { SHOWN };
        for difference in list.iter().take(shown) {
            let was = difference.was.as_ref().map_or(String::new(), |was| format!(" (was {})", clean(was)));
            let group = if difference.group.is_empty() { String::new() } else { format!("  {}", clean(&difference.group)) };
            line(out, &format!("    {word:7}  {}{group}: {}{was}", clean(&difference.name), clean(&difference.is)));
        }
        if list.len() > shown {
            line(out, &format!("    … and {} more {word}", list.len() - shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Subject;
    use tieout_parsers::Span;

    fn outcome(checks: &[(&str, Status, &str)], findings: &[(&str, usize, &str)]) -> Outcome {
        let mut outcome = Outcome::begin("job".into(), "run");
        outcome.checks = checks
            .iter()
            .map(|(group, status, actual)| Check {
                status: *status,
                actual: Some((*actual).to_owned()),
                ..Check::new("sums", *group, Severity::Error)
            })
            .collect();
        let finding = |&(code, at, message): &(&str, usize, &str)| {
            Finding::new(Severity::Warning, Subject::Check, code, message, "").at("a.csv", &Span { line: at, column: 1, pointer: None })
        };
        outcome.findings = findings.iter().map(finding).collect();
        outcome.judge();
        outcome
    }

    fn after(before: &Outcome, mut now: Outcome) -> Outcome {
        let past = Past::of(1, before);
        now.past = Some(past);
        now.compare();
        now
    }

    fn names(list: &[Difference]) -> Vec<(&str, usize)> {
        list.iter().map(|d| (if d.kind == Kind::Check { d.group.as_str() } else { d.is.as_str() }, d.runs)).collect()
    }

    #[test]
    fn lines_may_move_and_figures_that_name_something_may_not() {
        let first = outcome(&[], &[("conflict", 3, "row m1 differs; the first is a.csv:2:1"), ("conflict", 4, "row m2 differs")]);
        let second = outcome(&[], &[("conflict", 5, "row m1 differs; the first is a.csv:4:1"), ("conflict", 6, "row m3 differs")]);
        let since = after(&first, second).since_last.unwrap();
        assert_eq!(names(&since.still), [("row m1 differs; the first is a.csv:4:1", 2)]);
        assert_eq!(names(&since.new), [("row m3 differs", 1)]);
        assert_eq!(names(&since.gone), [("row m2 differs", 1)]);
    }

    #[test]
    fn equal_findings_are_counted() {
        let first = outcome(&[], &[("odd", 1, "x")]);
        let since = after(&first, outcome(&[], &[("odd", 1, "x"), ("odd", 2, "x")])).since_last.unwrap();
        assert_eq!((since.still.len(), since.new.len(), since.gone.len()), (1, 1, 0));
    }

    #[test]
    fn what_got_worse_is_said_and_what_stands_is_counted_through_the_runs() {
        let tolerated = [("2025-01", Status::WithinTolerance, "1"), ("2025-02", Status::Match, "1")];
        let second = after(&outcome(&tolerated, &[]), outcome(&tolerated, &[]));
        assert_eq!(names(&second.since_last.as_ref().unwrap().still), [("2025-01", 2)]);
        let third = after(&second, outcome(&[("2025-01", Status::Difference, "9"), ("2025-02", Status::Difference, "2")], &[]));
        let since = third.since_last.unwrap();
        assert_eq!((names(&since.still), names(&since.new)), (vec![("2025-01", 3)], vec![("2025-02", 1)]));
        assert_eq!(since.still[0].was.as_deref(), Some("1 against nothing, within tolerance"));
    }

    #[test]
    fn what_a_run_did_not_look_at_is_not_gone_and_comes_back_as_old() {
        let first = outcome(&[("2025-01", Status::WithinTolerance, "1")], &[("odd", 1, "x")]);
        let mut stopped = outcome(&[("every month", Status::NotRun, "")], &[]);
        stopped.stop(&crate::error::Stop::database("gone away", ""));
        let stopped = after(&first, stopped);
        let since = stopped.since_last.as_ref().unwrap();
        assert_eq!((since.gone.len(), names(&since.not_looked_at)), (0, vec![("2025-01", 1), ("x", 1)]));
        let third = after(&stopped, outcome(&[("2025-01", Status::WithinTolerance, "1")], &[]));
        let since = third.since_last.unwrap();
        assert_eq!((names(&since.still), since.new.len()), (vec![("2025-01", 2)], 0));
        assert!(names(&since.gone).contains(&("x", 1)) && since.gone.iter().any(|d| d.name == "database"));
    }

    #[test]
    fn places_are_masked_and_times_are_not() {
        assert_eq!(without_places("a.csv:3:14 at 12:30:15, b:x:1"), "a.csv:#:# at 12:30:15, b:x:1");
        assert_eq!(path_alone("data/å.json:3:14 /a/0"), "data/å.json");
    }
}
