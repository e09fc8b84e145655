//! The same again: what nothing has moved of is not read twice, says the same as if it were, and whatever moved is seen.

use crate::support::{TestEnv, on_both};
use serde_json::Value;

/// An outcome without what tells one run from the next.
fn told(mut outcome: Value) -> Value {
    let object = outcome.as_object_mut().unwrap();
    ["run", "report", "preflight", "since_last", "kinds"].iter().for_each(|key| drop(object.remove(*key)));
    let findings = object["findings"].as_array_mut().unwrap();
    findings.retain(|f| f["code"] != "nothing-moved");
    findings.sort_by_key(Value::to_string);
    outcome
}

fn taken_over(outcome: &Value) -> bool {
    outcome["findings"].as_array().unwrap().iter().any(|f| f["code"] == "nothing-moved")
}

fn run(env: &TestEnv, args: &[&str], code: i32) -> Value {
    let url = env.database.url();
    env.tieout(&[args, &["--database", &url, "--json"]].concat()).expect_code(code).json()
}

on_both! {
    fn a_run_that_takes_the_last_ones_word_says_what_reading_again_says(env) {
        env.copy_fixture("rent");
        env.copy_fixture("first-deploy");
        env.copy_fixture("phenomena");
        env.copy_fixture("bring-your-own");
        let phenomena = std::fs::read_dir(env.path("phenomena")).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
        let mut jobs: Vec<Vec<String>> = phenomena.map(|p| vec!["phenomena".into(), "--root".into(), p.display().to_string()]).collect();
        jobs.extend(["rent", "first-deploy", "bring-your-own"].map(|job| vec![job.to_owned()]));
        let mut compared = 0;
        for job in &jobs {
            let other = TestEnv::new(env.database.kind);
            let url = other.database.url();
            let once = |flags: &[&str]| {
                let args: Vec<&str> = ["run"].into_iter().chain(job.iter().map(String::as_str)).chain(flags.iter().copied()).collect();
                env.tieout(&[&args[..], &["--database", &url, "--json"]].concat())
            };
            if once(&[]).code != 0 {
                continue;
            }
            let dump = other.database.dump();
            let (word, again) = (once(&[]).expect_code(0).json(), once(&["--reread"]).expect_code(0).json());
            assert!(taken_over(&word) && !taken_over(&again), "{job:?}");
            assert_eq!(told(word), told(again), "{job:?}");
            assert_eq!(other.database.dump(), dump, "{job:?}");
            compared += 1;
        }
        assert!(compared >= 10, "only {compared} of {} jobs went through", jobs.len());
    }

    fn whatever_moves_is_seen(env) {
        env.copy_fixture("rent");
        run(env, &["run", "rent"], 0);
        assert!(taken_over(&run(env, &["run", "rent"], 0)));
        assert!(taken_over(&run(env, &["run", "rent"], 0)), "the word of a word");
        // A row by hand: in a column that the files state, in one that is the app's own, one more row, one less.
        env.database.execute("UPDATE \"RentLedger\" SET \"amountDue\" = 4527 WHERE \"amountDue\" = 4526");
        run(env, &["run", "rent"], 1);
        env.database.execute("UPDATE \"RentLedger\" SET \"amountDue\" = 4526 WHERE \"amountDue\" = 4527");
        run(env, &["run", "rent"], 0);
        env.database.execute("UPDATE \"RentLedger\" SET \"amountPaid\" = 1 WHERE \"amountDue\" = 4526");
        assert!(!taken_over(&run(env, &["run", "rent"], 0)));
        assert!(taken_over(&run(env, &["run", "rent"], 0)));
        env.database.execute("DELETE FROM \"RentLedger\" WHERE \"amountDue\" = 4526");
        run(env, &["run", "rent"], 1);
    }

    fn a_file_a_job_and_a_flag_are_seen(env) {
        env.copy_fixture("rent");
        run(env, &["run", "rent"], 0);
        env.replace("rent/tieout.toml", "severity = \"error\"", "severity = \"warning\"");
        assert!(!taken_over(&run(env, &["run", "rent"], 0)), "the job");
        assert!(taken_over(&run(env, &["run", "rent"], 0)));
        assert!(!taken_over(&run(env, &["import", "rent"], 0)), "another command");
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1632 kr ");
        assert!(!taken_over(&run(env, &["import", "rent"], 0)), "a file");
        assert!(taken_over(&run(env, &["import", "rent"], 0)));
        assert!(!taken_over(&run(env, &["import", "rent", "--reread"], 0)), "asked for");
        env.replace("rent/tenants.csv", "2023-02-01", "2023-02-30");
        run(env, &["import", "rent"], 3);
    }

    fn what_is_in_quarantine_is_read_again(env) {
        crate::quarantine::job(env);
        run(env, &["run", "bank"], 0);
        let again = run(env, &["run", "bank"], 0);
        assert!(!taken_over(&again) && again["account"]["rejects"]["count"] != 0, "{}", again["account"]["rejects"]);
    }

    fn a_schema_that_was_changed_is_seen(env) {
        env.copy_fixture("rent");
        run(env, &["run", "rent"], 0);
        assert!(taken_over(&run(env, &["run", "rent"], 0)));
        env.database.execute("DROP INDEX \"ElectricityBill_provider_billDate_key\"");
        assert!(!taken_over(&run(env, &["run", "rent"], 0)));
        assert!(taken_over(&run(env, &["run", "rent"], 0)));
        env.database.execute("DELETE FROM tieout_migration WHERE name LIKE '%natural_keys'");
        assert!(!taken_over(&env.tieout(&["run", "rent", "--database", &env.database.url(), "--json"]).json()));
    }

    fn a_digest_of_every_row_is_taken_whatever_is_in_it(env) {
        let types = if env.database.url().starts_with("sqlite") { "a, b" } else { "a text, b text" };
        env.database.execute(&format!("CREATE TABLE t (id text PRIMARY KEY, {types}); INSERT INTO t (id, a, b) VALUES ('9', '1', '23'), ('8', NULL, '')"));
        let job = "[job]\nname = \"t\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\ncolumns = [{ name = \"id\", type = \"text\" }]\n[[source]]\nname = \"s\"\nformat = \"csv\"\ntable = \"t\"\nfiles = [\"a.csv\"]\n";
        env.write("t/tieout.toml", job);
        env.write("t/a.csv", "id\n1\n");
        run(env, &["run", "t"], 0);
        for change in ["a = '12', b = '3'", "a = '1', b = NULL", "a = '1', b = '2' || '3'"] {
            assert!(taken_over(&run(env, &["run", "t"], 0)));
            env.database.execute(&format!("UPDATE t SET {change} WHERE id = '9'"));
            assert!(!taken_over(&run(env, &["run", "t"], 0)), "{change}");
        }
    }
}
