//! Checks: one comparison each, with its figures, how it came out, and how well that is known.

use super::Severity;
use super::alike::KEPT;
use crate::digest::sha256;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use tieout_parsers::Span;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Equal, to the last decimal.
    Match,
    /// Not equal; the difference is within the stated tolerance.
    WithinTolerance,
    /// Not equal; a named rule turns one into the other.
    Explained,
    /// The expected value was derived from the actual one: proves nothing.
    Derived,
    /// Not equal, beyond the tolerance.
    Difference,
    /// Nothing to compare with.
    MissingExpected,
    /// Something is expected, nothing is there.
    MissingActual,
    /// A difference that somebody has answered for.
    Waived,
    /// Did not run. Never a pass.
    NotRun,
}

impl Status {
    /// Whether a check of error severity may stand like this in a run that commits.
    pub fn passes(self) -> bool {
        !matches!(self, Status::Difference | Status::NotRun | Status::MissingActual | Status::MissingExpected)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Status::Match => "match",
            Status::WithinTolerance => "within tolerance",
            Status::Explained => "explained",
            Status::Derived => "derived",
            Status::Difference => "difference",
            Status::MissingExpected => "nothing to compare with",
            Status::MissingActual => "nothing there",
            Status::Waived => "waived",
            Status::NotRun => "not run",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// How well it is known why two figures are as they are, from the strongest to the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// They are equal.
    Exact,
    /// A named rounding rule turns one into the other.
    RoundingProved,
    /// The difference is within what rounding so many items can do.
    RoundingPossible,
    /// The difference is one item, which is missing or doubled.
    OneItem,
    /// One of them is what a superseded version says.
    Version,
    /// It fits another period.
    Period,
    /// One was derived from the other.
    Derived,
    /// Nothing explains it.
    Unexplained,
}

/// A figure that went into a check, with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operand {
    /// Which side of the comparison it is on.
    pub side: Side,
    /// What it is: `vattenfall, 2025-10-01`.
    pub label: String,
    /// The figure.
    pub value: String,
    /// File it came from; `None` for a value of the database that no import of ours wrote.
    pub path: Option<String>,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// JSON pointer.
    pub pointer: Option<String>,
    /// SHA-256 of the file as it was when the row was written; `None` for a file of this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Table and recorded key of the row it stands in, while its place is not known.
    #[serde(skip)]
    pub row: Option<(String, String)>,
}

impl Operand {
    /// A figure whose place is not known (yet).
    pub fn new(side: Side, label: impl Into<String>, value: impl Into<String>) -> Operand {
        Operand {
            side,
            label: label.into(),
            value: value.into(),
            path: None,
            line: None,
            column: None,
            pointer: None,
            sha256: None,
            row: None,
        }
    }

    /// A figure of a database row, known by its recorded key.
    pub fn of_row(side: Side, table: &str, key: String, value: impl Into<String>) -> Operand {
        Operand { row: Some((table.to_owned(), key)), ..Operand::new(side, String::new(), value) }
    }

    /// The same figure, at a place of a file.
    #[must_use]
    pub fn at(mut self, path: &str, span: &Span) -> Operand {
        self.path = Some(path.to_owned());
        self.line = Some(span.line);
        self.column = Some(span.column);
        self.pointer = span.pointer.clone();
        self
    }
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// What should be.
    Expected,
    /// What is.
    Actual,
}

/// Differences in money that were let stand, one by one among the checks and here in sum, not netted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PassedOn {
    /// How many.
    pub count: usize,
    /// The sum of those where there is more than expected.
    pub over: String,
    /// The sum of those where there is less; negative.
    pub under: String,
    /// Both, without sign.
    pub total: String,
    /// The most that the job allows.
    pub limit: Option<String>,
}

/// One comparison: a check in one of its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The check's name, `electricity-vs-config`.
    pub name: String,
    /// The group compared: a month, a table, a file.
    pub group: String,
    /// What should be.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
    /// Actual less expected.
    pub difference: Option<String>,
    /// How it came out.
    pub status: Status,
    /// How grave it is when it fails.
    pub severity: Severity,
    /// Why the difference is there: a rule, or `unexplained`.
    pub explanation: Option<String>,
    /// How well that is known.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// The difference that is tolerated.
    pub tolerance: Option<String>,
    /// Why that tolerance.
    pub because: Option<String>,
    /// Whether its figures are amounts of money.
    #[serde(default)]
    pub money: bool,
    /// What a waiver of it is bound to, where one may be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The figures it was computed from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operands: Vec<Operand>,
}

impl Check {
    /// A check that has not run yet.
    pub fn new(name: impl Into<String>, group: impl Into<String>, severity: Severity) -> Check {
        Check {
            name: name.into(),
            group: group.into(),
            expected: None,
            actual: None,
            difference: None,
            status: Status::NotRun,
            severity,
            explanation: None,
            proof: None,
            tolerance: None,
            because: None,
            money: false,
            hash: None,
            operands: Vec::new(),
        }
    }

    /// What a waiver of it is bound to: the hash of its name, its group and both its figures.
    pub fn hash(&self) -> String {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        let bound = [self.name.clone(), self.group.clone(), side(&self.expected), side(&self.actual)].join("\n");
        sha256(bound)[..16].to_owned()
    }

    /// Whether a waiver can cover it: both sides were looked for, and do not agree.
    pub fn may_be_waived(&self) -> bool {
        matches!(self.status, Status::Difference | Status::MissingActual | Status::MissingExpected)
    }

    /// Whether the run must not commit because of it.
    pub fn fails(&self) -> bool {
        self.severity == Severity::Error && !self.status.passes()
    }
}
/// Forgets the figures of checks of which there are many alike: an archive of a hundred thousand calculations would not fit into
/// memory with all of them, and each can be looked up where its check says.
pub fn forget_figures(checks: &mut [Check]) {
    crowd(checks, |check| check.operands = Vec::new());
}

/// How many checks have had their figures forgotten.
pub fn without_figures(checks: &[Check]) -> usize {
    let mut count = 0;
    crowd(checks, |_| count += 1);
    count
}

/// Gives the checks to `each` that come behind the first of their name and status.
fn crowd<C: Borrow<Check>>(checks: impl IntoIterator<Item = C>, mut each: impl FnMut(C)) {
    let mut seen: HashMap<(String, Status), usize> = HashMap::new();
    for check in checks {
        let of = check.borrow();
        let n = seen.entry((of.name.clone(), of.status)).or_default();
        *n += 1;
        if *n > KEPT {
            each(check);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_checks_alike_the_first_thousand_keep_their_figures() {
        let check = |n: usize, status| {
            let mut check = Check { status, ..Check::new("recompute", n.to_string(), Severity::Error) };
            check.operands.push(Operand::new(Side::Actual, "share", "1"));
            check
        };
        let mut checks: Vec<Check> = (0..1500).map(|n| check(n, if n == 1200 { Status::Difference } else { Status::Match })).collect();
        forget_figures(&mut checks);
        let kept: Vec<usize> = (0..1500).filter(|n| !checks[*n].operands.is_empty()).collect();
        assert_eq!((kept.len(), kept[999], kept[1000]), (1001, 999, 1200), "one that does not hold is not lost among those that do");
        assert_eq!(without_figures(&checks), 499);
    }
}
