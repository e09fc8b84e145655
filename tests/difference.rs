//! Corrected files are held against the blocks of the change log, and only what differs is staged: what the database holds otherwise
//! must be found all the same, and said as it always is.

use crate::packed::{ROWS, files, line, packed, prepare, run};
use crate::support::{TestEnv, database::Kind, on_both};

/// The file with one line corrected.
fn corrected(n: usize) -> String {
    if n == 500 { line(n).replace(".500,", ".501,") } else { line(n) }
}

on_both! {
    fn what_somebody_changed_is_found_though_its_line_is_as_it_was(env) {
        prepare(env, false);
        run(env, 0);
        let code = |outcome: &serde_json::Value| {
            let found = outcome["findings"].as_array().unwrap().iter();
            let errors = found.filter(|f| f["severity"] == "error").map(|f| f["message"].as_str().unwrap().to_owned());
            errors.collect::<Vec<_>>().join("; ")
        };
        for (sql, back, words) in [
            (
                "UPDATE reading SET kwh = kwh + 1 WHERE meter = 'm0003' AND day = '2025-01-01'",
                "UPDATE reading SET kwh = kwh - 1 WHERE meter = 'm0003' AND day = '2025-01-01'",
                "m0003, 2025-01-01: kwh is",
            ),
            (
                "UPDATE reading SET meter = 'm9' WHERE meter = 'm0003' AND day = '2025-01-01'",
                "UPDATE reading SET meter = 'm0003' WHERE meter = 'm9'",
                "m0003, 2025-01-01 was imported by run 1 and is no longer in the table",
            ),
            // Two rows that exchange their values: number and sums stay.
            (
                "UPDATE reading SET kwh = 8407.201 + 8414.202 - kwh WHERE meter = 'm0004' AND day IN ('2025-02-01', '2025-03-01')",
                "UPDATE reading SET kwh = 8407.201 + 8414.202 - kwh WHERE meter = 'm0004' AND day IN ('2025-02-01', '2025-03-01')",
                "m0004, 2025-02-01: kwh is",
            ),
        ] {
            env.database.execute("DROP INDEX IF EXISTS one");
            env.database.execute(sql);
            files(env, corrected);
            let outcome = run(env, 1);
            assert!(code(&outcome).contains(words), "{words}: {}", code(&outcome));
            assert_eq!(packed(env), (ROWS.to_string(), "0".into()), "a run that fails changes nothing");
            env.database.execute(back);
        }
        // A note is the app's own once it was written.
        env.database.execute("UPDATE reading SET note = 'read by hand' WHERE meter = 'm0003' AND day = '2025-01-01'");
        let outcome = run(env, 0);
        assert_eq!((&outcome["tables"]["reading"]["updated"], &outcome["tables"]["reading"]["unchanged"]), (&1.into(), &(ROWS - 1).into()));
        assert_eq!(packed(env), ((ROWS - 1).to_string(), "2".into()));
        assert_eq!(env.database.value("SELECT note FROM reading WHERE meter = 'm0003' AND day = '2025-01-01'"), "read by hand");
    }

    fn a_row_whose_first_word_is_taken_out_of_the_log_is_named(env) {
        prepare(env, false);
        run(env, 0);
        files(env, corrected);
        run(env, 0);
        let verify = || env.tieout(&["verify", "meters", "--database", &env.database.url(), "--json"]).json();
        assert_eq!(verify()["holds"], true);
        env.database.execute("DELETE FROM tieout_taken; DELETE FROM tieout_change WHERE operation = 'insert'");
        let found = verify();
        let message = found["findings"][0]["message"].as_str().unwrap();
        assert!(message.contains("[\"m0001\",\"2025-09-17\"]") && message.contains("was changed by the row"), "{found}");
    }

    fn a_key_that_somebody_spelled_otherwise_is_found(env) {
        if env.database.kind == Kind::Postgres {
            return; // A day is a day there.
        }
        prepare(env, false);
        run(env, 0);
        env.database.execute("UPDATE reading SET day = '2025-01-01 00:00:00' WHERE meter = 'm0003' AND day = '2025-01-01'");
        files(env, corrected);
        let outcome = run(env, 1);
        let gone = "m0003, 2025-01-01 was imported by run 1 and is no longer in the table";
        assert!(outcome["findings"].as_array().unwrap().iter().any(|f| f["message"].as_str().unwrap().contains(gone)), "{outcome:#}");
    }

    fn a_long_text_or_a_list_is_no_obstacle(env) {
        prepare(env, false);
        let array = if env.database.kind == Kind::Postgres { "text[]" } else { "text" };
        env.database.execute(&format!("ALTER TABLE reading ADD COLUMN tags {array}"));
        // No text of a few thousand letters that cannot be packed goes into an index of PostgreSQL.
        let long: String = (0u64..1000).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n * n))).collect();
        let longer = |n: usize| format!("{},{{{}}}\n", line(n).trim_end(), if n == 7 { &long } else { "a" });
        let tagged = |change: &dyn Fn(usize) -> String| {
            files(env, change);
            for file in ["0", "1"] {
                let name = format!("meters/{file}.csv");
                env.write(&name, env.read(&name).replacen("note\n", "note,tags\n", 1));
            }
        };
        env.replace("meters/tieout.toml", "  { name = \"note\"", "  { name = \"tags\", type = \"text\" },\n  { name = \"note\"");
        env.replace("meters/tieout.toml", "note = \"note\" }", "note = \"note\", tags = \"tags\" }");
        tagged(&longer);
        run(env, 0);
        tagged(&|n| if n == 7 { String::new() } else { longer(n) });
        let outcome = run(env, 0);
        assert!(outcome["findings"].as_array().unwrap().iter().any(|f| f["code"] == "stale"), "{outcome:#}");
    }

    fn where_every_line_differs_nothing_is_said_twice(env) {
        prepare(env, false);
        run(env, 0);
        env.database.execute("DROP INDEX one");
        // Each row is paid for otherwise; one stands under another day, and its old one says the same but for that.
        let paid = |line: String| if line.contains(",true,") { line.replace(",true,", ",false,") } else { line.replace(",false,", ",true,") };
        files(env, |n| if n == 5000 { line(n).replace("2025-09-17", "2025-09-27") } else { paid(line(n)) });
        let outcome = run(env, 0);
        let shifted = outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "wrong-period").count();
        assert_eq!((shifted, &outcome["tables"]["reading"]["updated"]), (1, &(ROWS - 1).into()));
    }

    fn a_row_of_the_apps_own_stays_and_does_no_harm(env) {
        prepare(env, false);
        run(env, 0);
        env.database.execute("INSERT INTO reading VALUES ('app', '2025-01-01', 3, true, NULL)");
        files(env, corrected);
        let outcome = run(env, 0);
        assert_eq!((&outcome["tables"]["reading"]["updated"], &outcome["tables"]["reading"]["unchanged"]), (&1.into(), &(ROWS - 1).into()));
        assert_eq!(env.database.value("SELECT count(*) FROM reading WHERE meter = 'app'"), "1");
        env.tieout(&["verify", "meters", "--database", &env.database.url()]).expect_code(0);
    }

    fn a_trigger_that_writes_to_other_rows_is_noticed(env) {
        prepare(env, false);
        run(env, 0);
        let meddle = "UPDATE reading SET paid = NOT paid WHERE meter = 'm0009' AND day = '2025-02-01'";
        env.database.execute(&match env.database.kind {
            crate::support::database::Kind::Sqlite => format!("CREATE TRIGGER meddle AFTER UPDATE OF kwh ON reading BEGIN {meddle}; END"),
            crate::support::database::Kind::Postgres => format!(
                "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {meddle}; RETURN NULL; END $$; \
                 CREATE TRIGGER meddle AFTER UPDATE OF kwh ON reading FOR EACH ROW EXECUTE FUNCTION meddle()"
            ),
        });
        files(env, corrected);
        let outcome = run(env, 1);
        assert!(outcome.to_string().contains("m0009, 2025-02-01"), "{outcome}");
        assert_eq!(packed(env), (ROWS.to_string(), "0".into()));
    }

    fn a_line_twice_in_a_corrected_file_is_said(env) {
        prepare(env, false);
        run(env, 0);
        files(env, |n| if n == 4000 { format!("{}{}", line(n), line(3)) } else { corrected(n) });
        let outcome = run(env, 0);
        assert!(outcome["findings"].as_array().unwrap().iter().any(|f| f["code"] == "duplicate"), "{outcome}");
        assert_eq!(outcome["tables"]["reading"]["duplicate"], 1);
        files(env, |n| if n == 4000 { format!("{}{}", line(n), line(3).replace(".003,", ".004,")) } else { line(n) });
        let outcome = run(env, 3);
        assert!(outcome["findings"].as_array().unwrap().iter().any(|f| f["code"] == "contradiction"), "{outcome}");
    }

    fn many_rows_with_ids_go_straight_and_corrected(env) {
        let other = TestEnv::new(env.database.kind);
        let job = "[job]\nname = \"bills\"\ntimezone = \"Europe/Stockholm\"\n[migrations]\ndir = \"../rent/migrations\"\n\
            [[source]]\nname = \"bills\"\nformat = \"electricity-bills-text\"\nfiles = [\"bills.txt\"]\n";
        let write = |env: &TestEnv, corrected: Option<usize>| {
            let bill = |n: usize| {
                let section = if n.is_multiple_of(100) { format!("# Nät {:03} (elnätsleverantör)\n", n / 100) } else { String::new() };
                let month = n % 100;
                let amount = 100 + n * 7 + usize::from(corrected == Some(n));
                format!("{section}{}-{:02}-28\t{amount} kr\n", 2010 + month / 12, month % 12 + 1)
            };
            env.write("bills/bills.txt", (0..ROWS).map(bill).collect::<String>());
        };
        for env in [env, &other] {
            env.copy_fixture("rent");
            env.write("bills/tieout.toml", job);
            write(env, None);
        }
        let run = |env: &TestEnv| env.tieout(&["run", "bills", "--database", &env.database.url(), "--json", "--no-backup"]).expect_code(0).json();
        // Five at first, so that the rest is staged.
        let whole = std::fs::read_to_string(other.path("bills/bills.txt")).unwrap();
        other.write("bills/bills.txt", whole.lines().take(6).map(|line| format!("{line}\n")).collect::<String>());
        run(&other);
        write(&other, None);
        run(&other);
        run(env);
        assert_eq!((packed(env), packed(&other).0), ((ROWS.to_string(), "0".into()), "0".into()));
        let rows = "SELECT id || ' ' || provider || ' ' || \"billDate\" || ' ' || amount || ' ' || \"billPeriod\" FROM \"ElectricityBill\" ORDER BY id";
        let held = |env: &TestEnv| env.database.rows(rows);
        assert!(held(env).len() == ROWS && held(env) == held(&other));
        for env in [env, &other] {
            write(env, Some(1234));
            assert_eq!(run(env)["tables"]["ElectricityBill"]["updated"], 1);
            env.tieout(&["verify", "bills", "--database", &env.database.url()]).expect_code(0);
        }
        assert!(held(env) == held(&other));
        assert_eq!(packed(env), ((ROWS - 1).to_string(), "2".into()));
    }
}
