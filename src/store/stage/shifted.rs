//! Rows of the database that no file states, and that say all the same as a row of the files but for the day or month of their key.

use super::Stage;
use crate::error::Result;
use crate::store::shape::ShapeColumn;
use crate::store::{ByKey, LISTED, Store, Texts, quote};
use crate::table::{Column, Kind, Role};

/// The most rows of the database that are looked at one by one.
const LOOKED_AT: usize = 10_000;

/// A column that is compared: its place in the stage, what it is to the merge, its shape.
type Compared<'s> = (usize, &'s Column, &'s ShapeColumn);

fn dated(column: &Column) -> bool {
    column.role == Role::Key && column.kind == Kind::Date
}

fn is_key(of: &Compared<'_>) -> bool {
    of.1.role == Role::Key
}

impl Stage<'_> {
    /// Such rows: the recorded key of the row of the files, and the key of the row that stands there, as texts. The rows of the files are
    /// staged; or, where `stale` gives the recorded keys of all other rows of the table, they stand there.
    pub fn shifted(&self, store: &mut Store, stale: Option<&[String]>) -> Result<Vec<(String, Texts)>> {
        let compared: Vec<Compared<'_>> = self.with(&[Role::Key, Role::Data]).collect();
        // With one value to compare, much is the same by nature: a fee stays for years.
        let comparable = compared.iter().filter(|of| !is_key(of)).count() >= 2;
        if !comparable || compared.iter().filter(|(_, c, _)| dated(c)).count() != 1 {
            return Ok(Vec::new());
        }
        let unstated = match stale {
            Some(stale) => self.put_aside(store, stale, &compared)?,
            None => self.put_unstated_aside(store, &compared)?,
        };
        if !unstated {
            return Ok(Vec::new());
        }
        // Many rows are looked up among few: SQLite does it by an index, PostgreSQL, which has none for long texts, by their hashes.
        if !store.is_postgres() {
            let others = compared.iter().filter(|(_, c, _)| !dated(c)).map(|(_, c, _)| quote(&c.name)).collect::<Vec<_>>().join(", ");
            store.execute(&format!("CREATE INDEX tieout_unstated_values ON tieout_unstated ({others})"))?;
        }
        store.execute("ANALYZE tieout_unstated")?;
        let found = if stale.is_some() { self.alike_held(store, &compared) } else { self.alike_staged(store, &compared) }?;
        store.execute("DROP TABLE tieout_unstated")?;
        Ok(found)
    }

    /// Puts the rows with these keys into a table of their own; whether there are any.
    fn put_aside(&self, store: &mut Store, keys: &[String], compared: &[Compared<'_>]) -> Result<bool> {
        let columns: Vec<String> = compared.iter().map(|(_, c, _)| quote(&c.name)).collect();
        store.execute(&format!("CREATE TEMP TABLE tieout_unstated AS SELECT {} FROM {} LIMIT 0", columns.join(", "), self.target()))?;
        let by_key = ByKey::of(store, self.table)?;
        keys.iter().try_for_each(|key| by_key.copy(store, key, &columns, "tieout_unstated"))?;
        Ok(true)
    }

    /// Puts the rows that are not staged into a table of their own; whether there are any, and not too many.
    fn put_unstated_aside(&self, store: &mut Store, compared: &[Compared<'_>]) -> Result<bool> {
        let counted = |rows: Vec<Texts>| rows.first().and_then(|r| r[0].as_deref()?.parse::<usize>().ok()).unwrap_or_default();
        let held = counted(store.select(&["count(*)"], &format!("FROM {}", self.target()), &[])?);
        let known = counted(store.select(&["count(*)"], "FROM tieout_stage WHERE act IS NULL OR act <> 'insert'", &[])?);
        if held <= known || held - known > LOOKED_AT {
            return Ok(false);
        }
        let keys: Vec<String> = compared.iter().filter(|of| is_key(of)).map(|(at, ..)| format!("v{at}")).collect();
        let columns: Vec<String> = compared.iter().map(|(_, c, _)| quote(&c.name)).collect();
        store.execute(&format!(
            "CREATE INDEX tieout_stage_values ON tieout_stage ({}); \
             CREATE TEMP TABLE tieout_unstated AS SELECT {} FROM {} t WHERE NOT EXISTS (SELECT 1 FROM tieout_stage s WHERE {})",
            keys.join(", "),
            columns.join(", "),
            self.target(),
            self.same_key(store.dialect())
        ))?;
        Ok(true)
    }

    /// The rows put aside and the staged ones that are alike.
    fn alike_staged(&self, store: &mut Store, compared: &[Compared<'_>]) -> Result<Vec<(String, Texts)>> {
        let dialect = store.dialect();
        let alike = alike(store, compared, |at, _| self.staged(dialect, at));
        let keys = compared.iter().filter(|of| is_key(of)).map(|(_, c, _)| format!("t.{}", quote(&c.name)));
        let expressions: Vec<String> = std::iter::once("s.key".to_owned()).chain(keys).collect();
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let from = format!("FROM tieout_stage s CROSS JOIN tieout_unstated t WHERE {alike} ORDER BY s.seq LIMIT {LISTED}");
        let rows = store.select(&expressions, &from, &[])?;
        Ok(rows.into_iter().map(|mut row| (row.remove(0).unwrap_or_default(), row)).collect())
    }

    /// The rows put aside and the others of the table that are alike.
    fn alike_held(&self, store: &mut Store, compared: &[Compared<'_>]) -> Result<Vec<(String, Texts)>> {
        let dialect = store.dialect();
        let alike = alike(store, compared, |_, c| format!("s.{}", quote(&c.name)));
        let keys: Vec<&Compared<'_>> = compared.iter().filter(|of| is_key(of)).collect();
        let of = |side: &str| keys.iter().map(|(_, c, _)| format!("{side}.{}", quote(&c.name))).collect::<Vec<_>>();
        let same = of("o").into_iter().zip(of("s")).zip(&keys).map(|((o, s), (.., shape))| dialect.same(&o, &s, shape));
        let from = format!(
            "FROM {} s CROSS JOIN tieout_unstated t WHERE {alike} AND NOT EXISTS (SELECT 1 FROM tieout_unstated o WHERE {}) ORDER BY {} LIMIT {LISTED}",
            self.target(),
            same.collect::<Vec<_>>().join(" AND "),
            of("s").join(", ")
        );
        let expressions = [of("s"), of("t")].concat();
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let rows = store.select(&expressions, &from, &[])?;
        let recorded = |texts: Texts| {
            let canonical: Texts = keys.iter().zip(texts).map(|((_, c, _), text)| text.map(|t| c.kind.canonical(&t))).collect();
            serde_json::to_string(&canonical).unwrap_or_default()
        };
        Ok(rows
            .into_iter()
            .map(|mut row| {
                let held = row.split_off(keys.len());
                (recorded(row), held)
            })
            .collect())
    }
}

/// That the row `t`, put aside, says the same as `s` but for its day; `of` is a column of `s`.
fn alike(store: &Store, compared: &[Compared<'_>], of: impl Fn(usize, &Column) -> String) -> String {
    let dialect = store.dialect();
    let parts = compared.iter().map(|(at, column, shape)| {
        let (held, stated) = (format!("t.{}", quote(&column.name)), of(*at, column));
        if dated(column) { dialect.distinct(&held, &stated) } else { dialect.same(&held, &stated, shape) }
    });
    parts.collect::<Vec<_>>().join(" AND ")
}
