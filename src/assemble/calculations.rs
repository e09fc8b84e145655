//! The rent calculations of an archive, month by month: which version counts, and which are superseded.

use super::Archive;
use crate::evidence::{Finding, Severity, Subject};
use crate::job::{Period, Versions};
use crate::table::of_house;
use std::collections::BTreeMap;
use tieout_parsers::{Month, Record, RentCalculation};

/// Whether a calculation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its shares become ledger rows.
    Current,
    /// A higher version of the same month counts.
    Superseded,
    /// The same content as another file of the same month and version.
    Duplicate,
}

/// A calculation of the archive.
pub struct Calculation<'a> {
    /// Index of its file.
    pub file: usize,
    /// Index of its source.
    pub source: usize,
    /// The house it is of, in a job with houses.
    pub house: Option<&'a str>,
    /// The same for all versions of one month of a house.
    pub family: usize,
    /// Path of its file.
    pub path: &'a str,
    /// What it says.
    pub rent: &'a RentCalculation,
    /// Whether it counts.
    pub standing: Standing,
    /// Whether it is the highest version of its month, whose constants count.
    pub latest: bool,
}

impl Calculation<'_> {
    /// The ledger month, by the source's rule.
    pub fn period(&self, rule: Period) -> Month {
        match (rule, self.rent.config_month) {
            (Period::Constants, Some(month)) => month,
            (Period::AfterConstants, Some(month)) => month.plus(1),
            _ => self.rent.label,
        }
    }

    /// The name of its file: `2025_02_v10`.
    pub fn file_name(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.strip_suffix(".json").unwrap_or(name)
    }

    /// What to call it in a group of a check: `2025_02_v10`, in a job with houses `house_001, 2025_02_v10`.
    pub fn name(&self) -> String {
        of_house(self.house, self.file_name())
    }

    /// The month of its name, as a group of a check: `2025-02`, in a job with houses `house_001, 2025-02`.
    pub fn month(&self) -> String {
        of_house(self.house, &self.rent.label.to_string())
    }
}

/// All calculations in the order of their files, with their standing; the same version twice with different contents is
/// an error.
pub fn calculations(archive: Archive<'_>) -> (Vec<Calculation<'_>>, Vec<Finding>) {
    let mut found: Vec<Calculation<'_>> = archive
        .records()
        .filter_map(|(file, located)| match &located.value {
            Record::RentCalculation(rent) => {
                let source = &archive.files[file];
                let (standing, latest) = (Standing::Current, true);
                Some(Calculation {
                    file,
                    source: source.source,
                    house: source.house.as_deref(),
                    family: 0,
                    path: &source.path,
                    rent,
                    standing,
                    latest,
                })
            }
            _ => None,
        })
        .collect();
    let mut findings = Vec::new();
    let mut months: BTreeMap<(usize, Option<&str>, Month), Vec<usize>> = BTreeMap::new();
    for (i, calculation) in found.iter().enumerate() {
        months.entry((calculation.source, calculation.house, calculation.rent.label)).or_default().push(i);
    }
    for (family, ((source, _, month), mut members)) in months.into_iter().enumerate() {
        let rule = archive.job.sources[source].versions;
        members.sort_by_key(|i| found[*i].rent.version);
        let highest = members.last().map_or(0, |i| found[*i].rent.version);
        let mut before: Option<usize> = None;
        for i in members {
            let version = found[i].rent.version;
            found[i].family = family;
            found[i].latest = version == highest;
            if version < highest && rule == Versions::Latest {
                found[i].standing = Standing::Superseded;
            }
            if let Some(other) = before.filter(|other| found[*other].rent.version == version) {
                found[i].latest = false;
                found[i].standing = Standing::Duplicate;
                if archive.files[found[i].file].sha256 != archive.files[found[other].file].sha256 {
                    let message =
                        format!("version {version} of {month} exists twice with different contents; the other is {}", found[other].path);
                    let finding = Finding::new(
                        Severity::Error,
                        Subject::File,
                        "version-twice",
                        message,
                        "find out which is right, and exclude the other with a reason",
                    );
                    findings.push(finding.about(found[i].path));
                }
            } else {
                before = Some(i);
            }
        }
    }
    (found, findings)
}
