//! Exact amounts: from the text to a `Decimal`, never through a binary float. No currencies, no rounding.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while1};
use nom::character::complete::{char, one_of, space0};
use nom::combinator::{opt, value};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};
use rust_decimal::Decimal;
use serde::Serialize;
use std::fmt;

/// An amount of money in kronor, with öre as decimals. Exact; printed without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub Decimal);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no amount: how far it was read (bytes) and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset into the text that was read.
    pub offset: usize,
    /// Stable name, such as `ambiguous-amount`.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to write instead.
    pub hint: &'static str,
}

/// The largest amount that is taken for one: beyond it no sum would be safe. Fifteen digits before the decimal mark.
pub(crate) fn is_plausible(amount: Decimal) -> bool {
    amount.abs() < Decimal::from(1_000_000_000_000_000i64)
}

/// A number as JSON and configuration files write it: `5935.98`, `-1400`, `24530.0`, `1.5e3`. Exactly that value, or
/// `None` when it is no number or has more digits than a `Decimal` holds (28).
pub fn exact_decimal(text: &str) -> Option<Decimal> {
    let plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if !plain(mantissa) {
        return None;
    }
    let mut number = Decimal::from_str_exact(mantissa).ok()?.normalize();
    for _ in 0..exponent.clamp(0, 30) {
        number = number.checked_mul(Decimal::TEN)?;
    }
    if exponent < 0 {
        let scale = number.scale().checked_add(exponent.unsigned_abs())?;
        number.set_scale(scale).ok()?;
    }
    (number.is_zero() || exponent <= 30).then(|| number.normalize())
}

/// An amount as people type it in Sweden, with its unit: `1632 kr`, `1 632 kr`, `1632,50 kr`, `1632:-`, `SEK 1632`,
/// `-200 kr`. Gives the amount and the rest of the line. Thousands are parted by a space, a no-break space (U+00A0) or
/// a narrow one (U+202F). Where two readings are possible (`1.632`) it gives none.
pub fn swedish_decimal(text: &str) -> Result<(Decimal, &str), Fault> {
    let (rest, (before, negative, digits)) = signed_digits(text).map_err(|_| Fault {
        offset: 0,
        code: "unreadable-amount",
        message: "there is no amount here".into(),
        hint: "write an amount in kronor, such as `1632 kr` or `1632,50 kr`",
    })?;
    let number = digits.trim_end_matches(is_space);
    let offset = offset_in(text, digits);
    let amount = grouped(number, &KRONOR).map_err(|fault| Fault { offset: offset + fault.offset, ..fault })?;
    if !is_plausible(amount) {
        let message = format!("`{number}` has more digits than an amount can have");
        return Err(Fault { offset, code: "unreadable-amount", message, hint: "check the amount" });
    }
    let (rest, after) = unit_after(rest).unwrap_or((rest, None));
    if !before && after.is_none() {
        let word: String = rest.trim_start().chars().take_while(|c| c.is_alphabetic()).collect();
        let message = match word.as_str() {
            "" => format!("the amount `{number}` has no unit"),
            word => format!("`{word}` is no unit that is known here: amounts are in kronor"),
        };
        return Err(Fault { offset: offset + number.len(), code: "unreadable-amount", message, hint: "write `kr` behind the amount" });
    }
    Ok((if negative { -amount } else { amount }, rest))
}

type Signed<'a> = (bool, bool, &'a str);

fn signed_digits(input: &str) -> IResult<&str, Signed<'_>> {
    let unit = terminated(alt((tag_no_case("SEK"), tag_no_case("kr"))), space0);
    let sign = terminated(alt((value(true, one_of("-\u{2212}")), value(false, char('+')))), space0);
    let mut digits = take_while1(|c: char| c.is_ascii_digit() || is_space(c) || c == '.' || c == ',');
    let (input, (unit, sign)) = (opt(unit), opt(sign)).parse(input)?;
    let (input, _) = nom::combinator::peek(nom::character::complete::satisfy(|c| c.is_ascii_digit())).parse(input)?;
    let (input, digits) = digits.parse(input)?;
    Ok((input, (unit.is_some(), sign == Some(true), digits)))
}

fn unit_after(input: &str) -> IResult<&str, Option<&str>> {
    let word = terminated(
        alt((tag_no_case("kronor"), tag_no_case("kr."), tag_no_case("kr"), tag_no_case("SEK"))),
        nom::combinator::not(nom::character::complete::satisfy(char::is_alphanumeric)),
    );
    opt(alt((tag(":-"), preceded(space0, word)))).parse(input)
}

/// How numbers are written: decimal marks, thousands marks, and how many decimals there can be.
pub(crate) struct NumberStyle<'s> {
    pub(crate) decimal: &'s [char],
    pub(crate) thousands: &'s [char],
    pub(crate) fraction: usize,
}

/// Spaces that part thousands.
pub(crate) const SPACES: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\u{2009}'];

