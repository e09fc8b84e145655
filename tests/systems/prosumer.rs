//! A table, its key and everything named after it get another name (PostgreSQL).

use super::{complaints, job, tell, there_and_back, there_and_back_by, without_cache};
use crate::support::TestEnv;
use crate::support::database::Kind;

const STEP: &str = "prosumer/migrations/20241102_prosumer_to_user/postgres";

fn users_it_is(env: &TestEnv) {
    let value = |sql: &str| env.database.value(sql);
    assert_eq!(value("SELECT count(*) FROM \"user\""), "4");
    assert_eq!(complaints(env, &format!("{STEP}/verify.sql")), Vec::<Vec<String>>::new());
    assert_eq!(value("SELECT user_balance('prosumer_1727740800000_ayu')"), "120.500001", "a function follows no rename by itself");
    assert_eq!(value("SELECT count(user_id) FROM user_overview"), "4");
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = '\"user\"'::regclass";
    assert_eq!(value(keys), "7");
    let unlooked = "SELECT count(*) FROM pg_constraint WHERE conname = 'FK_token_blacklist_user' AND NOT convalidated";
    assert_eq!(value(unlooked), "1", "a rename is a rename");
    assert_eq!(value("SELECT nextval('user_number_seq')"), "1004", "numbers go on");
    env.database.execute("SELECT setval('user_number_seq', 1003)");
}

#[test]
fn the_step_and_its_way_back_in_plain_sql_leave_the_very_same_database() {
    let env = job("prosumer", Kind::Postgres);
    let start = env.database.dump();
    assert_eq!(complaints(&env, &format!("{STEP}/before.sql")), Vec::<Vec<String>>::new());
    env.database.execute(&env.read(&format!("{STEP}/up.sql")));
    users_it_is(&env);
    env.database.execute(&env.read(&format!("{STEP}/down.sql")));
    assert_eq!(env.database.dump(), start);
}

#[test]
fn its_questions_find_orphans_names_in_the_way_and_functions_that_would_break() {
    let env = job("prosumer", Kind::Postgres);
    env.database.execute(&env.read("prosumer/before/orphans.sql"));
    let found = complaints(&env, &format!("{STEP}/before.sql"));
    assert_eq!(
        found,
        [
            ["token_blacklist jti jti-0: prosumer_id is prosumer_1704067200000_dewi, who is not there"],
            ["token_blacklist jti jti-00: prosumer_id is prosumer_1704153600000_eka, who is not there"]
        ]
    );
    env.database.execute("DELETE FROM token_blacklist WHERE jti LIKE 'jti-0%'; CREATE TABLE \"user\" (id INTEGER)");
    assert_eq!(complaints(&env, &format!("{STEP}/before.sql")), [["the name \"user\" is taken"]]);
    env.database.execute(
        "DROP TABLE \"user\"; CREATE FUNCTION trades(VARCHAR) RETURNS BIGINT LANGUAGE sql \
         AS $$ SELECT count(*) FROM market_trade WHERE buyer_prosumer_id = $1 $$",
    );
    assert_eq!(
        complaints(&env, &format!("{STEP}/before.sql")),
        [["the function trades(character varying) speaks of prosumers, and the step does not know it"]]
    );
}

#[test]
fn its_verification_finds_every_kind_of_name_that_was_left() {
    let env = job("prosumer", Kind::Postgres);
    env.database.execute(&env.read(&format!("{STEP}/up.sql")));
    for (left, back) in [
        ("CREATE INDEX prosumer_x ON wallet (name)", "DROP INDEX prosumer_x"),
        ("ALTER TABLE wallet ADD CONSTRAINT prosumer_c CHECK (name <> '')", "ALTER TABLE wallet DROP CONSTRAINT prosumer_c"),
        ("CREATE SEQUENCE prosumer_s", "DROP SEQUENCE prosumer_s"),
        ("CREATE TYPE prosumer_t AS ENUM ('a')", "DROP TYPE prosumer_t"),
        ("ALTER VIEW user_overview RENAME COLUMN user_id TO prosumer_id", "ALTER VIEW user_overview RENAME COLUMN prosumer_id TO user_id"),
        ("ALTER TABLE wallet ADD COLUMN prosumer_id2 TEXT", "ALTER TABLE wallet DROP COLUMN prosumer_id2"),
        ("CREATE STATISTICS prosumer_st ON user_id, name FROM wallet", "DROP STATISTICS prosumer_st"),
        ("CREATE FUNCTION f() RETURNS VOID LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM prosumer; END $$", "DROP FUNCTION f()"),
        ("CREATE POLICY prosumer_p ON wallet USING (true)", "DROP POLICY prosumer_p ON wallet"),
        (
            "ALTER TRIGGER user_touched ON \"user\" RENAME TO prosumer_touched",
            "ALTER TRIGGER prosumer_touched ON \"user\" RENAME TO user_touched",
        ),
        ("ALTER TABLE smart_meter DROP CONSTRAINT \"FK_smart_meter_user\"", "SELECT 1"),
    ] {
        env.database.execute(left);
        assert!(!complaints(&env, &format!("{STEP}/verify.sql")).is_empty(), "{left}");
        env.database.execute(back);
    }
}

#[test]
fn there_and_back_by_the_step_alone() {
    let env = job("prosumer", Kind::Postgres);
    without_cache(&env, "prosumer");
    there_and_back_by(&env, "prosumer", &["migrate", "down", "prosumer"], users_it_is);
}

#[test]
fn there_and_back_again() {
    let env = job("prosumer", Kind::Postgres);
    without_cache(&env, "prosumer");
    there_and_back(&env, "prosumer", users_it_is);
}

#[test]
fn orphans_stop_the_run_are_named_and_stay() {
    let env = job("prosumer", Kind::Postgres);
    without_cache(&env, "prosumer");
    env.database.execute(&env.read("prosumer/before/orphans.sql"));
    let start = env.database.dump();
    let run = tell(&env, &["run", "prosumer"]).expect_code(1);
    for word in ["20241102_prosumer_to_user", "jti-0", "prosumer_1704067200000_dewi", "jti-00", "prosumer_1704153600000_eka"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    assert_eq!(env.database.dump(), start, "nothing is deleted for anybody");
}

#[test]
fn a_name_that_the_step_forgot_stops_the_run() {
    let env = job("prosumer", Kind::Postgres);
    without_cache(&env, "prosumer");
    env.database.execute("CREATE INDEX late_prosumer_index ON wallet (name)");
    let start = env.database.dump();
    let run = tell(&env, &["run", "prosumer"]).expect_code(1);
    assert!(run.stdout.contains("late_prosumer_index"), "{}", run.stdout);
    assert_eq!(env.database.dump(), start);
}
