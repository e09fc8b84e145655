//! A test's database of either kind: statements in, rows and whole contents out as text, never by
//! way of the program under test. Where the PostgreSQL server comes from is in `postgres.rs`.

use std::{collections::BTreeSet, error::Error, path::Path};

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow, types::Type};
use rusqlite::types::ValueRef;

use super::postgres::{connect, drop_database, fresh_database, program};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) kind: Kind,
    url: String,
}

impl Database {
    /// SQLite: the path of a file in `dir` that is not there yet, one per folder. PostgreSQL: a
    /// new, empty database.
    pub(crate) fn new(kind: Kind, dir: &Path) -> Self {
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", dir.join("target.db").display()),
            Kind::Postgres => fresh_database(),
        };
        Self { kind, url }
    }

    /// What `--database` takes.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Runs any number of statements.
    #[track_caller]
    pub(crate) fn execute(&self, sql: &str) {
        ok(self.connect(true).execute(sql), sql);
    }

    /// Runs a file as the database's own client does, in a session of its own: `psql -f`, or what `sqlite3 <` does.
    #[track_caller]
    pub(crate) fn run_file(&self, file: &Path) {
        match self.kind {
            Kind::Sqlite => {
                let sql = std::fs::read_to_string(file).unwrap();
                let sql = sql.trim_start_matches('\u{feff}');
                self.execute(&format!("PRAGMA foreign_keys = OFF; {sql}"));
            }
            Kind::Postgres => {
                self.client("psql", &["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--dbname"], Some(file));
            }
        }
    }

    /// What a program of PostgreSQL's prints; its last argument but the file is this database.
    #[track_caller]
    pub(crate) fn client(&self, name: &str, arguments: &[&str], file: Option<&Path>) -> String {
        let mut command = std::process::Command::new(program(name));
        command.args(arguments).arg(&self.url).args(file.map(|file| format!("--file={}", file.display())));
        let output = command.env("LC_ALL", "C.UTF-8").output().expect("the program starts");
        assert!(output.status.success(), "{file:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs statements on a connection that stays open as long as what comes back.
    #[track_caller]
    pub(crate) fn hold(&self, sql: &str) -> Box<dyn std::any::Any> {
        let mut connection = self.connect(true);
        ok(connection.execute(sql), sql);
        Box::new(connection)
    }

    /// What one query gives: null as `NULL`, truth as `1` and `0`, bytes as `\x…`, numbers without
    /// trailing zeros.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        ok(self.connect(false).rows(sql), sql)
    }

    /// The first value that the query gives.
    #[track_caller]
    pub(crate) fn value(&self, sql: &str) -> String {
        match self.rows(sql).first().and_then(|row| row.first()) {
            Some(value) => value.clone(),
            None => panic!("no row\n{sql}"),
        }
    }

    /// The user's tables, sorted: neither the program's own nor the database's. One outside
    /// `public` bears its schema.
    #[track_caller]
    pub(crate) fn tables(&self) -> Vec<String> {
        let columns = self.rows(self.kind.columns());
        let names: BTreeSet<_> = columns.iter().map(|column| column[0].clone()).collect();
        names.into_iter().collect()
    }

    /// Shape and contents of the user's tables, and the views, triggers, functions, types and counters
    /// beside them: the same text as long as they are the same, in whatever order columns and rows lie.
    /// Values are SQL literals: `1`, `'1'` and null differ.
    #[track_caller]
    pub(crate) fn dump(&self) -> String {
        let mut connection = self.connect(false);
        let mut query = |sql: &str| {
            let mut rows = ok(connection.rows(sql), sql);
            rows.sort();
            rows
        };
        let (columns, keys) = (query(self.kind.columns()), query(self.kind.keys()));
        let mut lines = Vec::new();
        for table in columns.chunk_by(|a, b| a[0] == b[0]) {
            let (name, from) = (&table[0][0], &table[0][1]);
            lines.push(format!("table {name}"));
            lines.extend(table.iter().map(|column| format!("  column {}", column[2])));
            let keys = keys.iter().filter(|key| key[0] == *name);
            lines.extend(keys.map(|key| format!("  {}", key[1])));
            let literals: Vec<_> = table.iter().map(|column| column[3].as_str()).collect();
            let rows = query(&format!("SELECT {} FROM {from}", literals.join(", ")));
            lines.extend(rows.iter().map(|row| format!("  row {}", row.join(", "))));
        }
        let counted = "SELECT 'sqlite_sequence' FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        if self.kind == Kind::Sqlite && !query(counted).is_empty() {
            let counters = query("SELECT name, seq FROM sqlite_sequence WHERE name NOT LIKE 'tieout!_%' ESCAPE '!'");
            lines.extend(counters.iter().map(|row| format!("counter {}", row.join(" "))));
        }
        lines.extend(query(self.kind.others()).iter().map(|row| row.join(" ")));
        lines.join("\n")
    }

    /// A connection for one call, so that no lock stays. Looking at an SQLite file that is not
    /// there does not make it.
    #[track_caller]
    fn connect(&self, create: bool) -> Connection {
        let Some(path) = self.url.strip_prefix("sqlite:") else {
            return Connection::Postgres(connect(&self.url));
        };
        let there = create || Path::new(path).exists();
        let opened = rusqlite::Connection::open(if there { path } else { ":memory:" });
        Connection::Sqlite(ok(opened, path))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.kind == Kind::Postgres {
            drop_database(&self.url);
        }
    }
}

