//! Finds the files of a job: patterns below one root, sorted, each with size and SHA-256, and the house that its path names.
//! Nothing outside the root is read.

use crate::digest::sha256_of;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Subject};
use crate::job::{HOUSE, Job, Source};
use crate::unpack::{self, Location};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file of a source, read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Index of its source in the job.
    pub source: usize,
    /// Path relative to the root, with `/`.
    pub path: String,
    /// The house that it is of, where its path or its source says it.
    pub house: Option<String>,
    /// Where its bytes are.
    pub location: Location,
    /// Size in bytes, packed where it is packed.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Why it is left out, if it is.
    pub excluded: Option<String>,
    /// The lines whose records are wanted, where not all are.
    pub only: Option<Vec<Range<usize>>>,
}

/// The files of a job, by source and path, and what is odd about the excludes.
pub fn discover(job: &Job, root: &Path) -> Result<(Vec<SourceFile>, Vec<Finding>)> {
    if !root.is_dir() {
        return Err(Stop::usage(format!("there is no folder {}", root.display()), "--root names the folder that the source files are in"));
    }
    let root = root
        .canonicalize()
        .map_err(|e| Stop::usage(format!("cannot read the folder {}: {}", root.display(), io_words(&e)), "check its permissions"))?;
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for (index, source) in job.sources.iter().enumerate() {
        let (from, mut named) = (files.len(), Vec::new());
        let mut seen: HashMap<String, Option<String>> = HashMap::new();
        for pattern in &source.files {
            let found = located(&root, pattern)?;
            let capture = Capture::of(pattern)?;
            if found.is_empty() {
                return Err(Stop::usage(
                    format!("source `{}`: no file matches `{pattern}` in {}", source.name, root.display()),
                    "check the pattern, or say with --root DIR where the files are",
                ));
            }
            for (path, location) in found {
                let house = match &capture {
                    Some(capture) => Some(capture.house(pattern, &path)?),
                    None => source.house.clone(),
                };
                match seen.get(&path) {
                    None => {
                        seen.insert(path.clone(), house.clone());
                        named.push((path, house, location));
                    }
                    Some(other) if *other != house => return Err(several(&path, other.as_deref().into_iter().chain(house.as_deref()))),
                    Some(_) => {}
                }
            }
        }
        files.extend(opened(index, named)?);
        files[from..].sort_by(|a: &SourceFile, b| a.path.cmp(&b.path));
        exclude(source, &mut files[from..], &mut findings);
    }
    Ok((files, findings))
}

/// What a pattern means: `-` standard input, `archive.zip/*.txt` members of archives, anything else files.
fn located(root: &Path, pattern: &str) -> Result<Vec<(String, Location)>> {
    if pattern == "-" {
        let kept = Location::of_input();
        let hint = "it is kept in a temporary file while it is read";
        return Ok(vec![("-".to_owned(), kept.map_err(|e| Stop::usage(format!("cannot read standard input: {}", io_words(&e)), hint))?)]);
    }
    let Some((archives, members)) = pattern.split_once(".zip/") else {
        return Ok(matching(root, pattern)?.into_iter().map(|(path, real)| (path, Location::File(real))).collect());
    };
    let glob = matcher(members)?;
    let mut found = Vec::new();
    for (path, archive) in matching(root, &format!("{archives}.zip"))? {
        for name in unpack::members(&archive)?.into_iter().filter(|n| glob.is_match(n)) {
            found.push((format!("{path}/{name}"), Location::Member(archive.clone(), name)));
        }
    }
    Ok(found)
}

/// Which part of a path a pattern's `{house}` stands for: what the path is up to it, and from it on.
struct Capture {
    up_to: globset::GlobMatcher,
    from: globset::GlobMatcher,
}

impl Capture {
    fn of(pattern: &str) -> Result<Option<Capture>> {
        let Some((before, behind)) = pattern.trim_start_matches("./").split_once(HOUSE) else { return Ok(None) };
        Ok(Some(Capture { up_to: matcher(&format!("{before}{HOUSE}"))?, from: matcher(&format!("{HOUSE}{behind}"))? }))
    }

    /// The house of a path: the one part of it with what the pattern says before and behind it.
    fn house(&self, pattern: &str, path: &str) -> Result<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let here = |at: &usize| self.up_to.is_match(parts[..=*at].join("/")) && self.from.is_match(parts[*at..].join("/"));
        let found: Vec<usize> = (0..parts.len()).filter(here).collect();
        match found.as_slice() {
            [at] if is_name(parts[*at]) => Ok(parts[*at].to_owned()),
            [at] => Err(Stop::usage(
                format!(
                    "{}: `{}` is no name of a house, which the pattern `{pattern}` takes it for",
                    path.escape_debug(),
                    parts[*at].escape_debug()
                ),
                "a house's folder has a name in UTF-8, without control characters; rename it",
            )),
            _ => Err(several(path, found.iter().map(|at| parts[*at]))),
        }
    }
}

