//! Rolling a run back by its change log: the user's tables are as before it, to the byte. What is refused is in `rollback_refused`.

use crate::rent::bring_to;
use crate::safety::hold_the_lock;
use crate::support::database::Kind;
use crate::support::{TestEnv, kill, on_both};
use serde_json::Value;
use std::time::{Duration, Instant};

pub(crate) const BILLS: &str = "rent/electricity_bills_history.txt";

#[track_caller]
pub(crate) fn tieout(env: &TestEnv, args: &[&str], code: i32) -> Value {
    let url = env.database.url();
    let run = env.tieout(&[args, &["--database", &url, "--json"]].concat());
    let outcome = run.json();
    assert_eq!(run.code, code, "{args:?}: {:#}\n{}", outcome["findings"], run.stderr);
    outcome
}

pub(crate) fn messages(outcome: &Value, code: &str) -> Vec<String> {
    let of = outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == code);
    of.map(|f| f["message"].as_str().unwrap().to_owned()).collect()
}

/// The main job on a database that has the schema already; `steps` below three leave the tenants to the app.
pub(crate) fn job(env: &TestEnv) {
    crate::traps::job(env);
    bring_to(env, 3);
}

pub(crate) fn import(env: &TestEnv) -> Value {
    tieout(env, &["import", "rent"], 0)
}

/// The contents, but for when the last run wrote them.
pub(crate) fn but_for_the_time(env: &TestEnv) -> String {
    let time = env.database.value("SELECT max(\"createdAt\") FROM \"RentLedger\"");
    let updated = env.database.value("SELECT max(\"updatedAt\") FROM \"RentConfig\"");
    env.database.dump().replace(&time, "[TIME]").replace(&updated, "[TIME]")
}

/// A corrected bill, which also revises the month's configuration.
pub(crate) fn correct_a_bill(env: &TestEnv, amount: &str) {
    let line = env.read(BILLS).lines().find(|l| l.starts_with("2023-0")).unwrap().to_owned();
    env.replace(BILLS, &line, &format!("{}\t{amount} kr", line.split('\t').next().unwrap()));
}

pub(crate) fn sqlite(env: &TestEnv) -> bool {
    env.database.kind == Kind::Sqlite
}

