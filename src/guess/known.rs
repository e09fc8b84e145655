//! Files of the rent archive: formats that claim a file by its name and text, and fill the tables of the app.

use super::files::Walked;
use super::sight::decode;
use crate::unpack::unpacked_name;
use std::collections::BTreeMap;
use tieout_parsers::{ConfigEntry, Context, Encoding, Options, Record, Severity, Tenant, parse as parse_bytes, registry};

/// The tables of the app, which some schema step makes.
pub(super) const TABLES: [&str; 4] = ["Tenant", "RentConfig", "RentLedger", "ElectricityBill"];

/// A source of the rent archive.
pub struct Known {
    /// Its name.
    pub name: String,
    /// How its files are read.
    pub format: &'static str,
    /// What its files' bytes are, when that must be said.
    pub encoding: Option<&'static str>,
    /// Patterns that match its files.
    pub patterns: Vec<String>,
    /// Its files, and how many records each has.
    pub files: Vec<(String, usize)>,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

/// A file of the rent archive.
pub(super) struct Recognised {
    format: &'static str,
    name: &'static str,
    windows_1252: bool,
    records: usize,
    wrong: Option<String>,
}

impl Recognised {
    /// Whether it can be nothing else; a table with such a header may be anybody's.
    pub(super) fn is_archive(&self) -> bool {
        self.format != "csv"
    }
}

/// What a file of the rent archive is; a CSV file only if it can be read as one.
pub(super) fn recognise(path: &str, bytes: &[u8]) -> Option<Recognised> {
    let path = unpacked_name(path);
    let file_name = path.rsplit('/').next().unwrap_or(path);
    let (text, _) = decode(bytes).ok()?;
    let format = registry().detect(file_name, text.as_str()).ok()?;
    let timezone = jiff::tz::TimeZone::UTC;
    let options = Options::default();
    let context = Context { path, timezone: &timezone, encoding: Encoding::Auto, fields: &[], worth: None, only: None, options: &options };
    let parsed = parse_bytes(format, bytes, &context);
    let wrong = parsed.diagnostics.iter().find(|d| d.severity == Severity::Error);
    let wrong = wrong.map(|d| format!("{path}:{}: {}; `tieout run` shows all that is wrong", d.span.line, d.message));
    let name = match (format.name(), parsed.records.first().map(|r| &r.value)) {
        ("csv", _) if wrong.is_some() => return None,
        // Of which houses the other files are is a person's to say; until then it is a table like any other.
        ("csv", Some(Record::Tenant(Tenant { house: Some(_), .. }) | Record::Config(ConfigEntry { house: Some(_), .. }))) => return None,
        ("csv", Some(Record::Tenant(_))) => "tenants",
        ("csv", _) => "rent-config",
        ("electricity-bills-text", _) => "electricity-bills",
        ("rent-history-json", _) => "rent-history",
        ("rent-export-json", _) => "rent-export",
        _ => return None,
    };
    let windows_1252 = parsed.encoding == "windows-1252";
    Some(Recognised { format: format.name(), name, windows_1252, records: parsed.records.len(), wrong })
}

/// One source a kind and folder.
pub(super) fn gather(files: Vec<(String, Recognised)>, walked: &Walked) -> Vec<Known> {
    let mut alike: BTreeMap<(&str, String), Vec<(String, Recognised)>> = BTreeMap::new();
    for (path, file) in files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        alike.entry((file.name, folder)).or_default().push((path, file));
    }
    let mut known: Vec<Known> = Vec::new();
    for ((name, _), files) in alike {
        let paths: Vec<&str> = files.iter().map(|f| f.0.as_str()).collect();
        let each = || paths.iter().map(|p| (*p).to_owned()).collect();
        let taken: Vec<String> = known.iter().map(|k| k.name.clone()).collect();
        known.push(Known {
            name: super::names::free(name.to_owned(), &taken),
            format: files[0].1.format,
            encoding: files.iter().any(|f| f.1.windows_1252).then_some("auto"),
            patterns: walked.patterns(&paths).unwrap_or_else(each),
            files: files.iter().map(|(path, file)| (path.clone(), file.records)).collect(),
            doubts: files.iter().filter_map(|f| f.1.wrong.clone()).collect(),
        });
    }
    known
}
