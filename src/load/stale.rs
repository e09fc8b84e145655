//! Rows that we imported and that no file states any more: reported, or taken away where the job says so.

use super::{Load, Totals};
use crate::error::Result;
use crate::evidence::{Dispute, Finding, Severity, Subject};
use crate::store::{Accepted, ByKey, Disputed, LISTED, Reference, Run, Stage, Stale, Store};
use crate::table::{Role, Table, spoken_key};
use std::collections::{BTreeMap, HashMap};

impl Load<'_> {
    /// Rows of the database that say the same as a row of the files under another day or month: an earlier import put them
    /// there, and no file states them. Where not all rows are staged, `stale` are the keys of those that no file states.
    pub(super) fn shifted(&mut self, store: &mut Store, stage: &Stage<'_>, stale: Option<&[String]>) -> Result<()> {
        for (key, held) in stage.shifted(store, stale)? {
            let keys = self.table.with(&[Role::Key]);
            let held: Vec<String> = keys.zip(held).map(|((_, c), text)| text.map_or("none".into(), |t| c.kind.canonical(&t))).collect();
            let message = format!(
                "the table {} holds {} too, which no file states and which says the same as {}: it stands under the wrong day or month",
                self.table.name,
                held.join(", "),
                self.spoken(&key)
            );
            let hint = "an earlier import probably put it there; delete it, if it is not the app's own";
            self.findings.push(Finding::warning("wrong-period", message, hint));
        }
        Ok(())
    }

    /// Rows that we imported, and that no file states any more; gives whether there are any. Where a source has records that cannot
    /// be read, its rows may be those: that is said, and they are not among the noted.
    pub(super) fn stale(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<bool> {
        stage.note_stale(store, self.run.job)?;
        let (mut unsure, mut listed, mut more) = ((0, None), Vec::new(), 0);
        for (source, count) in store.noted_by_source(&self.table.name)? {
            let (there, gone) = store.first_noted(self.table, &source)?;
            let refusing = source.as_deref().is_none_or(|s| self.of.refusing.contains(s));
            if refusing && !self.of.refusing.is_empty() {
                unsure = (unsure.0 + count - gone, unsure.1.or(there.into_iter().next()));
                store.forget_noted(&self.table.name, &source)?;
            } else {
                more += count - gone - there.len();
                listed.extend(there);
            }
        }
        if let (count, Some(first)) = unsure {
            self.findings.push(self.perhaps_stale(count, &first));
        }
        // Of a kind of findings a thousand are shown: the last of them says how many more there are.
        let over = if listed.len() + more >= LISTED { listed.split_off(listed.len().min(LISTED - 1)).len() } else { 0 };
        for row in &listed {
            let from = match (&row.path, &row.line) {
                (Some(path), Some(line)) => format!(" from {path}:{line}"),
                _ => String::new(),
            };
            let message = format!("the {} was imported by run {}{from}, and no file states it any more", self.spoken(&row.key), row.run);
            let hint = "put the line back if it is missing by mistake; else delete the row, or say `on_stale = \"delete\"` in the job";
            self.findings.push(Finding::warning("stale", message, hint));
        }
        if more + over > 0 {
            let message = format!("and {} more rows of the table {} that no file states any more", more + over, self.table.name);
            self.findings.push(Finding::warning("stale", message, "see the first of them"));
        }
        Ok(!listed.is_empty())
    }

    fn perhaps_stale(&self, count: usize, first: &Stale) -> Finding {
        let (rows, them, others) =
            if count == 1 { ("1 row".to_owned(), "it", "") } else { (format!("{count} rows"), "them", " and others") };
        let message = format!(
            "{rows} of the table {} may stand on the lines that cannot be read, and no other line states {them}: {}{others}",
            self.table.name,
            self.spoken(&first.key),
        );
        let hint = "nothing of it is taken away; mend the lines, then the next run knows which rows no file states";
        Finding::warning("perhaps-stale", message, hint)
    }
}

/// Takes the noted rows of a table away, as the job asks; gives their totals, and why some stay: somebody changed them since and
/// nobody settled that, or others refer to them, which would go with them and could not be brought back.
pub fn delete_stale(store: &mut Store, table: &Table, run: &Run<'_>) -> Result<(Totals, Vec<Finding>)> {
    let deleting = Deleting::of(store, table, run)?;
    let (mut deleted, mut findings, mut before) = (Totals::default(), Vec::new(), i64::MAX);
    loop {
        let rows = store.noted(&table.name, before)?;
        let Some((last, _)) = rows.last() else { return Ok((deleted, findings)) };
        before = *last;
        for (_, row) in rows {
            findings.extend(deleting.row(store, &row, &mut deleted)?);
        }
    }
}

/// Taking rows of a table away.
pub(super) struct Deleting<'t> {
    table: &'t Table,
    by_key: ByKey<'t>,
    references: Vec<Reference>,
    settled: HashMap<Disputed, Accepted>,
    run: i64,
}

impl<'t> Deleting<'t> {
    pub(super) fn of(store: &mut Store, table: &'t Table, run: &Run<'_>) -> Result<Deleting<'t>> {
        Ok(Deleting {
            table,
            by_key: ByKey::of(store, table)?,
            references: store.references()?,
            settled: store.resolutions(run.job, &table.name)?,
            run: run.id,
        })
    }

    /// Takes one away, or says why not.
    pub(super) fn row(&self, store: &mut Store, row: &Stale, deleted: &mut Totals) -> Result<Option<Finding>> {
        let imported: BTreeMap<String, Option<String>> = serde_json::from_str(&row.after).unwrap_or_default();
        let held = self.by_key.standing(store, &row.key)?;
        let database = serde_json::to_string(&held).ok();
        let value = Disputed { key: row.key.clone(), column: "*".into(), file: None, database };
        let accepted = self.settled.get(&value).copied();
        if held.is_empty() || accepted == Some(Accepted::Database) {
            return Ok(None);
        }
        let said = |why: String, hint: &str| {
            let message = format!("the {} {} is no longer in the files, but {why}", self.table.noun, spoken_key(&row.key));
            Finding::new(Severity::Error, Subject::Check, "conflict", message, hint)
        };
        if held.len() != 1 || (held[0] != imported && accepted.is_none()) {
            let hint = "delete it by hand, or put the line back into its file; or settle it with `tieout resolve`";
            let finding = said(format!("somebody changed it since run {}", row.run), hint);
            let dispute = Dispute {
                table: self.table.name.to_string(),
                key: value.key,
                column: value.column,
                file: None,
                imported: Some(row.after.clone()),
                imported_by: Some(row.run.clone()),
                database: value.database,
            };
            return Ok(Some(Finding { dispute: Some(dispute), ..finding }));
        }
        if let Some((rows, from)) = self.by_key.referred(store, &row.key, &self.references)? {
            let refer = if rows == 1 { "row refers" } else { "rows refer" };
            let hint = "put the line back into its file, or take away what refers to it first";
            return Ok(Some(said(format!("{rows} {refer} to it in the table {from}"), hint)));
        }
        self.by_key.delete(store, row, self.run)?;
        deleted.row(self.table.with(&[Role::Key, Role::Data]).map(|(_, c)| (c, held[0].get(&*c.name).and_then(Option::as_deref))));
        Ok(None)
    }
}