on_both! {
    fn an_import_is_undone_to_the_byte_and_run_again_ends_the_same(env) {
        job(env);
        let before = env.database.dump();
        let first = import(env);
        let after = but_for_the_time(env);
        let url = env.database.url();
        let dry = env.tieout(&["rollback", "--dry-run", "--database", &url]).expect_code(0);
        assert!(dry.stderr.contains("run 1 would be undone by its change log: 62 rows of ElectricityBill deleted, "), "{}", dry.stderr);
        assert_eq!(but_for_the_time(env), after);
        let run = env.tieout(&["rollback", "--database", &url, "--json"]).expect_code(0);
        assert!(run.stderr.contains("31 rows of RentLedger deleted"), "{}", run.stderr);
        let outcome = run.json();
        assert_eq!((&outcome["run"]["command"], &outcome["run"]["status"], &outcome["run"]["id"]), (&"rollback".into(), &"committed".into(), &2.into()));
        assert_eq!(outcome["tables"]["RentLedger"]["deleted"], 31);
        assert_eq!(env.database.dump(), before);
        assert_eq!(env.database.rows("SELECT command, status, undone_by FROM tieout_run ORDER BY id"), [["import", "committed", "2"], ["rollback", "committed", "NULL"]]);
        let again = import(env);
        assert_eq!(but_for_the_time(env), after);
        assert_eq!((&again["tables"], &again["since_last"], &again["sources"]), (&first["tables"], &Value::Null, &first["sources"]));
        for code in ["conflict", "stale", "revision"] {
            assert_eq!(messages(&again, code), messages(&first, code), "{code}");
        }
        assert_eq!(import(env)["run"]["status"], "unchanged");
    }

    fn a_revision_is_undone_alone_and_can_be_made_again(env) {
        job(env);
        import(env);
        // Another time of writing than the second run's, whatever the clock says.
        let written = env.database.value("SELECT max(\"updatedAt\") FROM \"ElectricityBill\"");
        let set = |time: &str| env.database.execute(&format!("UPDATE \"ElectricityBill\" SET \"updatedAt\" = '{time}'"));
        set("2020-02-02 02:02:02");
        let first = env.database.dump();
        correct_a_bill(env, "7777");
        let revised = import(env);
        assert_eq!((&revised["tables"]["ElectricityBill"]["updated"], &revised["tables"]["RentConfig"]["updated"]), (&1.into(), &1.into()));
        let second = env.database.dump();
        assert_ne!(second, first);
        let outcome = tieout(env, &["rollback"], 0);
        assert_eq!((&outcome["tables"]["ElectricityBill"]["updated"], &outcome["tables"]["RentConfig"]["updated"]), (&1.into(), &1.into()));
        assert_eq!(env.database.dump(), first);
        let again = import(env);
        assert_eq!(messages(&again, "revision"), messages(&revised, "revision"));
        assert_eq!(messages(&again, "conflict").len(), 0);
        // Back to the first state: what is undone does not stand in the way of what came before it.
        tieout(env, &["rollback", "2"], 2);
        tieout(env, &["rollback"], 0);
        set(&written);
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\""), "0");
    }

    fn a_deleted_row_comes_back_whole(env) {
        job(env);
        let (columns, values) = if sqlite(env) {
            (
                vec!["note TEXT DEFAULT 'none'", "anything", "really DOUBLE", "twice AS (amount * 2)"],
                "note = 'it''s \"here\"' || char(10) || 'åäö', anything = x'00ff10', really = 0.1 + 0.2",
            )
        } else {
            (
                vec!["note TEXT DEFAULT 'none'", "anything BYTEA", "really DOUBLE PRECISION", "n BIGINT GENERATED ALWAYS AS IDENTITY", "tags TEXT[]", "j JSONB", "twice NUMERIC GENERATED ALWAYS AS (amount * 2) STORED"],
                "note = E'it''s \"here\"\\nåäö \\\\', anything = '\\x00ff10', really = 0.1::float8 + 0.2::float8, tags = ARRAY['a,b', NULL, '\"'], j = '{\"a\": [1.50, null]}'",
            )
        };
        for column in columns {
            env.database.execute(&format!("ALTER TABLE \"ElectricityBill\" ADD COLUMN {column}"));
        }
        import(env);
        env.database.execute(&format!("UPDATE \"ElectricityBill\" SET {values} WHERE amount = 1632"));
        if sqlite(env) {
            env.database.execute("UPDATE \"ElectricityBill\" SET anything = CAST(x'610062' AS TEXT) WHERE amount = 792");
        }
        let before = env.database.dump();
        let bills: String = env.read(BILLS).lines().filter(|l| !l.contains("1632") && !l.contains("\t792")).map(|l| format!("{l}\n")).collect();
        let all = env.read(BILLS);
        env.write(BILLS, bills);
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.replace("rent/tieout.toml", "tolerance = \"1\"", "tolerance = \"10000\"");
        let outcome = import(env);
        let deleted = outcome["tables"]["ElectricityBill"]["deleted"].as_u64().unwrap();
        assert!(deleted >= 2, "{}", outcome["tables"]);
        let without = env.database.dump();
        let outcome = tieout(env, &["rollback"], 0);
        assert_eq!(outcome["tables"]["ElectricityBill"]["inserted"], deleted);
        assert_eq!(env.database.dump(), before);
        // Deleted once more by the same files, and kept by the old ones.
        import(env);
        assert_eq!(env.database.dump(), without);
        tieout(env, &["rollback"], 0);
        env.write(BILLS, all);
        assert_eq!(import(env)["run"]["status"], "unchanged");
        assert_eq!(env.database.dump(), before);
    }

    fn a_rollback_killed_at_any_moment_leaves_before_or_after(env) {
        let (mut whole, mut undone) = (Duration::ZERO, 0);
        for n in 0..=10u32 {
            let env = TestEnv::new(env.database.kind);
            job(&env);
            let before = env.database.dump();
            import(&env);
            let after = env.database.dump();
            let url = env.database.url();
            let begin = Instant::now();
            let child = env.spawn(&["rollback", "--database", &url]);
            if n == 0 {
                assert!(child.wait_with_output().unwrap().status.success());
                whole = begin.elapsed();
            } else {
                std::thread::sleep(whole * n / 10);
                kill(child);
            }
            let found = env.database.dump();
            assert!(found == before || found == after, "between:\n{found}");
            let left = env.database.value("SELECT count(*) FROM tieout_run WHERE undone_by IS NOT NULL");
            assert_eq!(left, if found == before { "1" } else { "0" }, "the record says what is");
            undone += usize::from(found == before);
            if found == after {
                tieout(&env, &["rollback"], 0);
            }
            assert_eq!(env.database.dump(), before);
            import(&env);
        }
        assert!((1..11).contains(&undone), "{undone} of 11 were through");
    }

    fn a_rollback_is_alone_and_can_be_told_to_stop(env) {
        job(env);
        import(env);
        let before = env.database.dump();
        let held = hold_the_lock(env, std::process::id());
        tieout(env, &["rollback"], 5);
        drop(held);
        // A hook holds it up at a moment that is known.
        env.replace("rent/tieout.toml", "[job]\n", "[job]\nallow_exec = true\n");
        let hook = "\n[[hook]]\nwhen = \"before-run\"\nrun = [\"sh\", \"-c\", \"touch ../here; sleep 60\"]\n";
        env.write("rent/tieout.toml", env.read("rent/tieout.toml") + hook);
        let child = env.spawn(&["rollback", "--job", "rent", "--database", &env.database.url(), "--json"]);
        let begin = Instant::now();
        while !env.path("here").exists() && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(env.database.dump(), before);
        tieout(env, &["rollback"], 0);
    }

    fn keys_with_nothing_in_them_and_odd_names_are_undone(env) {
        env.write("odd/a.csv", "who;when;much;flag\nAda;2025-01-01;1,50;true\nBo;2025-01-02;2;false\nBo;2025-01-02;;true\n$1'?;2025-01-03;4;true\n");
        env.write("odd/tieout.toml", r#"[job]
name = "odd"
on_stale = "delete"
[[table]]
name = "we\"ird; DROP TABLE x--"
key = ["who's \"who\"", "select", "flag"]
create = false
columns = [{ name = "who's \"who\"", type = "text" }, { name = "select", type = "date" }, { name = "much", type = "decimal(9,2)" }, { name = "flag", type = "bool" }]
[[source]]
name = "a"
format = "csv"
table = "we\"ird; DROP TABLE x--"
files = ["a.csv"]
columns = { "who's \"who\"" = "who", select = "when", much = "much", flag = "flag" }
options = { delimiter = ";", decimal = "," }
"#);
        let day = if sqlite(env) { "DATETIME" } else { "TIMESTAMP" };
        env.database.execute(&format!("CREATE TABLE \"we\"\"ird; DROP TABLE x--\" (\"who's \"\"who\"\"\" TEXT, \"select\" {day}, much NUMERIC, flag BOOLEAN, \"the app's\" TEXT DEFAULT 'é''')"));
        env.database.execute("INSERT INTO \"we\"\"ird; DROP TABLE x--\" VALUES (NULL, NULL, 7, NULL, NULL), ('Ada', NULL, 8, NULL, 'kept'), ('Ada', '2025-01-01 00:00:00', 9, NULL, 'kept')");
        let before = env.database.dump();
        let run = || tieout(env, &["import", "odd"], 0);
        run();
        let first = env.database.dump();
        // Revised, taken away and added, then back again step by step.
        env.write("odd/a.csv", "who;when;much;flag\nAda;2025-01-01;1,75;true\n$1'?;2025-01-03;;true\nCy;2025-01-04;5;false\n");
        let counts = &run()["tables"]["we\"ird; DROP TABLE x--"];
        assert_eq!((&counts["inserted"], &counts["updated"], &counts["deleted"]), (&1.into(), &2.into(), &2.into()));
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), first);
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), before);
    }

    fn tables_that_the_run_made_are_gone_unless_somebody_uses_them(env) {
        env.copy_fixture("bring-your-own");
        let run = || tieout(env, &["run", "bring-your-own"], 0);
        run();
        let after = env.database.dump();
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), "");
        run();
        assert_eq!(env.database.dump(), after);
        env.database.execute("INSERT INTO reading (meter, read_on, kwh) VALUES ('app', '2025-01-01', 1); ALTER TABLE ledger_line ADD COLUMN seen TEXT");
        let outcome = tieout(env, &["rollback"], 0);
        let mut said = messages(&outcome, "table-stays");
        said.sort();
        assert_eq!(said, [
            "the table ledger_line was made by the run and stays: its shape was changed since",
            "the table reading was made by the run and stays: it holds 1 row that others wrote",
        ]);
        assert_eq!(env.database.tables(), ["ledger_line", "reading"]);
        assert_eq!(env.database.value("SELECT meter FROM reading"), "app");
    }

    fn hooks_run_where_the_job_is_named(env) {
        job(env);
        import(env);
        let toml = env.read("rent/tieout.toml");
        let hook = |when: &str| format!("\n[[hook]]\nwhen = \"{when}\"\nrun = [\"sh\", \"-c\", \"echo $TIEOUT_RUN $TIEOUT_STATUS {when} >> ../hooks.txt\"]\n");
        env.write("rent/tieout.toml", format!("{}{}{}", toml.replace("[job]\n", "[job]\nallow_exec = true\n"), hook("before-run"), hook("after-commit")));
        tieout(env, &["rollback"], 0);
        assert!(!env.path("hooks.txt").exists());
        import(env);
        let outcome = tieout(env, &["rollback", "--job", "rent"], 0);
        assert_eq!(outcome["hooks"].as_array().unwrap().len(), 2);
        assert!(env.read("hooks.txt").ends_with("4 before-run\n4 committed after-commit\n"), "{}", env.read("hooks.txt"));
        env.copy_fixture("bring-your-own");
        tieout(env, &["run", "bring-your-own"], 0);
        import(env);
        let outcome = tieout(env, &["rollback"], 2);
        assert!(outcome["findings"][0]["message"].as_str().unwrap().contains("several jobs: bring-your-own (its last is run 5), rent (its last is run 6)"), "{outcome:#}");
        tieout(env, &["rollback", "5", "--job", "rent"], 2);
        tieout(env, &["rollback", "--job", "bring-your-own"], 0);
    }
}
