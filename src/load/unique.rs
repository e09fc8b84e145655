//! Values that a table allows only once and that change hands: the row that no file states gives way where the job has such rows
//! taken away; else it is said which rows want the same.

use super::stale::Deleting;
use super::{Load, Totals};
use crate::error::Result;
use crate::evidence::{Severity, Subject};
use crate::store::{Stage, Store, Wanted};

impl Load<'_> {
    /// Rows that two claim: one of the files, and one that is stale or somebody else's. Takes stale ones away where that is
    /// asked for; gives how many rows of the files do not get what they want, and how many went.
    pub(super) fn contested(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<(usize, usize)> {
        let (mut refused, mut gone) = (0, Totals::default());
        let taken = stage.taken(store)?;
        if taken.is_empty() {
            return Ok((0, 0));
        }
        let deleting = Deleting::of(store, self.table, self.run)?;
        for wanted in taken {
            let stale = if self.run.take_away && !self.run.dry { store.take_noted(&self.table.name, &wanted.holder)? } else { None };
            if let Some(stale) = stale {
                let before = gone.rows;
                self.findings.extend(deleting.row(store, &stale, &mut gone)?);
                if gone.rows > before {
                    continue;
                }
            }
            refused += 1;
            let words = "which no file states and which keeps it";
            let hint = "if that row is to go, say `on_stale = \"delete\"` in the job or delete it; else give one of the two another value";
            self.push_contested(&wanted, words, hint);
        }
        Ok((refused, gone.rows))
    }

    /// Changed rows that want what each other holds: no order of single changes leads there.
    pub(super) fn exchanged(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let waiting = stage.waiting(store)?;
        for wanted in &waiting {
            let words = "which is to have another one in the same run: the database allows it only once at any moment";
            let hint = "let one of the rows have a third value in the files for one run; the next run can give it the right one";
            self.push_contested(wanted, words, hint);
        }
        Ok(waiting.len())
    }

    fn push_contested(&mut self, wanted: &Wanted, words: &str, hint: &str) {
        let message = format!(
            "the {} wants the same {} as the {}, {words}",
            self.spoken(&wanted.row.key),
            wanted.columns,
            self.spoken(&wanted.holder)
        );
        let finding = self.finding(Severity::Error, Subject::Check, "not-unique", &wanted.row, message, hint);
        self.findings.push(finding);
    }
}
