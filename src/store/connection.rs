//! The connection to either database as one Diesel connection. What is asked over it is not decided here.
#![allow(missing_docs, unreachable_pub, reason = "the derive generates items that this crate keeps to itself")]

use diesel::{PgConnection, SqliteConnection};

/// A connection to one of the two databases.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}
