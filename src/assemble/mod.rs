//! From records to rows: which version counts, which month it is for, who is meant, what a configuration value is.
//! Pure: what the database already holds comes in as data. Duplicates across files show in staging, not here.

mod calculations;
mod config;
mod declared;
mod people;
pub mod tables;

pub use calculations::{Calculation, Standing, calculations};
pub use config::{Existing, config_rows};
pub use declared::declared_rows;
pub use people::{People, Person, tenant_rows};

use crate::discover::SourceFile;
use crate::evidence::{Finding, Severity, Subject};
use crate::job::{Job, Period, Versions};
use crate::table::{Canonical, Origin, Row, Table};
use rust_decimal::RoundingStrategy;
use tieout_parsers::{Decimal, Located, Parsed, Record, nearest};

/// The files of a run with what was read from them.
#[derive(Clone, Copy)]
pub struct Archive<'a> {
    /// The job.
    pub job: &'a Job,
    /// Every file, also those left out.
    pub files: &'a [SourceFile],
    /// What each gave, in the same order.
    pub parsed: &'a [Option<Parsed>],
}

impl<'a> Archive<'a> {
    /// Every record with the index of its file, in order.
    pub fn records(self) -> impl Iterator<Item = (usize, &'a Located<Record>)> {
        let parsed = self.parsed.iter().enumerate().filter_map(|(i, p)| Some((i, p.as_ref()?)));
        parsed.flat_map(|(i, p)| p.records.iter().map(move |r| (i, r)))
    }

    /// Whether every file that can state tenants could be read.
    pub fn knows_everybody(self) -> bool {
        let files = self.files.iter().zip(self.parsed);
        !files
            .into_iter()
            .any(|(file, parsed)| parsed.as_ref().is_some_and(Parsed::is_rejected) && self.job.sources[file.source].format.holds_tenants())
    }

    /// Whether any source reads a format that yields such records.
    pub fn has(self, kind: fn(&Record) -> bool) -> bool {
        self.records().any(|(_, r)| kind(&r.value))
    }
}

/// The bills as rows.
pub fn bill_rows<'a>(archive: Archive<'a>) -> impl Iterator<Item = Row> + 'a {
    archive.records().filter_map(|(file, located)| {
        let Record::Bill(bill) = &located.value else { return None };
        let values = vec![
            None,
            Some(bill.provider.clone()),
            Some(bill.due.canonical()),
            Some(bill.amount.canonical()),
            Some(bill.period.canonical()),
            None,
            None,
        ];
        Some(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } })
    })
}

/// The ledger rows of the calculations that count: one for each person who owes something.
pub fn ledger_rows(archive: Archive<'_>, calculations: &[Calculation<'_>], people: &People) -> (Vec<Row>, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    for calculation in calculations.iter().filter(|c| c.standing == Standing::Current) {
        let source = &archive.job.sources[archive.files[calculation.file].source];
        let rent = calculation.rent;
        let period = calculation.period(source.period);
        let heads = if rent.roommates.is_empty() { rent.shares.len() } else { rent.roommates.len() };
        let base = rent
            .constant("kallhyra")
            .map(|kallhyra| (kallhyra / Decimal::from(heads.max(1))).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
        let calculated_at = rent.calculated_at.map(|t| t.canonical());
        let title = rent.title.clone().unwrap_or_else(|| format!("Rent {period}"));
        for share in &rent.shares {
            if people.is_ambiguous(&share.name) {
                let message = format!("the database has several tenants called {}, so it is unknown whose rent this is", share.name);
                let hint = "give one of them a longer name, in the calculations too, or state the right one in the files";
                let finding = Finding::new(Severity::Error, Subject::Check, "name-twice", message, hint);
                findings.push(finding.at(calculation.path, &share.span));
            }
            let Some(person) = people.by_name(&share.name) else {
                let hint = match nearest(&share.name, people.names()) {
                    Some(near) => format!("did you mean {near}? Correct the name, or add the person to the tenants"),
                    None => "correct the name, or add the person to the tenants".to_owned(),
                };
                let message = format!("no tenant is called {}", share.name);
                let finding = Finding::new(Severity::Error, Subject::File, "unknown-tenant", message, hint);
                findings.push(finding.at(calculation.path, &share.span));
                continue;
            };
            let roommate = rent.roommate(&share.name);
            let adjustment = roommate.and_then(|r| r.room_adjustment).map_or(Decimal::ZERO, |a| a.0);
            let values = vec![
                None,
                Some(person.id.clone()),
                Some(period.canonical()),
                Some(share.amount.canonical()),
                Some(share.amount.canonical()),
                calculated_at.clone(),
                None,
                roommate.and_then(|r| r.days).map(|d| d.canonical()),
                Some(adjustment.canonical()),
                base.map(|b| b.canonical()),
                Some(title.clone()),
                calculated_at.clone(),
            ];
            rows.push(Row { values, origin: Origin { file: Some(calculation.file), span: share.span.clone(), derived: None } });
        }
    }
    (rows, findings)
}

/// The ledger's table for this job: with every version kept, the payment date is part of the key.
pub fn ledger_table(job: &Job) -> Table {
    let all = job.sources.iter().any(|s| s.versions == Versions::All);
    if all { tables::ledger_of_all_versions() } else { tables::ledger() }
}

/// Which month a source's ledger rows are for, in words of the report.
pub fn period_rule(period: Period) -> &'static str {
    match period {
        Period::Filename => "the month in the file's name",
        Period::Constants => "the month of the constants, else the name's",
        Period::AfterConstants => "the month after that of the constants, else the name's",
    }
}
