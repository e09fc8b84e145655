//! Broken files: each folder of `fixtures/broken` is laid over the main job; it must be refused (exit 3), nothing written,
//! with the words of its golden file. And every code that is said stands in docs/errors.md.

use crate::support::{TestEnv, on_both};
use crate::traps::errors;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    assert!(cases.len() >= 30, "only {} broken files", cases.len());
    cases
}

fn lay_over(env: &TestEnv, case: &Path) {
    env.copy_fixture("rent");
    for entry in walkdir::WalkDir::new(case) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(case).unwrap();
            env.write(&format!("rent/{}", path.display()), std::fs::read(entry.path()).unwrap());
        }
    }
}

on_both! {
    fn every_broken_file_is_refused_in_the_words_of_its_golden_file(env) {
        let mut wrong = Vec::new();
        let before = env.database.dump();
        for case in cases() {
            let _ = std::fs::remove_dir_all(env.path("rent"));
            lay_over(env, &case);
            let run = env.run_job(&[]);
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let (code, got) = (run.code, errors(&run));
            let golden = case.with_extension("expected");
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&golden, &got).unwrap();
            }
            let want = std::fs::read_to_string(&golden).unwrap_or_else(|_| panic!("{name} has no golden file; look at it, then `make bless`:\n{got}"));
            if code != 3 || got != want || got.is_empty() {
                wrong.push(format!("{name}: exit {code}\n--- expected\n{want}--- got\n{got}"));
            }
            assert_eq!(env.database.dump(), before, "{name}: nothing is written");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Words with hyphens in the source that are no codes.
const NO_CODES: &[&str] = &[
    "way-back",
    "utf-8",
    "windows-1252",
    "latin-1",
    "rent-history-json",
    "rent-export-json",
    "electricity-bills-text",
    "tieout-reports",
    "kebab-case",
    "provider-coverage",
    "rent-coverage",
    "cross-foot",
    "half-up",
    "roll-forward",
    "rent-calculation",
    "shares-vs-total",
    "control-total",
    "bring-your-own",
    "electricity-bills",
    "rent-config",
    "rent-export",
    "rent-history",
    "after-commit",
    "on-difference",
    "before-run",
    "before-restore",
    "tieout-backups",
    "after-rollback",
    "after-run",
    "read-only",
    "verify-full",
    "outside-transaction",
    "yyyy-mm-dd",
    "way-back",
];

/// Whether a word is the id of a part of the page.
fn element(word: &str) -> bool {
    ["g-", "rows-", "script-"].iter().any(|part| word.starts_with(part))
}

#[test]
fn every_code_is_documented_and_every_documented_code_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let documented: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(|w| !w.contains(' ')).collect();
    let mut said = BTreeSet::new();
    let word = regex_lite::Regex::new("\"([a-z]+(?:-[a-z0-9]+)+)\"").unwrap();
    for dir in ["src", "parsers/src"] {
        for entry in walkdir::WalkDir::new(root.join(dir)) {
            let path = entry.unwrap().into_path();
            if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let product = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                said.extend(
                    word.captures_iter(&product).map(|c| c[1].to_owned()).filter(|w| !NO_CODES.contains(&w.as_str()) && !element(w)),
                );
            }
        }
    }
    assert!(said.len() > 40, "{said:?}");
    let missing: Vec<&String> = said.iter().filter(|c| !documented.contains(c.as_str())).collect();
    assert!(missing.is_empty(), "docs/errors.md does not know {missing:?}");
    let rows: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
    let single =
        ["conservation", "rehearsal", "kept", "contradiction", "conflict", "duplicate", "revision", "stale", "orphans", "triggers"];
    let stale: Vec<&&str> = rows.iter().filter(|c| !said.contains(**c) && !single.contains(c)).collect();
    assert!(stale.is_empty(), "docs/errors.md explains {stale:?}, which nothing says");
}
