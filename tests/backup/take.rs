//! Taking backups: what counts as one, who may read it, what a killed or full or busy machine leaves, which old ones go.

use super::{backup, files, fill, make_big, mode, restore, target};
use crate::support::database::Kind;
use crate::support::{TestEnv, kill, on_both};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tieout::backup::{Occasion, Wanted, take, take_and_keep};
use tieout::store::{Scope, Store};

on_both! {
    fn only_its_owner_may_read_a_backup(env) {
        fill(env);
        let (file, _) = backup(env, &["--dir", "new/backups"]);
        assert_eq!(["new", "new/backups"].map(|d| mode(&env.path(d))), [0o700; 2]);
        assert_eq!((mode(Path::new(&file)), mode(Path::new(&format!("{file}.json")))), (0o600, 0o600));
    }

    fn where_there_is_no_room_there_is_no_half_backup(env) {
        fill(env);
        make_big(env);
        env.write("a-file", "no folder");
        let url = env.database.url();
        let run = env.tieout(&["backup", "--database", &url, "--dir", "a-file/backups"]).expect_code(4);
        assert!(run.stderr.contains("cannot make the folder a-file/backups"), "{}", run.stderr);
        // A file may have 64 KiB, as if the disk were full.
        let script = format!("trap '' XFSZ; ulimit -f 64; exec {} backup --database '{url}'", env!("CARGO_BIN_EXE_tieout"));
        let mut shell = std::process::Command::new("bash");
        let output = shell.args(["-c", &script]).current_dir(env.path("")).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(files(&env.path("tieout-backups")), [""; 0]);
        backup(env, &[]);
    }

    fn a_killed_backup_leaves_nothing_that_counts_and_the_next_works(env) {
        fill(env);
        make_big(env);
        let url = env.database.url();
        let begin = Instant::now();
        backup(env, &[]);
        let whole = begin.elapsed();
        let mut killed = Vec::new();
        let mut unfinished = 0;
        for n in 1..12 {
            let child = env.spawn(&["backup", "--database", &url]);
            killed.push(child.id());
            std::thread::sleep(whole * n / 12);
            kill(child);
            unfinished += usize::from(files(&env.path("tieout-backups")).iter().any(|name| name.starts_with('.')));
        }
        assert!(unfinished > 0, "none was killed in the middle");
        let dir = env.path("tieout-backups");
        for name in files(&dir).iter().filter(|name| !name.starts_with('.') && !name.ends_with(".json")) {
            let record: Value = serde_json::from_str(&std::fs::read_to_string(dir.join(format!("{name}.json"))).unwrap()).unwrap();
            let bytes = std::fs::read(dir.join(name)).unwrap();
            assert_eq!(record["sha256"], tieout::digest::sha256(bytes), "{name} is whole");
        }
        // A server needs a moment to notice that a client is gone.
        let left = || {
            backup(env, &[]);
            let databases = if env.database.kind == Kind::Sqlite { "SELECT 1 WHERE 0" } else { "SELECT datname FROM pg_database" };
            let ours = |name: &str| killed.iter().any(|pid| name.starts_with(&format!("tieout_scratch_{pid}_")));
            env.database.rows(databases).iter().filter(|row| ours(&row[0])).count()
                + files(&dir).iter().filter(|name| name.starts_with('.')).count()
        };
        let begin = Instant::now();
        while left() > 0 {
            assert!(begin.elapsed() < Duration::from_secs(30), "what killed backups left stays");
        }
    }

    fn a_busy_app_does_no_harm(env) {
        busy(env);
    }

    fn a_run_keeps_as_many_as_the_job_says_and_takes_nobody_elses(env) {
        fill(env);
        let (target, dir) = (target(env), env.path("kept"));
        let wanted = |job, occasion| Wanted { target: &target, dir: &dir, job: Some(job), occasion, scratch: None, stop: &|| false };
        let run = |number, keep| take(&wanted("rent", Occasion::Run { number, keep })).unwrap();
        let by_hand = take(&wanted("rent", Occasion::Hand)).unwrap();
        let of_another_job = take(&wanted("water", Occasion::Run { number: 1, keep: None })).unwrap();
        let first = run(1, None);
        let second = run(2, Some(2));
        assert_eq!((second.removed.len(), first.path.exists()), (0, true));
        let third = run(3, Some(2));
        assert_eq!(third.removed, std::slice::from_ref(&first.path));
        let fourth = run(4, Some(1));
        assert_eq!(fourth.removed, [second.path.clone(), third.path.clone()]);
        let mut left: Vec<String> = [&by_hand.path, &of_another_job.path, &fourth.path]
            .iter()
            .flat_map(|p| { let name = p.file_name().unwrap().to_str().unwrap().to_owned(); [name.clone() + ".json", name] })
            .collect();
        left.sort();
        assert_eq!(files(&dir), left);
    }

    fn the_scratch_copy_can_be_kept_for_a_while_and_touches_nothing(env) {
        fill(env);
        let (target, dir) = (target(env), env.path("kept"));
        let before = env.database.dump();
        let wanted = Wanted { target: &target, dir: &dir, job: None, occasion: Occasion::Hand, scratch: None, stop: &|| false };
        let (backup, scratch) = take_and_keep(&wanted).unwrap();
        let mut copy = Store::read(&scratch.target).unwrap();
        let found = copy.fingerprint(Scope::Everything).unwrap();
        assert_eq!(found, scratch.fingerprint);
        assert_eq!(backup.record.rows, found.rows());
        copy.execute("DELETE FROM bill").unwrap();
        assert_eq!(env.database.dump(), before);
        let of_the_copy = scratch.target.clone();
        // Who is still connected does not keep it.
        drop(scratch);
        drop(copy);
        assert!(Store::read(&of_the_copy).is_err(), "it is gone");
        assert_eq!(files(&dir).len(), 2);
        let copy = tieout::backup::copy_of(&target, &dir, None, &|| false).unwrap();
        assert_eq!(copy.fingerprint.rows(), backup.record.rows);
        drop(copy);
        assert_eq!(files(&dir).len(), 2);
    }

    fn a_user_who_stops_a_backup_has_none(env) {
        fill(env);
        let (target, dir) = (target(env), env.path("kept"));
        let wanted = Wanted { target: &target, dir: &dir, job: None, occasion: Occasion::Hand, scratch: None, stop: &|| true };
        assert_eq!(take(&wanted).err().unwrap().subject.exit_code(), 130);
        assert_eq!(files(&dir), [""; 0]);
    }
}

