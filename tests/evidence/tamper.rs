//! Whatever is changed behind the program's back, `verify` names it and ends with exit code 1; put back, all holds again.

use super::{part, said, three_runs, verified};
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};

/// Changes something, expects that it is named, and puts it back.
#[track_caller]
fn named(env: &TestEnv, change: &str, back: &str, names: &[&str]) {
    env.database.execute(change);
    let found = said(&verified(env, &[], 1));
    for name in names {
        assert!(found.iter().any(|f| f.contains(name)), "{change}\nis to be found as {name}, and was as {found:#?}");
    }
    assert!(found.len() <= names.len() + 6, "too much is said: {found:#?}");
    if !back.is_empty() {
        env.database.execute(back);
    }
}

fn rows_of(run: i32) -> String {
    let tables = ["file", "written", "change", "check", "reject", "seal"];
    tables.iter().map(|t| format!("DELETE FROM tieout_{t} WHERE run_id = {run};")).collect()
}

on_both! {
    fn a_byte_a_row_a_record_is_named(env) {
        three_runs(env);
        let holds = verified(env, &[], 0);
        assert_eq!((part(&holds, "chain")["count"].as_i64(), part(&holds, "rows")["count"].as_i64()), (Some(3), Some(157)));
        assert_eq!(part(&holds, "files")["status"], "holds");
        assert_eq!(part(&holds, "checks")["status"], "holds");
        assert_eq!((&part(&holds, "head")["status"], &part(&holds, "signatures")["status"]), (&"not_run".into(), &"not_run".into()));

        let file = "rent/data/rent_history/2025_03_v1.json";
        let whole = env.read(file);
        env.write(file, whole.replacen("  ", "\t ", 1));
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.starts_with("file-changed: data/rent_history/2025_03_v1.json the file is not the one")), "{found:#?}");
        assert_eq!(found.len(), 1, "what it says is still the same: {found:#?}");
        std::fs::remove_file(env.path(file)).unwrap();
        let found = said(&verified(env, &[], 1));
        assert!(found.iter().any(|f| f.starts_with("file-missing: data/rent_history/2025_03_v1.json")), "{found:#?}");
        env.write(file, whole);
        verified(env, &[], 0);

        let bill = "provider = 'vattenfall' AND amount = 1632";
        named(env, &format!("UPDATE \"ElectricityBill\" SET amount = 1633 WHERE {bill}"),
            "UPDATE \"ElectricityBill\" SET amount = 1632 WHERE provider = 'vattenfall' AND amount = 1633",
            &["the row vattenfall, 2025-10-01 of ElectricityBill: amount is `1633`, and run 1 wrote `1632` from electricity_bills_history.txt:5"]);
        verified(env, &[], 0);

        let change = env.database.value("SELECT id FROM tieout_change WHERE row_key = '[\"vattenfall\",\"2025-10-01\"]'");
        let (edit, back) = ("\"1632\"', '\"1633\"", "\"1633\"', '\"1632\"");
        let update = |edit: &str| format!("UPDATE tieout_change SET after = replace(after, '{edit}') WHERE id = {change}");
        let row = format!("record-changed:  run 1: the row {change} of tieout_change (ElectricityBill vattenfall, 2025-10-01, insert) is not as it was");
        named(env, &update(edit), "", &[&row]);
        let found = said(&verified(env, &[], 1));
        assert!(!found.iter().any(|f| f.starts_with("row-")), "the row itself is as it was: {found:#?}");
        env.database.execute(&update(back));
        verified(env, &[], 0);

        named(env, "UPDATE tieout_check SET actual = '8' WHERE name = 'control-total' AND run_id = 1 AND actual = '62'",
            "UPDATE tieout_check SET actual = '62' WHERE name = 'control-total' AND run_id = 1 AND actual = '8'", &["of tieout_check (control-total"]);
        named(env, "UPDATE tieout_run SET who = 'nobody@else' WHERE id = 2", "", &["record-changed:  run 2: its row of tieout_run is not as it was"]);
    }

    fn rows_that_are_gone_are_named(env) {
        three_runs(env);
        let change = env.database.value("SELECT max(id) FROM tieout_change WHERE table_name = 'RentLedger'");
        env.database.execute(&format!("CREATE TABLE kept AS SELECT * FROM tieout_change WHERE id = {change}"));
        let back = if env.database.kind == Kind::Sqlite { "INSERT INTO tieout_change SELECT * FROM kept" } else { "INSERT INTO tieout_change OVERRIDING SYSTEM VALUE SELECT * FROM kept" };
        named(env, &format!("DELETE FROM tieout_change WHERE id = {change}"), back, &[&format!("record-missing:  run 1: the row {change} of tieout_change is gone")]);
        verified(env, &[], 0);
        named(env, "INSERT INTO tieout_change (run_id, table_name, row_key, operation) VALUES (3, 'Tenant', '[\"x\"]', 'delete')",
            "DELETE FROM tieout_change WHERE run_id = 3", &["record-added:  run 3: the row "]);
        named(env, "INSERT INTO tieout_check (run_id, name, group_name, status, severity) VALUES (9, 'sum', '', 'match', 'error')",
            "DELETE FROM tieout_check WHERE run_id = 9", &["of tieout_check is of run 9, which is not there"]);
        named(env, "DELETE FROM \"RentConfig\" WHERE key = 'el' AND period = (SELECT max(period) FROM \"RentConfig\" WHERE key = 'el')", "",
            &["row-missing:  the row el, "]);
    }

    fn the_order_of_the_runs_and_a_missing_one_are_named(env) {
        three_runs(env);
        env.database.execute("CREATE TABLE runs AS SELECT * FROM tieout_run; CREATE TABLE seals AS SELECT * FROM tieout_seal");
        let swap = |column: &str, table: &str| {
            format!("UPDATE {table} SET {column} = CASE {column} WHEN 2 THEN -3 WHEN 3 THEN -2 END WHERE {column} IN (2, 3);
                     UPDATE {table} SET {column} = -{column} WHERE {column} < 0;")
        };
        let tables = ["file", "written", "change", "check", "reject", "seal"];
        let all: String = tables.iter().map(|t| swap("run_id", &format!("tieout_{t}"))).collect();
        let all = all + &swap("id", "tieout_run");
        named(env, &all, &all, &["run-order:  run 2 was sealed after run 3, but run 1 stands before it", "run-order:  run 3 was sealed after run 1, but run 2 stands before it"]);
        verified(env, &[], 0);

        named(env, "DELETE FROM tieout_run WHERE id = 2", "INSERT INTO tieout_run SELECT * FROM runs WHERE id = 2", &["run-missing:  run 2 is missing"]);
        verified(env, &[], 0);
        let forged = "INSERT INTO tieout_run (id, job, job_sha256, command, status, exit_code, started_at, finished_at, database, version, report) \
                      SELECT 4, job, job_sha256, command, status, exit_code, started_at, finished_at, database, version, report FROM runs WHERE id = 3";
        named(env, forged, "DELETE FROM tieout_run WHERE id = 4", &["run-unsealed:  run 4 bears no digest"]);
        // One that bears the digest of another.
        let forged = "INSERT INTO tieout_run SELECT * FROM runs WHERE id = 3".replace("*", "4, job, job_sha256, command, status, exit_code, started_at, finished_at, database, version, report, undone_by, who, previous, digest");
        named(env, &forged, "DELETE FROM tieout_run WHERE id = 4", &["run-order:  run 4 was sealed after run 2, but run 3 stands before it"]);
        // Somebody who knows how, and makes the marks fit: the digest still does not.
        named(env, "UPDATE tieout_run SET previous = digest WHERE id = 2", "", &["run-order:  run 2 was sealed after run 2"]);
    }

    fn only_a_kept_head_shows_that_the_last_runs_were_cut_off(env) {
        three_runs(env);
        let url = env.database.url();
        let head = env.tieout(&["history", "--database", &url, "--head"]).expect_code(0).stdout;
        env.write("head.txt", &head);
        let with_head = ["--head-file", "head.txt"];
        assert_eq!(part(&verified(env, &with_head, 0), "head")["status"], "holds");
        env.run_job(&[]).expect_code(0);
        let grown = verified(env, &with_head, 0);
        assert_eq!(part(&grown, "head")["notes"][0], "1 runs came since");
        for run in [3, 4] {
            env.database.execute(&(rows_of(run) + &format!("DELETE FROM tieout_run WHERE id = {run}")));
        }
        assert_eq!(part(&verified(env, &[], 0), "head")["status"], "not_run");
        assert_eq!(said(&verified(env, &with_head, 1)), ["head-differs:  run 3 is not here, whose digest was kept: the chain was cut off behind run 2"]);
        // A run of the same number takes its place.
        env.run_job(&[]).expect_code(0);
        verified(env, &[], 0);
        assert!(said(&verified(env, &with_head, 1))[0].starts_with("head-differs:  run 3 has the digest "));
        env.write("head.txt", "nothing");
        let run = env.tieout(&["verify", "rent", "--database", &url, "--head-file", "head.txt"]).expect_code(2);
        assert!(run.stderr.contains("is no head of a chain"), "{}", run.stderr);
    }

    fn what_the_app_may_change_does_not_count_but_is_said(env) {
        three_runs(env);
        env.database.execute("UPDATE \"RentLedger\" SET \"amountPaid\" = 0 WHERE \"amountPaid\" > 9000");
        let holds = verified(env, &[], 0);
        let notes = part(&holds, "rows")["notes"].to_string();
        assert!(notes.contains("rows of RentLedger hold something else than run 1 left in columns that no file states"), "{notes}");
    }

    fn without_a_job_it_is_said_what_was_not_looked_at(env) {
        three_runs(env);
        let url = env.database.url();
        let verified = env.tieout(&["verify", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(part(&verified, "checks")["status"], "not_run");
        assert_eq!(part(&verified, "files")["status"], "holds", "the run says where its files were");
        let text = env.tieout(&["verify", "--database", &url]).expect_code(0).stdout;
        assert!(text.starts_with("HOLDS, as far as it was looked at") && text.contains("no job was named"), "{text}");
        std::fs::rename(env.path("rent"), env.path("moved")).unwrap();
        let verified = env.tieout(&["verify", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(part(&verified, "files")["status"], "not_run");
        let verified = env.tieout(&["verify", "--database", &url, "--root", "moved", "--json"]).expect_code(0).json();
        assert_eq!(part(&verified, "files")["status"], "holds");
        env.tieout(&["verify", "--database", "sqlite:other.db"]).expect_code(4);
    }
}
