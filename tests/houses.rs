//! Archives of many houses: names, versions, keys and comparisons hold within a house, whatever its folder is called. The rules of
//! the program's own house are in `house`.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::{Run, TestEnv, on_both};
use serde_json::Value;
use std::fs;

pub(crate) fn run(env: &TestEnv) -> Run {
    let url = env.database.url();
    env.tieout(&["run", "houses", "--database", &url, "--json"])
}

pub(crate) fn check<'a>(outcome: &'a Value, name: &str, group: &str) -> &'a Value {
    let checks = outcome["checks"].as_array().unwrap();
    let of_name = || checks.iter().filter(|c| c["name"] == name).collect::<Vec<_>>();
    checks.iter().find(|c| c["name"] == name && c["group"] == group).unwrap_or_else(|| panic!("no {name} of {group}: {:#?}", of_name()))
}

pub(crate) fn messages(outcome: &Value, code: &str) -> Vec<String> {
    let findings = outcome["findings"].as_array().unwrap();
    findings.iter().filter(|f| f["code"] == code).map(|f| f["message"].as_str().unwrap().to_owned()).collect()
}

/// What is wrong with the job file, when nothing else is looked at.
pub(crate) fn complaint(env: &TestEnv) -> String {
    env.tieout(&["run", "houses"]).expect_code(2).stderr
}

