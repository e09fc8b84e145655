//! A large first load without the stage: rows go straight into the empty table, and are read back from it as a whole. Whatever is not
//! as it should be then is undone, and the stage is asked, which knows row by row what is wrong.

use super::read_back::given_back;
use super::{Load, Totals, totals};
use crate::error::Result;
use crate::evidence::{Check, Subject};
use crate::store::{Run, Stage, Store};
use crate::table::{Role, Row};

impl Load<'_> {
    /// Writes the rows so, where that may be; how many. `None` where nothing is written and the stage is to be asked.
    pub(super) fn straight<I: Iterator<Item = Result<Row>>>(
        &mut self,
        store: &mut Store,
        stage: &Stage<'_>,
        rows: &(impl Fn() -> I + Sync),
        run: &Run<'_>,
        check: &mut Check,
    ) -> Result<Option<usize>> {
        if !stage.may_go_straight(store, self.of.expected, run)? {
            return Ok(None);
        }
        store.execute("SAVEPOINT tieout_straight")?;
        let written = match self.written(store, stage, rows, run) {
            // Of a row that cannot be read the stage has nothing else to say.
            Ok(written) => written,
            Err(stop) if stop.subject == Subject::Database => None,
            Err(stop) => return Err(stop),
        };
        let Some((stated, counted, back)) = written else {
            store.execute("ROLLBACK TO SAVEPOINT tieout_straight; RELEASE SAVEPOINT tieout_straight")?;
            return Ok(None);
        };
        store.execute("RELEASE SAVEPOINT tieout_straight")?;
        let rows = counted.rows;
        (self.stages.stated, self.stages.counted, self.stages.read_back) = (stated, Some(counted), Some(back));
        given_back(check, rows, rows);
        Ok(Some(rows))
    }

    /// What the files state, what counts of it, and what the table gives back; `None` where these are not the same.
    fn written<I: Iterator<Item = Result<Row>>>(
        &self,
        store: &mut Store,
        stage: &Stage<'_>,
        rows: &(impl Fn() -> I + Sync),
        run: &Run<'_>,
    ) -> Result<Option<(Totals, Totals, Totals)>> {
        let aside = store.set_indexes_aside(&self.table.name)?;
        let held: Vec<_> = stage.held_columns().collect();
        let compared: Vec<bool> = held.iter().map(|(_, c)| c.role != Role::InsertOnly).collect();
        let mut stated = Totals::of(totals::numbers(self.table));
        // Totals over what is compared ever after, and over all that was written.
        let (mut counted, mut all) = (stated.clone(), Totals::default());
        let more = compared.contains(&false);
        let mut count = |row: &Row, counted: &mut Totals| {
            let texts = || held.iter().map(|(at, column)| (*column, row.values[*at].as_deref()));
            let of = || texts().zip(&compared).filter(|(_, compared)| **compared).map(|(pair, _)| pair);
            counted.canonical_row(of());
            if more {
                all.canonical_row(texts());
            }
        };
        let Some(straight) = stage.go_straight(store, rows, self.of.expected, run, |row| count(row, &mut counted))? else {
            return Ok(None);
        };
        (stated.rows, stated.sums) = (counted.rows, counted.sums.clone());
        let lost = self.of.stated.iter().enumerate().any(|(at, n)| n.is_some_and(|n| straight.by_file.get(&at).copied().unwrap_or(0) != n));
        if lost {
            return Ok(None);
        }
        store.bring_indexes_back(aside)?;
        let (mut back, mut all_back) = (Totals::of(totals::numbers(self.table)), Totals::default());
        stage.each_held(store, |line| {
            let texts = || held.iter().enumerate().map(|(at, (_, column))| (*column, line.get(at)));
            let of = || texts().zip(&compared).filter(|(_, compared)| **compared).map(|(pair, _)| pair);
            back.row(of());
            if more {
                all_back.row(texts());
            }
        })?;
        let same = counted == back && all == all_back && straight.rows == back.rows;
        Ok((same && stage.keys_are_unique(store)?).then_some((stated, counted, back)))
    }
}
