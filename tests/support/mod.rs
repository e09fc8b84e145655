//! What every test stands on: a temporary folder, a database, and the program run in them as a user
//! would. What the program must do is in the other modules.

pub(crate) mod database;
pub(crate) mod postgres;
pub(crate) mod redis;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use regex_lite::Regex;
use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use database::{Database, Kind};

/// Makes two tests of each body, `name::sqlite` and `name::postgres`.
macro_rules! on_both {
    ($( $(#[$attribute:meta])* fn $name:ident($env:ident) $body:block )+) => { $(
        fn $name($env: &$crate::support::TestEnv) $body

        mod $name {
            use $crate::support::{TestEnv, database::Kind};

            $(#[$attribute])*
            #[test]
            fn sqlite() {
                super::$name(&TestEnv::new(Kind::Sqlite));
            }

            $(#[$attribute])*
            #[test]
            fn postgres() {
                super::$name(&TestEnv::new(Kind::Postgres));
            }
        }
    )+ };
}
pub(crate) use on_both;

/// A temporary folder, where the program runs and which is its `HOME`, and an empty database.
pub(crate) struct TestEnv {
    pub(crate) database: Database,
    dir: TempDir,
}

impl TestEnv {
    pub(crate) fn new(kind: Kind) -> Self {
        let dir = TempDir::with_prefix("job-").expect("a temporary folder");
        Self { database: Database::new(kind, dir.path()), dir }
    }

    pub(crate) fn path(&self, rel: &str) -> PathBuf {
        self.dir.path().join(rel)
    }

    /// Copies `fixtures/NAME`, without a database that `make demo` left, and says where the copy is.
    pub(crate) fn copy_fixture(&self, name: &str) -> PathBuf {
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
        let from = Path::new(from).join(name);
        let to = self.path(name);
        for entry in WalkDir::new(&from) {
            let entry = entry.unwrap_or_else(|error| panic!("fixture {name}: {error}"));
            let target = to.join(entry.path().strip_prefix(&from).expect("below the fixture"));
            if entry.file_type().is_dir() {
                fs::create_dir_all(target).expect("a folder for the copy");
            } else if target.extension().is_none_or(|extension| extension != "db") {
                fs::copy(entry.path(), target).expect("a copy of the file");
            }
        }
        to
    }

    pub(crate) fn write(&self, rel: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(rel);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    pub(crate) fn read(&self, rel: &str) -> String {
        let path = self.path(rel);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replaces every `from` in a file; there must be one.
    #[track_caller]
    pub(crate) fn replace(&self, rel: &str, from: &str, to: &str) {
        let text = self.read(rel);
        assert!(text.contains(from), "{rel} does not contain {from:?}:\n{text}");
        self.write(rel, text.replace(from, to));
    }

    /// Runs the program to its end.
    pub(crate) fn tieout(&self, args: &[&str]) -> Run {
        self.tieout_with(&[], args)
    }

    /// Runs the program to its end, with variables in its environment.
    pub(crate) fn tieout_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Run {
        let output = self.command(args).envs(environment.iter().copied()).output().expect("tieout starts");
        let status = output.status;
        Run {
            code: status.code().or(status.signal().map(|signal| -signal)).expect("an end"),
            stdout: String::from_utf8_lossy(&output.stdout).into(),
            stderr: String::from_utf8_lossy(&output.stderr).into(),
            names: self.names(),
        }
    }

    /// Runs the job `rent`, copied before, into the database.
    pub(crate) fn run_job(&self, extra: &[&str]) -> Run {
        let url = self.database.url();
        self.tieout(&[&["run", "rent", "--database", &url, "--json"], extra].concat())
    }

    /// Starts the program, for a test that will `kill` it. Its output waits in pipes.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tieout starts")
    }

    /// The program with its arguments and a clean environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
            .env("HOME", self.dir.path())
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// What differs from run to run, longest first, and what stands for it in a snapshot.
    fn names(&self) -> Vec<(String, &'static str)> {
        let url = self.database.url();
        let dir = self.dir.path().display().to_string();
        let plain = url.replace("%2F", "/");
        let file = url.strip_prefix("sqlite:").unwrap_or(&url).to_owned();
        vec![(url, "[DATABASE]"), (plain, "[DATABASE]"), (file, "[DATABASE]"), (dir, "[DIR]")]
    }
}

/// SIGKILL, and no zombie left.
pub(crate) fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// A finished run of the program.
pub(crate) struct Run {
    /// The exit code, or a signal's number below zero.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    names: Vec<(String, &'static str)>,
}

impl Run {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(json) => json,
            Err(error) => panic!("no JSON: {error}\n{}", self.outputs()),
        }
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n{}", self.outputs());
        self
    }

    /// Both outputs for a snapshot, the same in every folder, at any time and on either database.
    pub(crate) fn normalised(&self) -> String {
        let mut text = format!("{}{}", self.stdout, self.stderr);
        for (name, stand_in) in &self.names {
            text = text.replace(name, stand_in);
        }
        for (pattern, stand_in) in [
            (r"\b[0-9a-f]{64}\b", "[SHA]"),
            (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d(:?\d\d)?)\b)?", "[TIME]"),
            (r"\b\d+(\.\d+)? ?(ns|µs|ms|s)\b", "[TIME]"),
            (r"\b\d{8}T\d{6}Z\b", "[TIME]"),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, stand_in).into();
        }
        text
    }

    fn outputs(&self) -> String {
        format!("--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    on_both! {
        fn dump_tells_every_change_and_nothing_else(env) {
            let sql = |sql: &str| env.database.execute(sql);
            assert_eq!(env.database.dump(), "");
            sql("CREATE TABLE tieout_run (id INTEGER); CREATE TABLE b (n INTEGER, t TEXT)");
            sql("INSERT INTO b VALUES (1, 'x'), (2, NULL)");
            let before = env.database.dump();
            assert_eq!(env.database.tables(), ["b"]);
            let counted = if env.database.kind == Kind::Sqlite { "INTEGER PRIMARY KEY AUTOINCREMENT" } else { "SERIAL" };
            sql(&format!("CREATE TABLE c (id {counted}, n INTEGER)"));
            let uncounted = env.database.dump();
            sql("INSERT INTO c (n) VALUES (1); DELETE FROM c");
            assert_ne!(env.database.dump(), uncounted, "a number that was given out");
            sql("DROP TABLE c");

            sql("DELETE FROM b; INSERT INTO b VALUES (2, NULL), (1, 'x')");
            sql("INSERT INTO tieout_run VALUES (1)");
            assert_eq!(env.database.dump(), before, "neither order nor our own tables count");
            for (change, back) in [
                ("UPDATE b SET t = 'NULL' WHERE n = 2", "UPDATE b SET t = NULL WHERE n = 2"),
                ("INSERT INTO b VALUES (3, 'y')", "DELETE FROM b WHERE n = 3"),
                ("CREATE INDEX i ON b (t) WHERE n > 1", "DROP INDEX i"),
                ("ALTER TABLE b ADD COLUMN a REAL", "ALTER TABLE b DROP COLUMN a"),
                ("ALTER TABLE b RENAME TO c", "ALTER TABLE c RENAME TO b"),
                ("CREATE VIEW v AS SELECT n FROM b", "DROP VIEW v"),
            ] {
                sql(change);
                assert_ne!(env.database.dump(), before, "{change}");
                sql(back);
                assert_eq!(env.database.dump(), before, "{back}");
            }
        }

        fn values_read_alike(env) {
            let sql = "SELECT 4526.0, 1632.50, 10, '1.0', NULL, 2 > 1, CAST(7 AS REAL)";
            assert_eq!(env.database.rows(sql), [["4526", "1632.5", "10", "1.0", "NULL", "1", "7"]]);
            assert_eq!(env.database.value("SELECT 'first', 'second'"), "first");
        }

        fn environments_are_apart(env) {
            let other = TestEnv::new(env.database.kind);
            env.database.execute("CREATE TABLE a (n INTEGER)");
            assert_eq!(other.database.dump(), "");
            assert!(!other.path("target.db").exists(), "looking at a database does not make it");
        }

        fn snapshots_are_the_same_everywhere(env) {
            let run = Run {
                code: 0,
                stdout: format!("{} {} ", env.database.url(), env.path("x").display()),
                stderr: "0a".repeat(32) + " 2025-03-10T11:53:13.1+01:00 2025-03-10 10:53 UTC 12 ms 0.12 s",
                names: env.names(),
            };
            assert_eq!(run.normalised(), "[DATABASE] [DIR]/x [SHA] [TIME] [TIME] [TIME] [TIME]");
        }
    }

    #[test]
    fn the_program_runs_and_can_be_killed() {
        let env = TestEnv::new(Kind::Sqlite);
        env.write("a/b", "one");
        env.replace("a/b", "one", "two");
        assert_eq!(env.read("a/b"), "two");
        env.tieout(&["--version"]).expect_code(0);
        kill(env.spawn(&["--version"]));
    }

    #[test]
    #[should_panic(expected = "SELECT broken")]
    fn a_failing_statement_is_named() {
        TestEnv::new(Kind::Sqlite).database.rows("SELECT broken");
    }
}
