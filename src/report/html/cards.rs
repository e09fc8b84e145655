//! The differences, each as a card that opens down to the quoted lines; on paper they are open.

use super::escape::escaped;
use super::files::Hashes;
use super::parts::{pairs, paragraph, table};
use crate::evidence::{Check, Side};
use crate::report::Outcome;
use crate::report::form::Lang;
use std::fmt::Write;

/// How many differences are written out; all of them are among the checks.
const CARDS: usize = 100;

pub(super) fn differences(outcome: &Outcome, lang: Lang, differing: &[&Check]) -> String {
    let hashes = Hashes::new(outcome);
    if differing.is_empty() {
        return paragraph(lang.say("There is none."));
    }
    let mut out = paragraph(lang.say("Every comparison that is no exact match. Open one to see the figures it was computed from."));
    if !outcome.tolerated.is_empty() {
        let count = outcome.tolerated.values().sum::<usize>().to_string();
        out += &paragraph(&lang.fill("{} more comparisons are within their tolerance, each like a thousand that are listed, and another check proves the figures of each: all of them are in the tables that `tieout report --format csv,xlsx` writes.", &[&count]));
    }
    let passed = &outcome.passed_on;
    if passed.count > 0 {
        let limit = passed.limit.as_ref().map(|l| lang.fill("At most {} {} may stand, by the job file.", &[l, &outcome.run.currency]));
        let sum = crate::report::conclude::passed_on(outcome, lang);
        out.push_str(&paragraph(&format!("{}: {sum} {}", lang.say("Passed on"), limit.unwrap_or_default())));
    }
    out.push_str("<div class=\"cards\">");
    for check in differing.iter().take(CARDS) {
        let tone = if check.fails() { "bad" } else { "warn" };
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        let difference = check.difference.as_deref().map_or(String::new(), |d| format!(" ({d})"));
        let figures = format!("{} · {}: {} / {}{difference}", check.name, check.group, side(&check.actual), side(&check.expected));
        let _ = write!(
            out,
            "<details><summary><span class=\"tag {tone}\">{}</span> {}</summary>",
            escaped(lang.say(check.status.words())),
            escaped(&figures.chars().take(400).collect::<String>())
        );
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        out.push_str(&pairs([
            (lang.say("Actual"), text(&check.actual)),
            (lang.say("Expected"), text(&check.expected)),
            (lang.say("Difference"), text(&check.difference)),
            (lang.say("Explanation"), text(&check.explanation)),
            (lang.say("Tolerance"), text(&check.tolerance)),
            (lang.say("Why that tolerance"), text(&check.because)),
        ]));
        out.push_str(&operands(outcome, lang, check, &hashes));
        out.push_str("</details>\n");
    }
    out + "</div>\n"
}

fn operands(outcome: &Outcome, lang: Lang, check: &Check, hashes: &Hashes<'_>) -> String {
    if check.operands.is_empty() {
        return paragraph(lang.say("no figures are recorded for it"));
    }
    let say = |english| lang.say(english);
    let value = format!("#{}", say("Value"));
    let heads = [say("Side"), say("What"), &value, say("Place"), say("Quoted line"), "SHA-256"];
    let rows = check.operands.iter().map(|o| {
        let side = if o.side == Side::Actual { say("Actual") } else { say("Expected") };
        let place = o.path.as_ref().map(|p| crate::evidence::place(p, o.line.zip(o.column), o.pointer.as_deref()));
        let sha256 = o.path.as_deref().map_or("", |_| hashes.of_operand(o));
        let now = o.path.as_deref().filter(|path| hashes.of(path) == Some(sha256));
        let quote = now.zip(o.line).and_then(|(path, line)| outcome.account.quotes.get(path)?.get(&line)).cloned();
        let nowhere = || say("no single file states it").to_owned();
        vec![side.to_owned(), o.label.clone(), o.value.clone(), place.unwrap_or_else(nowhere), quote.unwrap_or_default(), sha256.to_owned()]
    });
    table(say("Figures it was computed from"), &heads, rows, lang)
}
