//! The jobs of five systems, each by the program alone: planned, run, verified, taken back to the very same database, and run
//! again to the very same end. What is odd about one of them is in its own file; `guide` follows their pages.

mod first_deploy;
mod guide;
mod kills;
mod lifeos;
mod prosumer;
mod rent;
mod vendor_site;

use crate::support::database::Kind;
use crate::support::{Run, TestEnv};
use std::path::Path;

/// A job's folder, copied, and its state before, where it has one.
pub(super) fn job(name: &str, kind: Kind) -> TestEnv {
    let env = TestEnv::new(kind);
    env.copy_fixture(name);
    let before = format!("{name}/before/{}.sql", backend(kind));
    if env.path(&before).exists() && name != "rent" {
        env.database.execute(&env.read(&before));
    }
    env
}

pub(super) fn backend(kind: Kind) -> &'static str {
    if kind == Kind::Sqlite { "sqlite" } else { "postgres" }
}

/// A command about a job, with the database named.
pub(super) fn tell(env: &TestEnv, command: &[&str]) -> Run {
    let url = env.database.url();
    env.tieout(&[command, &["--database", &url, "--json"]].concat())
}

/// The job's Redis is none of these tests' business: without its section.
pub(super) fn without_cache(env: &TestEnv, name: &str) {
    let file = format!("{name}/tieout.toml");
    let text = env.read(&file);
    env.write(&file, text.split("\n# What the app keeps in Redis").next().unwrap());
}

/// The rows that the queries of a `before.sql` or `verify.sql` give, asked without the program.
pub(super) fn complaints(env: &TestEnv, file: &str) -> Vec<Vec<String>> {
    let text = env.read(file);
    let code = |line: &&str| !line.trim_start().starts_with("--");
    let text = text.lines().filter(code).collect::<Vec<_>>().join("\n");
    text.split(';').filter(|query| !query.trim().is_empty()).flat_map(|query| env.database.rows(query)).collect()
}

/// Plan, run, verify, and back: the database is as it was, and a second time it ends as the first. `figures` looks at what came out.
pub(super) fn there_and_back(env: &TestEnv, name: &str, figures: impl Fn(&TestEnv)) {
    let start = env.database.dump();
    tell(env, &["plan", name]).expect_code(0);
    assert_eq!(env.database.dump(), start, "a plan writes to a copy");
    there_and_back_by(env, name, &["rollback", "--job", name], figures);
}

/// The same without a plan, and back by another command.
pub(super) fn there_and_back_by(env: &TestEnv, name: &str, back: &[&str], figures: impl Fn(&TestEnv)) {
    let began = jiff::Timestamp::now().strftime("%F %T").to_string();
    let start = env.database.dump();
    let run = tell(env, &["run", name]).expect_code(0).json();
    assert_eq!(run["run"]["status"], "committed");
    figures(env);
    let end = since(&env.database.dump(), &began);
    assert_ne!(end, start);
    tell(env, &["migrate", "verify", name]).expect_code(0);
    tell(env, back).expect_code(0);
    assert_eq!(env.database.dump(), start, "the way back leads to the start");
    tell(env, &["run", name]).expect_code(0);
    assert_eq!(since(&env.database.dump(), &began), end, "the same again");
    let again = tell(env, &["run", name]).expect_code(0).json();
    assert_eq!(again["run"]["status"], "unchanged");
    assert_eq!(since(&env.database.dump(), &began), end);
}

/// A dump in which moments after `began` are all alike: the times at which rows were written.
fn since(dump: &str, began: &str) -> String {
    let moment = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?").unwrap();
    let same = |m: &regex_lite::Captures<'_>| if m[0] >= *began { "[NOW]".to_owned() } else { m[0].to_owned() };
    moment.replace_all(dump, same).into_owned()
}

#[test]
fn every_job_has_a_page_and_the_index_leads_to_it() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systems");
    let index = std::fs::read_to_string(docs.join("README.md")).unwrap();
    for job in ["rent", "vendor-site", "first-deploy", "lifeos", "prosumer"] {
        assert!(docs.join(format!("{job}.md")).is_file(), "{job} has no page");
        assert!(index.contains(&format!("({job}.md)")), "the index does not name {job}");
    }
}
