//! `tieout init [DIR]`: a job file from what the files in a folder look like.

use super::Global;
use super::output::Output;
use crate::error::{Result, Stop, io_words};
use crate::guess::{Guess, Source, guess, job_file};
use crate::job;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Look at the files in a folder, and write a tieout.toml that imports them
#[derive(Args)]
pub(super) struct InitArgs {
    /// The folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Replace a tieout.toml that stands there
    #[arg(long)]
    force: bool,
}

pub(super) fn init(args: &InitArgs, global: &Global, output: &Output) -> i32 {
    let root = global.root.as_deref().unwrap_or(&args.dir);
    let written = match attempt(args, root) {
        Ok(guess) => guess,
        Err(stop) => return output.stop("init", &args.dir.display().to_string(), &stop),
    };
    let next = next(args, global, &written);
    if global.json {
        output.document(&document(args, &written, &next));
    } else {
        output.unless_quiet(&text(args, &written, &next));
    }
    0
}

fn attempt(args: &InitArgs, root: &Path) -> Result<Guess> {
    let path = args.dir.join(job::FILE);
    if path.symlink_metadata().is_ok() && !args.force {
        return Err(Stop::usage(format!("{} is there already, and was not touched", path.display()), "--force replaces it"));
    }
    let guess = guess(root)?;
    if guess.sources.is_empty() && guess.known.is_empty() {
        let reasons: Vec<String> = guess.left_out.iter().take(10).map(|l| format!("\n  {}: {}", l.path, l.reason)).collect();
        let message = format!("there is no file in {} that tieout can make sense of{}", root.display(), reasons.concat());
        return Err(Stop::usage(message, "`tieout formats` shows what files may look like; the README shows a job file"));
    }
    let text = job_file(&guess, &name(&args.dir));
    // What was written must be what a run reads.
    job::from_text(&path.display().to_string(), &text, args.dir.clone())?;
    let mut open = std::fs::OpenOptions::new();
    open.write(true);
    let opened = if args.force { open.create(true).truncate(true).open(&path) } else { open.create_new(true).open(&path) };
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map_err(|e| Stop::usage(format!("cannot write {}: {}", path.display(), io_words(&e)), "check the folder and its permissions"))?;
    Ok(guess)
}

/// The job's name: the folder's, as far as a job can be called that.
fn name(dir: &Path) -> String {
    let folder = dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
    let name: String = folder.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "job".to_owned() } else { name.to_owned() }
}

fn next(args: &InitArgs, global: &Global, guess: &Guess) -> String {
    let shown = |path: &Path| {
        let text = path.display().to_string();
        if text.contains(|c: char| c.is_whitespace() || "'\"$&;()*?".contains(c)) {
            format!("'{}'", text.replace('\'', "'\\''"))
        } else {
            text
        }
    };
    let root = global.root.as_ref().map_or(String::new(), |r| format!(" --root {}", shown(r)));
    let database = if guess.runs() { "" } else { " --database URL" };
    format!("tieout run {}{root}{database}", shown(&args.dir))
}

fn format_of(source: &Source) -> String {
    let encoding = source.encoding.map_or(String::new(), |e| format!(", {e}"));
    let sheet = match source.options.get("sheet") {
        Some(tieout_parsers::OptionValue::Text(sheet)) => format!(", sheet {sheet}"),
        _ => String::new(),
    };
    format!("{}{encoding}{sheet}", source.format)
}

fn text(args: &InitArgs, guess: &Guess, next: &str) -> String {
    let rows = |n: usize| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
    let mut lines: Vec<(&str, String)> = Vec::new();
    for source in &guess.sources {
        for file in &source.files {
            let part = if file.whole { "" } else { " in the part that was looked at" };
            let key = source.key.join(", ");
            lines.push((&file.path, format!("{}, {}{part} → {} (key: {key})", format_of(source), rows(file.rows), source.name)));
        }
    }
    for known in &guess.known {
        known.files.iter().for_each(|(path, n)| lines.push((path, format!("{}, {}", known.format, rows(*n).replace("row", "record")))));
    }
    guess.left_out.iter().for_each(|l| lines.push((&l.path, format!("left out: {}", l.reason))));
    lines.sort();
    let width = lines.iter().map(|l| l.0.chars().count()).max().unwrap_or(0).min(40);
    let mut text: String = lines.iter().map(|(path, what)| format!("{path:width$}  {what}\n")).collect();
    let doubts: Vec<String> = guess.doubts().map(|(name, doubt)| format!("  {name}: {doubt}\n")).collect();
    if !doubts.is_empty() {
        text += &format!("\nLook here\n{}", doubts.concat());
    }
    text += &format!("\nwrote {}; read it, then type\n  {next}\n", args.dir.join(job::FILE).display());
    if let Some(tables) = guess.missing_tables() {
        text += &format!("The database must have the app's tables: {tables}.\n");
    }
    text
}

fn document(args: &InitArgs, guess: &Guess, next: &str) -> Value {
    let own = guess.sources.iter().flat_map(|s| {
        s.files.iter().map(move |f| {
            json!({ "path": f.path, "format": s.format, "encoding": s.encoding, "source": s.name, "table": s.name, "key": s.key, "rows": f.rows, "whole": f.whole })
        })
    });
    let known = guess.known.iter().flat_map(|k| {
        k.files.iter().map(move |(path, n)| {
            json!({ "path": path, "format": k.format, "encoding": k.encoding, "source": k.name, "table": null, "key": null, "rows": n, "whole": true })
        })
    });
    json!({
        "exit_code": 0,
        "job": args.dir.join(job::FILE).display().to_string(),
        "files": own.chain(known).collect::<Vec<_>>(),
        "left_out": guess.left_out.iter().map(|l| json!({ "path": l.path, "reason": l.reason })).collect::<Vec<_>>(),
        "look_here": guess.doubts().map(|(source, doubt)| json!({ "source": source, "about": doubt })).collect::<Vec<_>>(),
        "needs_tables": guess.missing_tables(),
        "next": next,
    })
}
