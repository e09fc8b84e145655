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
    let (followed, commands) = followed(&env, &page, database);
    assert!(commands >= 4, "{job}.md shows {commands} commands");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, followed).unwrap();
    } else {
        assert_eq!(page, followed, "{job}.md says something else; `make bless` rewrites it");
    }
}

/// The page with what its commands really say, and how many they are.
fn followed(env: &TestEnv, page: &str, database: &str) -> (String, usize) {
    let mut blocks = page.split(MARK);
    let mut followed = blocks.next().unwrap().to_owned();
    let mut commands = 0;
    for block in blocks {
        let (code, rest) = block.split_once(" -->\n```text\n$ ").unwrap_or_else(|| panic!("no command: {block}"));
        let (command, rest) = rest.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("```\n").unwrap();
        let (ended, said) = run(env, command);
        assert_eq!(ended.to_string(), code, "{command}\n{said}");
        let said = said.replace("[DATABASE]", database);
        followed += &format!("{MARK}{code} -->\n```text\n$ {command}\n{said}```\n{rest}");
        commands += 1;
    }
    (followed, commands)
}

#[test]
fn a_page_says_what_its_commands_say_and_what_it_said_before_does_not_count() {
    let env = TestEnv::new(Kind::Sqlite);
    env.write("t.sql", "CREATE TABLE t (a INTEGER, \"b c\" TEXT); INSERT INTO t VALUES (1, 'x')");
    let block = |code: &str, command: &str, said: &str| format!("{MARK}{code} -->\n```text\n$ {command}\n{said}```\n\nwords\n");
    let page = |rows: &str, code: &str| {
        let asked = block("0", r#"sqlite3 x.db "SELECT a, \"b c\" FROM t""#, rows);
        let stop = block(code, "tieout run nowhere", "error: cannot read the job file nowhere/tieout.toml: not found\n");
        format!("# Page\n\n{}{asked}{stop}", block("0", "sqlite3 x.db < t.sql", ""))
    };
    let (text, commands) = followed(&env, &page("2|y\n", "2"), "sqlite:x.db");
    assert_eq!(commands, 3);
    assert!(text.contains("\n1|x\n```\n") && !text.contains("2|y"), "{text}");
    let wrong = std::panic::catch_unwind(|| followed(&TestEnv::new(Kind::Sqlite), &block("0", "tieout run nowhere", ""), ""));
    assert!(wrong.is_err(), "another exit code than the page's");
}

#[test]
fn rent() {
    follow("rent", Kind::Sqlite, "sqlite:fixtures/rent/rent.db");
}

#[test]
fn vendor_site() {
    follow("vendor-site", Kind::Sqlite, "sqlite:fixtures/vendor-site/liveone.db");
}

#[test]
fn first_deploy() {
    follow("first-deploy", Kind::Sqlite, "sqlite:fixtures/first-deploy/first-deploy.db");
}

#[test]
fn lifeos() {
    follow("lifeos", Kind::Sqlite, "sqlite:fixtures/lifeos/lifeos.db");
}

#[test]
fn prosumer() {
    follow("prosumer", Kind::Postgres, "postgres://localhost/enerlink");
}
