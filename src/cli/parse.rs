//! `tieout parse FILE`: what a format makes of a file, without any database.

use super::Global;
use super::output::Output;
use super::records::{self, Read};
use crate::digest::sha256;
use crate::discover::{SourceFile, takes};
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Subject};
use crate::job::{self, Job, Source};
use crate::parse as reading;
use crate::pipeline;
use crate::report::finding_text;
use crate::unpack::{Location, unpack, unpacked_name};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tieout_parsers::{Context, Encoding, Format, Options, Parsed, Text, nearest, parse as parse_bytes, registry};

/// Print the records of a file, and what is wrong with it, without any database
#[derive(Args)]
pub(super) struct ParseArgs {
    /// The file; unpacked when its name ends in .gz or .zst
    file: PathBuf,
    /// Its format; found by name and content when it is not given
    #[arg(long, value_name = "NAME", conflicts_with = "job")]
    format: Option<String>,
    /// The zone of wall-clock times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC", conflicts_with = "job")]
    timezone: String,
    /// What its bytes are
    #[arg(long, value_enum, default_value_t = Bytes::Utf8, conflicts_with = "job")]
    encoding: Bytes,
    /// Read it as this job does: format, options, columns, encoding and time zone of the source that takes the file
    #[arg(long, value_name = "JOB")]
    job: Option<PathBuf>,
    /// Which of the job's sources, whatever files it takes
    #[arg(long, value_name = "NAME", requires = "job")]
    source: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = To::Jsonl)]
    to: To,
}

/// What records are printed as.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// One JSON object a line: exact, for programs
    Jsonl,
    /// A table, for looking at: the parts of a record that have no column are left out, and texts that a spreadsheet
    /// would take for formulas get a leading apostrophe
    Csv,
}

/// What the bytes of a file are.
#[derive(Clone, Copy, ValueEnum)]
enum Bytes {
    /// UTF-8, or refused
    #[value(name = "utf-8")]
    Utf8,
    /// Windows-1252, which Latin-1 is part of
    #[value(name = "windows-1252")]
    Windows1252,
    /// UTF-8 where the bytes are, else Windows-1252
    Auto,
}

impl From<Bytes> for Encoding {
    fn from(bytes: Bytes) -> Encoding {
        match bytes {
            Bytes::Utf8 => Encoding::Utf8,
            Bytes::Windows1252 => Encoding::Windows1252,
            Bytes::Auto => Encoding::Auto,
        }
    }
}

pub(super) fn parse(args: ParseArgs, global: &Global, output: &Output) -> i32 {
    let path = args.file.display().to_string();
    let read = match read(&args, &path, global) {
        Ok(read) => read,
        Err(stop) => return output.stop("parse", "", &stop),
    };
    let findings: Vec<Finding> = read.parsed.diagnostics.iter().map(|d| Finding::from_parser(&path, d.clone())).collect();
    if global.json {
        output.document(&records::Document::new(&read, &findings));
    } else {
        output.results(|out| match args.to {
            To::Jsonl => records::json_lines(&read, out),
            To::Csv => records::csv(&read, out),
        });
        for finding in &findings {
            output.aside(&finding_text(finding, output.style()));
        }
    }
    if read.parsed.is_rejected() { Subject::File.exit_code() } else { 0 }
}

fn read(args: &ParseArgs, path: &str, global: &Global) -> Result<Read> {
    if global.json && args.to == To::Csv {
        return Err(Stop::usage("--json prints one JSON document, and --to csv a table", "leave one of them out"));
    }
    let bytes = std::fs::read(&args.file).map_err(|e| Stop::usage(format!("cannot read {path}: {}", io_words(&e)), "check the path"))?;
    match &args.job {
        Some(job) => as_the_job_does(job, args, path, bytes, global),
        None => by_format(args, path, bytes),
    }
}

