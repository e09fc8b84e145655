//! Reads and parses the discovered files, in parallel, results in order. A bad file does not stop the reading of the others.

use crate::digest::sha256;
use crate::discover::SourceFile;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Severity, Subject};
use crate::exec;
use crate::job::{Job, Source};
use crate::unpack::{unpack, unpacked_name};
use rayon::prelude::*;
use tieout_parsers::{Context, Encoding, Parsed, Text, heard, parse as parse_bytes};

/// Parses every file that is not excluded; `None` stands for those. `seen` is called once a file.
pub fn parse(job: &Job, files: &[SourceFile], seen: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Option<Parsed>>> {
    files
        .par_iter()
        .map(|file| {
            if !seen() {
                return Err(Stop::interrupted());
            }
            if file.excluded.is_some() {
                return Ok(None);
            }
            let bytes = file
                .location
                .bytes()
                .map_err(|e| Stop::usage(format!("cannot read {}: {}", file.path, io_words(&e)), "check its permissions"))?;
            if sha256(&bytes) != file.sha256 {
                return Err(Stop::new(
                    Subject::File,
                    format!("{} was changed while it was read", file.path),
                    "run again when nobody writes to it",
                ));
            }
            let bytes = match unpack(&file.path, bytes) {
                Ok(bytes) => bytes,
                Err((code, message, hint)) => return Ok(Some(Parsed::refused(code, message, hint))),
            };
            let source = &job.sources[file.source];
            let context = Context {
                path: unpacked_name(&file.path),
                timezone: &job.timezone,
                encoding: source.encoding,
                fields: &source.fields,
                options: &source.options,
            };
            if source.format.name() == "exec" {
                return Ok(Some(through_a_program(job, source, &bytes, &context)));
            }
            Ok(Some(parse_bytes(source.format, &bytes, &context)))
        })
        .collect()
}

/// Lets the source's program read the file.
fn through_a_program(job: &Job, source: &Source, bytes: &[u8], context: &Context<'_>) -> Parsed {
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

/// What the parsers had to say, with the files it is about.
pub fn findings(files: &[SourceFile], parsed: &[Option<Parsed>]) -> Vec<Finding> {
    let read = files.iter().zip(parsed).filter_map(|(file, parsed)| Some((file, parsed.as_ref()?)));
    read.flat_map(|(file, parsed)| parsed.diagnostics.iter().map(|d| Finding::from_parser(&file.path, d.clone()))).collect()
}

/// Quotes the line that a finding is about, where a later step found it and knew no more than the place.
pub fn quote(files: &[SourceFile], findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|f| f.quote.is_none() && !f.whole_file).take(QUOTED) {
        let file = files.iter().find(|file| Some(&file.path) == finding.path.as_ref());
        let read = |file: &SourceFile| unpack(&file.path, file.location.bytes().ok()?).ok();
        let bytes = file.and_then(read).unwrap_or_default();
        if let (Ok(text), Some(line)) = (Text::decode(&bytes, Encoding::Auto), finding.line) {
            finding.quote = Some(text.line(line).chars().take(200).collect()).filter(|q: &String| !q.is_empty());
        }
    }
}

/// How many later findings are quoted: each takes another reading of its file.
const QUOTED: usize = 50;

/// Whether any finding keeps the files from being loaded.
pub fn blocked(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity == Severity::Error && f.subject == Subject::File)
}
