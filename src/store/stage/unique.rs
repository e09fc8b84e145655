//! The unique keys of a table beside the natural one: who holds what a staged row wants, and in which order rows come to it.

use super::{Stage, Staged};
use crate::error::Result;
use crate::store::{Store, quote};
use crate::table::Role;
use std::collections::BTreeMap;

/// A staged row that wants what another row holds, and a table allows only once.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The row.
    pub row: Staged,
    /// The columns of the unique key.
    pub columns: String,
    /// The natural key of the row that holds it, as it would be recorded.
    pub holder: String,
}

impl Stage<'_> {
    /// The new and changed rows that want what a row holds which no file states: it would keep it.
    pub fn taken(&self, store: &mut Store) -> Result<Vec<Wanted>> {
        let stays = format!("NOT EXISTS (SELECT 1 FROM tieout_stage o WHERE {})", self.same_key_as(store.dialect(), "o"));
        self.wanted(store, "s.act IN ('insert', 'update')", &stays)
    }

    /// The changed rows that still want what another changed row holds: each waits for the other.
    pub fn waiting(&self, store: &mut Store) -> Result<Vec<Wanted>> {
        self.wanted(store, "s.act = 'update'", "1 = 1")
    }

    fn wanted(&self, store: &mut Store, who: &str, and: &str) -> Result<Vec<Wanted>> {
        let dialect = store.dialect();
        let mut found = Vec::new();
        for key in &self.unique {
            let from = format!(
                "FROM tieout_stage s {} JOIN {} t ON {} WHERE {who} AND NOT ({}) AND {and} ORDER BY s.seq LIMIT 1000",
                super::questions::WITHOUT_LAST,
                self.target(),
                self.held(dialect, key),
                self.same_key(dialect)
            );
            let columns = key.iter().map(|at| self.used[*at].1.name.to_string()).collect::<Vec<_>>().join(", ");
            for row in self.rows(store, &from, true)? {
                let texts = self.with(&[Role::Key, Role::Data]).zip(&row.target);
                let parts: BTreeMap<&str, Option<String>> =
                    texts.map(|((_, c, _), text)| (&*c.name, text.as_deref().map(|t| c.kind.canonical(t)))).collect();
                let holder: Vec<&Option<String>> = self.table.with(&[Role::Key]).filter_map(|(_, c)| parts.get(&*c.name)).collect();
                found.push(Wanted { holder: serde_json::to_string(&holder).unwrap_or_default(), columns: columns.clone(), row });
            }
        }
        Ok(found)
    }

    /// `t` holds what `s` wants.
    fn held(&self, dialect: crate::store::dialect::Dialect, key: &[usize]) -> String {
        let parts = key.iter().map(|at| format!("t.{} = {}", quote(&self.used[*at].1.name), self.staged(dialect, *at)));
        parts.collect::<Vec<_>>().join(" AND ")
    }

    /// Whether the table has unique keys beside the natural one.
    pub(super) fn has_unique(&self) -> bool {
        !self.unique.is_empty()
    }

    /// Updates in rounds, each of the rows whose wanted values nobody holds (any more); gives how many. Those that are left want what
    /// each other holds, see [`Stage::waiting`].
    pub(super) fn update_in_rounds(&self, store: &mut Store, update: &str) -> Result<usize> {
        let dialect = store.dialect();
        let free: Vec<String> = self
            .unique
            .iter()
            .map(|key| {
                let (held, other) = (self.held(dialect, key), self.same_key(dialect));
                format!("NOT EXISTS (SELECT 1 FROM {} t WHERE {held} AND NOT ({other}))", self.target())
            })
            .collect();
        let mut updated = 0;
        loop {
            let next = format!("UPDATE tieout_stage AS s SET act = 'next' WHERE s.act = 'update' AND {}", free.join(" AND "));
            if store.change(&next, &[])? == 0 {
                break;
            }
            updated += store.change(update, &[])?;
            store.execute("UPDATE tieout_stage SET act = 'updated' WHERE act = 'next'")?;
        }
        Ok(updated)
    }
}
