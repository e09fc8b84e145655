//! The three-way comparison: what we imported last, what the file says now, what the database holds now. What somebody settled
//! of earlier conflicts holds as long as both sides stay as they were.

use super::{Load, differences, said};
use crate::error::Result;
use crate::evidence::{Dispute, Severity, Subject};
use crate::store::{Accepted, Act, Decision, Disputed, Stage, Staged, Store};
use crate::table::{Column, Role};
use std::collections::BTreeMap;

impl Load<'_> {
    /// Rows that we wrote and somebody took away since. Where that was settled, the file's row is written again, or stays away.
    pub(super) fn gone(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let gone = stage.mark_new(store)?;
        let (mut decisions, mut conflicts, mut away) = (Vec::new(), 0, Vec::new());
        for row in &gone {
            let value = Disputed { key: row.key.clone(), column: "*".into(), file: Some(row.content.clone()), database: None };
            match self.settled.get(&value) {
                Some(Accepted::File) => continue,
                Some(Accepted::Database) => {
                    away.push(row.seq);
                    continue;
                }
                None => conflicts += 1,
            }
            let run = row.last_run.as_deref().unwrap_or("?");
            let message = format!(
                "the {} was imported by run {run} and is no longer in the table {}: somebody deleted it",
                self.spoken(&row.key),
                self.table.name
            );
            let hint = "put the row back, or take it out of the file too; or settle it with `tieout resolve`";
            let mut finding = self.finding(Severity::Error, Subject::Check, "conflict", row, message, hint);
            finding.dispute = Some(self.dispute(row, value, row.last.clone()));
            self.findings.push(finding);
            decisions.push(Decision { seq: row.seq, act: Act::Conflict, before: None });
        }
        stage.decide(store, &decisions)?;
        self.left_away = away.len();
        stage.remove(store, &away)?;
        Ok(conflicts)
    }

    fn dispute(&self, row: &Staged, value: Disputed, imported: Option<String>) -> Dispute {
        Dispute {
            table: self.table.name.to_string(),
            key: value.key,
            column: value.column,
            file: value.file,
            imported,
            imported_by: row.last_run.clone(),
            database: value.database,
        }
    }

    /// The three-way comparison of every row that is not as the file says.
    pub(super) fn differing(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let mut decisions = Vec::new();
        let mut conflicts = 0;
        for row in stage.differing(store)? {
            let columns = self.table.with(&[Role::Key, Role::Data]);
            let held: Vec<(&Column, Option<String>)> =
                columns.zip(&row.target).map(|((_, c), text)| (c, text.as_deref().map(|t| c.kind.canonical(t)))).collect();
            let before = serde_json::Value::Object(held.iter().map(|(c, v)| (c.name.to_string(), v.clone().into())).collect()).to_string();
            let changes = differences(self.table, &before, &row.content);
            let last: Option<BTreeMap<String, Option<String>>> = row.last.as_deref().and_then(|l| serde_json::from_str(l).ok());
            let settled = |c: &str, held: &Option<String>, file: &Option<String>| {
                let value = Disputed { key: row.key.clone(), column: c.to_owned(), file: file.clone(), database: held.clone() };
                self.settled.get(&value).copied()
            };
            // Where the database's side holds, its value takes the place of the file's.
            let (kept, changes): (Vec<_>, Vec<_>) =
                changes.into_iter().partition(|(c, held, file)| settled(c, held, file) == Some(Accepted::Database));
            stage.keep(store, row.seq, &kept.iter().map(|(c, held, _)| (*c, held.as_deref())).collect::<Vec<_>>())?;
            let is_foreign = |c: &str, held: &Option<String>| last.as_ref().and_then(|l| l.get(c)) != Some(held);
            let foreign: Vec<_> =
                changes.iter().filter(|(c, held, file)| is_foreign(c, held) && settled(c, held, file).is_none()).cloned().collect();
            let act = match (changes.is_empty(), foreign.is_empty()) {
                (true, _) => Act::Same,
                (false, true) => Act::Update,
                (false, false) => Act::Conflict,
            };
            for (column, held, file) in &foreign {
                let imported = last.as_ref().and_then(|l| l.get(*column));
                let since = match (imported, &row.last_run) {
                    (Some(value), Some(run)) => format!("run {run} imported {}, so somebody changed it since", said(value)),
                    _ => "no import of ours wrote it".to_owned(),
                };
                let message = format!(
                    "the {}: {column} is {} in the database and {} in the file; {since}",
                    self.spoken(&row.key),
                    said(held),
                    said(file)
                );
                let hint = "find out which is right; correct the file or the database, or settle it with `tieout resolve`, and run again";
                let mut finding = self.finding(Severity::Error, Subject::Check, "conflict", &row, message, hint);
                let value = Disputed { key: row.key.clone(), column: (*column).to_owned(), file: file.clone(), database: held.clone() };
                finding.dispute = Some(self.dispute(&row, value, imported.cloned().flatten()));
                self.findings.push(finding);
            }
            if act == Act::Update {
                let words: Vec<String> = changes.iter().map(|(c, held, file)| format!("{c} {} → {}", said(held), said(file))).collect();
                let message = format!("the {} is revised: {}", self.spoken(&row.key), words.join("; "));
                let finding =
                    self.finding(Severity::Info, Subject::Check, "revision", &row, message, "before and after are kept in tieout_change");
                self.findings.push(finding);
            }
            conflicts += usize::from(act == Act::Conflict);
            decisions.push(Decision { seq: row.seq, act, before: Some(before) });
        }
        stage.decide(store, &decisions)?;
        Ok(conflicts)
    }
}
