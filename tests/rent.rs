//! The main job: the published figures come out, in one run, in either database, whatever state it is found in.

use crate::support::database::Kind;
use crate::support::{Run, TestEnv, on_both};
use serde_json::Value;

fn check<'a>(outcome: &'a Value, name: &str, group: &str) -> &'a Value {
    let checks = outcome["checks"].as_array().unwrap();
    checks.iter().find(|c| c["name"] == name && c["group"] == group).unwrap_or_else(|| panic!("no check {name} of {group}"))
}

pub(crate) fn finding<'a>(outcome: &'a Value, code: &str) -> &'a Value {
    let findings = outcome["findings"].as_array().unwrap();
    findings.iter().find(|f| f["code"] == code).unwrap_or_else(|| panic!("no finding {code} among {findings:#?}"))
}

/// Everything that was published about the main job, asked of the database itself.
pub(crate) fn the_published_figures_are_there(env: &TestEnv) {
    let value = |sql: &str| env.database.value(sql);
    assert_eq!(value("SELECT count(*) FROM \"Tenant\""), "8");
    assert_eq!(value("SELECT count(*) FROM \"RentLedger\""), "31");
    assert_eq!(value("SELECT count(\"calculationTitle\") FROM \"RentLedger\""), "31");
    assert_eq!(value("SELECT count(\"roomAdjustment\") FROM \"RentLedger\""), "31");
    assert_eq!(value("SELECT count(\"daysStayed\") FROM \"RentLedger\""), "15");
    assert_eq!(value("SELECT count(\"baseMonthlyRent\") FROM \"RentLedger\""), "31");
    let periods: Vec<String> = env
        .database
        .rows("SELECT DISTINCT period FROM \"RentLedger\" ORDER BY period")
        .into_iter()
        .map(|row| row[0][..7].to_owned())
        .collect();
    assert_eq!(periods, ["2024-11", "2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-08"]);
    let adam = "SELECT l.\"daysStayed\", l.\"amountDue\", l.\"amountPaid\", l.\"calculationTitle\", l.\"baseMonthlyRent\", l.\"calculationDate\" \
                FROM \"RentLedger\" l JOIN \"Tenant\" t ON t.id = l.\"tenantId\" WHERE t.name = 'Adam' AND l.period = '2025-02-01 00:00:00'";
    let title = "March 2025 - With Adam (Exact Half Rent)";
    assert_eq!(env.database.rows(adam), [["15.5", "4526", "4526", title, "6132.5", "2025-03-10 10:53:13"]]);
    let sixth = "SELECT DISTINCT \"baseMonthlyRent\" FROM \"RentLedger\" WHERE period = '2024-11-01 00:00:00'";
    assert_eq!(value(sixth), "4088.33", "24530 / 6, half-up");
    assert_eq!(value("SELECT count(*) FROM \"ElectricityBill\""), "62");
    assert_eq!(value("SELECT sum(amount) FROM \"ElectricityBill\""), "92941");
    let by_provider = "SELECT provider, count(*) FROM \"ElectricityBill\" GROUP BY provider ORDER BY provider";
    assert_eq!(env.database.rows(by_provider), [["fortum", "31"], ["vattenfall", "31"]]);
    assert_eq!(value("SELECT count(*) FROM \"RentConfig\""), "56", "55, and gas, which the scripts forgot");
    assert_eq!(value("SELECT value FROM \"RentConfig\" WHERE key = 'gas' AND period = '2025-07-01 00:00:00'"), "550");
}

