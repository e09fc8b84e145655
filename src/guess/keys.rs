//! What tells rows apart: the smallest set of columns that is filled and unique in all rows that were read.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use tieout_parsers::{Decimal, FieldKind, FieldValue};

/// The most columns that sets of several are tried of; a wide table has too many sets.
const TRIED: usize = 14;

/// The rows of a source as hashes of their values, and what was counted of them.
pub(super) struct Rows {
    width: usize,
    values: Vec<u64>,
    /// Rows that an earlier file has to the letter, and as often as this one so far: one row of the table.
    repeated: Vec<bool>,
    /// How often a row stands in an earlier file, at most.
    earlier: HashMap<u64, usize>,
    /// Where the rows of each file begin.
    files: Vec<usize>,
    /// Rows in which the column is filled.
    pub(super) filled: Vec<usize>,
    /// The sum of its numbers, while it can be counted.
    pub(super) sums: Vec<Option<Decimal>>,
}

/// The key of a table, by index of its columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) columns: Vec<usize>,
    /// Whether equal rows must be counted besides.
    pub(super) counted: bool,
}

/// A column that may be part of a key.
pub(super) struct Candidate<'c> {
    pub(super) name: &'c str,
    pub(super) kind: FieldKind,
}

const EMPTY: u64 = 0;

impl Rows {
    pub(super) fn new(width: usize) -> Rows {
        let (filled, sums) = (vec![0; width], vec![Some(Decimal::ZERO); width]);
        Rows { width, values: Vec::new(), repeated: Vec::new(), earlier: HashMap::new(), files: Vec::new(), filled, sums }
    }

    /// How many rows the table will have.
    pub(super) fn len(&self) -> usize {
        self.repeated.iter().filter(|r| !**r).count()
    }

    pub(super) fn add_file<'v>(&mut self, rows: impl Iterator<Item = &'v [Option<FieldValue>]>) {
        let from = self.repeated.len();
        self.files.push(from);
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for row in rows {
            let at = self.values.len();
            self.values.extend(row.iter().map(|v| v.as_ref().map_or(EMPTY, hash)));
            let whole = together(self.values[at..].iter());
            let count = counts.entry(whole).or_default();
            *count += 1;
            let repeated = self.earlier.get(&whole).is_some_and(|before| before >= count);
            self.repeated.push(repeated);
            for (n, value) in row.iter().enumerate().filter(|(_, v)| !repeated && v.is_some()) {
                self.filled[n] += 1;
                if let Some(FieldValue::Number(number)) = value {
                    self.sums[n] = self.sums[n].and_then(|sum| sum.checked_add(*number));
                }
            }
        }
        for (whole, count) in counts {
            let most = self.earlier.entry(whole).or_default();
            *most = count.max(*most);
        }
    }

    fn row(&self, n: usize) -> &[u64] {
        &self.values[n * self.width..(n + 1) * self.width]
    }

    fn is_unique(&self, columns: &[usize]) -> bool {
        let mut seen = HashSet::new();
        let mut rows = (0..self.repeated.len()).filter(|n| !self.repeated[*n]);
        rows.all(|n| seen.insert(together(columns.iter().map(|c| &self.row(n)[*c]))))
    }

    /// The key; `None` where rows of different files contradict each other under every key.
    pub(super) fn key(&self, columns: &[Candidate<'_>]) -> Option<Key> {
        let filled: Vec<usize> = (0..self.width).filter(|n| self.filled[*n] == self.len()).collect();
        let mut ranked: Vec<usize> = filled.iter().copied().filter(|n| columns[*n].kind != FieldKind::Bool).collect();
        ranked.sort_by_key(|n| (rank(&columns[*n]), *n));
        for size in 1..=3 {
            let tried = if size == 1 { &ranked[..] } else { &ranked[..ranked.len().min(TRIED)] };
            let mut sets = sets(tried, size);
            // A sum alone tells nothing apart but by chance.
            sets.retain(|set| set.iter().any(|n| rank(&columns[*n]) < AMOUNT));
            sets.sort_by_key(|set| set.iter().map(|n| rank(&columns[*n])).sum::<usize>());
            if let Some(mut set) = sets.into_iter().find(|set| self.is_unique(set)) {
                set.sort_unstable();
                return Some(Key { columns: set, counted: false });
            }
        }
        self.agree_when_counted(&filled).then_some(Key { columns: filled, counted: true })
    }

    /// Whether rows of several files that get one key, each counted in its own file, are the same rows.
    fn agree_when_counted(&self, filled: &[usize]) -> bool {
        let mut seen: HashMap<(u64, usize), u64> = HashMap::new();
        self.files.iter().enumerate().all(|(file, from)| {
            let to = self.files.get(file + 1).copied().unwrap_or(self.repeated.len());
            let mut count: HashMap<u64, usize> = HashMap::new();
            (*from..to).all(|n| {
                let (key, whole) = (together(filled.iter().map(|c| &self.row(n)[*c])), together(self.row(n).iter()));
                let nth = count.entry(key).or_default();
                *nth += 1;
                *seen.entry((key, *nth)).or_insert(whole) == whole
            })
        })
    }
}

