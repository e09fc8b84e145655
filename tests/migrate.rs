//! `tieout migrate`: layouts, history, the way back, taking over from other tools, steps outside a transaction, kills and locks.

use crate::rent::finding;
use crate::steps::{job, migrate};
use crate::support::database::Kind;
use crate::support::{Run, TestEnv, kill, on_both};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Runs `tieout migrate` on a folder of another tool's.
fn foreign(env: &TestEnv, way: &str, dir: &str, rest: &[&str]) -> Run {
    env.tieout(&[&["migrate", way, "--dir", dir, "--database", &env.database.url(), "--json"], rest].concat())
}

fn statuses(outcome: &Value) -> Vec<&str> {
    let list = ["migrations", "steps"].into_iter().find_map(|key| outcome[key].as_array());
    list.unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect()
}

#[track_caller]
fn stopped(outcome: &Value, words: &str, hint: &str) {
    let found = outcome["findings"].as_array().unwrap().iter().find(|f| f["severity"] == "error").unwrap();
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    assert!(text("message").contains(words) && text("hint").contains(hint), "{found}");
}

/// Three steps with their ways back.
fn three(env: &TestEnv) {
    job(
        env,
        &[
            ("1_a/up.sql", "CREATE TABLE a (n INTEGER);"),
            ("1_a/down.sql", "DROP TABLE a;"),
            ("2_b/up.sql", "CREATE TABLE b (n INTEGER);\nINSERT INTO b VALUES (1);"),
            ("2_b/down.sql", "-- expect: DELETE b 1\nDELETE FROM b;\nDROP TABLE b;"),
            ("10_c/up.sql", "ALTER TABLE a ADD COLUMN c TEXT;"),
            ("10_c/down.sql", "ALTER TABLE a DROP COLUMN c;"),
        ],
    );
}

