//! What a run finds out: findings, checks and their operands. The one model that reconciling, reporting and scripts share.
//! Here is no rule and no rendering.

mod alike;
mod check;

pub use alike::{Alike, Block, Checks, Kept};
pub use check::{Check, Operand, PassedOn, Proof, Side, Status, forget_figures, without_figures};

use serde::{Deserialize, Serialize};
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
