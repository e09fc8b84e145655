//! Records that are refused and kept aside, as far as the job allows it, and the way back for the mended ones.

use crate::rent::finding;
use crate::support::{TestEnv, on_both};
use serde_json::Value;

const JOB: &str = r#"[job]
name = "bank"

[[table]]
name = "line"
key = ["booked", "text"]
columns = [
  { name = "booked", type = "date" },
  { name = "text", type = "text" },
  { name = "amount", type = "decimal(12,2)", required = true },
]

[[source]]
name = "bank"
format = "csv"
encoding = "windows-1252"
table = "line"
files = ["bank.csv"]
options = { delimiter = ";", decimal = "," }
on_reject = "quarantine"
budget = { rows = 2, amount = "2000", unvalued = 1, because = "the bank's old lines are known to be bad" }
"#;

/// Three good lines, one on an impossible day, one whose amount has two readings and two lines.
pub(crate) const BANK: &[u8] = b"booked;text;amount\n2025-10-01;El;-1632,00\n2025-02-30;F\xf6rlorad;-1500,50\n2025-10-02;Hyra;25500\n\
2025-10-03;\"H\xe5kan\n& Co\";1.632\n2025-10-04;Swish;200\n";

pub(crate) fn run(env: &TestEnv, args: &[&str], code: i32) -> Value {
    let url = env.database.url();
    env.tieout(&[args, &["--database", &url, "--json"]].concat()).expect_code(code).json()
}

pub(crate) fn job(env: &TestEnv) {
    env.write("bank/tieout.toml", JOB);
    env.write("bank/bank.csv", BANK);
}

