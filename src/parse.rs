//! Reads and parses the discovered files, in parallel, results in order, each in pieces. A bad file does not stop the reading
//! of the others. Rows that would fill the memory are not kept: they are read again when they are loaded.

use crate::discover::SourceFile;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Severity, Subject};
use crate::exec;
use crate::job::{Job, Source};
use crate::unpack::{Dry, unpacked_name};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tieout_parsers::{Context, Encoding, Located, Parsed, Reader, Record, Span, Tally, Text, TextBlocks, Utf8Check, heard};

/// How many rows of tables are kept of all files together.
const KEPT: usize = 50_000;
/// The most that a program gets of one file: 256 MiB.
const EXEC: usize = 256 << 20;
/// Up to how many bytes a file is read only once.
const SMALL: u64 = 1 << 16;

/// A file that was read.
#[derive(Default)]
pub struct FileRead {
    /// What was found in it.
    pub parsed: Parsed,
    /// How many rows it states.
    pub rows: usize,
    /// How many of them may be read again rather than kept. So many must reach their table, whatever is kept.
    pub waiting: usize,
    /// One of its records that were not kept; they are all of that kind.
    pub again: Option<Box<Record>>,
}

impl FileRead {
    /// Takes up a block's records. Rows are kept until all files together have too many; then this file's are read again.
    fn take(&mut self, kept: &AtomicUsize, block: Vec<Located<Record>>) {
        self.rows += block.iter().map(|r| r.value.rows()).sum::<usize>();
        let waiting = block.iter().filter(|r| can_wait(r)).count();
        self.waiting += waiting;
        // A block without rows decides nothing: other files may have reached the limit since this one's rows were kept.
        if waiting > 0 && self.again.is_none() && kept.fetch_add(waiting, Ordering::Relaxed) + waiting > KEPT {
            self.again = block.iter().find(|r| can_wait(r)).map(|r| Box::new(r.value.clone()));
            self.parsed.records.retain(|r| !can_wait(r));
        }
        let again = self.again.is_some();
        self.parsed.records.extend(block.into_iter().filter(|r| !(again && can_wait(r))));
    }
}

/// Whether a record is nothing but a row of a table, which nobody asks for before it is loaded.
fn can_wait(record: &Located<Record>) -> bool {
    matches!(record.value, Record::Bill(_) | Record::Row { .. })
}

/// Told about the reading, and asked whether it may go on.
pub trait Watch: Sync {
    /// A file of so many bytes is read.
    fn file(&self, bytes: u64);
    /// Whether the reading may go on.
    fn go_on(&self) -> Result<()>;
}

/// Parses every file that is not excluded; `None` stands for those.
pub fn parse(job: &Job, files: &[SourceFile], watch: &dyn Watch) -> Result<Vec<Option<FileRead>>> {
    let kept = AtomicUsize::new(0);
    let read = files.par_iter().map(|file| {
        watch.go_on()?;
        if file.excluded.is_some() {
            watch.file(file.size);
            return Ok(None);
        }
        let mut read = FileRead::default();
        let parsed = read_file(job, file, &mut |block| {
            watch.go_on()?;
            read.take(&kept, block);
            Ok(())
        })?;
        let mut records = std::mem::take(&mut read.parsed.records);
        records.shrink_to_fit();
        read.parsed = Parsed { records, ..parsed };
        if read.parsed.broken {
            (read.rows, read.waiting, read.again) = (0, 0, None);
            read.parsed.records.clear();
        }
        watch.file(file.size);
        Ok(Some(read))
    });
    // All of them at their places: gathered in lists first, they would be in memory twice.
    let mut all = Vec::new();
    read.collect_into_vec(&mut all);
    all.into_iter().collect()
}

