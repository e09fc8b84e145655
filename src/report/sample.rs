//! Samples: rows of a run drawn at random by a seed, the same from either database. Every report has one, small enough to be compared
//! with the sources by hand.

use crate::digest::sha256_bytes;
use crate::error::Result;
use crate::store::{Revision, Store};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many rows the sample of a report has, and the seed that draws them: those of `tieout report RUN --sample 20`.
const ROWS: usize = 20;
/// See [`ROWS`].
const SEED: &str = "1";

/// The sample in the account of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sampled {
    /// The seed.
    pub seed: String,
    /// How many rows the run wrote or found standing.
    pub of: usize,
    /// The rows, in the order in which they were drawn.
    pub rows: Vec<SampledRow>,
}

/// A row of the sample. The line of its source is among the quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledRow {
    /// The table.
    pub table: String,
    /// The row's natural key, as recorded.
    pub key: String,
    /// What was imported, by column.
    pub values: BTreeMap<String, Option<String>>,
    /// The file it comes from; `None` where no single file states it.
    pub path: Option<String>,
    /// Line.
    pub line: Option<usize>,
    /// Column.
    pub column: Option<usize>,
    /// What it was derived from.
    pub derived: Option<String>,
}

/// The rows whose ranks come first.
struct Drawn<'s> {
    n: usize,
    seed: &'s str,
    of: usize,
    first: BTreeSet<([u8; 32], i64)>,
}

impl Drawn<'_> {
    fn row(&mut self, change: i64, table: &str, key: &str) {
        self.of += 1;
        self.keep((sha256_bytes([self.seed, "\n", table, "\n", key]), change));
    }

    fn keep(&mut self, row: ([u8; 32], i64)) {
        if self.first.len() < self.n || self.first.last().is_some_and(|last| row < *last) {
            self.first.insert(row);
            if self.first.len() > self.n {
                self.first.pop_last();
            }
        }
    }
}

/// Draws `n` rows of a run, in the order of the draw, and says of how many: those whose table and key, hashed with the seed, come
/// first.
pub fn draw(store: &mut Store, run: i64, n: usize, seed: &str) -> Result<(Vec<Revision>, usize)> {
    let mut drawn = Drawn { n, seed, of: 0, first: BTreeSet::new() };
    store.rows_of_run(run, |change, table, key| {
        drawn.row(change, table, key);
        Ok(())
    })?;
    let look = |rows: &mut dyn Iterator<Item = (i64, &str, &str)>| {
        let mut drawn = Drawn { n, seed, of: 0, first: BTreeSet::new() };
        rows.for_each(|(change, table, key)| drawn.row(change, table, key));
        drawn
    };
    store.packed_of_run(run, look, |of_block| {
        drawn.of += of_block.of;
        of_block.first.into_iter().for_each(|row| drawn.keep(row));
    })?;
    let (drawn, of) = (drawn.first, drawn.of);
    let order: Vec<i64> = drawn.into_iter().map(|(_, change)| change).collect();
    let mut rows = store.revisions_numbered(&order)?;
    rows.sort_by_key(|row| order.iter().position(|change| *change == row.change));
    Ok((rows, of))
}

/// The sample of a run's report.
pub(super) fn sampled(store: &mut Store, run: i64) -> Result<Sampled> {
    let (rows, of) = draw(store, run, ROWS, SEED)?;
    let row = |r: Revision| SampledRow {
        values: r.after.as_deref().map(super::rows::members).unwrap_or_default(),
        table: r.table,
        key: r.key,
        path: r.path,
        line: r.line,
        column: r.column,
        derived: r.derived,
    };
    Ok(Sampled { seed: SEED.to_owned(), of, rows: rows.into_iter().map(row).collect() })
}
