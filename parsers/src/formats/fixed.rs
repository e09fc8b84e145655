//! `fixed`: fixed width; each column has its characters, `1-10`, counted from 1. A character that belongs to no column and
//! is no blank is refused, since it would be lost.

use crate::diagnostic::Severity;
use crate::fields::{Field, READING, Reading};
use crate::format::{Blocks, Context, Format, OptionSpec, OptionValue};
use crate::parsed::{Parsed, Unit};
use crate::record::Record;
use crate::text::Text;
use std::ops::{ControlFlow, Range};

/// The format, for the registry.
pub struct Fixed;

impl Format for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn about(&self) -> &'static str {
        "fixed-width text: `columns` of the source says which characters are whose, such as \"1-10\""
    }

    fn example(&self) -> &'static str {
        "ACCT DATE       AMOUNT     TEXT\n1930 2025-10-01    1632,50 Vattenfall"
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        const SKIP: OptionSpec = OptionSpec {
            name: "skip",
            takes: "how many lines stand before the first row",
            fits: |v| matches!(v, OptionValue::Integer(0..=1000)),
        };
        &[SKIP, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]]
    }

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        let ranges = context.fields.iter().map(|f| range(&f.from).ok_or(f)).collect();
        Some(Box::new(Columns { context, reading: Reading::new(context.options, context.timezone), ranges }))
    }
}

struct Columns<'c> {
    context: &'c Context<'c>,
    reading: Reading<'c>,
    /// The characters of each field, or the first field that says none.
    ranges: Result<Vec<Range<usize>>, &'c Field>,
}

impl Blocks for Columns<'_> {
    fn read(&mut self, text: &Text<'_>, _last: bool, out: &mut Parsed) -> ControlFlow<()> {
        let skip = usize::try_from(self.context.options.integer("skip", 0)).unwrap_or(0);
        out.tally.unit = Unit::Lines;
        out.tally.read += text.line_count();
        let ranges = match &self.ranges {
            Ok(ranges) => ranges,
            Err(field) => {
                let message = format!("`{}` for {} is no range of characters", field.from, field.name);
                out.note(Severity::Error, "unknown-header", text, text.span(0), message, "write it as \"1-10\" in `columns` of the source");
                return ControlFlow::Break(());
            }
        };
        for (number, line) in text.lines() {
            if number <= skip {
                out.tally.ignore("before the first row", 1);
                continue;
            }
            if line.trim().is_empty() {
                out.tally.ignore("blank line", 1);
                continue;
            }
            // Bytes of each character, so that columns count characters.
            let starts: Vec<usize> = line.char_indices().map(|c| c.0).chain([line.len()]).collect();
            let at = |n: usize| starts[n.min(starts.len() - 1)];
            let span = |n: usize| text.span_in_line(number, at(n));
            let given = |n: usize, _: &Field| &line[at(ranges[n].start)..at(ranges[n].end)];
            let mut row = self.reading.row(self.context, text, out, given, |n, _| span(ranges[n].start));
            let stray = line.chars().enumerate().find(|(n, c)| !c.is_whitespace() && !ranges.iter().any(|r| r.contains(n)));
            if let Some((n, _)) = stray {
                let hint = "widen a column, or give it one of its own in `columns` of the source";
                out.note(Severity::Error, "stray-character", text, span(n), format!("character {} belongs to no column", n + 1), hint);
                row = Err(None); // What it is worth is not sure either.
            }
            match row {
                Ok(values) => out.take(self.context.only, Record::Row { values }, span(0), 1),
                Err(worth) => {
                    out.tally.rejected += 1;
                    out.reject(text, span(0), line, worth);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// `3-10`, or `7` alone; from 1, both ends included.
fn range(text: &str) -> Option<Range<usize>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (usize, usize) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from >= 1 && to >= from && to <= 100_000).then(|| from - 1..to)
}
