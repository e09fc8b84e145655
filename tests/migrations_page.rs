//! The examples of docs/migrations.md run, one behind the other, on the databases that they are for.

use crate::steps::{job, migrate};
use crate::support::database::Kind;
use crate::support::on_both;

on_both! {
    fn the_examples_of_the_page_run_one_behind_the_other(env) {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/migrations.md")).unwrap();
        let own = if env.database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
        let mut steps = 0;
        for example in page.split("<!-- step: ").skip(1) {
            let (databases, rest) = example.split_once(" -->\n```sql\n").unwrap();
            let (sql, _) = rest.split_once("```").unwrap();
            if databases.split(' ').any(|d| d == own) {
                steps += 1;
                job(env, &[(&format!("{steps}_example/up.sql"), sql)]);
            }
        }
        assert_eq!(steps, 4, "of {own}");
        assert_eq!(page.matches("```sql").count(), 5, "an example that nobody tries");
        let outcome = migrate(env, &["up"]).expect_code(0).json();
        assert!(outcome["findings"].as_array().unwrap().is_empty(), "{outcome}");
        assert_eq!(env.database.rows("SELECT kind FROM device ORDER BY id"), [["heat pump"], ["heat pump"], ["fan"]]);
        assert!(env.database.tables().contains(&"finance_account".to_owned()));
        migrate(env, &["up"]).expect_code(0);
    }
}
