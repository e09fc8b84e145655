//! Where a fault stands and what it changed, found by comparing the files, so that an auditor need not believe the planter.

use super::render::Files;
use std::fmt;

/// The place of a fault, and what stood and stands there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Trace {
    pub(crate) file: String,
    /// From 1; `None` where a whole file came, went or got another name.
    pub(crate) line: Option<usize>,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Trace {
    /// `None` where nothing was changed.
    pub(crate) fn between(before: &Files, after: &Files) -> Option<Trace> {
        let gone = before.keys().find(|p| !after.contains_key(*p));
        let come = after.keys().find(|p| !before.contains_key(*p));
        let whole = |file: &str, before: &str, after: &str| {
            Some(Trace { file: file.to_owned(), line: None, before: before.to_owned(), after: after.to_owned() })
        };
        match (gone, come) {
            (Some(gone), Some(come)) => return whole(gone, gone, come),
            (Some(gone), None) => return whole(gone, gone, "(no such file)"),
            (None, Some(come)) => {
                let like = before.iter().find(|(_, text)| **text == after[come]).map_or("(no such file)", |(path, _)| path);
                return whole(come, like, &format!("{like} and {come}"));
            }
            (None, None) => {}
        }
        let (file, text) = before.iter().find(|(path, text)| after[*path] != **text)?;
        let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), after[file].lines().collect());
        let (gone, come) = differing(&old, &new);
        let line = gone.first().map_or_else(|| come[0].0 + 1, |(n, _)| n + 1);
        let moved = gone.len() == 1 && come.len() == 1 && gone[0].1 == come[0].1;
        let after = match come.as_slice() {
            [(n, text)] if moved => format!("{} as line {}", text.trim(), n + 1),
            come => said(come),
        };
        Some(Trace { file: file.clone(), line: Some(line), before: said(&gone), after })
    }
}

/// Lines with their numbers, from 0.
type Numbered<'t> = Vec<(usize, &'t str)>;

fn said(lines: &[(usize, &str)]) -> String {
    match lines {
        [] => "(nothing)".to_owned(),
        [.., _, _, _, _] => format!("{} … {} lines", lines[0].1.trim(), lines.len()),
        lines => lines.iter().map(|(_, text)| text.trim()).collect::<Vec<_>>().join(" / "),
    }
}

/// The lines that are not common to both.
fn differing<'t>(old: &[&'t str], new: &[&'t str]) -> (Numbered<'t>, Numbered<'t>) {
    // The longest common subsequence of what is left from each pair of places on.
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut gone, mut come) = (0, 0, Vec::new(), Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            gone.push((i, old[i]));
            i += 1;
        } else {
            come.push((j, new[j]));
            j += 1;
        }
    }
    (gone, come)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map_or(String::new(), |n| format!(":{n}"));
        // A tab would end a cell of some tables, and be no tab in others.
        let text = |t: &str| t.replace('\t', " ");
        write!(f, "{}{line}: `{}` → `{}`", self.file, text(&self.before), text(&self.after))
    }
}