fn by_format(args: &ParseArgs, path: &str, bytes: Vec<u8>) -> Result<Read> {
    let bytes = match unpack(path, bytes) {
        Ok(bytes) => bytes,
        Err((code, message, hint)) => return Ok(Read::new(path, "", Parsed::refused(code, message, hint))),
    };
    let format = format(args, path, &bytes)?;
    let timezone = jiff::tz::TimeZone::get(&args.timezone)
        .map_err(|_| Stop::usage(format!("there is no time zone `{}`", args.timezone), "write it like Europe/Stockholm"))?;
    let options = Options::new(format, BTreeMap::new()).map_err(|e| Stop::usage(e.message, e.hint))?;
    let encoding = args.encoding.into();
    let context = Context { path: unpacked_name(path), timezone: &timezone, encoding, fields: &[], options: &options };
    Ok(Read::new(path, format.name(), parse_bytes(format, &bytes, &context)))
}

/// The format that is named, else the one that claims the file.
fn format(args: &ParseArgs, path: &str, bytes: &[u8]) -> Result<&'static dyn Format> {
    let registry = registry();
    let names: Vec<&str> = registry.all().map(|f| f.name()).collect();
    let Some(name) = &args.format else {
        let text = Text::decode(bytes, args.encoding.into()).map(|t| t.as_str().to_owned()).unwrap_or_default();
        let file_name = args.file.file_name().unwrap_or_default().to_string_lossy();
        return registry.detect(unpacked_name(&file_name), &text).map_err(|claiming| match claiming.as_slice() {
            [] => Stop::usage(format!("no format claims {path}"), format!("name one with --format: {}", names.join(", "))),
            several => Stop::usage(format!("{path} could be {}", several.join(" or ")), "name one with --format"),
        });
    };
    registry.find(name).ok_or_else(|| {
        let hint = nearest(name, names.iter().copied())
            .map_or_else(|| format!("known are: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
        Stop::usage(format!("there is no format `{name}`"), hint)
    })
}

fn as_the_job_does(job: &Path, args: &ParseArgs, path: &str, bytes: Vec<u8>, global: &Global) -> Result<Read> {
    let job = job::read(job)?;
    let index = match &args.source {
        Some(name) => named(&job, name)?,
        None => taking(&job, &args.file, path, global)?,
    };
    let file = SourceFile {
        source: index,
        path: path.to_owned(),
        location: Location::File(args.file.clone()),
        size: bytes.len() as u64,
        sha256: sha256(&bytes),
        excluded: None,
    };
    drop(bytes);
    let parsed = reading::parse(&job, &[file], &|| true)?.into_iter().flatten().next().unwrap_or_default();
    let source = &job.sources[index];
    let table = source.table.map(|table| job.tables[table].table.name.to_string());
    let columns = source.fields.iter().map(|field| field.name.clone()).collect();
    Ok(Read { table, columns, ..Read::new(path, source.format.name(), parsed) })
}

fn named(job: &Job, name: &str) -> Result<usize> {
    job.sources.iter().position(|source| source.name == *name).ok_or_else(|| {
        let known = job.sources.iter().map(|source| source.name.as_str());
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its sources are: {}", known.collect::<Vec<_>>().join(", ")),
        };
        Stop::usage(format!("the job `{}` has no source `{name}`", job.name), hint)
    })
}

/// The one source whose patterns the file matches.
fn taking(job: &Job, file: &Path, path: &str, global: &Global) -> Result<usize> {
    let root = pipeline::root(job, global.root.as_deref());
    let inside = below(&root, file);
    let taking = |source: &Source| inside.as_ref().is_some_and(|inside| takes(source, inside));
    let found: Vec<usize> = (0..job.sources.len()).filter(|n| taking(&job.sources[*n])).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let known: Vec<String> = job.sources.iter().map(|s| format!("{} ({})", s.name, s.files.join(", "))).collect();
            Err(Stop::usage(
                format!("no source of the job `{}` takes {path}", job.name),
                format!("choose one with --source: {}", known.join(", ")),
            ))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|n| job.sources[*n].name.as_str()).collect();
            let message = format!("several sources of the job `{}` take {path}: {}", job.name, names.join(", "));
            Err(Stop::usage(message, "choose one with --source"))
        }
    }
}

/// The path of a file relative to a folder that it lies below. The file itself may be a link: its name is what counts.
fn below(root: &Path, file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = folder.canonicalize().ok()?.join(file.file_name()?);
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    Some(real.strip_prefix(root.canonicalize().ok()?).ok()?.to_owned())
}
