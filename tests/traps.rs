//! What the scripts before us got wrong, line by line. *Refused* means: exit 3, nothing written, file, line and column named.

use crate::rent::finding;
use crate::support::{Run, TestEnv, on_both};

pub(crate) const BILLS: &str = "rent/electricity_bills_history.txt";
pub(crate) const MARCH: &str = "rent/data/rent_history/2025_03_v1.json";

/// The main job without the control totals that a changed bill would upset.
pub(crate) fn job(env: &TestEnv) {
    env.copy_fixture("rent");
    let job = env.read("rent/tieout.toml");
    env.write("rent/tieout.toml", &job[..job.find("# Control totals").unwrap()]);
}

/// The findings of error level as a bookkeeper sees them: place, message, hint.
pub(crate) fn errors(run: &Run) -> String {
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

pub(crate) fn bill(env: &TestEnv, due: &str, provider: &str) -> String {
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

    fn a_check_that_compared_nothing_is_no_pass(env) {
        job(env);
        env.replace("rent/tieout.toml", "RentConfig[el]", "RentConfig[ell]");
        let outcome = env.run_job(&[]).expect_code(1).json();
        let checks = outcome["checks"].as_array().unwrap();
        assert!(checks.iter().any(|c| c["name"] == "electricity-vs-config" && c["status"] == "not_run" && c["severity"] == "error"));
        assert_eq!(env.database.dump(), "");
    }

    fn two_rows_that_a_unique_column_forbids_are_named_with_their_lines(env) {
        job(env);
        env.replace("rent/tenants.csv", "rasmus@example.org", "fredrik@example.org");
        let run = env.run_job(&[]).expect_code(3);
        insta::assert_snapshot!("not_unique", errors(&run));
        assert_eq!(env.database.dump(), "");
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

    fn a_comment_that_mentions_the_other_provider_does_not_switch_the_section(env) {
        job(env);
        env.replace(BILLS, "2025-09-01\t1330 kr", "# Fortum ringde\n# Fortum (de ringde igen)\n2025-09-01\t1330 kr");
        env.run_job(&[]).expect_code(0);
        assert_eq!(bill(env, "2025-09-01", "vattenfall"), "1330");
    }
}
