//! That every row arrives: each file's in the stage, each of the stage's in the table, and comes back from there as it was stated.

use super::{Load, said};
use crate::error::Result;
use crate::evidence::{Check, Finding, Severity, Status, Subject};
use crate::store::{Alike, Stage, Store};
use std::collections::BTreeMap;

impl Load<'_> {
    /// The files of which not as many rows reached the stage, or are alike, as they state; gives how many files.
    pub(super) fn lost(&mut self, store: &mut Store, stage: &Stage<'_>, alike: &Alike) -> Result<usize> {
        let staged = stage.by_file(store)?;
        let files = self.run.files.iter().zip(self.of.paths).zip(self.of.stated).enumerate();
        let came = |at: usize, id: &i64| staged.get(id).copied().unwrap_or_default() + alike.by_file.get(&at).copied().unwrap_or_default();
        let pairs = files.filter_map(|(at, ((id, path), stated))| Some((path, (*stated)?, came(at, id))));
        let before = self.findings.len();
        for (path, stated, staged) in pairs.filter(|(_, stated, staged)| stated != staged) {
            let message = format!("{path} states {stated} rows for the table {}, and {staged} reached it", self.table.name);
            let hint = "where a program reads the file, it must say the same each time; else this is a fault of tieout: report it";
            let finding = Finding::new(Severity::Error, Subject::File, "conservation", message, hint);
            self.findings.push(finding.about(path));
        }
        Ok(self.findings.len() - before)
    }

    /// Every staged row again, from the database: it must hold exactly what the file says. Of those expected so many are alike already.
    pub(super) fn read_back(
        &mut self,
        store: &mut Store,
        stage: &Stage<'_>,
        check: &mut Check,
        expected: usize,
        alike: usize,
    ) -> Result<()> {
        let (mut seen, mut equal) = (alike, alike);
        let mut wrong: BTreeMap<i64, String> = BTreeMap::new();
        let stages = &mut self.stages;
        stage.read_back(store, |seq, columns| {
            seen += 1;
            stages.pair(columns);
            let differs = columns.iter().find(|(c, staged, held)| {
                staged != held && staged.as_deref().map(|t| c.kind.canonical(t)) != held.as_deref().map(|t| c.kind.canonical(t))
            });
            match differs {
                None => equal += 1,
                Some((column, staged, held)) => {
                    let words = format!("gives {} back for {}, where {} was written", said(held), column.name, said(staged));
                    wrong.insert(seq, words);
                }
            }
            Ok(())
        })?;
        for row in stage.numbered(store, &wrong.keys().copied().collect::<Vec<_>>())? {
            let message = format!("the {}: the database {}", self.spoken(&row.key), wrong[&row.seq]);
            let hint = "the column's type cannot hold the value exactly; give it a wider type";
            let finding = self.finding(Severity::Error, Subject::Check, "read-back", &row, message, hint);
            self.findings.push(finding);
        }
        given_back(check, expected, equal);
        if seen != expected {
            check.status = Status::Difference;
        }
        Ok(())
    }
}

/// Says in the check how many rows the database gives back exactly.
pub(super) fn given_back(check: &mut Check, expected: usize, equal: usize) {
    check.expected = Some(expected.to_string());
    check.actual = Some(equal.to_string());
    check.difference = Some((equal as i64 - expected as i64).to_string());
    check.status = if equal == expected { Status::Match } else { Status::Difference };
    check.explanation = Some("rows of the files that the database gives back exactly".into());
}
