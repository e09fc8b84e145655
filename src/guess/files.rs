//! The files below a folder that are worth a look, and the patterns that match them and no others.

use super::LeftOut;
use crate::discover::no_file;
use crate::error::{Result, Stop, io_words};
use crate::job;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// How deep folders are looked into, and how many files at most.
const DEPTH: usize = 12;
const FILES: usize = 10_000;

/// A file to look at.
pub(super) struct Entry {
    /// Path below the folder, with `/`.
    pub(super) path: String,
    pub(super) file: PathBuf,
}

/// What is below a folder.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) files: Vec<Entry>,
    /// Every path that a pattern could match, looked at or not.
    pub(super) all: Vec<String>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Walks a folder in the order of names. Links are not followed.
pub(super) fn walk(dir: &Path, migrations: bool) -> Result<Walked> {
    let cannot = |why: &str| Stop::usage(format!("cannot read the folder {}: {why}", dir.display()), "check the path and its permissions");
    let root = dir.canonicalize().map_err(|e| cannot(&io_words(&e)))?;
    if !root.is_dir() {
        return Err(Stop::usage(format!("{} is no folder", dir.display()), "give the folder that the files are in"));
    }
    let mut walked = Walked::default();
    let wanted = |entry: &DirEntry| {
        let steps = migrations && entry.depth() == 1 && entry.file_name() == "migrations";
        entry.depth() == 0 || !entry.file_type().is_dir() || !(steps || is_nobodys(&entry.file_name().to_string_lossy()))
    };
    for entry in WalkDir::new(&root).max_depth(DEPTH).sort_by_file_name().into_iter().filter_entry(wanted) {
        match entry {
            Ok(entry) if entry.depth() == 0 => {}
            Ok(entry) if entry.depth() == DEPTH && entry.file_type().is_dir() => {
                walked.leave_out(shown(&root, entry.path()), "a folder too deep to look into; run `tieout init` there");
            }
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => walked.meet(&root, &entry),
            Err(error) => {
                let path = error.path().map(|p| shown(&root, p)).unwrap_or_default();
                walked.leave_out(path, &error.io_error().map_or("it cannot be read".into(), io_words));
            }
        }
    }
    if walked.files.len() > FILES {
        let more = walked.files.split_off(FILES).len();
        walked.leave_out(format!("{more} more files"), &format!("only the first {FILES} were looked at; give a smaller folder"));
    }
    Ok(walked)
}

impl Walked {
    fn meet(&mut self, root: &Path, entry: &DirEntry) {
        let path = shown(root, entry.path());
        self.all.push(path.clone());
        let name = entry.file_name().to_string_lossy();
        if is_nobodys(&name) || is_ours(&name) {
            return;
        }
        if entry.path_is_symlink() {
            return self.link(root, path, entry.path());
        }
        if let Some(what) = no_file(entry.file_type()) {
            return self.leave_out(path, &format!("{what}, and no file"));
        }
        if entry.path().to_str().is_none() || path.contains(['\n', '\r']) {
            return self.leave_out(path, "no job file can write its name; rename it");
        }
        if path.contains(".zip/") {
            return self.leave_out(path, "a job file takes `.zip/` for an archive; rename the folder");
        }
        self.files.push(Entry { path, file: entry.path().to_owned() });
    }

    fn link(&mut self, root: &Path, path: String, file: &Path) {
        let why = match file.canonicalize() {
            Err(_) => "a link to nowhere".to_owned(),
            Ok(real) if real.starts_with(root) => format!("a link to {}, which is looked at there", shown(root, &real)),
            Ok(real) => format!("a link to {}, outside the folder; tieout reads nothing there", real.display()),
        };
        self.leave_out(path, &why);
    }

    fn leave_out(&mut self, path: String, reason: &str) {
        self.left_out.push(LeftOut { path, reason: reason.to_owned() });
    }

    /// Patterns that match these files and nothing else: one where one does, else one a file.
    pub(super) fn patterns(&self, paths: &[&str]) -> Option<Vec<String>> {
        let one = match paths {
            [path] => vec![literal(path)],
            several => globs(several),
        };
        let wanted: BTreeSet<&str> = paths.iter().copied().collect();
        if let Some(exact) = one.into_iter().find(|p| self.matches(p).is_some_and(|m| m == wanted)) {
            return Some(vec![exact]);
        }
        let each: Vec<String> = paths.iter().map(|p| literal(p)).collect();
        let alone = |(pattern, path): (&String, &&str)| self.matches(pattern).is_some_and(|m| m.len() == 1 && m.contains(path));
        each.iter().zip(paths).all(alone).then_some(each)
    }

