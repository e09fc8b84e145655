//! What the scripts before us got wrong, line by line. *Refused* means: exit 3, nothing written, file, line and column named.

use crate::rent::finding;
use crate::support::{Run, TestEnv, on_both};

const BILLS: &str = "rent/electricity_bills_history.txt";
const MARCH: &str = "rent/data/rent_history/2025_03_v1.json";

/// The main job without the control totals that a changed bill would upset.
fn job(env: &TestEnv) {
    env.copy_fixture("rent");
    let job = env.read("rent/tieout.toml");
    env.write("rent/tieout.toml", &job[..job.find("# Control totals").unwrap()]);
}

/// The findings of error level as a bookkeeper sees them: place, message, hint.
fn errors(run: &Run) -> String {
    let outcome = run.json();
    let errors = outcome["findings"].as_array().unwrap().iter().filter(|f| f["severity"] == "error");
    errors
        .map(|f| {
            let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
            let quote = f["quote"].as_str().map_or(String::new(), |q| format!("\n  > {q}"));
            format!(
                "{} {}:{}:{} {}\n  {}{quote}\n  → {}\n",
                text("code"),
                text("path"),
                f["line"],
                f["column"],
                text("pointer"),
                text("message"),
                text("hint")
            )
        })
        .collect()
}

/// Runs on an empty database; the input must be refused, with the words of the snapshot.
fn refused(env: &TestEnv, name: &str) {
    let run = env.run_job(&[]).expect_code(3);
    insta::assert_snapshot!(name, errors(&run));
    assert_eq!(env.database.dump(), "", "nothing is written");
    assert_eq!(run.json()["run"]["status"], "failed");
    let bad = run.json()["sources"].as_array().unwrap().iter().filter(|s| s["status"] == "rejected").count();
    assert!(bad <= 2, "the other files are read");
}

fn bill(env: &TestEnv, due: &str, provider: &str) -> String {
    env.database.value(&format!("SELECT amount FROM \"ElectricityBill\" WHERE \"billDate\" = '{due} 00:00:00' AND provider = '{provider}'"))
}

