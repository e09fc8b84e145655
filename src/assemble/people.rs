//! Who is meant by a name, within a house where there are many: the tenants of the files, and those the database already has.

use super::houses::house_of;
use super::{Archive, tables};
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

/// The people that names can mean, by house; without houses under the empty one, as no house is called.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_house: BTreeMap<String, BTreeMap<String, Person>>,
    /// Names that the database gives to several people of a house, and no file tells apart.
    ambiguous: BTreeSet<(String, String)>,
}

impl People {
    /// Those people, each by the name.
    pub fn of(people: impl IntoIterator<Item = Person>) -> People {
        let mut found = People::default();
        people.into_iter().for_each(|person| found.add(person));
        found
    }

    fn add(&mut self, person: Person) {
        let (house, name) = (person.tenant.house.clone().unwrap_or_default(), person.tenant.name.clone());
        self.by_house.entry(house).or_default().insert(name, person);
    }

    /// The person of that name in that house.
    pub fn by_name(&self, house: Option<&str>, name: &str) -> Option<&Person> {
        self.by_house.get(house.unwrap_or_default())?.get(name)
    }

    /// All names of a house, in order.
    pub fn names(&self, house: Option<&str>) -> impl Iterator<Item = &str> {
        self.by_house.get(house.unwrap_or_default()).into_iter().flat_map(|people| people.keys().map(String::as_str))
    }

    /// The houses that people are of, in order.
    pub fn houses(&self) -> impl Iterator<Item = &str> {
        self.by_house.keys().map(String::as_str).filter(|house| !house.is_empty())
    }

    /// Whether the database has several people of that name in the house.
    pub fn is_ambiguous(&self, house: Option<&str>, name: &str) -> bool {
        !self.ambiguous.is_empty() && self.ambiguous.contains(&(house.unwrap_or_default().to_owned(), name.to_owned()))
    }
}

/// The tenants of the files as rows, and everybody a name can mean; `existing` are the database's.
pub fn tenant_rows(archive: Archive<'_>, existing: Vec<Person>) -> (Vec<Row>, People, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut stated: BTreeMap<(String, String), Person> = BTreeMap::new();
    let mut held: BTreeMap<(String, String), Vec<Person>> = BTreeMap::new();
    let place = |tenant: &Tenant| (tenant.house.clone().unwrap_or_default(), tenant.name.clone());
    for person in existing {
        held.entry(place(&person.tenant)).or_default().push(person);
    }
    for (file, located) in archive.records() {
        let Record::Tenant(tenant) = &located.value else { continue };
        let Some(house) = house_of(archive, file, tenant.house.as_deref()) else { continue };
        let tenant = Tenant { house: house.map(str::to_owned), ..tenant.clone() };
        let (path, at) = (&archive.files[file].path, place(&tenant));
        let database = held.get(&at).map(Vec::as_slice).unwrap_or_default();
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
            (None, []) => row_id(&archive.job.name, "Tenant", &identity(house, &tenant.name)),
        };
        if let Some(other) = stated.get(&at).filter(|other| other.id != id) {
            let of = house.map_or(String::new(), |house| format!(" of {house}"));
            let message = format!("two tenants{of} are called {}, with the ids {} and {id}", tenant.name, other.id);
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
        let values = tables::placed(archive.job, house, values);
        rows.push(Row { values, origin: Origin { file: Some(file), span: located.span.clone(), derived: None } });
        stated.insert(at, Person { id, tenant });
    }
    let twice = held.iter().filter(|(at, people)| people.len() > 1 && !stated.contains_key(*at));
    let ambiguous = twice.map(|(at, _)| at.clone()).collect();
    // What the files state counts before what the database holds.
    let known = held.into_values().filter_map(|mut people| people.pop());
    let people = People { ambiguous, ..People::of(known.chain(stated.into_values())) };
    (rows, people, findings)
}

/// What the id of a tenant is made of: the name, and the house where there is one.
fn identity(house: Option<&str>, name: &str) -> String {
    house.map_or_else(|| name.to_owned(), |house| serde_json::json!([house, name]).to_string())
}
