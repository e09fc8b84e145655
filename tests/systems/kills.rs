//! Runs killed on their way: at moments spread over backup, rehearsal, transaction and what follows it. The database is as before
//! or as after, never between, and the next run works at once.

use super::{backend, job, tell, without_cache};
use crate::support::database::Kind;
use crate::support::{TestEnv, kill};
use std::time::{Duration, Instant};

/// How many moments a run is killed at; `KILLS=20` for more.
fn moments() -> u32 {
    std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(5)
}

/// What the tables hold, but for the moments at which rows were written.
fn held(env: &TestEnv, began: &str) -> String {
    super::since(&env.database.dump(), began)
}

fn killed(name: &str, ready: impl Fn() -> TestEnv) {
    let began = jiff::Timestamp::now().strftime("%F %T").to_string();
    let env = ready();
    let before = held(&env, &began);
    let begin = Instant::now();
    tell(&env, &["run", name]).expect_code(0);
    let whole = begin.elapsed();
    let after = held(&env, &began);
    drop(env);
    let (mut early, mut late, n) = (0, 0, moments());
    for at in 0..n {
        let env = ready();
        let child = env.spawn(&["run", name, "--database", &env.database.url()]);
        // Evenly, each somewhat off; the last ones when the whole should be over.
        let off = std::process::id().wrapping_mul(at + 1) % 100;
        std::thread::sleep(whole * at / n + whole * off / (100 * n));
        kill(child);
        match held(&env, &began) {
            is if is == before => early += 1,
            is if is == after => late += 1,
            is => panic!("{name}, killed at moment {at} of {n}: neither before nor after:\n{is}"),
        }
        let begin = Instant::now();
        tell(&env, &["run", name]).expect_code(0);
        let waited = begin.elapsed().saturating_sub(whole);
        assert!(waited < Duration::from_secs(4), "the next run had to wait {waited:?}");
        assert_eq!(held(&env, &began), after, "{name}, killed at moment {at} of {n}, and run again");
    }
    assert!(early > 0, "of {n} runs of {name} none was killed before its commit, {late} after");
}

fn rent(kind: Kind) -> TestEnv {
    let env = job("rent", kind);
    let backend = backend(kind);
    env.database.execute(&env.read(&format!("rent/migrations/20250930000000_initial_schema/{backend}/up.sql")));
    env.database.execute(&env.read(&format!("rent/before/{backend}.sql")));
    env
}

#[test]
fn rent_on_sqlite() {
    killed("rent", || rent(Kind::Sqlite));
}

#[test]
fn rent_on_postgres() {
    killed("rent", || rent(Kind::Postgres));
}

#[test]
fn vendor_site() {
    killed("vendor-site", || job("vendor-site", Kind::Sqlite));
}

#[test]
fn first_deploy_on_sqlite() {
    killed("first-deploy", || job("first-deploy", Kind::Sqlite));
}

#[test]
fn first_deploy_on_postgres() {
    killed("first-deploy", || job("first-deploy", Kind::Postgres));
}

#[test]
fn lifeos_on_sqlite() {
    killed("lifeos", || job("lifeos", Kind::Sqlite));
}

#[test]
fn lifeos_on_postgres() {
    killed("lifeos", || job("lifeos", Kind::Postgres));
}

#[test]
fn prosumer() {
    killed("prosumer", || {
        let env = job("prosumer", Kind::Postgres);
        without_cache(&env, "prosumer");
        env
    });
}

#[test]
fn a_damaged_backup_is_never_called_one_and_stops_the_run() {
    let env = rent(Kind::Postgres);
    // A pg_dump that loses the end of what it writes, as a full disk or a broken pipe makes it.
    let real = std::process::Command::new("sh").args(["-c", "ls /usr/lib/postgresql/*/bin/pg_dump | tail -1"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--version*) exec {0} \"$@\";; esac\n{0} \"$@\" || exit 1\nfor a in \"$@\"; do case \"$a\" in --file=*) f=${{a#--file=}};; esac; done\nif [ -n \"$f\" ]; then truncate -s 70% \"$f\"; fi\n",
        real.trim()
    );
    env.write("bin/pg_dump", script);
    let bin = env.path("bin/pg_dump");
    std::fs::set_permissions(&bin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let before = env.database.dump();
    let path = format!("{}:{}", env.path("bin").display(), std::env::var("PATH").unwrap());
    let run = env.tieout_with(&[("PATH", &path)], &["run", "rent", "--database", &env.database.url(), "--json"]).expect_code(4);
    let outcome = run.json();
    assert!(outcome["backup"].is_null(), "{outcome:#}");
    assert_eq!(env.database.dump(), before);
    let left = std::fs::read_dir(env.path("tieout-backups")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "what is no backup does not stay");
}