/// Kronor and öre: `1632`, `1 632`, `1632,5`, `1 234,50`, `1632.50`; not `1.632`, `16 32`, `1632,505`.
const KRONOR: NumberStyle<'static> = NumberStyle { decimal: &[',', '.'], thousands: &SPACES, fraction: 2 };

/// A number without sign in a style; what has two readings, or none, is a fault.
pub(crate) fn grouped(number: &str, style: &NumberStyle<'_>) -> Result<Decimal, Fault> {
    let fault = |at: &str, code, message: String, hint| Fault { offset: offset_in(number, at), code, message, hint };
    let (whole, fraction) = match number.find(style.decimal) {
        Some(at) => (&number[..at], Some(&number[at + 1..])),
        None => (number, None),
    };
    let mut groups = whole.split(style.thousands);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    // Nobody writes thousands with zeros in front: `0.005` is a small number with another decimal mark.
    let parted = !rest.is_empty() && (first.len() > 3 || first.starts_with('0'));
    let wrong = rest.iter().find(|g| g.len() != 3).copied().or((first.is_empty() || parted).then_some(whole));
    if let Some(wrong) = wrong {
        let message = format!("`{number}` is either two amounts or one with its thousands parted wrongly");
        return Err(fault(wrong, "ambiguous-amount", message, "one amount a line; thousands have three digits, as in `1 632 kr`"));
    }
    if let Some(fraction) = fraction {
        let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
        if !digits || fraction.len() > style.fraction {
            let hint = "write kronor as `1632` or `1 632`, and öre with a comma and two digits, as in `1632,50`";
            let message = format!("`{number}` can be read in two ways: are these thousands or decimals?");
            return Err(fault(&number[whole.len()..], "ambiguous-amount", message, hint));
        }
    }
    let mut plain = first.to_owned();
    plain.extend(rest);
    if !plain.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault(number, "unreadable-amount", format!("`{number}` is no number"), "check the amount"));
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    exact_decimal(&plain).ok_or_else(|| {
        fault(number, "unreadable-amount", format!("`{number}` has more digits than an amount can have"), "check the amount")
    })
}

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> String {
        swedish_decimal(text).map_or_else(|f| format!("{} at {}", f.code, f.offset), |(d, rest)| format!("{}|{rest}", d.normalize()))
    }

    #[test]
    fn what_people_type_is_read_right() {
        for (text, want) in [
            ("1632 kr", "1632|"),
            ("1 632 kr", "1632|"),
            ("1\u{a0}632 kr", "1632|"),
            ("1\u{202f}632,50\u{a0}kr", "1632.5|"),
            ("1 234,50 kr", "1234.5|"),
            ("1632,50 kr", "1632.5|"),
            ("1632.50 kr", "1632.5|"),
            ("1632:-", "1632|"),
            ("SEK 1632", "1632|"),
            ("-200 kr", "-200|"),
            ("\u{2212}200 kr", "-200|"),
            ("1632 kr # betald", "1632| # betald"),
            ("1632kr", "1632|"),
            ("1632 KR", "1632|"),
            ("0 kr", "0|"),
            ("1 234 567 kr", "1234567|"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn what_has_two_readings_gets_none() {
        for (text, want) in [
            ("1.632 kr", "ambiguous-amount at 1"),
            ("1,632 kr", "ambiguous-amount at 1"),
            ("1.632,50 kr", "ambiguous-amount at 1"),
            ("16 32 kr", "ambiguous-amount at 3"),
            ("1632 200 kr", "ambiguous-amount at 0"),
            ("1632  200 kr", "ambiguous-amount at 5"),
            ("0 632 kr", "ambiguous-amount at 0"),
            ("000 001 kr", "ambiguous-amount at 0"),
            ("-0 250 kr", "ambiguous-amount at 1"),
            ("0,005 kr", "ambiguous-amount at 1"),
            ("1632", "unreadable-amount at 4"),
            ("kr", "unreadable-amount at 0"),
            ("1632 kronprins", "unreadable-amount at 4"),
            ("99999999999999999999999999999999 kr", "unreadable-amount at 0"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn a_number_is_exactly_what_it_says() {
        let read = |t| exact_decimal(t).map(|d| d.to_string());
        assert_eq!(read("5935.98").as_deref(), Some("5935.98"));
        assert_eq!(read("24530.0").as_deref(), Some("24530"));
        assert_eq!(read("1.5e3").as_deref(), Some("1500"));
        assert_eq!(read("15E-1").as_deref(), Some("1.5"));
        for bad in ["1e400", "1e-400", "NaN", "", "1_000", "0.12345678901234567890123456789012", "1e", "--1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_printed_amount_reads_back(oere in -1_000_000_000_000i64..1_000_000_000_000) {
            let amount = Decimal::new(oere, 2);
            let swedish = format!("{} kr", amount.to_string().replace('.', ","));
            proptest::prop_assert_eq!(swedish_decimal(&swedish).map(|r| r.0), Ok(amount));
            proptest::prop_assert_eq!(exact_decimal(&amount.to_string()), Some(amount));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = swedish_decimal(&text);
            let _ = exact_decimal(&text);
        }
    }
}