/// Whether a part of a path can name a house. A name that is not UTF-8 was given the replacement character when it was read.
fn is_name(part: &str) -> bool {
    !part.trim().is_empty() && part != "." && part != ".." && !part.contains(|c: char| c.is_control() || c == '\u{fffd}')
}

fn several<'a>(path: &str, houses: impl Iterator<Item = &'a str>) -> Stop {
    let houses: Vec<&str> = houses.collect();
    let found = if houses.is_empty() { "none of its folders".to_owned() } else { houses.join(" or ") };
    Stop::usage(
        format!("{path}: the patterns of the source leave open which house it is of: {found}"),
        "write patterns that fit each file in one way, such as \"data/{house}/*.json\"",
    )
}

/// Whether a file, by its path relative to the root, is one that the source takes.
pub fn takes(source: &Source, path: &Path) -> bool {
    source.files.iter().any(|pattern| matcher(pattern.trim_start_matches("./")).is_ok_and(|matcher| matcher.is_match(path)))
}

fn matcher(pattern: &str) -> Result<globset::GlobMatcher> {
    let glob = globset::GlobBuilder::new(&pattern.replace(HOUSE, "*")).literal_separator(true).build();
    Ok(glob.map_err(|e| Stop::usage(format!("`{pattern}`: {e}"), ""))?.compile_matcher())
}

fn matching(root: &Path, pattern: &str) -> Result<Vec<(String, PathBuf)>> {
    let pattern = pattern.trim_start_matches("./");
    let matcher = matcher(pattern)?;
    // Walk no more of the root than the pattern can reach.
    let fixed: PathBuf = pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
    let depth = if pattern.contains("**") { usize::MAX } else { pattern.split('/').count() - fixed.components().count() };
    let (mut found, mut real) = (Vec::new(), Real::default());
    for entry in walkdir::WalkDir::new(root.join(&fixed)).follow_links(true).max_depth(depth) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => match unwalked(root, pattern, &matcher, &error) {
                Some(stop) => return Err(stop),
                None => continue,
            },
        };
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        if entry.file_type().is_dir() || !matcher.is_match(path) {
            continue;
        }
        let shown = shown(path);
        if let Some(what) = no_file(entry.file_type()) {
            let hint = "a file is read twice: write it into a file, or give it to standard input, whose pattern is `-`";
            return Err(Stop::new(Subject::File, format!("{shown} matches `{pattern}` and is no file but {what}"), hint));
        }
        let real = real.of(&entry).map_err(|e| unreadable(&shown, &e))?;
        if !real.starts_with(root) {
            return Err(Stop::usage(
                format!("{shown} is a link to {}, outside the root {}", real.display(), root.display()),
                "copy the file below the root, or choose another --root; tieout reads nothing outside it",
            ));
        }
        found.push((shown, real));
    }
    Ok(found)
}

/// What keeps a walk from going on; `None` where it is no way to a file that the pattern could mean.
fn unwalked(root: &Path, pattern: &str, matcher: &globset::GlobMatcher, error: &walkdir::Error) -> Option<Stop> {
    let whole = error.path().unwrap_or(root);
    let path = whole.strip_prefix(root).unwrap_or(whole);
    let (shown, is_meant) = (shown(path), matcher.is_match(path));
    let hint = "remove the link, mend it, or write a pattern that does not match it";
    if let Some(above) = error.loop_ancestor() {
        let folder = above.strip_prefix(root).ok().filter(|a| !a.as_os_str().is_empty()).map_or(".".into(), self::shown);
        let message = format!("{shown} matches `{pattern}` and is a link back to the folder {folder}, in which it lies");
        return is_meant.then(|| Stop::new(Subject::File, message, hint));
    }
    if let Ok(target) = whole.read_link() {
        let message = format!("{shown} matches `{pattern}` and is a link to nowhere: it leads to {}", target.display());
        return is_meant.then(|| Stop::new(Subject::File, message, hint));
    }
    if error.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return None;
    }
    let why = error.io_error().map_or_else(|| error.to_string(), io_words);
    Some(Stop::new(Subject::File, format!("cannot look for `{pattern}` in {shown}: {why}"), "check the folder and its permissions"))
}

