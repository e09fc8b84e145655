//! What the steps of a job may say of themselves: conditions, expectations, what must hold before and behind, kinds, and tables
//! that are made anew.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::{Run, TestEnv, on_both};
use serde_json::Value;

/// A job of schema steps alone, in `job`, each of which is a file and its text.
pub(crate) fn job(env: &TestEnv, files: &[(&str, &str)]) {
    env.write("job/tieout.toml", "[job]\nname = \"schema\"\n\n[migrations]\ndir = \"steps\"\n");
    for (file, text) in files {
        env.write(&format!("job/steps/{file}"), text);
    }
}

/// Runs `tieout migrate` on the job.
pub(crate) fn migrate(env: &TestEnv, arguments: &[&str]) -> Run {
    let (way, rest) = arguments.split_first().unwrap();
    env.tieout(&[&["migrate", way, "job", "--database", &env.database.url(), "--json"], rest].concat())
}

/// Brings the schema up with one more step, which ends with a code.
#[track_caller]
fn up(env: &TestEnv, step: &str, sql: &str, code: i32) -> Value {
    job(env, &[(&format!("{step}/up.sql"), sql)]);
    migrate(env, &["up"]).expect_code(code).json()
}

#[track_caller]
fn check<'a>(outcome: &'a Value, name: &str) -> &'a Value {
    let found = outcome["checks"].as_array().unwrap().iter().find(|c| c["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {outcome}"))
}

const SYSTEMS: &str = "CREATE TABLE systems (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT);
    INSERT INTO systems VALUES (1, 'pump', 'a'), (2, 'pump', 'b'), (3, 'fan', 'c');";

