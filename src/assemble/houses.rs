//! Of which house a record is: of the one that its file's path or its source names, else of the one that it states itself. What
//! is wrong with that, and the houses that are named and of which there is no file.

use super::Archive;
use crate::evidence::{Finding, Severity, Subject};
use crate::job::Source;
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Record, Span, nearest};

/// Why it is not known of which house a record is.
enum Unknown<'a> {
    /// It states one, and the job has none.
    Unexpected,
    /// Nothing says it.
    Missing,
    /// It states another than its file.
    Differs(&'a str, &'a str),
}

/// The house of a record that states this one, or none, in a file; `None` in a job without houses.
fn house_in<'a>(archive: Archive<'a>, file: usize, stated: Option<&'a str>) -> Result<Option<&'a str>, Unknown<'a>> {
    let of_file = archive.files[file].house.as_deref();
    match (archive.job.houses, of_file, stated) {
        (false, _, None) => Ok(None),
        (false, _, Some(_)) => Err(Unknown::Unexpected),
        (true, None, None) => Err(Unknown::Missing),
        (true, Some(of_file), Some(stated)) if of_file != stated => Err(Unknown::Differs(of_file, stated)),
        (true, of_file, stated) => Ok(of_file.or(stated)),
    }
}

/// The house of a tenant or a configuration value; `None` where it is not known, which [`houses`] says.
pub(super) fn house_of<'a>(archive: Archive<'a>, file: usize, stated: Option<&'a str>) -> Option<Option<&'a str>> {
    house_in(archive, file, stated).ok()
}

/// What is wrong with the houses of tenants and configuration values: one finding a file and fault, and one for each house that
/// they name and that no path does.
pub fn houses(archive: Archive<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut said: BTreeSet<(usize, &str)> = BTreeSet::new();
    let mut named: BTreeMap<&str, (usize, &Span)> = BTreeMap::new();
    for (file, located) in archive.records() {
        let stated = match &located.value {
            Record::Tenant(tenant) => tenant.house.as_deref(),
            Record::Config(entry) => entry.house.as_deref(),
            _ => continue,
        };
        let (code, message, hint) = match house_in(archive, file, stated) {
            Ok(_) => {
                named.extend(stated.filter(|house| !named.contains_key(house)).map(|house| (house, (file, &located.span))));
                continue;
            }
            Err(why) => why.words(),
        };
        if said.insert((file, code)) {
            let finding = Finding::new(Severity::Error, Subject::File, code, message, hint);
            findings.push(finding.at(&archive.files[file].path, &located.span));
        }
    }
    if archive.job.sources.iter().any(|source| source.table.is_none() && source.captures()) {
        findings.extend(without_files(archive, &named));
    }
    findings
}

/// The houses that tables name, and of which no file was found.
fn without_files(archive: Archive<'_>, named: &BTreeMap<&str, (usize, &Span)>) -> Vec<Finding> {
    let domain = |source: &Source| source.table.is_none();
    let there = archive.files.iter().filter(|f| domain(&archive.job.sources[f.source])).filter_map(|f| f.house.as_deref());
    let there: BTreeSet<&str> = there.collect();
    let absent = named.iter().filter(|(house, _)| !there.contains(**house));
    let words = absent.map(|(house, (file, span))| {
        let hint = match nearest(house, there.iter().copied()) {
            Some(near) => format!("did you mean {near}? The folders of houses are named in the patterns of the sources"),
            None => "look whether its folder is missing or named otherwise; nothing to do where it has no files yet".to_owned(),
        };
        let message = format!("the house {house} is named here, and there is no file of it");
        Finding::warning("house-without-files", message, hint).at(&archive.files[*file].path, span)
    });
    words.collect()
}

impl Unknown<'_> {
    /// Code, message, hint.
    fn words(&self) -> (&'static str, String, &'static str) {
        match self {
            Unknown::Unexpected => (
                "unexpected-house",
                "a house is named here, and no source of the job says of which house its files are".to_owned(),
                "write `{house}` for the folder of a house in the patterns of the sources, or take the column out",
            ),
            Unknown::Missing => (
                "missing-house",
                "it is not said of which house this is, and names and keys are unique within a house only".to_owned(),
                "add a column `house`, or put a file into the folder of each house and write `{house}` for it in the pattern",
            ),
            Unknown::Differs(of_file, stated) => (
                "house-differs",
                format!("the house is {stated} here, and {of_file} by the path of the file or its source"),
                "correct the column, or take it out; or put the file into the right folder",
            ),
        }
    }
}
