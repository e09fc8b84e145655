//! Both directions: from a row to the files, lines and runs it came from; from a file or line to the rows it made, or why none.

use super::quotes::Quotes;
use super::recorded_root;
use crate::discover::{SourceFile, located_again, takes};
use crate::error::{Result, Stop};
use crate::job::Job;
use crate::parse;
use crate::report::{Outcome, SourceOutcome};
use crate::store::{FileOfRun, Revision, Store};
use crate::table::spoken_key;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tieout_parsers::{Span, Unit, nearest};

/// A row, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TracedRow {
    /// The table.
    pub table: String,
    /// The natural key, as people read it.
    pub row: String,
    /// Every change of ours, the oldest first.
    pub revisions: Vec<Revision>,
}

/// A file or a line of it, and what it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TracedFile {
    /// The file, as it was recorded last.
    pub file: FileOfRun,
    /// The line, where one was asked for.
    pub line: Option<usize>,
    /// The line's text.
    pub quote: Option<String>,
    /// The rows that it made, with every change; those of other versions of the file have another SHA-256.
    pub revisions: Vec<Revision>,
    /// Why this version of it made none; of a whole file, what became of its lines or values.
    pub why: Vec<String>,
}

/// Where the files of a job are looked for.
pub struct Sources<'a> {
    /// The job, where it is known.
    pub job: Option<&'a Job>,
    /// The folder, where the user named it or the job says it.
    pub root: Option<PathBuf>,
}

impl Sources<'_> {
    fn root_of(&self, store: &mut Store, job: &str) -> Result<Option<PathBuf>> {
        match &self.root {
            Some(root) => Ok(Some(root.clone())),
            None => recorded_root(store, job),
        }
    }

    /// Puts the source's text beside changes.
    pub(super) fn quote(&self, store: &mut Store, revisions: &mut [Revision]) -> Result<()> {
        let Some(job) = revisions.first().map(|r| r.job.clone()) else { return Ok(()) };
        let mut quotes = Quotes::below(self.root_of(store, &job)?);
        for r in revisions {
            let (Some(path), Some(sha256), Some(line)) = (&r.path, &r.sha256, r.line) else { continue };
            let span = Span { line, column: r.column.unwrap_or(1), pointer: None };
            match quotes.line(path, sha256, r.encoding.as_deref().unwrap_or_default(), &span) {
                Ok(quote) => r.quote = Some(quote),
                Err(why) => r.unquoted = Some(why),
            }
        }
        Ok(())
    }
}

/// Traces a row; its key is given part by part, or as people read it.
pub fn trace_row(store: &mut Store, table: &str, key: &[String], sources: &Sources<'_>) -> Result<TracedRow> {
    let spoken = key.join(", ");
    let parts: Vec<&str> = spoken.split(", ").collect();
    let mut recorded = serde_json::to_string(&parts).unwrap_or_default();
    let mut revisions = store.revisions_of(table, &recorded)?;
    if revisions.is_empty() {
        let mut near = Vec::new();
        store.keys_of(table, |candidate| {
            let words = spoken_key(&candidate);
            if words == spoken || candidate == spoken {
                recorded = candidate;
            } else if near.len() < 5 && words.to_lowercase().contains(&spoken.to_lowercase()) {
                near.push(words);
            }
            Ok(())
        })?;
        revisions = store.revisions_of(table, &recorded)?;
        if revisions.is_empty() {
            return Err(nothing_of(store, table, &spoken, &near)?);
        }
    }
    sources.quote(store, &mut revisions)?;
    Ok(TracedRow { table: table.to_owned(), row: spoken_key(&recorded), revisions })
}

fn nothing_of(store: &mut Store, table: &str, spoken: &str, near: &[String]) -> Result<Stop> {
    let tables = store.written_tables()?;
    if !tables.iter().any(|t| t == table) {
        let hint = match nearest(table, tables.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the tables are {}", tables.join(", ")),
        };
        return Ok(Stop::usage(format!("no run ever wrote to a table {table}"), hint));
    }
    let hint = if near.is_empty() {
        "the key is the natural one, as reports show it: `vattenfall, 2025-10-01`".to_owned()
    } else {
        format!("did you mean one of: {}?", near.join(" · "))
    };
    Ok(Stop::usage(format!("no run ever wrote a row {spoken} of {table}"), hint))
}

