//! `lines`: any text whose lines can be told apart by patterns. Named captures of a `record` pattern are its columns; a
//! `section` pattern sets columns for the records behind it; what an `ignore` pattern matches is left out. A line that
//! no pattern matches is refused.

use crate::diagnostic::{Severity, Span};
use crate::fields::{Field, READING, Reading};
use crate::format::{Blocks, Context, Format, OptionSpec, OptionValue, Options};
use crate::parsed::{Parsed, Unit};
use crate::record::Record;
use crate::text::Text;
use regex::{Captures, Regex};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The format, for the registry.
pub struct Lines;

const fn patterns_of(name: &'static str) -> OptionSpec {
    OptionSpec { name, takes: "a list of regular expressions, or one", fits: are_patterns }
}

fn are_patterns(value: &OptionValue) -> bool {
    match value {
        OptionValue::Text(pattern) => Regex::new(pattern).is_ok(),
        OptionValue::Words(patterns) => !patterns.is_empty() && patterns.iter().all(|p| Regex::new(p).is_ok()),
        _ => false,
    }
}

impl Format for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn about(&self) -> &'static str {
        "text lines told apart by regular expressions: records with named captures, section headers, lines to ignore"
    }

    fn example(&self) -> &'static str {
        "# Vattenfall (elnätsleverantör)\n2025-10-01\t1632 kr"
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        const RECORD: OptionSpec = patterns_of("record");
        const SECTION: OptionSpec = patterns_of("section");
        const IGNORE: OptionSpec = patterns_of("ignore");
        &[RECORD, SECTION, IGNORE, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]]
    }

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        let [records, sections, ignored] = ["record", "section", "ignore"].map(|name| patterns(context.options, name));
        let reading = Reading::new(context.options, context.timezone);
        Some(Box::new(Sections { context, reading, records, sections, ignored, section: HashMap::new() }))
    }
}

struct Sections<'c> {
    context: &'c Context<'c>,
    reading: Reading<'c>,
    records: Vec<Regex>,
    sections: Vec<Regex>,
    ignored: Vec<Regex>,
    /// What the last section header said, by capture.
    section: HashMap<String, String>,
}

impl Blocks for Sections<'_> {
    fn read(&mut self, text: &Text<'_>, _last: bool, out: &mut Parsed) -> ControlFlow<()> {
        out.tally.unit = Unit::Lines;
        out.tally.read += text.line_count();
        for (number, line) in text.lines() {
            if line.trim().is_empty() {
                out.tally.ignore("blank line", 1);
            } else if let Some((pattern, found)) = self.sections.iter().find_map(|p| Some((p, p.captures(line)?))) {
                let named = pattern.capture_names().flatten().filter_map(|n| Some((n.to_owned(), found.name(n)?.as_str().to_owned())));
                self.section = named.collect();
                out.tally.ignore("section header", 1);
            } else if let Some(found) = self.records.iter().find_map(|p| p.captures(line)) {
                self.record(text, (number, line), &found, out);
            } else if self.ignored.iter().any(|p| p.is_match(line)) {
                out.tally.ignore("ignore pattern", 1);
            } else {
                let span: Span = text.span_in_line(number, line.len() - line.trim_start().len());
                let hint = "mend the line, or add a pattern to `record`, `section` or `ignore` of the source's options";
                out.note(Severity::Error, "unreadable-line", text, span, "no pattern of the source matches this line", hint);
                out.tally.rejected += 1;
                out.reject(text, text.span_in_line(number, 0), line, None);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Sections<'_> {
    fn record(&self, text: &Text<'_>, (number, line): (usize, &str), found: &Captures<'_>, out: &mut Parsed) {
        let given = |field: &Field| {
            let section = || self.section.get(&field.from).map(String::as_str);
            found.name(&field.from).map(|c| c.as_str()).or_else(section).unwrap_or_default()
        };
        let place = |field: &Field| text.span_in_line(number, found.name(&field.from).map_or(0, |c| c.start()));
        match self.reading.row(self.context, text, out, |_, field| given(field), |_, field| place(field)) {
            Ok(values) => out.take(self.context.only, Record::Row { values }, text.span_in_line(number, 0), 1),
            Err(worth) => {
                out.tally.rejected += 1;
                out.reject(text, text.span_in_line(number, 0), line, worth);
            }
        }
    }
}

fn patterns(options: &Options, name: &str) -> Vec<Regex> {
    let one = options.text(name, "");
    let texts = if one.is_empty() { options.words(name, &[]) } else { vec![one.to_owned()] };
    texts.iter().filter_map(|text| Regex::new(text).ok()).collect()
}
