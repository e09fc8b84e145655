//! What a run finds out: findings, checks and their operands. The one model that reconciling, reporting and scripts share.
//! Here is no rule and no rendering.

use crate::digest::sha256;
use serde::{Deserialize, Serialize};
use std::fmt;
use tieout_parsers::{Diagnostic, Reject, Span};

pub use tieout_parsers::Severity;

/// What an error is about, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The files do not agree with each other or with the database: exit 1.
    Check,
    /// The files themselves are wrong: exit 3.
    File,
    /// The command or the job file: exit 2.
    Usage,
    /// The database or a migration: exit 4.
    Database,
    /// Another run holds the lock: exit 5.
    Lock,
    /// Interrupted: exit 130.
    Interrupt,
}

impl Subject {
    /// The exit code of a run that fails for this reason.
    pub fn exit_code(self) -> i32 {
        match self {
            Subject::Check => 1,
            Subject::Usage => 2,
            Subject::File => 3,
            Subject::Database => 4,
            Subject::Lock => 5,
            Subject::Interrupt => 130,
        }
    }
}

/// Something that was found, with its place, its reason and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the kind, `mislabelled-file`.
    pub code: String,
    /// How grave.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// File, as the job sees it; `None` where no file is concerned.
    pub path: Option<String>,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// JSON pointer within the file.
    pub pointer: Option<String>,
    /// The quoted line, or the part of it around the place.
    pub quote: Option<String>,
    /// The place within the quote: its character, from 1.
    #[serde(default)]
    pub caret: usize,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// What a conflict is about, so that it can be settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
    /// The record that was refused for it.
    #[serde(skip)]
    pub reject: Option<Reject>,
    /// Whether it is about a file as a whole, so that there is no line to quote.
    #[serde(skip)]
    pub whole_file: bool,
}

/// A value on which file and database do not agree, and what was imported last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The table.
    pub table: String,
    /// The row's natural key, as recorded.
    pub key: String,
    /// The column; `*` where the row as a whole is gone.
    pub column: String,
    /// What the file says.
    pub file: Option<String>,
    /// What was imported last; `None` when nothing was, too.
    pub imported: Option<String>,
    /// By which run.
    pub imported_by: Option<String>,
    /// What the database holds.
    pub database: Option<String>,
}

impl Finding {
    /// A finding without a place.
    pub fn new(severity: Severity, subject: Subject, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding {
            code: code.to_owned(),
            severity,
            subject,
            path: None,
            line: None,
            column: None,
            pointer: None,
            quote: None,
            caret: 1,
            dispute: None,
            reject: None,
            message: message.into(),
            hint: hint.into(),
            whole_file: false,
        }
    }

    /// A warning about how files, rows and months agree.
    pub fn warning(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, Subject::Check, code, message, hint)
    }

    /// The same finding, at a place of a file.
    #[must_use]
    pub fn at(mut self, path: &str, span: &Span) -> Finding {
        self.path = Some(path.to_owned());
        self.line = Some(span.line.max(1));
        self.column = Some(span.column.max(1));
        self.pointer = span.pointer.clone();
        self
    }

    /// The same finding, about a file as a whole (line 1, and no line to quote).
    #[must_use]
    pub fn about(self, path: &str) -> Finding {
        let finding = self.at(path, &Span { line: 1, column: 1, pointer: None });
        Finding { whole_file: true, ..finding }
    }

    /// A parser's diagnostic, with the file it is about.
    pub fn from_parser(path: &str, diagnostic: Diagnostic) -> Finding {
        let Diagnostic { code, severity, span, message, hint, quote, caret } = diagnostic;
        let finding = Finding::new(severity, Subject::File, code, message, hint).at(path, &span);
        Finding { quote: Some(quote).filter(|q| !q.is_empty()), caret, ..finding }
    }

    /// Its place in the file.
    pub fn span(&self) -> Span {
        Span { line: self.line.unwrap_or(1), column: self.column.unwrap_or(1), pointer: self.pointer.clone() }
    }

    /// Where it is, as people write it: `path:line:column`, with the JSON pointer behind.
    pub fn place(&self) -> Option<String> {
        place(self.path.as_deref()?, self.line.zip(self.column), self.pointer.as_deref()).into()
    }
}

/// `path:line:column /pointer`.
pub fn place(path: &str, position: Option<(usize, usize)>, pointer: Option<&str>) -> String {
    let position = position.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
    let pointer = pointer.filter(|p| !p.is_empty()).map_or(String::new(), |p| format!(" {p}"));
    format!("{path}{position}{pointer}")
}

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
        !matches!(self, Status::Difference | Status::NotRun | Status::MissingActual)
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
    /// Table and recorded key of the row it stands in, while its place is not known.
    #[serde(skip)]
    pub row: Option<(String, String)>,
}

impl Operand {
    /// A figure whose place is not known (yet).
    pub fn new(side: Side, label: impl Into<String>, value: impl Into<String>) -> Operand {
        Operand { side, label: label.into(), value: value.into(), path: None, line: None, column: None, pointer: None, row: None }
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
            operands: Vec::new(),
        }
    }

    /// What a waiver of it is bound to: the hash of its name, its group and both its figures.
    pub fn hash(&self) -> String {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        let bound = [self.name.clone(), self.group.clone(), side(&self.expected), side(&self.actual)].join("\n");
        sha256(bound)[..16].to_owned()
    }

    /// Whether the run must not commit because of it.
    pub fn fails(&self) -> bool {
        self.severity == Severity::Error && !self.status.passes()
    }
}
