//! What a declared check is to the run: which rows it wants to see, and a fold over them. Rows of a table are read once for
//! all rules that want them, in any order. No rule ever sees a connection.

use crate::error::{Result, Stop};
use crate::evidence::{Check, Operand, Severity};
use crate::job::{At, DeclaredCheck, Setting, Value};
use crate::table::{Kind as Holds, Line, spoken_value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, nearest};

/// A table that a rule reads, and the columns it wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The table.
    pub table: String,
    /// The columns, in the order in which the rule gets them.
    pub columns: Vec<String>,
}

/// A row of a table that a rule reads.
pub struct Cells<'r> {
    /// The texts of the row.
    pub row: &'r Line,
    /// Where in it each wanted column is.
    pub at: &'r [usize],
    /// Where in it the natural key is.
    pub key: &'r [(usize, Holds)],
}

impl<'r> Cells<'r> {
    /// The text of the column with that place in the need; `None` for NULL.
    pub fn get(&self, column: usize) -> Option<&'r str> {
        self.row.get(self.at[column])
    }

    /// The row's natural key, as the change log records it; empty for a table that the job does not load.
    pub fn key(&self) -> String {
        let key: Vec<Option<String>> = self.key.iter().map(|(at, holds)| self.row.get(*at).map(|t| holds.canonical(t))).collect();
        if key.is_empty() { String::new() } else { serde_json::to_string(&key).unwrap_or_default() }
    }
}

/// What a rule may know beside the rows.
#[derive(Debug, Default)]
pub struct World {
    /// What an import of ours derived, by table and recorded key: from what.
    pub derived: BTreeMap<(String, String), String>,
    /// What superseded calculations said of a configuration value, by key and what the month is called among those of all
    /// houses: the value, and where.
    pub superseded: BTreeMap<(String, String), Vec<(Decimal, String)>>,
    /// The figures of each check in the last run that went through, by name and group: the actual side.
    pub last: BTreeMap<(String, String), String>,
}

/// A row as the change log records it, by column; empty where there was none.
pub type Recorded = BTreeMap<String, Option<String>>;

/// A fold over rows.
pub trait Rule: Send {
    /// What it reads.
    fn needs(&self) -> Vec<Need>;

    /// All rows were seen.
    fn seen(&mut self) {}

    /// The tables of which it wants to know what was derived, with the recorded keys; asked when all rows were seen.
    fn asks(&self) -> Vec<(String, BTreeSet<String>)> {
        Vec::new()
    }

    /// The table whose changes since the last run it wants to see.
    fn changes_of(&self) -> Option<&str> {
        None
    }

    /// Takes a change: the row before and after it.
    fn change(&mut self, _before: &Recorded, _after: &Recorded) {}

    /// Sees what somebody else had made of a row since the last run, where that conflict was settled: its content then, and
    /// what this run met.
    fn settled(&mut self, _then: &Recorded, _met: &Recorded) {}

    /// A query of the user's that must give no rows; they come as those of the first need.
    fn query(&self, _postgres: bool) -> Option<&str> {
        None
    }

    /// Takes a row of the need with that place.
    fn row(&mut self, need: usize, row: &Cells<'_>);

    /// What it says when a table or a column that it reads is missing, for this reason.
    fn missing(&self, why: &str) -> Vec<Check>;

    /// What all rows together say.
    fn finish(self: Box<Self>, world: &World) -> Vec<Check>;
}

/// A kind of check: what it is called, and how its settings become a rule.
pub struct Kind {
    /// What a job file calls it.
    pub name: &'static str,
    /// What it checks, in a line.
    pub about: &'static str,
    /// The settings it knows.
    pub settings: &'static [&'static str],
    /// Makes the rule.
    pub make: fn(&Declared<'_>) -> Result<Box<dyn Rule>>,
}

/// A declared check, being read by its kind.
pub struct Declared<'d> {
    /// As the job file has it.
    pub check: &'d DeclaredCheck,
    /// The tables whose rows are of many houses.
    pub housed: &'d BTreeSet<String>,
}

/// A table and one of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

