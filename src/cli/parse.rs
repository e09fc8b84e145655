//! `tieout parse FILE`: what a format makes of a file, without any database.

use super::Global;
use super::output::Output;
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Finding, Subject};
use crate::report::finding_text;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tieout_parsers::{Context, Encoding, Format, Located, Options, Parsed, Record, Text, nearest, parse as parse_bytes, registry};

/// Print the records of a file as JSON lines, and what is wrong with it, without any database
#[derive(Args)]
pub(super) struct ParseArgs {
    /// The file
    file: PathBuf,
    /// Its format; found by name and content when it is not given
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// The zone of wall-clock times without an offset
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// What its bytes are
    #[arg(long, value_enum, default_value_t = Bytes::Utf8)]
    encoding: Bytes,
}

/// What the bytes of a file are.
#[derive(Clone, Copy, clap::ValueEnum)]
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
    let (format, parsed) = match read(&args, &path) {
        Ok(read) => read,
        Err(stop) => return output.stop("parse", "", &stop),
    };
    let findings: Vec<Finding> = parsed.diagnostics.iter().map(|d| Finding::from_parser(&path, d.clone())).collect();
    let records = parsed.records.iter().map(record);
    if global.json {
        let tally = &parsed.tally;
        let document = json!({
            "path": path, "format": format.name(), "encoding": parsed.encoding,
            "read": tally.read, "used": tally.used, "ignored": tally.ignored, "rejected": tally.rejected,
            "records": records.collect::<Vec<_>>(), "findings": findings,
        });
        output.document(&document);
    } else {
        for record in records {
            output.result(&format!("{record}\n"));
        }
        for finding in &findings {
            output.aside(&finding_text(finding, output.style()));
        }
    }
    if parsed.is_rejected() { Subject::File.exit_code() } else { 0 }
}

fn read(args: &ParseArgs, path: &str) -> Result<(&'static dyn Format, Parsed)> {
    let bytes = std::fs::read(&args.file).map_err(|e| Stop::usage(format!("cannot read {path}: {}", io_words(&e)), "check the path"))?;
    let registry = registry();
    let names: Vec<&str> = registry.all().map(|f| f.name()).collect();
    let format = match &args.format {
        Some(name) => registry.find(name).ok_or_else(|| {
            let hint = nearest(name, names.iter().copied())
                .map_or_else(|| format!("known are: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            Stop::usage(format!("there is no format `{name}`"), hint)
        })?,
        None => {
            let text = Text::decode(&bytes, args.encoding.into()).map(|t| t.as_str().to_owned()).unwrap_or_default();
            let file_name = args.file.file_name().unwrap_or_default().to_string_lossy();
            registry.detect(&file_name, &text).map_err(|claiming| match claiming.as_slice() {
                [] => Stop::usage(format!("no format claims {path}"), format!("name one with --format: {}", names.join(", "))),
                several => Stop::usage(format!("{path} could be {}", several.join(" or ")), "name one with --format"),
            })?
        }
    };
    let timezone = jiff::tz::TimeZone::get(&args.timezone)
        .map_err(|_| Stop::usage(format!("there is no time zone `{}`", args.timezone), "write it like Europe/Stockholm"))?;
    let options = Options::new(format, BTreeMap::new()).map_err(|e| Stop::usage(e.message, e.hint))?;
    Ok((
        format,
        parse_bytes(
            format,
            &bytes,
            &Context { path, timezone: &timezone, encoding: args.encoding.into(), fields: &[], worth: None, only: None, options: &options },
        ),
    ))
}

fn record(located: &Located<Record>) -> Value {
    let mut value = serde_json::to_value(&located.value).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        members.insert("line".to_owned(), located.span.line.into());
        members.insert("column".to_owned(), located.span.column.into());
    }
    value
}
