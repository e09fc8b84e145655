//! The rent of a shared flat, taken back: to an empty database, and to the app's tenants as they were.

use super::there_and_back;
use crate::rent::the_published_figures_are_there;
use crate::support::on_both;

on_both! {
    fn from_nothing_and_back(env) {
        env.copy_fixture("rent");
        there_and_back(env, "rent", the_published_figures_are_there);
    }

    fn from_the_state_before_and_back(env) {
        env.copy_fixture("rent");
        let backend = super::backend(env.database.kind);
        env.database.execute(&env.read(&format!("rent/migrations/20250930000000_initial_schema/{backend}/up.sql")));
        env.database.execute(&env.read(&format!("rent/before/{backend}.sql")));
        there_and_back(env, "rent", the_published_figures_are_there);
    }
}
