//! Reconciling again and again: without writing, beside a working app, with waivers, stale rows and settled conflicts.

use crate::rent::finding;
use crate::support::{TestEnv, on_both};
use serde_json::Value;

fn tieout(env: &TestEnv, args: &[&str], code: i32) -> Value {
    let url = env.database.url();
    env.tieout(&[args, &["--database", &url, "--json"]].concat()).expect_code(code).json()
}

fn codes(outcome: &Value, code: &str) -> usize {
    outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == code).count()
}

fn check<'o>(outcome: &'o Value, name: &str, group: &str) -> &'o Value {
    outcome["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == name && c["group"] == group)
        .unwrap_or_else(|| panic!("no {name} in {group}"))
}

/// The sample job, imported.
fn imported(env: &TestEnv) {
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
}

const BILLS: &str = "rent/electricity_bills_history.txt";

on_both! {
    fn a_comparison_writes_nothing_but_its_record(env) {
        imported(env);
        let before = env.database.dump();
        let outcome = tieout(env, &["reconcile", "rent"], 0);
        assert_eq!((&outcome["run"]["status"], &outcome["run"]["command"]), (&"unchanged".into(), &"reconcile".into()));
        assert_eq!(check(&outcome, "read-back", "ElectricityBill")["actual"], "62");
        assert_eq!(check(&outcome, "electricity-vs-config", "2025-07")["difference"], "-1");
        assert_eq!(env.database.dump(), before);
        assert_eq!(env.database.value("SELECT command FROM tieout_run WHERE id = 2"), "reconcile");
        // Then files and database move apart in every way there is.
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        env.replace(BILLS, "2025-09-01\t1330 kr", "2025-09-01\t1330 kr\n2025-11-01\t1500 kr");
        env.database.execute("DELETE FROM \"ElectricityBill\" WHERE amount = 792");
        env.database.execute("UPDATE \"RentLedger\" SET \"amountDue\" = 4527 WHERE \"amountDue\" = 4526");
        let before = env.database.dump();
        let outcome = tieout(env, &["reconcile", "rent"], 1);
        assert_eq!((codes(&outcome, "revision"), codes(&outcome, "not-imported"), codes(&outcome, "conflict")), (1, 1, 2));
        assert_eq!(check(&outcome, "read-back", "ElectricityBill")["difference"], "-3");
        assert_eq!(check(&outcome, "read-back", "RentLedger")["difference"], "-1");
        assert!(outcome["tables"].as_object().unwrap().values().all(|t| t["inserted"] == 0 && t["updated"] == 0 && t["deleted"] == 0));
        assert_eq!(env.database.dump(), before);
    }

    fn a_database_without_the_tables_is_not_green(env) {
        env.copy_fixture("rent");
        let outcome = tieout(env, &["reconcile", "rent"], 1);
        assert_eq!(check(&outcome, "read-back", "ElectricityBill")["status"], "not_run");
        assert_eq!(check(&outcome, "electricity-vs-config", "every month")["status"], "not_run");
        assert!(env.database.tables().iter().all(|t| t.starts_with("tieout_")), "{:?}", env.database.tables());
    }

    fn a_waiver_holds_for_its_figures_and_until_its_day(env) {
        imported(env);
        env.replace("rent/rent_config.csv", "el,2025-09,2424", "el,2025-09,2400");
        let outcome = tieout(env, &["import", "rent"], 1);
        let wrong = check(&outcome, "electricity-vs-config", "2025-09").clone();
        assert_eq!((&wrong["status"], &wrong["proof"]), (&"difference".into(), &"unexplained".into()));
        let text = env.tieout(&["import", "rent", "--database", &env.database.url()]).stdout;
        let hash = text.split("hash = \"").nth(1).and_then(|t| t.get(..16)).unwrap_or_else(|| panic!("no hash in {text}")).to_owned();
        let job = env.read("rent/tieout.toml");
        let waiver = |hash: &str, until: &str| format!("{job}\n[[waiver]]\ncheck = \"electricity-vs-config\"\ngroup = \"2025-09\"\nhash = \"{hash}\"\nreason = \"the grid's credit comes later\"\nby = \"the treasurer\"\non = 2025-10-04\n{until}");
        env.write("rent/tieout.toml", waiver(&hash, ""));
        let outcome = tieout(env, &["import", "rent"], 0);
        let waived = check(&outcome, "electricity-vs-config", "2025-09");
        assert_eq!(waived["status"], "waived");
        assert!(waived["explanation"].as_str().unwrap().contains("waived by the treasurer on 2025-10-04: the grid's credit comes later"));
        // Passed on: 24 waived, 1 + 0.34 + 0.3 + 1 under, 0.02 over; not netted.
        assert_eq!((&outcome["passed_on"]["total"], &outcome["passed_on"]["count"]), (&"26.66".into(), &6.into()));
        env.write("rent/tieout.toml", waiver(&hash, "until = 2025-10-31\n"));
        assert_eq!(codes(&tieout(env, &["reconcile", "rent"], 1), "waiver-expired"), 1);
        env.write("rent/tieout.toml", waiver("0123456789abcdef", ""));
        assert_eq!(codes(&tieout(env, &["reconcile", "rent"], 1), "waiver-void"), 1);
        env.write("rent/tieout.toml", waiver(&hash, "").replace("[job]\n", "[job]\nmateriality = \"26\"\n"));
        let outcome = tieout(env, &["reconcile", "rent"], 1);
        assert_eq!(check(&outcome, "materiality", "passed-on differences")["status"], "difference");
        env.replace("rent/rent_config.csv", "el,2025-09,2400", "el,2025-09,2424");
        env.write("rent/tieout.toml", waiver(&hash, ""));
        assert_eq!(codes(&tieout(env, &["import", "rent"], 0), "waiver-unused"), 1);
    }

    fn a_row_whose_line_is_gone_is_reported_and_taken_away_on_request(env) {
        imported(env);
        let bills = env.read(BILLS);
        let gone: String = bills.lines().filter(|l| !l.starts_with("2025-10-01\t1632")).map(|l| format!("{l}\n")).collect();
        env.write(BILLS, &gone);
        env.replace("rent/tieout.toml", "rows = 62\nsum = { amount = \"92941\" }", "filled = { amount = 61 }");
        let outcome = tieout(env, &["import", "rent"], 1);
        let stale = finding(&outcome, "stale");
        assert_eq!(stale["severity"], "warning");
        assert!(stale["message"].as_str().unwrap().contains("was imported by run 1 from electricity_bills_history.txt:"), "{stale}");
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.replace("rent/rent_config.csv", "el,2025-09,2424", "el,2025-09,792");
        // Somebody changed it since: it is not ours to take away.
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1700 WHERE amount = 1632");
        assert_eq!(codes(&tieout(env, &["import", "rent"], 1), "conflict"), 1);
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1632 WHERE amount = 1700");
        let outcome = tieout(env, &["import", "rent"], 0);
        assert_eq!(outcome["tables"]["ElectricityBill"]["deleted"], 1);
        assert_eq!(env.database.value("SELECT count(*) FROM \"ElectricityBill\""), "61");
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_change WHERE operation = 'delete' AND before IS NOT NULL"), "1");
        assert_eq!(tieout(env, &["import", "rent"], 0)["run"]["status"], "unchanged");
        // It may come again.
        env.write(BILLS, &bills);
        env.replace("rent/tieout.toml", "filled = { amount = 61 }", "rows = 62");
        env.replace("rent/rent_config.csv", "el,2025-09,792", "el,2025-09,2424");
        assert_eq!(tieout(env, &["import", "rent"], 0)["tables"]["ElectricityBill"]["inserted"], 1);
    }

    fn all_that_no_file_states_is_taken_away_and_the_first_thousand_are_listed(env) {
        let job = "[job]\nname = \"many\"\non_stale = \"delete\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\ncolumns = [{ name = \"id\", type = \"text\" }, { name = \"v\", type = \"integer\" }]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"t\"\nfiles = [\"a.csv\"]\n";
        env.write("many/tieout.toml", job);
        env.write("many/a.csv", format!("id,v\n{}", (0..2600).map(|n| format!("{n},{n}\n")).collect::<String>()));
        tieout(env, &["run", "many"], 0);
        env.write("many/a.csv", format!("id,v\n{}", (0..100).map(|n| format!("{n},{n}\n")).collect::<String>()));
        // One that somebody else took away is no matter of ours.
        env.database.execute("DELETE FROM t WHERE id = '150'");
        let outcome = tieout(env, &["run", "many"], 0);
        assert_eq!(outcome["tables"]["t"]["deleted"], 2499);
        assert_eq!((codes(&outcome, "stale"), env.database.value("SELECT count(*) FROM t")), (1000, "100".to_owned()));
        assert!(outcome["findings"].to_string().contains("and 1500 more rows of the table t that no file states any more"));
        let again = check(&outcome, "read-back", "t after rows were taken away");
        assert_eq!((&again["status"], &again["actual"]), (&"match".into(), &"100".into()));
        assert_eq!(tieout(env, &["run", "many"], 0)["run"]["status"], "unchanged");
    }

    fn a_value_that_the_table_allows_once_can_change_hands(env) {
        let job = |more: &str| format!("[job]\nname = \"people\"\n{more}[[table]]\nname = \"person\"\nkey = [\"id\"]\ncolumns = [{{ name = \"id\", type = \"text\" }}, {{ name = \"email\", type = \"text\" }}]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"person\"\nfiles = [\"a.csv\"]\n");
        env.write("people/tieout.toml", job(""));
        env.database.execute("CREATE TABLE person (id VARCHAR(10) NOT NULL PRIMARY KEY, email VARCHAR(40) NOT NULL UNIQUE)");
        let state = |rows: &str| env.write("people/a.csv", format!("id,email\n{rows}"));
        let held = || env.database.rows("SELECT id, email FROM person ORDER BY id").iter().map(|r| r.join(" ")).collect::<Vec<_>>().join(", ");
        state("1,a\n2,b\n3,c\n");
        tieout(env, &["run", "people"], 0);
        // A new row takes what a changed one gives up; and each of a chain what the next gives up.
        state("1,b\n2,c\n3,d\n4,a\n");
        let outcome = tieout(env, &["run", "people"], 0);
        assert_eq!((&outcome["tables"]["person"]["updated"], &outcome["tables"]["person"]["inserted"], held().as_str()), (&3.into(), &1.into(), "1 b, 2 c, 3 d, 4 a"));
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_change WHERE operation = 'update' AND row_before IS NOT NULL AND left_digest IS NOT NULL"), "3");
        // Two that change places: which rows, and where they stand.
        state("1,c\n2,b\n3,d\n4,a\n");
        let refused = tieout(env, &["run", "people"], 1);
        let said = finding(&refused, "not-unique");
        assert_eq!((&said["path"], &said["line"]), (&"a.csv".into(), &2.into()));
        assert!(said["message"].as_str().unwrap().contains("wants the same email as the row 2, which is to have another one in the same run"), "{said}");
        // What a row holds that no file states any more stays with it, or goes with it, as the job says.
        state("1,b\n2,c\n3,d\n5,a\n");
        let refused = tieout(env, &["run", "people"], 1);
        let said = finding(&refused, "not-unique");
        assert_eq!((&said["path"], &said["line"]), (&"a.csv".into(), &5.into()));
        assert!(said["message"].as_str().unwrap().contains("the row 5 wants the same email as the row 4, which no file states"), "{said}");
        assert_eq!(held(), "1 b, 2 c, 3 d, 4 a", "nothing stays of either");
        env.write("people/tieout.toml", job("on_stale = \"delete\"\n"));
        let outcome = tieout(env, &["run", "people"], 0);
        assert_eq!((&outcome["tables"]["person"]["deleted"], &outcome["tables"]["person"]["inserted"], held().as_str()), (&1.into(), &1.into(), "1 b, 2 c, 3 d, 5 a"));
        assert_eq!(tieout(env, &["run", "people"], 0)["run"]["status"], "unchanged");
    }

    fn a_row_that_is_changed_because_others_are_taken_away_is_seen(env) {
        let job = "[job]\nname = \"bank\"\non_stale = \"delete\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\ncolumns = [{ name = \"id\", type = \"text\" }, { name = \"v\", type = \"integer\" }]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"t\"\nfiles = [\"a.csv\"]\n";
        env.write("bank/tieout.toml", job);
        env.write("bank/a.csv", "id,v\n1,1\n2,2\n");
        tieout(env, &["run", "bank"], 0);
        if env.database.url().starts_with("sqlite") {
            env.database.execute("CREATE TRIGGER shift AFTER DELETE ON t BEGIN UPDATE t SET v = v + 1; END");
        } else {
            env.database.execute("CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE t SET v = v + 1; RETURN NULL; END'");
            env.database.execute("CREATE TRIGGER shift AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION shift()");
        }
        env.write("bank/a.csv", "id,v\n1,1\n");
        let outcome = tieout(env, &["run", "bank"], 1);
        let again = check(&outcome, "read-back", "t after rows were taken away");
        assert_eq!((&again["status"], &again["explanation"]), (&"difference".into(), &"taking rows away changed others of the table: a trigger or a foreign key did".into()));
        assert_eq!(env.database.value("SELECT sum(v) FROM t"), "3", "nothing stays");
    }

    fn a_conflict_is_settled_on_purpose_and_stays_settled(env) {
        imported(env);
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1700 WHERE amount = 1632");
        env.database.execute("UPDATE \"RentLedger\" SET \"amountDue\" = 4527 WHERE \"amountDue\" = 4526");
        env.replace("rent/tieout.toml", "tolerance = \"1\"", "tolerance = \"100\"");
        env.replace("rent/tieout.toml", "sum = { amount = \"92941\" }", "");
        tieout(env, &["import", "rent"], 1);
        let listed = tieout(env, &["resolve", "2"], 0);
        assert_eq!(listed["conflicts"].as_array().unwrap().len(), 2);
        let bill = listed["conflicts"].as_array().unwrap().iter().find(|c| c["table"] == "ElectricityBill").unwrap();
        assert_eq!((&bill["file"], &bill["imported"], &bill["imported_by"], &bill["database"]), (&"1632".into(), &"1632".into(), &"1".into(), &"1700".into()));
        let url = env.database.url();
        let settle = |args: &[&str], code| env.tieout(&[&["resolve", "2", "--database", &url, "--by", "the treasurer"], args].concat()).expect_code(code);
        settle(&["--accept", "file"], 2);
        settle(&["--accept", "file", "--table", "Nothing", "--reason", "x"], 2);
        settle(&["--accept", "file", "--table", "RentLedger", "--reason", "a typing error"], 0);
        settle(&["--accept", "database", "--row", "vattenfall, 2025-10-01", "--reason", "the invoice was corrected by phone"], 0);
        let outcome = tieout(env, &["import", "rent"], 0);
        assert_eq!((&outcome["tables"]["RentLedger"]["updated"], &outcome["tables"]["ElectricityBill"]["updated"]), (&1.into(), &0.into()));
        assert_eq!(env.database.value("SELECT count(*) FROM \"ElectricityBill\" WHERE amount = 1700"), "1");
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\" WHERE \"amountDue\" = 4526"), "1");
        assert_eq!(tieout(env, &["import", "rent"], 0)["run"]["status"], "unchanged");
        assert_eq!(env.database.value("SELECT resolved_by FROM tieout_resolution WHERE accepted = 'database'"), "the treasurer");
        // Another value is another conflict.
        env.database.execute("UPDATE \"ElectricityBill\" SET amount = 1701 WHERE amount = 1700");
        assert_eq!(codes(&tieout(env, &["import", "rent"], 1), "conflict"), 1);
    }

    fn that_the_file_holds_is_said_of_one_change_and_carried_out_once(env) {
        imported(env);
        let change = || env.database.execute("UPDATE \"RentLedger\" SET \"amountDue\" = 4527 WHERE \"amountDue\" = 4526");
        change();
        tieout(env, &["import", "rent"], 1);
        let settle = ["resolve", "2", "--accept", "file", "--reason", "a typing error", "--by", "the treasurer"];
        let settled = tieout(env, &settle, 0);
        assert_eq!((&settled["accepted"], settled["conflicts"].as_array().unwrap().len()), (&"file".into(), 1));
        assert_eq!(tieout(env, &["import", "rent"], 0)["tables"]["RentLedger"]["updated"], 1);
        // The same change again is somebody's new decision, and not settled.
        change();
        assert_eq!(codes(&tieout(env, &["import", "rent"], 1), "conflict"), 1);
        let again = env.tieout(&[&settle[..], &["--database", &env.database.url()]].concat()).expect_code(2);
        assert!(again.stderr.contains("is settled: run 3 wrote it"), "{}", again.stderr);
        assert_eq!(tieout(env, &["resolve", "2"], 0)["settled_by_run"], serde_json::json!([3]));
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\" WHERE \"amountDue\" = 4527"), "1");
        tieout(env, &["resolve", "4", "--accept", "file", "--reason", "again", "--by", "the treasurer"], 0);
        assert_eq!(tieout(env, &["import", "rent"], 0)["tables"]["RentLedger"]["updated"], 1);
    }

    fn a_changed_row_whose_line_is_gone_is_settled_either_way(env) {
        for (side, left) in [("database", "1"), ("file", "0")] {
            let name = format!("bank-{side}");
            let job = "[job]\nname = \"NAME\"\non_stale = \"delete\"\n[[table]]\nname = \"t_SIDE\"\nkey = [\"id\"]\ncolumns = [{ name = \"id\", type = \"text\" }, { name = \"v\", type = \"integer\" }]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"t_SIDE\"\nfiles = [\"a.csv\"]\n";
            env.write(&format!("{name}/tieout.toml"), job.replace("NAME", &name).replace("SIDE", side));
            env.write(&format!("{name}/a.csv"), "id,v\n1,1\n2,2\n");
            tieout(env, &["run", &name], 0);
            env.write(&format!("{name}/a.csv"), "id,v\n1,1\n");
            env.database.execute(&format!("UPDATE t_{side} SET v = 3 WHERE id = '2'"));
            let run = tieout(env, &["run", &name], 1)["run"]["id"].to_string();
            tieout(env, &["resolve", &run, "--accept", side, "--reason", "so it is", "--by", "the treasurer"], 0);
            tieout(env, &["run", &name], 0);
            assert_eq!(env.database.value(&format!("SELECT count(*) FROM t_{side} WHERE id = '2'")), left);
            tieout(env, &["run", &name], 0);
        }
    }

    fn a_comparison_goes_on_beside_an_app_that_writes(env) {
        imported(env);
        if env.database.url().starts_with("sqlite") {
            return; // A writer of SQLite keeps the record waiting; the next test is about that.
        }
        let _app = env.database.hold("BEGIN; UPDATE \"ElectricityBill\" SET amount = amount + 1");
        let outcome = tieout(env, &["reconcile", "rent"], 0);
        assert_eq!(outcome["run"]["status"], "unchanged");
    }

    fn a_row_that_an_earlier_import_put_under_the_wrong_month_is_named(env) {
        imported(env);
        let columns = "\"tenantId\", \"amountDue\", \"amountPaid\", \"paymentDate\", \"createdAt\", \"daysStayed\", \"roomAdjustment\", \"baseMonthlyRent\", \"calculationTitle\", \"calculationDate\"";
        let month = if env.database.url().starts_with("sqlite") { "'2025-07-01 00:00:00'" } else { "TIMESTAMP '2025-07-01'" };
        env.database.execute(&format!("INSERT INTO \"RentLedger\" (id, period, {columns}) SELECT 'old', {month}, {columns} FROM \"RentLedger\" WHERE \"daysStayed\" = 15.5"));
        let outcome = tieout(env, &["reconcile", "rent"], 1);
        let message = finding(&outcome, "wrong-period")["message"].as_str().unwrap();
        assert!(message.contains("2025-07-01 too, which no file states and which says the same as ledger row") && message.contains("2025-02-01"), "{message}");
    }

    fn a_month_without_a_bill_of_one_provider_or_without_any_is_named(env) {
        imported(env);
        let bills = env.read(BILLS);
        let without = |line: &str| bills.lines().filter(|l| !l.starts_with(line)).map(|l| format!("{l}\n")).collect::<String>();
        // The month of the last bills: one provider's is gone, then both are.
        env.write(BILLS, without("2025-10-01\t1632"));
        let outcome = tieout(env, &["reconcile", "rent"], 0);
        let vattenfall = check(&outcome, "electricity-vs-config", "2025-09");
        assert_eq!(vattenfall["difference"], "0", "the database still has it");
        assert_eq!(finding(&outcome, "stale")["severity"], "warning");
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        let outcome = tieout(env, &["import", "rent"], 1);
        assert_eq!(check(&outcome, "provider-coverage", "vattenfall")["explanation"], "no row for 2025-09");
        let proof = check(&outcome, "electricity-vs-config", "2025-09");
        assert_eq!((&proof["status"], &proof["difference"]), (&"difference".into(), &"-1632".into()));
        env.write(BILLS, without("2025-10-01"));
        let outcome = tieout(env, &["import", "rent"], 1);
        let nothing = check(&outcome, "electricity-vs-config", "2025-09");
        assert_eq!((&nothing["status"], &nothing["explanation"]), (&"missing_actual".into(), &"ElectricityBill has no row in this group".into()));
        let no_history = check(&outcome, "rent-coverage", "against ElectricityBill.billPeriod");
        assert!(no_history["explanation"].as_str().unwrap().contains("2023-03 to 2024-10"), "{no_history}");
    }
}
