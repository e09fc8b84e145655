//! `tieout parse FILE`: what a format makes of a file, without any database.

use super::Global;
use super::output::Output;
use super::records::{self, Of};
use crate::digest::sha256_of;
use crate::discover::{SourceFile, takes};
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Subject};
use crate::job::{self, Job, Source};
use crate::parse::read_file;
use crate::pipeline;
use crate::report::finding_text;
use crate::unpack::{Location, head, unpacked_name};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tieout_parsers::{Encoding, Format, Options, Parsed, Text, nearest, registry};

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
    let (job, file) = match reading_of(&args, &path, global) {
        Ok(reading) => reading,
        Err(stop) => return output.stop("parse", "", &stop),
    };
    let of = Of::new(&job, &file);
    let mut all = Vec::new();
    let mut parsed = Ok(Parsed::default());
    output.results(|out| {
        let mut table = records::Table::new(&of, args.to);
        let mut printed = Ok(());
        parsed = read_file(&job, &file, &mut |block| {
            if global.json {
                all.extend(block);
                return Ok(());
            }
            printed = table.print(&block, out);
            // Whoever reads has enough: the rest of the file need not be read.
            if printed.is_err() { Err(Stop::interrupted()) } else { Ok(()) }
        });
        printed
    });
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(stop) if stop.subject == Subject::Interrupt => return 0,
        Err(stop) => return output.stop("parse", "", &stop),
    };
    let findings: Vec<Finding> = parsed.diagnostics.iter().map(|d| Finding::from_parser(&path, d.clone())).collect();
    if global.json {
        output.document(&records::Document::new(&of, &parsed, &all, &findings));
    } else {
        for finding in &findings {
            output.aside(&finding_text(finding, output.style()));
        }
        for ((_, code), more) in &parsed.more {
            output.aside(&format!("  … and {more} more of the kind {code}\n"));
        }
    }
    if parsed.is_rejected() { Subject::File.exit_code() } else { 0 }
}

/// The file, and the job that reads it: the one named, else one of a single source.
fn reading_of(args: &ParseArgs, path: &str, global: &Global) -> Result<(Job, SourceFile)> {
    if global.json && args.to == To::Csv {
        return Err(Stop::usage("--json prints one JSON document, and --to csv a table", "leave one of them out"));
    }
    let cannot = |e: std::io::Error| Stop::usage(format!("cannot read {path}: {}", io_words(&e)), "check the path");
    let location = if path == "-" { Location::of_input().map_err(cannot)? } else { Location::File(args.file.clone()) };
    location.open(|_| ()).map_err(cannot)?;
    let (job, source) = match &args.job {
        Some(job) => {
            let job = job::read(job)?;
            let source = match &args.source {
                Some(name) => named(&job, name)?,
                None => taking(&job, &args.file, path, global)?,
            };
            (job, source)
        }
        None => (of_one_source(args, path, &location)?, 0),
    };
    let (sha256, size) = location.open(|bytes| sha256_of(bytes)).and_then(|digest| digest).map_err(cannot)?;
    Ok((job, SourceFile { source, path: path.to_owned(), house: None, location, size, sha256, excluded: None, only: None }))
}

/// A job that says no more than the format.
fn of_one_source(args: &ParseArgs, path: &str, location: &Location) -> Result<Job> {
    let timezone = jiff::tz::TimeZone::get(&args.timezone)
        .map_err(|_| Stop::usage(format!("there is no time zone `{}`", args.timezone), "write it like Europe/Stockholm"))?;
    let format = format(args, path, location)?;
    let options = Options::new(format, BTreeMap::new()).map_err(|e| Stop::usage(e.message, e.hint))?;
    Ok(Job::of_one(Source::of(format, args.encoding.into(), options), timezone))
}

/// The format that is named, else the one that claims the file.
fn format(args: &ParseArgs, path: &str, location: &Location) -> Result<&'static dyn Format> {
    let registry = registry();
    let names: Vec<&str> = registry.all().map(|f| f.name()).collect();
    let Some(name) = &args.format else {
        // The beginning of a file says what it is; why the rest cannot be read is told when it is.
        let (beginning, _) = head(location, path, 1 << 20).unwrap_or_default();
        let text = Text::decode(&beginning, Encoding::Auto).map(|t| t.as_str().to_owned()).unwrap_or_default();
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
