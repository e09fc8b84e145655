//! What a report says of the run before: what is new, what is gone, and what still stands.

use crate::rent::finding;
use crate::support::{TestEnv, on_both};
use serde_json::Value;

/// How many are new, gone and still there.
fn counts(outcome: &Value) -> [usize; 3] {
    ["new", "gone", "still"].map(|sort| outcome["since_last"][sort].as_array().unwrap().len())
}

fn run(env: &TestEnv, code: i32) -> Value {
    env.run_job(&[]).expect_code(code).json()
}

on_both! {
    fn what_is_new_gone_and_still_there_is_said(env) {
        env.copy_fixture("rent");
        assert_eq!(run(env, 0)["since_last"], Value::Null, "nothing came before");
        let second = run(env, 0);
        let [new, gone, still] = counts(&second);
        assert!(new == 0 && gone == 0 && still > 0, "{}", second["since_last"]);
        assert_eq!(second["since_last"]["run"], 1);
        assert!(second["since_last"]["still"].as_array().unwrap().iter().all(|d| d["runs"] == 2));

        env.replace("rent/tieout.toml", "rows = 31", "rows = 32");
        let failed = run(env, 1);
        assert_eq!(counts(&failed), [1, 0, still], "{}", failed["since_last"]);
        assert_eq!(failed["since_last"]["new"][0]["name"], "control-total");
        let text = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(1).stdout;
        assert!(text.contains(&format!("\nSince run 3\n  {} still there, the oldest for 4 runs\n", still + 1)), "{text}");

        env.replace("rent/tieout.toml", "rows = 32", "rows = 31");
        let text = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(0).stdout;
        assert!(text.contains(&format!("\nSince run 4\n  1 gone, {still} still there")), "{text}");
        assert!(text.contains("    gone     control-total  RentLedger.rows: 31 against 32, difference"), "{text}");
        let recorded = env.tieout(&["report", "5", "--database", &env.database.url(), "--json"]).expect_code(0).json();
        assert_eq!(counts(&recorded), [0, 1, still]);
    }

    fn a_file_that_cannot_be_read_makes_nothing_gone(env) {
        env.copy_fixture("rent");
        run(env, 0);
        let [.., still] = counts(&run(env, 0));
        env.replace("rent/tenants.csv", "2023-02-01", "2023-02-30");
        let broken = run(env, 3);
        assert_eq!(counts(&broken)[1], 0, "{}", broken["since_last"]);
        env.replace("rent/tenants.csv", "2023-02-30", "2023-02-01");
        let mended = run(env, 0);
        assert_eq!((counts(&mended)[0], counts(&mended)[2]), (0, still), "{}", mended["since_last"]);
        let gone = mended["since_last"]["gone"].to_string();
        assert!(gone.contains("impossible-date"), "{gone}");
    }

    fn a_last_report_that_cannot_be_read_is_a_warning(env) {
        env.copy_fixture("rent");
        run(env, 0);
        env.database.execute("DELETE FROM tieout_report; UPDATE tieout_run SET report = '{\"run\": 7'");
        let outcome = run(env, 0);
        assert_eq!(finding(&outcome, "last-report-unreadable")["severity"], "warning");
        assert_eq!((&outcome["since_last"], &outcome["run"]["status"]), (&Value::Null, &"unchanged".into()));
        assert_eq!(counts(&run(env, 0))[0], 0);
    }
}