/// Traces a file, or a line of it.
pub fn trace_file(store: &mut Store, path: &str, line: Option<usize>, sources: &Sources<'_>) -> Result<TracedFile> {
    let files = store.files_of_run(None)?;
    let same = |f: &&FileOfRun| f.path == path || f.path.ends_with(&format!("/{path}")) || path.ends_with(&format!("/{}", f.path));
    let found: Vec<&FileOfRun> = files.iter().filter(|f| f.path == path).collect();
    let found = if found.is_empty() { files.iter().filter(same).collect() } else { found };
    let [file] = found.as_slice() else {
        let message = if found.is_empty() { format!("no run ever read a file {path}") } else { format!("several files are called {path}") };
        let near = nearest(path, files.iter().map(|f| f.path.as_str())).map(|near| format!("did you mean {near}?"));
        let several = found.iter().map(|f| f.path.as_str()).collect::<Vec<_>>().join(", ");
        let hint = if found.is_empty() {
            near.unwrap_or_else(|| "`tieout report` names the files of the last run".into())
        } else {
            format!("they are {several}")
        };
        return Err(Stop::usage(message, hint));
    };
    let file: FileOfRun = (*file).clone();
    let mut revisions = store.revisions_from(&file.path, line)?;
    sources.quote(store, &mut revisions)?;
    let root = sources.root_of(store, &file.job)?;
    let mut traced = TracedFile { file, line, quote: None, revisions, why: Vec::new() };
    let recorded = store.report_of(Some(traced.file.run))?.and_then(|(_, json)| serde_json::from_str::<Outcome>(&json).ok());
    let source = recorded.as_ref().and_then(|o| o.sources.iter().find(|s| s.path == traced.file.path));
    match line {
        None => traced.why = source.map(whole).unwrap_or_default(),
        Some(line) => {
            let quote =
                Quotes::below(root.clone()).line(&traced.file.path, &traced.file.sha256, "", &Span { line, column: 1, pointer: None });
            traced.quote = quote.ok().filter(|q| !q.is_empty());
            // What an earlier version of the file said in this line is no answer for this one.
            if traced.revisions.iter().all(|r| r.sha256.as_ref() != Some(&traced.file.sha256)) {
                traced.why = why_none(store, &traced.file, line, recorded.as_ref(), source)?;
                if traced.why.is_empty() {
                    traced.why = read_again(store, &traced.file, line, sources.job, root.as_deref())?;
                }
            }
        }
    }
    Ok(traced)
}

/// What became of a whole file.
fn whole(source: &SourceOutcome) -> Vec<String> {
    let ignored = source.ignored.iter().map(|(rule, n)| format!("{n} ignored ({rule})"));
    let counted =
        [(source.loaded, "loaded"), (source.superseded, "superseded"), (source.duplicate, "duplicate"), (source.rejected, "rejected")];
    let counted = counted.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let parts: Vec<String> = counted.chain(ignored).collect();
    let mut why = vec![format!("{} {} = {}", source.read, source.unit, parts.join(" + "))];
    why.extend(source.reason.as_ref().map(|reason| format!("{}: {reason}", source.status)));
    why
}

/// What is recorded of a line that made no row.
fn why_none(
    store: &mut Store,
    file: &FileOfRun,
    line: usize,
    report: Option<&Outcome>,
    source: Option<&SourceOutcome>,
) -> Result<Vec<String>> {
    if matches!(file.status.as_str(), "excluded" | "superseded") {
        let reason = source.and_then(|s| s.reason.clone()).map_or(String::new(), |reason| format!(": {reason}"));
        return Ok(vec![format!("the whole file is {}{reason}", file.status)]);
    }
    let refused = store.refused_at(&file.path, line)?;
    if !refused.is_empty() {
        return Ok(refused.into_iter().map(|(run, code, message)| format!("rejected by run {run}: {code}: {message}")).collect());
    }
    let about = report.iter().flat_map(|o| &o.findings).filter(|f| f.path.as_ref() == Some(&file.path) && f.line == Some(line));
    Ok(about.filter(|f| f.code == "duplicate").map(|f| format!("{}: {}", f.code, f.message)).collect())
}

/// What reading the file again says of the line, as long as the file is the same.
fn read_again(store: &mut Store, file: &FileOfRun, line: usize, job: Option<&Job>, root: Option<&Path>) -> Result<Vec<String>> {
    let said = |why: &str| Ok(vec![why.to_owned()]);
    let Some(job) = job.filter(|job| job.name == file.job) else {
        return said("it made no row of its own; name the job (--job JOB), and the file is read again to say by which rule");
    };
    let (Some(root), Some(source)) = (root, job.sources.iter().position(|s| s.name == file.source && takes(s, Path::new(&file.path))))
    else {
        return said("it made no row of its own; the file is not found, to be read again");
    };
    let Some(location) = located_again(root, &file.path) else { return said("it made no row of its own; the file is no longer there") };
    let (path, sha256) = (file.path.clone(), file.sha256.clone());
    let again = SourceFile { source, path, house: None, location, size: 0, sha256, excluded: None, only: None };
    let Ok((before, with)) = parse::tallies_around(job, &again, line) else {
        return said("it made no row of its own; the file is another now than the one that was read");
    };
    if with.read == before.read {
        return Ok(vec![format!("the file has no line {line}: it has {}", with.read)]);
    }
    if with.unit == Unit::Lines {
        let rule = with.ignored.iter().find(|(rule, n)| before.ignored.get(*rule).is_none_or(|had| had < n));
        if let Some((rule, _)) = rule {
            return Ok(vec![format!("ignored by the rule: {rule}")]);
        }
        if with.rejected > before.rejected {
            return said("rejected");
        }
        if with.used > before.used && store.files_with(&file.path)? > 1 {
            return said("it states what an earlier version of the file had stated already: `tieout trace TABLE KEY` shows the row");
        }
    }
    let around = store.revisions_before(&file.path, line)?;
    let keys: Vec<String> = around.iter().map(|r| format!("{} {}", r.table, spoken_key(&r.key))).collect();
    if let Some(first) = around.first().and_then(|r| r.line) {
        return Ok(vec![format!("it belongs to the record that begins at line {first}: {}", keys.join(", "))]);
    }
    said("it was read, and made no row of its own: it belongs to other lines, or says something about all of them")
}
