//! A large first load goes straight into its empty table, and its rows into blocks of the change log: everything that reads the log
//! must say the same as if each row had been staged and logged on its own.

use crate::support::{TestEnv, database::Kind, on_both};
use serde_json::Value;

pub(super) const ROWS: usize = 5_200;

const JOB: &str = r#"[job]
name = "meters"
[[table]]
name = "reading"
key = ["meter", "day"]
insert_only = ["note"]
columns = [
  { name = "meter", type = "text" },
  { name = "day", type = "date" },
  { name = "kwh", type = "decimal(12,3)" },
  { name = "paid", type = "bool" },
  { name = "note", type = "text" },
]
[[source]]
name = "files"
format = "csv"
table = "reading"
files = ["*.csv"]
columns = { meter = "meter", day = "day", kwh = "kwh", paid = "paid", note = "note" }
"#;

pub(super) fn line(n: usize) -> String {
    let note = ["", "\"a, \"\"quoted\"\" note\"", "tab\there", "back\\slash", "ÅÄÖ 🏠"][n % 5];
    format!("m{:04},2025-{:02}-{:02},{}.{:03},{},{note}\n", n / 300, n % 12 + 1, n / 12 % 25 + 1, n * 7, n % 1000, n.is_multiple_of(3))
}

pub(super) fn files(env: &TestEnv, change: impl Fn(usize) -> String) {
    for (file, half) in [(0..ROWS / 2), (ROWS / 2..ROWS)].into_iter().enumerate() {
        let rows: String = half.map(&change).collect();
        env.write(&format!("meters/{file}.csv"), format!("meter,day,kwh,paid,note\n{rows}"));
    }
}

/// The job and its table; with a rule or trigger that does nothing, every row is staged.
pub(super) fn prepare(env: &TestEnv, staged: bool) {
    env.write("meters/tieout.toml", JOB);
    files(env, line);
    let (text, number) = ("text", "decimal(12,3)");
    env.database.execute(&format!(
        "CREATE TABLE reading (meter {text} NOT NULL, day date NOT NULL, kwh {number}, paid boolean, note {text}, PRIMARY KEY (meter, day)); \
         CREATE INDEX by_day ON reading (day DESC); CREATE UNIQUE INDEX one ON reading (meter, kwh)"
    ));
    if staged {
        env.database.execute(match env.database.kind {
            Kind::Sqlite => "CREATE TRIGGER quiet AFTER DELETE ON reading BEGIN SELECT 1; END",
            Kind::Postgres => "CREATE RULE quiet AS ON DELETE TO reading WHERE false DO ALSO NOTHING",
        });
    }
}

pub(super) fn run(env: &TestEnv, code: i32) -> Value {
    env.tieout(&["run", "meters", "--database", &env.database.url(), "--json", "--no-backup"]).expect_code(code).json()
}

/// How many rows stand in blocks alone, and how many in the change log itself.
pub(super) fn packed(env: &TestEnv) -> (String, String) {
    let standing = env.database.value(
        "SELECT coalesce(sum(rows - (SELECT count(*) FROM tieout_taken WHERE change_id >= first_change AND change_id < first_change + rows)), 0) \
         FROM tieout_packed WHERE unpacked_by IS NULL",
    );
    (standing, env.database.value("SELECT count(*) FROM tieout_change"))
}

fn column(env: &TestEnv, sql: &str) -> Vec<String> {
    env.database.rows(sql).into_iter().map(|row| row.concat()).collect()
}

/// Every CSV file below a folder.
fn sheets(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| if path.is_dir() { sheets(&path) } else { vec![path] });
    below.filter(|path| path.extension().is_some_and(|e| e == "csv")).collect()
}

/// What the log says, without what differs from run to run.
fn log(env: &TestEnv) -> Vec<String> {
    let hex = match env.database.kind {
        Kind::Sqlite => "lower(hex(left_digest))",
        Kind::Postgres => "encode(left_digest, 'hex')",
    };
    column(
        env,
        &format!(
            "SELECT CASE WHEN id > {ROWS} THEN 'later' ELSE CAST(id AS text) END || ' ' || row_key || ' ' || operation || ' ' || coalesce(before, '-') || ' ' || after || ' ' || coalesce(file_id, 0) || ':' || line || ':' \
         || \"column\" || coalesce(pointer, '') || coalesce(derived, '') || ' ' || {hex} || coalesce(row_before, '') FROM tieout_change ORDER BY id"
        ),
    )
}

