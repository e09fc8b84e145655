//! The section of the text report about what was asked before the run. Only who wants everything gets it: what is wrong there
//! stands among the errors and warnings.

use super::layout::{clean, heading, table};
use super::{Outcome, Style};

pub(super) fn section(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.preflight.is_empty() || !style.verbose {
        return;
    }
    heading(out, style, "Before the run");
    let rows = outcome.preflight.iter().map(|item| vec![item.status.words().to_owned(), item.name.clone(), clean(&item.detail)]);
    table(out, &rows.collect::<Vec<_>>());
}
