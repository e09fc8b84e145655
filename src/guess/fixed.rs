//! Columns of fixed width: where every line is blank, a column ends.

use super::header::{Header, is_header};
use super::sight::Seen;
use super::values::{Profile, Readings};
use std::ops::Range;
use tieout_parsers::look::Cell;
use tieout_parsers::{FieldKind, Text};

/// What fixed width was made of a text.
pub(super) struct Found {
    pub(super) skip: usize,
    pub(super) columns: Vec<Seen>,
    pub(super) rows: usize,
    pub(super) doubts: Vec<String>,
}

/// The longest line that is taken for fixed width.
const LONGEST: usize = 4000;

/// The columns of a text, if it has at least two and one of them is more than text: else prose would be a table, too.
pub(super) fn columns(text: &Text<'_>, readings: &Readings<'_>) -> Option<Found> {
    let lines = || text.lines().filter(|(_, line)| !line.trim().is_empty());
    if lines().nth(1).is_none() || text.as_str().contains('\t') || lines().any(|(_, l)| l.chars().count() > LONGEST) {
        return None;
    }
    let headed = |ruled: bool| {
        let skip = if ruled { lines().nth(1)?.0 } else { lines().next()?.0 };
        let ruler = |line: &str| ruled && is_ruler(line);
        let named = titled(parts(lines().filter(|(_, l)| !ruler(l)).map(|l| l.1)), lines().next()?.1);
        let below = parts(lines().filter(|(n, _)| *n > skip).map(|l| l.1));
        let ranges = widened(if named.len() < 2 { below } else { named }, || lines().map(|l| l.1));
        let first: Vec<String> = ranges.iter().map(|r| cut(lines().next().map_or("", |l| l.1), r).trim().to_owned()).collect();
        let profiles = profiled(lines().filter(|(n, _)| *n > skip).map(|l| l.1), &ranges, readings);
        match is_header(&first, &profiles.iter().collect::<Vec<_>>(), readings) {
            Header::Yes => Some((skip, ranges, first, profiles)),
            _ => None,
        }
    };
    let ruled = lines().nth(1).is_some_and(|(_, l)| is_ruler(l));
    let (skip, ranges, titles, profiles) = headed(ruled).or_else(|| {
        let ranges = widened(rejoined(parts(lines().map(|l| l.1)), || lines().map(|l| l.1)), || lines().map(|l| l.1));
        let profiles = profiled(lines().map(|l| l.1), &ranges, readings);
        Some((0, ranges, Vec::new(), profiles))
    })?;
    let rows = lines().filter(|(n, _)| *n > skip).count();
    let some_typed = profiles.iter().any(|p| p.any_kind() != FieldKind::Text);
    if ranges.len() < 2 || rows < 2 || !some_typed {
        return None;
    }
    let title = |n: usize| titles.get(n).filter(|t| !t.is_empty()).cloned().unwrap_or_else(|| format!("column_{}", n + 1));
    let seen = |(n, (range, profile)): (usize, (&Range<usize>, Profile))| Seen {
        from: format!("{}-{}", range.start + 1, range.end),
        title: title(n),
        profile,
    };
    let columns = ranges.iter().zip(profiles).enumerate().map(seen).collect();
    let doubts = vec!["the columns are where every line has a blank between them; the last one has room for longer texts".into()];
    Some(Found { skip, columns, rows, doubts })
}

fn is_ruler(line: &str) -> bool {
    line.contains("--") && line.chars().all(|c| "-=+| ".contains(c))
}

/// The stretches of characters that are blank in no line at once.
fn parts<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<Range<usize>> {
    let mut used: Vec<bool> = Vec::new();
    for line in lines {
        for (n, c) in line.chars().enumerate() {
            if n >= used.len() {
                used.push(false);
            }
            used[n] |= !c.is_whitespace();
        }
    }
    let mut parts: Vec<Range<usize>> = Vec::new();
    for n in (0..used.len()).filter(|n| used[*n]) {
        match parts.last_mut() {
            Some(last) if last.end == n => last.end += 1,
            _ => parts.push(n..n + 1),
        }
    }
    parts
}

