//! What is asked before a run's rows are undone, and after: whether they are as the run left them, and nobody needs them.

use super::Undoing;
use crate::error::Result;
use crate::store::references::Reference;
use crate::store::{Store, Texts, quote};

/// Rows that keep a run from being undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The row, by its natural key as recorded.
    pub key: String,
    /// A later run that wrote it, how many rows refer to it, or which columns are taken.
    pub what: String,
}

/// How many rows of a kind are named; more are only counted.
const LISTED: usize = 1000;

impl Undoing {
    /// Rows that a later run of ours wrote again, with the last of these runs. They are left out of the questions below.
    pub fn later(&self, store: &mut Store) -> Result<(Vec<Refused>, usize)> {
        let sql = format!(
            "UPDATE {} AS u SET later = (SELECT max(o.run_id) FROM tieout_change o WHERE o.table_name = $1 AND o.row_key = u.row_key \
             AND o.id > u.id AND o.undone_by IS NULL AND o.operation <> 'adopt')",
            self.temporary
        );
        store.change(&sql, &[Some(&self.table)])?;
        self.listed(store, "u.later", &format!("FROM {} u WHERE u.later IS NOT NULL ORDER BY u.id", self.temporary))
    }

    /// Rows that the run wrote and that are gone.
    pub fn gone(&self, store: &mut Store) -> Result<(Vec<Refused>, usize)> {
        let from = format!(
            "FROM {} u WHERE u.op <> 'delete' AND u.later IS NULL AND NOT EXISTS (SELECT 1 FROM {} t WHERE {}) ORDER BY u.id",
            self.temporary,
            self.target(),
            self.same("t", "u", store.dialect())
        );
        self.listed(store, "''", &from)
    }

    /// Rows that the run wrote and that are no longer as it left them, in any column. A column that came since counts for a row
    /// that will be deleted, where there is something in it.
    pub fn touched(&self, store: &mut Store) -> Result<(Vec<Refused>, usize)> {
        let dialect = store.dialect();
        let added: String = self.added.iter().map(|name| format!(" OR (u.op = 'insert' AND t.{} IS NOT NULL)", quote(name))).collect();
        let from = format!(
            "FROM {} u JOIN {} t ON {} WHERE u.op <> 'delete' AND u.later IS NULL AND ({}{added}) ORDER BY u.id",
            self.temporary,
            self.target(),
            self.same("t", "u", dialect),
            dialect.distinct(&dialect.digest(&self.image("t", dialect)), "u.left_digest")
        );
        self.listed(store, "''", &from)
    }

    /// Rows that are to come back, and whose key another row has taken since: the natural one, or another unique one.
    pub fn taken(&self, store: &mut Store) -> Result<(Vec<Refused>, usize)> {
        let dialect = store.dialect();
        let ours = format!("EXISTS (SELECT 1 FROM {} o WHERE o.op <> 'delete' AND {})", self.temporary, self.same("t", "o", dialect));
        let natural: Vec<&str> = self.keys.iter().map(|(_, shape)| shape.name.as_str()).collect();
        let mut keys = vec![("u.op = 'delete'", natural.join(", "), self.same("t", "u", dialect))];
        for unique in &self.unique {
            let names: Vec<&str> = unique.iter().map(|at| self.columns[*at].name.as_str()).collect();
            let equal: Vec<String> = unique
                .iter()
                .map(|at| format!("t.{} = {}", quote(&self.columns[*at].name), dialect.value("u.row_before", *at, &self.columns[*at])))
                .collect();
            keys.push(("u.op <> 'insert'", names.join(", "), equal.join(" AND ")));
        }
        let (mut refused, mut count) = (Vec::<Refused>::new(), 0);
        for (which, names, equal) in keys {
            let from = format!(
                "FROM {} u WHERE {which} AND u.later IS NULL AND EXISTS (SELECT 1 FROM {} t WHERE {equal} AND NOT {ours}) ORDER BY u.id",
                self.temporary,
                self.target()
            );
            let (found, _) = self.listed(store, "''", &from)?;
            for row in found.into_iter().filter(|row| refused.iter().all(|r| r.key != row.key)).collect::<Vec<_>>() {
                count += 1;
                refused.push(Refused { what: names.clone(), ..row });
            }
        }
        Ok((refused, count))
    }