impl<'d> Declared<'d> {
    fn setting(&self, key: &str) -> Option<&'d Setting> {
        self.check.settings.get(key)
    }

    /// Where a setting stands, else the check.
    pub fn at(&self, key: &str) -> &'d At {
        self.setting(key).map_or(&self.check.at, |s| &s.at)
    }

    /// A text, where given.
    pub fn text(&self, key: &str) -> Result<Option<&'d str>> {
        match self.setting(key) {
            None => Ok(None),
            Some(Setting { value: Value::Text(text), .. }) => Ok(Some(text)),
            Some(other) => Err(other.at.stop(format!("`{key}` is a text"), format!("write {key} = \"…\""))),
        }
    }

    /// A text that the kind cannot do without.
    pub fn required(&self, key: &str, example: &str) -> Result<&'d str> {
        self.text(key)?.ok_or_else(|| {
            let message = format!("the check `{}` does not say `{key}`", self.check.name);
            self.check.at.stop(message, format!("write {key} = \"{example}\""))
        })
    }

    /// A list of texts, or one.
    pub fn list(&self, key: &str) -> Result<Vec<String>> {
        match self.setting(key).map(|s| (&s.value, &s.at)) {
            None => Ok(Vec::new()),
            Some((Value::Text(text), _)) => Ok(vec![text.clone()]),
            Some((Value::List(texts), _)) => Ok(texts.clone()),
            Some((_, at)) => Err(at.stop(format!("`{key}` is a list of texts"), format!("write {key} = [\"…\"]"))),
        }
    }

    /// Texts by name.
    pub fn map(&self, key: &str) -> Result<BTreeMap<String, String>> {
        match self.setting(key).map(|s| (&s.value, &s.at)) {
            None => Ok(BTreeMap::new()),
            Some((Value::Map(map), _)) => Ok(map.clone()),
            Some((_, at)) => Err(at.stop(format!("`{key}` is texts by name"), format!("write {key} = {{ name = \"…\" }}"))),
        }
    }

    /// A whole number that is not negative.
    pub fn whole(&self, key: &str) -> Result<Option<u64>> {
        match self.setting(key).map(|s| (&s.value, &s.at)) {
            None => Ok(None),
            Some((Value::Whole(n), _)) if *n >= 0 => Ok(Some(n.unsigned_abs())),
            Some((_, at)) => Err(at.stop(format!("`{key}` is a whole number"), format!("write {key} = 3"))),
        }
    }

    /// `Table.column`.
    pub fn side(&self, key: &str, example: &str) -> Result<Side> {
        let text = self.required(key, example)?;
        let parts = text.split_once('.').filter(|(t, c)| !t.is_empty() && !c.is_empty());
        let (table, column) = parts
            .ok_or_else(|| self.at(key).stop(format!("`{key}` names a table and a column"), format!("write it like \"{example}\"")))?;
        Ok(Side { table: table.to_owned(), column: column.to_owned() })
    }

    /// Whether these tables are of many houses, so that what is compared of them is compared within each.
    pub fn by_house(&self, tables: &[&str]) -> bool {
        tables.iter().all(|table| self.housed.contains(*table))
    }

    /// A check of it, which has not run yet.
    pub fn check(&self) -> Template {
        let DeclaredCheck { name, severity, tolerance, because, .. } = self.check;
        Template { name: name.clone(), severity: *severity, tolerance: *tolerance, because: because.clone() }
    }
}

/// What all checks of a rule have in common.
#[derive(Debug, Clone)]
pub struct Template {
    /// The check's name.
    pub name: String,
    /// How grave it is when it fails.
    pub severity: Severity,
    /// The difference that is tolerated.
    pub tolerance: Decimal,
    /// Why.
    pub because: Option<String>,
}

impl Template {
    /// A check in a group.
    pub fn group(&self, group: impl Into<String>) -> Check {
        let tolerance = Some(self.tolerance.normalize().to_string());
        Check { tolerance, because: self.because.clone(), ..Check::new(&self.name, group, self.severity) }
    }

    /// A check that could not run.
    pub fn not_run(&self, group: &str, why: &str) -> Check {
        Check { explanation: Some(format!("not run: {why}")), ..self.group(group) }
    }
}

/// The rules of a job's checks; what is wrong with their settings is said with its place. `housed` are the tables whose rows are
/// of many houses.
pub fn rules(kinds: &'static [Kind], checks: &[DeclaredCheck], housed: &BTreeSet<String>) -> Result<Vec<Box<dyn Rule>>> {
    checks.iter().map(|check| rule(kinds, check, housed)).collect()
}

