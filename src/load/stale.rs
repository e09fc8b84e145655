//! Rows that we imported and that no file states any more: reported, or taken away where the job says so.

use super::Load;
use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::store::{ByKey, Stage, Stale, Store};
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

    /// Rows that we imported, and that no file states any more.
    pub(super) fn stale(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<Vec<Stale>> {
        let (stale, count) = stage.stale(store, self.run.job)?;
        for row in &stale {
            let from = match (&row.path, &row.line) {
                (Some(path), Some(line)) => format!(" from {path}:{line}"),
                _ => String::new(),
            };
            let message = format!("the {} was imported by run {}{from}, and no file states it any more", self.spoken(&row.key), row.run);
            let hint = "put the line back if it is missing by mistake; else delete the row, or say `on_stale = \"delete\"` in the job";
            self.findings.push(Finding::warning("stale", message, hint));
        }
        if count > stale.len() {
            let message = format!("and {} more rows of the table {} that no file states any more", count - stale.len(), self.table.name);
            self.findings.push(Finding::warning("stale", message, "see the first of them"));
        }
        Ok(stale)
    }
}

/// Takes stale rows away, as the job asks; gives how many, and why some stay: somebody changed them since, or others refer to
/// them, which would go with them and could not be brought back.
pub fn delete_stale(store: &mut Store, table: &Table, stale: &[Stale], run: i64) -> Result<(usize, Vec<Finding>)> {
    let by_key = ByKey::of(store, table)?;
    let references = store.references()?;
    let (mut deleted, mut findings) = (0, Vec::new());
    for row in stale {
        let imported: BTreeMap<String, Option<String>> = serde_json::from_str(&row.after).unwrap_or_default();
        let held = by_key.standing(store, &row.key)?;
        let (why, hint) = if held.len() != 1 || held[0] != imported {
            (format!("somebody changed it since run {}", row.run), "delete it by hand, or put the line back into its file")
        } else if let Some((rows, from)) = by_key.referred(store, &row.key, &references)? {
            let refer = if rows == 1 { "row refers" } else { "rows refer" };
            let hint = "put the line back into its file, or take away what refers to it first";
            (format!("{rows} {refer} to it in the table {from}"), hint)
        } else {
            by_key.delete(store, row, run)?;
            deleted += 1;
            continue;
        };
        let message = format!("the {} {} is no longer in the files, but {why}", table.noun, spoken_key(&row.key));
        findings.push(Finding::new(Severity::Error, Subject::Check, "conflict", message, hint));
    }
    Ok((deleted, findings))
}
