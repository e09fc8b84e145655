//! The tables of the domain as `load` needs them: columns, keys, and which columns the app owns.

use crate::job::{Job, Versions};
use crate::table::{Column, Kind, Role, Table};
use std::collections::BTreeSet;

/// The column that says of which house a row is.
const HOUSE: &str = "house";

/// The tables of a job whose rows are of many houses: those of the domain, and its own with a column `house` that paths fill.
pub fn housed(job: &Job) -> BTreeSet<String> {
    let domain = [tenant(job), electricity_bill(job), ledger(job), config(job)].into_iter().filter(|_| job.houses).map(|t| t.name);
    let own = job.sources.iter().filter_map(|source| {
        let table = &job.tables.get(source.table?)?;
        (table.columns.get(source.house_column?)?.name == HOUSE).then(|| table.table.name.clone())
    });
    domain.chain(own).map(|name| name.to_string()).collect()
}

/// The table of a job: in one with houses with the house, behind the id.
fn of_job(mut table: Table, job: &Job, role: Role) -> Table {
    if job.houses {
        table.columns.insert(1, Column { name: HOUSE.into(), kind: Kind::Text, role });
    }
    table
}

/// The values of a row of such a table, given those that every job has.
pub(super) fn placed(job: &Job, house: Option<&str>, mut values: Vec<Option<String>>) -> Vec<Option<String>> {
    if job.houses {
        values.insert(1, house.map(str::to_owned));
    }
    values
}

/// Tenants, by the app's id.
pub fn tenant(job: &Job) -> Table {
    let table = Table::new(
        "Tenant",
        "tenant",
        &[
            ("id", Kind::Text, Role::Key),
            ("name", Kind::Text, Role::Data),
            ("email", Kind::Text, Role::Data),
            ("startDate", Kind::Date, Role::Data),
            ("departureDate", Kind::Date, Role::Data),
            ("roomAdjustment", Kind::Number, Role::Data),
            ("createdAt", Kind::Time, Role::CreatedAt),
            ("updatedAt", Kind::Time, Role::UpdatedAt),
        ],
    );
    of_job(table, job, Role::Data)
}

/// Electricity bills: a provider has one bill a due date, in each house.
pub fn electricity_bill(job: &Job) -> Table {
    let table = Table::new(
        "ElectricityBill",
        "bill",
        &[
            ("id", Kind::Text, Role::Id),
            ("provider", Kind::Name, Role::Key),
            ("billDate", Kind::Date, Role::Key),
            ("amount", Kind::Number, Role::Data),
            ("billPeriod", Kind::Date, Role::Data),
            ("createdAt", Kind::Time, Role::CreatedAt),
            ("updatedAt", Kind::Time, Role::UpdatedAt),
        ],
    );
    of_job(table, job, Role::Key)
}

/// The rent ledger: a tenant, who is of one house, owes one share a month. What was paid, and when, is the app's after the first
/// insert. With every version kept, the payment date tells them apart.
pub fn ledger(job: &Job) -> Table {
    let mut table = Table::new(
        "RentLedger",
        "ledger row",
        &[
            ("id", Kind::Text, Role::Id),
            ("tenantId", Kind::Text, Role::Key),
            ("period", Kind::Date, Role::Key),
            ("amountDue", Kind::Number, Role::Data),
            ("amountPaid", Kind::Number, Role::InsertOnly),
            ("paymentDate", Kind::Time, Role::InsertOnly),
            ("createdAt", Kind::Time, Role::CreatedAt),
            ("daysStayed", Kind::Number, Role::Data),
            ("roomAdjustment", Kind::Number, Role::Data),
            ("baseMonthlyRent", Kind::Number, Role::Data),
            ("calculationTitle", Kind::Text, Role::Data),
            ("calculationDate", Kind::Time, Role::Data),
        ],
    );
    if job.sources.iter().any(|s| s.versions == Versions::All) {
        table.columns.iter_mut().filter(|c| c.name == "paymentDate").for_each(|c| c.role = Role::Key);
    }
    of_job(table, job, Role::Data)
}

/// Configuration values: a key has one value a month, in each house.
pub fn config(job: &Job) -> Table {
    let table = Table::new(
        "RentConfig",
        "configuration value",
        &[
            ("id", Kind::Text, Role::Id),
            ("key", Kind::Name, Role::Key),
            ("period", Kind::Date, Role::Key),
            ("value", Kind::NumberText, Role::Data),
            ("createdAt", Kind::Time, Role::CreatedAt),
            ("updatedAt", Kind::Time, Role::UpdatedAt),
        ],
    );
    of_job(table, job, Role::Key)
}