on_both! {
    fn a_step_has_its_own_sql_for_each_database(env) {
        job(env, &[
            ("1_a/sqlite/up.sql", "CREATE TABLE lite (n INTEGER);"), ("1_a/postgres/up.sql", "CREATE TABLE large (n INTEGER);"),
            ("2_b/up.sql", "CREATE TABLE each (n INTEGER);"), ("2_b/sqlite/verify.sql", "SELECT 1 WHERE false;"), ("README.md", "no step"),
        ]);
        migrate(env, &["up"]).expect_code(0);
        assert_eq!(env.database.tables(), ["each", if env.database.kind == Kind::Sqlite { "lite" } else { "large" }]);
        for (folder, number) in [("sqlite", "1"), ("postgres", "2")] {
            env.write(&format!("flat/{folder}/0001_a.sql"), format!("CREATE TABLE flat{number} (n INTEGER);"));
        }
        foreign(env, "up", "flat", &[]).expect_code(0);
        assert!(env.database.tables().contains(&format!("flat{}", if env.database.kind == Kind::Sqlite { 1 } else { 2 })));
    }

    fn steps_whose_order_is_in_doubt_are_refused(env) {
        job(env, &[("0001_a/up.sql", "SELECT 1;"), ("1_b/up.sql", "SELECT 1;")]);
        stopped(&migrate(env, &["up"]).expect_code(2).json(), "the same number", "number them apart");
        assert_eq!(env.database.tables(), Vec::<String>::new());
    }

    fn history_that_was_changed_is_refused_with_the_way_out(env) {
        three(env);
        migrate(env, &["up"]).expect_code(0);
        let listed = |code: i32| migrate(env, &["status"]).expect_code(code).json();
        assert_eq!(statuses(&listed(0)), ["applied"; 3]);
        env.write("job/steps/2_b/up.sql", "CREATE TABLE b (n INTEGER);\r\nINSERT INTO b VALUES (1);");
        assert_eq!(statuses(&listed(0)), ["applied"; 3], "other line ends are the same step");
        env.write("job/steps/2_b/up.sql", "CREATE TABLE other (n INTEGER);");
        assert_eq!(statuses(&listed(4)), ["applied", "changed", "applied"]);
        stopped(&migrate(env, &["up"]).expect_code(4).json(), "2_b was changed", "restore its SQL");
        std::fs::remove_dir_all(env.path("job/steps/2_b")).unwrap();
        assert_eq!(statuses(&listed(4)), ["applied", "applied", "missing"]);
        stopped(&migrate(env, &["up"]).expect_code(4).json(), "2_b stands in this database, but is no longer", "put it back");
        three(env);
        job(env, &[("3_late/up.sql", "SELECT 1;")]);
        assert_eq!(statuses(&listed(4)), ["applied", "applied", "late", "applied"]);
        stopped(&migrate(env, &["up"]).expect_code(4).json(), "3_late comes before 10_c", "a number behind");
    }

    fn status_says_what_stands_and_writes_nothing(env) {
        three(env);
        migrate(env, &["up", "--to", "2_b"]).expect_code(0);
        let before = env.database.rows("SELECT count(*) FROM tieout_run");
        let text = env.tieout(&["migrate", "status", "job", "--database", &env.database.url()]).expect_code(0);
        let lines: Vec<&str> = text.stdout.lines().collect();
        assert!(lines[0].starts_with("1_a   applied ") && lines[1].contains("run 1") && lines[2] == "10_c  pending", "{}", text.stdout);
        assert!(text.stderr.contains("3 steps, 1 pending"), "{}", text.stderr);
        assert_eq!(env.database.rows("SELECT count(*) FROM tieout_run"), before);
    }

    fn what_a_step_promised_can_be_asked_at_any_time(env) {
        three(env);
        job(env, &[("2_b/verify.sql", "SELECT n, 'too large' FROM b WHERE n > 5;\nSELECT 'empty' WHERE NOT EXISTS (SELECT 1 FROM b);")]);
        migrate(env, &["up"]).expect_code(0);
        assert_eq!(migrate(env, &["verify"]).expect_code(0).json()["checks"].as_array().unwrap().len(), 2);
        env.database.execute("INSERT INTO b VALUES (6), (7)");
        let failed = migrate(env, &["verify"]).expect_code(1).json();
        assert_eq!(failed["checks"][0]["actual"], "2");
        job(env, &[("20_d/up.sql", "CREATE TABLE d (n INTEGER);")]);
        migrate(env, &["up"]).expect_code(1);
        assert!(!env.database.tables().contains(&"d".to_owned()), "what no longer holds ends the next one too");
    }

    fn steps_are_taken_back_as_they_were_applied(env) {
        three(env);
        migrate(env, &["up"]).expect_code(0);
        let whole = env.database.dump();
        let undone = migrate(env, &["down"]).expect_code(0).json();
        assert_eq!((undone["migrations"][0]["name"].as_str(), statuses(&undone)), (Some("10_c"), vec!["undone"]));
        migrate(env, &["up"]).expect_code(0);
        migrate(env, &["down", "--to", "1_a"]).expect_code(0);
        assert_eq!(env.database.tables(), ["a"]);
        migrate(env, &["up"]).expect_code(0);
        assert_eq!(env.database.dump(), whole);
        std::fs::remove_file(env.path("job/steps/2_b/down.sql")).unwrap();
        migrate(env, &["down", "--all"]).expect_code(0);
        assert_eq!(env.database.tables(), Vec::<String>::new(), "the way back is the one that was recorded");
        migrate(env, &["up"]).expect_code(0);
        stopped(&migrate(env, &["down", "--all"]).expect_code(4).json(), "2_b has no way back", "backup");
        assert_eq!(env.database.dump(), whole);
        three(env);
        env.database.execute("INSERT INTO b VALUES (2)");
        let failed = migrate(env, &["down", "--steps", "2"]).expect_code(1).json();
        assert_eq!(statuses(&failed), ["rolled back", "failed"]);
        stopped(&migrate(env, &["down", "--to", "7_x"]).expect_code(2).json(), "7_x does not stand", "status");
    }

    fn a_database_that_another_tool_brought_there_is_taken_over(env) {
        let steps = ["CREATE TABLE a (n INTEGER);", "CREATE TABLE b (n INTEGER);", "INSERT INTO b VALUES (1);", "CREATE TABLE c (n INTEGER);"];
        for (at, sql) in steps.iter().enumerate() {
            env.write(&format!("prisma/2024010{at}_s/migration.sql"), sql);
            env.write(&format!("diesel/2024-01-0{at}-000000_s/up.sql"), sql);
            env.write(&format!("sqlx/2024010{at}_s.sql"), sql);
        }
        for (tool, history) in [
            ("prisma", "CREATE TABLE _prisma_migrations (migration_name TEXT, finished_at TEXT, rolled_back_at TEXT); INSERT INTO _prisma_migrations VALUES ('20240100_s', 'x', NULL), ('20240101_s', 'x', NULL), ('20240102_s', 'x', NULL), ('20240103_s', NULL, NULL)"),
            ("diesel", "CREATE TABLE __diesel_schema_migrations (version TEXT); INSERT INTO __diesel_schema_migrations VALUES ('20240100000000'), ('20240101000000'), ('20240102000000')"),
            ("sqlx", "CREATE TABLE _sqlx_migrations (version BIGINT, success BOOLEAN); INSERT INTO _sqlx_migrations VALUES (20240100, true), (20240101, true), (20240102, true), (20240103, false)"),
            ("shape", ""),
        ] {
            let dir = if tool == "shape" { "sqlx" } else { tool };
            let other = TestEnv::new(env.database.kind);
            other.database.execute(&format!("{history}; {} {} {}", steps[0], steps[1], steps[2]));
            let url = other.database.url();
            let run = |way: &str, rest: &[&str]| env.tieout(&[&["migrate", way, "--dir", dir, "--database", &url, "--json"], rest].concat());
            // What leaves no shape is taken for done only where the other tool says so.
            let adopted = if tool == "shape" { 2 } else { 3 };
            let baseline = run("baseline", &[]).expect_code(0).json();
            let listed = statuses(&baseline);
            assert!(listed[..adopted].iter().all(|s| *s == "adopted") && listed[adopted..].iter().all(|s| *s == "pending"), "{tool}: {listed:?}");
            run("up", &[]).expect_code(0);
            assert_eq!(other.database.value("SELECT count(*) FROM b"), if tool == "shape" { "2" } else { "1" });
            assert!(other.database.tables().contains(&"c".to_owned()));
        }
        env.database.execute("CREATE TABLE a (n INTEGER); CREATE TABLE b (other TEXT)");
        let before = env.database.dump();
        stopped(&foreign(env, "baseline", "sqlx", &[]).expect_code(4).json(), "b.n is missing", "bring the tables to that shape");
        stopped(&foreign(env, "baseline", "sqlx", &["--at", "20240101_s"]).expect_code(4).json(), "20240101_s is said to stand, but b.n", "--at");
        foreign(env, "up", "sqlx", &[]).expect_code(4);
        assert_eq!(env.database.dump(), before);
        foreign(env, "baseline", "sqlx", &["--at", "20240109_s"]).expect_code(2);
    }

    fn what_is_wrong_in_the_middle_leaves_nothing_and_is_named(env) {
        for n in 1..=130 {
            let wrong = if n == 120 { "\n\nCREATE TABL wrong (a INTEGER);" } else { "" };
            env.write(&format!("many/{n:04}_t.sql"), format!("CREATE TABLE t{n} (a INTEGER);\nINSERT INTO t{n} VALUES (1);\nUPDATE t{n} SET a = 2;\nUPDATE t{n} SET a = 3;\nUPDATE t{n} SET a = 4;\nUPDATE t{n} SET a = 5;{wrong}"));
        }
        let failed = foreign(env, "up", "many", &[]).expect_code(4).json();
        stopped(&failed, "many/0120_t.sql:8: the database refused", "");
        assert_eq!(env.database.tables(), Vec::<String>::new());
        assert_eq!(statuses(&failed).len(), 130);
    }

    fn a_step_cannot_end_the_transaction(env) {
        for (at, sql) in ["COMMIT;", "COMMIT; BEGIN;", "END", "ROLLBACK;", "BEGIN; COMMIT; COMMIT;", "/* x */ commit /* y */ ; -- z", "COMMIT AND CHAIN"].iter().enumerate() {
            for text in [format!("CREATE TABLE t (a INTEGER);\n{sql}"), format!("-- kind: additive\nCREATE TABLE t (a INTEGER);\n{sql}")] {
                env.write(&format!("escape{at}/1_a.sql"), &text);
                foreign(env, "up", &format!("escape{at}"), &[]).expect_code(2);
            }
        }
        if env.database.kind == Kind::Postgres {
            env.write("hidden/1_a.sql", "CREATE TABLE t (a INTEGER);");
            env.write("hidden/2_b.sql", "DO $$ BEGIN COMMIT; END $$;");
            stopped(&foreign(env, "up", "hidden", &[]).expect_code(4).json(), "invalid transaction termination", "outside-transaction");
        }
        assert_eq!(env.database.tables(), Vec::<String>::new());
    }

    fn migrating_that_is_killed_at_any_moment_leaves_before_or_after(env) {
        const KILLS: u32 = 20;
        for n in 1..=60 {
            env.write(&format!("many/{n:04}_t.sql"), format!("CREATE TABLE t{n} (a INTEGER);\nINSERT INTO t{n} VALUES ({n});\nCREATE INDEX i{n} ON t{n} (a);"));
        }
        let begin = Instant::now();
        foreign(env, "up", "many", &[]).expect_code(0);
        let (whole, after) = (begin.elapsed(), env.database.dump());
        let mut killed = 0;
        for n in 0..KILLS {
            let other = TestEnv::new(env.database.kind);
            let url = other.database.url();
            let up = ["migrate", "up", "--dir", "many", "--database", &url];
            let child = env.spawn(&up);
            let off = std::process::id().wrapping_mul(n + 1) % 100;
            std::thread::sleep(whole * n / KILLS + whole * off / (100 * KILLS));
            kill(child);
            let dump = other.database.dump();
            assert!(dump.is_empty() || dump == after, "{dump}");
            killed += u32::from(dump.is_empty());
            env.tieout(&up).expect_code(0);
            assert_eq!(other.database.dump(), after);
        }
        assert!(killed > 2, "of {KILLS} only {killed} were killed before their end");
    }
}

