//! The pages in docs/systems, followed to the letter: each command that a page shows is run in the page's order, and what the
//! page says comes out of it does. `make bless` writes what came out.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::path::Path;

/// Before each block: the exit code that the command ends with.
const MARK: &str = "<!-- transcript, exit code ";

/// Runs one command of a page: `tieout …`, or a database's own shell with a file (`< FILE`, `-f FILE`) or a query in quotes.
fn run(env: &TestEnv, command: &str) -> (i32, String) {
    if let Some(args) = command.strip_prefix("tieout ") {
        let url = env.database.url();
        let args: Vec<&str> = args.split(' ').chain(["--database", &url]).collect();
        let run = env.tieout(&args);
        return (run.code, run.normalised());
    }
    assert!(["sqlite3 ", "psql "].iter().any(|shell| command.starts_with(shell)), "the page runs {command}");
    if let Some((_, file)) = command.rsplit_once(" < ").or_else(|| command.rsplit_once(" -f ")) {
        env.database.execute(&env.read(file));
        return (0, String::new());
    }
    let sql = command.split_once(" \"").and_then(|(_, sql)| sql.strip_suffix('"')).unwrap_or_else(|| panic!("no query: {command}"));
    let sql = sql.replace("\\\"", "\"");
    if sql.trim_start().to_uppercase().starts_with("SELECT") {
        let rows = env.database.rows(&sql);
        return (0, rows.iter().map(|row| row.join("|") + "\n").collect());
    }
    env.database.execute(&sql);
    (0, String::new())
}

/// Follows the page of a job; `database` is what its commands call the database.
fn follow(job: &str, kind: Kind, database: &str) {
    let env = TestEnv::new(kind);
    let there = env.copy_fixture(job);
    std::fs::create_dir(env.path("fixtures")).unwrap();
    std::fs::rename(there, env.path(&format!("fixtures/{job}"))).unwrap();
    if job == "prosumer" {
        super::without_cache(&env, "fixtures/prosumer");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/systems/{job}.md"));
    let page = std::fs::read_to_string(&path).unwrap();
    let mut blocks = page.split(MARK);
    let mut followed = blocks.next().unwrap().to_owned();
    let mut commands = 0;
    for block in blocks {
        let (code, rest) = block.split_once(" -->\n```text\n$ ").unwrap_or_else(|| panic!("no command: {block}"));
        let (command, rest) = rest.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("```\n").unwrap();
        let (ended, said) = run(&env, command);
        assert_eq!(ended.to_string(), code, "{command}\n{said}");
        let said = said.replace("[DATABASE]", database);
        followed += &format!("{MARK}{code} -->\n```text\n$ {command}\n{said}```\n{rest}");
        commands += 1;
    }
    assert!(commands >= 4, "{job}.md shows {commands} commands");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, followed).unwrap();
    } else {
        assert_eq!(page, followed, "{job}.md says something else; `make bless` rewrites it");
    }
}

#[test]
#[ignore = "waits for `tieout plan`, `migrate verify` and `rollback`; then `make bless` fills the pages"]
fn rent() {
    follow("rent", Kind::Sqlite, "sqlite:fixtures/rent/rent.db");
}

#[test]
#[ignore = "waits for `tieout plan`, `migrate verify` and `rollback`; then `make bless` fills the pages"]
fn vendor_site() {
    follow("vendor-site", Kind::Sqlite, "sqlite:fixtures/vendor-site/liveone.db");
}

#[test]
#[ignore = "waits for `tieout plan`, `migrate verify` and `rollback`; then `make bless` fills the pages"]
fn first_deploy() {
    follow("first-deploy", Kind::Sqlite, "sqlite:fixtures/first-deploy/first-deploy.db");
}

#[test]
#[ignore = "waits for `tieout plan`, `migrate verify` and `rollback`; then `make bless` fills the pages"]
fn lifeos() {
    follow("lifeos", Kind::Sqlite, "sqlite:fixtures/lifeos/lifeos.db");
}

#[test]
#[ignore = "waits for `tieout plan`, `migrate verify` and `rollback`; then `make bless` fills the pages"]
fn prosumer() {
    follow("prosumer", Kind::Postgres, "postgres://localhost/enerlink");
}
