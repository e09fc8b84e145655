//! A first deployment: no table anywhere, then schema, tenants, configuration and every version of every calculation.

use super::{tell, there_and_back};
use crate::rent::finding;
use crate::support::{TestEnv, on_both};

fn all_of_it_is_there(env: &TestEnv) {
    let value = |sql: &str| env.database.value(sql);
    assert_eq!(value("SELECT count(*) FROM \"Tenant\""), "8");
    assert_eq!(value("SELECT count(*) FROM \"RentConfig\""), "7");
    assert_eq!(value("SELECT count(*) FROM \"RentLedger\""), "58");
    assert_eq!(value("SELECT count(*) FROM \"CoOwnedItem\""), "0", "the app's own");
    assert_eq!(value("SELECT count(DISTINCT \"calculationDate\") FROM \"RentLedger\""), "14", "every version of every month");
    let february = "SELECT count(*) FROM \"RentLedger\" l JOIN \"Tenant\" t ON t.id = l.\"tenantId\" \
                    WHERE t.name = 'Fredrik' AND l.period = '2025-02-01 00:00:00'";
    assert_eq!(value(february), "8", "no key forbids a month's earlier versions");
    let odd = "SELECT count(*) FROM \"RentLedger\" WHERE \"paymentDate\" IS NULL OR \"paymentDate\" <> \"calculationDate\"";
    assert_eq!(value(odd), "0");
}

on_both! {
    fn an_import_without_the_schema_stops_before_it_writes_and_names_the_command(env) {
        env.copy_fixture("first-deploy");
        let outcome = tell(env, &["import", "first-deploy"]).expect_code(4).json();
        let found = finding(&outcome, "database");
        assert_eq!(found["message"], "the database has no table Tenant");
        assert!(found["hint"].as_str().unwrap().contains("`tieout run"), "{found}");
        assert_eq!(env.database.dump(), "");
    }

    fn then_the_schema_and_everything_comes_in_one_run_and_a_second_one_writes_nothing(env) {
        env.copy_fixture("first-deploy");
        tell(env, &["import", "first-deploy"]).expect_code(4);
        let outcome = tell(env, &["run", "first-deploy"]).expect_code(0).json();
        let steps: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(steps, ["applied", "applied"]);
        assert_eq!(outcome["tables"]["RentLedger"]["inserted"], 58);
        all_of_it_is_there(env);
        let end = env.database.dump();
        for command in ["run", "import"] {
            let again = tell(env, &[command, "first-deploy"]).expect_code(0).json();
            assert_eq!(again["run"]["status"], "unchanged", "{command}");
        }
        assert_eq!(env.database.dump(), end);
    }

    fn two_versions_of_one_moment_cannot_be_told_apart_and_are_refused(env) {
        env.copy_fixture("first-deploy");
        env.replace("first-deploy/data/rent_history/2025_02_v5.json", "2025-02-27T22:18:59", "2025-02-24T19:36:02");
        let outcome = tell(env, &["run", "first-deploy"]).expect_code(3).json();
        let message = finding(&outcome, "contradiction")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("amountDue 7812 there, 7912 here"), "{message}");
        assert_eq!(env.database.dump(), "");
    }

    fn a_version_without_a_moment_is_loaded_once(env) {
        env.copy_fixture("first-deploy");
        env.replace("first-deploy/data/rent_history/2025_02_v4.json", "\"calculation_date\": \"2025-02-24T19:36:02+01:00\",", "");
        env.replace("first-deploy/tieout.toml", "paymentDate = 14", "paymentDate = 13");
        tell(env, &["run", "first-deploy"]).expect_code(0);
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\" WHERE \"paymentDate\" IS NULL"), "4");
        assert_eq!(tell(env, &["run", "first-deploy"]).expect_code(0).json()["run"]["status"], "unchanged");
    }

    fn the_way_back_in_plain_sql_leads_to_an_empty_database(env) {
        env.copy_fixture("first-deploy");
        tell(env, &["run", "first-deploy"]).expect_code(0);
        for step in ["20250929120000_ledger_audit_trail", "20250929000000_shared_schema"] {
            let backend = super::backend(env.database.kind);
            env.database.execute(&env.read(&format!("first-deploy/migrations/{step}/{backend}/down.sql")));
        }
        assert_eq!(env.database.dump(), "");
    }

    fn there_and_back_again(env) {
        env.copy_fixture("first-deploy");
        there_and_back(env, "first-deploy", all_of_it_is_there);
    }
}
