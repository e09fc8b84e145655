//! Samples: rows of a run drawn at random by a seed, the same from either database. Every report has one, small enough to be compared
//! with the sources by hand.

use crate::digest::sha256;
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

/// Draws `n` rows of a run, in the order of the draw, and says of how many: those whose table and key, hashed with the seed, come
/// first.
pub fn draw(store: &mut Store, run: i64, n: usize, seed: &str) -> Result<(Vec<Revision>, usize)> {
    let mut drawn: BTreeSet<(String, i64)> = BTreeSet::new();
    let mut of = 0;
    store.rows_of_run(run, |change, table, key| {
        of += 1;
        let rank = sha256(format!("{seed}\n{table}\n{key}"));
        if drawn.len() < n || drawn.last().is_some_and(|(last, _)| rank < *last) {
            drawn.insert((rank, change));
            if drawn.len() > n {
                drawn.pop_last();
            }
        }
        Ok(())
    })?;
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
