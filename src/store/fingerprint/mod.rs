//! What a database holds, for comparison: rows and contents of each table, every object with its definition, where sequences
//! stand. Which differences matter is not decided here.

mod postgres;
mod sqlite;

use super::Store;
use crate::digest::sha256;
use crate::error::Result;
use crate::script::{Grammar, normal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a definition a sentence shows.
const SHOWN: usize = 120;

/// What of a database counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything: what a backup must hold.
    Everything,
    /// The user's alone, without the tables `tieout_*`: what a migration and its way back must leave as it was.
    Users,
}

/// What a database holds. Two are equal when the databases are, but for what docs/backup.md says is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The tables with rows of their own, by name; outside `public` with their schema.
    pub tables: BTreeMap<String, Content>,
    /// Everything that is defined, `index ix_a` → its definition.
    pub objects: BTreeMap<String, String>,
    /// Where each sequence of PostgreSQL stands. It moves on outside all transactions.
    pub positions: BTreeMap<String, Position>,
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// How many.
    pub rows: u64,
    /// A digest of them all, in whatever order they lie.
    pub digest: String,
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its last value.
    pub last: i64,
    /// Whether that was given out already.
    pub called: bool,
}

impl Store {
    /// Reads what the database holds: all of it, once. In a transaction that sees one state this is the fingerprint of that
    /// state, but for the sequences of PostgreSQL, which are always read as they stand now.
    pub fn fingerprint(&mut self, scope: Scope) -> Result<Fingerprint> {
        if self.is_postgres() { self.postgres_fingerprint(scope) } else { self.sqlite_fingerprint(scope) }
    }

    /// What one table holds.
    pub fn content_of(&mut self, table: &str) -> Result<Content> {
        if self.is_postgres() { self.postgres_content(table) } else { self.sqlite_content(table, "") }
    }
}

impl Fingerprint {
    /// SHA-256 of all of it.
    pub fn digest(&self) -> String {
        sha256(serde_json::to_string(self).unwrap_or_default())
    }

    /// Rows in all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|t| t.rows).sum()
    }

    /// Whether there is nothing in it: no table, no function, no type. What extensions bring is not counted.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.objects.keys().all(|o| o.starts_with("extension ") || o.starts_with("setting "))
    }

    /// The names of the extensions.
    pub fn extensions(&self) -> Vec<&str> {
        self.objects.keys().filter_map(|o| o.strip_prefix("extension ")).collect()
    }

    /// Leaves out some of the extensions: those that were there before.
    pub fn forget_extensions(&mut self, which: impl Fn(&str) -> bool) {
        self.objects.retain(|object, _| !object.strip_prefix("extension ").is_some_and(&which));
    }

    /// The same with PostgreSQL's definitions stripped of parentheses and casts between texts: the server spells an expression
    /// that it has read from a dump (`ARRAY[('a'::character varying)::text]`) differently from the one it was given
    /// (`(ARRAY['a'::character varying])::text[]`). Function bodies are texts and stay.
    pub fn respelled(mut self) -> Fingerprint {
        for (name, definition) in &mut self.objects {
            if !name.starts_with("function ") {
                *definition = respelled(definition);
            }
        }
        self
    }

    /// The same with SQLite's definitions as they mean: renaming a table leaves its name in quotes there.
    pub fn normal(mut self) -> Fingerprint {
        for (name, definition) in &mut self.objects {
            if !name.starts_with("function ") {
                *definition = normal(definition, Grammar::Sqlite);
            }
        }
        self
    }

    /// In which ways `found` is not like this, each in a sentence; empty when it is.
    pub fn differences(&self, found: &Fingerprint) -> Vec<String> {
        let mut said = self.differing_contents(found);
        let names: BTreeSet<&String> = self.objects.keys().chain(found.objects.keys()).collect();
        for name in names {
            let pair = (self.objects.get(name), found.objects.get(name));
            if self.lacks_the_table_of(name, found) || found.lacks_the_table_of(name, self) {
                continue;
            }
            match pair {
                (Some(_), None) => said.push(format!("the {name} is missing")),
                (None, Some(_)) => said.push(format!("the {name} should not be there")),
                (Some(a), Some(b)) if a != b => said.push(format!("the {name} is “{}” instead of “{}”", shown(b), shown(a))),
                _ => {}
            }
        }
        for (name, is) in &found.positions {
            if let Some(was) = self.positions.get(name).filter(|was| *was != is) {
                said.push(format!("the sequence {name} stands {is} instead of {was}"));
            }
        }
        said
    }

    /// The differences in rows alone: between servers of different versions, definitions are spelled differently.
    pub fn differing_contents(&self, found: &Fingerprint) -> Vec<String> {
        let names: BTreeSet<&String> = self.tables.keys().chain(found.tables.keys()).collect();
        let say = |name: &String| match (self.tables.get(name), found.tables.get(name)) {
            (Some(a), None) => Some(format!("the table {name} with its {} rows is missing", a.rows)),
            (None, Some(b)) => Some(format!("the table {name} with {} rows should not be there", b.rows)),
            (Some(a), Some(b)) if a.rows != b.rows => Some(format!("table {name}: {} rows instead of {}", b.rows, a.rows)),
            (Some(a), Some(b)) if a != b => Some(format!("table {name}: {} rows as expected, with other contents", a.rows)),
            _ => None,
        };
        names.into_iter().filter_map(say).collect()
    }

    /// Whether `name` is a table's, or a column of one, that the other has and we have not: said once, for the table.
    fn lacks_the_table_of(&self, name: &str, other: &Fingerprint) -> bool {
        let gone = |table: &str| other.tables.contains_key(table) && !self.tables.contains_key(table);
        match name.split_once(' ') {
            Some(("table", table)) => gone(table),
            Some(("column" | "constraint" | "trigger", part)) => part.rsplit_once('.').is_some_and(|(table, _)| gone(table)),
            _ => false,
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", if self.called { "behind" } else { "at" }, self.last)
    }
}

