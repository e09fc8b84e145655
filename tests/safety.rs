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
        let held = hold_the_lock(env);
        let run = env.run_job(&[]).expect_code(5);
        let outcome = run.json();
        assert!(finding(&outcome, "locked")["message"].as_str().unwrap().contains("in use by"), "{}", run.stdout);
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

/// Holds the lock of a run as a run would.
fn hold_the_lock(env: &TestEnv) -> Box<dyn std::any::Any> {
    match env.database.kind {
        Kind::Sqlite => {
            let path = format!("{}.tieout-lock", env.database.url().trim_start_matches("sqlite:"));
            let file = std::fs::File::create(path).unwrap();
            file.lock().unwrap();
            Box::new(file)
        }
        Kind::Postgres => {
            env.database.hold("SET application_name = 'tieout (process 7)'; SELECT pg_advisory_lock(x'7469656f7574'::bigint)")
        }
    }
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
    let run = env.run_job(&[]).expect_code(4);
    let outcome = run.json();
    let said = finding(&outcome, "database");
    assert!(said["hint"].as_str().unwrap().contains("another program holds a lock"), "{said}");
    let message = said["message"].as_str().unwrap();
    assert!(
        message.contains("it was tried 3 times; locks are held by process ")
            && message.contains("(the app, user tieout), in a transaction since "),
        "{said}"
    );
    let read_back = outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "read-back" && c["group"] == "Tenant").count();
    assert!(read_back <= 1, "what an earlier try noted is forgotten: {}", run.stdout);
    drop(app);
    assert_eq!(env.database.dump(), before);
}
