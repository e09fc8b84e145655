//! `electricity-bills-text`: bills typed by hand, a section per provider, one bill a line.
//!
//! ```text
//! # Vattenfall (elnätsleverantör)
//! 2025-10-01<TAB>1632 kr
//! ```
//! Nothing is guessed at: a line that can be read in two ways is refused with its place. Duplicates are not this
//! file's business (they show across files).

use crate::amount::{Fault, Money, swedish_decimal};
use crate::diagnostic::{Severity, Span, nearest};
use crate::format::{Blocks, Context, Format, OptionSpec, OptionValue};
use crate::month::{Month, wall_day};
use crate::parsed::{Parsed, Unit};
use crate::record::{Bill, Record};
use crate::text::Text;
use jiff::civil::Date;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::char;
use nom::combinator::recognize;
use nom::{IResult, Parser};
use rust_decimal::Decimal;
use std::ops::ControlFlow;
use unicode_normalization::UnicodeNormalization;

/// The format, for the registry.
pub struct ElectricityBillsText;

const ROLES: &[&str] = &["elnätsleverantör", "elförbrukning"];
const DUE_DAY_FROM: i64 = 25;

impl Format for ElectricityBillsText {
    fn name(&self) -> &'static str {
        "electricity-bills-text"
    }

    fn about(&self) -> &'static str {
        "bills by hand: a section per provider, then `2025-10-01<TAB>1632 kr` a line"
    }

    fn example(&self) -> &'static str {
        "# Vattenfall (elnätsleverantör)\n2025-10-01\t1632 kr\n2025-09-01\t1 330,50 kr  # paid late"
    }

    fn claims(&self, name: &str, text: &str) -> bool {
        name.ends_with(".txt") && text.lines().any(|line| bill(line.trim_start_matches('\u{feff}')).is_ok())
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "due_day_from",
                takes: "a day from 1 to 31: due on it or later, a bill is its due month's",
                fits: |v| matches!(v, OptionValue::Integer(1..=31)),
            },
            OptionSpec {
                name: "roles",
                takes: "the words that may stand in a section header's brackets, such as [\"elförbrukning\"]",
                fits: |v| matches!(v, OptionValue::Words(words) if !words.is_empty()),
            },
        ]
    }

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        let roles = context.options.words("roles", ROLES).iter().map(|r| r.nfc().collect::<String>().to_lowercase()).collect();
        let due_day_from = context.options.integer("due_day_from", DUE_DAY_FROM) as i8;
        Some(Box::new(Sections { context, roles, due_day_from, provider: None, bills: 0 }))
    }
}

struct Sections<'c> {
    context: &'c Context<'c>,
    roles: Vec<String>,
    due_day_from: i8,
    /// Whose bills the next ones are.
    provider: Option<String>,
    bills: usize,
}

impl Blocks for Sections<'_> {
    fn read(&mut self, text: &Text<'_>, last: bool, out: &mut Parsed) -> ControlFlow<()> {
        out.tally.unit = Unit::Lines;
        out.tally.read += text.line_count();
        for (number, line) in text.lines() {
            let body = line.trim();
            if body.is_empty() {
                out.tally.ignore("blank line", 1);
            } else if let Some(comment) = body.strip_prefix('#') {
                match header(comment) {
                    Some((name, role)) if self.roles.contains(&role) => {
                        self.provider = Some(name);
                        out.tally.ignore("section header", 1);
                    }
                    Some((_, role)) => {
                        let now = self.provider.as_deref().map_or("nobody's".to_owned(), |p| format!("still {p}'s"));
                        let comment = comment.trim();
                        let message = format!(
                            "`{comment}` looks like a section, but `{role}` is no role that is known: the bills behind it are {now}"
                        );
                        let hint = match nearest(&role, self.roles.iter().map(String::as_str)) {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => format!(
                                "if it is a section, add the role to `roles` of the source's options; known are {}",
                                self.roles.join(", ")
                            ),
                        };
                        out.note(Severity::Warning, "unknown-role", text, text.span_in_line(number, 0), message, hint);
                        out.tally.ignore("comment", 1);
                    }
                    None => out.tally.ignore("comment", 1),
                }
            } else {
                match read_bill(line, self.provider.as_deref()) {
                    Ok((due, amount, provider)) => {
                        let period = Month::billed(due, self.due_day_from);
                        let bill = Bill { provider: provider.to_owned(), due, period, amount };
                        let span = text.span_in_line(number, line.len() - line.trim_start().len());
                        out.take(self.context.only, Record::Bill(bill), span, 1);
                        self.bills += 1;
                    }
                    Err(fault) => {
                        let span = text.span_in_line(number, fault.offset);
                        out.note(Severity::Error, fault.code, text, span, fault.message, fault.hint);
                        out.tally.rejected += 1;
                        out.reject(text, text.span_in_line(number, 0), line, worth(line));
                    }
                }
            }
        }
        if last && self.bills == 0 && !out.is_rejected() {
            let hint = "check that it is the right file";
            out.note(
                Severity::Warning,
                "no-bills",
                text,
                Span { line: 1, column: 1, pointer: None },
                "there is not a single bill in the file",
                hint,
            );
        }
        ControlFlow::Continue(())
    }
}

