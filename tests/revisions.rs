//! Files against what the database holds: revisions, conflicts, what the app owns, what stands there from elsewhere.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use crate::traps::{BILLS, MARCH, bill, errors, job};

on_both! {
    fn two_tenants_of_one_name_in_the_database_are_not_guessed_between(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("INSERT INTO \"Tenant\" (id, name, email, \"updatedAt\") VALUES ('q1', 'Adam', 'q@example.org', '2025-01-01 00:00:00')");
        env.run_job(&[]).expect_code(0);
        let toml = env.read("rent/tieout.toml");
        let (from, to) = (toml.find("[[source]]\nname = \"tenants\"").unwrap(), toml.find("[[source]]\nname = \"rent-config\"").unwrap());
        env.write("rent/tieout.toml", format!("{}{}", &toml[..from], &toml[to..]));
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("the database has several tenants called Adam"), "{}", errors(&run));
    }

    fn what_means_the_same_to_people_is_not_loaded_a_second_time(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("DELETE FROM tieout_change WHERE table_name = 'ElectricityBill'; UPDATE \"ElectricityBill\" SET provider = 'Vattenfall' WHERE \"billDate\" = '2025-09-01 00:00:00'");
        env.database.execute("UPDATE \"ElectricityBill\" SET \"billDate\" = '2025-08-28 12:00:00' WHERE \"billDate\" = '2025-08-28 00:00:00'");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("Vattenfall, 2025-09-01"), "{}", errors(&run));
        assert!(errors(&run).contains("fortum, 2025-08-28 12:00:00"), "{}", errors(&run));
        assert_eq!(env.database.dump(), before);
    }

    fn a_corrected_bill_is_a_revision_of_one_row(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        let line = env.read(BILLS).lines().find(|l| l.starts_with("2023-0")).unwrap().to_owned();
        let amount = line.split('\t').nth(1).unwrap().trim_end_matches(" kr").to_owned();
        let due = line.split('\t').next().unwrap().to_owned();
        env.replace(BILLS, &line, &format!("{due}\t7777 kr"));
        let outcome = env.run_job(&[]).expect_code(0).json();
        let counts = &outcome["tables"]["ElectricityBill"];
        assert_eq!((&counts["updated"], &counts["inserted"], &counts["unchanged"]), (&1.into(), &0.into(), &61.into()));
        assert_eq!(env.database.value("SELECT count(*) FROM \"ElectricityBill\""), "62");
        assert_eq!(bill(env, &due, "vattenfall"), "7777");
        let log = "SELECT before, after, line FROM tieout_change WHERE operation = 'update' AND table_name = 'ElectricityBill'";
        let log = env.database.rows(log);
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["amount"].clone();
        assert_eq!((json(&log[0][0]), json(&log[0][1])), (amount.into(), "7777".into()));
        assert_eq!(outcome["tables"]["RentConfig"]["updated"], 1, "the month's el, derived from it, follows");
        assert_eq!(env.run_job(&[]).expect_code(0).json()["run"]["status"], "unchanged");
    }

    fn a_corrected_rent_changes_amount_and_title(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        let text = env.read(MARCH);
        let title = text.lines().find(|l| l.contains("\"title\"")).unwrap().to_owned();
        let share = text.lines().rfind(|l| l.contains("\"Adam\"")).unwrap().to_owned();
        env.write(MARCH, text.replace(&title, "    \"title\": \"April, corrected\",").replace(&share, "    \"Adam\": 7917"));
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["tables"]["RentLedger"]["updated"], 4, "the title stands in all four rows");
        let adam = "SELECT l.\"amountDue\", l.\"calculationTitle\" FROM \"RentLedger\" l JOIN \"Tenant\" t ON t.id = l.\"tenantId\" \
                    WHERE t.name = 'Adam' AND l.period = '2025-03-01 00:00:00'";
        assert_eq!(env.database.rows(adam), [["7917", "April, corrected"]]);
    }

    fn a_value_changed_by_hand_is_a_conflict(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1700 WHERE \"billDate\" = '2025-10-01 00:00:00' AND provider = 'vattenfall'");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(1);
        insta::assert_snapshot!("changed_by_hand", errors(&run));
        assert_eq!(env.database.dump(), before);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1650 kr");
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("1700 in the database and 1650 in the file; run 1 imported 1632"), "{}", errors(&run));
        assert_eq!(env.database.dump(), before, "nor when the file has changed, too");
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1632 WHERE \"billDate\" = '2025-10-01 00:00:00' AND provider = 'vattenfall'");
        env.replace(BILLS, "2025-10-01\t1650 kr", "2025-10-01\t1632 kr");
        env.run_job(&[]).expect_code(0);
    }

    fn both_sides_changed_to_the_same_is_no_conflict(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        let line = env.read(BILLS).lines().rfind(|l| l.contains(" kr")).unwrap().to_owned();
        let due = line.split('\t').next().unwrap().to_owned();
        env.database.execute(&format!("UPDATE \"ElectricityBill\" SET amount = 99 WHERE \"billDate\" = '{due} 00:00:00' AND provider = 'fortum'"));
        env.replace(BILLS, &line, &format!("{due}\t99 kr"));
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["tables"]["ElectricityBill"]["unchanged"], 62);
        env.replace(BILLS, &format!("{due}\t99 kr"), &format!("{due}\t98 kr"));
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["tables"]["ElectricityBill"]["updated"], 1, "and counts as imported from then on");
    }

    fn a_row_deleted_by_hand_is_a_conflict(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("DELETE FROM \"ElectricityBill\" WHERE \"billDate\" = '2025-10-01 00:00:00' AND provider = 'fortum'");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("somebody deleted it"), "{}", errors(&run));
        assert_eq!(env.database.dump(), before);
    }

    fn a_differing_row_that_nobody_imported_is_a_conflict(env) {
        job(env);
        env.replace("rent/tieout.toml", "files = [\"data/rent_history/*.json\"]", "files = [\"data/rent_history/2025_03_v1.json\"]");
        let toml = env.read("rent/tieout.toml");
        let (from, to) = (toml.find("exclude = [").unwrap(), toml.find("\n]\n").unwrap() + 3);
        env.write("rent/tieout.toml", format!("{}{}", &toml[..from], &toml[to..]));
        env.run_job(&[]).expect_code(0);
        env.database.execute("DELETE FROM tieout_change; UPDATE \"RentLedger\" SET \"amountDue\" = 1");
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("no import of ours wrote it"), "{}", errors(&run));
    }

    fn what_the_app_owns_survives(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("UPDATE \"RentLedger\" SET \"amountPaid\" = 1234, \"paymentDate\" = '2025-12-24 00:00:00', \"createdAt\" = '2025-01-01 00:00:00'");
        let before = env.database.dump();
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.database.dump(), before);
        env.replace(MARCH, "\"title\": \"", "\"title\": \"New: ");
        env.run_job(&[]).expect_code(0);
        let kept = "SELECT count(*) FROM \"RentLedger\" WHERE \"amountPaid\" = 1234 AND \"paymentDate\" = '2025-12-24 00:00:00' AND \"createdAt\" = '2025-01-01 00:00:00'";
        assert_eq!(env.database.value(kept), "31");
    }

    fn an_amount_that_the_column_cannot_hold_is_refused(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        if env.database.kind == Kind::Postgres {
            env.database.execute("ALTER TABLE \"ElectricityBill\" ALTER COLUMN amount TYPE NUMERIC(10,1)");
        } else {
            return the_sqlite_column_that_rounds(env);
        }
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1632,25 kr");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("gives 1632.3 back for amount, where 1632.25 was written"), "{}", errors(&run));
        assert_eq!(env.database.dump(), before);
    }

    fn a_key_that_the_database_holds_twice_is_named(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("DROP INDEX \"ElectricityBill_provider_billDate_key\"");
        env.database.execute("INSERT INTO \"ElectricityBill\" (id, provider, \"billDate\", amount, \"billPeriod\", \"updatedAt\") \
            SELECT 'second', provider, \"billDate\", amount, \"billPeriod\", \"updatedAt\" FROM \"ElectricityBill\" WHERE \"billDate\" = '2025-10-01 00:00:00' AND provider = 'fortum'");
        let before = env.database.dump();
        let run = env.run_job(&[]).expect_code(1);
        assert!(errors(&run).contains("bill fortum, 2025-10-01 stands in the table ElectricityBill more than once"), "{}", errors(&run));
        assert_eq!(env.database.dump(), before);
    }

    fn another_tools_configuration_stands_and_is_told_apart(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        env.database.execute("DELETE FROM tieout_change WHERE table_name = 'RentConfig' AND row_key LIKE '%gas%'; UPDATE \"RentConfig\" SET value = '551' WHERE key = 'gas'");
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert!(finding(&outcome, "config-differs")["message"].as_str().unwrap().contains("gas of 2025-07 is 550 here and 551"));
        assert_eq!(env.database.value("SELECT value FROM \"RentConfig\" WHERE key = 'gas'"), "551");
    }
}

/// SQLite keeps 15 digits in a NUMERIC column: an amount with more comes back as another.
fn the_sqlite_column_that_rounds(env: &TestEnv) {
    env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t123456789012345,25 kr");
    let before = env.database.dump();
    let run = env.run_job(&[]).expect_code(1);
    assert!(errors(&run).contains("where 123456789012345.25 was written"), "{}", errors(&run));
    assert_eq!(env.database.dump(), before);
}