#[track_caller]
fn ok<T, E: Into<Box<dyn Error>>>(result: Result<T, E>, sql: &str) -> T {
    match result.map_err(Into::into) {
        Ok(value) => value,
        Err(error) => match error.source() {
            Some(cause) => panic!("{error}: {cause}\n{sql}"),
            None => panic!("{error}\n{sql}"),
        },
    }
}

enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Client),
}

impl Connection {
    fn execute(&mut self, sql: &str) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql)?,
            Self::Postgres(client) => client.batch_execute(sql)?,
        }
        Ok(())
    }

    fn rows(&mut self, sql: &str) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
        Ok(match self {
            Self::Sqlite(connection) => sqlite_rows(connection, sql)?,
            Self::Postgres(client) => postgres_rows(client, sql)?,
        })
    }
}

fn sqlite_rows(connection: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    let read = |row: &rusqlite::Row| (0..width).map(|i| row.get_ref(i).map(sqlite_text)).collect();
    statement.query_map([], read)?.collect()
}

fn sqlite_text(value: ValueRef) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.iter().fold("\\x".into(), |hex, byte| format!("{hex}{byte:02x}")),
    }
}

fn postgres_rows(client: &mut Client, sql: &str) -> Result<Vec<Vec<String>>, postgres::Error> {
    let statement = client.prepare(sql)?;
    let columns = statement.columns().iter().enumerate();
    let rows = client.simple_query(sql)?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = |row: SimpleQueryRow| columns.clone().map(|(i, column)| postgres_text(row.get(i), column.type_())).collect();
    Ok(rows.map(text).collect())
}

fn postgres_text(value: Option<&str>, kind: &Type) -> String {
    match (value, kind) {
        (None, _) => "NULL",
        (Some("t"), &Type::BOOL) => "1",
        (Some("f"), &Type::BOOL) => "0",
        (Some(number), &Type::NUMERIC) if number.contains('.') => number.trim_end_matches('0').trim_end_matches('.'),
        (Some(text), _) => text,
    }
    .into()
}

