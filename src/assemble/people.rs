//! Who is meant by a name: the tenants of the files, and those the database already has.

use super::Archive;
use crate::evidence::{Finding, Severity, Subject};
use crate::table::{Canonical, Origin, Row, row_id};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Record, Tenant};

/// A person with the id that rows refer to.
#[derive(Debug, Clone)]
pub struct Person {
    /// Id in the table of tenants.
    pub id: String,
    /// Name and residency.
    pub tenant: Tenant,
}

/// The people that names can mean.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_name: BTreeMap<String, Person>,
    /// Names that the database gives to several people, and no file tells apart.
    ambiguous: BTreeSet<String>,
}

impl People {
    /// Those people, each by the name.
    pub fn of(people: impl IntoIterator<Item = Person>) -> People {
        let by_name = people.into_iter().map(|p| (p.tenant.name.clone(), p)).collect();
        People { by_name, ambiguous: BTreeSet::new() }
    }

    /// The person of that name.
    pub fn by_name(&self, name: &str) -> Option<&Person> {
        self.by_name.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether the database has several people of that name.
    pub fn is_ambiguous(&self, name: &str) -> bool {
        self.ambiguous.contains(name)
    }
}

/// The tenants of the files as rows, and everybody a name can mean; `existing` are the database's.
pub fn tenant_rows(archive: Archive<'_>, existing: Vec<Person>) -> (Vec<Row>, People, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut stated: BTreeMap<String, Person> = BTreeMap::new();
    let mut held: BTreeMap<String, Vec<Person>> = BTreeMap::new();
    for person in existing {
        held.entry(person.tenant.name.clone()).or_default().push(person);
    }
    for (file, located) in archive.records() {
        let Record::Tenant(tenant) = &located.value else { continue };
        let path = &archive.files[file].path;
        let database = held.get(&tenant.name).map(Vec::as_slice).unwrap_or_default();
        let id = match (&tenant.id, database) {
            (Some(id), [other, ..]) if database.iter().all(|p| p.id != *id) => {
                let message = format!("{} has the id {id} here and {} in the database", tenant.name, other.id);
                let finding =
                    Finding::new(Severity::Error, Subject::Check, "conflict", message, "the ids must agree: ledger rows refer to them");
                findings.push(finding.at(path, &located.span));
                id.clone()
            }
            (Some(id), _) => id.clone(),
            (None, [other, ..]) => other.id.clone(),
            (None, []) => row_id(&archive.job.name, "Tenant", &tenant.name),
        };
        if let Some(other) = stated.get(&tenant.name).filter(|other| other.id != id) {
            let message = format!("two tenants are called {}, with the ids {} and {id}", tenant.name, other.id);
            let finding = Finding::new(
                Severity::Error,
                Subject::File,
                "name-twice",
                message,
                "names must tell people apart; give one of them a longer name, in the calculations too",
            );
            findings.push(finding.at(path, &located.span));
        }
        let values = vec![
            Some(id.clone()),
            Some(tenant.name.clone()),
            tenant.email.clone(),
            tenant.start.map(|d| d.canonical()),
            tenant.departure.map(|d| d.canonical()),
            tenant.room_adjustment.map(|a| a.canonical()),
            None,
            None,
        ];
        rows.push(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } });
        stated.insert(tenant.name.clone(), Person { id, tenant: tenant.clone() });
    }
    let twice = held.iter().filter(|(name, people)| people.len() > 1 && !stated.contains_key(*name));
    let ambiguous = twice.map(|(name, _)| name.clone()).collect();
    let mut by_name: BTreeMap<String, Person> = held.into_iter().filter_map(|(name, mut people)| Some((name, people.pop()?))).collect();
    by_name.extend(stated);
    (rows, People { by_name, ambiguous }, findings)
}
