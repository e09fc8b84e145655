//! Whether the first row of a text names its columns. A row that is taken for names is lost, so names must look like names.

use super::values::{Profile, Readings};
use tieout_parsers::FieldKind;
use tieout_parsers::look::Cell;

/// Whether a first row names the columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    Yes,
    No,
    /// It may; nothing speaks against it.
    Perhaps,
}

/// A first row with a word where numbers or days follow names the columns; one with a number or day there is a row, unless
/// all of these are years.
pub(super) fn is_header(first: &[String], below: &[&Profile], readings: &Readings<'_>) -> Header {
    let mut typed = first.iter().zip(below).filter(|(title, p)| !title.is_empty() && p.any_kind() != FieldKind::Text).peekable();
    let distinct = first.iter().enumerate().all(|(n, title)| title.is_empty() || !first[..n].contains(title));
    let is_name = |title: &str| title.starts_with(|c: char| !c.is_ascii_digit() && !"+-\u{2212}".contains(c));
    if typed.peek().is_none() {
        let all = distinct && first.iter().all(|t| is_name(t));
        return if all { Header::Perhaps } else { Header::No };
    }
    let (names, values): (Vec<_>, Vec<_>) = typed.partition(|(title, profile)| is_name(title) && !fits(title, profile, readings));
    let is_year = |title: &str| title.len() == 4 && title.parse().is_ok_and(|year: u16| (1900..2200).contains(&year));
    match (names.is_empty(), values.is_empty()) {
        (false, true) => Header::Yes,
        (_, false) if distinct && values.iter().all(|(title, _)| is_year(title)) && first.iter().all(|t| !t.is_empty()) => Header::Perhaps,
        _ => Header::No,
    }
}

fn fits(title: &str, profile: &Profile, readings: &Readings<'_>) -> bool {
    let mut with = profile.clone();
    with.add(&Cell::Text(title.to_owned().into()), readings);
    with.any_kind() != FieldKind::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_values_is_never_taken_for_names() {
        let registry = tieout_parsers::registry();
        let utc = jiff::tz::TimeZone::UTC;
        let readings = Readings::new(registry.find("csv").unwrap(), &utc);
        let header = |first: &[&str], below: &[&[&str]]| {
            let column = |n: usize| {
                let mut profile = Profile::default();
                below.iter().for_each(|row| profile.add(&Cell::Text(row[n].into()), &readings));
                profile
            };
            let profiles: Vec<Profile> = (0..first.len()).map(column).collect();
            let first: Vec<String> = first.iter().map(|t| (*t).to_owned()).collect();
            is_header(&first, &profiles.iter().collect::<Vec<_>>(), &readings)
        };
        assert_eq!(header(&["id", "name"], &[&["1", "Bo"]]), Header::Yes);
        assert_eq!(header(&["0101", "Bo"], &[&["1930", "Eva"]]), Header::No, "an account is no name");
        assert_eq!(header(&["1", "unknown"], &[&["2", "5.5"]]), Header::No, "a number speaks against it");
        assert_eq!(header(&["name", "town"], &[&["Bo", "Lund"]]), Header::Perhaps);
        assert_eq!(header(&["Bo", "Bo"], &[&["Eva", "Lund"]]), Header::No);
        assert_eq!(header(&["region", "2024", "2025"], &[&["north", "17.5", "18"]]), Header::Perhaps, "years may be names");
        assert_eq!(header(&["2025-10-01", "5"], &[&["2025-10-02", "6"]]), Header::No);
    }
}