on_both! {
    fn what_is_packed_says_the_same_as_what_is_staged(env) {
        let other = TestEnv::new(env.database.kind);
        prepare(env, false);
        prepare(&other, true);
        let told = [env, &other].map(|env| {
            let mut outcome = run(env, 0);
            let object = outcome.as_object_mut().unwrap();
            ["run", "report", "preflight", "findings", "kinds"].iter().for_each(|key| drop(object.remove(*key)));
            outcome
        });
        assert_eq!(told[0], told[1]);
        assert_eq!(packed(env), (ROWS.to_string(), "0".into()));
        assert_eq!(packed(&other), ("0".into(), ROWS.to_string()));
        let rows = "SELECT meter || ' ' || day || ' ' || kwh || ' ' || paid || ' ' || coalesce(note, '-') FROM reading ORDER BY meter, day";
        assert_eq!(column(env, rows), column(&other, rows));
        // What is asked of the log, on either way.
        let asked = |args: &[&str]| {
            let said = [env, &other].map(|env| {
                let url = env.database.url();
                let said = env.tieout(&[args, &["--database", &url, "--json"]].concat()).expect_code(0).json();
                let text = said.to_string().replace(&url, "DATABASE");
                let digests = regex_lite::Regex::new("\"(digest|at|started_at|finished_at|of|previous)\":\"[^\"]*\"").unwrap();
                digests.replace_all(&text, "").into_owned()
            });
            assert_eq!(said[0], said[1], "{args:?}");
            said[0].clone()
        };
        assert!(asked(&["trace", "reading", "m0007, 2025-05-13"]).contains("0.csv"));
        assert!(asked(&["trace", "1.csv:9"]).contains("\"line\":9"));
        asked(&["history"]);
        let reported = |run: &str| {
            let written = [env, &other].map(|env| {
                let folder = env.path(&format!("csv{run}"));
                env.tieout(&["report", run, "--database", &env.database.url(), "--format", "csv", "--report", folder.to_str().unwrap()]).expect_code(0);
                let mut files = sheets(&folder);
                files.sort();
                let wanted = |f: &&std::path::PathBuf| ["changes", "reading"].iter().any(|name| f.file_name().unwrap().to_string_lossy().contains(name));
                files.iter().filter(wanted).map(|f| std::fs::read_to_string(f).unwrap()).collect::<Vec<_>>()
            });
            assert!(written[0].iter().any(|text| text.lines().count() > ROWS), "{}", written[0].len());
            assert!(written[0] == written[1], "the reports of run {run} differ");
            written[0].clone()
        };
        let first = reported("1");
        // Corrected lines, one that is new, some in another order: only these leave their blocks.
        for env in [env, &other] {
            files(env, |n| match n {
                30 | 77 | 4500 => line(n).replace(&format!(".{:03},", n % 1000), &format!(".{:03},", n % 1000 + 1)),
                200 => format!("m9999,2025-01-01,1.5,true,\n{}", line(n)),
                300 => line(301),
                301 => line(300),
                _ => line(n),
            });
            let tables = &run(env, 0)["tables"]["reading"];
            assert_eq!((&tables["updated"], &tables["inserted"], &tables["unchanged"]), (&3.into(), &1.into(), &(ROWS - 3).into()));
            env.tieout(&["verify", "meters", "--database", &env.database.url()]).expect_code(0);
        }
        assert_eq!(packed(env), ((ROWS - 3).to_string(), "7".into()));
        assert_eq!(column(env, rows), column(&other, rows));
        reported("2");
        assert_eq!(reported("1"), first);
        assert!(asked(&["trace", "reading", "m0000, 2025-06-07"]).contains("539.078"));
        asked(&["trace", "0.csv:79"]);
        asked(&["history"]);
        // Some of them again, and others, and one under another day, so that two are stale; and that is undone.
        let found = [env, &other].map(|env| {
            env.database.execute("DROP INDEX one");
            files(env, |n| match n {
                77 | 78 => line(n).replace(&format!(".{n:03},"), ".9,"),
                5000 => line(n).replace("2025-09-17", "2025-09-27"),
                _ => line(n),
            });
            let found = run(env, 0);
            assert_eq!((&found["tables"]["reading"]["updated"], &found["tables"]["reading"]["inserted"]), (&4.into(), &1.into()), "{found}");
            env.tieout(&["verify", "meters", "--database", &env.database.url()]).expect_code(0);
            let messages = found["findings"].as_array().unwrap().iter().map(|f| f["message"].as_str().unwrap().to_owned());
            messages.filter(|m| !m.contains("the load sets off")).collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!(found[0], found[1]);
        assert!(found[0].iter().any(|m| m.contains("2025-09-17") && m.contains("wrong day")), "{:?}", found[0]);
        assert_eq!(packed(env).0, (ROWS - 5).to_string());
        // Undoing what is packed unpacks all of it: then the log is the same, row by row.
        for run in ["3", "2", "1"] {
            let _ = [env, &other].map(|env| env.tieout(&["rollback", run, "--database", &env.database.url()]).expect_code(0));
            assert_eq!(column(env, rows), column(&other, rows), "{run}");
        }
        let _ = [env, &other].map(|env| env.tieout(&["verify", "--database", &env.database.url()]).expect_code(0));
        assert_eq!(packed(env).0, "0");
        let logs = [log(env), log(&other)];
        let other = logs[0].iter().zip(&logs[1]).find(|(one, other)| one != other);
        assert!(logs[0].len() == logs[1].len() && other.is_none(), "{} {} {other:?}", logs[0].len(), logs[1].len());
    }

    fn a_packed_run_is_verified_corrected_and_undone(env) {
        prepare(env, false);
        let url = env.database.url();
        let verify = |code| env.tieout(&["verify", "meters", "--database", &url, "--json"]).expect_code(code).json();
        let indexes = || env.database.dump().lines().filter(|line| line.to_lowercase().contains("index")).map(str::to_owned).collect::<Vec<_>>();
        let before = indexes();
        run(env, 0);
        assert_eq!(verify(0)["holds"], true);
        env.database.execute("UPDATE reading SET kwh = kwh + 1 WHERE meter = 'm0003' AND day = '2025-01-01'");
        let found = verify(1);
        assert_eq!(found["findings"].as_array().unwrap().len(), 1, "{found}");
        assert!(found["findings"][0]["message"].as_str().unwrap().contains("m0003, 2025-01-01"), "{found}");
        env.database.execute("UPDATE reading SET kwh = kwh - 1 WHERE meter = 'm0003' AND day = '2025-01-01'");
        // Reading alone unpacks nothing.
        env.tieout(&["reconcile", "meters", "--database", &url]).expect_code(0);
        env.tieout(&["rollback", "1", "--database", &url, "--dry-run"]).expect_code(0);
        assert_eq!(packed(env), (ROWS.to_string(), "0".into()));
        files(env, |n| match n {
            500 => line(n).replace(".500,", ".501,"),
            900 => String::new(),
            _ => line(n),
        });
        let outcome = run(env, 0);
        assert_eq!((&outcome["tables"]["reading"]["updated"], &outcome["tables"]["reading"]["inserted"]), (&1.into(), &0.into()));
        assert!(outcome["findings"].as_array().unwrap().iter().any(|f| f["code"] == "stale"), "{outcome}");
        assert_eq!(verify(0)["holds"], true);
        for undone in ["3", "1"] {
            env.tieout(&["rollback", undone, "--database", &url]).expect_code(0);
        }
        assert_eq!(env.database.value("SELECT count(*) FROM reading"), "0");
        assert_eq!(indexes(), before);
        env.tieout(&["verify", "--database", &url]).expect_code(0);
    }

    fn a_bundle_of_a_packed_run_holds_and_its_sample_is_quoted(env) {
        prepare(env, false);
        let url = env.database.url();
        run(env, 0);
        let bundle = env.path("run.zip");
        let bundle = bundle.to_str().unwrap();
        env.tieout(&["report", "1", "--job", "meters", "--database", &url, "--bundle", bundle]).expect_code(0);
        let said = env.tieout(&["verify", "--bundle", bundle, "--json"]).expect_code(0).json();
        assert_eq!(said["holds"], true, "{said}");
        assert!(said["parts"].as_array().unwrap().iter().any(|part| part["name"] == "totals" && part["status"] == "holds"), "{said}");
        let sample = env.tieout(&["report", "1", "--job", "meters", "--database", &url, "--sample", "3", "--json"]).expect_code(0).json();
        assert!(sample.to_string().contains("\"quote\":\"m0"), "{sample}");
    }

    fn no_two_rows_have_one_number(env) {
        prepare(env, false);
        let small = |name: &str| format!("[[table]]\nname = \"{name}\"\nkey = [\"id\"]\ncreate = true\ncolumns = [{{ name = \"id\", type = \"text\" }}]\n\
            [[source]]\nname = \"{name}\"\nformat = \"csv\"\ntable = \"{name}\"\nfiles = [\"{name}.txt\"]\ncolumns = {{ id = \"id\" }}\n");
        let (before, after) = JOB.split_once("[[table]]").unwrap();
        env.write("meters/tieout.toml", format!("{before}{}[[table]]{after}{}", small("first"), small("last")));
        env.write("meters/first.txt", "id\n1\n2\n3\n");
        env.write("meters/last.txt", "id\n4\n5\n");
        let url = env.database.url();
        run(env, 0);
        let staged = column(env, "SELECT id FROM tieout_change ORDER BY id");
        let packed = env.database.rows("SELECT first_change, first_change + rows - 1 FROM tieout_packed ORDER BY first_change");
        assert!(staged.len() == 5 && packed.len() == 2, "{staged:?} {packed:?}");
        let number = |text: &str| text.parse::<i64>().unwrap();
        for id in &staged {
            assert!(packed.iter().all(|block| !(number(&block[0])..=number(&block[1])).contains(&number(id))), "{staged:?} {packed:?}");
        }
        env.write("meters/first.txt", "id\n1\n2\n3\n6\n");
        files(env, |n| if n == 5 { line(n).replace(".005,", ".006,") } else { line(n) });
        run(env, 0);
        env.tieout(&["verify", "meters", "--database", &url]).expect_code(0);
        for undone in ["2", "1"] {
            env.tieout(&["rollback", undone, "--database", &url]).expect_code(0);
        }
        assert_eq!(env.database.value("SELECT count(*) FROM reading"), "0");
    }

    fn a_packed_run_is_undone_at_once_and_loaded_anew(env) {
        prepare(env, false);
        let url = env.database.url();
        run(env, 0);
        env.tieout(&["rollback", "1", "--database", &url]).expect_code(0);
        assert_eq!(env.database.value("SELECT count(*) FROM reading"), "0");
        run(env, 0);
        assert_eq!(packed(env), (ROWS.to_string(), ROWS.to_string()));
        env.tieout(&["verify", "meters", "--database", &url]).expect_code(0);
    }

    fn a_block_that_was_changed_is_named(env) {
        prepare(env, false);
        let url = env.database.url();
        run(env, 0);
        if let Some(file) = url.strip_prefix("sqlite:") {
            // As docs/evidence.md says.
            let script = format!("sqlite3 {file} \"SELECT writefile('block.gz', lines) FROM tieout_packed WHERE id = 1\" && gzip -dc block.gz");
            let output = std::process::Command::new("sh").args(["-ec", &script]).current_dir(env.path("")).output().unwrap();
            let lines = String::from_utf8(output.stdout).unwrap();
            assert!(lines.contains("[[\"m0001\",\"2025-02-01\"],1,303,1,null,null,\"2107.301\",\"false\",\"a, \\\"quoted\\\" note\"]\n"), "{lines:.900}");
        }
        let verify = || env.tieout(&["verify", "meters", "--database", &url, "--json"]).json();
        let said = |found: &Value, words: &str| found["findings"].as_array().unwrap().iter().any(|f| f["message"].as_str().unwrap().contains(words));
        env.database.execute("UPDATE tieout_packed SET first_change = first_change + 1 WHERE id = 1");
        assert!(said(&verify(), "the row 1 of tieout_packed"), "{}", verify());
        env.database.execute("UPDATE tieout_packed SET first_change = first_change - 1 WHERE id = 1");
        assert_eq!(verify()["holds"], true);
        env.database.execute("UPDATE tieout_packed SET rows = rows + 1 WHERE id = 1");
        assert!(said(&verify(), "the row 1 of tieout_packed") && said(&verify(), "the block 1 of tieout_packed"), "{}", verify());
        env.database.execute("UPDATE tieout_packed SET rows = rows - 1 WHERE id = 1");
        // A row that was taken out is held against its block, which is sealed.
        files(env, |n| if n == 39 { line(n).replace(".039,", ".040,") } else { line(n) });
        run(env, 0);
        assert_eq!(packed(env).1, "2");
        let unlike = |what: &str, back: &str, words: &str| {
            assert_eq!(verify()["holds"], true);
            env.database.execute(what);
            assert!(said(&verify(), words), "{words}: {}", verify());
            env.database.execute(back);
        };
        let lines = |by: &str| format!("UPDATE tieout_change SET line = line {by} 1 WHERE id = 40");
        unlike(&lines("+"), &lines("-"), "the row 40 of tieout_change is not as its block");
        unlike("DELETE FROM tieout_taken", "INSERT INTO tieout_taken VALUES (40, 2)", "stand in the block 1 of tieout_packed, too");
        unlike("INSERT INTO tieout_taken VALUES (41, 2)", "DELETE FROM tieout_taken WHERE change_id = 41", "the row 41 of tieout_change is not");
        unlike("INSERT INTO tieout_taken VALUES (9999, 2)", "DELETE FROM tieout_taken WHERE change_id = 9999", "the row 9999 of tieout_taken is of no block");
        // So is one of a block that was unpacked.
        files(env, |n| if n == 5 { line(3) } else { line(n) });
        run(env, 0);
        assert_eq!(packed(env).0, "0");
        let lines = |by: &str| format!("UPDATE tieout_change SET line = line {by} 1 WHERE id = 41");
        unlike(&lines("+"), &lines("-"), "the row 41 of tieout_change is not as its block");
        let unpacked = |by: &str| format!("UPDATE tieout_packed SET unpacked_by = {by} WHERE id = 1");
        unlike(&unpacked("NULL"), &unpacked("3"), "stand in the block 1 of tieout_packed, too");
    }

    fn what_is_odd_is_said_as_if_it_had_been_staged(env) {
        // A row twice, one that contradicts, a key that is missing, a value that the column cannot hold, a unique value twice.
        type Odd = (&'static str, fn(usize) -> String, i32);
        let odd: [Odd; 5] = [
            ("duplicate", |n| if n == 4000 { line(3) } else { line(n) }, 0),
            ("contradiction", |n| if n == 4000 { line(3).replace(".003,", ".004,") } else { line(n) }, 3),
            ("missing-value", |n| if n == 4000 { line(n).replace("m0013", "") } else { line(n) }, 3),
            ("read-back", |n| if n == 4000 { line(n).replace(".000,", ".0004,") } else { line(n) }, 1),
            ("not-unique", |n| if n == 4000 { line(n).replace("28000.000", "27993.999") } else { line(n) }, 3),
        ];
        for (code, change, exit) in odd {
            let env = TestEnv::new(env.database.kind);
            prepare(&env, false);
            env.replace("meters/tieout.toml", "decimal(12,3)\"", "decimal(14,4)\"");
            files(&env, change);
            let outcome = env.tieout(&["run", "meters", "--database", &env.database.url(), "--json", "--no-backup"]).json();
            let codes: Vec<&Value> = outcome["findings"].as_array().unwrap().iter().map(|f| &f["code"]).collect();
            if code == "read-back" && env.database.kind == Kind::Sqlite {
                assert_eq!(outcome["exit_code"], 0, "SQLite holds it as it is");
                continue;
            }
            assert!(codes.iter().any(|c| **c == code), "{code}: {codes:?}");
            assert_eq!(outcome["exit_code"], exit, "{code}");
        }
    }
}
