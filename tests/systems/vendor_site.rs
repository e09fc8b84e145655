//! A table rebuilt under the feet of those that refer to it (SQLite).

use super::{complaints, job, tell, there_and_back, there_and_back_by};
use crate::support::TestEnv;
use crate::support::database::Kind;

const STEP: &str = "vendor-site/migrations/20250830_vendor_type_and_site_id/sqlite";

/// What falls with the old table and no statement of the step makes again.
const AGAIN: &str = "CREATE INDEX idx_systems_serial ON systems (serial) WHERE serial IS NOT NULL;
UPDATE sqlite_sequence SET seq = 9 WHERE name = 'systems';
CREATE TRIGGER systems_touched AFTER UPDATE ON systems
WHEN NEW.updated_at IS OLD.updated_at
BEGIN
  UPDATE systems SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;";

fn minutes_and_all_children(env: &TestEnv) {
    let systems = "SELECT id, vendor_type, vendor_site_id, display_name, timezone_offset_min FROM systems ORDER BY id";
    assert_eq!(
        env.database.rows(systems),
        [
            ["1", "select.live", "1586", "Daylesford", "600"],
            ["2", "select.live", "00648", "System 00648", "570"],
            ["3", "select.live", "2044", "System 2044", "345"],
            ["5", "select.live", "2101", "", "-210"],
            ["6", "select.live", "2102", "System 2102", "0"],
        ]
    );
    for (table, rows) in [("readings", "8"), ("point_info", "5"), ("point_readings", "5"), ("polling_status", "5"), ("sessions", "4")] {
        assert_eq!(env.database.value(&format!("SELECT count(*) FROM {table}")), rows, "{table}");
    }
    assert_eq!(env.database.value("SELECT count(system_id) FROM sessions"), "3", "ON DELETE SET NULL did not strike either");
    assert_eq!(env.database.value("SELECT seq FROM sqlite_sequence WHERE name = 'systems'"), "9", "9 is not given out again");
    assert_eq!(complaints(env, &format!("{STEP}/verify.sql")), Vec::<Vec<String>>::new());
}

/// The step's SQL as somebody careful would run it by hand.
fn by_hand(env: &TestEnv, file: &str) {
    let sql = env.read(&format!("{STEP}/{file}"));
    env.database.execute(&format!("PRAGMA foreign_keys = OFF; BEGIN; {sql} {AGAIN} COMMIT;"));
}

#[test]
fn the_trap_is_real() {
    let env = job("vendor-site", Kind::Sqlite);
    env.database.execute(&format!("PRAGMA foreign_keys = ON; BEGIN; {} COMMIT;", env.read(&format!("{STEP}/up.sql"))));
    assert_eq!(env.database.value("SELECT count(*) FROM systems"), "5");
    assert_eq!(
        env.database.value("SELECT count(*) FROM readings"),
        "0",
        "without the kind `rebuild` the readings are gone, and nobody is told"
    );
    assert_eq!(env.database.value("SELECT count(system_id) FROM sessions"), "0");
    assert_eq!(env.database.value("SELECT seq FROM sqlite_sequence WHERE name = 'systems'"), "6");
}

#[test]
fn the_step_and_its_way_back_in_plain_sql_leave_the_very_same_database() {
    let env = job("vendor-site", Kind::Sqlite);
    let start = env.database.dump();
    assert_eq!(complaints(&env, &format!("{STEP}/before.sql")), Vec::<Vec<String>>::new());
    by_hand(&env, "up.sql");
    minutes_and_all_children(&env);
    by_hand(&env, "down.sql");
    assert_eq!(env.database.dump(), start);
}

#[test]
fn what_changed_meanwhile_is_kept_on_the_way_back() {
    let env = job("vendor-site", Kind::Sqlite);
    by_hand(&env, "up.sql");
    env.database.execute(
        "UPDATE systems SET display_name = 'Adelaide Hills' WHERE id = 2;
         UPDATE systems SET timezone_offset_min = 345 WHERE id = 5;
         UPDATE systems SET timezone_offset_min = 660 WHERE id = 1;
         INSERT INTO systems (vendor_type, vendor_site_id, display_name, timezone_offset_min) VALUES ('select.live', '3000', 'New', 630)",
    );
    by_hand(&env, "down.sql");
    let systems = "SELECT id, user_id, system_number, display_name, timezone_offset, typeof(timezone_offset) FROM systems ORDER BY id";
    assert_eq!(
        env.database.rows(systems),
        [
            ["1", "craig", "1586", "Daylesford", "11", "integer"],
            ["2", "simon", "00648", "Adelaide Hills", "9.5", "real"],
            ["3", "NULL", "2044", "System 2044", "5.75", "real"],
            ["5", "mary", "2101", "", "5.75", "real"],
            ["6", "mary", "2102", "NULL", "0", "integer"],
            ["10", "NULL", "3000", "New", "10.5", "real"],
        ]
    );
}

#[test]
fn its_questions_find_offsets_that_are_none() {
    for (offset, said) in [
        ("NULL", "the offset NULL is no number of minutes"),
        ("'ten'", "the offset ten is no number of minutes"),
        ("9.99", "the offset 9.99 is no number of minutes"),
        ("600", "the offset 600 is no number of hours"),
        ("-12.5", "the offset -12.5 is no number of hours"),
    ] {
        let env = job("vendor-site", Kind::Sqlite);
        env.database.execute(&format!("UPDATE systems SET timezone_offset = {offset} WHERE id = 3"));
        assert_eq!(complaints(&env, &format!("{STEP}/before.sql")), [[format!("system 3 (2044): {said}")]], "{offset}");
    }
    let env = job("vendor-site", Kind::Sqlite);
    env.database.execute("UPDATE systems SET system_number = ' ' WHERE id = 3; CREATE TABLE systems_new (id INTEGER)");
    assert_eq!(complaints(&env, &format!("{STEP}/before.sql")), [["system 3 has a blank number"], ["the table systems_new is in the way"]]);
}

#[test]
fn there_and_back_by_the_step_alone() {
    let env = job("vendor-site", Kind::Sqlite);
    there_and_back_by(&env, "vendor-site", &["migrate", "down", "vendor-site"], minutes_and_all_children);
}

#[test]
fn there_and_back_again() {
    let env = job("vendor-site", Kind::Sqlite);
    there_and_back(&env, "vendor-site", minutes_and_all_children);
}

#[test]
fn an_offset_in_minutes_already_stops_the_run() {
    let env = job("vendor-site", Kind::Sqlite);
    env.database.execute("UPDATE systems SET timezone_offset = 600 WHERE id = 1");
    let start = env.database.dump();
    let run = tell(&env, &["run", "vendor-site"]).expect_code(1);
    assert!(run.stdout.contains("system 1 (1586): the offset 600 is no number of hours"), "{}", run.stdout);
    assert_eq!(env.database.dump(), start);
}

#[test]
fn a_system_of_another_vendor_has_no_way_back_and_nothing_is_done() {
    let env = job("vendor-site", Kind::Sqlite);
    tell(&env, &["run", "vendor-site"]).expect_code(0);
    env.database
        .execute("INSERT INTO systems (vendor_type, vendor_site_id, display_name, timezone_offset_min) VALUES ('enphase', 'x', 'X', 600)");
    let there = env.database.dump();
    tell(&env, &["migrate", "down", "vendor-site"]).expect_code(1);
    assert_eq!(env.database.dump(), there);
}
