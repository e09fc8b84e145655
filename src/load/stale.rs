//! Rows that we imported and that no file states any more: reported, or taken away where the job says so.

use super::Load;
use crate::error::Result;
use crate::evidence::{Dispute, Finding, Severity, Subject};
use crate::store::{Accepted, ByKey, Disputed, Run, Stage, Stale, Store};
use crate::table::{Table, spoken_key};
use std::collections::BTreeMap;

impl Load<'_> {
    /// Rows of the database that say the same as a row of the files under another day or month: an earlier import put them
    /// there, and no file states them.
    pub(super) fn shifted(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<()> {
        for (key, held) in stage.shifted(store)? {
            let keys = self.table.with(&[crate::table::Role::Key]);
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

    /// Rows that we imported, and that no file states any more. Where a source has records that cannot be read, its rows may be
    /// those: that is said, and they are not among what is given.
    pub(super) fn stale(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<Vec<Stale>> {
        let (stale, count) = stage.stale(store, self.run.job)?;
        let listed = stale.len();
        let refusing = |row: &Stale| row.source.as_deref().is_none_or(|s| self.of.refusing.contains(s));
        let (unsure, stale): (Vec<Stale>, Vec<Stale>) = stale.into_iter().partition(|row| !self.of.refusing.is_empty() && refusing(row));
        if let Some(first) = unsure.first() {
            let (rows, them) = if unsure.len() == 1 { ("1 row", "it") } else { (&*format!("{} rows", unsure.len()), "them") };
            let message = format!(
                "{rows} of the table {} may stand on the lines that cannot be read, and no other line states {them}: {}{}",
                self.table.name,
                self.spoken(&first.key),
                if unsure.len() == 1 { "" } else { " and others" }
            );
            let hint = "nothing of it is taken away; mend the lines, then the next run knows which rows no file states";
            self.findings.push(Finding::warning("perhaps-stale", message, hint));
        }
        for row in &stale {
            let from = match (&row.path, &row.line) {
                (Some(path), Some(line)) => format!(" from {path}:{line}"),
                _ => String::new(),
            };
            let message = format!("the {} was imported by run {}{from}, and no file states it any more", self.spoken(&row.key), row.run);
            let hint = "put the line back if it is missing by mistake; else delete the row, or say `on_stale = \"delete\"` in the job";
            self.findings.push(Finding::warning("stale", message, hint));
        }
        if count > listed {
            let message = format!("and {} more rows of the table {} that no file states any more", count - listed, self.table.name);
            self.findings.push(Finding::warning("stale", message, "see the first of them"));
        }
        Ok(stale)
    }
}

/// Takes stale rows away, as the job asks; gives how many, and why some stay: somebody changed them since and nobody settled that, or
/// others refer to them, which would go with them and could not be brought back.
pub fn delete_stale(store: &mut Store, table: &Table, stale: &[Stale], run: &Run<'_>) -> Result<(usize, Vec<Finding>)> {
    let by_key = ByKey::of(store, table)?;
    let references = store.references()?;
    let settled = store.resolutions(run.job, &table.name)?;
    let (mut deleted, mut findings) = (0, Vec::new());
    for row in stale {
        let imported: BTreeMap<String, Option<String>> = serde_json::from_str(&row.after).unwrap_or_default();
        let held = by_key.standing(store, &row.key)?;
        let database = serde_json::to_string(&held).ok();
        let value = Disputed { key: row.key.clone(), column: "*".into(), file: None, database };
        let accepted = settled.get(&value).copied();
        if accepted == Some(Accepted::Database) {
            continue;
        }
        let said = |why: String, hint: &str| {
            let message = format!("the {} {} is no longer in the files, but {why}", table.noun, spoken_key(&row.key));
            Finding::new(Severity::Error, Subject::Check, "conflict", message, hint)
        };
        if held.len() != 1 || (held[0] != imported && accepted.is_none()) {
            let hint = "delete it by hand, or put the line back into its file; or settle it with `tieout resolve`";
            let finding = said(format!("somebody changed it since run {}", row.run), hint);
            let dispute = Dispute {
                table: table.name.to_string(),
                key: value.key,
                column: value.column,
                file: None,
                imported: Some(row.after.clone()),
                imported_by: Some(row.run.clone()),
                database: value.database,
            };
            findings.push(Finding { dispute: Some(dispute), ..finding });
        } else if let Some((rows, from)) = by_key.referred(store, &row.key, &references)? {
            let refer = if rows == 1 { "row refers" } else { "rows refer" };
            let hint = "put the line back into its file, or take away what refers to it first";
            findings.push(said(format!("{rows} {refer} to it in the table {from}"), hint));
        } else {
            by_key.delete(store, row, run.id)?;
            deleted += 1;
        }
    }
    Ok((deleted, findings))
}