/// What something is that is neither file, folder nor link.
pub fn no_file(kind: std::fs::FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_file() || kind.is_dir() || kind.is_symlink() => None,
        _ if kind.is_fifo() => Some("a named pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

/// A path as it is written everywhere.
fn shown(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn unreadable(path: &str, error: &std::io::Error) -> Stop {
    Stop::new(Subject::File, format!("cannot read {path}: {}", io_words(error)), "check the file and its permissions")
}

/// Where a file is that a run recorded by its path below the root; `None` where there is none, or only outside the root.
pub fn located_again(root: &Path, path: &str) -> Option<Location> {
    let (file, member) = match path.split_once(".zip/") {
        Some((archive, member)) => (format!("{archive}.zip"), Some(member.to_owned())),
        None => (path.to_owned(), None),
    };
    let root = root.canonicalize().ok()?;
    let real = root.join(file).canonicalize().ok()?;
    if !real.starts_with(&root) || !real.is_file() {
        return None;
    }
    Some(match member {
        Some(member) => Location::Member(real, member),
        None => Location::File(real),
    })
}

/// Where files really are; of those of one folder the folder is asked once.
#[derive(Default)]
struct Real {
    folder: PathBuf,
    real: PathBuf,
}

impl Real {
    fn of(&mut self, entry: &walkdir::DirEntry) -> std::io::Result<PathBuf> {
        let path = entry.path();
        let Some(folder) = path.parent().filter(|_| !entry.path_is_symlink()) else { return path.canonicalize() };
        if self.folder != folder || self.real.as_os_str().is_empty() {
            (self.real, self.folder) = (folder.canonicalize()?, folder.to_owned());
        }
        Ok(self.real.join(entry.file_name()))
    }
}

/// Reads files, on all cores; in their order.
fn opened(source: usize, named: Vec<(String, Option<String>, Location)>) -> Result<Vec<SourceFile>> {
    named.into_par_iter().map(|(path, house, location)| open(source, path, house, location)).collect()
}

fn open(source: usize, path: String, house: Option<String>, location: Location) -> Result<SourceFile> {
    let digest = location.open(|bytes| sha256_of(bytes)).and_then(|digest| digest);
    let (sha256, size) = digest.map_err(|e| unreadable(&path, &e))?;
    Ok(SourceFile { source, path, house, location, size, sha256, excluded: None, only: None })
}

fn exclude(source: &Source, files: &mut [SourceFile], findings: &mut Vec<Finding>) {
    for exclude in &source.exclude {
        let Some(file) = files.iter_mut().find(|f| f.path == exclude.file) else {
            findings.push(Finding::warning(
                "exclude-without-file",
                format!("source `{}` excludes {}, but there is no such file", source.name, exclude.file),
                "remove the exclude, or correct its path",
            ));
            continue;
        };
        if exclude.sha256.as_ref().is_some_and(|hash| *hash != file.sha256) {
            let finding = Finding::warning(
                "exclude-of-other-content",
                format!("the exclude of this file is for another content (its SHA-256 is {}), so the file is not left out", file.sha256),
                "look at the file again; if the reason still holds, put the new hash into the exclude",
            );
            findings.push(finding.about(&file.path));
            continue;
        }
        let signed = [&exclude.by, &exclude.on].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        file.excluded = Some(if signed.is_empty() { exclude.reason.clone() } else { format!("{} ({signed})", exclude.reason) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(pattern: &str, path: &str) -> std::result::Result<String, String> {
        let capture = Capture::of(pattern).unwrap().expect("the pattern captures");
        capture.house(pattern, path).map_err(|stop| stop.message)
    }

    #[test]
    fn a_house_is_the_folder_that_stands_where_the_pattern_says() {
        for (pattern, path, want) in [
            ("{house}/*.json", "house_001/2025_02_v1.json", "house_001"),
            ("./{house}/*.json", "h/a.json", "h"),
            ("archive/{house}/rent_history/*.json", "archive/Åsgatan 3/rent_history/a.json", "Åsgatan 3"),
            ("**/{house}/*.json", "h/a.json", "h"),
            ("**/{house}/*.json", "x/y/h/a.json", "h"),
            ("{house}/**/*.json", "h/x/y/a.json", "h"),
            ("a/**/{house}/rent/*.json", "a/h/rent/b.json", "h"),
            ("a/*.zip/{house}/*.json", "a/b.zip/h/c.json", "h"),
            ("{house}/old.zip/*.json", "h/old.zip/c.json", "h"),
            ("[ab]/{house}/?.txt", "b/=cmd|'calc'!A0/x.txt", "=cmd|'calc'!A0"),
        ] {
            assert_eq!(house(pattern, path).as_deref(), Ok(want), "{pattern} on {path}");
        }
    }

    #[test]
    fn what_is_no_folder_names_no_house() {
        for (pattern, path) in [
            ("a.zip/{house}/*.json", "a.zip//c.json"),
            ("a.zip/{house}/*.json", "a.zip/../c.json"),
            ("a.zip/{house}/*.json", "a.zip/./c.json"),
            ("{house}/*.json", " /c.json"),
            ("{house}/*.json", "a\nb/c.json"),
            ("{house}/*.json", "a\u{fffd}b/c.json"),
        ] {
            let said = house(pattern, path).unwrap_err();
            assert!(said.contains("is no name of a house") && !said.contains('\n'), "{said}");
        }
        let open = house("**/{house}/**/*.json", "a/b/c/d.json").unwrap_err();
        assert!(open.ends_with("leave open which house it is of: a or b or c"), "{open}");
    }
}