/// Reads one file; its records go to `each`, block by block.
pub fn read_file(job: &Job, file: &SourceFile, each: &mut dyn FnMut(Vec<Located<Record>>) -> Result<()>) -> Result<Parsed> {
    let source = &job.sources[file.source];
    let context = context(job, source, file);
    let mut parsed = if source.format.name() == "exec" {
        let mut all = Vec::new();
        let poured = poured(file, &mut |bytes| {
            all.extend_from_slice(&bytes[..bytes.len().min(EXEC + 1 - all.len())]);
            Ok(())
        })?;
        poured.unwrap_or_else(|| through_a_program(job, source, &all, &context))
    } else {
        let mut small = Vec::new();
        let is_small = file.size <= SMALL && unpacked_name(&file.path) == file.path;
        if is_small {
            poured(file, &mut |bytes| {
                small.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        let mut check = Utf8Check::default();
        check.push(&small);
        let utf8 = source.encoding != Encoding::Auto || if is_small { check.holds() } else { is_utf8(file)? };
        let mut reader = Reader::new(source.format, &context, utf8);
        let mut read = |bytes: &[u8]| {
            reader.push(bytes);
            let records = reader.records();
            if records.is_empty() { Ok(()) } else { each(records) }
        };
        let poured = if is_small { read(&small).map(|()| None) } else { poured(file, &mut read) }?;
        poured.unwrap_or_else(|| reader.finish())
    };
    each(std::mem::take(&mut parsed.records))?;
    Ok(parsed)
}

fn context<'a>(job: &'a Job, source: &'a Source, file: &'a SourceFile) -> Context<'a> {
    Context {
        path: unpacked_name(&file.path),
        timezone: &job.timezone,
        encoding: source.encoding,
        fields: &source.fields,
        worth: source.budget.as_ref().and_then(|b| b.of.as_deref()),
        only: file.only.as_deref(),
        options: &source.options,
    }
}

/// Pours a file out; `Some` when there is no telling what is in it.
fn poured(file: &SourceFile, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Option<Parsed>> {
    match file.location.pour(&file.path, each) {
        Ok(sha256) if sha256 == file.sha256 => Ok(None),
        Ok(_) => {
            Err(Stop::new(Subject::File, format!("{} was changed while it was read", file.path), "run again when nobody writes to it"))
        }
        Err(Dry::Broken(code, message, hint)) => Ok(Some(Parsed::refused(code, message, hint))),
        Err(Dry::Unread(error)) => {
            Err(Stop::new(Subject::File, format!("cannot read {}: {}", file.path, io_words(&error)), "check the file and its permissions"))
        }
        Err(Dry::Stopped(stop)) => Err(stop),
    }
}

fn is_utf8(file: &SourceFile) -> Result<bool> {
    let mut check = Utf8Check::default();
    poured(file, &mut |bytes| {
        check.push(bytes);
        Ok(())
    })?;
    Ok(check.holds())
}

/// Lets the source's program read the file.
fn through_a_program(job: &Job, source: &Source, bytes: &[u8], context: &Context<'_>) -> Parsed {
    if bytes.len() > EXEC {
        return Parsed::refused("too-large", format!("the file has more than {} MiB, the most a program gets", EXEC >> 20), "split it");
    }
    let text = match Text::decode(bytes, source.encoding) {
        Ok(text) => text,
        Err(diagnostic) => return Parsed::refused(diagnostic.code, diagnostic.message, &diagnostic.hint),
    };
    let (command, seconds) = (source.options.words("command", &[]), source.options.integer("seconds", 60));
    match exec::run(&command, &job.folder, u64::try_from(seconds).unwrap_or(60), bytes) {
        Ok(output) => heard(&text, &output, context),
        Err(why) => Parsed::refused("exec-failed", why, "run the program by hand on the file, and see docs/exec.md"),
    }
}

/// What the parsers had to say, with the files it is about; the first finding about a refused record has it.
pub fn findings(files: &[SourceFile], read: &[Option<FileRead>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, read) in files.iter().zip(read) {
        let Some(FileRead { parsed, .. }) = read else { continue };
        let from = findings.len();
        findings.extend(parsed.diagnostics.iter().map(|d| Finding::from_parser(&file.path, d.clone())));
        let about: &mut [Finding] = &mut findings[from..];
        for reject in &parsed.rejects {
            let lines = reject.span.line..reject.span.line + reject.lines;
            let of = |f: &Finding| {
                let within = f.pointer.as_deref().is_none_or(|p| p.starts_with(reject.span.pointer.as_deref().unwrap_or_default()));
                f.severity != Severity::Info && f.reject.is_none() && within && f.line.is_some_and(|l| lines.contains(&l))
            };
            if let Some(finding) = about.iter_mut().find(|f| of(f)) {
                finding.reject = Some(reject.clone());
            }
        }
    }
    findings
}

/// Quotes the lines that findings are about, where a later step found them and knew no more than the place.
pub fn quote(job: &Job, files: &[SourceFile], read: &[Option<FileRead>], findings: &mut [Finding]) {
    let mut unquoted: Vec<&mut Finding> = findings.iter_mut().filter(|f| f.quote.is_none() && !f.whole_file).take(QUOTED).collect();
    for (file, read) in files.iter().zip(read) {
        let mut about: Vec<&mut &mut Finding> = unquoted.iter_mut().filter(|f| f.path.as_ref() == Some(&file.path)).collect();
        if about.is_empty() || read.as_ref().is_none_or(|r| r.parsed.encoding == "binary") {
            continue;
        }
        // A file that cannot be read any more is not quoted; it was read before.
        let _ = each_block(job, file, &mut |text| {
            let lines = text.first_line()..text.first_line() + text.line_count();
            for finding in about.iter_mut().filter(|f| f.quote.is_none() && lines.contains(&f.span().line)) {
                let (quote, caret) = text.quote(&finding.span());
                (finding.quote, finding.caret) = (Some(quote).filter(|q| !q.is_empty()), caret);
            }
        });
    }
}

/// The lines at places of files (path, line, column), cut around the column where they are long. Large files are not read
/// again for that.
pub fn lines(
    job: &Job,
    files: &[SourceFile],
    read: &[Option<FileRead>],
    wanted: &BTreeMap<String, BTreeMap<usize, usize>>,
) -> BTreeMap<String, BTreeMap<usize, String>> {
    let mut found: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
    for (file, read) in files.iter().zip(read) {
        let Some(places) = wanted.get(&file.path).filter(|_| file.size <= QUOTED_SIZE) else { continue };
        if read.as_ref().is_none_or(|r| r.parsed.encoding == "binary") {
            continue;
        }
        let _ = each_block(job, file, &mut |text| {
            let lines = text.first_line()..text.first_line() + text.line_count();
            for (line, column) in places.range(lines) {
                let (quote, _) = text.quote(&Span { line: *line, column: *column, pointer: None });
                found.entry(file.path.clone()).or_default().entry(*line).or_insert(quote);
            }
        });
    }
    found
}

/// How large a file may be that is read again for its lines: 4 MiB.
const QUOTED_SIZE: u64 = 4 << 20;

/// How many later findings are quoted: each file takes another reading.
const QUOTED: usize = 50;

/// Gives a file's text to `each`, block by block.
pub fn each_block(job: &Job, file: &SourceFile, each: &mut dyn FnMut(&Text<'_>)) -> Result<()> {
    let encoding = job.sources[file.source].encoding;
    let mut blocks = TextBlocks::new(encoding, encoding != Encoding::Auto || is_utf8(file)?);
    poured(file, &mut |bytes| {
        blocks.push(bytes, false, each);
        Ok(())
    })?;
    blocks.push(&[], true, each);
    Ok(())
}

/// What reading the file up to the line before this one counts, and up to this one: so what becomes of a line is seen. The bytes
/// are cut at line feeds, as they are in every encoding but UTF-16.
pub fn tallies_around(job: &Job, file: &SourceFile, line: usize) -> Result<(Tally, Tally)> {
    let mut bytes = Vec::new();
    let poured = poured(file, &mut |piece| {
        bytes.extend_from_slice(&piece[..piece.len().min(EXEC + 1 - bytes.len())]);
        Ok(())
    })?;
    if poured.is_some() || bytes.len() > EXEC || job.sources[file.source].format.name() == "exec" {
        return Err(Stop::usage(format!("{} cannot be read again line by line", file.path), ""));
    }
    let mut ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).chain([bytes.len()]);
    let before = if line < 2 { 0 } else { ends.by_ref().nth(line - 2).unwrap_or(bytes.len()) };
    let with = ends.next().unwrap_or(bytes.len());
    let source = &job.sources[file.source];
    let count = |part: &[u8]| {
        let context = context(job, source, file);
        let mut reader = Reader::new(source.format, &context, std::str::from_utf8(part).is_ok());
        reader.push(part);
        reader.finish().tally
    };
    let whole = Tally { unit: count(&bytes).unit, ..count(&bytes[..with]) };
    Ok((count(&bytes[..before]), whole))
}

/// Whether any finding keeps the files from being loaded.
pub fn blocked(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity == Severity::Error && f.subject == Subject::File)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tieout_parsers::Span;

    fn rows(count: usize) -> Vec<Located<Record>> {
        let row = Located { value: Record::Row { values: Vec::new() }, span: Span::default() };
        vec![row; count]
    }

    #[test]
    fn a_file_keeps_its_rows_or_is_read_again_however_the_files_take_turns() {
        let half = KEPT / 2 + 1;
        // Which of two files gives its block of rows, or its empty last block, in which order.
        for turns in [[0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0]] {
            let kept = AtomicUsize::new(0);
            let mut files = [FileRead::default(), FileRead::default()];
            for (at, file) in turns.into_iter().enumerate() {
                let first = !turns[..at].contains(&file);
                files[file].take(&kept, rows(if first { half } else { 0 }));
            }
            for file in files {
                let whole = file.again.is_some() || file.parsed.records.len() == file.rows;
                assert!(whole && file.rows == half && file.waiting == half, "{turns:?}: {} of {half}", file.parsed.records.len());
            }
        }
    }
}
