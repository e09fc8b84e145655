//! Every run is sealed: those that fail, roll back, migrate; what is added later breaks nothing; earlier versions are brought up.

use super::{part, said, verified};
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use tieout::digest::Running;
use tieout::store::FIRST;

/// The chain, computed from what the published queries give in another program's hands.
fn by_hand(env: &TestEnv) -> Vec<String> {
    let sql = if env.database.kind == Kind::Sqlite {
        include_str!("../../sql/sqlite/run_lines.sql")
    } else {
        include_str!("../../sql/postgres/run_lines.sql")
    };
    let mut digest = FIRST.to_owned();
    let runs = env.database.rows("SELECT id, digest FROM tieout_run ORDER BY id");
    let each = runs.iter().map(|run| {
        let mut running = Running::over(&digest);
        for part in sql.split(";\n").filter(|part| part.contains("SELECT")) {
            env.database.rows(&part.replace("$1", &run[0])).iter().for_each(|row| running.line(&row[0]));
        }
        digest = running.finish();
        assert_eq!(digest, run[1], "run {}", run[0]);
        digest.clone()
    });
    each.collect()
}

on_both! {
    fn every_run_is_sealed_and_everybody_can_compute_it(env) {
        env.copy_fixture("rent");
        env.replace("rent/tieout.toml", "[job]", "[job]\nallow_exec = true");
        let toml = env.read("rent/tieout.toml") + "\n[[hook]]\nwhen = \"after-run\"\nrun = [\"true\"]\n";
        env.write("rent/tieout.toml", toml);
        let url = env.database.url();
        let first = env.run_job(&[]).expect_code(0).json();
        assert_eq!(first["run"]["previous"], FIRST);
        assert!(first["run"]["who"].as_str().unwrap().contains('@'));
        // What the hook did came after the run was sealed: it is in the report, and the digest is still the same.
        let report = env.tieout(&["report", "1", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!((&report["run"]["digest"], report["hooks"].as_array().unwrap().len()), (&first["run"]["digest"], 1));
        let loose = verified(env, &[], 0);
        assert!(part(&loose, "chain")["notes"][0].as_str().unwrap().contains("rows of tieout_report came since the last run"), "{loose}");
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1.632 kr");
        let failed = env.run_job(&[]).expect_code(3).json();
        assert_eq!(failed["run"]["previous"], first["run"]["digest"]);
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1.632 kr", "2025-10-01\t1632 kr");
        env.tieout(&["reconcile", "rent", "--database", &url]).expect_code(0);
        let chain = by_hand(env);
        assert_eq!((chain.len(), chain[1].as_str()), (3, failed["run"]["digest"].as_str().unwrap()));
        assert_eq!(env.read("tieout-reports/rent-1/report.txt").matches(&chain[0]).count(), 1);
        verified(env, &[], 0);
    }

    fn a_rollback_and_steps_up_and_down_stay_in_the_chain(env) {
        env.copy_fixture("rent");
        let url = env.database.url();
        env.tieout(&["migrate", "up", "rent", "--database", &url]).expect_code(0);
        env.run_job(&[]).expect_code(0);
        env.tieout(&["rollback", "--database", &url]).expect_code(0);
        by_hand(env);
        let rolled_back = verified(env, &[], 1);
        assert_eq!(part(&rolled_back, "rows")["count"], 0, "no row stands any more");
        assert!(said(&rolled_back).iter().all(|f| f.starts_with("not-imported") || f.starts_with("check-failed")), "{rolled_back}");
        env.run_job(&[]).expect_code(0);
        verified(env, &[], 0);
        by_hand(env);
        env.database.execute("UPDATE tieout_change SET undone_by = NULL WHERE id = (SELECT min(id) FROM tieout_change WHERE undone_by = 3)");
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.contains("is marked as undone by none, the run by 3")), "{found:#?}");
        assert!(found.iter().any(|f| f.contains("run 3: the mark that it undid run 2")), "{found:#?}");
        env.database.execute("UPDATE tieout_change SET undone_by = 3 WHERE run_id = 2");
        let step = "20251004120000_natural_keys";
        env.database.execute(&format!("UPDATE tieout_migration SET sha256 = 'else' WHERE name = '{step}'"));
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.contains(&format!("the step {step} is another in tieout_migration"))), "{found:#?}");
    }

    fn a_rollback_by_backup_takes_runs_away_and_says_so_itself(env) {
        env.database.execute("CREATE TABLE point (id INTEGER PRIMARY KEY, label TEXT); INSERT INTO point VALUES (1, 'a'), (2, 'b')");
        env.write("job/tieout.toml", "[job]\nname = \"points\"\n\n[migrations]\ndir = \"migrations\"\n");
        env.write("job/migrations/0001_label/up.sql", "UPDATE point SET label = 'roof' WHERE id > 0;");
        env.write("job/migrations/0001_label/down.sql", "SELECT 1;");
        let url = env.database.url();
        let tell = |args: &[&str]| env.tieout(&[args, &["--database", &url, "--json"]].concat()).expect_code(0).json();
        let run = tell(&["run", "job"]);
        assert_eq!(run["run"]["digest"].as_str().unwrap(), env.database.value("SELECT digest FROM tieout_run"), "not that of a copy");
        tell(&["rollback"]);
        let holds = tell(&["verify"]);
        assert_eq!(part(&holds, "chain")["notes"][0], "run 1 is gone by the rollback that is run 2: it restored a backup of before");
        tell(&["run", "job"]);
        tell(&["verify", "job"]);
        env.database.execute("UPDATE tieout_run SET command = 'import' WHERE id = 2");
        let run = env.tieout(&["verify", "--database", &url, "--json"]).expect_code(1).json();
        assert!(said(&run).iter().any(|f| f.contains("run 2: its row of tieout_run is not as it was")), "{run}");
    }

    fn settled_conflicts_are_sealed_by_the_next_run_and_hold(env) {
        env.copy_fixture("rent");
        let url = env.database.url();
        env.run_job(&[]).expect_code(0);
        env.database.execute("UPDATE \"Tenant\" SET email = 'else@example.org' WHERE name = 'Adam'");
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.starts_with("row-changed") && f.contains("email is `else@example.org`")), "{found:#?}");
        env.run_job(&[]).expect_code(1);
        env.tieout(&["resolve", "2", "--database", &url, "--accept", "database", "--reason", "he moved", "--by", "anna"]).expect_code(0);
        verified(env, &[], 0);
        env.run_job(&[]).expect_code(0);
        let holds = verified(env, &[], 0);
        assert_eq!(part(&holds, "chain")["notes"], serde_json::json!([]), "all is sealed");
        env.database.execute("UPDATE tieout_resolution SET reason = 'because'");
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.contains("run 3: the row 1 of tieout_resolution is not as it was")), "{found:#?}");
    }

    fn runs_of_every_earlier_version_are_sealed_when_their_tables_are_brought_up(env) {
        let steps: [(&str, &str); 5] = [
            (include_str!("../../sql/sqlite/own_tables_1.sql"), include_str!("../../sql/postgres/own_tables_1.sql")),
            (include_str!("../../sql/sqlite/own_tables_2.sql"), include_str!("../../sql/postgres/own_tables_2.sql")),
            (include_str!("../../sql/sqlite/own_tables_3.sql"), include_str!("../../sql/postgres/own_tables_3.sql")),
            (include_str!("../../sql/sqlite/own_tables_4.sql"), include_str!("../../sql/postgres/own_tables_4.sql")),
            (include_str!("../../sql/sqlite/own_tables_5.sql"), include_str!("../../sql/postgres/own_tables_5.sql")),
        ];
        for version in 1..=steps.len() {
            let env = TestEnv::new(env.database.kind);
            env.copy_fixture("rent");
            for (n, (sqlite, postgres)) in steps.iter().enumerate().take(version) {
                env.database.execute(if env.database.kind == Kind::Sqlite { sqlite } else { postgres });
                let name = format!("own_tables_{}", n + 1);
                env.database.execute(&format!("INSERT INTO tieout_migration (job, name, sha256, kind, applied_at) VALUES ('', '{name}', '', 'applied', '2025-01-01')"));
            }
            env.database.execute(
                "INSERT INTO tieout_run VALUES (1, 'old', '', 'import', 'committed', 0, '2025-01-01', '2025-01-01', '', '0.0.1', '{}') "
                    .replace("tieout_run VALUES", "tieout_run (id, job, job_sha256, command, status, exit_code, started_at, finished_at, database, version, report) VALUES").as_str(),
            );
            env.database.execute("INSERT INTO tieout_file (run_id, source, path, sha256, size, encoding, status) VALUES (1, 's', 'p', 'h', 1, 'UTF-8', 'loaded');
                INSERT INTO tieout_change (run_id, table_name, row_key, operation, before, after, file_id, line) VALUES (1, 'past', '[\"a\"]', 'insert', NULL, '{\"k\":\"a\"}', 1, 1);
                INSERT INTO tieout_check (run_id, name, group_name, status, severity) VALUES (1, 'sum', '', 'match', 'error');
                INSERT INTO tieout_migration (job, name, sha256, kind, run_id, applied_at) VALUES ('old', 'first', 'x', 'applied', 1, '2025-01-01')");
            env.database.execute("CREATE VIEW seen AS SELECT row_key FROM tieout_change");
            let url = env.database.url();
            let before = env.tieout(&["verify", "--database", &url, "--json"]).expect_code(0).json();
            assert_eq!(part(&before, "chain")["status"], "not_run", "version {version}");
            env.tieout(&["history", "--database", &url]).expect_code(0);
            env.run_job(&[]).expect_code(0);
            assert_eq!(by_hand(&env).len(), 2, "version {version}");
            assert_ne!(env.database.value("SELECT count(*) FROM seen"), "1", "somebody's view goes on");
            let holds = verified(&env, &["--root", "rent"], 1);
            assert_eq!(said(&holds).len(), 1, "only the old file is not there: {holds}");
            let notes = part(&holds, "chain")["notes"].to_string() + &part(&holds, "rows")["notes"].to_string();
            assert!(notes.contains("sealed as they stood when it was begun: runs 1") && notes.contains("not read back: 1 rows of past"), "{notes}");
            env.database.execute("UPDATE tieout_change SET line = 2 WHERE run_id = 1");
            let found = said(&verified(&env, &[], 1));
            assert!(found.iter().any(|f| f.contains("run 1: the row 1 of tieout_change (past a, insert) is not as it was")), "{found:#?}");
        }
    }

    fn history_says_who_did_what(env) {
        super::three_runs(env);
        let url = env.database.url();
        let history = env.tieout(&["history", "--database", &url, "--json"]).expect_code(0).json();
        let runs = history["runs"].as_array().unwrap();
        let status: Vec<&str> = runs.iter().map(|r| r["status"].as_str().unwrap()).collect();
        assert_eq!(status, ["committed", "failed", "unchanged"]);
        assert_eq!((&runs[0]["inserted"], &runs[1]["previous"]), (&157.into(), &runs[0]["digest"]));
        let text = env.tieout(&["history", "--database", &url]).expect_code(0).stdout;
        assert!(text.contains("run rent  committed  by ") && text.contains("157 inserted, 0 updated, 0 deleted"), "{text}");
        let head = env.tieout(&["history", "--database", &url, "--head", "--json"]).expect_code(0).json();
        assert_eq!((&head["run"], &head["digest"]), (&3.into(), &runs[2]["digest"]));
        env.tieout(&["history", "--database", "sqlite:none.db"]).expect_code(4);
    }
}