fn the_checks_say_so(run: &Run) {
    let outcome = run.json();
    assert_eq!((&outcome["run"]["status"], &outcome["exit_code"]), (&"committed".into(), &0.into()));
    for (group, expected, actual, difference, status) in [
        ("2025-09", "2424", "2424", "0", "match"),
        ("2025-08", "1738", "1738", "0", "match"),
        ("2025-07", "1973", "1972", "-1", "within_tolerance"),
        ("2025-03", "5935.98", "5936", "0.02", "within_tolerance"),
    ] {
        let check = check(&outcome, "electricity-vs-config", group);
        let got = ["expected", "actual", "difference", "status"].map(|k| check[k].as_str().unwrap());
        assert_eq!(got, [expected, actual, difference, status], "{group}");
    }
    assert_eq!(check(&outcome, "electricity-vs-config", "2025-07")["explanation"], "unexplained");
    assert_eq!(check(&outcome, "electricity-vs-config", "2023-05")["status"], "derived", "filled from the bills, so it proves nothing");
    let operands = check(&outcome, "electricity-vs-config", "2025-07")["operands"].as_array().unwrap().clone();
    let places: Vec<_> =
        operands.iter().map(|o| (o["label"].as_str().unwrap(), o["path"].as_str().unwrap(), o["value"].as_str().unwrap())).collect();
    assert!(places.iter().any(|(label, path, value)| label.starts_with("vattenfall, 2025-0")
        && *path == "electricity_bills_history.txt"
        && *value == "1585"));
    assert!(operands.iter().any(|o| o["pointer"] == "/constants/el" && o["path"] == "data/rent_history/2025_08_v1.json"));
    let sources = outcome["sources"].as_array().unwrap();
    let history: Vec<&Value> = sources.iter().filter(|s| s["source"] == "rent-history").collect();
    let count = |status: &str| history.iter().filter(|s| s["status"] == status).count();
    assert_eq!((history.len(), count("loaded"), count("superseded"), count("excluded")), (15, 7, 7, 1));
    for source in sources {
        let n = |key: &str| source[key].as_u64().unwrap();
        let ignored: u64 = source["ignored"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum();
        assert_eq!(n("read"), n("loaded") + n("superseded") + n("duplicate") + ignored + n("rejected"), "{source:#}");
    }
    assert_eq!(outcome["tables"]["RentLedger"]["inserted"], 31);
    assert!(outcome["assumptions"].to_string().contains("amountPaid"));
}

pub(crate) fn bring_to(env: &TestEnv, steps: usize) {
    let folder = env.path("rent/migrations");
    let mut names: Vec<String> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let backend = if env.database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
    for name in &names[..steps] {
        env.database.execute(&env.read(&format!("rent/migrations/{name}/{backend}/up.sql")));
        if name == &names[0] {
            env.database.execute(&env.read(&format!("rent/before/{backend}.sql")));
        }
    }
}

on_both! {
    fn an_empty_database_gets_schema_and_data_in_one_run(env) {
        env.copy_fixture("rent");
        the_checks_say_so(&env.run_job(&[]).expect_code(0));
        the_published_figures_are_there(env);
    }

    fn a_second_run_writes_nothing(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let before = env.database.dump();
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["run"]["status"], "unchanged");
        for (table, counts) in outcome["tables"].as_object().unwrap() {
            assert_eq!(["inserted", "updated", "deleted"].map(|k| counts[k].as_u64().unwrap()), [0, 0, 0], "{table}");
            assert_eq!(counts["read"], counts["unchanged"], "{table}");
        }
        assert_eq!(env.database.dump(), before);
        let changes = env.database.value("SELECT count(*) FROM tieout_change");
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_change"), changes, "nor does it fill our own log");
        assert_eq!(check(&outcome, "electricity-vs-config", "2023-05")["status"], "derived", "a derived value does not become proof by age");
    }

    fn the_state_before_is_taken_over_with_its_tenants(env) {
        env.copy_fixture("rent");
        bring_to(env, 1);
        let outcome = env.run_job(&[]).expect_code(0).json();
        let steps: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(steps, ["adopted", "applied", "applied"]);
        assert_eq!(outcome["tables"]["Tenant"]["unchanged"], 8, "the app's tenants stand as they are");
        the_published_figures_are_there(env);
        let before = env.database.dump();
        assert_eq!(env.run_job(&[]).expect_code(0).json()["run"]["status"], "unchanged");
        assert_eq!(env.database.dump(), before);
    }

    fn the_state_after_is_adopted_with_and_without_the_natural_keys(env) {
        env.copy_fixture("rent");
        bring_to(env, 2);
        env.database.execute("ALTER TABLE \"Tenant\" ADD COLUMN phone TEXT; CREATE TABLE \"Other\" (id INTEGER)");
        let outcome = env.run_job(&[]).expect_code(0).json();
        let steps: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(steps, ["adopted", "adopted", "applied"], "what another tool added besides is left alone");
        the_published_figures_are_there(env);
    }

    fn a_complete_schema_is_adopted(env) {
        env.copy_fixture("rent");
        bring_to(env, 3);
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert!(outcome["migrations"].as_array().unwrap().iter().all(|s| s["status"] == "adopted"));
        the_published_figures_are_there(env);
    }

    fn a_half_way_schema_is_refused_and_the_difference_named(env) {
        env.copy_fixture("rent");
        bring_to(env, 1);
        env.database.execute("ALTER TABLE \"RentLedger\" ADD COLUMN \"calculationTitle\" TEXT");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(4);
        let message = finding(&run.json(), "database")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("RentLedger.calculationTitle is there"), "{message}");
        assert_eq!(env.database.dump(), before);
    }

    fn a_step_that_was_changed_after_it_was_applied_is_refused(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let backend = if env.database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
        let step = format!("rent/migrations/20251004120000_natural_keys/{backend}/up.sql");
        let text = env.read(&step);
        env.write(&step, text.replace('\n', "\r\n"));
        env.run_job(&[]).expect_code(0);
        env.write(&step, text + "\n-- later thought");
        let run = env.run_job(&[]).expect_code(4);
        assert!(run.stdout.contains("was changed after it was applied"), "{}", run.stdout);
    }

    fn a_pending_step_that_only_changes_rows_is_run_and_never_taken_for_done(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        env.database.execute("CREATE TABLE app_item (name TEXT)");
        let step = "UPDATE \"Tenant\" SET \"avatarUrl\" = 'x' WHERE name = 'Adam'; CREATE INDEX item_name ON app_item (name);";
        env.write("rent/migrations/20260101_avatars/up.sql", step);
        env.write("rent/migrations/20260102_nothing_here/up.sql", "-- Nothing to do on this database.");
        let outcome = env.run_job(&[]).expect_code(0).json();
        let steps: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(steps, ["recorded", "recorded", "recorded", "applied", "applied"]);
        assert_eq!(env.database.value("SELECT \"avatarUrl\" FROM \"Tenant\" WHERE name = 'Adam'"), "x");
    }

    fn without_a_history_a_step_that_only_changes_rows_is_not_adopted(env) {
        env.copy_fixture("rent");
        bring_to(env, 3);
        env.write("rent/migrations/20260101_avatars/up.sql", "UPDATE \"Tenant\" SET \"avatarUrl\" = 'x' WHERE name = 'Adam'");
        let outcome = env.run_job(&[]).expect_code(0).json();
        let steps: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(steps, ["adopted", "adopted", "adopted", "applied"]);
        assert_eq!(env.database.value("SELECT \"avatarUrl\" FROM \"Tenant\" WHERE name = 'Adam'"), "x");
    }

    fn import_without_a_schema_stops_before_writing_and_says_how_to_get_one(env) {
        env.copy_fixture("rent");
        let run = env.tieout(&["import", "rent", "--database", &env.database.url(), "--json"]).expect_code(4);
        let outcome = run.json();
        assert!(finding(&outcome, "database")["message"].as_str().unwrap().contains("no table Tenant"));
        assert!(finding(&outcome, "database")["hint"].as_str().unwrap().contains("tieout run"));
        assert_eq!(env.database.dump(), "");
        bring_to(env, 3);
        env.tieout(&["import", "rent", "--database", &env.database.url()]).expect_code(0);
        the_published_figures_are_there(env);
    }

    fn a_mislabelled_file_stops_the_run_and_the_months_that_fit_are_named(env) {
        env.copy_fixture("rent");
        let job = env.read("rent/tieout.toml");
        let from = job.find("exclude = [").unwrap();
        let to = from + job[from..].find("\n]").unwrap() + 2;
        env.write("rent/tieout.toml", format!("{}{}", &job[..from], &job[to..]));
        let outcome = env.run_job(&[]).expect_code(1).json();
        let message = finding(&outcome, "mislabelled-file")["message"].as_str().unwrap();
        insta::assert_snapshot!("mislabelled", message);
        assert_eq!(outcome["run"]["status"], "failed");
        assert_eq!(env.database.dump(), "");
    }

    fn an_exclude_holds_for_the_content_it_was_made_for(env) {
        env.copy_fixture("rent");
        env.replace("rent/data/rent_history/2023_11_v1.json", "400", "401");
        let outcome = env.run_job(&[]).expect_code(1).json();
        finding(&outcome, "mislabelled-file");
        finding(&outcome, "exclude-of-other-content");
    }

    fn a_job_that_keeps_every_version_has_a_ledger_row_for_each(env) {
        env.copy_fixture("rent");
        env.replace("rent/tieout.toml", "versions = \"latest\"", "versions = \"all\"");
        env.replace("rent/tieout.toml", "rows = 31\nfilled = { calculationTitle = 31, roomAdjustment = 31, daysStayed = 15 }\ndistinct = { period = 7 }", "rows = 58");
        let keys = "rent/migrations/20251004120000_natural_keys";
        std::fs::remove_dir_all(env.path(keys)).unwrap();
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.run_job(&[]).expect_code(0).json()["run"]["status"], "unchanged");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\""), "58");
    }

    fn the_ledger_month_follows_the_period_rule(env) {
        env.copy_fixture("rent");
        env.replace("rent/tieout.toml", "period = \"filename\"", "period = \"constants+1\"");
        env.run_job(&[]).expect_code(0);
        let first = "SELECT min(period) FROM \"RentLedger\"";
        assert_eq!(&env.database.value(first)[..7], "2024-11", "2024_11_v2 says month 10");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\" WHERE period = '2025-03-01 00:00:00'"), "4");
    }

    fn any_run_can_be_reported_on_again(env) {
        env.copy_fixture("rent");
        let url = env.database.url();
        env.run_job(&[]).expect_code(0);
        env.replace("rent/electricity_bills_history.txt", "1632 kr", "1.632 kr");
        env.run_job(&[]).expect_code(3);
        let latest = env.tieout(&["report", "--database", &url]).expect_code(0);
        assert!(latest.stdout.starts_with("DOES NOT TIE OUT"), "{}", latest.stdout);
        let first = env.tieout(&["report", "1", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!((&first["run"]["status"], &first["run"]["id"]), (&"committed".into(), &1.into()));
        env.tieout(&["report", "7", "--database", &url]).expect_code(2);
    }
}

#[test]
fn both_databases_hold_the_same_rows() {
    let dumps = [Kind::Sqlite, Kind::Postgres].map(|kind| {
        let env = TestEnv::new(kind);
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let ledger = "SELECT id, \"tenantId\", period, \"amountDue\", \"daysStayed\", \"roomAdjustment\", \"baseMonthlyRent\", \"calculationTitle\", \"calculationDate\" FROM \"RentLedger\" ORDER BY id";
        let config = "SELECT id, key, period, value FROM \"RentConfig\" ORDER BY id";
        let bills = "SELECT id, provider, \"billDate\", amount, \"billPeriod\" FROM \"ElectricityBill\" ORDER BY id";
        let changes = "SELECT table_name, row_key, operation, after, line, pointer, derived FROM tieout_change ORDER BY table_name, row_key";
        [ledger, config, bills, changes].map(|sql| env.database.rows(sql))
    });
    let [sqlite, postgres] = dumps;
    for (a, b) in sqlite.iter().zip(&postgres) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert_eq!(a, b);
        }
    }
}

#[test]
fn the_text_report_reads_as_agreed() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(0);
    insta::assert_snapshot!(run.normalised());
}
