//! A load into a table whose rows an earlier one packed: the files are held against its blocks line by line, and only what is
//! otherwise goes by the stage. That the rest stands in the table as the files state it is proved by totals over the whole table in
//! the end. Where anything but new, revised and stale rows is found, all is given up, and every row staged: the stage says what it is.

use super::{Counts, Load, Totals, compared, totals};
use crate::error::Result;
use crate::evidence::{Check, Severity, Subject};
use crate::store::{Alike, ByKey, Difference, LISTED, Stage, Store};
use crate::table::{Column, Role, Row};

impl Load<'_> {
    /// Loads so, where that may be; the counts, and whether rows are stale. `None` where nothing is written.
    pub(super) fn by_difference<I: Iterator<Item = Result<Row>>>(
        &mut self,
        store: &mut Store,
        stage: &Stage<'_>,
        rows: &(impl Fn() -> I + Sync),
        check: &mut Check,
    ) -> Result<Option<(Counts, bool)>> {
        // What somebody settled stands otherwise in the table than in the files.
        if !stage.is_packed() || self.run.dry || !self.run.whole || !self.settled.is_empty() {
            return Ok(None);
        }
        let mut alike = Totals::of(totals::numbers(self.table));
        let columns: Vec<(usize, &Column)> = self.table.with(&[Role::Key, Role::Data]).collect();
        let count = |row: &Row| {
            alike.canonical_row(columns.iter().map(|(i, column)| (*column, row.values[*i].as_deref())));
        };
        let Some(difference) = stage.differences(store, rows, self.run, count)? else { return Ok(None) };
        let before = (self.stages.clone(), check.clone());
        store.execute("SAVEPOINT tieout_difference")?;
        let loaded = match self.of_difference(store, stage, difference, alike, check) {
            Err(stop) if stop.subject == Subject::Database => None,
            loaded => loaded?,
        };
        if loaded.is_none() {
            store.execute("ROLLBACK TO SAVEPOINT tieout_difference")?;
            (self.stages, *check) = before;
            (self.left_away, self.findings) = (0, Vec::new());
        }
        store.execute("RELEASE SAVEPOINT tieout_difference")?;
        Ok(loaded)
    }

    fn of_difference(
        &mut self,
        store: &mut Store,
        stage: &Stage<'_>,
        difference: Difference,
        alike: Totals,
        check: &mut Check,
    ) -> Result<Option<(Counts, bool)>> {
        stage.take_out(store, &difference, self.run)?;
        let Difference { alike: Alike { rows, by_file }, rows: others, .. } = difference;
        self.stages.stated = Totals { hash: None, ..alike.clone() };
        let (counts, stale) = self.staged(store, stage, others.into_iter().map(Ok), &Alike { rows, by_file }, true, check)?;
        let odd = self.findings.iter().any(|f| f.severity == Severity::Error);
        if odd || counts.rejected + counts.duplicate + counts.deleted + self.left_away > 0 {
            return Ok(None);
        }
        let Some((staying, keys)) = self.staying(store)? else { return Ok(None) };
        let counted = alike.and(&self.stages.counted.take().unwrap_or_default());
        let (spelling, mut otherwise) = (store.spelling(self.table)?, false);
        let back = compared(store, self.table, |column, text| otherwise |= !spelling.is_ours(column, text))?.without(&staying);
        if otherwise {
            return Ok(None);
        }
        if counted != back {
            return Ok(None);
        }
        if !keys.is_empty() {
            self.shifted(store, stage, Some(&keys))?;
        }
        (self.stages.counted, self.stages.read_back) = (Some(counted), Some(back));
        Ok(Some((counts, stale)))
    }

    /// The rows of the table that no file states any more, as they stand there, and their keys; `None` where they are too many to look at.
    fn staying(&self, store: &mut Store) -> Result<Option<(Totals, Vec<String>)>> {
        let noted = store.noted(&self.table.name, i64::MAX)?;
        if noted.len() == LISTED {
            return Ok(None);
        }
        let (by_key, mut totals, mut keys) = (ByKey::of(store, self.table)?, Totals::default(), Vec::new());
        for (_, row) in noted {
            for held in by_key.standing(store, &row.key)? {
                totals.row(self.table.with(&[Role::Key, Role::Data]).map(|(_, c)| (c, held.get(&*c.name).and_then(Option::as_deref))));
            }
            keys.push(row.key);
        }
        Ok(Some((totals, keys)))
    }
}