#[test]
fn a_job_says_where_backups_go_and_is_read_strictly() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let job = env.read("rent/tieout.toml");
    let with = |text: &str| env.write("rent/tieout.toml", format!("{job}\n[backup]\n{text}\n"));
    with("dir = \"safe\"\nkeep = 3\nwhen = \"schema\"");
    env.tieout(&["run", "rent"]).expect_code(0);
    let run = env.tieout(&["backup", "rent"]).expect_code(0);
    let name = files(&env.path("rent/safe")).into_iter().find(|name| name.ends_with(".sqlite")).unwrap();
    assert!(name.starts_with("rent-20") && name.ends_with("Z-hand.sqlite") && run.stdout.contains(&name), "{name}: {}", run.stdout);
    let file = env.path("rent/safe").join(name).display().to_string();
    let run = env.tieout(&["restore", &file, "rent", "--over"]).expect_code(0);
    assert!(run.stdout.contains("rows in") && run.stdout.contains("before-restore"), "{}", run.stdout);
    for (text, says) in [
        ("keep = 0", "0 backups cannot be kept"),
        ("keep = \"3\"", "invalid type"),
        ("when = \"often\"", "`often` is not known here"),
        ("dir = \"\"", "`dir` names no folder"),
        ("folder = \"safe\"", "unknown key `folder`"),
        ("scratch = \"mysql://anna:hemligt@db\"", "`scratch` is no PostgreSQL URL"),
    ] {
        with(text);
        let run = env.tieout(&["backup", "rent"]).expect_code(2);
        assert!(run.stderr.contains(says) && !run.stderr.contains("hemligt"), "{}", run.stderr);
    }
}

#[test]
fn nothing_is_made_where_there_is_no_database() {
    let env = TestEnv::new(Kind::Sqlite);
    env.tieout(&["backup", "--database", "sqlite:nowhere.db"]).expect_code(4);
    assert!(!env.path("tieout-backups").exists() && !env.path("nowhere.db").exists());
    env.write("x.sqlite", "");
    env.tieout(&["restore", "x.sqlite", "--database", "sqlite:nowhere.db", "--of-another"]).expect_code(4);
    env.tieout(&["restore", "none.sqlite", "--database", "sqlite:nowhere.db"]).expect_code(2);
    assert!(!env.path("nowhere.db").exists());
}

#[test]
fn a_busy_app_does_no_harm_in_wal_mode() {
    let env = TestEnv::new(Kind::Sqlite);
    env.database.execute("PRAGMA journal_mode = WAL");
    busy(&env);
}

/// An app that writes into two tables at once, while backups are taken.
fn busy(env: &TestEnv) {
    env.database.execute("CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER)");
    if env.database.kind == Kind::Postgres {
        env.database.execute("CREATE SEQUENCE s");
    }
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let copies: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = if env.database.kind == Kind::Postgres { "SELECT nextval('s');" } else { "" };
            // A transaction that only becomes a writing one when somebody else already writes is refused by SQLite without patience.
            let begin = if next.is_empty() { "PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE" } else { "BEGIN" };
            let sql = format!("{begin}; {next} INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT");
            while !stop.load(Ordering::Relaxed) {
                env.database.execute(&sql);
                // No app writes without a pause: on a machine with much to do SQLite would let nobody else in.
                std::thread::sleep(std::time::Duration::from_millis(5));
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        let backup_after_more = || {
            let before = written.load(Ordering::Relaxed);
            while written.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
            backup(env, &[]).0
        };
        // Whatever happens the writer must be told.
        let copies = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (0..4).map(|_| backup_after_more()).collect()));
        stop.store(true, Ordering::Relaxed);
        copies.unwrap()
    });
    let seen: Vec<usize> = copies
        .iter()
        .map(|file| {
            let other = TestEnv::new(env.database.kind);
            restore(&other, file, &["--of-another"]).expect_code(0);
            let [a, b] = ["a", "b"].map(|t| other.database.value(&format!("SELECT count(*) FROM {t}")));
            assert_eq!(a, b, "a backup is of one moment");
            a.parse().unwrap()
        })
        .collect();
    assert!(seen.windows(2).all(|w| w[0] <= w[1]) && seen[0] < seen[3], "the writer wrote meanwhile: {seen:?}");
}
