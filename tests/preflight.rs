//! What is asked of a database before anything is written: what stops a run, what is only said, and that all of it is said at
//! once.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::postgres::start;
use crate::support::{TestEnv, on_both};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use tieout::store::{Store, Target};

fn item<'a>(outcome: &'a Value, name: &str) -> &'a Value {
    outcome["preflight"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {}", outcome["preflight"]))
}

fn detail(outcome: &Value, name: &str) -> String {
    item(outcome, name)["detail"].as_str().unwrap().to_owned()
}

fn messages(outcome: &Value, code: &str) -> Vec<String> {
    let findings = outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == code);
    findings.map(|f| f["message"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    fn a_run_says_what_it_asked_before_it_began(env) {
        env.copy_fixture("rent");
        for args in [["run", "rent"], ["reconcile", "rent"]] {
            let run = env.tieout(&[&args[..], &["--database", &env.database.url(), "--json"]].concat()).expect_code(0);
            let outcome = run.json();
            let statuses: Vec<(&str, &str)> =
                outcome["preflight"].as_array().unwrap().iter().map(|i| (i["name"].as_str().unwrap(), i["status"].as_str().unwrap())).collect();
            let expected: &[(&str, &str)] = match env.database.kind {
                Kind::Sqlite => &[("connection", "ok"), ("writable", "ok"), ("journal", "ok"), ("space", "ok"), ("orphans", "ok"), ("triggers", "ok"), ("views", "ok")],
                Kind::Postgres => &[("connection", "ok"), ("tls", "ok"), ("writable", "ok"), ("privileges", "ok"), ("space", "not_run"),
                    ("orphans", "ok"), ("sessions", "ok"), ("triggers", "ok"), ("views", "ok")],
            };
            assert_eq!(statuses, expected, "{}", outcome["preflight"]);
        }
        let text = env.tieout(&["run", "rent", "--database", &env.database.url(), "-v"]).expect_code(0).stdout;
        assert!(text.contains("\nBefore the run\n  ok") && text.contains("connection"), "{text}");
        let text = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(0).stdout;
        assert!(!text.contains("Before the run"), "{text}");
    }

    fn triggers_and_views_on_the_jobs_tables_are_named(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        env.database.execute(match env.database.kind {
            Kind::Sqlite => "CREATE TRIGGER app_mail AFTER INSERT ON \"ElectricityBill\" BEGIN DELETE FROM other WHERE id = NEW.id; END; CREATE TABLE other (id TEXT)",
            Kind::Postgres => "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE other (id TEXT);
                CREATE TRIGGER app_mail AFTER INSERT ON \"ElectricityBill\" FOR EACH ROW EXECUTE FUNCTION f();
                CREATE TRIGGER app_off AFTER INSERT ON \"Tenant\" FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE \"Tenant\" DISABLE TRIGGER app_off",
        });
        env.database.execute("CREATE VIEW app_bills AS SELECT * FROM \"ElectricityBill\"; CREATE VIEW app_other AS SELECT * FROM other");
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(messages(&outcome, "triggers"), ["the load sets off what the app has put there: app_mail (on ElectricityBill)"]);
        assert_eq!((item(&outcome, "views")["status"].as_str(), detail(&outcome, "views").as_str()), (Some("ok"), "app_bills (on ElectricityBill)"));
        let reconciled = env.tieout(&["reconcile", "rent", "--database", &env.database.url(), "--json"]).expect_code(0).json();
        assert!(messages(&reconciled, "triggers").is_empty() && detail(&reconciled, "triggers").contains("app_mail"));
    }

    fn rows_that_point_to_nothing_are_named_and_counted(env) {
        env.copy_fixture("rent");
        env.database.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1)");
        env.database.execute(match env.database.kind {
            Kind::Sqlite => "PRAGMA foreign_keys = OFF; CREATE TABLE child (n INTEGER PRIMARY KEY, of INTEGER REFERENCES parent (id))",
            Kind::Postgres => "CREATE TABLE child (n INTEGER PRIMARY KEY, of INTEGER)",
        });
        let rows: Vec<String> = (100..112).map(|n| format!("({n}, {n})")).collect();
        env.database.execute(&format!("PRAGMA foreign_keys = OFF; INSERT INTO child VALUES (1, 1), (2, NULL), {}", rows.join(", "))
            .replace(if env.database.kind == Kind::Postgres { "PRAGMA foreign_keys = OFF;" } else { "\0" }, ""));
        if env.database.kind == Kind::Postgres {
            env.database.execute("ALTER TABLE child ADD CONSTRAINT k FOREIGN KEY (of) REFERENCES parent (id) NOT VALID");
        }
        let outcome = env.run_job(&[]).expect_code(0).json();
        let said = messages(&outcome, "orphans");
        let first: Vec<String> = (100..110).map(|n| n.to_string()).collect();
        assert_eq!(said, [format!("12 rows point by child.of to what is not in parent: {} …", first.join("; "))]);
        assert_eq!(item(&outcome, "orphans")["status"], "warning");
    }
}

