//! The month that a title names, in English or Swedish: `March 2025 - With Adam`, `hyra mars 2025`, `2025-03`.

use tieout_parsers::Month;

/// The names of the months, with the spellings in use.
const NAMES: [&[&str]; 12] = [
    &["january", "januari", "jan"],
    &["february", "februari", "feb"],
    &["march", "mars", "mar"],
    &["april", "apr"],
    &["may", "maj"],
    &["june", "juni", "jun"],
    &["july", "juli", "jul"],
    &["august", "augusti", "aug"],
    &["september", "sept", "sep"],
    &["october", "oktober", "oct", "okt"],
    &["november", "nov"],
    &["december", "dec"],
];

/// The month that a text names with its year. `None` when it names none, or more than one.
pub(crate) fn month_in(title: &str) -> Option<Month> {
    let lower = title.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut found: Vec<Month> = Vec::new();
    let mut named: Vec<i64> = words.iter().filter_map(|w| name(w)).collect();
    for pair in words.windows(2) {
        let [a, b] = pair else { continue };
        let month = match (year(a), name(a), year(b), name(b)) {
            (None, Some(month), Some(year), _) | (Some(year), _, None, Some(month)) => Month::new(year, month),
            (Some(year), _, None, None) => number(b).and_then(|month| Month::new(year, month)),
            _ => None,
        };
        found.extend(month);
    }
    named.dedup();
    found.dedup();
    // "February and March 2025" names two months, though but one of them with its year.
    if named.len() > 1 { None } else { found.first().copied().filter(|_| found.len() == 1) }
}

fn name(word: &str) -> Option<i64> {
    let at = NAMES.iter().position(|names| names.contains(&word))?;
    i64::try_from(at + 1).ok()
}

fn year(word: &str) -> Option<i64> {
    let digits = word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten().filter(|y| (1900..2200).contains(y))
}

/// A month as two digits, as in `2025-03`.
fn number(word: &str) -> Option<i64> {
    (word.len() == 2 && word.bytes().all(|b| b.is_ascii_digit())).then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::month_in;

    #[test]
    fn a_title_names_a_month_in_either_language() {
        for (title, month) in [
            ("March 2025 - With Adam (Exact Half Rent)", "2025-03"),
            ("Hyra mars 2025", "2025-03"),
            ("2025 MAJ", "2025-05"),
            ("Rent 2025-03", "2025-03"),
            ("2025_11 slutlig", "2025-11"),
            ("Oktober, 2024: March 8 people", ""),
            ("Okt 2024", "2024-10"),
            ("November 2024 - Malin Out, Elvira In", "2024-11"),
            ("November 2024 (nov 2024)", "2024-11"),
        ] {
            assert_eq!(month_in(title).map_or(String::new(), |m| m.to_string()), month, "{title}");
        }
    }

    #[test]
    fn what_names_no_month_or_two_names_none() {
        for title in [
            "",
            "With Adam",
            "March",
            "2025",
            "February and March 2025",
            "March 2025, April 2025",
            "2025-13",
            "Rooms 2025 1000",
            "maybe 2025",
        ] {
            assert_eq!(month_in(title), None, "{title}");
        }
    }
}