on_both! {
    fn a_statement_is_left_out_where_what_it_makes_stands(env) {
        env.database.execute("CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t");
        let own = match env.database.kind {
            Kind::Sqlite => {
                env.database.execute("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END");
                "-- unless: trigger g\nCREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;\n"
            }
            Kind::Postgres => {
                env.database.execute("CREATE TYPE mood AS ENUM ('calm'); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)");
                "-- unless: type mood\nCREATE TYPE mood AS ENUM ('calm');\n-- unless: constraint c\nALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);\n"
            }
        };
        let sql = format!(
            "-- unless: table t\nCREATE TABLE t (a INTEGER, b TEXT);\n-- unless: column t.b\nALTER TABLE t ADD COLUMN b TEXT;\n\
             -- unless: index i\nCREATE INDEX i ON t (a);\n-- unless: view v\nCREATE VIEW v AS SELECT a FROM t;\n{own}\
             -- if: column t.gone\nALTER TABLE t DROP COLUMN gone;\n-- if: table t\nINSERT INTO t (a) VALUES (7);\n\
             -- unless: column t.c\nALTER TABLE t ADD COLUMN c TEXT;"
        );
        let outcome = up(env, "1_ensure", &sql, 0);
        assert_eq!(outcome["findings"].as_array().unwrap().len(), 0, "{outcome}");
        assert_eq!(env.database.rows("SELECT a, b, c FROM t"), [["7", "NULL", "NULL"]]);
    }

    fn what_stands_otherwise_is_said_in_full_and_an_additive_step_ends_there(env) {
        let (number, text) = match env.database.kind {
            Kind::Sqlite => ("INTEGER", "TEXT"),
            Kind::Postgres => ("integer", "text"),
        };
        env.database.execute(&format!("CREATE TABLE t (a {number}, b {text} NOT NULL, d {text}); CREATE INDEX i ON t (a)"));
        let sql = format!(
            "-- unless: table t\nCREATE TABLE t (a {text}, b {text}, c {text});\n\
             -- unless: index i\nCREATE UNIQUE INDEX i ON t (a, b);\nCREATE INDEX IF NOT EXISTS i ON t (b);\nCREATE TABLE u (a {number});"
        );
        let differences = |outcome: &Value| {
            let all = outcome["findings"].as_array().unwrap().iter();
            all.filter(|f| f["code"] == "shape-differs").map(|f| f["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let before = env.database.dump();
        let refused = differences(&up(env, "1_ensure", &format!("-- kind: additive\n{sql}"), 4));
        let should = ["t.a is", "t.b is NOT NULL", "t.c is missing", "the index \"i\" is", "the index \"i\" is"];
        assert_eq!(refused.len(), should.len(), "{refused:?}");
        assert!(should.iter().zip(&refused).all(|(words, message)| message.contains(words)), "{refused:?}");
        assert!(refused[0].contains("up.sql:3: "), "{refused:?}");
        assert_eq!(env.database.dump(), before);
        assert_eq!(differences(&up(env, "1_ensure", &sql, 0)).len(), should.len());
        assert!(env.database.tables().contains(&"u".to_owned()), "else it is a warning");
    }

    fn a_condition_that_is_too_wide_is_stopped_and_shown(env) {
        env.database.execute(SYSTEMS);
        let before = env.database.dump();
        for (claim, held) in [("2", false), ("3", true), (">= 3", true), (">= 4", false), ("<= 3", true), ("<= 2", false)] {
            let env = TestEnv::new(env.database.kind);
            env.database.execute(SYSTEMS);
            let sql = format!("-- expect: UPDATE systems {claim}\nUPDATE systems SET kind = 'pump' WHERE id > 0;");
            let outcome = up(&env, "1_kinds", &sql, if held { 0 } else { 1 });
            assert_eq!((check(&outcome, "expect")["actual"].as_str(), check(&outcome, "expect")["expected"].as_str()), (Some("3"), Some(claim)));
            assert_eq!(outcome["migrations"][0]["changes"][0], serde_json::json!({"line": 2, "operation": "update", "table": "systems", "rows": 3}));
            assert_eq!(outcome["migrations"][0]["status"], if held { "applied" } else { "failed" });
            assert_eq!(env.database.dump() == before, !held);
        }
        // Of several statements together, and of one that is not there.
        let sql = "-- expect: DELETE systems 2\nINSERT INTO systems VALUES (4, 'fan', 'd');\nDELETE FROM systems WHERE id = 1;\nDELETE FROM systems WHERE id = 2;";
        up(env, "1_kinds", sql, 0);
        up(env, "2_kinds", "-- expect: UPDATE systems >= 0\nDELETE FROM systems WHERE id = 4;", 1);
        let text = env.tieout(&["report", "--database", &env.database.url()]);
        assert!(text.stdout.contains("2_kinds:2") && text.stdout.contains("delete"), "{}", text.stdout);
    }

    fn what_a_step_returns_is_counted_like_what_it_does_not(env) {
        let sql = format!(
            "{SYSTEMS}\n-- expect: UPDATE systems 3\nUPDATE systems SET name = 'x' RETURNING id;\n\
             -- expect: INSERT systems 1\nINSERT INTO systems VALUES (4, 'fan', 'd') RETURNING *;\n-- expect: DELETE systems 2\nDELETE FROM systems WHERE id < 3 RETURNING id, name;"
        );
        up(env, "1_returning", &sql, 0);
        assert_eq!(env.database.value("SELECT count(*) FROM systems"), "2");
    }

    fn what_must_be_kept_is_counted_before_and_behind(env) {
        env.database.execute(SYSTEMS);
        let sql = |condition: &str| {
            format!("-- keeps: count(*) from systems -> SELECT count(*) from device\nCREATE TABLE device (id INTEGER, name TEXT);\nINSERT INTO device SELECT id, name FROM systems {condition};\nDROP TABLE systems;")
        };
        let before = env.database.dump();
        let outcome = up(env, "1_rename", &sql("WHERE kind = 'pump'"), 1);
        assert_eq!((check(&outcome, "keeps")["expected"].as_str(), check(&outcome, "keeps")["actual"].as_str()), (Some("3"), Some("2")));
        assert_eq!(env.database.dump(), before);
        up(env, "1_rename", &sql(""), 0);
        assert_eq!(env.database.tables(), ["device"]);
    }

    fn orphans_are_named_before_anything_is_written(env) {
        let orphans: String = (1..=25).map(|n| format!(", ({n}, {})", 100 + n)).collect();
        env.database.execute(&format!("CREATE TABLE bill (id INTEGER, house INTEGER); INSERT INTO bill VALUES (0, 0){orphans}; CREATE TABLE house (id INTEGER PRIMARY KEY); INSERT INTO house VALUES (0)"));
        let before = env.database.dump();
        job(env, &[
            ("1_first/up.sql", "CREATE TABLE first (a INTEGER);"),
            ("2_key/before.sql", "-- bills of no house\nSELECT b.id, b.house FROM bill b LEFT JOIN house h ON h.id = b.house WHERE h.id IS NULL ORDER BY b.id;"),
            ("2_key/up.sql", "CREATE TABLE never (a INTEGER);"),
        ]);
        let outcome = migrate(env, &["up"]).expect_code(1).json();
        let failed = outcome["checks"].as_array().unwrap().iter().find(|c| c["name"] == "before" && c["status"] == "difference").unwrap();
        assert_eq!((failed["actual"].as_str(), failed["operands"].as_array().unwrap().len()), (Some("25"), 10));
        let words = failed["explanation"].as_str().unwrap();
        assert!(words.contains("before.sql:2") && words.contains("1, 101; 2, 102") && words.contains("and 15 more"), "{words}");
        assert_eq!(env.database.dump(), before, "not even the step before stays");
        let statuses: Vec<&str> = outcome["migrations"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["rolled back", "failed"]);
        env.database.execute("DELETE FROM bill WHERE id > 0");
        migrate(env, &["up"]).expect_code(0);
    }

    fn what_takes_something_away_has_no_place_in_an_additive_step(env) {
        env.database.execute(SYSTEMS);
        for sql in [
            "DROP TABLE systems", "DELETE FROM systems", "UPDATE systems SET name = 'x'", "ALTER TABLE systems DROP COLUMN name",
            "ALTER TABLE systems RENAME TO other", "ALTER TABLE systems RENAME COLUMN name TO title",
            "INSERT INTO systems VALUES (1, 'x', 'y') ON CONFLICT (id) DO UPDATE SET kind = 'x'", "DROP INDEX i",
        ] {
            let refused = up(env, "1_step", &format!("-- kind: additive\nCREATE TABLE first (a INTEGER);\n{sql};"), 2);
            assert!(finding(&refused, "usage")["message"].as_str().unwrap().contains("up.sql:3: "), "{refused}");
        }
        env.replace("job/tieout.toml", "dir = \"steps\"", "dir = \"steps\"\nkind = \"additive\"");
        env.write("job/steps/1_step/up.sql", "DROP TABLE systems;");
        migrate(env, &["up"]).expect_code(2);
        assert_eq!(env.database.tables(), ["systems"]);
    }

    fn a_directive_that_nobody_can_read_is_not_passed_over(env) {
        for (text, line) in [("-- expects nothing\n-- expect: UPDATE systems\nSELECT 1;", 2), ("UPDATE t\n-- expect: UPDATE t 1\nSET a = 1;", 2), ("-- kind: adding\n", 1)] {
            let refused = up(env, "1_step", text, 2);
            assert!(finding(&refused, "usage")["message"].as_str().unwrap().contains(&format!("up.sql:{line}: ")), "{refused}");
        }
    }
}

/// A parent that children refer to, with everything that stands on a table.
const FAMILY: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, old TEXT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
    CREATE INDEX parent_name ON parent (name) WHERE name <> '';
    CREATE TABLE log (said TEXT);
    CREATE TRIGGER parent_gone AFTER DELETE ON parent BEGIN INSERT INTO log VALUES (OLD.name); END;
    CREATE VIEW named AS SELECT name FROM parent;
    INSERT INTO parent VALUES (1, 'a', 'x'), (2, 'b', 'y'), (70, 'gone', 'z');
    INSERT INTO child VALUES (1, 1), (2, 2), (3, 2);
    DELETE FROM parent WHERE id = 70; DELETE FROM log;";

const ANEW: &str = "CREATE TABLE new_parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
INSERT INTO new_parent SELECT id, name FROM parent;
DROP TABLE parent;
ALTER TABLE new_parent RENAME TO parent;
";

const ANEW_RENAMED_FIRST: &str = "ALTER TABLE parent RENAME TO old_parent;
CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
INSERT INTO parent SELECT id, name FROM old_parent;
DROP TABLE old_parent;
";

#[track_caller]
fn the_family_is_whole(env: &TestEnv) {
    let db = &env.database;
    assert_eq!(db.rows("SELECT id, parent FROM child ORDER BY id"), [["1", "1"], ["2", "2"], ["3", "2"]]);
    assert_eq!(db.value("SELECT seq FROM sqlite_sequence WHERE name = 'parent'"), "70", "a number that was given is not given again");
    assert_eq!(db.value("SELECT count(*) FROM log"), "0");
    assert_eq!(db.rows("SELECT name FROM named ORDER BY 1"), [["a"], ["b"]]);
    let objects =
        db.rows("SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND tbl_name IN ('parent', 'named') ORDER BY 1");
    assert_eq!(objects, [["named"], ["parent_gone"], ["parent_name"]]);
    db.execute("PRAGMA foreign_keys = ON; DELETE FROM parent WHERE id = 2");
    assert_eq!(db.value("SELECT count(*) FROM child"), "1", "children still refer to the table");
}

#[test]
fn a_table_that_is_made_anew_loses_nothing() {
    let declared = format!("-- kind: rebuild parent\n-- keeps: count(*) from child -> count(*) from child\n{ANEW}");
    for sql in [&declared, ANEW, &format!("-- kind: rebuild parent\n{ANEW_RENAMED_FIRST}")] {
        let env = TestEnv::new(Kind::Sqlite);
        env.database.execute(FAMILY);
        let outcome = up(&env, "1_anew", sql, 0);
        let notes = outcome["migrations"][0]["notes"].to_string();
        assert!(notes.contains("the index parent_name went with the table parent and was made again"), "{notes}");
        the_family_is_whole(&env);
    }
}

#[test]
fn another_tools_step_that_makes_a_table_anew_keeps_the_rows_and_says_what_it_dropped() {
    let env = TestEnv::new(Kind::Sqlite);
    env.database.execute(FAMILY);
    env.write("other/1_a/migration.sql", ANEW);
    let outcome = env.tieout(&["migrate", "up", "--dir", "other", "--database", &env.database.url(), "--json"]).expect_code(0).json();
    let gone: Vec<&Value> = outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "went-with-table").collect();
    assert_eq!(gone.len(), 2, "{outcome}");
    env.database
        .execute("CREATE INDEX parent_name ON parent (name); CREATE TRIGGER parent_gone AFTER DELETE ON parent BEGIN SELECT 1; END");
    the_family_is_whole(&env);
}

#[test]
fn a_table_that_cannot_be_made_whole_again_is_refused() {
    let env = TestEnv::new(Kind::Sqlite);
    env.database.execute(&format!("{FAMILY} CREATE INDEX parent_old ON parent (old)"));
    let before = env.database.dump();
    let message = |outcome: &Value| finding(outcome, "database")["message"].as_str().unwrap().to_owned();
    let refused = up(&env, "1_anew", ANEW, 4);
    assert!(message(&refused).contains("the index parent_old went with the table parent and cannot be made again"), "{refused}");
    let view = format!("DROP INDEX parent_old;\n{ANEW}")
        .replace("name TEXT NOT NULL", "title TEXT NOT NULL")
        .replace("DROP TABLE", "DROP INDEX parent_name; DROP TRIGGER parent_gone; DROP TABLE");
    assert!(message(&up(&env, "1_anew", &view, 4)).contains("a view or trigger does not fit"));
    let dangling = ANEW.replace("FROM parent;", "FROM parent WHERE id = 1;").replace("CREATE TABLE", "DROP INDEX parent_old; CREATE TABLE");
    let refused = up(&env, "1_anew", &dangling, 1);
    let rows: Vec<&Value> = refused["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "dangling-row").collect();
    assert_eq!(rows.len(), 2, "{refused}");
    assert!(rows[0]["message"].as_str().unwrap().contains("row 2 of child refers to a row of parent"), "{refused}");
    assert_eq!(env.database.dump(), before);
    up(&env, "1_anew", "-- kind: rebuild nobody\nSELECT 1;", 4);
}
