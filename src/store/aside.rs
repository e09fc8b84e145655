//! Indexes and unique keys of an empty table, taken away while many rows come and built again from their own definitions: in order,
//! and once.

use super::{Store, pages, quote};
use crate::error::Result;

/// What was taken away: the statements that bring it back, in order.
pub struct Aside(Vec<String>);

impl Store {
    /// Takes away what can be brought back exactly as it was, where nobody else uses the table. What cannot, stays.
    pub fn set_indexes_aside(&mut self, table: &str) -> Result<Aside> {
        self.keep_pages(pages::WRITING)?;
        if !self.is_postgres() {
            let from = "FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid";
            let mut back = Vec::new();
            for row in self.select(&["name", "sql"], from, &[Some(table)])? {
                if let [Some(name), Some(sql)] = row.as_slice() {
                    self.execute(&format!("DROP INDEX {}", quote(name)))?;
                    back.push(sql.clone());
                }
            }
            return Ok(Aside(back));
        }
        if self.attempt(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT", quote(table)))? {
            // What a definition does not say would be lost with it: comments, places, owners, statistics, marks.
            let from = "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
                 LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x') \
                 WHERE t.relname = $1 AND pg_table_is_visible(t.oid) AND pg_has_role(t.relowner, 'USAGE') AND x.relowner = t.relowner \
                 AND (k.oid IS NULL OR x.reloptions IS NULL) AND i.indisvalid AND i.indisready AND NOT i.indisreplident AND NOT i.indisclustered AND x.reltablespace = 0 \
                 AND NOT EXISTS (SELECT 1 FROM pg_description d WHERE d.objoid IN (i.indexrelid, k.oid)) \
                 AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0) \
                 AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conindid = i.indexrelid AND f.contype = 'f') \
                 AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.refobjid IN (i.indexrelid, k.oid) AND d.deptype IN ('n', 'x')) \
                 ORDER BY i.indexrelid";
            let columns = [
                "format('%I.%I', x.relnamespace::regnamespace, x.relname)",
                "pg_get_indexdef(i.indexrelid)",
                "quote_ident(k.conname)",
                "pg_get_constraintdef(k.oid)",
            ];
            let mut back = Vec::new();
            for row in self.select(&columns, from, &[Some(table)])? {
                let [name, index, constraint, definition] = super::shape::texts(row);
                let (away, again) = if constraint.is_empty() {
                    (format!("DROP INDEX {name}"), index)
                } else {
                    let alter = format!("ALTER TABLE {}", quote(table));
                    (format!("{alter} DROP CONSTRAINT {constraint}"), format!("{alter} ADD CONSTRAINT {constraint} {definition}"))
                };
                if self.attempt(&away)? {
                    back.push(again);
                }
            }
            return Ok(Aside(back));
        }
        Ok(Aside(Vec::new()))
    }

    /// Builds again what was taken away.
    pub fn bring_indexes_back(&mut self, aside: Aside) -> Result<()> {
        self.keep_pages(pages::READING)?;
        aside.0.iter().try_for_each(|sql| self.execute(sql))
    }

    /// Tries a statement; whether it went. What a failed one did is undone.
    fn attempt(&mut self, sql: &str) -> Result<bool> {
        self.execute("SAVEPOINT tieout_attempt")?;
        let went = self.execute(sql).is_ok();
        let back = if went { "" } else { "ROLLBACK TO SAVEPOINT tieout_attempt; " };
        self.execute(&format!("{back}RELEASE SAVEPOINT tieout_attempt")).map(|()| went)
    }
}
