//! What stands in a database by name, and what a statement would make: tried in a place that is thrown away.

use super::scratch::at_once;
use super::{ShapeColumn, Store, TableShape, quote};
use crate::error::{Result, Stop};
use crate::script::Object;

impl Store {
    /// Whether an object stands. Names without capitals fit however they are written.
    pub fn stands(&mut self, object: &Object) -> Result<bool> {
        let (from, binds): (&str, Vec<&str>) = match (object, self.is_postgres()) {
            (Object::Table(n), true) => {
                ("FROM pg_class WHERE relkind IN ('r', 'p', 'f') AND pg_table_is_visible(oid) AND relname IN ($1, lower($1))", vec![n])
            }
            (Object::View(n), true) => {
                ("FROM pg_class WHERE relkind IN ('v', 'm') AND pg_table_is_visible(oid) AND relname IN ($1, lower($1))", vec![n])
            }
            (Object::Index(n), true) => {
                ("FROM pg_class WHERE relkind IN ('i', 'I') AND pg_table_is_visible(oid) AND relname IN ($1, lower($1))", vec![n])
            }
            (Object::Column(t, c), true) => (
                "FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid WHERE pg_table_is_visible(t.oid) AND t.relname IN ($1, lower($1)) \
                 AND a.attname IN ($2, lower($2)) AND a.attnum > 0 AND NOT a.attisdropped",
                vec![t, c],
            ),
            (Object::Constraint(n), true) => (
                "FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE pg_table_is_visible(t.oid) AND c.conname IN ($1, lower($1))",
                vec![n],
            ),
            (Object::Type(n), true) => ("FROM pg_type WHERE pg_type_is_visible(oid) AND typname IN ($1, lower($1))", vec![n]),
            (Object::Trigger(n), true) => (
                "FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid WHERE pg_table_is_visible(t.oid) AND g.tgname IN ($1, lower($1))",
                vec![n],
            ),
            (Object::Table(n), false) => ("FROM sqlite_master WHERE type = 'table' AND name = $1 COLLATE NOCASE", vec![n]),
            (Object::View(n), false) => ("FROM sqlite_master WHERE type = 'view' AND name = $1 COLLATE NOCASE", vec![n]),
            (Object::Index(n), false) => ("FROM sqlite_master WHERE type = 'index' AND name = $1 COLLATE NOCASE", vec![n]),
            (Object::Trigger(n), false) => ("FROM sqlite_master WHERE type = 'trigger' AND name = $1 COLLATE NOCASE", vec![n]),
            (Object::Column(t, c), false) => ("FROM pragma_table_xinfo($1) WHERE name = $2 COLLATE NOCASE", vec![t, c]),
            (Object::Constraint(_) | Object::Type(_), false) => {
                return Err(Stop::database(
                    "SQLite has no constraints or types by name",
                    "ask for a table, a column, an index, a view or a trigger",
                ));
            }
        };
        let binds: Vec<Option<&str>> = binds.into_iter().map(Some).collect();
        Ok(!self.select(&["1"], from, &binds)?.is_empty())
    }

    /// The one value that a query gives, without its first word; `None` for NULL.
    pub fn scalar(&mut self, query: &str) -> Result<Option<String>> {
        let mut rows = Vec::new();
        self.ask(&format!("SELECT {query}"), |row| {
            rows.push(row.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>());
            Ok(())
        })?;
        match rows.as_mut_slice() {
            [row] if row.len() == 1 => Ok(row[0].take()),
            _ => Err(Stop::database("the query does not give exactly one value", "write it so that it does, such as `count(*) from t`")),
        }
    }

    /// The shape of the table that a statement makes.
    pub fn table_made(&mut self, statement: &str, table: &str) -> Result<Option<TableShape>> {
        self.in_scratch(&[], statement, |scratch| scratch.table_shape(table))
    }

    /// The column that a statement adds to a table.
    pub fn column_made(&mut self, statement: &str, table: &str, column: &str) -> Result<Option<ShapeColumn>> {
        let bare = format!("CREATE TABLE {} (tieout_nothing INT)", quote(table));
        let shape = self.in_scratch(&[bare], statement, |scratch| scratch.table_shape(table))?;
        Ok(shape.and_then(|s| s.columns.into_iter().find(|c| c.name.eq_ignore_ascii_case(column))))
    }

    /// What an index is that a statement makes on a table which stands.
    pub fn index_made(&mut self, statement: &str, index: &str, table: &str) -> Result<Option<String>> {
        let like = if self.is_postgres() {
            // The shape without name and place: the scratch schema comes before its own.
            format!("CREATE TABLE {0} (LIKE {0})", quote(table))
        } else {
            let sql = self.select(&["sql"], "FROM sqlite_master WHERE type = 'table' AND name = $1 COLLATE NOCASE", &[Some(table)])?;
            sql.into_iter().next().and_then(|mut row| row[0].take()).unwrap_or_default()
        };
        // What is made beside other work is the same thing; only beside nothing can it be tried.
        self.in_scratch(&[like], &at_once(statement), |scratch| scratch.index_words(index))
    }

