//! A job guessed from the files in a folder: formats, columns, types and keys, each tried on the files before it is said.
//! What cannot be told from the files is a doubt, and said as one.

mod files;
mod fixed;
mod header;
mod keys;
mod known;
mod names;
mod settle;
mod sight;
mod values;
mod write;

pub use known::Known;
pub use settle::Column;
pub use write::job_file;

use crate::error::Result;
use crate::unpack::{Location, head, unpacked_name};
use files::{Entry, Walked, walk};
use settle::{Unsettled, settle};
use sight::{Bytes, Sight, sights};
use std::collections::BTreeMap;
use std::path::Path;
use tieout_parsers::{OptionValue, registry};
use values::Readings;

/// What a folder's files seem to be.
pub struct Guess {
    /// Sources with tables of their own.
    pub sources: Vec<Source>,
    /// Sources of the rent archive, whose tables are the app's.
    pub known: Vec<Known>,
    /// The folder of schema steps, when there is one that tieout knows.
    pub migrations: bool,
    /// Files that no source is for.
    pub left_out: Vec<LeftOut>,
}

/// A source, and the table it fills.
pub struct Source {
    /// The name of both.
    pub name: String,
    /// How its files are read.
    pub format: &'static str,
    /// What its files' bytes are, when that must be said.
    pub encoding: Option<&'static str>,
    /// Patterns that match its files.
    pub patterns: Vec<String>,
    /// Its files.
    pub files: Vec<Seen>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The settings of its format.
    pub options: BTreeMap<String, OptionValue>,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The column of the key that counts equal rows.
    pub nth: Option<String>,
    /// How many rows the table will have, as far as the files were read.
    pub rows: usize,
    /// Whether all files were read to the end.
    pub whole: bool,
    /// Whether times without an offset are among its values.
    pub wall: bool,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

/// A file of a source.
pub struct Seen {
    /// Its path below the folder.
    pub path: String,
    /// How many rows it has, as far as it was read.
    pub rows: usize,
    /// Whether it was read to the end.
    pub whole: bool,
}

/// A file that no source is for.
pub struct LeftOut {
    /// Its path below the folder.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A file up to this size is read to the end; of a larger one only so much.
const WHOLE: usize = 64 << 20;
const PART: usize = 16 << 20;
/// Once so much was read, of every other file only so much.
const ENOUGH: usize = 512 << 20;
const LITTLE: usize = 1 << 20;

/// Looks at the files below a folder.
pub fn guess(dir: &Path) -> Result<Guess> {
    let migrations = files::has_migrations(dir);
    let mut walked = walk(dir, migrations)?;
    let mut left_out = std::mem::take(&mut walked.left_out);
    let mut looked = Vec::new();
    let mut spent = 0;
    for (n, entry) in walked.files.iter().enumerate() {
        match Looked::at(n, entry, spent) {
            Ok((file, bytes)) => {
                spent += bytes.len();
                looked.push((file, known::recognise(&entry.path, &bytes)));
            }
            Err(reason) => left_out.push(LeftOut { path: entry.path.clone(), reason }),
        }
    }
    let archive = migrations || looked.iter().any(|(_, kind)| kind.as_ref().is_some_and(|k| k.is_archive()));
    let (mut known, mut rest) = (Vec::new(), Vec::new());
    for (file, kind) in looked {
        match kind.filter(|_| archive) {
            Some(kind) => known.push((walked.files[file.entry].path.clone(), kind)),
            None => rest.push(file),
        }
    }
    let known = known::gather(known, &walked);
    let mut taken: Vec<String> = if known.is_empty() { Vec::new() } else { known::TABLES.map(str::to_owned).to_vec() };
    taken.extend(known.iter().map(|k| k.name.clone()));
    let mut sources = Vec::new();
    for group in groups(rest, &walked.files, &mut left_out) {
        group.settle(&walked, &mut taken, &mut sources, &mut left_out);
    }
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Guess { sources, known, migrations, left_out })
}

/// A file that was read once, and how far.
#[derive(Clone, Copy)]
struct Looked {
    entry: usize,
    limit: usize,
    whole: bool,
}

impl Looked {
    fn at(entry: usize, of: &Entry, spent: usize) -> std::result::Result<(Looked, Vec<u8>), String> {
        let limit = if spent > ENOUGH { LITTLE } else { WHOLE };
        let (bytes, more) = head(&Location::File(of.file.clone()), &of.path, limit)?;
        let limit = if more { limit.min(PART) } else { limit };
        let looked = Looked { entry, limit, whole: !more };
        Ok((looked, looked.cut(bytes)))
    }

    /// Of a file that is not read to the end, whole lines.
    fn cut(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if !self.whole {
            bytes.truncate(self.limit);
            bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        }
        bytes
    }