const AMOUNT: usize = 2;

/// How good a key a column makes: what is called a number or an id, then days and texts, then amounts.
fn rank(column: &Candidate<'_>) -> usize {
    const IDS: [&str; 15] =
        ["id", "nr", "no", "num", "number", "nummer", "key", "code", "kod", "uuid", "ref", "konto", "account", "meter", "ocr"];
    let called = column.name.split('_').any(|word| IDS.contains(&word));
    match column.kind {
        FieldKind::Decimal { .. } => AMOUNT,
        _ if called || column.name.ends_with("nummer") => 0,
        _ => 1,
    }
}

/// All sets of so many of these, those of the first ones first.
fn sets(of: &[usize], size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let behind = |(n, first): (usize, &usize)| {
        let rest = sets(&of[n + 1..], size - 1);
        rest.into_iter().map(|set| [vec![*first], set].concat()).collect::<Vec<_>>()
    };
    of.iter().enumerate().flat_map(behind).collect()
}

fn hash(value: &FieldValue) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        FieldValue::Text(text) => text.hash(&mut hasher),
        FieldValue::Number(number) => number.normalize().hash(&mut hasher),
        FieldValue::Bool(flag) => flag.hash(&mut hasher),
        FieldValue::Date(date) => date.hash(&mut hasher),
        FieldValue::Month(month) => month.hash(&mut hasher),
        FieldValue::Time(time) => time.hash(&mut hasher),
    }
    hasher.finish().max(EMPTY + 1)
}

fn together<'h>(hashes: impl Iterator<Item = &'h u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    hashes.for_each(|h| h.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONEY: FieldKind = FieldKind::Decimal { precision: 12, scale: 2 };

    /// The key of files of rows; a cell is a text, or nothing.
    fn key(columns: &[(&str, FieldKind)], files: &[&[&[&str]]]) -> Option<(Vec<usize>, bool)> {
        let mut rows = Rows::new(columns.len());
        for file in files {
            let values = |row: &&[&str]| row.iter().map(|t| Some(FieldValue::Text((*t).into())).filter(|_| !t.is_empty())).collect();
            let parsed: Vec<Vec<Option<FieldValue>>> = file.iter().map(values).collect();
            rows.add_file(parsed.iter().map(Vec::as_slice));
        }
        let columns: Vec<Candidate<'_>> = columns.iter().map(|(name, kind)| Candidate { name, kind: *kind }).collect();
        rows.key(&columns).map(|k| (k.columns, k.counted))
    }

    #[test]
    fn the_smallest_set_that_tells_rows_apart_is_the_key() {
        let columns = [("note", FieldKind::Text), ("meter_id", FieldKind::Text), ("amount", MONEY)];
        assert_eq!(key(&columns, &[&[&["a", "1", "5"], &["b", "2", "6"]]]), Some((vec![1], false)), "an id before a text");
        assert_eq!(key(&columns, &[&[&["a", "1", "5"], &["b", "1", "6"]]]), Some((vec![0], false)), "a text before an amount");
        assert_eq!(key(&columns, &[&[&["a", "", "5"], &["a", "2", "6"]]]), Some((vec![0, 2], false)), "an amount never alone");
        assert_eq!(key(&columns, &[&[&["a", "1", "5"], &["a", "1", "5"]]]), Some((vec![0, 1, 2], true)), "equal rows are counted");
        assert_eq!(key(&columns, &[&[&["a", "", "5"], &["a", "2", "5"]]]), Some((vec![0, 2], true)), "what is empty is no key");
    }

    #[test]
    fn a_row_that_two_files_have_is_one_row() {
        let columns = [("day", FieldKind::Date), ("note", FieldKind::Text)];
        assert_eq!(key(&columns, &[&[&["1", "a"], &["2", "b"]], &[&["2", "b"], &["3", "c"]]]), Some((vec![0], false)));
        let twice: &[&[&str]] = &[&["1", ""], &["1", ""]];
        assert_eq!(key(&columns, &[twice, &[&["1", ""]]]), Some((vec![0], true)));
        assert_eq!(key(&columns, &[twice, &[&["1", "x"]]]), None, "under no key the same row");
        let pairs: &[&[&str]] = &[&["1", "a"], &["1", "a"], &["2", "b"]];
        for files in [[pairs, &pairs[..1]], [&pairs[..1], pairs]] {
            assert_eq!(key(&columns, &files), Some((vec![0, 1], true)), "equal rows of one file stay two, whatever other files repeat");
        }
    }
}
