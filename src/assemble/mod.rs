//! From records to rows: which version counts, which month it is for, who is meant, what a configuration value is.
//! Pure: what the database already holds comes in as data. Duplicates across files show in staging, not here.

mod calculations;
mod config;
mod declared;
mod houses;
mod people;
pub mod tables;

pub use calculations::{Calculation, Standing, calculations};
pub use config::{ConfigAt, ConfigRows, Existing, config_rows};
pub use declared::declared_rows;
pub use houses::houses;
pub use people::{People, Person, tenant_rows};

use crate::discover::SourceFile;
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::job::{Job, Period};
use crate::parse::{FileRead, read_file};
use crate::table::{Canonical, Origin, Row};
use rust_decimal::RoundingStrategy;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;
use tieout_parsers::{Decimal, Located, Record, nearest};

/// The files of a run with what was read from them.
#[derive(Clone, Copy)]
pub struct Archive<'a> {
    /// The job.
    pub job: &'a Job,
    /// Every file, also those left out.
    pub files: &'a [SourceFile],
    /// What each gave, in the same order.
    pub read: &'a [Option<FileRead>],
}

/// How many records wait together for whoever takes them.
const SENT: usize = 4096;

/// A record with the index of its file.
pub type Found<'a> = (usize, Cow<'a, Located<Record>>);

impl<'a> Archive<'a> {
    /// Every record that is kept, with the index of its file, in order: calculations, tenants, configuration.
    pub fn records(self) -> impl Iterator<Item = (usize, &'a Located<Record>)> {
        let read = self.read.iter().enumerate().filter_map(|(i, r)| Some((i, r.as_ref()?)));
        read.flat_map(|(i, r)| r.parsed.records.iter().map(move |r| (i, r)))
    }

    /// Every record of some files, in order, also those that are not kept: their files are read again, beside whoever
    /// takes the records.
    pub fn all<'s>(self, scope: &'s Scope<'s, 'a>, files: impl Fn(&SourceFile) -> bool + 's) -> impl Iterator<Item = Result<Found<'a>>>
    where
        'a: 's,
    {
        let read = self.read.iter().enumerate().filter_map(|(i, r)| Some((i, r.as_ref()?)));
        read.filter(move |(i, _)| files(&self.files[*i])).flat_map(move |(i, read)| -> Box<dyn Iterator<Item = Result<Found<'a>>>> {
            if read.again.is_none() {
                return Box::new(read.parsed.records.iter().map(move |r| Ok((i, Cow::Borrowed(r)))));
            }
            let blocks = self.again(scope, i).into_iter();
            Box::new(blocks.flat_map(move |block| -> Box<dyn Iterator<Item = Result<Found<'a>>>> {
                match block {
                    Ok(records) => Box::new(records.into_iter().map(move |r| Ok((i, Cow::Owned(r))))),
                    Err(stop) => Box::new(std::iter::once(Err(stop))),
                }
            }))
        })
    }

    /// How many rows each file states for a declared table or, without one, for the bills; `None` for files of other tables.
    pub fn stated(self, table: Option<usize>) -> Vec<Option<usize>> {
        let of = |file: &SourceFile| self.job.sources[file.source].table == table;
        self.files.iter().zip(self.read).map(|(file, read)| read.as_ref().filter(|_| of(file)).map(|r| r.waiting)).collect()
    }

    /// The sources of which records were refused.
    pub fn refusing(self) -> BTreeSet<&'a str> {
        let files = self.files.iter().zip(self.read).filter(|(_, read)| read.as_ref().is_some_and(|r| r.parsed.refused > 0));
        files.map(|(file, _)| self.job.sources[file.source].name.as_str()).collect()
    }

    /// Reads a file again, a few blocks ahead of whoever takes them.
    fn again<'s>(self, scope: &'s Scope<'s, 'a>, file: usize) -> Receiver<Result<Vec<Located<Record>>>> {
        let (send, receive) = sync_channel(2);
        scope.spawn(move || {
            let gone = |_| Stop::interrupted();
            let read = read_file(self.job, &self.files[file], &mut |block| {
                // A block is large as records; of what waits to be taken there is less.
                let mut block = block.into_iter();
                while block.len() > 0 {
                    send.send(Ok(block.by_ref().take(SENT).collect())).map_err(gone)?;
                }
                Ok(())
            });
            if let Err(stop) = read {
                let _ = send.send(Err(stop)); // Nobody may be there to hear it.
            }
        });
        receive
    }

    /// Whether every file that can state tenants could be read.
    pub fn knows_everybody(self) -> bool {
        let mut files = self.files.iter().zip(self.read);
        !files.any(|(file, read)| {
            read.as_ref().is_some_and(|r| r.parsed.is_rejected()) && self.job.sources[file.source].format.holds_tenants()
        })
    }

    /// Whether any source reads a format that yields such records.
    pub fn has(self, kind: fn(&Record) -> bool) -> bool {
        let again = self.read.iter().flatten().filter_map(|r| r.again.as_deref());
        again.chain(self.records().map(|(_, r)| &r.value)).any(kind)
    }
}