on_both! {
    fn each_house_is_an_archive_of_its_own(env) {
        env.copy_fixture("houses");
        let outcome = run(env).expect_code(0).json();
        assert_eq!(outcome["run"]["status"], "committed");
        let rows = |sql: &str| env.database.rows(sql);
        let shares = "SELECT l.house, t.house, t.name, l.\"amountDue\" FROM \"RentLedger\" l JOIN \"Tenant\" t ON t.id = l.\"tenantId\" \
                      WHERE t.name = 'Adam' ORDER BY l.house";
        assert_eq!(rows(shares), [["house_001", "house_001", "Adam", "5913"], ["house_002", "house_002", "Adam", "4642"]]);
        // Version 1 counts in the house that has no other, whatever another house has.
        let titles = "SELECT DISTINCT house, \"calculationTitle\" FROM \"RentLedger\" WHERE period = '2025-02-01 00:00:00' ORDER BY house";
        let titles: Vec<String> = rows(titles).into_iter().map(|row| row[1].clone()).collect();
        assert!(titles.contains(&"February 2025, the bill corrected".to_owned()) && titles.contains(&"February 2025".to_owned()), "{titles:?}");
        // The same provider, day and amount in two houses are two bills.
        let grid = "SELECT house, amount FROM \"ElectricityBill\" WHERE provider = 'vattenfall' AND amount = 600 ORDER BY house";
        assert_eq!(rows(grid), [["house_001", "600"], ["house_002", "600"]]);
        let el = "SELECT house, value FROM \"RentConfig\" WHERE key = 'el' AND period = '2025-02-01 00:00:00'";
        let mut el = rows(el);
        el.sort();
        assert_eq!(el, [["house_001", "1000"], ["house_002", "1100"], ["Åsgatan 3", "500"]]);
        let meters = "SELECT house, count(*) FROM \"MeterReading\" GROUP BY house ORDER BY house";
        assert_eq!(rows(meters), [["house_001", "2"], ["house_002", "1"]]);
        for (group, status) in [
            ("house_001, 2025-02", "match"),
            ("house_002, 2025-02", "match"),
            ("Åsgatan 3, 2025-02", "derived"),
            ("Åsgatan 3, 2025-03", "derived"),
        ] {
            assert_eq!(check(&outcome, "electricity-vs-config", group)["status"], status, "{group}");
        }
        for (name, group) in [
            ("residency", "house_001, 2025_02_v2"),
            ("recompute", "house_002, 2025_02_v1"),
            ("provider-coverage", "house_001, fortum"),
            ("rent-coverage", "Åsgatan 3"),
            ("control-total", "house_002, RentLedger.sum(amountDue)"),
        ] {
            assert_eq!(check(&outcome, name, group)["status"], "match", "{name} of {group}");
        }
        assert_eq!(check(&outcome, "shares-vs-total", "Åsgatan 3, 2025_03_v1")["status"], "within_tolerance");
        assert_eq!(check(&outcome, "supersession", "house_001, 2025-02")["status"], "explained");
        assert_eq!(messages(&outcome, "duplicate"), [""; 0]);
        let monthly = outcome["account"]["monthly"].as_array().unwrap();
        let of_adam: Vec<&str> = monthly.iter().map(|m| m["of"].as_str().unwrap()).filter(|of| of.ends_with("Adam")).collect();
        assert_eq!(of_adam, ["house_001, Adam", "house_002, Adam"]);

        let before = env.database.dump();
        let again = run(env).expect_code(0).json();
        assert_eq!(again["run"]["status"], "unchanged", "{again:#}");
        assert_eq!(env.database.dump(), before);
    }

    fn a_month_is_compared_within_its_house(env) {
        env.copy_fixture("houses");
        // The sums of all houses together would still agree.
        env.replace("houses/archive/house_001/electricity_bills_history.txt", "400 kr", "500 kr");
        env.replace("houses/archive/house_002/electricity_bills_history.txt", "500 kr", "400 kr");
        let outcome = run(env).expect_code(1).json();
        for (group, difference) in [("house_001, 2025-02", "100"), ("house_002, 2025-02", "-100")] {
            let check = check(&outcome, "electricity-vs-config", group);
            assert_eq!((&check["status"], &check["difference"]), (&"difference".into(), &difference.into()), "{group}");
        }
        // What the superseded version said is of this house.
        env.replace("houses/archive/house_001/electricity_bills_history.txt", "500 kr", "390 kr");
        let outcome = run(env).expect_code(1).json();
        let why = check(&outcome, "electricity-vs-config", "house_001, 2025-02")["explanation"].as_str().unwrap().to_owned();
        assert!(why.contains("2025_02_v1"), "{why}");
        let other = check(&outcome, "electricity-vs-config", "house_002, 2025-02")["explanation"].clone();
        assert!(!other.to_string().contains("2025_02_v1"), "{other}");
    }

    fn the_same_keys_of_two_houses_are_revised_apart(env) {
        env.copy_fixture("houses");
        run(env).expect_code(0);
        for house in ["house_001", "house_002"] {
            assert_eq!(env.database.value(&format!("SELECT count(*) FROM \"Tenant\" WHERE house = '{house}' AND name = 'Adam'")), "1");
        }
        env.replace("houses/archive/house_002/electricity_bills_history.txt", "600 kr", "610 kr");
        env.replace("houses/archive/house_002/rent_history/2025_02_v1.json", "1100", "1110");
        env.replace("houses/archive/house_002/rent_history/2025_02_v1.json", "4642", "4645");
        env.replace("houses/tieout.toml", "13926", "13935");
        let outcome = run(env).expect_code(0).json();
        let tables = &outcome["tables"];
        assert_eq!((&tables["ElectricityBill"]["updated"], &tables["ElectricityBill"]["unchanged"]), (&1.into(), &7.into()));
        assert_eq!((&tables["RentLedger"]["updated"], &tables["RentConfig"]["updated"]), (&3.into(), &1.into()));
        let said = messages(&outcome, "revision").join("\n");
        assert!(said.contains("bill house_002, vattenfall, 2025-02-28 is revised: amount 600 → 610"), "{said}");
        assert_eq!(env.database.value("SELECT amount FROM \"ElectricityBill\" WHERE house = 'house_001' AND provider = 'vattenfall'"), "600");
        // And the run can be undone.
        let url = env.database.url();
        env.tieout(&["rollback", "--database", &url]).expect_code(0);
        assert_eq!(env.database.value("SELECT amount FROM \"ElectricityBill\" WHERE house = 'house_002' AND provider = 'vattenfall'"), "600");
    }

    fn folders_may_be_called_anything(env) {
        env.copy_fixture("houses");
        let names = ["=cmd|'calc'!A0", "O'Brien \"the\" house, 2", "none", "ÅÄÖ 🏠", "a\\b", "{x}"];
        let mut tenants = env.read("houses/tenants.csv");
        for name in names {
            for file in ["electricity_bills_history.txt", "rent_history/2025_02_v1.json"] {
                let text = env.read(&format!("houses/archive/house_002/{file}"));
                env.write(&format!("houses/archive/{name}/{file}"), text);
            }
            let quoted = name.replace('"', "\"\"");
            for tenant in ["Adam", "Cecilia", "David"] {
                tenants += &format!("\"{quoted}\",,{tenant},,2023-05-01,,\n");
            }
        }
        env.write("houses/tenants.csv", tenants);
        env.replace("houses/tieout.toml", "rows = 9", "rows = 27");
        let outcome = run(env).expect_code(0).json();
        assert_eq!(messages(&outcome, "house-without-files"), [""; 0]);
        let mut held: Vec<String> = env.database.rows("SELECT house FROM \"ElectricityBill\" WHERE provider = 'fortum'").concat();
        held.sort();
        held.dedup();
        assert_eq!(held.len(), 9, "{held:?}");
        assert!(names.iter().all(|name| held.iter().any(|h| h == name)), "{held:?}");
        for group in ["\"O'Brien \\\"the\\\" house, 2\", 2025-02", "\"none\", 2025-02", "=cmd|'calc'!A0, 2025-02", "a\\b, 2025-02"] {
            assert_eq!(check(&outcome, "electricity-vs-config", group)["status"], "match", "{group}");
        }
        assert_eq!(run(env).expect_code(0).json()["run"]["status"], "unchanged");
    }

    fn a_house_of_one_source_alone_is_not_passed_over(env) {
        env.copy_fixture("houses");
        let bills = env.read("houses/archive/house_002/electricity_bills_history.txt");
        env.write("houses/archive/house_004/electricity_bills_history.txt", bills);
        let outcome = run(env).expect_code(0).json();
        let rent = check(&outcome, "rent-coverage", "house_004");
        assert_eq!((&rent["status"], &rent["explanation"]), (&"difference".into(), &"no row for 2025-02".into()));
        assert_eq!(check(&outcome, "electricity-vs-config", "house_004, 2025-02")["status"], "derived");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentConfig\" WHERE house = 'house_004'"), "1");
    }
}

