//! What a parser has to say about a file: where, what, why, and what to do. No rendering.

use serde::{Deserialize, Serialize};

/// How grave a diagnostic is. An error keeps the whole import from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Info,
    /// Somebody should look; the run goes on.
    Warning,
    /// Nothing is written.
    Error,
}

/// A place in a decoded file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// JSON pointer (RFC 6901), for JSON files.
    pub pointer: Option<String>,
}

/// Escapes a key for a JSON pointer (RFC 6901).
pub(crate) fn pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// One thing a parser found, with its place and the quoted line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable name of the kind, such as `impossible-date`.
    pub code: &'static str,
    /// How grave.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The line it stands on, as decoded, or the part of it around the place; empty for a finding about a file as a whole.
    pub quote: String,
    /// The place within the quote: its character, from 1.
    pub caret: usize,
}

/// How many characters of a line are quoted.
const QUOTED: usize = 200;

/// The part of a line to quote for a place in it, and where the place is in that part. `first` is the column of the
/// line's first character.
pub fn excerpt(line: &str, first: usize, column: usize) -> (String, usize) {
    let at = column.saturating_sub(first);
    if at < QUOTED / 2 && first == 1 {
        return (line.chars().take(QUOTED).collect(), at + 1);
    }
    let before = at.saturating_sub(QUOTED / 2);
    let part: String = line.chars().skip(before).take(QUOTED).collect();
    (format!("…{part}"), at - before + 2)
}

/// The known word nearest to a mistyped one, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(whole) = known.iter().find(|k| word.len() > 2 && k.starts_with(word)) {
        return Some(whole);
    }
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= 1 + k.chars().count() / 4)
        .min()
        .map(|(_, k)| k)
}
