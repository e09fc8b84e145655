//! The section with the sample: rows drawn by a seed, each beside the text of its source; and the signatures of the run.

use super::parts::{paragraph, table};
use crate::report::form::Lang;
use crate::report::{Outcome, SampledRow};
use crate::table::spoken_key;

/// The line of its source, where a file states the row.
pub(in crate::report) fn source<'o>(outcome: &'o Outcome, row: &SampledRow) -> Option<&'o str> {
    outcome.account.quotes.get(row.path.as_ref()?)?.get(&row.line?).map(String::as_str)
}

/// Where a row comes from, in words.
pub(in crate::report) fn place(row: &SampledRow, lang: Lang) -> String {
    match (&row.path, row.line, &row.derived) {
        (Some(path), Some(line), _) => format!("{path}:{line}"),
        (_, _, Some(from)) => format!("{} {from}", lang.say("derived from")),
        _ => lang.say("no single file states it").to_owned(),
    }
}

/// What was imported, but for the key.
pub(in crate::report) fn values(row: &SampledRow) -> String {
    let said = row.values.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_deref()?)));
    said.collect::<Vec<_>>().join("; ")
}

pub(super) fn sample(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let sampled = &outcome.account.sample;
    let words = "{} of the {} rows that the run wrote, drawn by the seed {}; `tieout report {} --sample {}` draws the same, and more on request. That every row was compared with the database is said by the checks read-back.";
    let run = outcome.run.id.map_or(String::new(), |id| id.to_string());
    let count = sampled.rows.len().to_string();
    let words = lang.fill(words, &[&count, &sampled.of.to_string(), &sampled.seed, &run, &count]);
    let heads = [say("Table"), say("Key"), say("Value"), say("Place"), say("Quoted line")];
    let rows = sampled.rows.iter().map(|row| {
        let quoted = source(outcome, row).unwrap_or("–").trim().to_owned();
        vec![row.table.clone(), spoken_key(&row.key), values(row), place(row, lang), quoted]
    });
    paragraph(&words) + &table(say("Sample"), &heads, rows, lang)
}

/// Who has signed the run.
pub(super) fn signatures(outcome: &Outcome, lang: Lang) -> String {
    let say = |english| lang.say(english);
    if outcome.signatures.is_empty() {
        return String::new();
    }
    let heads = [say("Name"), say("Role"), say("Signed (UTC)"), say("Public key")];
    let rows = outcome.signatures.iter();
    let rows = rows.map(|s| vec![s.signer.clone(), say_role(&s.role, lang), s.signed_at.clone(), s.public_key.clone()]);
    let words = say("These signatures are over the run's digest; `tieout verify` checks them.");
    paragraph(words) + &table(say("Signatures"), &heads, rows, lang)
}

fn say_role(role: &str, lang: Lang) -> String {
    match role {
        "preparer" => lang.say("Preparer").to_owned(),
        "reviewer" => lang.say("Reviewer").to_owned(),
        other => other.to_owned(),
    }
}