#[test]
fn a_name_that_no_tenant_of_the_house_bears_is_an_error_that_names_the_house() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    env.replace("houses/archive/house_001/rent_history/2025_02_v2.json", "Berit", "David");
    let outcome = run(&env).expect_code(3).json();
    let unknown = finding(&outcome, "unknown-tenant");
    assert_eq!(unknown["message"], "no tenant of house_001 is called David");
    assert_eq!(unknown["path"], "archive/house_001/rent_history/2025_02_v2.json");
    assert!(unknown["hint"].as_str().unwrap().starts_with("house_002 has a tenant of that name"), "{unknown}");
    let residency = check(&outcome, "residency", "house_001, 2025_02_v2");
    assert_eq!(residency["explanation"], "not run: no tenant of house_001 is called David");

    // A folder that the tenants do not know.
    fs::rename(env.path("houses/archive/house_002"), env.path("houses/archive/house_02")).unwrap();
    let outcome = run(&env).expect_code(3).json();
    let findings = outcome["findings"].as_array().unwrap();
    let of_folder = findings.iter().find(|f| f["message"] == "no tenant of house_02 is called Cecilia").unwrap();
    assert!(of_folder["hint"].as_str().unwrap().starts_with("did you mean house_00"), "{of_folder}");
    let absent = finding(&outcome, "house-without-files");
    assert_eq!(absent["message"], "the house house_002 is named here, and there is no file of it");
    assert_eq!((&absent["severity"], &absent["path"], &absent["line"]), (&"warning".into(), &"tenants.csv".into(), &4.into()));
}

