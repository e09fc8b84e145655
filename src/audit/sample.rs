//! Samples: rows of a run drawn at random by a seed, the same from either database, each with the source's text beside it.

use super::trace::Sources;
use crate::error::{Result, Stop};
use crate::report::draw;
use crate::store::{Revision, Store};
use serde::Serialize;

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

/// Draws `n` rows of a run, and quotes their sources.
pub fn sample(store: &mut Store, run: i64, n: usize, seed: &str, sources: &Sources<'_>) -> Result<Sample> {
    let (mut rows, of) = draw(store, run, n, seed)?;
    if of == 0 {
        return Err(Stop::usage(format!("run {run} wrote no row to draw from"), "`tieout history` shows which runs did"));
    }
    let order: Vec<i64> = rows.iter().map(|row| row.change).collect();
    // By file, so that each is read once; then in the order of the draw.
    rows.sort_by(|a, b| (&a.path, a.change).cmp(&(&b.path, b.change)));
    sources.quote(store, &mut rows)?;
    rows.sort_by_key(|row| order.iter().position(|change| *change == row.change));
    Ok(Sample { run, seed: seed.to_owned(), of, rows })
}
