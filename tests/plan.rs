//! Plans: what a run would do shows on a copy, nothing is written but the plan, and it is applied only while nothing changed.

use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};

/// A database of an app, and a job of one step that changes it.
fn job(env: &TestEnv, step: &str) {
    env.database.execute(
        "CREATE TABLE point_info (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, label TEXT); \
         INSERT INTO point_info VALUES (1, 'solar', 'a'), (2, 'solar', 'b'), (3, 'load', 'c'), (4, 'load', 'd'), (5, 'grid', 'e')",
    );
    env.write("job/tieout.toml", "[job]\nname = \"points\"\n\n[migrations]\ndir = \"migrations\"\n");
    env.write("job/migrations/0001_label/up.sql", step);
    env.write("job/migrations/0001_label/down.sql", "SELECT 1;");
}

fn tell(env: &TestEnv, command: &[&str], code: i32) -> serde_json::Value {
    let url = env.database.url();
    env.tieout(&[command, &["--database", &url, "--json"]].concat()).expect_code(code).json()
}

const TOO_WIDE: &str = "UPDATE point_info SET label = 'roof' WHERE kind = 'solar' OR label IS NOT NULL;";

on_both! {
    fn a_where_that_is_too_wide_is_seen_in_the_plan_and_the_database_is_not_touched(env) {
        job(env, TOO_WIDE);
        let before = env.database.dump();
        let outcome = tell(env, &["plan", "job"], 0);
        let table = &outcome["rehearsal"]["tables"]["point_info"];
        assert_eq!((&table["updated"], &table["before"], &table["columns"]["label"]), (&5.into(), &5.into(), &5.into()), "{outcome:#}");
        let sample = &table["samples"][0];
        assert_eq!(sample["key"], "1");
        assert_eq!(sample["columns"][0][0], "label");
        assert_eq!(outcome["run"]["status"], "planned");
        assert_eq!(outcome["rehearsal"]["way_back"]["lossless"], false, "the way back forgets the old labels");
        assert!(outcome["rehearsal"]["way_back"]["losses"].to_string().contains("point_info"), "{outcome:#}");
        assert_eq!(env.database.dump(), before);
        assert_eq!(env.database.rows("SELECT 1 FROM point_info LIMIT 1").len(), 1);
        assert!(!env.path("tieout-backups").exists(), "a plan leaves no copy behind");
    }

    fn a_where_that_is_too_wide_is_stopped_by_what_the_step_expects(env) {
        job(env, &format!("-- expect: UPDATE point_info 2\n{TOO_WIDE}"));
        let before = env.database.dump();
        for command in [["plan", "job"], ["run", "job"], ["migrate", "up"]] {
            let command: Vec<&str> = if command[0] == "migrate" { vec!["migrate", "up", "job"] } else { command.to_vec() };
            let outcome = tell(env, &command, 1);
            let check = outcome["checks"].as_array().unwrap().iter().find(|c| c["name"] == "expect").unwrap();
            assert_eq!((&check["expected"], &check["actual"]), (&"2".into(), &"5".into()), "{check:#}");
            assert_eq!(env.database.dump(), before);
        }
        job_is_right(env);
    }

    fn a_plan_is_applied_and_says_what_it_did(env) {
        job(env, "UPDATE point_info SET label = 'roof' WHERE kind = 'solar';");
        tell(env, &["plan", "job"], 0);
        let outcome = tell(env, &["run", "job", "--plan", "points.plan.json"], 0);
        assert_eq!(outcome["run"]["status"], "committed");
        assert_eq!(outcome["rehearsal"]["tables"]["point_info"]["updated"], 2);
        assert_eq!(outcome["backup"]["verified"], true);
        assert_eq!(env.database.value("SELECT count(*) FROM point_info WHERE label = 'roof'"), "2");
        let outcome = tell(env, &["run", "job", "--plan", "points.plan.json"], 1);
        assert!(outcome["findings"][0]["message"].as_str().unwrap().contains("the database holds something else"), "{outcome:#}");
    }

    fn a_plan_does_not_hold_when_job_step_or_database_changed(env) {
        job(env, "UPDATE point_info SET label = 'roof' WHERE kind = 'solar';");
        tell(env, &["plan", "job"], 0);
        let refused = |why: &str| {
            let before = env.database.dump();
            let outcome = tell(env, &["run", "job", "--plan", "points.plan.json"], 1);
            let finding = outcome["findings"].as_array().unwrap().iter().find(|f| f["code"] == "plan-outdated").unwrap();
            assert!(finding["message"].as_str().unwrap().contains(why), "{finding:#}");
            assert_eq!(env.database.dump(), before);
        };
        env.database.execute("UPDATE point_info SET label = 'x' WHERE id = 5");
        refused("the database holds something else");
        env.database.execute("UPDATE point_info SET label = 'e' WHERE id = 5");
        env.write("job/migrations/0001_label/up.sql", "UPDATE point_info SET label = 'roof';");
        refused("the step 0001_label was changed");
        env.write("job/migrations/0001_label/up.sql", "UPDATE point_info SET label = 'roof' WHERE kind = 'solar';");
        env.replace("job/tieout.toml", "[job]", "# a thought\n[job]");
        refused("the job file was changed");
        env.replace("job/tieout.toml", "# a thought\n", "");
        tell(env, &["run", "job", "--plan", "points.plan.json"], 0);
    }

    fn a_source_file_that_changed_outdates_the_plan(env) {
        env.copy_fixture("rent");
        tell(env, &["plan", "rent"], 0);
        env.replace("rent/electricity_bills_history.txt", "1632 kr", "1633 kr");
        let outcome = tell(env, &["run", "rent", "--plan", "rent.plan.json"], 1);
        assert!(outcome.to_string().contains("the file electricity_bills_history.txt was changed"), "{outcome:#}");
        assert_eq!(env.database.dump(), "");
    }

    fn a_run_that_takes_longer_than_the_app_may_be_down_stops_on_the_copy(env) {
        let slow = match env.database.kind {
            Kind::Postgres => "SELECT pg_sleep(1.2);".to_owned(),
            Kind::Sqlite => "CREATE TABLE slow AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT max(i) AS i FROM n;".to_owned(),
        };
        job(env, &slow);
        env.replace("job/tieout.toml", "name = \"points\"\n", "name = \"points\"\nmax_downtime = \"1s\"\n");
        let before = env.database.dump();
        let outcome = tell(env, &["run", "job"], 1);
        let check = outcome["checks"].as_array().unwrap().iter().find(|c| c["name"] == "max-downtime").unwrap();
        assert_eq!((&check["status"], &check["expected"]), (&"difference".into(), &"1".into()), "{check:#}");
        assert_eq!(env.database.dump(), before);
    }

    fn a_way_back_by_backup_is_taken_while_nobody_wrote_and_else_only_when_asked_for(env) {
        job(env, TOO_WIDE);
        let start = env.database.dump();
        tell(env, &["run", "job"], 0);
        let end = env.database.dump();
        env.database.execute("INSERT INTO point_info VALUES (6, 'grid', 'new')");
        let outcome = tell(env, &["rollback"], 1);
        let said = outcome["findings"][0]["message"].as_str().unwrap();
        assert!(said.contains("somebody wrote since") && said.contains("table point_info: 6 rows instead of 5"), "{said}");
        env.database.execute("DELETE FROM point_info WHERE id = 6");
        assert_eq!(env.database.dump(), end);
        tell(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), start);
        tell(env, &["run", "job"], 0);
        env.database.execute("INSERT INTO point_info VALUES (6, 'grid', 'new')");
        tell(env, &["rollback", "--by-backup"], 0);
        assert_eq!(env.database.dump(), start);
    }

    fn what_is_written_though_every_file_is_the_same_is_backed_up_before(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        assert!(!env.path("tieout-backups").exists(), "an empty database has nothing to lose");
        env.run_job(&[]).expect_code(0);
        assert!(!env.path("tieout-backups").exists(), "nothing was written");
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!((&outcome["run"]["status"], &outcome["backup"]["verified"]), (&"committed".into(), &true.into()));
        assert!(outcome["looked_again"].as_u64().unwrap() > 30, "{outcome:#}");
        tell(env, &["rollback", "--job", "rent"], 0);
    }
}

/// The step as it was meant.
fn job_is_right(env: &TestEnv) {
    env.write(
        "job/migrations/0001_label/up.sql",
        "-- expect: UPDATE point_info 2\nUPDATE point_info SET label = 'roof' WHERE kind = 'solar';",
    );
    tell(env, &["run", "job"], 0);
    assert_eq!(env.database.value("SELECT count(*) FROM point_info WHERE label = 'roof'"), "2");
}
