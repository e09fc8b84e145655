//! What shape a series of migration steps gives: they are tried in a place that is thrown away.

use super::{Shape, Store};
use crate::error::Result;

/// The shape after each of the steps, applied one after the other to nothing, as far as they work there: a step may need
/// tables that only the app has. On PostgreSQL this needs an open transaction and leaves no trace in it; on SQLite it
/// happens in memory.
pub fn shapes_after(store: &mut Store, steps: &[Vec<&str>]) -> Result<Vec<Shape>> {
    if !store.is_postgres() {
        let mut scratch = Store::in_memory()?;
        scratch.execute("PRAGMA foreign_keys = OFF")?;
        return Ok(each_shape(&mut scratch, steps));
    }
    store.execute("SAVEPOINT tieout_scratch; CREATE SCHEMA tieout_scratch; SET LOCAL search_path = tieout_scratch")?;
    let shapes = each_shape(store, steps);
    store.execute("ROLLBACK TO SAVEPOINT tieout_scratch; RELEASE SAVEPOINT tieout_scratch")?;
    Ok(shapes)
}

fn each_shape(store: &mut Store, steps: &[Vec<&str>]) -> Vec<Shape> {
    let mut tried = |step: &Vec<&str>| {
        for sql in step {
            // What is made beside other work is the same thing; only beside nothing can it be tried.
            let sql = sql.replacen(" CONCURRENTLY ", " ", 1).replacen(" concurrently ", " ", 1);
            store.execute(&sql)?;
        }
        store.shape()
    };
    steps.iter().map_while(|step| tried(step).ok()).collect()
}