on_both! {
    fn amounts_as_people_type_them_are_read_right(env) {
        job(env);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1 632,50 kr");
        env.replace(BILLS, "2025-10-01\t792 kr", "2025-10-01\t791,50 kr");
        env.replace(BILLS, "2025-09-01\t1330 kr", "2025-09-01\t1\u{a0}330 kr");
        env.replace(BILLS, "2025-08-28\t408 kr", "2025-08-28\tSEK 408");
        env.run_job(&[]).expect_code(0);
        assert_eq!(bill(env, "2025-10-01", "vattenfall"), "1632.5");
        assert_eq!(bill(env, "2025-10-01", "fortum"), "791.5");
        assert_eq!(bill(env, "2025-09-01", "vattenfall"), "1330");
        assert_eq!(bill(env, "2025-08-28", "fortum"), "408");
        assert_eq!(env.run_job(&[]).expect_code(0).json()["run"]["status"], "unchanged");
    }

    fn a_credit_is_a_bill(env) {
        job(env);
        env.replace(BILLS, "# Fortum (elförbrukning)", "2021-05-30\t-200 kr\n\n# Fortum (elförbrukning)");
        env.run_job(&[]).expect_code(0);
        assert_eq!(bill(env, "2021-05-30", "vattenfall"), "-200");
        assert_eq!(env.database.value("SELECT value FROM \"RentConfig\" WHERE key = 'el' AND period = '2021-05-01 00:00:00'"), "-200");
    }

    fn encodings_with_a_mark_and_every_line_end_are_read_right(env) {
        job(env);
        let bills = env.read(BILLS);
        let json = env.read(MARCH);
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(bills.replace('\n', "\r\n").encode_utf16().flat_map(u16::to_le_bytes)).collect();
        env.write(BILLS, utf16);
        env.write(MARCH, format!("\u{feff}{}", json.replace('\n', "\r\n")));
        let tenants = env.read("rent/tenants.csv");
        env.write("rent/tenants.csv", format!("\u{feff}{}", tenants.replace('\n', "\r\n")));
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.database.value("SELECT sum(amount) FROM \"ElectricityBill\""), "92941");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\""), "31");
    }

    fn bytes_that_are_no_utf_8_are_refused(env) {
        job(env);
        let bills: Vec<u8> = env.read(BILLS).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        env.write(BILLS, bills);
        refused(env, "windows_1252");
    }

    fn windows_1252_is_read_right_where_it_is_declared_or_allowed(env) {
        job(env);
        let bills: Vec<u8> = env.read(BILLS).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        env.write(BILLS, bills);
        let format = "format = \"electricity-bills-text\"";
        env.replace("rent/tieout.toml", format, &format!("{format}\nencoding = \"auto\""));
        let outcome = env.run_job(&[]).expect_code(0).json();
        finding(&outcome, "encoding-chosen");
        assert_eq!(env.database.value("SELECT sum(amount) FROM \"ElectricityBill\""), "92941");
        env.replace("rent/tieout.toml", "encoding = \"auto\"", "encoding = \"windows-1252\"");
        assert_eq!(env.run_job(&[]).expect_code(0).json()["run"]["status"], "unchanged");
    }

    fn the_apps_export_stands_for_tenants_and_configuration(env) {
        job(env);
        let rows: Vec<Vec<String>> = env.read("rent/tenants.csv").lines().skip(1).map(|l| l.split(',').map(str::to_owned).collect()).collect();
        let or_null = |text: &str| if text.is_empty() { serde_json::Value::Null } else { format!("{text} 00:00:00 +0200").into() };
        let tenants: Vec<_> = rows
            .iter()
            .map(|r| serde_json::json!({ "id": r[0], "name": r[1], "email": r[2], "startDate": or_null(&r[3]), "departureDate": or_null(&r[4]) }))
            .collect();
        let configs: Vec<_> = env
            .read("rent/rent_config.csv")
            .lines()
            .skip(1)
            .map(|l| l.split(',').map(str::to_owned).collect::<Vec<_>>())
            .map(|r| serde_json::json!({ "key": r[0], "value": r[2], "period": format!("{}-01 00:00:00 +0200", &r[1][..7]) }))
            .collect();
        let export = serde_json::json!({ "export_date": "2025-09-28", "tenants": tenants, "rent_configs": configs, "rent_ledger": [] });
        env.write("rent/export.json", export.to_string());
        let toml = env.read("rent/tieout.toml");
        let (from, to) = (toml.find("[[source]]\nname = \"tenants\"").unwrap(), toml.find("[[source]]\nname = \"electricity-bills\"").unwrap());
        let source = "[[source]]\nname = \"export\"\nformat = \"rent-export-json\"\nfiles = [\"export.json\"]\n\n";
        env.write("rent/tieout.toml", format!("{}{source}{}", &toml[..from], &toml[to..]));
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.database.value("SELECT count(*) FROM \"Tenant\""), "8");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentConfig\""), "56");
        assert_eq!(&env.database.value("SELECT \"startDate\" FROM \"Tenant\" WHERE name = 'Adam'")[..10], "2025-02-26");
    }

    fn days_that_do_not_exist_are_refused(env) {
        job(env);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-02-30\t1632 kr");
        env.replace(BILLS, "2025-09-01\t1330 kr", "2025-13-01\t1330 kr");
        env.replace(BILLS, "2025-10-01\t792 kr", "2025-10-32\t792 kr");
        env.replace(MARCH, "\"month\": 3", "\"month\": 13");
        refused(env, "impossible_days");
    }

    fn ambiguous_amounts_and_lines_are_refused(env) {
        job(env);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1.632 kr");
        env.replace(BILLS, "2025-09-01\t1330 kr", "2025-09-01\t1330 kr 408 kr");
        env.replace(BILLS, "# Vattenfall (elnätsleverantör)", "# Vattenfall");
        let run = env.run_job(&[]).expect_code(3);
        let first: String = errors(&run).lines().take(16).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!("ambiguous", first);
        assert_eq!(run.json()["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "bill-before-section").count(), 29, "all of them");
        assert_eq!(env.database.dump(), "");
    }

    fn truncated_json_is_refused_even_as_the_highest_version(env) {
        job(env);
        let text = env.read("rent/data/rent_history/2025_02_v10.json");
        env.write("rent/data/rent_history/2025_02_v10.json", &text[..text.len() / 2]);
        refused(env, "truncated");
        assert_eq!(env.database.tables().len(), 0, "version 9 does not take its place");
    }

    fn empty_and_mistyped_json_is_refused(env) {
        job(env);
        env.write(MARCH, "");
        env.replace("rent/data/rent_history/2025_04_v1.json", "24530", "\"24530\"");
        refused(env, "mistyped");
    }

    fn a_name_that_no_tenant_bears_is_refused(env) {
        job(env);
        env.replace(MARCH, "\"Adam\"", "\"Adan\"");
        refused(env, "unknown_tenant");
    }

    fn a_line_twice_counts_once_and_is_reported(env) {
        job(env);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1632 kr\n2025-10-01\t1632 kr");
        let run = env.run_job(&[]).expect_code(0);
        let outcome = run.json();
        let duplicate = finding(&outcome, "duplicate");
        assert_eq!((duplicate["severity"].as_str(), duplicate["path"].as_str()), (Some("warning"), Some("electricity_bills_history.txt")));
        insta::assert_snapshot!("duplicate", duplicate["message"].as_str().unwrap());
        assert_eq!(env.database.value("SELECT count(*) FROM \"ElectricityBill\""), "62");
        assert_eq!(outcome["tables"]["ElectricityBill"]["duplicate"], 1);
        let source = outcome["sources"].as_array().unwrap().iter().find(|s| s["source"] == "electricity-bills").unwrap().clone();
        assert_eq!((&source["loaded"], &source["duplicate"]), (&62.into(), &1.into()));
    }

    fn one_bill_with_two_amounts_is_refused(env) {
        job(env);
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1632 kr\n2025-10-01\t1700 kr");
        refused(env, "two_amounts");
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

    fn a_comment_that_mentions_the_other_provider_does_not_switch_the_section(env) {
        job(env);
        env.replace(BILLS, "2025-09-01\t1330 kr", "# Fortum ringde\n# Fortum (de ringde igen)\n2025-09-01\t1330 kr");
        env.run_job(&[]).expect_code(0);
        assert_eq!(bill(env, "2025-09-01", "vattenfall"), "1330");
    }

    fn an_amount_that_the_column_cannot_hold_is_refused(env) {
        job(env);
        env.run_job(&[]).expect_code(0);
        if env.database.kind == crate::support::database::Kind::Postgres {
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
    env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t123456789012345678,25 kr");
    let before = env.database.dump();
    let run = env.run_job(&[]).expect_code(1);
    assert!(errors(&run).contains("where 123456789012345678.25 was written"), "{}", errors(&run));
    assert_eq!(env.database.dump(), before);
}