#[test]
fn a_second_migration_at_once_is_told_who_is_there() {
    let env = TestEnv::new(Kind::Postgres);
    env.write("slow/1_a.sql", "SELECT pg_sleep(60);");
    let mut first = env.spawn(&["migrate", "up", "--dir", "slow", "--database", &env.database.url()]);
    wait_for(
        &env,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'",
        "1",
    );
    stopped(&foreign(&env, "up", "slow", &[]).expect_code(5).json(), "in use by `tieout migrate up slow`: process", "wait");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_step_outside_a_transaction_is_run_alone_and_never_forgotten() {
    let env = TestEnv::new(Kind::Postgres);
    job(
        &env,
        &[
            ("1_a/up.sql", "CREATE TABLE a (n INTEGER);"),
            ("1_a/down.sql", "DROP TABLE a;"),
            ("2_i/up.sql", "-- kind: outside-transaction\nCREATE INDEX CONCURRENTLY i ON a (n);\nSELECT pg_sleep(60);"),
            ("2_i/down.sql", "-- kind: outside-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;"),
            ("3_b/up.sql", "CREATE TABLE b (n INTEGER);"),
            ("3_b/down.sql", "DROP TABLE b;"),
        ],
    );
    let url = env.database.url();
    let run = env.tieout(&["run", "job", "--database", &url, "--json"]).expect_code(4).json();
    stopped(&run, "2_i is pending, and runs outside a transaction", "tieout migrate up");
    assert_eq!(env.database.tables(), Vec::<String>::new());
    let child = env.spawn(&["migrate", "up", "job", "--database", &url]);
    wait_for(
        &env,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'",
        "1",
    );
    kill(child);
    assert_eq!(statuses(&migrate(&env, &["status"]).expect_code(4).json()), ["applied", "begun", "pending"]);
    for way in ["up", "down"] {
        stopped(&migrate(&env, &[way]).expect_code(4).json(), "2_i was begun outside a transaction", "--again");
    }
    migrate(&env, &["up", "--again", "1_a"]).expect_code(2);
    env.replace("job/steps/2_i/up.sql", "\nSELECT pg_sleep(60);", "");
    stopped(&migrate(&env, &["up", "--again", "2_i"]).expect_code(4).json(), "\"i\" already exists", "");
    env.database.execute("DROP INDEX i");
    assert_eq!(statuses(&migrate(&env, &["up", "--again", "2_i"]).expect_code(0).json()), ["recorded", "applied", "applied"]);
    assert_eq!(statuses(&migrate(&env, &["down", "--all"]).expect_code(0).json()), ["undone"; 3]);
    assert_eq!(env.database.tables(), Vec::<String>::new());
}

#[test]
fn a_role_that_may_make_no_database_is_told_what_cannot_be_tried() {
    let env = TestEnv::new(Kind::Postgres);
    let role = format!("modest_{}", env.database.value("SELECT current_database()"));
    env.database.execute(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}; SET ROLE {role}; CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER)"));
    let url = env.database.url();
    let modest = url.replace("tieout@", &format!("{role}@"));
    let baseline = |dir: &str, url: &str| env.tieout(&["migrate", "baseline", "--dir", dir, "--database", url, "--json"]);
    env.write("bare/1_a.sql", "CREATE TABLE a (n INTEGER);\nCREATE TABLE b (n INTEGER);");
    env.write("named/1_a.sql", "CREATE TABLE public.a (n INTEGER);");
    env.write("named/2_b.sql", "CREATE TABLE public.b (n INTEGER);\nALTER TABLE ONLY public.b SET (fillfactor = 50);");
    stopped(&baseline("bare", &modest).expect_code(4).json(), "the steps cannot be tried", "CREATEDB");
    env.database.execute(&format!("GRANT CREATE ON DATABASE {} TO {role}", env.database.value("SELECT current_database()")));
    let refused = baseline("named", &modest).expect_code(4).json();
    stopped(&refused, "a database of its own could not be made", "");
    assert!(refused.to_string().contains("permission denied to create database"), "{refused}");
    assert_eq!(statuses(&baseline("named", &url).expect_code(0).json()), ["adopted", "adopted"]);
    assert_eq!(
        env.database.value("SELECT count(*) FROM pg_database WHERE datname LIKE 'tieout_scratch_%' AND datdba = 'tieout'::regrole"),
        "0"
    );
    env.database.execute(
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE tablename LIKE 'tieout!_%' ESCAPE '!' LOOP \
         EXECUTE format('DROP TABLE %I CASCADE', t); END LOOP; END $$",
    );
    assert_eq!(statuses(&baseline("bare", &modest).expect_code(0).json()), ["adopted"]);
    // What one statement would make can be tried without any such right.
    env.database.execute(&format!("REVOKE CREATE ON DATABASE {} FROM {role}", env.database.value("SELECT current_database()")));
    env.write("bare/2_b.sql", "CREATE INDEX i ON a (n);\nCREATE INDEX IF NOT EXISTS i ON a ((n + 1));");
    let differs = env.tieout(&["migrate", "up", "--dir", "bare", "--database", &modest, "--json"]).expect_code(0).json();
    assert!(finding(&differs, "shape-differs")["message"].as_str().unwrap().contains("instead of index ((n + 1)) on a"), "{differs}");
    env.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn what_was_committed_before_a_failure_is_said() {
    let env = TestEnv::new(Kind::Postgres);
    job(
        &env,
        &[
            ("1_mood/up.sql", "CREATE TYPE mood AS ENUM ('calm');"),
            ("2_add/up.sql", "ALTER TYPE mood ADD VALUE 'glad';"),
            ("3_use/up.sql", "CREATE TABLE a (m mood DEFAULT 'glad');\nINSERT INTO a DEFAULT VALUES;"),
            ("4_wrong/up.sql", "CREATE TABLE b (m nothing);"),
        ],
    );
    let failed = migrate(&env, &["up"]).expect_code(4).json();
    assert_eq!(statuses(&failed), ["applied", "applied", "pending", "pending"]);
    assert!(finding(&failed, "steps-stand")["message"].as_str().unwrap().starts_with("2 steps before were committed"), "{failed}");
    assert_eq!(env.database.tables(), Vec::<String>::new());
    env.write("job/steps/4_wrong/up.sql", "CREATE TABLE b (m mood);");
    assert_eq!(statuses(&migrate(&env, &["up"]).expect_code(0).json()), ["recorded", "recorded", "applied", "applied"]);
}

#[test]
fn a_lock_that_is_given_back_in_time_is_waited_for() {
    let env = TestEnv::new(Kind::Postgres);
    env.database.execute("CREATE TABLE a (n INTEGER)");
    env.write("m/1_a.sql", "CREATE TABLE IF NOT EXISTS b (n INTEGER);\nALTER TABLE a ADD c TEXT;");
    let app = env.database.hold("BEGIN; SELECT * FROM a");
    let child = env.spawn(&["migrate", "up", "--dir", "m", "--database", &env.database.url(), "--json"]);
    // The first try has given up when its session waits no more.
    wait_for(&env, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1");
    wait_for(&env, "SELECT count(*) FROM pg_locks WHERE NOT granted", "0");
    drop(app);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(statuses(&outcome), ["applied"], "what the first try noted is forgotten");
}

#[track_caller]
fn wait_for(env: &TestEnv, sql: &str, value: &str) {
    let begin = Instant::now();
    while env.database.value(sql) != value {
        assert!(begin.elapsed() < Duration::from_secs(30), "{sql}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