/// Below names of columns: a part that no name stands above is the rest of the part before it.
fn titled(parts: Vec<Range<usize>>, header: &str) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if cut(header, &part).trim().is_empty() => last.end = part.end,
            _ => joined.push(part),
        }
    }
    joined
}

/// Without names of columns: a part that is not filled in every line, one blank behind another, is the rest of its text.
fn rejoined<'l, L: Iterator<Item = &'l str>>(parts: Vec<Range<usize>>, lines: impl Fn() -> L) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for part in parts {
        let always = lines().all(|l| !cut(l, &part).trim().is_empty());
        match joined.last_mut() {
            Some(last) if !always && part.start - last.end == 1 => last.end = part.end,
            _ => joined.push(part),
        }
    }
    joined
}

/// The blanks between two columns go to the left one, or to the right one where that is flush right; one blank stays
/// between them. The last column gets room.
fn widened<'l, L: Iterator<Item = &'l str>>(mut parts: Vec<Range<usize>>, lines: impl Fn() -> L) -> Vec<Range<usize>> {
    for n in 1..parts.len() {
        let (left, right) = (parts[n - 1].end, parts[n].start);
        let flush_right = lines().any(|l| cut(l, &(right..right + 1)).trim().is_empty() && !cut(l, &parts[n]).trim().is_empty());
        if flush_right {
            parts[n].start = (left + 1).min(right);
        } else {
            parts[n - 1].end = right.saturating_sub(1).max(left);
        }
    }
    let last_is_text =
        |last: &Range<usize>| lines().all(|l| cut(l, last).trim().is_empty() || !cut(l, &(last.start..last.start + 1)).trim().is_empty());
    if let Some(last) = parts.last_mut().filter(|l| last_is_text(l)) {
        last.end = (last.end + 10).div_ceil(20) * 20;
    }
    parts
}

/// The characters of a line within a range.
fn cut<'l>(line: &'l str, range: &Range<usize>) -> &'l str {
    let at = |n: usize| line.char_indices().nth(n).map_or(line.len(), |(i, _)| i);
    &line[at(range.start)..at(range.end)]
}

fn profiled<'l>(lines: impl Iterator<Item = &'l str>, ranges: &[Range<usize>], readings: &Readings<'_>) -> Vec<Profile> {
    let mut profiles = vec![Profile::default(); ranges.len()];
    for line in lines {
        for (range, profile) in ranges.iter().zip(&mut profiles) {
            profile.add(&Cell::Text(cut(line, range).into()), readings);
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Vec<(String, String)>> {
        let registry = tieout_parsers::registry();
        let utc = jiff::tz::TimeZone::UTC;
        let readings = Readings::new(registry.find("csv").unwrap(), &utc);
        let text = Text::decode(text.as_bytes(), tieout_parsers::Encoding::Utf8).unwrap();
        Some(columns(&text, &readings)?.columns.into_iter().map(|c| (c.title, c.from)).collect())
    }

    #[test]
    fn columns_end_where_every_line_is_blank() {
        let owned = |pairs: &[(&str, &str)]| Some(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>());
        let headed = "KONTO DATUM           BELOPP TEXT\n1930  2025-10-01    -1632,00 El\n1930  2025-10-03    24530,50 Hyra oktober\n";
        assert_eq!(found(headed), owned(&[("KONTO", "1-5"), ("DATUM", "7-16"), ("BELOPP", "18-28"), ("TEXT", "30-60")]));
        let ruled = "KONTO BELOPP\n----- ------\n1930    1,00\n1931    2,00\n";
        assert_eq!(found(ruled), owned(&[("KONTO", "1-5"), ("BELOPP", "7-12")]));
        let bare = "1930 Hyra oktober\n1931 El\n1932 Hyra\n";
        assert_eq!(found(bare), owned(&[("column_1", "1-4"), ("column_2", "6-40")]));
        assert_eq!(found("Dear all,\nthe rent is due.\nYours\n"), None, "prose is no table");
    }
}
