//! Samples: rows of a run drawn at random by a seed, the same from either database, each with the source's text beside it.

use super::quotes::rank;
use super::trace::Sources;
use crate::error::{Result, Stop};
use crate::store::{Revision, Store};
use serde::Serialize;
use std::collections::BTreeSet;

/// A sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The run.
    pub run: i64,
    /// The seed.
    pub seed: String,
    /// How many rows the run wrote or found standing.
    pub of: usize,
    /// The rows, in the order in which they were drawn.
    pub rows: Vec<Revision>,
}

/// Draws `n` rows of a run: those whose table and key, hashed with the seed, come first.
pub fn sample(store: &mut Store, run: i64, n: usize, seed: &str, sources: &Sources<'_>) -> Result<Sample> {
    let mut drawn: BTreeSet<(String, i64)> = BTreeSet::new();
    let mut of = 0;
    store.rows_of_run(run, |change, table, key| {
        of += 1;
        let rank = rank(seed, table, key);
        if drawn.len() < n || drawn.last().is_some_and(|(last, _)| rank < *last) {
            drawn.insert((rank, change));
            if drawn.len() > n {
                drawn.pop_last();
            }
        }
        Ok(())
    })?;
    if of == 0 {
        return Err(Stop::usage(format!("run {run} wrote no row to draw from"), "`tieout history` shows which runs did"));
    }
    let order: Vec<i64> = drawn.into_iter().map(|(_, change)| change).collect();
    // By file, so that each is read once; then in the order of the draw.
    let mut rows = store.revisions_numbered(&order)?;
    rows.sort_by(|a, b| (&a.path, a.change).cmp(&(&b.path, b.change)));
    sources.quote(store, &mut rows)?;
    rows.sort_by_key(|row| order.iter().position(|change| *change == row.change));
    Ok(Sample { run, seed: seed.to_owned(), of, rows })
}
