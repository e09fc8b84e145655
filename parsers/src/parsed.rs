//! What reading a file gives: records, rejects, diagnostics, and the tally that accounts for every line or value.

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::record::{Located, Record};
use crate::text::Text;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Lines of text.
    #[default]
    Lines,
    /// JSON values: scalars and empty containers.
    Values,
}

/// The conservation of one file: every line or value is used, ignored by a named rule, or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// What is counted.
    pub unit: Unit,
    /// How many there are, counted apart from the parsing.
    pub read: usize,
    /// How many went into records.
    pub used: usize,
    /// How many each named rule ignored.
    pub ignored: BTreeMap<&'static str, usize>,
    /// How many were refused.
    pub rejected: usize,
}

impl Tally {
    /// Counts `n` under an ignoring rule.
    pub fn ignore(&mut self, rule: &'static str, n: usize) {
        if n > 0 {
            *self.ignored.entry(rule).or_default() += n;
        }
    }

    /// Whether read = used + ignored + rejected.
    pub fn balances(&self) -> bool {
        self.read == self.used + self.ignored.values().sum::<usize>() + self.rejected
    }
}

/// A record that was refused, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Where it begins.
    pub span: Span,
    /// How many lines it takes.
    pub lines: usize,
    /// Its bytes, in the file's encoding; the first 64 KiB of them.
    pub raw: Vec<u8>,
    /// What it is worth, where that can be read.
    pub worth: Option<Decimal>,
}

/// How many diagnostics of a kind, and how many rejects, are kept of a file. The rest is counted.
const KEPT: usize = 1000;
/// How much of a reject is kept.
const KEPT_BYTES: usize = 1 << 16;

/// The result of reading a file: as much as could be read, and everything that is wrong.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// The records, in the file's order.
    pub records: Vec<Located<Record>>,
    /// Everything found, in the order found; of a kind that repeats, the first thousand.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there are of a kind.
    pub more: BTreeMap<(Severity, &'static str), usize>,
    /// The first thousand records that were refused.
    pub rejects: Vec<Reject>,
    /// How many records were refused.
    pub refused: usize,
    /// Whether more is wrong than single records: then nothing of the file can be used.
    pub broken: bool,
    /// Conservation.
    pub tally: Tally,
    /// The encoding the bytes were read as; empty when they could not be.
    pub encoding: &'static str,
}

impl Parsed {
    /// Whether something in the file is wrong.
    pub fn is_rejected(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// A file that could not even be opened as what it is.
    pub fn refused(code: &'static str, message: String, hint: &str) -> Parsed {
        let span = Span { line: 1, column: 1, pointer: None };
        let tally = Tally { read: 1, rejected: 1, ..Tally::default() };
        let mut out = Parsed { tally, broken: true, ..Parsed::default() };
        out.push(Diagnostic { code, severity: Severity::Error, span, message, hint: hint.to_owned(), quote: String::new(), caret: 1 });
        out
    }

    /// Whether one more diagnostic of a kind is only counted.
    fn only_counts(&mut self, severity: Severity, code: &'static str) -> bool {
        let known = |d: &&Diagnostic| d.code == code && d.severity == severity;
        let counted = self.more.contains_key(&(severity, code));
        if counted || (self.diagnostics.len() >= KEPT && self.diagnostics.iter().filter(known).count() >= KEPT) {
            *self.more.entry((severity, code)).or_default() += 1;
            return true;
        }
        false
    }

    /// Notes a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.only_counts(diagnostic.severity, diagnostic.code) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Notes a finding at a place; the line it stands on is quoted.
    pub fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        text: &Text<'_>,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if !self.only_counts(severity, code) {
            let (quote, caret) = text.quote(&span);
            self.diagnostics.push(Diagnostic { code, severity, span, message: message.into(), hint: hint.into(), quote, caret });
        }
    }

    /// Takes a record, made of so many lines or values, unless `only` others are asked for.
    pub fn take(&mut self, only: Option<&[Range<usize>]>, value: Record, span: Span, used: usize) {
        if only.is_some_and(|only| !only.iter().any(|lines| lines.contains(&span.line))) {
            return self.tally.ignore("loaded before", used);
        }
        self.tally.used += used;
        self.records.push(Located { value, span });
    }

    /// Keeps a record that was refused: `raw` is its text, from `span` on.
    pub fn reject(&mut self, text: &Text<'_>, span: Span, raw: &str, worth: Option<Decimal>) {
        self.refused += 1;
        if self.rejects.len() < KEPT {
            let end = (0..=raw.len().min(KEPT_BYTES)).rev().find(|at| raw.is_char_boundary(*at)).unwrap_or(0);
            let kept = &raw[..end];
            let lines = 1 + memchr::memchr_iter(b'\n', raw.trim_end().as_bytes()).count();
            self.rejects.push(Reject { span, lines, raw: text.encoded(kept), worth });
        }
    }
}
