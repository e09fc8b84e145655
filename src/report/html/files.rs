//! The files that the page names, by number, and how a figure's file is known to be as it was.

use super::escape::visible;
use crate::evidence::Operand;
use crate::report::Outcome;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Files by number: path and hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    known: HashMap<String, Vec<usize>>,
    list: Vec<(String, String)>,
}

impl Files {
    /// The number of a file.
    pub(super) fn number(&mut self, path: &str, sha256: &str) -> usize {
        let known = self.known.get(path).and_then(|of| of.iter().find(|n| self.list[**n].1 == sha256));
        if let Some(known) = known {
            return *known;
        }
        self.list.push((path.to_owned(), sha256.to_owned()));
        let number = self.list.len() - 1;
        self.known.entry(path.to_owned()).or_default().push(number);
        number
    }

    /// All of them, and the lines that are quoted of those which are as they were read.
    pub(super) fn json(&self, outcome: &Outcome, hashes: &Hashes<'_>) -> (Value, Value) {
        let list: Vec<Value> = self.list.iter().map(|(path, sha256)| json!([visible(path), sha256])).collect();
        let mut quotes = serde_json::Map::new();
        for (n, (path, sha256)) in self.list.iter().enumerate() {
            let now = hashes.of(path) == Some(sha256);
            if let Some(lines) = outcome.account.quotes.get(path).filter(|_| now) {
                let lines = lines.iter().map(|(line, text)| (line.to_string(), visible(text).into()));
                quotes.insert(n.to_string(), Value::Object(lines.collect()));
            }
        }
        (list.into(), quotes.into())
    }
}

/// The hashes of the run's files, by path.
pub(super) struct Hashes<'o>(HashMap<&'o str, &'o str>);

impl<'o> Hashes<'o> {
    pub(super) fn new(outcome: &'o Outcome) -> Hashes<'o> {
        Hashes(outcome.sources.iter().map(|s| (s.path.as_str(), s.sha256.as_str())).collect())
    }

    /// The hash of a file as the run found it.
    pub(super) fn of(&self, path: &str) -> Option<&'o str> {
        self.0.get(path).copied()
    }

    /// The hash of the file that an operand stands in.
    pub(super) fn of_operand<'p: 'o>(&self, operand: &'p Operand) -> &'o str {
        operand.sha256.as_deref().or_else(|| self.of(operand.path.as_deref()?)).unwrap_or_default()
    }
}
