//! The fingerprint of an SQLite database: the schema's own texts, and every row read once.

use super::{Content, Fingerprint, Scope};
use crate::digest::short;
use crate::error::{Result, Stop};
use crate::store::{Store, quote};

impl Store {
    pub(super) fn sqlite_fingerprint(&mut self, scope: Scope) -> Result<Fingerprint> {
        let ours = if scope == Scope::Users { "tieout\\_%" } else { "" };
        let mut found = Fingerprint::default();
        for name in ["user_version", "application_id", "encoding"] {
            let value = self.select(&[name], &format!("FROM pragma_{name}"), &[])?;
            let value = value.into_iter().flatten().next().flatten().unwrap_or_default();
            found.objects.insert(format!("setting {name}"), value);
        }
        let mut tables = Vec::new();
        // Statistics are no contents; what `tbl_name` of ours has belongs to us.
        let from = "FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name NOT LIKE $1 ESCAPE '\\'";
        for row in self.select(&["type", "name", "sql", "rootpage"], from, &[Some(ours)])? {
            let [kind, name, sql, page] = texts(row);
            // A virtual table's rows lie in tables of its module, which are seen themselves.
            if kind == "table" && page != "0" {
                tables.push(name.clone());
            }
            found.objects.insert(format!("{kind} {name}"), sql);
        }
        if !self.select(&["1"], "FROM sqlite_master WHERE name = 'sqlite_sequence'", &[])?.is_empty() {
            tables.push("sqlite_sequence".into());
        }
        for table in tables {
            let content = self.sqlite_content(&table, ours)?;
            // That it is there at all only says that there once was a table with AUTOINCREMENT.
            if table != "sqlite_sequence" || content.rows > 0 {
                found.tables.insert(table, content);
            }
        }
        for (broken, rows) in self.broken_references(ours)? {
            found.objects.insert(broken, rows);
        }
        Ok(found)
    }

    pub(super) fn sqlite_content(&mut self, table: &str, ours: &str) -> Result<Content> {
        let columns = self.select(&["name"], "FROM pragma_table_xinfo($1) WHERE hidden <> 1 ORDER BY cid", &[Some(table)])?;
        let columns: Vec<String> = columns.into_iter().map(|row| quote(&texts::<1>(row)[0])).collect();
        // An index that contradicts its table must not answer for it.
        let mut sql = format!("SELECT {} FROM {} NOT INDEXED", columns.join(", "), quote(table));
        if table == "sqlite_sequence" && !ours.is_empty() {
            sql.push_str(" WHERE name NOT LIKE 'tieout\\_%' ESCAPE '\\'");
        }
        let (mut rows, mut sum) = (0, 0u128);
        self.each_image(&sql, |image| {
            rows += 1;
            sum = sum.wrapping_add(short(image));
        })?;
        Ok(Content { rows, digest: format!("{sum:032x}") })
    }

    /// How many references of each kind lead nowhere. A database may hold such, and a copy then holds as many.
    fn broken_references(&mut self, ours: &str) -> Result<Vec<(String, String)>> {
        let from = "FROM pragma_foreign_key_check WHERE \"table\" NOT LIKE $1 ESCAPE '\\' GROUP BY \"table\", parent";
        match self.select(&["\"table\"", "parent", "count(*)"], from, &[Some(ours)]) {
            Ok(rows) => Ok(rows.into_iter().map(texts).map(|[t, p, n]| (format!("references of {t} to no {p}"), n)).collect()),
            // A reference to what is no key cannot be checked: that is how the database is, and how its copy must be.
            Err(stop) if stop.message.contains("foreign key mismatch") => Ok(vec![("references".into(), stop.message)]),
            Err(stop) => Err(stop),
        }
    }

    /// What SQLite's own check of the whole file complains of; `None` when it is well.
    pub fn damage(&mut self) -> Result<Option<String>> {
        let rows = self.select(&["integrity_check"], "FROM pragma_integrity_check", &[])?;
        let said = rows.into_iter().next().map(|row| texts::<1>(row).concat()).unwrap_or_default();
        match said.as_str() {
            "ok" => Ok(None),
            "" => Err(Stop::database("the database's check of itself says nothing", "")),
            _ => Ok(Some(said)),
        }
    }
}

fn texts<const N: usize>(row: crate::store::Texts) -> [String; N] {
    let mut row = row.into_iter();
    std::array::from_fn(|_| row.next().flatten().unwrap_or_default())
}