/// The amount of a line that is refused, where that much of it can be read.
fn worth(line: &str) -> Option<Decimal> {
    let (rest, _) = date_digits(line.trim_start()).ok()?;
    let (amount, rest) = swedish_decimal(rest.trim_start()).ok()?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(amount)
}

/// `Vattenfall (elnätsleverantör)` and nothing else: the name in lower case, the role.
fn header(comment: &str) -> Option<(String, String)> {
    // Some systems write ä as two characters.
    let comment: String = comment.nfc().collect();
    let (name, role) = comment.trim().strip_suffix(')')?.split_once('(')?;
    let (name, role) = (name.trim(), role.trim());
    let one_word = !name.is_empty() && !role.contains(['(', ')']);
    one_word.then(|| (name.to_lowercase(), role.to_lowercase()))
}

fn read_bill<'p>(line: &str, provider: Option<&'p str>) -> Result<(Date, Money, &'p str), Fault> {
    let (due, amount) = bill(line)?;
    let provider = provider.ok_or(Fault {
        offset: line.len() - line.trim_start().len(),
        code: "bill-before-section",
        message: "this bill stands before any section, so its provider is unknown".into(),
        hint: "put a line like `# Vattenfall (elnätsleverantör)` above it; the word in brackets must be one of the source's `roles`",
    })?;
    Ok((due, amount, provider))
}

/// A line with a bill: date, blanks, amount, perhaps a comment. Offsets are bytes within the line.
fn bill(line: &str) -> Result<(Date, Money), Fault> {
    let start = line.len() - line.trim_start().len();
    let (rest, digits) = date_digits(&line[start..]).map_err(|_| Fault {
        offset: start,
        code: "unreadable-line",
        message: "this line is neither a bill, a comment nor a section".into(),
        hint: "a bill begins with its due date, `2025-10-01`; a comment begins with `#`",
    })?;
    let due = wall_day(digits).ok_or_else(|| Fault {
        offset: start,
        code: "impossible-date",
        message: format!("there is no such day as {digits}"),
        hint: "correct the due date (year-month-day)",
    })?;
    let amount_text = rest.trim_start();
    let amount_at = line.len() - amount_text.len();
    if amount_text.len() == rest.len() {
        return Err(Fault {
            offset: line.len() - rest.len(),
            code: "unreadable-line",
            message: "the due date is not followed by a blank and an amount".into(),
            hint: "write the due date, a tab, and the amount, such as `1632 kr`",
        });
    }
    let (amount, rest) = swedish_decimal(amount_text).map_err(|fault| Fault { offset: amount_at + fault.offset, ..fault })?;
    let after = rest.trim_start();
    if after.is_empty() || after.starts_with('#') {
        return Ok((due, Money(amount)));
    }
    let second = after.starts_with(|c: char| c.is_ascii_digit() || c == '-') || swedish_decimal(after).is_ok();
    Err(Fault {
        offset: line.len() - after.len(),
        code: if second { "two-amounts" } else { "unreadable-line" },
        message: if second {
            "there is a second amount on this line".into()
        } else {
            format!("there is something behind the amount: `{}`", after.chars().take(40).collect::<String>())
        },
        hint: "one bill a line; a remark goes behind a `#`",
    })
}

fn date_digits(input: &str) -> IResult<&str, &str> {
    let digits = |n| take_while_m_n(n, n, |c: char| c.is_ascii_digit());
    recognize((digits(4), char('-'), digits(2), char('-'), digits(2))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_and_a_role_are_a_header() {
        assert_eq!(header(" Fortum (elförbrukning)"), Some(("fortum".into(), "elförbrukning".into())));
        for comment in ["ring Fortum", "Fortum (elförbrukning) är dyr", "(elförbrukning)", "Fortum", "Fortum (a) (b)"] {
            let role = header(comment).map(|h| h.1);
            assert!(!role.is_some_and(|r| ROLES.contains(&r.as_str())), "{comment}");
        }
    }

    #[test]
    fn a_bad_line_is_refused_where_it_is_bad() {
        for (line, code, at) in [
            ("2025-02-30\t100 kr", "impossible-date", 0),
            ("2025-13-01\t100 kr", "impossible-date", 0),
            ("2025-10-32\t100 kr", "impossible-date", 0),
            ("  2025-10-01 1.632 kr", "ambiguous-amount", 14),
            ("2025-10-01 100 kr 200 kr", "two-amounts", 18),
            ("2025-10-01 100 kr moms", "unreadable-line", 18),
            ("2025-10-01", "unreadable-line", 10),
            ("2025-10-01100 kr", "unreadable-line", 10),
            ("1 oktober 100 kr", "unreadable-line", 0),
            ("2025-10-01\tkr", "unreadable-amount", 11),
        ] {
            let fault = bill(line).unwrap_err();
            assert_eq!((fault.code, fault.offset), (code, at), "{line}: {}", fault.message);
        }
    }
}
