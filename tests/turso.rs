//! docs/turso.md, followed to the letter, with SQLite's own program in the place of Turso's.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::path::Path;
use std::process::{Command, Output};

/// What stands in for `turso`: a database is a file in `served`.
const TURSO: &str = r#"#!/bin/sh
set -eu
case "$1 $2" in
"db create") test ! -e "served/$3" && : >"served/$3" ;;
"db shell") name=$3; shift 3; test -e "served/$name" && exec sqlite3 "served/$name" "$@" ;;
*) echo "turso $*: not known here" >&2; exit 2 ;;
esac
"#;

/// The commands of the page, step by step.
fn steps() -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/turso.md")).unwrap();
    page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn shell(env: &TestEnv, line: &str) -> Output {
    let tieout = Path::new(env!("CARGO_BIN_EXE_tieout")).parent().unwrap().display().to_string();
    let path = format!("{}:{tieout}:{}", env.path("bin").display(), std::env::var("PATH").unwrap());
    Command::new("sh").args(["-ec", line]).current_dir(env.path("")).env_clear().env("PATH", path).output().unwrap()
}

#[track_caller]
fn well(env: &TestEnv, line: &str) -> String {
    let output = shell(env, line);
    let [out, err] = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
    assert!(output.status.success(), "{line}\n{out}{err}");
    out
}

/// An app's database, served: its own table, and a part of the rows that the files state.
fn served() -> TestEnv {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.write("bin/turso", TURSO);
    env.write("served/.keep", "");
    let app = "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, photo BLOB, weight REAL);
        INSERT INTO notes VALUES (7, 'it''s\nå', x'00ff', 0.1), (8, NULL, NULL, 1e300); CREATE INDEX n ON notes (text);
        CREATE VIEW short AS SELECT substr(text, 1, 3) FROM notes";
    well(&env, &format!("chmod +x bin/turso && sqlite3 served/hyra <<'END'\n{app};\nEND"));
    env
}

#[test]
fn the_page_about_turso_can_be_followed_to_the_letter() {
    let env = served();
    let said: Vec<String> = steps().iter().map(|step| well(&env, step)).collect();
    assert_eq!((said.len(), said[0].as_str(), said[2].as_str()), (4, "ok\n", ""));
    assert!(said[1].starts_with("TIES OUT") && said[3].starts_with("TIES OUT"), "{said:?}");
    let count = |database: &str, table: &str| well(&env, &format!("sqlite3 served/{database} 'SELECT count(*) FROM {table}'"));
    assert_eq!((count("hyra-new", "RentLedger"), count("hyra-new", "notes")), ("31\n".into(), "2\n".into()));
    let notes = "sqlite3 served/NAME 'SELECT id, quote(text), quote(photo), quote(weight) FROM notes; SELECT * FROM short; SELECT * FROM sqlite_sequence WHERE name = \"notes\"'";
    assert_eq!(well(&env, &notes.replace("NAME", "hyra-new")), well(&env, &notes.replace("NAME", "hyra")));
    assert_eq!(
        well(&env, "sqlite3 served/hyra .tables").split_whitespace().collect::<Vec<_>>(),
        ["notes", "short"],
        "the old one is as it was"
    );
}

#[test]
fn a_write_in_between_and_a_row_that_did_not_arrive_are_found() {
    let steps = steps();
    let env = served();
    well(&env, &(steps[0].clone() + &steps[1]));
    well(&env, "turso db shell hyra \"INSERT INTO notes (text) VALUES ('late')\"");
    let stopped = shell(&env, &steps[2]);
    assert!(!stopped.status.success() && !env.path("served/hyra-new").exists(), "a late write stops it before a new database is made");

    let env = served();
    well(&env, &steps[..3].concat());
    well(&env, "turso db shell hyra-new \"DELETE FROM RentLedger WHERE rowid = 1\"");
    let compared = steps[3].lines().filter(|l| !l.contains("cmp")).collect::<Vec<_>>().join("\n");
    assert!(!shell(&env, &steps[3]).status.success(), "the dumps differ");
    assert_eq!(shell(&env, &compared).status.code(), Some(1), "and reconcile finds the row by itself");
}