#[test]
fn a_house_is_said_once_and_everywhere() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    let tenants = env.read("houses/tenants.csv");
    env.replace("houses/tenants.csv", "house_002,,David", ",,David");
    let outcome = run(&env).expect_code(3).json();
    let empty = finding(&outcome, "missing-value");
    assert_eq!((&empty["message"], &empty["line"]), (&"`house` is empty".into(), &6.into()));

    let without: String = tenants.lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    env.write("houses/tenants.csv", &without);
    let outcome = run(&env).expect_code(3).json();
    let missing = messages(&outcome, "missing-house");
    assert_eq!(missing, ["it is not said of which house this is, and names and keys are unique within a house only"]);
    env.write("houses/tenants.csv", &tenants);

    // A file in each folder, and one of them with a column besides that says another house.
    env.replace("houses/tieout.toml", "\"rent_config.csv\"", "\"archive/{house}/rent_config.csv\"");
    env.write("houses/archive/house_001/rent_config.csv", "key,period,value\nkallhyra,2025-02,10000\n");
    env.write("houses/archive/house_002/rent_config.csv", "key,period,value,house\nkallhyra,2025-02,12000,house_002\n");
    run(&env).expect_code(0);
    assert_eq!(env.database.value("SELECT value FROM \"RentConfig\" WHERE house = 'house_002' AND key = 'kallhyra'"), "12000");
    env.replace("houses/archive/house_002/rent_config.csv", ",house_002", ",house_001");
    let outcome = run(&env).expect_code(3).json();
    let differs = finding(&outcome, "house-differs");
    assert_eq!(differs["message"], "the house is house_001 here, and house_002 by the path of the file or its source");
    assert_eq!((&differs["path"], &differs["line"]), (&"archive/house_002/rent_config.csv".into(), &2.into()));

    // Ids that count from 1 in each house are ids of the same tenants.
    env.copy_fixture("houses");
    env.write("houses/tenants.csv", tenants.replace(",,Adam", ",1,Adam"));
    let outcome = run(&env).expect_code(3).json();
    let said = messages(&outcome, "contradiction");
    assert!(said[0].starts_with("the tenant 1 is stated twice and differently: house house_001 there, house_002 here"), "{said:?}");
}

#[test]
fn ids_are_made_of_the_house_and_without_houses_of_what_they_were() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    run(&env).expect_code(0);
    let id = |table: &str, of: &str| env.database.value(&format!("SELECT id FROM \"{table}\" WHERE {of}"));
    assert_eq!(id("Tenant", "house = 'house_001' AND name = 'Adam'"), "ff244f67-952c-5dfa-93dc-7b2f580471b6");
    assert_eq!(id("ElectricityBill", "house = 'house_001' AND provider = 'vattenfall'"), "80bbcec9-4def-58e0-bf41-e287044989c4");
    assert_eq!(id("RentConfig", "house = 'house_001' AND key = 'el'"), "ed9c9bdf-21b3-5cbd-9dbe-c5b1b83e1bda");

    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let id = |table: &str, of: &str| env.database.value(&format!("SELECT id FROM \"{table}\" WHERE {of}"));
    assert_eq!(
        id("ElectricityBill", "provider = 'vattenfall' AND \"billDate\" LIKE '2025-10-01%'"),
        "bc218808-948a-52ef-a3dc-88a28ba57a8e"
    );
    assert_eq!(id("RentConfig", "key = 'gas'"), "4ea7a18f-c84e-5163-933b-90f879434339");
}

#[test]
fn a_job_without_houses_knows_no_houses() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let tenants: String =
        env.read("rent/tenants.csv").lines().enumerate().map(|(n, l)| format!("{l},{}\n", if n == 0 { "house" } else { "h" })).collect();
    env.write("rent/tenants.csv", tenants);
    let outcome = env.run_job(&[]).expect_code(3).json();
    let said = messages(&outcome, "unexpected-house");
    assert_eq!(said, ["a house is named here, and no source of the job says of which house its files are"]);
}
