//! What goes wrong in archives of rent calculations: each folder of `fixtures/phenomena` shows one thing, and its golden
//! file says in which words it is told. What is asked of the files alone is the same on either database, so one is enough.

use crate::support::TestEnv;
use crate::support::database::Kind;
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The rules that are shown; of a check that holds only the last two say more than that.
const RULES: [&str; 5] = ["residency", "overlap", "shares-vs-total", "recompute", "supersession"];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/phenomena");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    assert!(cases.len() >= 15, "only {} phenomena", cases.len());
    cases
}

fn run(case: &str) -> (i32, Value) {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.copy_fixture("phenomena");
    let root = format!("phenomena/{case}");
    let run = env.tieout(&["run", "phenomena", "--root", &root, "--database", &env.database.url(), "--json"]);
    (run.code, run.json())
}

/// Checks and findings as a bookkeeper reads them.
fn told(code: i32, outcome: &Value) -> String {
    let mut out = format!("exit {code}\n");
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("–").to_owned();
    for check in outcome["checks"].as_array().unwrap() {
        let (name, status) = (text(check, "name"), text(check, "status"));
        let at = RULES.iter().position(|r| *r == name);
        if at.is_none_or(|at| at < 3 && ["match", "within_tolerance"].contains(&status.as_str())) {
            continue;
        }
        let figures = ["actual", "expected", "difference"].map(|k| text(check, k));
        let [actual, expected, difference] = figures;
        let (group, why, severity) = (text(check, "group"), text(check, "explanation"), text(check, "severity"));
        writeln!(out, "\n{name} {group}: {actual} against {expected}, {difference}: {status} ({severity})\n  {why}").unwrap();
    }
    for finding in outcome["findings"].as_array().unwrap() {
        let (code, severity, path) = (text(finding, "code"), text(finding, "severity"), text(finding, "path"));
        let (message, hint) = (text(finding, "message"), text(finding, "hint"));
        writeln!(out, "\n{severity} {code} {path}\n  {message}\n  → {hint}").unwrap();
    }
    out
}

#[test]
fn each_phenomenon_is_told_in_the_words_of_its_golden_file() {
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let (code, outcome) = run(&name);
        let got = told(code, &outcome);
        let golden = case.with_extension("expected");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &got).unwrap();
        }
        let want =
            std::fs::read_to_string(&golden).unwrap_or_else(|_| panic!("{name} has no golden file; look at it, then `make bless`:\n{got}"));
        if got != want {
            wrong.push(format!("{name}\n--- expected\n{want}--- got\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_archive_in_which_nothing_is_odd_gives_no_finding() {
    let (code, outcome) = run("nothing-odd");
    assert_eq!((code, &outcome["findings"]), (0, &Value::Array(Vec::new())), "{}", outcome["findings"]);
    let checks = outcome["checks"].as_array().unwrap();
    assert!(checks.iter().all(|c| ["match", "within_tolerance"].contains(&c["status"].as_str().unwrap())), "{checks:#?}");
}

#[test]
fn each_way_of_rounding_proves_a_file_and_no_other_does() {
    let (_, outcome) = run("rounding");
    let checks = outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "recompute");
    let proofs: Vec<&str> = checks.map(|c| c["explanation"].as_str().unwrap().rsplit(", ").next().unwrap()).collect();
    let policies =
        ["half-up each", "ceiling each", "largest remainder", "half-up with the rest on the last person", "everybody the highest share"];
    assert_eq!(proofs, policies);
}