fn rule(kinds: &'static [Kind], check: &DeclaredCheck, housed: &BTreeSet<String>) -> Result<Box<dyn Rule>> {
    let Value::Text(name) = &check.kind.value else { return Err(Stop::usage("a check has no kind", "")) };
    let kind = kinds.iter().find(|k| k.name == name).ok_or_else(|| {
        let names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", names.join(", ")),
        };
        check.kind.at.stop(format!("there is no kind of check `{name}`"), hint)
    })?;
    if let Some((key, setting)) = check.settings.iter().find(|(key, _)| !kind.settings.contains(&key.as_str())) {
        let hint = match nearest(key, kind.settings.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{name}` knows: {}", kind.settings.join(", ")),
        };
        return Err(setting.at.stop(format!("unknown key `{key}`: the kind `{name}` has no such setting"), hint));
    }
    (kind.make)(&Declared { check, housed })
}

/// The column that says of which house a row is.
pub(super) const HOUSE: &str = "house";

/// How many operands of a group are kept; sums are over all.
pub(super) const OPERANDS: usize = 200;

/// Keeps an operand, as long as there are few.
pub(super) fn keep(operands: &mut Vec<Operand>, operand: impl FnOnce() -> Operand) {
    if operands.len() < OPERANDS {
        operands.push(operand());
    }
}

/// The texts of a row that make its group, as one, without making a new text where one column does.
pub(super) fn raw_group<'r>(row: &Cells<'r>, from: usize, columns: usize) -> Cow<'r, str> {
    let mut parts = (from..from + columns).map(|n| row.get(n));
    if columns == 1 {
        return parts.next().flatten().map_or(Cow::Borrowed(NONE), escaped);
    }
    let parts: Vec<Cow<'_, str>> = parts.map(|part| part.map_or(Cow::Borrowed(NONE), escaped)).collect();
    Cow::Owned(parts.join(BETWEEN))
}

/// Stands for NULL in a raw group.
const NONE: &str = "\u{0}";
/// Stands between the columns of a raw group.
const BETWEEN: &str = "\u{1f}";
/// Stands before one of these where it is a value's own.
const OWN: &str = "\u{1b}";

/// A text in which nothing can be taken for [`NONE`] or [`BETWEEN`].
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{0}', '\u{1f}', '\u{1b}']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(OWN, "\u{1b}2").replace(NONE, "\u{1b}0").replace(BETWEEN, "\u{1b}1"))
}

fn unescaped(text: &str) -> String {
    text.replace("\u{1b}1", BETWEEN).replace("\u{1b}0", NONE).replace("\u{1b}2", OWN)
}

/// The text of a raw group's first column.
pub(super) fn first_of(raw: &str) -> &str {
    raw.split(BETWEEN).next().unwrap_or_default()
}

/// The name of a raw group. Two groups have one name only where they mean the same.
pub(super) fn name_of(raw: &str) -> String {
    let parts: Vec<Option<String>> = raw.split(BETWEEN).map(|part| (part != NONE).then(|| unescaped(part))).collect();
    let alone = parts.len() == 1;
    let texts = parts.iter().map(|part| part.as_deref().map_or("none".to_owned(), |text| spoken_value(text, alone)));
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_different_values_have_different_names() {
        let name = |parts: &[Option<&str>]| {
            let texts: Vec<Cow<'_, str>> = parts.iter().map(|p| p.map_or(Cow::Borrowed(NONE), escaped)).collect();
            name_of(&texts.join(BETWEEN))
        };
        let groups: [&[Option<&str>]; 18] = [
            &[Some("a, b"), Some("c")],
            &[Some("a"), Some("b, c")],
            &[Some("\"a, b\""), Some("c")],
            &[Some("a\u{1f}b"), Some("c")],
            &[Some("a"), Some("b\u{1f}c")],
            &[Some("a"), Some("b"), Some("c")],
            &[Some("a\u{1b}1b"), Some("c")],
            &[Some("a\u{1b}2b"), Some("c")],
            &[None, Some("c")],
            &[Some("none"), Some("c")],
            &[Some("\u{0}"), Some("c")],
            &[None],
            &[Some("none")],
            &[Some("\"none\"")],
            &[Some("")],
            &[Some("\"\"")],
            &[Some("a\u{1f}b")],
            &[Some("a"), Some("b")],
        ];
        let names: BTreeSet<String> = groups.iter().map(|g| name(g)).collect();
        assert_eq!(names.len(), groups.len(), "{names:?}");
        assert_eq!(name(&[Some("2025-02-01"), Some("Ek, Åsa"), None]), "2025-02, \"Ek, Åsa\", none");
        assert_eq!(name(&[Some("Ek, Åsa")]), "Ek, Åsa");
    }
}
