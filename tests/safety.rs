//! What happens when a run is killed, interrupted, or not alone.

use crate::rent::{finding, the_published_figures_are_there};
use crate::support::database::Kind;
use crate::support::{TestEnv, kill, on_both};
use std::time::{Duration, Instant};

/// How many moments a run is killed at.
const KILLS: u32 = 50;

on_both! {
    fn a_run_killed_at_any_moment_leaves_before_or_after_and_the_next_works_at_once(env) {
        env.copy_fixture("rent");
        let begin = Instant::now();
        env.run_job(&[]).expect_code(0);
        let whole = begin.elapsed();
        let (mut before, mut after) = (0, 0);
        for n in 0..KILLS {
            let env = TestEnv::new(env.database.kind);
            env.copy_fixture("rent");
            let child = env.spawn(&["run", "rent", "--database", &env.database.url()]);
            // Evenly over a run and a little beyond, each moment somewhat off.
            let off = std::process::id().wrapping_mul(n + 1) % 100;
            std::thread::sleep(whole * n / KILLS + whole * off / (100 * KILLS));
            kill(child);
            let tables = env.database.tables().len();
            match tables {
                0 => before += 1,
                _ => {
                    after += 1;
                    the_published_figures_are_there(&env);
                }
            }
            let begin = Instant::now();
            env.run_job(&[]).expect_code(0);
            assert!(begin.elapsed() < Duration::from_secs(5), "the next run had to wait {:?}", begin.elapsed());
            the_published_figures_are_there(&env);
        }
        assert!(before > 2, "of {KILLS} runs only {before} were killed before their end, {after} after");
    }

    fn a_second_run_at_the_same_time_is_told_who_is_there(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let before = env.database.dump();
        let held = hold_the_lock(env, std::process::id());
        let begin = Instant::now();
        let outcome = env.run_job(&[]).expect_code(5).json();
        assert!(begin.elapsed() < Duration::from_secs(2), "a holder that lives is not waited for: {:?}", begin.elapsed());
        let message = finding(&outcome, "locked")["message"].as_str().unwrap();
        let process = std::process::id();
        assert!(message.contains(&format!("in use by `tieout run other`: process {process} of anna on ")), "{message}");
        assert!(message.contains(", since 20") && message.contains(" UTC"), "{message}");
        assert_eq!(message.contains("(connected as tieout)"), env.database.kind == Kind::Postgres, "{message}");
        assert_eq!(outcome["exit_code"], 5);
        drop(held);
        env.run_job(&[]).expect_code(0);
        assert_eq!(env.database.dump(), before);
    }

    fn an_interrupted_run_rolls_back_and_says_so(env) {
        env.copy_fixture("rent");
        // Enough files to be interrupted among.
        for n in 100..3000 {
            let text = env.read("rent/data/rent_history/2025_02_v1.json");
            env.write(&format!("rent/data/rent_history/2020_02_v{n}.json"), text);
        }
        let child = env.spawn(&["run", "rent", "--database", &env.database.url(), "--json"]);
        // The report's folder is made just before the files are read.
        let begin = Instant::now();
        while !env.path("tieout-reports").exists() && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let code = output.status.code();
        assert!(code == Some(130), "exit code {code:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(env.database.dump(), "");
    }
}

/// Holds the lock of a run as a run would, in the name of a process.
pub(crate) fn hold_the_lock(env: &TestEnv, process: u32) -> Box<dyn std::any::Any> {
    let host = String::from_utf8(std::process::Command::new("uname").arg("-n").output().unwrap().stdout).unwrap();
    let name = format!("tieout {process} anna@{:.16} run other", host.trim());
    match env.database.kind {
        Kind::Sqlite => {
            let path = format!("{}.tieout-lock", env.database.url().trim_start_matches("sqlite:"));
            let mut file = std::fs::File::create(path).unwrap();
            file.lock().unwrap();
            std::io::Write::write_all(&mut file, format!("{}\n2026-01-31 12:00:00 UTC\n", name).as_bytes()).unwrap();
            Box::new(file)
        }
        Kind::Postgres => env.database.hold(&format!("SET application_name = '{name}'; SELECT pg_advisory_lock(x'7469656f7574'::bigint)")),
    }
}

#[test]
fn a_run_that_died_is_waited_for_until_the_server_has_noticed() {
    let env = TestEnv::new(Kind::Postgres);
    env.copy_fixture("rent");
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let held = hold_the_lock(&env, dead.id());
    let child = env.spawn(&["run", "rent", "--database", &env.database.url(), "--json"]);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tieout % run rent' AND query LIKE '%pg_locks%'";
    while env.database.value(waits) == "0" {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(held);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));

    let _held = hold_the_lock(&env, dead.id());
    let begin = Instant::now();
    env.run_job(&[]).expect_code(5);
    assert!(begin.elapsed() > Duration::from_secs(2), "it was given up after {:?}", begin.elapsed());
}

#[test]
fn a_database_that_is_locked_by_the_app_or_is_none_is_said_to_be() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.write("target.db", "this is a letter, not a database; it is longer than a header of a hundred bytes, to be sure of it");
    let run = env.run_job(&[]).expect_code(4);
    assert!(run.json()["findings"].to_string().contains("not a database"), "{}", run.stdout);
    assert!(env.read("target.db").starts_with("this is a letter"));
}

#[test]
fn a_writer_of_the_app_is_waited_for_and_then_said_to_be_there() {
    let env = TestEnv::new(Kind::Postgres);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let before = env.database.dump();
    let app =
        env.database.hold("SET application_name = 'the app'; BEGIN; UPDATE \"ElectricityBill\" SET amount = 1 WHERE provider = 'fortum'");
    let run = env.run_job(&["--reread"]).expect_code(4);
    let warning = finding(&run.json(), "in-use")["message"].as_str().unwrap().to_owned();
    let pid = env.database.value("SELECT pid FROM pg_locks WHERE mode = 'RowExclusiveLock' AND relation = '\"ElectricityBill\"'::regclass");
    assert!(
        warning.contains(&format!("(pid {pid}) holds a lock on ElectricityBill since 20")) && warning.contains("of tieout"),
        "{warning}"
    );
    let outcome = run.json();
    let said = finding(&outcome, "database");
    assert!(said["hint"].as_str().unwrap().contains("another program holds a lock"), "{said}");
    let message = said["message"].as_str().unwrap();
    assert!(
        message.contains("it was tried 3 times; locks are held by process ") && message.contains("user tieout), in a transaction since "),
        "{said}"
    );
    let read_back = outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "read-back" && c["group"] == "Tenant").count();
    assert!(read_back <= 1, "what an earlier try noted is forgotten: {}", run.stdout);
    drop(app);
    assert_eq!(env.database.dump(), before);
}
