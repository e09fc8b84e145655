//! What stands around a run: server, rights, triggers, views, orphans, other sessions. Only asked here; what it means for a run
//! is decided in `preflight`.

use super::own::OWN_STEPS;
use super::shape::texts;
use super::{Store, quote};
use crate::error::Result;

/// A PostgreSQL server, and who we are there.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its version as a number, 150013.
    pub number: u32,
    /// Its version as people say it.
    pub version: String,
    /// The role that we are.
    pub role: String,
    /// The schema that new tables come into, where there is one.
    pub schema: Option<String>,
    /// Whether it only follows another server.
    pub standby: bool,
    /// Whether transactions are read-only unless they say otherwise.
    pub read_only: bool,
    /// How the connection is encrypted.
    pub tls: Option<String>,
    /// Whether it is on another machine.
    pub remote: bool,
    /// Bytes of the database.
    pub size: u64,
    /// Whether we may make temporary tables.
    pub temporary: bool,
    /// Whether we may make tables in the schema.
    pub create: bool,
}

/// What we may do with a table of PostgreSQL's.
#[derive(Debug, Clone)]
pub struct Rights {
    /// The table.
    pub table: String,
    /// Of SELECT, INSERT, UPDATE and DELETE: which we have.
    pub may: [bool; 4],
    /// Of SELECT, INSERT and UPDATE: which we have for some columns at least.
    pub in_part: [bool; 3],
    /// Whether we own it.
    pub owner: bool,
    /// Whether its policies hide rows from us.
    pub policies: bool,
    /// Sequences of its columns that we may not use.
    pub sequences: String,
}

/// Rows whose foreign key points to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// The table with the rows.
    pub table: String,
    /// The columns of the key.
    pub columns: String,
    /// The table that they point to.
    pub parent: String,
    /// How many there are.
    pub count: usize,
    /// The first ten values.
    pub values: Vec<String>,
}

/// Another session of PostgreSQL's that a run may have to wait for.
#[derive(Debug, Clone)]
pub struct Session {
    /// The server's number of it.
    pub pid: String,
    /// What it calls itself, and who it is.
    pub who: String,
    /// Since when its transaction is open.
    pub since: String,
    /// The tables on which it holds locks that we would need; empty for one that is only old.
    pub tables: String,
}

/// So many values of orphans are read.
const FIRST: usize = 10;

/// The tables that were asked for, as PostgreSQL knows them.
const ASKED: &str = "(SELECT to_regclass(quote_ident(name)) FROM jsonb_array_elements_text($1::jsonb) AS n(name))";

impl Store {
    /// The PostgreSQL server, in one question.
    pub fn server(&mut self) -> Result<Server> {
        let schema = "current_schema()";
        let expressions = [
            "current_setting('server_version_num')",
            "current_setting('server_version')",
            "current_user",
            schema,
            "pg_is_in_recovery()",
            "current_setting('default_transaction_read_only')",
            "(SELECT version || ', ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)",
            "coalesce(NOT (inet_client_addr() = inet_server_addr() OR inet_client_addr() <<= '127.0.0.0/8' OR host(inet_client_addr()) = '::1'), false)",
            "pg_database_size(current_database())",
            "has_database_privilege(current_database(), 'TEMPORARY')",
            "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)",
        ];
        let mut row = self.select(&expressions, "", &[])?.into_iter().next().unwrap_or_default();
        let (schema, tls) = (row.get_mut(3).and_then(Option::take), row.get_mut(6).and_then(Option::take));
        let [number, version, role, _, standby, read_only, _, remote, size, temporary, create] = texts(row);
        Ok(Server {
            number: number.parse().unwrap_or_default(),
            version: version.split_whitespace().next().unwrap_or_default().to_owned(),
            role,
            schema,
            standby: standby == "true",
            read_only: read_only == "on",
            tls,
            remote: remote == "true",
            size: size.parse().unwrap_or_default(),
            temporary: temporary == "true",
            create: create == "true",
        })
    }

