//! Backups and restores: what counts as a backup, what comes back, and what is refused before anything is touched.

use crate::support::database::Kind;
use crate::support::{Run, TestEnv, kill, on_both};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tieout::backup::{Occasion, Wanted, take, take_and_keep};
use tieout::store::{Fingerprint, Scope, Store, Target};

/// Fills the database with something of every kind.
fn fill(env: &TestEnv) {
    let name = if env.database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/backup/{name}.sql"));
    env.database.execute(&std::fs::read_to_string(sql).unwrap());
}

fn target(env: &TestEnv) -> Target {
    Target::parse(&env.database.url(), Path::new("")).unwrap()
}

fn fingerprint(env: &TestEnv) -> Fingerprint {
    Store::read(&target(env)).unwrap().fingerprint(Scope::Everything).unwrap()
}

/// Takes a backup by the command; gives its path and its JSON.
fn backup(env: &TestEnv, extra: &[&str]) -> (String, Value) {
    let url = env.database.url();
    let json = env.tieout(&[&["backup", "--database", &url, "--json"], extra].concat()).expect_code(0).json();
    (env.path(json["path"].as_str().unwrap()).display().to_string(), json)
}

fn restore(env: &TestEnv, file: &str, extra: &[&str]) -> Run {
    env.tieout(&[&["restore", file, "--database", &env.database.url()], extra].concat())
}

