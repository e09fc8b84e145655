//! The section about what was done for safety's sake: the backup, the rehearsal on a copy of the database, the way back, and the look
//! after the commit.

use super::escape::escaped;
use super::parts::{list, pairs, paragraph, table};
use crate::report::form::Lang;
use crate::report::safety::way_back;
use crate::report::{Outcome, Rehearsal, TableChange, seconds};
use std::fmt::Write;

/// The section; empty where none of it was done.
pub(super) fn safety(outcome: &Outcome, lang: Lang) -> String {
    let mut out = String::new();
    if let Some(backup) = &outcome.backup {
        heading(&mut out, lang.say("Backup"));
        let restored = lang.word(if backup.verified { "yes" } else { "no" }).to_owned();
        out.push_str(&pairs([
            (lang.say("File"), backup.path.clone()),
            (lang.say("Size in bytes"), backup.size.to_string()),
            (lang.say("Rows of all tables"), backup.rows.to_string()),
            ("SHA-256", backup.sha256.clone()),
            (lang.say("Restored once, and found the same"), restored),
        ]));
    }
    if let Some(rehearsal) = &outcome.rehearsal {
        heading(&mut out, lang.say("Rehearsed on a copy"));
        let words = "Schema, rows and checks took {} seconds on a copy of the database.";
        out.push_str(&paragraph(&lang.fill(words, &[&seconds(rehearsal.milliseconds)])));
        out.push_str(&changes(rehearsal, lang));
        heading(&mut out, lang.say("The way back"));
        let words = lang.say(way_back(rehearsal));
        let first = words.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        out.push_str(&paragraph(&(first + words.get(1..).unwrap_or_default())));
        let again = rehearsal.again.iter().map(|other| format!("{}: {other}", lang.say("a second run comes to something else")));
        let lost: Vec<String> = rehearsal.way_back.losses.iter().cloned().chain(again).collect();
        if !lost.is_empty() {
            out.push_str(&list(lost.iter().map(String::as_str), lang));
        }
    }
    if let Some(asked) = outcome.looked_again {
        heading(&mut out, lang.say("After the commit"));
        let differs = outcome.findings.iter().any(|f| f.code == "differs-after-commit");
        let words = match differs {
            false => "{} checks were asked again over a new connection, and said the same.",
            true => "{} checks were asked again over a new connection, and the database said otherwise: see the findings.",
        };
        out.push_str(&paragraph(&lang.fill(words, &[&asked.to_string()])));
    }
    out
}

fn heading(out: &mut String, title: &str) {
    let _ = writeln!(out, "<h3>{}</h3>", escaped(title));
}

/// What would be otherwise, in the schema and in the rows.
fn changes(rehearsal: &Rehearsal, lang: Lang) -> String {
    let say = |english| lang.say(english);
    let mut out = String::new();
    if !rehearsal.schema.is_empty() {
        out.push_str(&paragraph(say("Defined otherwise afterwards:")));
        out.push_str(&list(rehearsal.schema.iter().map(String::as_str), lang));
    }
    if rehearsal.tables.is_empty() {
        return out + &paragraph(say("No row is another one afterwards."));
    }
    let figures = ["Rows before", "Inserted", "Updated", "Deleted", "Rows afterwards"].map(|head| format!("#{}", say(head)));
    let heads: Vec<&str> =
        std::iter::once(say("Table")).chain(figures.iter().map(String::as_str)).chain([say("Other values in")]).collect();
    let rows = rehearsal.tables.iter().map(|(name, c)| {
        let name = c.was.as_ref().map_or(name.clone(), |was| format!("{name} ({} {was})", say("was")));
        let columns: Vec<String> = c.columns.iter().map(|(column, n)| format!("{column} ({n})")).collect();
        let figures = [c.before, c.inserted, c.updated, c.deleted, c.after].map(|n| n.to_string());
        std::iter::once(name).chain(figures).chain([columns.join(", ")]).collect()
    });
    out.push_str(&table(say("Rows before and afterwards"), &heads, rows, lang));
    let samples: Vec<Vec<String>> = rehearsal.tables.iter().flat_map(|(name, change)| samples(name, change, lang)).collect();
    if !samples.is_empty() {
        let heads = [say("Table"), say("Operation"), say("Key"), say("Column"), say("Before"), say("After")];
        out.push_str(&table(say("The first rows of each kind"), &heads, samples.into_iter(), lang));
    }
    out
}

/// A line for each column that is another one; for a row that comes or goes, one.
fn samples(name: &str, change: &TableChange, lang: Lang) -> Vec<Vec<String>> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let mut lines = Vec::new();
    for sample in &change.samples {
        let head = [name.to_owned(), lang.word_of(&sample.what).to_owned(), sample.key.clone()];
        if sample.columns.is_empty() {
            lines.push(head.iter().cloned().chain([const { String::new() }; 3]).collect());
        }
        for (column, before, after) in &sample.columns {
            lines.push(head.iter().cloned().chain([column.clone(), text(before), text(after)]).collect());
        }
    }
    lines
}