    /// What we may do with each of the tables that are there, and with our own; PostgreSQL.
    pub fn rights(&mut self, tables: &[&str]) -> Result<Vec<Rights>> {
        let may = |what: &str| format!("has_table_privilege(c.oid, '{what}')");
        let part = |what: &str| format!("has_any_column_privilege(c.oid, '{what}')");
        let mut expressions = vec!["c.relname".to_owned()];
        expressions.extend(["SELECT", "INSERT", "UPDATE", "DELETE"].map(may));
        expressions.extend(["SELECT", "INSERT", "UPDATE"].map(part));
        expressions.extend(["pg_has_role(c.relowner, 'USAGE')".to_owned(), "row_security_active(c.oid)".to_owned()]);
        expressions.push(
            "(SELECT string_agg(s.relname, ', ' ORDER BY s.relname) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid \
             WHERE d.refobjid = c.oid AND d.deptype = 'a' AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END)"
                .to_owned(),
        );
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let from = format!(
            "FROM pg_class c WHERE c.relkind IN ('r', 'p') AND (c.oid IN {ASKED} OR c.relname LIKE 'tieout\\_%' AND pg_table_is_visible(c.oid)) \
             ORDER BY c.relname"
        );
        let rows = self.select(&expressions, &from, &[Some(&listed(tables))])?;
        let read = |row| {
            let [table, s, i, u, d, ps, pi, pu, owner, policies, sequences] = texts(row);
            let yes = |text: String| text == "true";
            let (may, in_part) = ([s, i, u, d].map(yes), [ps, pi, pu].map(yes));
            Rights { table, may, in_part, owner: yes(owner), policies: yes(policies), sequences }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Whether all of our own tables are there, in the shape of this version.
    pub fn own_tables_stand(&mut self) -> Result<bool> {
        let made = self.own_steps()?;
        Ok(OWN_STEPS.iter().all(|step| made.contains(step.0)))
    }

    /// Triggers and rules of the user's that act when the tables are written to: table and name.
    pub fn reactions(&mut self, tables: &[&str]) -> Result<Vec<(String, String)>> {
        let (expressions, from) = if self.is_postgres() {
            let triggers =
                format!("SELECT tgrelid, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgrelid IN {ASKED}");
            let rules = format!("SELECT ev_class, rulename FROM pg_rewrite WHERE ev_type <> '1' AND ev_class IN {ASKED}");
            (
                ["c.relname", "x.name"],
                format!("FROM ({triggers} UNION ALL {rules}) x (of, name) JOIN pg_class c ON c.oid = x.of ORDER BY 1"),
            )
        } else {
            let from =
                "FROM sqlite_master WHERE type = 'trigger' AND tbl_name COLLATE NOCASE IN (SELECT value FROM json_each($1)) ORDER BY 1";
            (["tbl_name", "name"], from.to_owned())
        };
        self.pairs(&expressions, &from, tables)
    }

    /// Views that show the tables: table and view, with `materialized ` before one that shows what once was.
    pub fn views_of(&mut self, tables: &[&str]) -> Result<Vec<(String, String)>> {
        if self.is_postgres() {
            let from = format!(
                "FROM (SELECT DISTINCT c.relname AS of, CASE v.relkind WHEN 'm' THEN 'materialized ' ELSE '' END || v.relname AS name \
                 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass JOIN pg_class v ON v.oid = r.ev_class \
                 JOIN pg_class c ON c.oid = d.refobjid WHERE d.refclassid = 'pg_class'::regclass AND c.oid IN {ASKED} \
                 AND v.relkind IN ('v', 'm') AND v.oid <> c.oid) x ORDER BY 1"
            );
            return self.pairs(&["of", "name"], &from, tables);
        }
        let mut found = Vec::new();
        for row in self.select(&["name", "sql"], "FROM sqlite_master WHERE type = 'view' ORDER BY name", &[])? {
            let [view, sql] = texts(row);
            let words: Vec<&str> = sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let shown = tables.iter().filter(|table| words.iter().any(|word| word.eq_ignore_ascii_case(table)));
            found.extend(shown.map(|table| ((*table).to_owned(), view.clone())));
        }
        Ok(found)
    }

    fn pairs(&mut self, expressions: &[&str], from: &str, tables: &[&str]) -> Result<Vec<(String, String)>> {
        let rows = self.select(expressions, from, &[Some(&listed(tables))])?;
        Ok(rows.into_iter().map(|row| texts::<2>(row).into()).collect())
    }

    /// Sessions of PostgreSQL's that hold locks on the tables which keep us out (when we write, or only read), and those whose
    /// transaction is older than so many seconds.
    pub fn others(&mut self, tables: &[&str], writes: bool, seconds: u32) -> Result<Vec<Session>> {
        let modes = "('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";
        let modes = if writes { modes } else { "('AccessExclusiveLock')" };
        let held = format!(
            "(SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
             WHERE l.pid = a.pid AND l.granted AND l.mode IN {modes} AND l.relation IN {ASKED})"
        );
        let from = format!(
            "FROM (SELECT a.*, {held} AS held FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
             AND a.backend_type = 'client backend') x WHERE held IS NOT NULL OR xact_start < now() - CAST($2 AS INTEGER) * interval '1 second' \
             ORDER BY xact_start, pid LIMIT 20"
        );
        let who = "coalesce(nullif(application_name, ''), 'a program without a name') || ' of ' || coalesce(usename, '?') || coalesce(' from ' || host(client_addr), '')";
        let since = "to_char(coalesce(xact_start, backend_start), 'YYYY-MM-DD HH24:MI:SS UTC')";
        let rows = self.select(&["pid", who, since, "held"], &from, &[Some(&listed(tables)), Some(&seconds.to_string())])?;
        let read = |row| {
            let [pid, who, since, tables] = texts(row);
            Session { pid, who, since, tables }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// The journal mode of an SQLite database, and whether another program is reading or writing it at this moment.
    pub fn journal(&mut self) -> Result<(String, bool)> {
        let mode = self.select(&["journal_mode"], "FROM pragma_journal_mode", &[])?;
        let [mode] = texts(mode.into_iter().next().unwrap_or_default());
        self.execute("PRAGMA busy_timeout = 100")?;
        let free = self.execute("BEGIN EXCLUSIVE").and_then(|()| self.execute("ROLLBACK"));
        self.execute("PRAGMA busy_timeout = 5000")?;
        match free {
            Ok(()) => Ok((mode, false)),
            Err(stop) if stop.message.contains("locked") => Ok((mode, true)),
            Err(stop) => Err(stop),
        }
    }

    /// Rows whose foreign key points to nothing: in SQLite of these tables, or of all where none is named; in PostgreSQL of
    /// every key that was never validated, as the server sees to the others.
    pub fn orphans(&mut self, tables: &[&str]) -> Result<Vec<Orphans>> {
        if !self.is_postgres() {
            return self.sqlite_orphans(tables);
        }
        self.execute("SET statement_timeout = '5s'")?;
        let found = self.postgres_orphans();
        self.execute("RESET statement_timeout")?;
        found
    }

    fn sqlite_orphans(&mut self, tables: &[&str]) -> Result<Vec<Orphans>> {
        let mut found = Vec::new();
        let from = if tables.is_empty() { "pragma_foreign_key_check" } else { "json_each($1) n, pragma_foreign_key_check(n.value)" };
        let from = format!("FROM (SELECT \"table\" AS child, parent, fkid, count(*) AS n FROM {from} GROUP BY 1, 2, 3)");
        let list = listed(tables);
        let binds = [Some(list.as_str())];
        let binds = if tables.is_empty() { &binds[..0] } else { &binds[..] };
        for row in self.select(&["child", "parent", "fkid", "n"], &from, binds)? {
            let [table, parent, key, count] = texts(row);
            let columns = self.select(
                &["\"from\""],
                "FROM pragma_foreign_key_list($1) WHERE id = CAST($2 AS INTEGER) ORDER BY seq",
                &[Some(&table), Some(&key)],
            )?;
            let columns: Vec<String> = columns.into_iter().map(|row| texts::<1>(row).concat()).collect();
            let quoted: Vec<String> = columns.iter().map(|c| quote(c)).collect();
            let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
            let from = format!(
                "FROM {} WHERE rowid IN (SELECT rowid FROM pragma_foreign_key_check($1) WHERE fkid = CAST($2 AS INTEGER) LIMIT {FIRST})",
                quote(&table)
            );
            // A table without row numbers says how many, and not which.
            let values = self.select(&quoted, &from, &[Some(&table), Some(&key)]).unwrap_or_default();
            let (columns, count) = (columns.join(", "), count.parse().unwrap_or_default());
            found.push(Orphans { table, columns, parent, count, values: values.into_iter().map(said).collect() });
        }
        Ok(found)
    }

    fn postgres_orphans(&mut self) -> Result<Vec<Orphans>> {
        let names = |of: &str, key: &str| {
            format!(
                "(SELECT json_agg(a.attname ORDER BY k.n) FROM unnest({key}) WITH ORDINALITY k (attnum, n) \
                 JOIN pg_attribute a ON a.attrelid = {of} AND a.attnum = k.attnum)"
            )
        };
        let (own, theirs) = (names("conrelid", "conkey"), names("confrelid", "confkey"));
        let from = "FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND conparentid = 0 ORDER BY conname LIMIT 20";
        let mut found = Vec::new();
        for row in self.select(&["conrelid::regclass", "confrelid::regclass", &own, &theirs], from, &[])? {
            let [table, parent, own, theirs] = texts(row);
            let [own, theirs]: [Vec<String>; 2] = [own, theirs].map(|list| serde_json::from_str(&list).unwrap_or_default());
            let filled: Vec<String> = own.iter().map(|c| format!("c.{} IS NOT NULL", quote(c))).collect();
            let equal: Vec<String> = own.iter().zip(&theirs).map(|(c, p)| format!("p.{} = c.{}", quote(p), quote(c))).collect();
            let mut expressions = vec!["count(*) OVER ()".to_owned()];
            expressions.extend(own.iter().map(|c| format!("c.{}", quote(c))));
            let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
            // The server wrote the tables' names, quoted where they need it.
            let from = format!(
                "FROM {table} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {}) LIMIT {FIRST}",
                filled.join(" AND "),
                equal.join(" AND ")
            );
            let mut rows = self.select(&expressions, &from, &[])?;
            let count = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or_default();
            rows.iter_mut().for_each(|row| drop(row.remove(0)));
            if count > 0 {
                found.push(Orphans { table, columns: own.join(", "), parent, count, values: rows.into_iter().map(said).collect() });
            }
        }
        Ok(found)
    }
}

/// Names as one value to bind.
fn listed(tables: &[&str]) -> String {
    serde_json::to_string(tables).unwrap_or_default()
}

/// The values of a key, as one text.
fn said(row: super::Texts) -> String {
    row.into_iter().map(|value| value.unwrap_or_else(|| "empty".into())).collect::<Vec<_>>().join(", ")
}