    fn again(self, entries: &[Entry]) -> std::result::Result<(String, Vec<u8>), String> {
        let entry = &entries[self.entry];
        let (bytes, _) = head(&Location::File(entry.file.clone()), &entry.path, self.limit)?;
        Ok((unpacked_name(&entry.path).to_owned(), self.cut(bytes)))
    }
}

/// Files that look alike, in one folder.
struct Group {
    folder: String,
    files: Vec<(Looked, Sight)>,
    sight: Sight,
}

fn groups(looked: Vec<Looked>, entries: &[Entry], left_out: &mut Vec<LeftOut>) -> Vec<Group> {
    let registry = registry();
    let timezone = jiff::tz::TimeZone::UTC;
    let Some(csv) = registry.find("csv") else { return Vec::new() };
    let readings = Readings::new(csv, &timezone);
    let mut groups: Vec<Group> = Vec::new();
    for file in looked {
        let path = &entries[file.entry].path;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let seen = file.again(entries).and_then(|(_, bytes)| sights(path, &bytes, file.whole, &readings));
        let seen = match seen {
            Ok(seen) => seen,
            Err(reason) => {
                left_out.push(LeftOut { path: path.clone(), reason });
                continue;
            }
        };
        for sight in seen {
            let alike = |g: &&mut Group| {
                let same_file = g.files.iter().any(|(f, _)| f.entry == file.entry);
                let called = letters(path) == letters(&entries[g.files[0].0.entry].path);
                g.folder == folder && !same_file && g.sight.is_like(&sight, called)
            };
            match groups.iter_mut().find(alike) {
                Some(group) => {
                    group.sight.merge(sight.clone());
                    group.files.push((file, sight));
                }
                None => groups.push(Group { folder: folder.clone(), files: vec![(file, sight.clone())], sight }),
            }
        }
    }
    groups
}

impl Group {
    /// Makes a source of it; of each file one, where they contradict each other.
    fn settle(self, walked: &Walked, taken: &mut Vec<String>, sources: &mut Vec<Source>, left_out: &mut Vec<LeftOut>) {
        let entries = &walked.files;
        let paths: Vec<&str> = self.files.iter().map(|(f, _)| entries[f.entry].path.as_str()).collect();
        let whole = self.files.iter().all(|(f, _)| f.whole);
        let load = |n: usize| self.files[n].0.again(entries);
        let settled = settle(&self.sight, self.files.len(), whole, &load);
        let reason = match (settled, walked.patterns(&paths)) {
            (Ok(settled), Some(patterns)) => {
                let name = names::free(self.name(&paths), taken);
                taken.push(name.clone());
                sources.push(self.source(name, patterns, whole, settled, entries));
                return;
            }
            (Ok(_), None) => "no pattern matches it and no other file; rename it".to_owned(),
            (Err(Unsettled::Unreadable(why)), _) if self.files.len() == 1 => why,
            (Err(_), _) if self.files.len() > 1 => {
                for (file, sight) in self.files {
                    let alone = Group { folder: self.folder.clone(), files: vec![(file, sight.clone())], sight };
                    alone.settle(walked, taken, sources, left_out);
                }
                return;
            }
            (Err(_), _) => "nothing tells its rows apart".to_owned(),
        };
        left_out.extend(paths.iter().map(|path| LeftOut { path: (*path).to_owned(), reason: reason.clone() }));
    }

    /// What its files are called in common; else their folder.
    fn name(&self, paths: &[&str]) -> String {
        let stems: Vec<&str> = paths.iter().map(|p| stem(p)).collect();
        let common = files::common(&stems);
        let shared = if stems.len() > 1 { common.trim_end_matches(|c: char| !c.is_alphabetic()) } else { common };
        let folder = self.folder.rsplit('/').next().unwrap_or_default();
        let wanted = if shared.chars().any(char::is_alphabetic) { shared } else { folder };
        let name = names::name(wanted, "rows");
        match &self.sight.sheet {
            Some(sheet) => names::name(&format!("{name}_{sheet}"), "rows"),
            None => name,
        }
    }

    fn source(&self, name: String, patterns: Vec<String>, whole: bool, settled: settle::Settled, entries: &[Entry]) -> Source {
        let seen = |(f, sight): &(Looked, Sight)| Seen { path: entries[f.entry].path.clone(), rows: sight.rows, whole: f.whole };
        let encoding = match self.sight.bytes {
            Bytes::Windows1252 => Some("windows-1252"),
            Bytes::Mixed => Some("auto"),
            _ => None,
        };
        let timed = |c: &Column| c.kind == tieout_parsers::FieldKind::Timestamp;
        let wall = |c: &Column| self.sight.columns.iter().any(|s| s.from == c.from && s.profile.wall);
        Source {
            name,
            format: self.sight.format,
            encoding,
            patterns,
            files: self.files.iter().map(seen).collect(),
            wall: settled.columns.iter().any(|c| timed(c) && wall(c)),
            columns: settled.columns,
            options: settled.options,
            key: settled.key,
            nth: settled.nth,
            rows: settled.rows,
            whole,
            doubts: settled.doubts,
        }
    }
}

/// What is left of a file's name without numbers: `bank-2025-01.csv` and `bank-2025-02.csv` are called alike.
fn letters(path: &str) -> String {
    stem(path).chars().filter(|c| c.is_alphabetic()).collect()
}

/// A file's name without folder and endings.
fn stem(path: &str) -> &str {
    let name = unpacked_name(path);
    let name = name.rsplit('/').next().unwrap_or(name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
