//! What the report tells beyond checks and findings: who ran it and how, which rules were applied, control totals from the file
//! to the database, sums by month, what superseded versions are worth, what was refused and changed, and the quoted lines that
//! figures come from. The model alone; `gather` fills it, the renderings show it. Every list in it is bounded.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What stands in the JSON beside checks and findings, under `account`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Who ran it: user and host, `anna@books`.
    pub by: String,
    /// How it was called: the arguments that matter, by name.
    pub parameters: BTreeMap<String, String>,
    /// The first month that the rows speak of, `2023-03`.
    pub from: Option<String>,
    /// The last one.
    pub to: Option<String>,
    /// How the files of each source became rows.
    pub mapping: Vec<Mapping>,
    /// What each check computes.
    pub formulas: Vec<Formula>,
    /// Totals of each table at each stage, the last read back from the database.
    pub controls: Vec<ControlTotal>,
    /// Sums by month, as the database holds them.
    pub monthly: Vec<Monthly>,
    /// Versions that do not count, and what that is worth.
    pub superseded: Vec<Superseded>,
    /// What was refused.
    pub rejects: Rejects,
    /// What this run wrote.
    pub changes: Changes,
    /// Lines of source files that figures come from, by path and line; long ones are cut.
    pub quotes: BTreeMap<String, BTreeMap<usize, String>>,
    /// Rows of the run, drawn by a seed.
    #[serde(default)]
    pub sample: super::Sampled,
    /// What was not tested, in words.
    pub limitations: Vec<String>,
}

/// How the files of a source became rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The source.
    pub source: String,
    /// The format that reads its files.
    pub format: String,
    /// The patterns of its files.
    pub files: Vec<String>,
    /// The tables that it fills.
    pub tables: Vec<String>,
    /// The rules, in words: `bank_line.amount is Belopp`.
    pub rules: Vec<String>,
}

/// What a check computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formula {
    /// The check's name.
    pub check: String,
    /// In words.
    pub formula: String,
    /// Whether the job declares it; else it is asked of every run.
    pub declared: bool,
}

/// One figure of a table at each stage: `rows`, the sum of a number column, or `hash`, a total over every compared value of
/// every row that is the same in any order. Sums without trailing zeros; `None` where a stage was not reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ControlTotal {
    /// The table.
    pub table: String,
    /// `rows`, a column, or `hash`.
    pub figure: String,
    /// What the files state.
    pub stated: Option<String>,
    /// What is left of that without repeated, refused and disputed rows.
    pub counted: Option<String>,
    /// The same rows, read back from the database.
    pub read_back: Option<String>,
    /// What the whole table came to before.
    pub opening: Option<String>,
    /// What new rows added, by the change log.
    pub added: Option<String>,
    /// What revisions changed, by the change log.
    pub corrected: Option<String>,
    /// What was taken away, by the change log.
    pub removed: Option<String>,
    /// What the whole table comes to now, read back.
    pub closing: Option<String>,
    /// Whether opening + added + corrected − removed = closing, and what counts was read back.
    pub foots: Option<bool>,
}

/// The rows of a table in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monthly {
    /// The table.
    pub table: String,
    /// The month, `2025-02`.
    pub month: String,
    /// Whose: the provider, the tenant, the configuration's key.
    pub of: String,
    /// How many rows.
    pub rows: usize,
    /// Their sum; `None` when it has more digits than can be kept.
    pub sum: Option<String>,
}

/// A version that does not count, and the one that does instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// The file that does not count.
    pub path: String,
    /// The file that counts.
    pub by: String,
    /// The month in their names.
    pub month: String,
    /// What it came to.
    pub before: String,
    /// What counts.
    pub after: String,
    /// What counts less what it came to.
    pub effect: String,
    /// What counts less what the version before it came to: these add up to the way from the first version to the last.
    pub step: String,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rejects {
    /// How many records.
    pub count: usize,
    /// Those that could be valued, in sum and without sign.
    pub worth: String,
    /// How many could not be valued.
    pub unvalued: usize,
    /// The first thousand.
    pub listed: Vec<RejectedRecord>,
}

/// A record that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// The file.
    pub path: String,
    /// Its first line.
    pub line: usize,
    /// How many lines it takes.
    pub lines: usize,
    /// Why, as a finding's code.
    pub code: String,
    /// Why, in words.
    pub message: String,
    /// What it is worth, where that can be read.
    pub worth: Option<String>,
    /// Its text, cut where it is long.
    pub raw: String,
    /// Whether it was set aside within a budget; else it stopped the run.
    pub quarantined: bool,
}

/// What a run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// How many, by table and operation.
    pub counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// The first thousand that are no new rows: a correction never overwrites without saying what stood there.
    pub listed: Vec<Change>,
}

/// A row that was written, with what stood there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The run.
    pub run: i64,
    /// The table.
    pub table: String,
    /// The row's key, as people read it.
    pub key: String,
    /// `insert`, `update`, `adopt` (it stood there already) or `delete`.
    pub operation: String,
    /// The columns as they were; empty for a new row.
    pub before: BTreeMap<String, Option<String>>,
    /// The columns as they are; empty for one that was taken away.
    pub after: BTreeMap<String, Option<String>>,
    /// File, with line and column, that says so.
    pub place: Option<String>,
}

impl Change {
    /// The columns in which it differs: name, before, after.
    pub fn differing(&self) -> impl Iterator<Item = (&str, Option<&str>, Option<&str>)> {
        let names: BTreeSet<&String> = self.before.keys().chain(self.after.keys()).collect();
        let side = |of: &'_ BTreeMap<String, Option<String>>, name: &String| of.get(name).cloned().flatten();
        let differs = names.into_iter().filter(move |name| side(&self.before, name) != side(&self.after, name));
        differs
            .map(|name| (name.as_str(), self.before.get(name).and_then(Option::as_deref), self.after.get(name).and_then(Option::as_deref)))
    }
}
