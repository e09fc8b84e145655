//! Reads a job file: strict, with line, column and the nearest known word in every complaint.

use super::backup::RawBackup;
use super::budget::RawBudget;
use super::cache::RawCache;
use super::checks::{RawCheck, RawExpect};
use super::hooks::RawHook;
use super::patterns::HOUSE;
use super::tables::{DeclaredTable, RawTable};
use super::waivers::RawWaiver;
use super::{Exclude, Job, Migrations, OnStale, Period, Source, Versions};
use crate::digest::sha256;
use crate::error::{Result, Stop, io_words};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use tieout_parsers::{Encoding, OptionValue, Options, exact_decimal, nearest, registry};
use toml::Spanned;

/// The file name looked for when a folder is given.
pub const FILE: &str = "tieout.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    job: RawJob,
    migrations: Option<RawMigrations>,
    backup: Option<RawBackup>,
    #[serde(default)]
    table: Vec<RawTable>,
    #[serde(default)]
    source: Vec<RawSource>,
    #[serde(default)]
    check: Vec<RawCheck>,
    #[serde(default)]
    expect: Vec<RawExpect>,
    #[serde(default)]
    waiver: Vec<RawWaiver>,
    #[serde(default)]
    hook: Vec<RawHook>,
    #[serde(default)]
    cache: Vec<RawCache>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJob {
    name: Spanned<String>,
    currency: Option<String>,
    timezone: Option<Spanned<String>>,
    database: Option<String>,
    #[serde(default)]
    allow_exec: bool,
    materiality: Option<Spanned<String>>,
    on_stale: Option<Spanned<String>>,
    max_downtime: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMigrations {
    dir: Spanned<String>,
    kind: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    name: Spanned<String>,
    format: Spanned<String>,
    files: Spanned<Vec<String>>,
    house: Option<Spanned<String>>,
    versions: Option<Spanned<String>>,
    period: Option<Spanned<String>>,
    encoding: Option<Spanned<String>>,
    table: Option<Spanned<String>>,
    columns: Option<Spanned<BTreeMap<String, String>>>,
    #[serde(default)]
    exclude: Vec<RawExclude>,
    options: Option<Spanned<BTreeMap<String, OptionValue>>>,
    on_reject: Option<Spanned<String>>,
    budget: Option<Spanned<RawBudget>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExclude {
    file: String,
    sha256: Option<Spanned<String>>,
    reason: String,
    by: Option<String>,
    on: Option<toml::value::Datetime>,
}

/// Reads the job at `path`: a folder with a `tieout.toml`, or the file itself.
pub fn read(path: &Path) -> Result<Job> {
    let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let hint = match (path.exists(), path.is_dir()) {
            (false, _) => format!("there is no `{}`; give the folder of a job, or its {FILE}", path.display()),
            (_, true) => format!("the folder has no {FILE}; give the folder of a job"),
            _ => "give the folder of a job, or its job file".to_owned(),
        };
        Stop::usage(format!("cannot read the job file {shown}: {}", io_words(&error)), hint)
    })?;
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    from_text(&shown, &text, folder)
}

/// Reads the text of a job file that is called `shown` and lies in `folder`.
pub fn from_text(shown: &str, text: &str, folder: std::path::PathBuf) -> Result<Job> {
    let at = Place { file: shown, text };
    let raw: RawFile = toml::from_str(text).map_err(|error| at.syntax(&error))?;
    at.job(raw, folder)
}

/// A line of the job file without the password of an address in it.
fn without_password(line: &str) -> String {
    let hidden = line.split_once("://").and_then(|(before, rest)| {
        let (user, behind) = rest.rsplit_once('@')?;
        Some(format!("{before}://{}:***@{behind}", user.split_once(':')?.0))
    });
    hidden.unwrap_or_else(|| line.to_owned())
}

pub(super) struct Place<'a> {
    file: &'a str,
    text: &'a str,
}