on_both! {
    fn within_its_budget_a_quarantine_keeps_the_bytes_and_loads_the_rest(env) {
        job(env);
        let outcome = run(env, &["run", "bank"], 0);
        assert_eq!(outcome["run"]["status"], "committed");
        assert_eq!(outcome["tables"]["line"]["inserted"], 3);
        let source = &outcome["sources"][0];
        assert_eq!((&source["read"], &source["loaded"], &source["rejected"], &source["status"]), (&7.into(), &3.into(), &3.into(), &"loaded".into()));
        let checks: Vec<&Value> = outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "quarantine").collect();
        assert_eq!(checks.len(), 2);
        assert_eq!((&checks[0]["group"], &checks[0]["actual"], &checks[0]["tolerance"], &checks[0]["status"]), (&"bank".into(), &"2".into(), &"2".into(), &"within_tolerance".into()));
        assert_eq!((&checks[1]["actual"], &checks[1]["tolerance"]), (&"1500.5".into(), &"2000".into()));
        let words = checks[0]["explanation"].as_str().unwrap();
        assert!(words.contains("2 of at most 2 records") && words.contains("1500.5 SEK") && words.contains("1 of them of unknown worth"), "{words}");
        assert_eq!(finding(&outcome, "impossible-date")["severity"], "warning");
        let kept = env.database.rows("SELECT record_line, record_lines, worth, quarantined, code FROM tieout_reject ORDER BY record_line");
        assert_eq!(kept, [["3", "1", "-1500.5", "1", "impossible-date"], ["5", "2", "NULL", "1", "unreadable-number"]]);
        let hex = if env.database.url().starts_with("sqlite") { "hex(raw)" } else { "upper(encode(raw, 'hex'))" };
        let raw = env.database.value(&format!("SELECT {hex} FROM tieout_reject WHERE record_line = 3"));
        let bytes: String = b"2025-02-30;F\xf6rlorad;-1500,50\n".iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(raw, bytes, "as it is in the file, in the file's encoding");
        assert_eq!(run(env, &["run", "bank"], 0)["run"]["status"], "unchanged");
    }

    fn beyond_its_budget_nothing_is_written(env) {
        for (from, to, group) in [("rows = 2", "rows = 1", "bank"), ("\"2000\"", "\"1500.49\"", "bank: amount"), ("unvalued = 1", "unvalued = 0", "bank: amount")] {
            job(env);
            env.replace("bank/tieout.toml", from, to);
            let outcome = run(env, &["run", "bank"], 3);
            let failed: Vec<&Value> = outcome["checks"].as_array().unwrap().iter().filter(|c| c["status"] == "difference").collect();
            assert_eq!(failed.len(), 1, "{from}: {failed:?}");
            assert_eq!(failed[0]["group"], group);
            assert_eq!(finding(&outcome, "impossible-date")["severity"], "error");
            assert!(!env.database.tables().contains(&"line".to_owned()));
        }
        // The bytes are kept of what stopped a run, too.
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_reject WHERE quarantined = 0 AND raw IS NOT NULL"), "6");
    }

    fn a_file_that_is_wrong_as_a_whole_is_not_quarantined(env) {
        job(env);
        env.write("bank/bank.csv", "datum;text;amount\n2025-10-01;El;1\n");
        let outcome = run(env, &["run", "bank"], 3);
        assert_eq!(outcome["checks"][0]["status"], "not_run");
        assert_eq!(finding(&outcome, "unknown-header")["severity"], "error");
    }

    fn a_replay_takes_the_mended_lines_and_no_others(env) {
        job(env);
        run(env, &["run", "bank"], 0);
        // The app works on: a whole import would now be a conflict.
        env.database.execute("UPDATE line SET amount = 1 WHERE text = 'Hyra'");
        let mended = |text: &str| {
            let bank = String::from_utf8(BANK.iter().map(|b| if b.is_ascii() { *b } else { b'o' }).collect()).unwrap();
            assert_eq!(bank.len(), BANK.len());
            bank.replace("2025-02-30;Forlorad;-1500,50", text)
        };
        env.write("bank/bank.csv", mended("2025-02-28;Lost;-1500,50"));
        // With other letters in the other quarantined line nothing else was changed.
        let outcome = run(env, &["import", "bank", "--replay", "1"], 0);
        assert_eq!(outcome["run"]["status"], "committed");
        assert_eq!(outcome["tables"]["line"]["inserted"], 1);
        assert_eq!(outcome["tables"]["line"]["read"], 1);
        assert_eq!(outcome["sources"][0]["ignored"]["loaded before"], 3);
        assert_eq!(env.database.value("SELECT amount FROM line WHERE text = 'Hyra'"), "1");
        assert_eq!(env.database.value("SELECT amount FROM line WHERE text = 'Lost'"), "-1500.5");
        assert_eq!(run(env, &["import", "bank"], 1)["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "conflict").count(), 1);
        // What the replay left in quarantine can be taken up by another.
        env.write("bank/bank.csv", mended("2025-02-28;Lost;-1500,50").replace("1.632", "1632"));
        assert_eq!(run(env, &["import", "bank", "--replay", "2"], 0)["tables"]["line"]["inserted"], 1);
        assert_eq!(env.database.value("SELECT amount FROM line WHERE booked = '2025-10-03'"), "1632");
    }

    fn a_row_whose_line_has_become_unreadable_is_not_taken_away(env) {
        job(env);
        env.replace("bank/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.write("bank/more.csv", "booked;text;amount\n2025-10-09;More;1,00\n2025-10-10;Most;2,00\n");
        env.write("bank/other.csv", "booked,text,amount\n2025-11-01,Other,1\n2025-11-02,Else,2\n");
        env.replace("bank/tieout.toml", "[\"bank.csv\"]", "[\"bank.csv\", \"more.csv\"]");
        let other = "[[source]]\nname = \"other\"\nformat = \"csv\"\ntable = \"line\"\nfiles = [\"other.csv\"]\n";
        env.write("bank/tieout.toml", format!("{}\n{other}", env.read("bank/tieout.toml")));
        env.write("bank/bank.csv", "booked;text;amount\n2025-10-01;El;-1632,00\n2025-10-02;Hyra;25500\n");
        run(env, &["run", "bank"], 0);
        // One line becomes unreadable, one of another file of the source is gone, and one of another source.
        env.write("bank/bank.csv", "booked;text;amount\n2025-10-01;El;-1632,00\n2025-10-02;Hyra;2550O\n");
        env.write("bank/more.csv", "booked;text;amount\n2025-10-09;More;1,00\n");
        env.write("bank/other.csv", "booked,text,amount\n2025-11-01,Other,1\n");
        let outcome = run(env, &["run", "bank"], 0);
        assert_eq!(env.database.rows("SELECT text FROM line ORDER BY text"), [["El"], ["Hyra"], ["More"], ["Most"], ["Other"]]);
        assert_eq!(outcome["tables"]["line"]["deleted"], 1);
        let kept = finding(&outcome, "perhaps-stale");
        assert_eq!(kept["severity"], "warning");
        assert!(kept["message"].as_str().unwrap().starts_with("2 rows of the table line may stand on the lines that cannot be read"), "{kept}");
        // Mended, it is known what is stale.
        env.write("bank/bank.csv", "booked;text;amount\n2025-10-01;El;-1632,00\n2025-10-02;Hyra;25500\n");
        assert_eq!(run(env, &["run", "bank"], 0)["tables"]["line"]["deleted"], 1);
        assert_eq!(env.database.rows("SELECT text FROM line ORDER BY text"), [["El"], ["Hyra"], ["More"], ["Other"]]);
    }

    fn a_replay_refuses_a_mended_line_that_another_line_contradicts(env) {
        let line = "2025-02-30;Lost;-1500,50\n";
        let good = "booked;text;amount\n2025-10-01;El;-1632,00\n2025-10-02;Hyra;25500\n";
        job(env);
        env.replace("bank/tieout.toml", "[\"bank.csv\"]", "[\"*.csv\"]");
        env.write("bank/more.csv", "booked;text;amount\n2025-10-09;More;1,00\n");
        env.write("bank/bank.csv", format!("{good}{line}"));
        run(env, &["run", "bank"], 0);
        let before = env.database.dump();
        for (mended, place) in [("2025-10-02;Hyra;25501\n", "bank.csv:3:1"), ("2025-10-09;More;2,00\n", "more.csv:2:1")] {
            env.write("bank/bank.csv", format!("{good}{mended}"));
            let outcome = run(env, &["import", "bank", "--replay", "1"], 3);
            let wrong = finding(&outcome, "contradiction");
            assert_eq!((&wrong["path"], &wrong["line"]), (&"bank.csv".into(), &4.into()));
            assert!(wrong["message"].as_str().unwrap().contains(place), "{wrong}");
            assert_eq!(env.database.dump(), before);
        }
        // What says the same again is no contradiction.
        env.write("bank/bank.csv", format!("{good}2025-10-09;More;1,00\n"));
        assert_eq!(run(env, &["import", "bank", "--replay", "1"], 0)["run"]["status"], "unchanged");
    }

    fn a_replay_does_not_guess_which_of_equal_lines_one_is(env) {
        let good = "booked;text;amount\n2025-10-01;El;-1632,00\n";
        job(env);
        env.replace("bank/tieout.toml", "\"text\"]", "\"text\", \"nth\"]");
        env.replace("bank/tieout.toml", "  { name = \"amount\"", "  { name = \"nth\", type = \"occurrence\" },\n  { name = \"amount\"");
        env.write("bank/bank.csv", format!("{good}2025-02-30;El;-1632,00\n"));
        run(env, &["run", "bank"], 0);
        env.write("bank/bank.csv", format!("{good}2025-10-01;El;-1632,00\n"));
        let outcome = run(env, &["import", "bank", "--replay", "1"], 3);
        assert!(finding(&outcome, "contradiction")["hint"].as_str().unwrap().contains("import the whole job"));
        run(env, &["import", "bank"], 0);
        assert_eq!(env.database.value("SELECT count(*) FROM line"), "2");
    }

    fn a_replay_refuses_a_file_that_was_changed_elsewhere(env) {
        job(env);
        run(env, &["run", "bank"], 0);
        let before = env.database.dump();
        for (from, to) in [("25500", "25501"), ("2025-10-04;Swish;200\n", ""), ("booked;", "\nbooked;")] {
            env.write("bank/bank.csv", String::from_utf8_lossy(BANK).replace('\u{fffd}', "o").replace("2025-02-30", "2025-02-28").replace(from, to));
            let outcome = run(env, &["import", "bank", "--replay", "1"], 3);
            let message = outcome["findings"][0]["message"].as_str().unwrap();
            assert!(message.contains("more was changed since run 1 than the lines in quarantine (lines 3, 5–6)"), "{message}");
            assert_eq!(env.database.dump(), before);
        }
        let outcome = run(env, &["import", "bank", "--replay", "7"], 2);
        assert!(outcome["findings"][0]["message"].as_str().unwrap().contains("run 7 of the job bank has nothing in quarantine"));
        std::fs::remove_file(env.path("bank/bank.csv")).unwrap();
        run(env, &["import", "bank", "--replay", "1"], 2);
    }

    fn elements_of_a_json_list_and_bills_go_into_quarantine_one_by_one(env) {
        env.copy_fixture("rent");
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t", "2025-10-32\t");
        env.run_job(&[]).expect_code(3);
        env.replace("rent/tieout.toml", "options = { due_day_from = 25 }", "options = { due_day_from = 25 }\non_reject = \"quarantine\"\nbudget = { rows = 3, amount = \"5000\", because = \"typed by hand\" }");
        env.replace("rent/tieout.toml", "rows = 62", "rows = 60");
        let outcome = env.run_job(&[]).json();
        let quarantine = outcome["checks"].as_array().unwrap().iter().find(|c| c["group"] == "electricity-bills").unwrap().clone();
        assert_eq!((&quarantine["actual"], &quarantine["status"]), (&"2".into(), &"within_tolerance".into()));
        assert_eq!(outcome["tables"]["ElectricityBill"]["read"], 60);
    }

    fn own_tables_of_an_earlier_version_are_brought_up(env) {
        job(env);
        let sql = if env.database.url().starts_with("sqlite") { include_str!("../sql/sqlite/own_tables_1.sql") } else { include_str!("../sql/postgres/own_tables_1.sql") };
        env.database.execute(sql);
        env.database.execute("INSERT INTO tieout_migration (job, name, sha256, kind, run_id, applied_at) VALUES ('', 'own_tables_1', '', 'applied', NULL, '2026-01-01')");
        run(env, &["run", "bank"], 0);
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_reject WHERE raw IS NOT NULL"), "2");
        env.database.execute("INSERT INTO tieout_migration (job, name, sha256, kind, run_id, applied_at) VALUES ('', 'own_tables_99', '', 'applied', NULL, '2026-01-01')");
        let outcome = run(env, &["run", "bank"], 4);
        assert!(finding(&outcome, "database")["message"].as_str().unwrap().contains("later version"));
    }

    fn a_quarantine_is_declared_whole_or_refused(env) {
        for (from, to, complaint) in [
            ("budget = {", "# budget = {", "a quarantine needs a budget"),
            ("on_reject = \"quarantine\"\n", "", "there is a budget"),
            ("\"quarantine\"", "\"skip\"", "`skip` is not known here"),
            ("rows = 2", "rows = 0", "a budget is of 1 to 1000 rows"),
            ("\"2000\"", "\"much\"", "`much` is no amount"),
            ("unvalued = 1", "of = \"amont\"", "has no column of numbers `amont`"),
            (", because = \"the bank's old lines are known to be bad\"", "", "because"),
        ] {
            job(env);
            env.replace("bank/tieout.toml", from, to);
            let url = env.database.url();
            let run = env.tieout(&["run", "bank", "--database", &url]).expect_code(2);
            assert!(run.stderr.contains(complaint), "{from}: {}", run.stderr);
        }
    }
}