#[test]
fn privileges_that_lack_are_said_at_once_and_nothing_is_written() {
    let env = TestEnv::new(Kind::Postgres);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let name = env.database.url().rsplit('/').next().unwrap().to_owned();
    let role = format!("app_{name}");
    env.database.execute(&format!("CREATE ROLE {role} LOGIN; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"));
    env.database.execute(&format!("GRANT SELECT, INSERT (id) ON \"ElectricityBill\" TO {role}; GRANT SELECT ON \"RentLedger\" TO {role}"));
    let url = env.database.url().replacen("tieout@", &format!("{role}@"), 1);
    let before = (env.database.dump(), env.database.value("SELECT count(*) FROM tieout_run"));
    let run = |command: &str| env.tieout(&[command, "rent", "--database", &url, "--json"]);
    let outcome = run("run").expect_code(4).json();
    let said = messages(&outcome, "no-privilege").join("\n");
    for words in [
        "INSERT, UPDATE is not granted on the table RentLedger",
        "SELECT, INSERT, UPDATE is not granted on the table RentConfig",
        "UPDATE is not granted on the table ElectricityBill",
        "SELECT, INSERT is not granted on the table tieout_change",
        "SELECT, INSERT, UPDATE is not granted on the table tieout_run",
        "may make no temporary tables",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    assert!(messages(&outcome, "privilege-in-part").iter().any(|m| m.starts_with("INSERT is granted on some columns")), "{outcome}");
    assert_eq!((env.database.dump(), env.database.value("SELECT count(*) FROM tieout_run")), before);

    // Comparing needs to read, and to record that it did.
    let grant = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT TEMPORARY ON DATABASE {name} TO {role}");
    env.database.execute(&grant);
    for table in env.database.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'tieout%'") {
        env.database.execute(&format!("GRANT SELECT, INSERT, UPDATE ON {} TO {role}", table[0]));
    }
    run("reconcile").expect_code(0);
    assert!(messages(&run("run").expect_code(4).json(), "no-privilege").iter().all(|m| !m.contains("SELECT")));
    env.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_server_that_takes_no_writes_stops_the_run_before_it_begins() {
    let env = TestEnv::new(Kind::Postgres);
    env.copy_fixture("rent");
    let name = env.database.url().rsplit('/').next().unwrap().to_owned();
    env.database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let outcome = env.run_job(&[]).expect_code(4).json();
    assert!(finding(&outcome, "not-writable")["message"].as_str().unwrap().contains("default_transaction_read_only"));
    assert_eq!(finding(&outcome, "not-recorded")["severity"], "warning");

    let standby = start("touch \"$data/standby.signal\"");
    let url = format!("postgres://tieout@{}/postgres", standby.socket.display().to_string().replace('/', "%2F"));
    let outcome = env.tieout(&["run", "rent", "--database", &url, "--json"]).expect_code(4).json();
    assert!(finding(&outcome, "not-writable")["message"].as_str().unwrap().contains("standby"), "{outcome}");
}

#[test]
fn a_transaction_that_is_open_for_long_is_named() {
    let env = TestEnv::new(Kind::Postgres);
    let _idle = env.database.hold("SET application_name = 'nightly export'; BEGIN; SELECT 1");
    let mut store = Store::read(&Target::parse(&env.database.url(), Path::new("")).unwrap()).unwrap();
    let found = store.others(&[], true, 0).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].who == "nightly export of tieout" && found[0].tables.is_empty() && found[0].since.starts_with("20"), "{found:?}");
    assert!(store.others(&[], true, 3600).unwrap().is_empty());
}

#[test]
fn a_file_that_the_user_may_not_write_is_refused_before_the_run() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let file = env.path("target.db");
    // Root may write everything, so the program is run as somebody else.
    let root = std::fs::metadata(&file).unwrap().uid() == 0;
    let shell = format!("chmod 444 target.db && {}", if root { "chown -R 65534 . && chown 0 target.db" } else { "true" });
    assert!(Command::new("sh").args(["-c", &shell]).current_dir(env.path("")).status().unwrap().success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command.args(["run", "rent", "--database", &env.database.url(), "--json"]).current_dir(env.path("")).env_clear();
    if root {
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    }
    let output = command.output().unwrap();
    let outcome: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.code(), Some(4));
    assert!(finding(&outcome, "not-writable")["message"].as_str().unwrap().contains("target.db cannot be written to"), "{outcome}");
}

#[test]
fn a_program_at_an_sqlite_file_is_noticed() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let reader = env.database.hold("BEGIN; SELECT count(*) FROM \"Tenant\"");
    let outcome = env.run_job(&[]).json();
    assert_eq!(
        (item(&outcome, "journal")["status"].as_str(), finding(&outcome, "in-use")["severity"].as_str()),
        (Some("warning"), Some("warning"))
    );
    drop(reader);
    assert_eq!(item(&env.run_job(&[]).expect_code(0).json(), "journal")["status"], json!("ok"));
}
