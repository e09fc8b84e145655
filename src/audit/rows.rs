//! Every row that stands by the last word of the change log, read back from the user's tables and compared value by value.

use super::Part;
use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::store::{Accepted, Disputed, Held, Standing, StandingRow, Store, WhyNot};
use crate::table::{Kind, spoken_key};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A row that was named: table and key.
pub(super) type Named = BTreeSet<(String, String)>;

/// How many rows of a table and run are named.
const NAMED: usize = 1000;

/// Reads the rows back; `altered` are changes that are not as they were sealed, which say nothing about their rows.
pub(super) fn read_back(store: &mut Store, altered: &BTreeSet<i64>, findings: &mut Vec<Finding>) -> Result<(Part, Named)> {
    let mut part = Part::of("rows");
    let mut named = Named::new();
    for standing in store.standing()? {
        let settled = store.resolutions(&standing.job, &standing.table)?;
        let mut seen = Seen {
            standing: &standing,
            settled,
            altered,
            last: 0,
            count: 0,
            by_others: 0,
            unlisted: 0,
            findings: Vec::new(),
            named: &mut named,
        };
        let why_not = standing.read(store, |row| {
            seen.row(&row);
            Ok(())
        })?;
        let (count, by_others, unlisted) = (seen.count, seen.by_others, seen.unlisted);
        let found = std::mem::take(&mut seen.findings);
        part.count += count;
        part.failed += found.len() + unlisted;
        findings.extend(found);
        if unlisted > 0 {
            let message = format!("and {unlisted} more rows of {} that run {} wrote", standing.table, standing.run);
            findings.push(Finding::new(Severity::Error, Subject::Check, "row-changed", message, ""));
        }
        if by_others > 0 {
            part.notes.push(format!(
                "{by_others} rows of {} hold something else than run {} left in columns that no file states",
                standing.table, standing.run
            ));
        }
        if let Some(WhyNot::Unknown) = why_not {
            part.notes.push(format!(
                "not read back: {} rows of {} from run {}, which an earlier version recorded without their key",
                standing.rows, standing.table, standing.run
            ));
        } else if let Some(WhyNot::Changed(why)) = why_not {
            let message = format!("{} rows that run {} wrote cannot be read back: {why}", standing.rows, standing.run);
            findings.push(Finding::new(Severity::Error, Subject::Check, "row-missing", message, "find out what became of the table"));
            part.failed += standing.rows;
        }
    }
    Ok((part, named))
}

struct Seen<'a> {
    standing: &'a Standing,
    settled: HashMap<Disputed, Accepted>,
    altered: &'a BTreeSet<i64>,
    last: i64,
    count: usize,
    by_others: usize,
    unlisted: usize,
    findings: Vec<Finding>,
    named: &'a mut Named,
}

impl Seen<'_> {
    fn row(&mut self, row: &StandingRow) {
        if row.change == self.last {
            let message = format!("the row {} of {} stands there more than once", spoken_key(&row.key), self.standing.table);
            return self.say("row-twice", row, message);
        }
        (self.last, self.count) = (row.change, self.count + 1);
        let Some(held) = &row.held else {
            if !self.is_settled(row, "*", Some(&row.after), None) {
                let message = format!(
                    "the row {} of {}, which run {} wrote{}, is gone",
                    spoken_key(&row.key),
                    self.standing.table,
                    self.standing.run,
                    from(row)
                );
                self.say("row-missing", row, message);
            }
            return;
        };
        if row.as_left == Some(true) || self.altered.contains(&row.change) {
            return;
        }
        let after: BTreeMap<String, Option<String>> = serde_json::from_str(&row.after).unwrap_or_default();
        let mut same = true;
        for Held { column, kind, text } in held {
            let Some(imported) = after.get(column) else { continue };
            let canonical = text.as_deref().map(|t| canonical(*kind, t, imported.as_deref()));
            if canonical == *imported || self.is_settled(row, column, imported.as_deref(), canonical.as_deref()) {
                continue;
            }
            same = false;
            let said = |text: Option<&str>| text.map_or("empty".to_owned(), |t| format!("`{t}`"));
            let message = format!(
                "the row {} of {}: {column} is {}, and run {} wrote {}{}",
                spoken_key(&row.key),
                self.standing.table,
                said(canonical.as_deref()),
                self.standing.run,
                said(imported.as_deref()),
                from(row)
            );
            self.say("row-changed", row, message);
        }
        self.by_others += usize::from(same && row.as_left == Some(false));
    }

    fn is_settled(&self, row: &StandingRow, column: &str, file: Option<&str>, database: Option<&str>) -> bool {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let value = Disputed { key: row.key.clone(), column: column.to_owned(), file: own(file), database: own(database) };
        self.settled.get(&value) == Some(&Accepted::Database)
    }

    fn say(&mut self, code: &str, row: &StandingRow, message: String) {
        self.named.insert((self.standing.table.clone(), row.key.clone()));
        if self.findings.len() >= NAMED {
            self.unlisted += 1;
            return;
        }
        let hint = "somebody else changed the table: find out who and why; `tieout trace` shows the row's history";
        self.findings.push(Finding::new(Severity::Error, Subject::Check, code, message, hint));
    }
}

fn from(row: &StandingRow) -> String {
    let line = row.line.map_or(String::new(), |line| format!(":{line}"));
    row.path.as_ref().map_or(String::new(), |path| format!(" from {path}{line}"))
}

/// The canonical text of what a table holds. Where nobody recorded what the column holds, any reading that gives what was imported.
fn canonical(kind: Option<Kind>, text: &str, imported: Option<&str>) -> String {
    if let Some(kind) = kind {
        return kind.canonical(text);
    }
    let mut readings = [Kind::Number, Kind::Date, Kind::Time, Kind::Bool].iter().map(|kind| kind.canonical(text));
    readings.find(|reading| Some(reading.as_str()) == imported).unwrap_or_else(|| text.to_owned())
}
