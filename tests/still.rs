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

/// A job over calculations, as many as a test writes, of these tenants.
fn many(env: &TestEnv, tenants: &str) {
    env.copy_fixture("rent");
    let job = "[job]\nname = \"many\"\ncurrency = \"SEK\"\ntimezone = \"Europe/Stockholm\"\n[migrations]\ndir = \"../rent/migrations\"\n\
                   [[source]]\nname = \"tenants\"\nformat = \"csv\"\nfiles = [\"tenants.csv\"]\n\
                   [[source]]\nname = \"rent-history\"\nformat = \"rent-history-json\"\nfiles = [\"rent/*.json\"]\n";
    env.write("many/tieout.toml", job);
    env.write("many/tenants.csv", format!("id,name,email,start_date,departure_date,room_adjustment\n{tenants}"));
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

    fn of_very_many_checks_alike_none_is_lost(env) {
        many(env, "t1,Ada,ada@flat.example,,,\n");
        for n in 0..1100 {
            let (year, month, share) = (1920 + n / 12, n % 12 + 1, if n == 1050 { 10_001 } else { 10_000 });
            let calculation = format!(
                "{{\"constants\": {{\"year\": {year}, \"month\": {month}, \"kallhyra\": 9000, \"drift_rakning\": 1000}}, \
                 \"roommates\": {{\"Ada\": {{}}}}, \"final_results\": {{\"Ada\": {share}}}}}"
            );
            env.write(&format!("many/rent/{year}_{month:02}_v1.json"), calculation);
        }
        let first = run(env, &["run", "many", "--format", "csv", "--report", "r"], 0);
        assert_eq!(first["alike"], serde_json::json!({"recompute": 99, "residency": 100, "shares-vs-total": 99}));
        let odd = |outcome: &Value| {
            let odd = outcome["checks"].as_array().unwrap().iter().filter(|c| c["group"] == "2007_07_v1" && c["status"] != "match");
            odd.map(|c| c["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(odd(&first), ["shares-vs-total", "recompute"], "whatever is no match is listed");
        let listed = first["checks"].as_array().unwrap().len();
        let recorded = |run: usize| {
            let columns = "name, group_name, expected, actual, difference, status, severity, explanation";
            let digits = if env.database.url().starts_with("sqlite") { "hex(lines)" } else { "upper(encode(lines, 'hex'))" };
            let blocks = env.database.rows(&format!("SELECT checks, {digits} FROM tieout_alike WHERE run_id = {run} ORDER BY id"));
            (env.database.rows(&format!("SELECT {columns} FROM tieout_check WHERE run_id = {run} ORDER BY id")), blocks)
        };
        let of_first = recorded(1);
        let in_blocks: usize = of_first.1.iter().map(|block| block[0].parse::<usize>().unwrap()).sum();
        assert_eq!((of_first.0.len(), in_blocks), (listed, 298));
        let told = env.read("r/csv/checks.csv");
        assert_eq!(told.lines().count(), listed + 298 + 1);
        let last = told.lines().find(|line| line.starts_with("recompute") && line.contains("2011_08_v1")).unwrap();
        assert!(last.contains("10000") && last.contains("match") && last.contains("warning") && last.contains("proved: D = 31"), "{last}");
        assert!(env.read("r/report.txt").contains("residency  1100 match"));
        assert!(env.read("r/index.html").contains("298 more comparisons match"));
        // A run that takes the word of the last one has a record of its own of each, and so has one that takes its word.
        for n in [2, 3] {
            let again = run(env, &["run", "many"], 0);
            assert!(taken_over(&again) && again["alike"] == first["alike"] && odd(&again) == odd(&first));
            assert_eq!(recorded(n), of_first);
        }
        env.database.execute("DELETE FROM tieout_alike WHERE run_id = 3");
        assert!(!taken_over(&run(env, &["run", "many"], 0)), "what is not recorded any more cannot be taken over");
    }

    fn of_what_is_within_its_tolerance_only_what_is_proved_is_counted_and_it_still_stands(env) {
        many(env, "t1,Ada,ada@flat.example,,,\nt2,Bo,bo@flat.example,,,\n");
        let name = |n: usize| format!("many/rent/{}_{:02}_v1.json", 1920 + n / 12, n % 12 + 1);
        let write = |n: usize| {
            let (year, month, share) = (1920 + n / 12, n % 12 + 1, if n == 1050 { 5000 } else { 5001 });
            // Half of 10,001 is 5,000.50, for both 5,001 by rounding; 5,000 and 5,002 add up to as much, and no rule makes them.
            let calculation = format!(
                "{{\"constants\": {{\"year\": {year}, \"month\": {month}, \"kallhyra\": 9001, \"drift_rakning\": 1000}}, \
                 \"roommates\": {{\"Ada\": {{}}, \"Bo\": {{}}}}, \"final_results\": {{\"Ada\": {share}, \"Bo\": {}}}}}",
                10_002 - share
            );
            env.write(&name(n), calculation);
        };
        (0..1100).for_each(write);
        let first = run(env, &["run", "many", "--format", "csv", "--report", "r"], 0);
        assert_eq!(first["tolerated"], serde_json::json!({"shares-vs-total": 99}));
        let of = |outcome: &Value, group: &str| {
            let checks = outcome["checks"].as_array().unwrap().iter();
            checks.filter(|c| c["group"] == group && c["name"] == "shares-vs-total").map(|c| c["status"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&first, "2007_07_v1"), ["within_tolerance"], "what is not proved is listed");
        assert!(of(&first, "2007_08_v1").is_empty() && env.read("r/csv/checks.csv").contains("2007_08_v1"));
        assert!(env.read("r/report.txt").contains("shares-vs-total  1100 within tolerance"));
        let counts = |outcome: &Value, what: &str| {
            let list = outcome["since_last"][what].as_array().unwrap().iter();
            list.filter(|d| d["kind"] == "check").map(|d| format!("{} {}", d["name"].as_str().unwrap(), d["group"].as_str().unwrap())).collect::<Vec<_>>()
        };
        let again = run(env, &["run", "many"], 0);
        assert!(taken_over(&again) && again["tolerated"] == first["tolerated"] && counts(&again, "new").is_empty() && counts(&again, "gone").is_empty());
        // One less: another is listed in its stead, which stood before, too.
        std::fs::remove_file(env.path(&name(0))).unwrap();
        let less = run(env, &["run", "many"], 0);
        assert_eq!((less["tolerated"]["shares-vs-total"].as_u64(), of(&less, "2003_05_v1").len()), (Some(98), 1));
        assert_eq!((counts(&less, "new"), counts(&less, "gone")), (vec![], vec!["shares-vs-total 1920_01_v1".to_owned()]));
        // And back: what is counted again has not gone.
        write(0);
        let back = run(env, &["run", "many"], 0);
        assert_eq!((counts(&back, "new"), counts(&back, "gone")), (vec!["shares-vs-total 1920_01_v1".to_owned()], vec![]));
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