    /// What the index of that name is: its table, its columns, its condition.
    pub fn index_words(&mut self, index: &str) -> Result<Option<String>> {
        let table = if self.is_postgres() {
            // One that was begun beside other work and did not come to its end stands, but is of no use.
            let from = "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
                        WHERE pg_table_is_visible(x.oid) AND x.relname IN ($1, lower($1))";
            let rows = self.select(&["t.relname", "i.indisvalid"], from, &[Some(index)])?;
            if rows.iter().any(|row| row[1].as_deref() == Some("false")) {
                return Ok(Some("invalid, as an interrupted CREATE INDEX CONCURRENTLY left it".into()));
            }
            rows
        } else {
            self.select(&["tbl_name"], "FROM sqlite_master WHERE type = 'index' AND name = $1 COLLATE NOCASE", &[Some(index)])?
        };
        let Some(table) = table.into_iter().next().and_then(|mut row| row[0].take()) else { return Ok(None) };
        let found = self.indexes_of(Some(&table))?.into_iter().find(|i| i.name.eq_ignore_ascii_case(index));
        Ok(found.map(|i| format!("{} on {table}", i.words)))
    }

    /// Runs a statement where it leaves no trace, behind others that prepare it, and looks at what it made; `None` where
    /// it cannot be tried there.
    fn in_scratch<T>(
        &mut self,
        before: &[String],
        statement: &str,
        look: impl FnOnce(&mut Store) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let tried = |store: &mut Store| {
            before.iter().map(String::as_str).chain([statement]).try_for_each(|sql| store.execute(sql))?;
            look(store)
        };
        if !self.is_postgres() {
            let mut scratch = Store::in_memory()?;
            scratch.execute("PRAGMA foreign_keys = OFF")?;
            return Ok(tried(&mut scratch).unwrap_or(None));
        }
        let path = self.select(&["current_setting('search_path')"], "", &[])?;
        let path = path.into_iter().next().and_then(|mut row| row[0].take()).unwrap_or_default();
        let path = if path.is_empty() { path } else { format!(", {path}") };
        self.execute("SAVEPOINT tieout_scratch")?;
        let own = match self.execute("CREATE SCHEMA tieout_scratch") {
            Ok(()) => "tieout_scratch",
            // Who may make no schema may make what is temporary.
            Err(_) => {
                self.execute("ROLLBACK TO SAVEPOINT tieout_scratch")?;
                "pg_temp"
            }
        };
        self.execute(&format!("SET LOCAL search_path = {own}{path}"))?;
        let found = tried(self);
        self.execute("ROLLBACK TO SAVEPOINT tieout_scratch; RELEASE SAVEPOINT tieout_scratch")?;
        Ok(found.unwrap_or(None))
    }

    /// Leaves the session as a script found it: settings and temporary tables are the script's own business, and the next
    /// one was written for a session of its own. Within a transaction, deferred constraints look at what was written.
    pub fn end_script(&mut self, outside: bool) -> Result<()> {
        if !self.is_postgres() {
            let temporary = "FROM sqlite_temp_master WHERE type IN ('trigger', 'table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC";
            for mut row in self.select(&["upper(type)", "name"], temporary, &[])? {
                let (kind, name) = (row[0].take().unwrap_or_default(), row[1].take().unwrap_or_default());
                self.execute(&format!("DROP {kind} IF EXISTS temp.{}", quote(&name)))?;
            }
            return self.execute(SQLITE_SCRIPT_SETTINGS);
        }
        if !outside {
            self.settle_constraints()?;
        }
        let name = self.select(&["current_setting('application_name')"], "", &[])?;
        let name = name.into_iter().next().and_then(|mut row| row[0].take()).unwrap_or_default();
        self.execute("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DISCARD TEMP")?;
        self.set_session()?;
        self.select(&["set_config('application_name', $1, false)"], "", &[Some(&name)]).map(drop)
    }
}

impl Store {
    /// Has deferred constraints look at what was written: else the next step could not alter its table. By name, since for
    /// `ALL` those that are made later count as well, and each is then deferred or not as it was made to be.
    fn settle_constraints(&mut self) -> Result<()> {
        let name = "format('%I.%I', n.nspname, c.conname)";
        let from = "FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace GROUP BY 1";
        let sets = [("bool_or(c.condeferrable)", "IMMEDIATE"), ("bool_and(c.condeferrable) AND bool_or(c.condeferred)", "DEFERRED")];
        for (which, how) in sets {
            let from = format!("FROM (SELECT {name} AS name {from} HAVING {which}) s");
            let names: Vec<String> = self.select(&["s.name"], &from, &[])?.into_iter().filter_map(|mut row| row[0].take()).collect();
            if !names.is_empty() {
                self.execute(&format!("SET CONSTRAINTS {} {how}", names.join(", ")))?;
            }
        }
        Ok(())
    }
}

/// What a script may have set on SQLite's connection, as it was.
const SQLITE_SCRIPT_SETTINGS: &str = "PRAGMA legacy_alter_table = OFF; PRAGMA defer_foreign_keys = OFF; \
    PRAGMA ignore_check_constraints = OFF; PRAGMA recursive_triggers = OFF; PRAGMA writable_schema = RESET";
