//! The tables of the domain as `load` needs them: columns, keys, and which columns the app owns.

use crate::table::{Kind, Role, Table};

/// Tenants, by the app's id.
pub fn tenant() -> Table {
    Table::new(
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
    )
}

/// Electricity bills: a provider has one bill a due date.
pub fn electricity_bill() -> Table {
    Table::new(
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
    )
}

/// The rent ledger: a tenant owes one share a month. What was paid, and when, is the app's after the first insert.
pub fn ledger() -> Table {
    Table::new(
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
    )
}

/// The ledger of a job that keeps every version: the payment date tells them apart.
pub fn ledger_of_all_versions() -> Table {
    let mut table = ledger();
    for column in table.columns.iter_mut().filter(|c| c.name == "paymentDate") {
        column.role = Role::Key;
    }
    table
}

/// Configuration values: a key has one value a month.
pub fn config() -> Table {
    Table::new(
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
    )
}
