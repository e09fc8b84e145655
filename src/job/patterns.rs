//! The file patterns of a source, read, and of which house its files are: `{house}` in a pattern stands for the folder of one.
//! Which files there are is `discover`'s business.

use super::Source;
use super::read::Place;
use super::tables::{DeclaredTable, Holds};
use crate::error::Result;
use std::collections::BTreeMap;
use std::ops::Range;
use tieout_parsers::{FieldKind, nearest};
use toml::Spanned;

/// What stands in a pattern for the folder of a house.
pub const HOUSE: &str = "{house}";

/// The columns of a declared table, each with where a source has it, as the job file says it.
pub(super) type Columns = Spanned<BTreeMap<String, String>>;

impl Source {
    /// Whether the paths of its files say of which house they are.
    pub fn captures(&self) -> bool {
        self.files.iter().any(|pattern| pattern.contains(HOUSE))
    }

    /// Whether it says of which house its files are.
    pub fn knows_house(&self) -> bool {
        self.house.is_some() || self.captures()
    }
}

impl Place<'_> {
    /// The patterns of a source, each of which can be carried out.
    pub(super) fn patterns(&self, raw: Spanned<Vec<String>>) -> Result<Vec<String>> {
        let span = raw.span();
        let patterns = raw.into_inner();
        if patterns.is_empty() {
            return Err(self.stop(span, "the source names no files", "write at least one pattern"));
        }
        let capture = |pattern: &String| pattern.contains(HOUSE);
        for pattern in &patterns {
            let like = "write it like \"data/*.json\"; --root DIR says what it is relative to".to_owned();
            let folder = "write it like \"data/{house}/*.json\"".to_owned();
            let (problem, hint) = if pattern.split('/').any(|part| part == "..") || pattern.starts_with('/') {
                ("patterns are relative to the root and stay below it".to_owned(), like)
            } else if let Some(unknown) = unknown_placeholder(pattern) {
                let near = nearest(unknown.trim_matches(['{', '}']), ["house"]).is_some();
                let hint =
                    if near { format!("did you mean `{HOUSE}`?") } else { format!("the only one is `{HOUSE}`, the folder of a house") };
                (format!("there is no placeholder `{unknown}`"), hint)
            } else if capture(pattern) && !is_one_folder(pattern) {
                (format!("`{HOUSE}` stands for a whole folder of the path, and once"), folder)
            } else if pattern == "-" && patterns.len() > 1 {
                ("standard input is a source of its own".to_owned(), like)
            } else if capture(pattern) != patterns.iter().any(capture) {
                (format!("it does not say of which house its files are, and another pattern of the source does, with `{HOUSE}`"), folder)
            } else if globset::Glob::new(&pattern.replace(HOUSE, "*")).is_err() {
                ("this is no pattern that can be read".to_owned(), like)
            } else {
                continue;
            };
            return Err(self.stop(span, format!("`{pattern}`: {problem}"), hint));
        }
        Ok(patterns)
    }

    /// The one house that a source names for all its files.
    pub(super) fn house(&self, raw: Option<Spanned<String>>, patterns: &[String]) -> Result<Option<String>> {
        let Some(raw) = raw else { return Ok(None) };
        if patterns.iter().any(|pattern| pattern.contains(HOUSE)) {
            return Err(self.stop(raw.span(), "the house stands here and in the patterns", "say it once"));
        }
        if raw.get_ref().trim().is_empty() {
            return Err(self.stop(raw.span(), "the house has no name", "name it, or remove `house`"));
        }
        Ok(Some(raw.into_inner()))
    }

    /// The column of a declared table that takes the house: the one that the source maps to `{house}`, else `house`. `None`
    /// where the source says of no house.
    pub(super) fn house_column(
        &self,
        table: &DeclaredTable,
        mapping: Option<&Columns>,
        files: Range<usize>,
        known: bool,
    ) -> Result<Option<usize>> {
        let mapped = |name: &str| mapping.and_then(|m| m.get_ref().get(name).map(String::as_str));
        let chosen = table.columns.iter().position(|c| mapped(&c.name) == Some(HOUSE));
        if !known {
            return match (chosen, mapping) {
                (Some(_), Some(mapping)) => {
                    let message = format!("the source says of no house, so there is nothing for `{HOUSE}` to stand for");
                    Err(self.stop(mapping.span(), message, format!("write `{HOUSE}` for the folder of a house in its `files`")))
                }
                _ => Ok(None),
            };
        }
        let own = || table.columns.iter().position(|c| c.name == "house" && mapped("house").is_none());
        let at = chosen.or_else(own).filter(|at| table.columns[*at].holds == Holds::Value(FieldKind::Text));
        let others = table.columns.iter().enumerate().any(|(n, c)| Some(n) != at && c.holds != Holds::Occurrence);
        if at.is_none() || !others {
            let message = format!("the source says of which house its files are, and no text column of {} takes it", table.table.name);
            let hint = format!("give the table a column `house` beside its others, or map one to `{HOUSE}`; else write `*` for the folder");
            return Err(self.stop(files, message, hint));
        }
        Ok(at)
    }

    /// Whether the job has houses. Then every source of the domain says of which house its files are, if its records cannot;
    /// `spans` is where each is named.
    pub(super) fn all_know_houses(&self, sources: &[Source], spans: &[Range<usize>]) -> Result<bool> {
        let domain = || sources.iter().zip(spans).filter(|(s, _)| s.table.is_none());
        let Some((other, _)) = domain().find(|(s, _)| s.knows_house()) else { return Ok(false) };
        if let Some((silent, span)) = domain().find(|(s, _)| !s.knows_house() && !s.format.holds_tenants()) {
            let message =
                format!("the source `{}` does not say of which house its files are, and the source `{}` does", silent.name, other.name);
            let hint = format!("write `{HOUSE}` for the folder in its `files`, or house = \"…\" where all of it is of one house");
            return Err(self.stop(span.clone(), message, hint));
        }
        Ok(true)
    }
}

/// The first thing in braces that is no placeholder; a brace alone goes to the end.
fn unknown_placeholder(pattern: &str) -> Option<&str> {
    let from = |text: &'_ str| text.find(['{', '}']);
    let mut rest = pattern;
    while let Some(at) = from(rest) {
        let found = &rest[at..];
        if !found.starts_with(HOUSE) {
            return Some(found.find('}').map_or(found, |end| &found[..=end]));
        }
        rest = &found[HOUSE.len()..];
    }
    None
}

/// Whether the placeholder is one whole part of the path, and not its last.
fn is_one_folder(pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').filter(|part| part.contains(HOUSE)).collect();
    parts == [HOUSE] && !pattern.ends_with(HOUSE)
}
