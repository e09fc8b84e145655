//! The fingerprint of a PostgreSQL database: one question for all that is defined, one for all sequences, one a table.

use super::{Content, Fingerprint, Position, Scope};
use crate::error::{Result, Stop};
use crate::store::{Store, quote};
use std::collections::BTreeMap;

/// Settings that change how a value is written, or which rows are seen, and what they must be while rows are read.
/// `row_security = off` makes a policy that hides rows an error.
const SETTINGS: [(&str, &str); 9] = [
    ("search_path", "pg_catalog"),
    ("row_security", "off"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("intervalstyle", "postgres"),
    ("datestyle", "ISO, YMD"),
    ("timezone", "UTC"),
    ("xmlbinary", "base64"),
    ("lc_monetary", "C"),
];

/// So many sequences are read by one statement.
const SEQUENCES: usize = 200;

impl Store {
    pub(super) fn postgres_fingerprint(&mut self, scope: Scope) -> Result<Fingerprint> {
        let before = SETTINGS.iter().map(|(name, _)| self.setting(name)).collect::<Result<Vec<_>>>()?;
        let read = self.settle(SETTINGS.iter().copied()).and_then(|()| self.read_all(scope));
        // In a transaction that failed this cannot be, and its rollback does it.
        let back = self.settle(SETTINGS.iter().zip(&before).map(|((name, _), value)| (*name, value.as_str())));
        read.and_then(|fingerprint| back.map(|()| fingerprint))
    }

    /// The rows of one table.
    pub(super) fn postgres_content(&mut self, table: &str) -> Result<Content> {
        self.content(&format!("FROM {} AS \"tieout row\"", quote(table)), WHOLE_ROW)
    }

    /// A setting of the session or server.
    fn setting(&mut self, name: &str) -> Result<String> {
        let row = self.select(&["current_setting($1)"], "", &[Some(name)])?;
        Ok(row.into_iter().flatten().next().flatten().unwrap_or_default())
    }

    fn settle<'s>(&mut self, settings: impl Iterator<Item = (&'s str, &'s str)>) -> Result<()> {
        for (name, value) in settings {
            self.select(&["set_config($1, $2, false)"], "", &[Some(name), Some(value)])?;
        }
        Ok(())
    }

    fn read_all(&mut self, scope: Scope) -> Result<Fingerprint> {
        let ours = if scope == Scope::Users { "tieout\\_%" } else { "" };
        let mut found = Fingerprint::default();
        let objects = concat!("FROM (", include_str!("../../../sql/postgres/objects.sql"), ") o");
        self.for_each(&["kind", "called", "definition"], objects, &[Some(ours)], |row| {
            let [kind, called, definition] = texts(row);
            found.objects.insert(format!("{kind} {called}"), definition);
            Ok(())
        })?;
        for [space, table] in self.relations("r", ours)? {
            let content = self.content(&format!("FROM ONLY {}.{} AS \"tieout row\"", quote(&space), quote(&table)), WHOLE_ROW)?;
            found.tables.insert(called(&space, &table), content);
        }
        let large = self.content("FROM pg_largeobject_metadata m", "concat(m.oid, ' ', md5(lo_get(m.oid)))")?;
        if large.rows > 0 {
            found.tables.insert("(large objects)".into(), large);
        }
        found.positions = self.positions_but(ours)?;
        Ok(found)
    }

    /// Schema and name of each table (`r`) or sequence (`S`) that is not called like `ours`.
    fn relations(&mut self, kind: &str, ours: &str) -> Result<Vec<[String; 2]>> {
        let from = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind::text = $1 AND c.relname NOT LIKE $2 \
                    AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS \
                    (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";
        let found = self.select(&["n.nspname", "c.relname"], from, &[Some(kind), Some(ours)])?;
        Ok(found.into_iter().map(texts).collect())
    }

    /// Where the sequences stand now, in whatever transaction this is asked.
    pub fn positions(&mut self) -> Result<BTreeMap<String, Position>> {
        self.positions_but("")
    }

    fn positions_but(&mut self, ours: &str) -> Result<BTreeMap<String, Position>> {
        let mut positions = BTreeMap::new();
        for some in self.relations("S", ours)?.chunks(SEQUENCES) {
            self.some_positions(some, &mut positions)?;
        }
        Ok(positions)
    }

    /// The rows of a table: their number, and for each of two seeds the sum of their hashes, so that no order and no second row like
    /// the first is lost. `OFFSET` keeps the server from making the text once for each.
    fn content(&mut self, from: &str, row: &str) -> Result<Content> {
        let sum = |seed: u8| format!("coalesce(sum(hashtextextended(h.text COLLATE \"C\", {seed})), 0)");
        let asked = self.select(&["count(*)", &sum(1), &sum(2)], &format!("FROM (SELECT {row} AS text {from} OFFSET 0) h"), &[])?;
        let [rows, first, second] = asked.into_iter().next().map(texts).unwrap_or_default();
        let rows = rows.parse().map_err(|_| Stop::database(format!("the database counts `{rows}` rows"), ""))?;
        Ok(Content { rows, digest: format!("{first} {second}") })
    }

    fn some_positions(&mut self, sequences: &[[String; 2]], found: &mut BTreeMap<String, Position>) -> Result<()> {
        let each = sequences
            .iter()
            .enumerate()
            .map(|(n, [space, name])| format!("SELECT {n} AS n, last_value, is_called FROM {}.{}", quote(space), quote(name)));
        let from = format!("FROM ({}) s", each.collect::<Vec<_>>().join(" UNION ALL "));
        for row in self.select(&["n", "last_value", "is_called"], &from, &[])? {
            let [n, last, is_called] = texts(row);
            let at = n.parse().ok().and_then(|n: usize| sequences.get(n)).zip(last.parse().ok());
            if let Some(([space, name], last)) = at {
                found.insert(called(space, name), Position { last, called: is_called == "true" });
            }
        }
        Ok(())
    }
}

/// A whole row as text; the alias is one that no column has.
const WHOLE_ROW: &str = "CAST((\"tieout row\".*) AS text)";

fn called(space: &str, name: &str) -> String {
    if space == "public" { name.to_owned() } else { format!("{space}.{name}") }
}

fn texts<const N: usize>(row: crate::store::Texts) -> [String; N] {
    let mut row = row.into_iter();
    std::array::from_fn(|_| row.next().flatten().unwrap_or_default())
}