    fn matches(&self, pattern: &str) -> Option<BTreeSet<&str>> {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build().ok()?.compile_matcher();
        Some(self.all.iter().map(String::as_str).filter(|p| glob.is_match(p)).collect())
    }
}

/// A pattern for one file: what means something in patterns stands as any character.
fn literal(path: &str) -> String {
    path.chars().map(|c| if "[]{}*?\\!".contains(c) { '?' } else { c }).collect()
}

/// Patterns that match several files of one folder, the widest first.
fn globs(paths: &[&str]) -> Vec<String> {
    let names: Vec<&str> = paths.iter().map(|p| p.rsplit('/').next().unwrap_or(p)).collect();
    let folder = literal(&paths[0][..paths[0].len() - names[0].len()]);
    let (prefix, suffix) = (common(&names), common_end(&names));
    let ending = suffix.find('.').map_or("", |at| &suffix[at..]);
    // Next month's file should match as well: the number that the names have in common by chance is no part of them.
    let letters = prefix.trim_end_matches(|c: char| c.is_ascii_digit() || "-_. ".contains(c)).len();
    let word = prefix[letters..].chars().next().filter(|c| !c.is_ascii_digit()).map_or(letters, |_| letters + 1);
    vec![
        format!("{folder}*{}", literal(ending)),
        format!("{folder}{}*{}", literal(&prefix[..word]), literal(ending)),
        format!("{folder}{}*{}", literal(prefix), literal(ending)),
        format!("{folder}{}*{}", literal(prefix), literal(suffix)),
    ]
}

/// What all names begin with.
pub(super) fn common<'n>(names: &[&'n str]) -> &'n str {
    let Some((first, rest)) = names.split_first() else { return "" };
    let ends = first.char_indices().map(|(i, c)| i + c.len_utf8());
    let end = ends.take_while(|end| rest.iter().all(|n| n.starts_with(&first[..*end]))).last().unwrap_or(0);
    &first[..end]
}

fn common_end<'n>(names: &[&'n str]) -> &'n str {
    let Some((first, rest)) = names.split_first() else { return "" };
    let from = first.char_indices().map(|(i, _)| i).find(|i| rest.iter().all(|n| n.ends_with(&first[*i..])));
    from.map_or("", |i| &first[i..])
}

/// Whether `migrations` below a folder holds steps in a layout that tieout knows.
pub(super) fn has_migrations(dir: &Path) -> bool {
    let steps = std::fs::read_dir(dir.join("migrations")).into_iter().flatten().flatten();
    let mut steps = steps.map(|e| e.path()).filter(|p| p.is_dir());
    steps.any(|p| p.join("up.sql").is_file() || (p.join("sqlite/up.sql").is_file() && p.join("postgres/up.sql").is_file()))
}

/// Hidden, or left there by a tool.
fn is_nobodys(name: &str) -> bool {
    name.starts_with('.') || ["target", "node_modules", "tieout-reports"].contains(&name)
}

/// Left there by tieout or a database.
fn is_ours(name: &str) -> bool {
    let endings = [".db", ".sqlite", ".sqlite3", "-wal", "-shm", "-journal", ".tieout-lock"];
    name == job::FILE || endings.iter().any(|e| name.ends_with(e))
}

fn shown(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(all: &[&str], wanted: &[&str]) -> Option<Vec<String>> {
        let walked = Walked { all: all.iter().map(|p| (*p).to_owned()).collect(), ..Walked::default() };
        walked.patterns(wanted)
    }

    #[test]
    fn a_pattern_matches_the_files_it_is_for_and_no_other() {
        let all = ["a/1.csv", "a/2.csv", "a/x.txt", "b/1.csv", "sum-1.csv", "sum-2.csv", "x.csv", "odd[1].csv"];
        let one = |pattern: &str| Some(vec![pattern.to_owned()]);
        assert_eq!(patterns(&all, &["a/1.csv", "a/2.csv"]), one("a/*.csv"));
        assert_eq!(patterns(&all, &["sum-1.csv", "sum-2.csv"]), one("sum-*.csv"));
        assert_eq!(patterns(&all, &["x.csv", "sum-2.csv"]), Some(vec!["x.csv".into(), "sum-2.csv".into()]));
        assert_eq!(patterns(&all, &["odd[1].csv"]), one("odd?1?.csv"));
        assert_eq!(patterns(&["a[1].csv", "a(1).csv", "a{1}.csv"], &["a[1].csv"]), None, "no pattern tells these apart");
    }
}
