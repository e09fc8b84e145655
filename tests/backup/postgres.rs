//! What only a server has: passwords, roles, owners, other sessions, limits of time.

use super::{backup, files, fill, fingerprint, make_big, restore};
use crate::support::TestEnv;
use crate::support::database::Kind;
use std::os::unix::fs::PermissionsExt;

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
    let real = std::fs::read_to_string(env.path("bin/pg_dump")).unwrap();
    let real = real.lines().last().unwrap();
    env.write("bin/pg_dump", format!("#!/bin/sh\n[ \"$1\" = --version ] || {{ echo \"error: no $PGPASSWORD\" >&2; exit 1; }}\n{real}\n"));
    let failed = env.command(&["backup", "--database", &url]).env("PATH", &path).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(failed.status.code() == Some(4) && said.contains("pg_dump failed: error: no ***"), "{said}");
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
    // Extensions are its only content, and not all of them are the backup's.
    let file = env.tieout(&with).expect_code(0).json()["path"].as_str().unwrap().to_owned();
    let left = fingerprint(&scratch);
    assert!(left.is_empty() && left.extensions().contains(&"citext") && !left.extensions().contains(&"pgcrypto"), "{left:?}");
    env.tieout(&["backup", "--database", &url, "--scratch", &url]).expect_code(2);
    env.database.execute("INSERT INTO t DEFAULT VALUES");
    let run = env.tieout(&["restore", &file, "--database", &url, "--over", "--scratch", &empty]).expect_code(0);
    assert!(run.stdout.contains("before-restore"), "{}", run.stdout);
    assert_eq!(env.database.value("SELECT count(*) FROM t"), "1");
    assert!(fingerprint(&scratch).is_empty());
    // Without a record nobody knows what it should hold: what is there afterwards is compared with the copy all the same.
    std::fs::remove_file(env.path(&format!("{file}.json"))).unwrap();
    let blind = ["restore", &file, "--database", &url, "--over", "--of-another", "--scratch", &empty];
    env.tieout(&blind).expect_code(0);
    scratch.database.execute(&format!("CREATE TABLE theirs (n INTEGER); ALTER TABLE theirs OWNER TO {role}"));
    let run = env.tieout(&with).expect_code(2);
    assert!(run.stderr.contains("not empty: the table theirs with 0 rows"), "{}", run.stderr);
    assert_eq!(scratch.database.tables(), ["theirs"]);
}

#[test]
fn limits_of_time_that_a_database_sets_do_not_end_a_backup() {
    let env = TestEnv::new(Kind::Postgres);
    fill(&env);
    make_big(&env);
    let name = env.database.url().rsplit('/').next().unwrap().to_owned();
    env.database.execute(&format!("ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '100ms'"));
    env.database.execute(&format!("ALTER DATABASE {name} SET idle_session_timeout = '500ms'"));
    backup(&env, &[]);
}

#[test]
fn owners_and_grants_come_back() {
    let env = TestEnv::new(Kind::Postgres);
    let role = format!("reader{}", std::process::id());
    env.database.execute(&format!("CREATE ROLE {role}; CREATE TABLE t (n INTEGER); GRANT SELECT ON t TO {role}; CREATE TABLE own (n INTEGER); ALTER TABLE own OWNER TO {role}"));
    let (file, _) = backup(&env, &[]);
    env.database.execute("DROP TABLE t, own");
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