    /// Rows to delete to which others refer by a foreign key, but those that the run wrote itself; and how many do. `child` is
    /// what the run did to the table that refers.
    pub fn referred(&self, store: &mut Store, by: &Reference, child: Option<&Undoing>) -> Result<(Vec<Refused>, usize)> {
        let dialect = store.dialect();
        let pairs: Vec<String> = by.columns.iter().map(|(from, to)| format!("c.{} = t.{}", quote(from), quote(to))).collect();
        let but = child.map_or(String::new(), |child| {
            let same = child.same("c", "o", dialect);
            format!(" AND NOT EXISTS (SELECT 1 FROM {} o WHERE o.op <> 'delete' AND {same})", child.temporary)
        });
        let from = format!(
            "FROM {} u JOIN {} t ON {} JOIN {} c ON {} WHERE u.op = 'insert'{but} GROUP BY u.id, u.row_key ORDER BY u.id",
            self.temporary,
            self.target(),
            self.same("t", "u", dialect),
            by.from_sql,
            pairs.join(" AND ")
        );
        self.listed(store, "count(*)", &from)
    }

    /// Rows that are to come back and refer by a foreign key to a row that is gone. `parent` is what the run did to the table that
    /// they refer to.
    pub fn orphaned(&self, store: &mut Store, to: &Reference, parent: Option<&Undoing>) -> Result<(Vec<Refused>, usize)> {
        let dialect = store.dialect();
        let at = |columns: &[super::ShapeColumn], name: &str| columns.iter().position(|c| c.name == name);
        let (mut filled, mut stands, mut returns) = (Vec::new(), Vec::new(), Vec::new());
        for (from, column) in &to.columns {
            let Some(here) = at(&self.columns, from) else { return Ok((Vec::new(), 0)) };
            let value = dialect.value("u.row_before", here, &self.columns[here]);
            if let Some((parent, there)) = parent.and_then(|p| Some((p, at(&p.columns, column)?))) {
                returns.push(format!("{} = {value}", dialect.value("o.row_before", there, &parent.columns[there])));
            }
            stands.push(format!("p.{} = {value}", quote(column)));
            filled.push(format!("{value} IS NOT NULL"));
        }
        let returns = match parent {
            Some(parent) if returns.len() == to.columns.len() => {
                let equal = returns.join(" AND ");
                format!(" AND NOT EXISTS (SELECT 1 FROM {} o WHERE o.op <> 'insert' AND {equal})", parent.temporary)
            }
            _ => String::new(),
        };
        let from = format!(
            "FROM {} u WHERE u.op <> 'insert' AND u.later IS NULL AND {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {}){returns} ORDER BY u.id",
            self.temporary,
            filled.join(" AND "),
            quote(&to.to),
            stands.join(" AND ")
        );
        self.listed(store, "''", &from)
    }

    /// Rows that are not as they were before the run, though everything was undone: a trigger or rule of the database meddles.
    pub fn unlike_before(&self, store: &mut Store) -> Result<(Vec<Refused>, usize)> {
        let dialect = store.dialect();
        let (target, same) = (self.target(), self.same("t", "u", dialect));
        let from = format!(
            "FROM {} u WHERE (u.op = 'insert') = EXISTS (SELECT 1 FROM {target} t WHERE {same} AND (u.op = 'insert' OR {} = u.row_before)) ORDER BY u.id",
            self.temporary,
            self.image("t", dialect)
        );
        self.listed(store, "''", &from)
    }

    fn listed(&self, store: &mut Store, what: &str, from: &str) -> Result<(Vec<Refused>, usize)> {
        let (mut found, mut count) = (Vec::new(), 0);
        store.for_each(&["u.row_key", what], from, &[], |row: Texts| {
            count += 1;
            if found.len() < LISTED {
                let mut row = row.into_iter().map(Option::unwrap_or_default);
                found.push(Refused { key: row.next().unwrap_or_default(), what: row.next().unwrap_or_default() });
            }
            Ok(())
        })?;
        Ok((found, count))
    }
}
