//! What shape a series of migration steps gives: they are tried in a place that is thrown away.

use super::connection::AnyConnection;
use super::{Shape, Store, quote};
use crate::error::{Result, Stop};
use diesel::{Connection, PgConnection};

/// What became of steps that were tried.
#[derive(Debug)]
pub struct Tried {
    /// The shape after each of them, as far as they work where there is nothing.
    pub shapes: Vec<Shape>,
    /// Why the next one does not, where there is one.
    pub why: Option<String>,
}

/// The shape after each of the steps, applied one after the other to nothing, as far as they work there: a step may need
/// tables that only the app has. SQLite does it in memory. PostgreSQL does it in a database of its own, which is dropped
/// again; where the role may not create one, in a schema within the open transaction, where names with a schema cannot be tried.
pub fn shapes_after(store: &mut Store, steps: &[Vec<&str>]) -> Result<Tried> {
    if !store.is_postgres() {
        let mut scratch = Store::in_memory()?;
        scratch.execute("PRAGMA foreign_keys = OFF")?;
        return Ok(each_shape(&mut scratch, steps, true));
    }
    match Scratch::make(store, steps) {
        Ok(mut scratch) => {
            scratch.store.begin()?;
            Ok(each_shape(&mut scratch.store, steps, true))
        }
        Err(refused) => {
            let made = store.execute("SAVEPOINT tieout_scratch; CREATE SCHEMA tieout_scratch; SET LOCAL search_path = tieout_scratch");
            made.map_err(|stop| {
                let message = format!("the steps cannot be tried, so that nobody knows which stand: {}; {}", refused.message, stop.message);
                Stop::database(message, "let the role create a database for that (ALTER ROLE … CREATEDB)")
            })?;
            let tried = each_shape(store, steps, false);
            store.execute("ROLLBACK TO SAVEPOINT tieout_scratch; RELEASE SAVEPOINT tieout_scratch")?;
            let beside = format!("; it was tried in a schema, since a database of its own could not be made: {}", refused.message);
            Ok(Tried { why: tried.why.map(|why| why + &beside), ..tried })
        }
    }
}

/// `apart`: in a database of its own.
fn each_shape(store: &mut Store, steps: &[Vec<&str>], apart: bool) -> Tried {
    let mut tried = Tried { shapes: Vec::new(), why: None };
    for step in steps {
        match shape_after(store, step, apart) {
            Ok(shape) => tried.shapes.push(shape),
            Err(stop) => {
                tried.why = Some(stop.message);
                break;
            }
        }
    }
    tried
}

fn shape_after(store: &mut Store, step: &[&str], apart: bool) -> Result<Shape> {
    for sql in step.iter().filter(|sql| !is_of_the_server(sql)) {
        store.execute(&at_once(sql))?;
        // What was added to an enumeration can be used when it is committed. All else is not, so that nothing that belongs
        // to the whole server stays.
        if apart && store.is_postgres() && sql.to_lowercase().contains("add value") {
            store.commit()?;
            store.begin()?;
        }
    }
    if apart {
        store.end_script(false)?;
        if store.is_postgres() {
            // A fresh database knows nothing of its own size, and takes small questions for large ones.
            store.execute("SET jit = off")?;
        }
    }
    store.shape()
}

/// What is made beside other work is the same thing; only beside nothing can it be tried.
pub(super) fn at_once(sql: &str) -> String {
    sql.replacen(" CONCURRENTLY ", " ", 1).replacen(" concurrently ", " ", 1)
}

/// Roles and the like belong to the whole server, where the step that made them has done so long ago.
fn is_of_the_server(sql: &str) -> bool {
    let mut words = sql.split_whitespace().map(str::to_uppercase);
    let first = words.next().unwrap_or_default();
    let of = ["ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION"];
    first == "VACUUM" || ["CREATE", "ALTER", "DROP"].contains(&first.as_str()) && words.next().is_some_and(|w| of.contains(&w.as_str()))
}

/// A database that is made to try steps in, and dropped with this.
struct Scratch {
    /// Connected to it.
    store: Store,
    /// Connected to the database beside which it was made.
    beside: Store,
    name: String,
}

/// How its name begins.
const PREFIX: &str = "tieout_scratch_";

impl Scratch {
    fn make(store: &mut Store, steps: &[Vec<&str>]) -> Result<Scratch> {
        let url = store.url.clone().unwrap_or_default();
        let mut beside = connected(&url)?;
        sweep(&mut beside)?;
        let one = |rows: Vec<super::Texts>| rows.into_iter().next().and_then(|mut row| row[0].take()).unwrap_or_default();
        let name = one(beside.select(&["$1 || pg_backend_pid() || '_' || extract(epoch FROM now())::bigint"], "", &[Some(PREFIX)])?);
        let alike = "format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype)";
        let alike = one(beside.select(&[alike], "FROM pg_database WHERE datname = current_database()", &[])?);
        beside.execute(&format!("CREATE DATABASE {} TEMPLATE template0 {alike}", quote(&name)))?;
        let sign = if url.contains('?') { '&' } else { '?' };
        let mut scratch = match connected(&format!("{url}{sign}dbname={name}")) {
            Ok(store) => Scratch { store, beside, name },
            Err(stop) => {
                drop_database(&mut beside, &name);
                return Err(stop);
            }
        };
        // What the steps find there and do not make: the schema that names without one belong to, and extensions.
        let schemas = "FROM unnest(current_schemas(false)) s WHERE s <> 'public'";
        let extensions = "FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY e.oid";
        let mut found = scratch.beside.select(&["format('CREATE SCHEMA IF NOT EXISTS %I', s)"], schemas, &[])?;
        let make = "format('CREATE SCHEMA IF NOT EXISTS %I; CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', n.nspname, e.extname, n.nspname)";
        let all = scratch.beside.select(&[make, "e.extname"], extensions, &[])?;
        let made: String = steps.iter().flatten().filter(|sql| sql.to_lowercase().contains("create extension")).copied().collect();
        found.extend(all.into_iter().filter(|row| row[1].as_ref().is_some_and(|name| !made.contains(name))));
        for mut row in found {
            // Where one cannot be made, the step that needs it says so.
            let _ = scratch.store.execute(&row[0].take().unwrap_or_default());
        }
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Ok(nothing) = Store::in_memory() {
            self.store = nothing; // Nobody may be connected to a database that is dropped.
        }
        drop_database(&mut self.beside, &self.name);
    }
}

fn connected(url: &str) -> Result<Store> {
    let connection = PgConnection::establish(url).map_err(|e| Stop::database(e.to_string(), ""))?;
    let mut store = Store { connection: AnyConnection::Postgres(connection), url: None, files: None };
    store.set_session()?;
    Ok(store)
}

fn drop_database(beside: &mut Store, name: &str) {
    let _ = beside.execute(&format!("DROP DATABASE IF EXISTS {}", quote(name)));
}

/// Drops what a killed run left: such a database that is an hour old and nobody is connected to.
fn sweep(beside: &mut Store) -> Result<()> {
    let left = "FROM pg_database d WHERE d.datname ~ ('^' || $1 || '[0-9]+_[0-9]+$') AND pg_get_userbyid(d.datdba) = current_user \
                AND split_part(d.datname, '_', 4)::bigint < extract(epoch FROM now()) - 3600 \
                AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datid = d.oid)";
    for mut row in beside.select(&["d.datname"], left, &[Some(PREFIX)])? {
        drop_database(beside, &row[0].take().unwrap_or_default());
    }
    Ok(())
}
