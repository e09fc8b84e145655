//! Restoring: what comes back, and what is refused before anything is touched.

use super::{backup, files, fill, fingerprint, mode, restore, spelled};
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use std::os::unix::fs::PermissionsExt;

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
        assert_eq!(spelled(&other.database.dump()), spelled(&env.database.dump()));
        assert_eq!(fingerprint(env).respelled().differences(&fingerprint(&other).respelled()), [""; 0]);
    }

    fn over_a_database_everything_is_as_it_was_and_the_present_is_kept(env) {
        fill(env);
        let before = spelled(&env.database.dump());
        let was = fingerprint(env);
        let (file, _) = backup(env, &[]);
        env.database.execute("CREATE TABLE afterwards (n INTEGER REFERENCES tenant (id)); INSERT INTO afterwards VALUES (1)");
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
        assert_eq!(spelled(&env.database.dump()), before);
        assert_eq!(was.respelled().differences(&fingerprint(env).respelled()), [""; 0]);
        let present = json["before"]["path"].as_str().unwrap().to_owned();
        assert!(present.contains("before-restore"), "{present}");
        restore(env, &present, &["--over"]).expect_code(0);
        assert_eq!(spelled(&env.database.dump()), spelled(&changed));
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