/// The queries behind `tables` and `dump`.
impl Kind {
    /// Whatever is no table, with its definition.
    const fn others(self) -> &'static str {
        match self {
            Self::Sqlite => {
                r"SELECT type, name, sql FROM sqlite_schema
                WHERE type IN ('view', 'trigger') AND name NOT LIKE 'tieout!_%' ESCAPE '!'"
            }
            Self::Postgres => {
                r"WITH o (schema, name, kind, definition) AS (
                    SELECT relnamespace, relname, 'view', pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm')
                    UNION ALL
                    SELECT relnamespace, relname, 'counter', coalesce(pg_sequence_last_value(oid)::text, 'unused')
                    FROM pg_class WHERE relkind = 'S'
                    UNION ALL
                    SELECT t.relnamespace, t.relname, 'trigger', pg_get_triggerdef(g.oid)
                    FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
                    UNION ALL
                    SELECT pronamespace, proname, 'function', pg_get_functiondef(oid) FROM pg_proc WHERE prokind IN ('f', 'p')
                    UNION ALL
                    SELECT typnamespace, typname, 'type',
                        (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
                    FROM pg_type t WHERE typtype = 'e')
                SELECT kind, name, definition FROM o JOIN pg_namespace n ON n.oid = o.schema
                WHERE name !~ '^tieout_' AND n.nspname !~ '^(pg_|information_schema$)'"
            }
        }
    }

    /// Table, table as SQL, column with its type, column as a literal in SQL.
    const fn columns(self) -> &'static str {
        match self {
            Self::Sqlite => {
                r#"SELECT t.name, format('"%w"', t.name),
                    c.name || ' ' || c.type || iif(c."notnull", ' NOT NULL', '')
                        || coalesce(' DEFAULT ' || c.dflt_value, '')
                        || iif(c.hidden IN (2, 3), ' GENERATED', ''),
                    format('quote("%w")', c.name)
                FROM sqlite_schema t, pragma_table_xinfo(t.name) c
                WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
                    AND t.name NOT LIKE 'tieout!_%' ESCAPE '!'"#
            }
            Self::Postgres => {
                r"SELECT concat(nullif(n.nspname, 'public') || '.', t.relname),
                    format('%I.%I', n.nspname, t.relname),
                    concat_ws(' ', c.attname, format_type(c.atttypid, c.atttypmod),
                        CASE WHEN c.attnotnull THEN 'NOT NULL' END,
                        CASE WHEN c.attgenerated <> '' THEN 'GENERATED'
                            WHEN d.oid IS NOT NULL THEN 'DEFAULT'
                            WHEN c.attidentity <> '' THEN 'IDENTITY' END,
                        pg_get_expr(d.adbin, d.adrelid)),
                    format('quote_nullable(%I::text)', c.attname)
                FROM pg_class t
                JOIN pg_namespace n ON n.oid = t.relnamespace
                JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
                LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = c.attnum
                WHERE t.relkind IN ('r', 'p') AND t.relname !~ '^tieout_'
                    AND n.nspname !~ '^(pg_|information_schema$)'"
            }
        }
    }

    /// Table, index or constraint of it.
    const fn keys(self) -> &'static str {
        match self {
            Self::Sqlite => {
                r#"WITH t AS (SELECT name FROM sqlite_schema WHERE type = 'table')
                SELECT t.name, format('%sindex %s (%s)%s', iif(i."unique", 'unique ', ''),
                    iif(i.origin = 'c', i.name, i.origin),
                    (SELECT group_concat(coalesce(k.name, 'expression') || iif(k.desc, ' DESC', ''),
                        ', ' ORDER BY k.seqno) FROM pragma_index_xinfo(i.name) k WHERE k.key),
                    iif(i.partial, substr(s.sql, instr(upper(s.sql), ' WHERE ')), ''))
                FROM t, pragma_index_list(t.name) i LEFT JOIN sqlite_schema s ON s.name = i.name
                UNION ALL
                SELECT t.name, format('primary key (%s)', group_concat(c.name, ', ' ORDER BY c.pk))
                FROM t, pragma_table_xinfo(t.name) c WHERE c.pk GROUP BY t.name
                UNION ALL
                SELECT t.name, format('foreign key (%s) to %s (%s) update %s delete %s',
                    group_concat(f."from", ', ' ORDER BY f.seq), f."table",
                    group_concat(f."to", ', ' ORDER BY f.seq), f.on_update, f.on_delete)
                FROM t, pragma_foreign_key_list(t.name) f GROUP BY t.name, f.id"#
            }
            Self::Postgres => {
                r"SELECT concat(nullif(n.nspname, 'public') || '.', t.relname), k.definition
                FROM pg_class t
                JOIN pg_namespace n ON n.oid = t.relnamespace
                JOIN (SELECT indrelid, pg_get_indexdef(indexrelid) FROM pg_index
                    UNION ALL
                    SELECT conrelid, format('constraint %I %s', conname, pg_get_constraintdef(oid))
                    FROM pg_constraint WHERE contype <> 'n') k (of, definition) ON k.of = t.oid"
            }
        }
    }
}