/// The bills as rows.
pub fn bill_rows<'s, 'a>(archive: Archive<'a>, scope: &'s Scope<'s, 'a>) -> impl Iterator<Item = Result<Row>>
where
    'a: 's,
{
    let bills = archive.all(scope, |_| true);
    bills.filter_map(|found| {
        let (file, located) = match found {
            Ok(found) => found,
            Err(stop) => return Some(Err(stop)),
        };
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
        let values = tables::placed(archive.job, archive.files[file].house.as_deref(), values);
        Some(Ok(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } }))
    })
}

/// How many ledger rows the calculations give that count, and whose they are not known to be.
pub fn ledger_found(calculations: &[Calculation<'_>], people: &People) -> (usize, Vec<Finding>) {
    let (mut rows, mut findings) = (0, Vec::new());
    for calculation in calculations.iter().filter(|c| c.standing == Standing::Current) {
        for share in &calculation.rent.shares {
            if people.is_ambiguous(calculation.house, &share.name) {
                let message = format!("the database has several tenants called {}, so it is unknown whose rent this is", share.name);
                let hint = "give one of them a longer name, in the calculations too, or state the right one in the files";
                let finding = Finding::new(Severity::Error, Subject::Check, "name-twice", message, hint);
                findings.push(finding.at(calculation.path, &share.span()));
            }
            if people.by_name(calculation.house, &share.name).is_some() {
                rows += 1;
                continue;
            }
            let (message, hint) = unknown(people, calculation.house, &share.name);
            let finding = Finding::new(Severity::Error, Subject::File, "unknown-tenant", message, hint);
            findings.push(finding.at(calculation.path, &share.span()));
        }
    }
    (rows, findings)
}

/// The ledger rows of the calculations that count: one for each person who owes something and is known.
pub fn ledger_rows<'c>(archive: Archive<'c>, calculations: &'c [Calculation<'c>], people: &'c People) -> impl Iterator<Item = Row> + 'c {
    calculations.iter().filter(|c| c.standing == Standing::Current).flat_map(move |c| ledger_rows_of(archive, c, people))
}

fn ledger_rows_of(archive: Archive<'_>, calculation: &Calculation<'_>, people: &People) -> Vec<Row> {
    let source = &archive.job.sources[archive.files[calculation.file].source];
    let rent = calculation.rent;
    let period = calculation.period(source.period);
    let heads = if rent.roommates.is_empty() { rent.shares.len() } else { rent.roommates.len() };
    let base = rent
        .constant("kallhyra")
        .map(|kallhyra| (kallhyra / Decimal::from(heads.max(1))).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    let calculated_at = rent.calculated_at.map(|t| t.canonical());
    let title = rent.title.clone().unwrap_or_else(|| format!("Rent {period}"));
    let known = rent.shares.iter().filter_map(|share| Some((share, people.by_name(calculation.house, &share.name)?)));
    let rows = known.map(|(share, person)| {
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
        let values = tables::placed(archive.job, calculation.house, values);
        Row { values, origin: Origin { file: Some(calculation.file), span: share.span(), derived: None } }
    });
    rows.collect()
}

/// That no tenant of the house has a name, and what may be meant.
fn unknown(people: &People, house: Option<&str>, name: &str) -> (String, String) {
    let add = "or add the person to the tenants";
    let near = nearest(name, people.names(house)).map(|near| format!("did you mean {near}? Correct the name, {add}"));
    let Some(house) = house else {
        return (format!("no tenant is called {name}"), near.unwrap_or_else(|| format!("correct the name, {add}")));
    };
    let other = || people.houses().find(|other| people.by_name(Some(other), name).is_some());
    let elsewhere = || other().map(|other| format!("{other} has a tenant of that name: correct the name or the folder, {add} of {house}"));
    let hint = if people.names(Some(house)).next().is_none() {
        let near = nearest(house, people.houses()).map_or(String::new(), |near| format!("did you mean {near}? "));
        format!("{near}The tenants name nobody of {house}: correct the folder or their list")
    } else {
        near.or_else(elsewhere).unwrap_or_else(|| format!("correct the name, {add} of {house}"))
    };
    (format!("no tenant of {house} is called {name}"), hint)
}

/// Which month a source's ledger rows are for, in words of the report.
pub fn period_rule(period: Period) -> &'static str {
    match period {
        Period::Filename => "the month in the file's name",
        Period::Constants => "the month of the constants, else the name's",
        Period::AfterConstants => "the month after that of the constants, else the name's",
    }
}
