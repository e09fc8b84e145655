//! What keeps a run from being rolled back: nothing is written then, and it is said who and what is in the way.

use crate::rent::finding;
use crate::rollback::{BILLS, correct_a_bill, import, job, messages, sqlite, tieout};
use crate::support::{TestEnv, on_both};

/// Must be refused with one finding that says all of this, and write nothing.
#[track_caller]
fn refused(env: &TestEnv, run: &str, code: &str, words: &[&str]) {
    let before = env.database.dump();
    let dry = tieout(env, &["rollback", run, "--dry-run"], 1);
    let outcome = tieout(env, &["rollback", run], 1);
    assert_eq!(messages(&dry, code), messages(&outcome, code), "{code}");
    let said = messages(&outcome, code);
    assert!(!said.is_empty(), "no {code}: {:#}", outcome["findings"]);
    for word in words {
        assert!(said[0].contains(word), "{word}: {said:?}");
    }
    assert_eq!(outcome["run"]["status"], "failed");
    assert!(outcome["tables"].as_object().unwrap().is_empty());
    assert_eq!(env.database.dump(), before);
    assert_eq!(env.database.value(&format!("SELECT count(*) FROM tieout_run WHERE id = {run} AND undone_by IS NULL")), "1");
}

on_both! {
    fn what_cannot_be_rolled_back_is_said_and_nothing_is_recorded(env) {
        job(env);
        let said = |args: &[&str], code: i32, words: &str| {
            let outcome = tieout(env, args, code);
            assert!(outcome["findings"][0]["message"].as_str().unwrap().contains(words), "{outcome:#}");
        };
        said(&["rollback"], 2, "knows nothing of any run");
        import(env);
        import(env);
        said(&["rollback", "2"], 2, "run 2 changed nothing: there is nothing to undo");
        said(&["rollback", "9"], 2, "knows nothing of run 9");
        tieout(env, &["rollback"], 0);
        said(&["rollback", "1"], 2, "run 1 was rolled back by run 3");
        said(&["rollback", "3"], 2, "run 3 is itself a rollback");
        said(&["rollback"], 2, "no run that could be rolled back");
        env.replace(BILLS, "2025-10-01\t1632 kr", "2025-10-01\tmuch kr");
        tieout(env, &["import", "rent"], 3);
        said(&["rollback", "4"], 2, "run 4 failed and wrote nothing");
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_run"), "4");
    }

    fn a_run_whose_schema_steps_others_stand_on_is_refused_with_their_names(env) {
        crate::traps::job(env);
        env.run_job(&[]).expect_code(0);
        env.write("rent/migrations/20260101_later/up.sql", "CREATE TABLE later (a INT);");
        env.tieout(&["migrate", "up", "rent", "--database", &env.database.url()]).expect_code(0);
        let before = env.database.dump();
        let outcome = tieout(env, &["rollback", "1"], 4);
        let said = outcome["findings"][0]["message"].as_str().unwrap();
        assert!(said.contains("20260101_later was applied later"), "{said}");
        assert_eq!(env.database.dump(), before);
    }

    fn what_somebody_touched_since_is_named_and_stays(env) {
        job(env);
        env.database.execute("ALTER TABLE \"RentLedger\" ADD COLUMN note TEXT");
        let before = env.database.dump();
        import(env);
        for (change, back) in [
            ("\"amountPaid\" = 1", "\"amountPaid\" = 4526"),
            ("\"amountDue\" = 1", "\"amountDue\" = 4526"),
            ("note = 'paid in cash'", "note = NULL"),
        ] {
            let row = "FROM \"RentLedger\" WHERE \"amountDue\" = 4526";
            let id = env.database.value(&format!("SELECT id {row}"));
            env.database.execute(&format!("UPDATE \"RentLedger\" SET {change} WHERE id = '{id}'"));
            let key = env.database.value(&format!("SELECT \"tenantId\" FROM \"RentLedger\" WHERE id = '{id}'"));
            refused(env, "1", "touched-since", &[&key, "RentLedger", "as run 1 left it", "somebody else changed it"]);
            env.database.execute(&format!("UPDATE \"RentLedger\" SET {back} WHERE id = '{id}'"));
        }
        env.database.execute("CREATE TABLE keep AS SELECT * FROM \"RentLedger\" WHERE \"amountDue\" = 4526");
        env.database.execute("DELETE FROM \"RentLedger\" WHERE \"amountDue\" = 4526");
        refused(env, "1", "touched-since", &["no longer there", "somebody else deleted it"]);
        env.database.execute("INSERT INTO \"RentLedger\" SELECT * FROM keep; DROP TABLE keep");
        // A column that came since, with something in it, would be lost.
        env.database.execute("ALTER TABLE \"Tenant\" ADD COLUMN phone TEXT; UPDATE \"Tenant\" SET phone = '1' WHERE name = 'Adam'");
        // The tenants were there before and are not ours to delete; the ledger is.
        env.database.execute("ALTER TABLE \"RentLedger\" ADD COLUMN receipt TEXT; UPDATE \"RentLedger\" SET receipt = 'x' WHERE \"amountDue\" = 4526");
        refused(env, "1", "touched-since", &["RentLedger"]);
        env.database.execute("ALTER TABLE \"RentLedger\" DROP COLUMN receipt; ALTER TABLE \"Tenant\" DROP COLUMN phone");
        assert_eq!(env.database.value("SELECT count(*) FROM tieout_run WHERE command = 'rollback' AND status = 'failed' AND exit_code = 1"), "5");
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), before);
    }

    fn what_a_later_run_wrote_again_is_rolled_back_first(env) {
        job(env);
        let before = env.database.dump();
        import(env);
        correct_a_bill(env, "7777");
        import(env);
        refused(env, "1", "written-again", &["was written by run 1, and again by run 2"]);
        assert_eq!(messages(&tieout(env, &["rollback", "1"], 1), "touched-since").len(), 0, "it is said once");
        tieout(env, &["rollback", "2"], 0);
        tieout(env, &["rollback", "1"], 0);
        assert_eq!(env.database.dump(), before);
    }

    fn a_row_that_the_app_refers_to_is_not_pulled_away(env) {
        for (fate, words) in [("CASCADE", "would be deleted with it"), ("SET NULL", "would lose that"), ("NO ACTION", "refer to it")] {
            let env = &TestEnv::new(env.database.kind);
            job(env);
            env.database.execute(&format!(
                "CREATE TABLE \"payment note\" (n INTEGER, \"of bill\" TEXT REFERENCES \"ElectricityBill\" ON DELETE {fate}); INSERT INTO \"payment note\" VALUES (0, NULL)"
            ));
            let before = env.database.dump();
            import(env);
            env.database.execute("INSERT INTO \"payment note\" SELECT n.n, b.id FROM \"ElectricityBill\" b, (SELECT 1 AS n UNION ALL SELECT 2) n WHERE b.amount = 1632");
            refused(env, "1", "still-referred-to", &["vattenfall, 2025-10-01", "2 rows of payment note refer to it by of bill", words]);
            env.database.execute("DELETE FROM \"payment note\" WHERE n > 0");
            tieout(env, &["rollback"], 0);
            assert_eq!(env.database.dump(), before);
        }
    }

    fn a_row_without_a_line_stays_as_long_as_the_app_refers_to_it(env) {
        job(env);
        env.database.execute("CREATE TABLE receipt (n INTEGER, bill TEXT REFERENCES \"ElectricityBill\" (id) ON DELETE CASCADE)");
        import(env);
        env.database.execute("INSERT INTO receipt SELECT 1, id FROM \"ElectricityBill\" WHERE amount = 1632");
        let before = env.database.dump();
        let bills: String = env.read(BILLS).lines().filter(|l| !l.contains("1632")).map(|l| format!("{l}\n")).collect();
        env.write(BILLS, bills);
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.replace("rent/tieout.toml", "tolerance = \"1\"", "tolerance = \"10000\"");
        let said = messages(&tieout(env, &["import", "rent"], 1), "conflict");
        assert!(said[0].contains("1 row refers to it in the table receipt"), "{said:?}");
        assert_eq!(env.database.dump(), before, "nothing goes that could not be brought back");
        env.database.execute("DELETE FROM receipt");
        let before = env.database.dump();
        import(env);
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), before);
    }

    fn a_row_comes_back_only_to_what_it_refers_to(env) {
        job(env);
        env.database.execute("CREATE TABLE \"Grid\" (code TEXT PRIMARY KEY); INSERT INTO \"Grid\" VALUES ('n')");
        env.database.execute("ALTER TABLE \"ElectricityBill\" ADD COLUMN grid TEXT REFERENCES \"Grid\" (code)");
        import(env);
        env.database.execute("UPDATE \"ElectricityBill\" SET grid = 'n' WHERE amount = 1632");
        let before = env.database.dump();
        let bills: String = env.read(BILLS).lines().filter(|l| !l.contains("1632")).map(|l| format!("{l}\n")).collect();
        env.write(BILLS, bills);
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.replace("rent/tieout.toml", "tolerance = \"1\"", "tolerance = \"10000\"");
        import(env);
        env.database.execute("DELETE FROM \"Grid\"");
        refused(env, "2", "refers-to-nothing", &["vattenfall, 2025-10-01", "what it refers to in Grid by grid is gone"]);
        env.database.execute("INSERT INTO \"Grid\" VALUES ('n')");
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), before);
    }

    fn a_key_that_was_taken_since_is_named(env) {
        job(env);
        import(env);
        env.database.execute("CREATE TABLE keep AS SELECT * FROM \"ElectricityBill\"");
        let bills: String = env.read(BILLS).lines().filter(|l| !l.contains("1632")).map(|l| format!("{l}\n")).collect();
        env.write(BILLS, bills);
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        env.replace("rent/tieout.toml", "tolerance = \"1\"", "tolerance = \"10000\"");
        import(env);
        env.database.execute("INSERT INTO \"ElectricityBill\" SELECT * FROM keep WHERE amount = 1632; UPDATE \"ElectricityBill\" SET id = 'app' WHERE amount = 1632");
        refused(env, "2", "key-taken", &["vattenfall, 2025-10-01", "another row has its provider, billDate"]);
        env.database.execute("UPDATE \"ElectricityBill\" SET provider = 'app', id = (SELECT id FROM keep WHERE amount = 1632) WHERE amount = 1632");
        refused(env, "2", "key-taken", &["vattenfall, 2025-10-01", "another row has its id"]);
        env.database.execute("DELETE FROM \"ElectricityBill\" WHERE provider = 'app'");
        tieout(env, &["rollback", "2"], 0);
        assert_eq!(env.database.value("SELECT count(*) FROM (SELECT * FROM keep EXCEPT SELECT * FROM \"ElectricityBill\") d"), "0");
    }

    fn a_trigger_that_meddles_keeps_the_run_as_it_is(env) {
        job(env);
        import(env);
        correct_a_bill(env, "7777");
        import(env);
        let sql = if sqlite(env) {
            "CREATE TRIGGER meddles AFTER UPDATE ON \"ElectricityBill\" WHEN new.\"updatedAt\" <> 'x' BEGIN UPDATE \"ElectricityBill\" SET \"updatedAt\" = 'x' WHERE id = new.id; END"
        } else {
            "CREATE FUNCTION meddle() RETURNS trigger AS $$ BEGIN new.\"updatedAt\" = '2001-01-01'; RETURN new; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER meddles BEFORE UPDATE ON \"ElectricityBill\" FOR EACH ROW EXECUTE FUNCTION meddle()"
        };
        env.database.execute(sql);
        let before = env.database.dump();
        let outcome = tieout(env, &["rollback"], 1);
        assert!(finding(&outcome, "not-as-before")["message"].as_str().unwrap().contains("a trigger or rule"), "{outcome:#}");
        assert_eq!(env.database.dump(), before);
    }

    fn what_an_earlier_version_wrote_is_not_guessed_at(env) {
        job(env);
        import(env);
        // The own tables as version 3 left them.
        env.database.execute(
            "DROP INDEX tieout_change_key; DROP INDEX tieout_change_run; DROP TABLE tieout_written; DROP TABLE tieout_report; DROP TABLE tieout_step; \
             DROP TABLE tieout_signature; DROP TABLE tieout_seal; \
             DELETE FROM tieout_migration WHERE name IN ('own_tables_4', 'own_tables_5', 'own_tables_6')",
        );
        let later = ["run undone_by", "run who", "run previous", "run digest", "change left_digest", "change row_before", "change undone_by", "migration position", "migration down", "resolution sealed_by"];
        for column in later {
            let (table, column) = column.split_once(' ').unwrap();
            env.database.execute(&format!("ALTER TABLE tieout_{table} DROP COLUMN {column}"));
        }
        env.database.execute("CREATE INDEX tieout_change_key ON tieout_change (table_name, row_key, id)");
        let before = env.database.dump();
        let outcome = tieout(env, &["rollback"], 4);
        assert!(finding(&outcome, "database")["message"].as_str().unwrap().contains("made by an earlier version"), "{outcome:#}");
        assert_eq!(env.database.dump(), before);
        correct_a_bill(env, "7777");
        import(env);
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), before);
    }
}
