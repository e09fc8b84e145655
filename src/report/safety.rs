//! The sections of the text report about what was done for safety's sake: the backup, and the rehearsal on a copy.

use super::layout::{clean, heading, line, number, table};
use super::{Outcome, Rehearsal, Style, TableChange};

/// So many sentences about the schema are shown, unless everything is wanted.
const SHOWN: usize = 20;

pub(super) fn section(out: &mut String, outcome: &Outcome, style: Style) {
    if let Some(backup) = &outcome.backup {
        heading(out, style, "Backup");
        let rows = number(usize::try_from(backup.rows).unwrap_or(usize::MAX));
        line(out, &format!("  {} · {rows} rows · restored once and found the same", clean(&backup.path)));
        if style.verbose {
            line(out, &format!("  {} bytes · SHA-256 {}", backup.size, backup.sha256));
        }
    }
    let Some(rehearsal) = &outcome.rehearsal else { return };
    heading(out, style, "Rehearsed on a copy");
    line(out, &format!("  schema, rows and checks took {}.{:03} s", rehearsal.milliseconds / 1000, rehearsal.milliseconds % 1000));
    // Whoever runs it has seen the plan, or may look at it; whoever plans wants to see all.
    if style.verbose || outcome.run.command == "plan" {
        schema(out, rehearsal, style);
        changes(out, rehearsal);
    } else {
        line(
            out,
            &format!(
                "  {} definitions and the rows of {} tables became others; -v shows them",
                rehearsal.schema.len(),
                rehearsal.tables.len()
            ),
        );
    }
    line(out, &format!("  {}", way_back(rehearsal)));
    for loss in &rehearsal.way_back.losses {
        line(out, &format!("    {}", clean(loss)));
    }
    for difference in &rehearsal.again {
        line(out, &format!("  a second run comes to something else: {}", clean(difference)));
    }
}

/// Where the way back leads, in a sentence.
pub(super) fn way_back(rehearsal: &Rehearsal) -> &'static str {
    match (rehearsal.way_back.lossless, rehearsal.again.is_empty()) {
        (true, true) => "the way back leaves the database as it was, and a second run comes to the same",
        (true, false) => "the way back leaves the database as it was",
        (false, _) => "the way back is the backup alone:",
    }
}

fn schema(out: &mut String, rehearsal: &Rehearsal, style: Style) {
    let shown = if style.verbose { rehearsal.schema.len() } else { SHOWN };
    for sentence in rehearsal.schema.iter().take(shown) {
        line(out, &format!("  {}", clean(sentence)));
    }
    let more = rehearsal.schema.len().saturating_sub(shown);
    if more > 0 {
        line(out, &format!("  and {more} more; -v shows all"));
    }
}

fn changes(out: &mut String, rehearsal: &Rehearsal) {
    if rehearsal.tables.is_empty() {
        line(out, "  no row would be another one");
        return;
    }
    let head = ["", "rows before", "inserted", "updated", "deleted", "rows after"].map(str::to_owned).to_vec();
    let count = |n: u64| number(usize::try_from(n).unwrap_or(usize::MAX));
    let row = |(name, c): (&String, &TableChange)| {
        let name = c.was.as_ref().map_or(clean(name), |was| format!("{} (was {})", clean(name), clean(was)));
        vec![name, count(c.before), count(c.inserted), count(c.updated), count(c.deleted), count(c.after)]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rehearsal.tables.iter().map(row)).collect();
    table(out, &rows);
    for (name, change) in &rehearsal.tables {
        if !change.columns.is_empty() {
            let columns: Vec<String> = change.columns.iter().map(|(c, n)| format!("{} ({})", clean(c), count(*n))).collect();
            line(out, &format!("  {}: other values in {}", clean(name), columns.join(", ")));
        }
        for sample in &change.samples {
            let said = |t: &Option<String>| clean(t.as_deref().unwrap_or("NULL"));
            let columns: Vec<String> = sample.columns.iter().map(|(c, a, b)| format!("{} {} → {}", clean(c), said(a), said(b))).collect();
            let columns = if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
            line(out, &format!("    {} {}{columns}", sample.what, clean(&sample.key)));
        }
    }
}