impl Place<'_> {
    pub(super) fn stop(&self, span: Range<usize>, message: impl std::fmt::Display, hint: impl Into<String>) -> Stop {
        let line = self.text[..span.start.min(self.text.len())].matches('\n').count();
        let quote = without_password(self.text.lines().nth(line).unwrap_or_default());
        self.secret(span, format!("{message}\n  {quote}"), hint)
    }

    /// A complaint that does not show the line.
    pub(super) fn secret(&self, span: Range<usize>, message: impl std::fmt::Display, hint: impl Into<String>) -> Stop {
        let before = &self.text[..span.start.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Stop::usage(format!("{}:{line}:{column}: {message}", self.file), hint)
    }

    /// A complaint of the TOML reader, with the nearest known key where a key is unknown.
    fn syntax(&self, error: &toml::de::Error) -> Stop {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim();
        let mut words = message.split('`').skip(1).step_by(2);
        let Some(unknown) = words.next().filter(|_| message.starts_with("unknown field")) else {
            let message = message.replace('\n', "; ").replace("expected u64", "a whole number is expected");
            return self.stop(span, message, "the job file is TOML; docs: README, \"The job file\"");
        };
        let known: Vec<&str> = words.collect();
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.stop(span, format!("unknown key `{unknown}`"), hint)
    }

    fn job(&self, raw: RawFile, folder: std::path::PathBuf) -> Result<Job> {
        let name = raw.job.name;
        if name.get_ref().is_empty() || !name.get_ref().chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
            return Err(self.stop(
                name.span(),
                "a job's name has letters, digits, `-`, `_` and `.` only",
                "it names the report folder, and is part of row ids",
            ));
        }
        let timezone = match &raw.job.timezone {
            None => jiff::tz::TimeZone::UTC,
            Some(zone) => jiff::tz::TimeZone::get(zone.get_ref()).map_err(|_| {
                self.stop(zone.span(), format!("there is no time zone `{}`", zone.get_ref()), "write it like \"Europe/Stockholm\"")
            })?,
        };
        let migrations = raw.migrations.map(|m| self.migrations(m, &folder)).transpose()?;
        let tables = self.tables(raw.table)?;
        let spans: Vec<Range<usize>> = raw.source.iter().map(|s| s.name.span()).collect();
        let mut sources: Vec<Source> = Vec::new();
        for source in raw.source {
            if sources.iter().any(|s| s.name == *source.name.get_ref()) {
                return Err(self.stop(source.name.span(), format!("there are two sources `{}`", source.name.get_ref()), "name them apart"));
            }
            sources.push(self.source(source, &tables)?);
        }
        let houses = self.all_know_houses(&sources, &spans)?;
        if let Some(source) = sources.iter().find(|s| s.format.name() == "exec") {
            if !raw.job.allow_exec {
                let message = format!("the source `{}` runs a program, which the job does not allow", source.name);
                return Err(self.stop(
                    name.span(),
                    message,
                    "write `allow_exec = true` under [job], if you trust the program and this file",
                ));
            }
            if source.options.words("command", &[]).is_empty() {
                return Err(self.stop(
                    name.span(),
                    format!("the source `{}` names no program", source.name),
                    "write options = { command = [\"python3\", \"read.py\"] }",
                ));
            }
        }
        if sources.is_empty() && migrations.is_none() {
            return Err(self.stop(0..0, "the job has no [[source]] and no [migrations]", "name at least one source: name, format, files"));
        }
        let hooks = self.hooks(raw.hook, raw.job.allow_exec, &name.span())?;
        let checks = raw.check.into_iter().map(|check| self.check(check)).collect::<Result<Vec<_>>>()?;
        if let Some(twice) = checks.iter().enumerate().find(|(i, c)| checks[..*i].iter().any(|o| o.name == c.name)) {
            return Err(self.stop(0..0, format!("there are two checks `{}`", twice.1.name), "name them apart"));
        }
        Ok(Job {
            name: name.into_inner(),
            currency: raw.job.currency.unwrap_or_else(|| "SEK".into()),
            timezone,
            database: raw.job.database,
            backup: self.backup(raw.backup, &folder)?,
            folder,
            sha256: sha256(self.text),
            migrations,
            tables,
            sources,
            houses,
            checks,
            hooks,
            caches: raw.cache.into_iter().map(|c| self.cache(c)).collect::<Result<_>>()?,
            expects: raw.expect.into_iter().map(|e| self.expect(e)).collect::<Result<_>>()?,
            waivers: raw.waiver.into_iter().map(|w| self.waiver(w)).collect::<Result<_>>()?,
            materiality: match &raw.job.materiality {
                None => None,
                Some(text) => Some(exact_decimal(text.get_ref()).filter(|n| !n.is_sign_negative()).ok_or_else(|| {
                    self.stop(text.span(), format!("`{}` is no amount", text.get_ref()), "write it in quotation marks, such as \"100.00\"")
                })?),
            },
            max_downtime: raw.job.max_downtime.map(|text| self.duration(&text)).transpose()?,
            on_stale: self.word(raw.job.on_stale, &[("report", OnStale::Report), ("delete", OnStale::Delete)])?,
        })
    }

    fn migrations(&self, raw: RawMigrations, folder: &Path) -> Result<Migrations> {
        let dir = folder.join(raw.dir.get_ref());
        if !dir.is_dir() {
            return Err(self.stop(
                raw.dir.span(),
                format!("there is no folder {}", dir.display()),
                "name the folder with the migration steps, relative to the job file",
            ));
        }
        Ok(Migrations { dir, additive: self.word(raw.kind, &[("any", false), ("additive", true)])?, foreign: false })
    }

    fn source(&self, raw: RawSource, tables: &[DeclaredTable]) -> Result<Source> {
        let registry = registry();
        let format = registry.find(raw.format.get_ref()).ok_or_else(|| {
            let names: Vec<&str> = registry.all().map(|f| f.name()).collect();
            let hint = match nearest(raw.format.get_ref(), names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are: {}", names.join(", ")),
            };
            self.stop(raw.format.span(), format!("there is no format `{}`", raw.format.get_ref()), hint)
        })?;
        let span = raw.files.span();
        let files = self.patterns(raw.files)?;
        let house = self.house(raw.house, &files)?;
        let (table, house_column, fields) = match &raw.table {
            None => match &raw.columns {
                Some(columns) => {
                    return Err(self.stop(columns.span(), "`columns` needs a `table` to fill", "name one that is declared with [[table]]"));
                }
                None => (None, None, Vec::new()),
            },
            Some(name) => {
                let at = tables.iter().position(|t| t.table.name == *name.get_ref()).ok_or_else(|| {
                    let known: Vec<&str> = tables.iter().map(|t| &*t.table.name).collect();
                    let hint = match nearest(name.get_ref(), known.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "declare it with [[table]]".to_owned(),
                    };
                    self.stop(name.span(), format!("no table `{}` is declared", name.get_ref()), hint)
                })?;
                if !format.reads_tables() {
                    return Err(self.stop(
                        name.span(),
                        format!("the format `{}` fills tables of its own", format.name()),
                        "remove `table`, or choose another format",
                    ));
                }
                let known = house.is_some() || files.iter().any(|pattern| pattern.contains(HOUSE));
                let house_column = self.house_column(&tables[at], raw.columns.as_ref(), span, known)?;
                (Some(at), house_column, self.fields(&tables[at], raw.columns, house_column)?)
            }
        };
        let (options, span) = raw.options.map_or_else(Default::default, |o| (o.get_ref().clone(), o.span()));
        let options = Options::new(format, options).map_err(|e| self.stop(span, e.message, e.hint))?;
        if let Some(word) = raw.versions.as_ref().or(raw.period.as_ref()).filter(|_| format.name() != "rent-history-json") {
            let message = format!("the format `{}` has no versions and no period", format.name());
            return Err(self.stop(word.span(), message, "remove it; it is for rent calculations"));
        }
        let versions = self.word(raw.versions, &[("latest", Versions::Latest), ("all", Versions::All)])?;
        let period = self.word(
            raw.period,
            &[("filename", Period::Filename), ("constants", Period::Constants), ("constants+1", Period::AfterConstants)],
        )?;
        let encodings = [
            ("utf-8", Encoding::Utf8),
            ("windows-1252", Encoding::Windows1252),
            ("latin-1", Encoding::Windows1252),
            ("auto", Encoding::Auto),
        ];
        let encoding = self.word(raw.encoding, &encodings)?;
        let exclude = raw.exclude.into_iter().map(|e| self.exclude(e)).collect::<Result<_>>()?;
        let budget = self.budget(format, table.map(|at| &tables[at]), raw.on_reject, raw.budget)?;
        let name = raw.name.into_inner();
        Ok(Source { name, format, encoding, options, table, fields, files, house, house_column, versions, period, exclude, budget })
    }

    fn exclude(&self, raw: RawExclude) -> Result<Exclude> {
        if let Some(hash) = &raw.sha256 {
            let text = hash.get_ref();
            if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(self.stop(hash.span(), "a SHA-256 has 64 hexadecimal digits", "`sha256sum FILE` prints it"));
            }
        }
        let sha256 = raw.sha256.map(|h| h.into_inner().to_lowercase());
        Ok(Exclude { file: raw.file, sha256, reason: raw.reason, by: raw.by, on: raw.on.map(|d| d.to_string()) })
    }

    pub(super) fn word<T: Copy + Default>(&self, raw: Option<Spanned<String>>, words: &[(&str, T)]) -> Result<T> {
        let Some(raw) = raw else { return Ok(T::default()) };
        words.iter().find(|(word, _)| word == raw.get_ref()).map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.stop(raw.span(), format!("`{}` is not known here", raw.get_ref()), format!("write {}", known.join(" or ")))
        })
    }
}
