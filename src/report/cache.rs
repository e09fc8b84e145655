//! The section of the text report about the job's caches.

use super::layout::{clean, heading, line};
use super::{Outcome, Style};
use crate::evidence::Severity;

pub(super) fn section(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.caches.is_empty() {
        return;
    }
    heading(out, style, "Caches");
    for cache in &outcome.caches {
        let at = format!("  {}  {}", cache.when, clean(&cache.server));
        for pattern in &cache.patterns {
            let keys = if pattern.keys == 1 { "key" } else { "keys" };
            line(out, &format!("{at}  {}  {} {keys} taken away", clean(&pattern.pattern), pattern.keys));
        }
        if let Some(why) = &cache.error {
            line(out, &style.severity(Severity::Warning, &format!("{at}  not cleared: {}", clean(why))));
        }
    }
}