/// The files in a folder by name, our folders for unfinished files too.
fn files(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

on_both! {
    fn a_backup_goes_into_an_empty_database_and_makes_it_equal(env) {
        fill(env);
        let (file, json) = backup(env, &[]);
        assert_eq!(json["rows"].as_u64().unwrap(), fingerprint(env).rows());
        assert_eq!(files(&env.path("tieout-backups")).len(), 2, "the backup and its record, and nothing else");
        let other = TestEnv::new(env.database.kind);
        let run = restore(&other, &file, &[]).expect_code(2);
        assert!(run.stderr.contains("not of"), "{}", run.stderr);
        assert_eq!(other.database.dump(), "");
        restore(&other, &file, &["--of-another"]).expect_code(0);
        assert_eq!(other.database.dump(), env.database.dump());
        assert_eq!(fingerprint(env).respelled().differences(&fingerprint(&other).respelled()), [""; 0]);
    }

    fn only_its_owner_may_read_a_backup(env) {
        fill(env);
        let (file, _) = backup(env, &["--dir", "new/backups"]);
        assert_eq!(["new", "new/backups"].map(|d| mode(&env.path(d))), [0o700; 2]);
        assert_eq!((mode(Path::new(&file)), mode(Path::new(&format!("{file}.json")))), (0o600, 0o600));
    }

    fn over_a_database_everything_is_as_it_was_and_the_present_is_kept(env) {
        fill(env);
        let before = env.database.dump();
        let was = fingerprint(env);
        let (file, _) = backup(env, &[]);
        env.database.execute("CREATE TABLE later (n INTEGER REFERENCES tenant (id)); INSERT INTO later VALUES (1)");
        env.database.execute("CREATE VIEW on_top AS SELECT * FROM debts; UPDATE bill SET amount = 1 WHERE tenant = 2");
        env.database.execute("DROP INDEX ix_amount; ALTER TABLE tenant ADD COLUMN extra TEXT");
        if env.database.kind == Kind::Postgres {
            env.database.execute("CREATE TYPE hue AS ENUM ('red'); CREATE SCHEMA more; CREATE TABLE more.t (h hue, s serial)");
            env.database.execute("CREATE FUNCTION hues() RETURNS hue LANGUAGE sql AS $$ SELECT 'red'::hue $$; CREATE EXTENSION citext");
            env.database.execute("CREATE DOMAIN plus AS integer; DROP FUNCTION twice CASCADE; SELECT nextval('unused')");
            env.database.execute("CREATE OPERATOR <=> (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)");
        }
        let changed = env.database.dump();
        let run = restore(env, &file, &[]).expect_code(2);
        assert!(run.stderr.contains("--over"), "{}", run.stderr);
        assert_eq!(env.database.dump(), changed);
        let json = restore(env, &file, &["--over", "--json"]).expect_code(0).json();
        assert_eq!(env.database.dump(), before);
        assert_eq!(was.respelled().differences(&fingerprint(env).respelled()), [""; 0]);
        let present = json["before"]["path"].as_str().unwrap().to_owned();
        assert!(present.contains("before-restore"), "{present}");
        restore(env, &present, &["--over"]).expect_code(0);
        assert_eq!(env.database.dump(), changed);
    }

    fn a_file_that_is_not_whole_is_refused_before_anything_is_touched(env) {
        fill(env);
        let (file, _) = backup(env, &[]);
        let whole = std::fs::read(&file).unwrap();
        env.database.execute("UPDATE bill SET amount = 7 WHERE tenant = 1");
        let before = env.database.dump();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        let record = format!("{file}.json");
        let kept = std::fs::read(&record).unwrap();
        for (bytes, with_record, says) in [
            (&whole[..whole.len() * 7 / 10], true, "bytes, and had"),
            (&whole[..whole.len() * 7 / 10], false, ""),
            (&whole[..0], true, "is empty"),
            (&whole[..0], false, "is empty"),
            (&flipped[..], true, "SHA-256"),
            (b"this is a letter", false, "neither"),
        ] {
            std::fs::write(&file, bytes).unwrap();
            if with_record { std::fs::write(&record, &kept).unwrap() } else { std::fs::remove_file(&record).unwrap() }
            let run = restore(env, &file, &["--over", "--of-another"]).expect_code(4);
            assert!(run.stderr.contains(says), "{}", run.stderr);
            assert_eq!(env.database.dump(), before);
            assert_eq!(files(&env.path("tieout-backups")).len(), 1 + usize::from(with_record), "nothing was backed up either");
            std::fs::write(&record, &kept).unwrap();
        }
        std::fs::write(&file, &whole).unwrap();
        restore(env, &file, &["--over"]).expect_code(0);
        assert_ne!(env.database.dump(), before);
    }

    fn a_backup_whose_record_tells_of_other_contents_is_refused(env) {
        fill(env);
        let (file, json) = backup(env, &[]);
        let record = std::fs::read_to_string(format!("{file}.json")).unwrap();
        let before = env.database.dump();
        let rows = |text: &str| text.replacen("\"rows\": 4,\n      \"digest\"", "\"rows\": 5,\n      \"digest\"", 1);
        let definition = |text: &str| text.replace(json["fingerprint"].as_str().unwrap(), "x");
        for (other, says) in [(rows(&record), "4 rows instead of 5"), (definition(&record), "indexes, functions or sequences")] {
            assert_ne!(other, record);
            std::fs::write(format!("{file}.json"), other).unwrap();
            let run = restore(env, &file, &["--over"]).expect_code(4);
            assert!(run.stderr.contains(says), "{}", run.stderr);
            assert_eq!(env.database.dump(), before);
        }
    }

    fn a_backup_of_another_database_or_of_nobody_is_refused(env) {
        fill(env);
        let other = TestEnv::new(env.database.kind);
        other.database.execute("CREATE TABLE theirs (n INTEGER)");
        let (theirs, _) = backup(&other, &[]);
        let (ours, _) = backup(env, &[]);
        let before = env.database.dump();
        let run = restore(env, &theirs, &["--over"]).expect_code(2);
        assert!(run.stderr.contains("it is a backup of"), "{}", run.stderr);
        std::fs::remove_file(format!("{ours}.json")).unwrap();
        let run = restore(env, &ours, &["--over"]).expect_code(2);
        assert!(run.stderr.contains("nobody knows whose"), "{}", run.stderr);
        let kinds = if env.database.kind == Kind::Sqlite { Kind::Postgres } else { Kind::Sqlite };
        let foreign = TestEnv::new(kinds);
        foreign.database.execute("CREATE TABLE theirs (n INTEGER)");
        let run = restore(env, &backup(&foreign, &[]).0, &["--over", "--of-another"]).expect_code(2);
        assert!(run.stderr.contains("cannot go into"), "{}", run.stderr);
        assert_eq!(env.database.dump(), before);
    }

    fn where_there_is_no_room_there_is_no_half_backup(env) {
        fill(env);
        env.database.execute("CREATE TABLE big (t TEXT)");
        let noise = (0..20_000u32).map(|n| format!("('{:08x}{:08x}')", n.wrapping_mul(2_654_435_761), n.wrapping_mul(0x85eb_ca6b)));
        env.database.execute(&format!("INSERT INTO big VALUES {}", noise.collect::<Vec<_>>().join(", ")));
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
        env.database.execute("CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER)");
        match env.database.kind {
            Kind::Sqlite => env.database.execute("PRAGMA journal_mode = WAL"),
            Kind::Postgres => env.database.execute("CREATE SEQUENCE s"),
        }
        let stop = AtomicBool::new(false);
        let copies: Vec<String> = std::thread::scope(|scope| {
            scope.spawn(|| {
                let next = if env.database.kind == Kind::Postgres { "SELECT nextval('s');" } else { "" };
                let sql = format!("BEGIN; {next} INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT");
                let sql = if next.is_empty() { format!("PRAGMA busy_timeout = 20000; {sql}") } else { sql };
                while !stop.load(Ordering::Relaxed) {
                    env.database.execute(&sql);
                }
            });
            // Whatever happens the writer must be told.
            let copies = std::panic::catch_unwind(|| (0..4).map(|_| backup(env, &[]).0).collect());
            stop.store(true, Ordering::Relaxed);
            copies.unwrap()
        });
        let seen: Vec<usize> = copies.iter().map(|file| {
            let other = TestEnv::new(env.database.kind);
            restore(&other, file, &["--of-another"]).expect_code(0);
            let [a, b] = ["a", "b"].map(|t| other.database.value(&format!("SELECT count(*) FROM {t}")));
            assert_eq!(a, b, "a backup is of one moment");
            a.parse().unwrap()
        }).collect();
        assert!(seen.windows(2).all(|w| w[0] <= w[1]) && seen[0] < seen[3], "the writer wrote meanwhile: {seen:?}");
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
        assert_eq!(third.removed, [first.path.clone()]);
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

    fn every_change_is_seen(env) {
        fill(env);
        let was = fingerprint(env);
        assert_eq!(was, fingerprint(env), "reading changes nothing");
        let both = [
            ("UPDATE tenant SET name = 'Eva' WHERE name = 'Adam'", "table tenant: "),
            ("DELETE FROM bill WHERE tenant = 1", "table bill: "),
            ("UPDATE bill SET scan = NULL WHERE id = 1", "with other contents"),
            ("INSERT INTO \"from\" (\"select\") VALUES (NULL)", "table from: 5 rows instead of 4"),
            ("DROP INDEX ix_amount", "the index ix_amount is missing"),
            ("DROP INDEX ix_amount; CREATE INDEX ix_amount ON bill (amount) WHERE amount > 0", "the index ix_amount is "),
            ("ALTER TABLE tenant ADD COLUMN extra TEXT", if env.database.kind == Kind::Sqlite { "the table tenant is" } else { "the column tenant.extra should not be there" }),
            ("DROP VIEW IF EXISTS debts CASCADE", "the view debts is missing"),
        ];
        let sqlite = [
            ("UPDATE pair SET b = '1' WHERE a = '1'", "table pair: 4 rows as expected, with other contents"),
            ("UPDATE pair SET b = 'x' WHERE typeof(a) = 'text' AND length(CAST(a AS BLOB)) = 3", "with other contents"),
            ("UPDATE bill SET amount = 0.1000000000000001 WHERE amount = 0.1", "with other contents"),
            ("UPDATE sqlite_sequence SET seq = 2", "table sqlite_sequence"),
            ("PRAGMA user_version = 8", "setting user_version"),
            ("DROP TRIGGER touched", "the trigger touched is missing"),
            ("PRAGMA foreign_keys = OFF; UPDATE bill SET tenant = 99 WHERE id = 1", "references of bill to no tenant"),
        ];
        let postgres = [
            ("SELECT nextval('unused')", "the sequence unused stands behind 5 instead of at 5"),
            ("ALTER TYPE mood ADD VALUE 'sad'", "the type mood"),
            ("ALTER TABLE bill VALIDATE CONSTRAINT late", "the constraint bill.late"),
            ("ALTER TABLE bill ALTER COLUMN note SET NOT NULL", "bill.note"),
            ("ALTER TABLE tenant ALTER COLUMN kind SET DEFAULT 'owner'", "the column tenant.kind"),
            ("UPDATE bill SET ratio = 0.3 WHERE id = 1", "with other contents"),
            ("ALTER FUNCTION twice(numeric) VOLATILE", "the function twice(n numeric)"),
            ("CREATE OR REPLACE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN (new); END $$", "the function touched()"),
            ("ALTER TABLE bill DISABLE TRIGGER touch", "the trigger bill.touch"),
            ("DROP POLICY own_rows ON tenant", "the policy tenant.own_rows is missing"),
            ("DROP EXTENSION pgcrypto", "the extension pgcrypto is missing"),
            ("COMMENT ON TABLE bill IS 'else'", "the comment on table public.bill"),
            ("ALTER DOMAIN cents DROP DEFAULT", "the domain cents"),
            ("CREATE TABLE \"other place\".more (n INTEGER)", "the table other place.more with 0 rows should not be there"),
            ("SELECT lo_from_bytea(0, '\\x01')", "table (large objects): 2 rows instead of 1"),
            ("UPDATE month SET of = '2024-04-01' WHERE of = '2024-03-01'", "table month_rest"),
            ("DROP OPERATOR === (text, text)", "the operator public.===(pg_catalog.text,pg_catalog.text) is missing"),
            ("ALTER INDEX ix_then RENAME TO ix_now", "the index ix_now should not be there"),
            ("REFRESH MATERIALIZED VIEW later", "the materialised view later"),
        ];
        let more: &[(&str, &str)] = if env.database.kind == Kind::Sqlite { &sqlite } else { &postgres };
        let made = fingerprint(env);
        for (change, says) in both.iter().chain(more) {
            let other = TestEnv::new(env.database.kind);
            fill(&other);
            let change = if env.database.kind == Kind::Sqlite { change.replace(" CASCADE", "") } else { (*change).to_owned() };
            let change = if change.contains("note SET NOT NULL") { format!("DELETE FROM bill WHERE note IS NULL; {change}") } else { change };
            other.database.execute(&change);
            let differences = made.differences(&fingerprint(&other));
            assert!(differences.iter().any(|d| d.contains(says)), "{change}: {differences:?}");
            assert_ne!(made.digest(), fingerprint(&other).digest());
        }
    }

    fn the_programs_own_tables_count_for_a_backup_and_not_for_a_migration(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let mut store = Store::read(&target(env)).unwrap();
        let all = store.fingerprint(Scope::Everything).unwrap();
        let users = store.fingerprint(Scope::Users).unwrap();
        assert!(all.tables.contains_key("tieout_run") && users.tables.contains_key("Tenant"));
        let ours = |f: &Fingerprint| f.tables.keys().chain(f.objects.keys()).chain(f.positions.keys()).any(|k| k.contains("tieout"));
        assert!(!ours(&users), "{users:?}");
        env.run_job(&[]).expect_code(0);
        assert_eq!(store.fingerprint(Scope::Users).unwrap(), users);
        assert_ne!(store.fingerprint(Scope::Everything).unwrap(), all);
    }
}

#[test]
fn an_idle_app_cannot_write_into_a_file_that_was_replaced() {
    let env = TestEnv::new(Kind::Sqlite);
    fill(&env);
    let (file, _) = backup(&env, &[]);
    let path = env.path("target.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let app = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(app.query_row("SELECT count(*) FROM tenant", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    restore(&env, &file, &["--over"]).expect_code(0);
    let lost = app.execute("INSERT INTO tenant (name) VALUES ('lost')", []);
    assert!(lost.is_err(), "what it writes would be lost");
    assert_eq!(mode(&path), 0o640, "the file's rights stay");
}

#[test]
fn a_database_in_wal_mode_is_refused_while_an_app_has_it_open_and_stays_in_wal_mode() {
    let env = TestEnv::new(Kind::Sqlite);
    env.database.execute("PRAGMA journal_mode = WAL");
    fill(&env);
    let (file, _) = backup(&env, &[]);
    let before = env.database.dump();
    let app = rusqlite::Connection::open(env.path("target.db")).unwrap();
    app.execute("INSERT INTO touches VALUES (1)", []).unwrap();
    let changed = env.database.dump();
    let run = restore(&env, &file, &["--over"]).expect_code(4);
    assert!(run.stderr.contains("in use"), "{}", run.stderr);
    assert_eq!(env.database.dump(), changed);
    app.execute("INSERT INTO touches VALUES (2)", []).unwrap();
    drop(app);
    restore(&env, &file, &["--over"]).expect_code(0);
    assert_eq!(env.database.dump(), before);
    assert_eq!(env.database.value("PRAGMA journal_mode"), "wal");
}

#[test]
fn an_app_that_writes_is_not_written_over() {
    let env = TestEnv::new(Kind::Sqlite);
    fill(&env);
    let (file, _) = backup(&env, &[]);
    let app = env.database.hold("BEGIN; SELECT * FROM tenant; INSERT INTO touches VALUES (1)");
    let run = restore(&env, &file, &["--over"]).expect_code(4);
    assert!(run.stderr.contains("in use") || run.stderr.contains("locked"), "{}", run.stderr);
    drop(app);
}

#[test]
fn a_damaged_database_has_no_backup() {
    let env = TestEnv::new(Kind::Sqlite);
    env.database.execute("CREATE TABLE t (a TEXT); CREATE INDEX ix ON t (a)");
    env.database.execute("INSERT INTO t VALUES ('one'), ('two'), ('three')");
    let (whole, _) = backup(&env, &[]);
    let page = env.database.value("SELECT rootpage FROM sqlite_master WHERE name = 't'").parse::<usize>().unwrap();
    let size = env.database.value("PRAGMA page_size").parse::<usize>().unwrap();
    let mut bytes = std::fs::read(env.path("target.db")).unwrap();
    bytes[(page - 1) * size..][..8].copy_from_slice(&[0xff; 8]);
    env.write("target.db", bytes);
    let run = env.tieout(&["backup", "--database", &env.database.url()]).expect_code(4);
    assert_eq!(files(&env.path("tieout-backups")).len(), 2, "{}", run.stderr);
    restore(&env, &whole, &["--over"]).expect_code(4);
    std::fs::remove_file(env.path("target.db")).unwrap();
    restore(&env, &whole, &[]).expect_code(0);
    assert_eq!(env.database.value("SELECT count(*) FROM t"), "3");
}

#[test]
fn a_password_stands_on_no_command_line_and_in_no_output() {
    let env = TestEnv::new(Kind::Postgres);
    fill(&env);
    let real = ["pg_dump", "psql"].map(|name| {
        let which = std::process::Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
        (name, String::from_utf8(which.stdout).unwrap().trim().to_owned())
    });
    for (name, real) in real {
        let log = env.path("log").display().to_string();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >> {log}\nenv >> {log}\ncat \"$PGSERVICEFILE\" >> {log} 2>/dev/null\nexec {real} \"$@\"\n"
        );
        env.write(&format!("bin/{name}"), script);
        std::fs::set_permissions(env.path(&format!("bin/{name}")), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", env.path("bin").display(), std::env::var("PATH").unwrap());
    let url = env.database.url().replace("tieout@", "tieout:he%2Fmligt@") + "?sslpassword=nyckel%201";
    let backed_up = env.command(&["backup", "--database", &url, "--json"]).env("PATH", &path).output().unwrap();
    assert!(backed_up.status.success(), "{}", String::from_utf8_lossy(&backed_up.stderr));
    let log = env.read("log");
    let called: Vec<&str> = log.lines().filter(|l| l.starts_with("pg_dump --format") || l.starts_with("psql --no-psqlrc")).collect();
    assert_eq!(called.len(), 2, "{log}");
    assert!(called.iter().all(|l| !l.contains("mligt") && !l.contains("nyckel")), "{called:?}");
    assert!(log.contains("PGPASSWORD=he/mligt") && log.contains("sslpassword=nyckel 1"), "both get there all the same");
    let secret = |text: &str| text.contains("mligt") || text.contains("nyckel");
    assert!(!secret(&String::from_utf8_lossy(&backed_up.stdout)) && !secret(&String::from_utf8_lossy(&backed_up.stderr)));
    for name in files(&env.path("tieout-backups")).iter().filter(|name| name.ends_with(".json")) {
        assert!(!secret(&env.read(&format!("tieout-backups/{name}"))));
    }
    // What a program complains of may hold it, too.
    env.write(
        "bin/pg_dump",
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit\necho \"error: no $PGPASSWORD\" >&2\nexit 1\n",
    );
    env.write("bin/pg_restore", "#!/bin/sh\necho 'pg_restore (PostgreSQL) 99.1'\n");
    std::fs::set_permissions(env.path("bin/pg_restore"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let only = format!("{}:/bin", env.path("bin").display());
    if !Path::new("/usr/lib/postgresql").exists() {
        let failed = env.command(&["backup", "--database", &url]).env("PATH", &only).output().unwrap();
        assert!(String::from_utf8_lossy(&failed.stderr).contains("no ***"), "{}", String::from_utf8_lossy(&failed.stderr));
    }
}

#[test]
fn a_role_that_may_make_no_database_is_told_both_ways_out() {
    let env = TestEnv::new(Kind::Postgres);
    let scratch = TestEnv::new(Kind::Postgres);
    let role = format!("plain{}", std::process::id());
    let name = |env: &TestEnv| env.database.url().rsplit('/').next().unwrap().to_owned();
    env.database.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER DATABASE {} OWNER TO {role}; ALTER DATABASE {} OWNER TO {role}",
        name(&env),
        name(&scratch)
    ));
    let [url, empty] = [&env, &scratch].map(|env| env.database.url().replace("tieout@", &format!("{role}@")));
    // What an administrator has put there stays.
    scratch.database.execute("CREATE EXTENSION citext");
    env.database.execute(&format!("SET ROLE {role}; CREATE EXTENSION pgcrypto; CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id serial PRIMARY KEY, m mood DEFAULT 'a'); INSERT INTO t DEFAULT VALUES; CREATE VIEW v AS SELECT * FROM t; CREATE FUNCTION f(mood) RETURNS mood LANGUAGE sql AS 'SELECT $1'"));
    let run = env.tieout(&["backup", "--database", &url]).expect_code(4);
    assert!(run.stderr.contains(&format!("ALTER ROLE \"{role}\" CREATEDB")) && run.stderr.contains("--scratch URL"), "{}", run.stderr);
    let with = ["backup", "--database", &url, "--json", "--scratch", &empty];
    let file = env.tieout(&with).expect_code(0).json()["path"].as_str().unwrap().to_owned();
    let left = fingerprint(&scratch);
    assert!(left.is_empty() && left.extensions().contains(&"citext") && !left.extensions().contains(&"pgcrypto"), "{left:?}");
    env.tieout(&["backup", "--database", &url, "--scratch", &url]).expect_code(2);
    env.database.execute("INSERT INTO t DEFAULT VALUES");
    let run = env.tieout(&["restore", &file, "--database", &url, "--over", "--scratch", &empty]).expect_code(0);
    assert!(run.stdout.contains("before-restore"), "{}", run.stdout);
    assert_eq!(env.database.value("SELECT count(*) FROM t"), "1");
    assert!(fingerprint(&scratch).is_empty());
    scratch.database.execute("CREATE TABLE theirs (n INTEGER)");
    let run = env.tieout(&with).expect_code(2);
    assert!(run.stderr.contains("not empty: the table theirs with 0 rows"), "{}", run.stderr);
    assert_eq!(scratch.database.tables(), ["theirs"]);
}

#[test]
fn owners_and_grants_come_back() {
    let env = TestEnv::new(Kind::Postgres);
    let role = format!("reader{}", std::process::id());
    env.database.execute(&format!("CREATE ROLE {role}; CREATE TABLE t (n INTEGER); GRANT SELECT ON t TO {role}; CREATE TABLE own (n INTEGER); ALTER TABLE own OWNER TO {role}"));
    let (file, _) = backup(&env, &[]);
    env.database.execute("DROP TABLE t, own");
    restore(&env, &file, &["--over"]).expect_code(2);
    restore(&env, &file, &[]).expect_code(0);
    assert_eq!(env.database.value(&format!("SELECT has_table_privilege('{role}', 't', 'SELECT')")), "1");
    assert_eq!(env.database.value("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'own'"), role);
}

#[test]
fn a_restore_that_fails_half_way_leaves_the_database_as_it_was() {
    let env = TestEnv::new(Kind::Postgres);
    let role = format!("gone{}", std::process::id());
    env.database
        .execute(&format!("CREATE ROLE {role}; CREATE TABLE a (n INTEGER); CREATE TABLE z (n INTEGER); ALTER TABLE z OWNER TO {role}"));
    let (file, _) = backup(&env, &[]);
    env.database.execute(&format!("ALTER TABLE z OWNER TO tieout; DROP ROLE {role}; INSERT INTO a VALUES (1)"));
    let before = env.database.dump();
    let run = restore(&env, &file, &["--over"]).expect_code(4);
    assert!(run.stderr.contains(&format!("role \"{role}\" does not exist")), "{}", run.stderr);
    assert_eq!(env.database.dump(), before);
}

#[test]
fn a_restore_waits_for_nobody_who_holds_the_lock() {
    let env = TestEnv::new(Kind::Postgres);
    fill(&env);
    let (file, _) = backup(&env, &[]);
    let held = env.database.hold("SELECT pg_advisory_lock(x'7469656f7574'::bigint)");
    restore(&env, &file, &["--over"]).expect_code(5);
    drop(held);
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

/// The path of the backups' folder is relative to the current folder where no job says otherwise.
#[test]
fn nothing_is_made_where_there_is_no_database() {
    let env = TestEnv::new(Kind::Sqlite);
    env.tieout(&["backup", "--database", "sqlite:nowhere.db"]).expect_code(4);
    assert!(!env.path("tieout-backups").exists() && !env.path("nowhere.db").exists());
    env.write("x.sqlite", "");
    env.tieout(&["restore", "x.sqlite", "--database", "sqlite:nowhere.db", "--of-another"]).expect_code(4);
    env.tieout(&["restore", "none.sqlite", "--database", "sqlite:nowhere.db"]).expect_code(2);
    assert!(!PathBuf::from(env.path("nowhere.db")).exists());
}