/// The first of a definition, in one line.
fn shown(definition: &str) -> String {
    let line = definition.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(SHOWN).collect();
    if cut.len() < line.len() { cut + " …" } else { cut }
}

/// A definition without parentheses, casts between texts, and more than one blank; quoted texts and names as they are.
fn respelled(definition: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(definition.len()), definition);
    while let Some(c) = rest.chars().next() {
        let casts = ["::character varying", "::text", "::bpchar"].iter().filter_map(|cast| rest.strip_prefix(cast));
        if let Some(behind) = casts.into_iter().find(|behind| !behind.starts_with(|c: char| c.is_alphanumeric() || c == '_')) {
            rest = behind.strip_prefix("[]").unwrap_or(behind);
            continue;
        }
        let end = match c {
            '\'' | '"' => rest[1..].find(c).map_or(rest.len(), |at| at + 2),
            _ => c.len_utf8(),
        };
        match c {
            '(' | ')' => {}
            c if c.is_whitespace() => plain.push_str(if plain.ends_with(' ') { "" } else { " " }),
            _ => plain.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_expression_are_one_and_two_texts_are_two() {
        let given = "CHECK (((kind)::text = ANY ((ARRAY['a (b)'::character varying, 'it''s'::character varying])::text[])))";
        let dumped = "CHECK (((kind)::text = ANY (ARRAY[('a (b)'::character varying)::text, ('it''s'::character varying)::text])))";
        assert_eq!(respelled(given), respelled(dumped));
        assert_eq!(respelled(given), "CHECK kind = ANY ARRAY['a (b)', 'it''s']");
        assert_ne!(respelled("DEFAULT 'a  (b)'"), respelled("DEFAULT 'a (b)'"));
        assert_eq!(respelled("x::textual"), "x::textual");
    }

    #[test]
    fn differences_are_sentences() {
        let content = |rows, digest: &str| Content { rows, digest: digest.into() };
        let mut a = Fingerprint::default();
        a.tables.insert("wallet".into(), content(4, "x"));
        a.tables.insert("bill".into(), content(1, "x"));
        a.objects.extend([("index ix_a", "on a"), ("column bill.n", "1 integer"), ("table bill", "")].map(|(k, v)| (k.into(), v.into())));
        a.positions.insert("s".into(), Position { last: 1, called: false });
        let mut b = a.clone();
        assert!(a.differences(&b).is_empty() && a.digest() == b.digest());
        b.tables.insert("wallet".into(), content(3, "y"));
        b.tables.remove("bill");
        b.objects.clear();
        b.positions.insert("s".into(), Position { last: 1, called: true });
        assert_eq!(
            a.differences(&b),
            [
                "the table bill with its 1 rows is missing",
                "table wallet: 3 rows instead of 4",
                "the index ix_a is missing",
                "the sequence s stands behind 1 instead of at 1"
            ]
        );
        assert_ne!(a.digest(), b.digest());
    }
}
