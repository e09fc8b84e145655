//! What an app's domains need is seen to: missing tables, columns and indexes are made, standing ones left alone.

use super::{complaints, job, tell, there_and_back};
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};

const STEP: &str = "lifeos/migrations/20251218_backend_updates";

fn prepare(env: &TestEnv) {
    env.copy_fixture("lifeos");
    env.database.execute(&env.read(&format!("lifeos/before/{}.sql", super::backend(env.database.kind))));
}

fn everything_is_there(env: &TestEnv) {
    let verify = format!("{STEP}/{}/verify.sql", super::backend(env.database.kind));
    assert_eq!(complaints(env, &verify), Vec::<Vec<String>>::new());
    assert_eq!(env.database.tables().len(), 26 + 3, "and users, platform_outbox and finance_account");
    let indexes = match env.database.kind {
        Kind::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE 'ix!_%' ESCAPE '!'",
        Kind::Postgres => "SELECT count(*) FROM pg_class WHERE relkind = 'i' AND relname LIKE 'ix!_%' ESCAPE '!'",
    };
    assert_eq!(env.database.value(indexes), "43");
    let names = env.database.rows("SELECT normalized_name FROM finance_account ORDER BY id");
    // SQLite's lower() knows the letters of ASCII only; the page says so.
    let other = if env.database.kind == Kind::Sqlite { "Ärligt Övrigt" } else { "ärligt övrigt" };
    assert_eq!(names.concat(), ["savings", "cash in hand", "credit card", "savings", "savings", other, "o'brien; drop"]);
    for (table, rows) in [("finance_journal_entry", "2"), ("journal_line", "2"), ("habits_habit_log", "2"), ("project", "1")] {
        assert_eq!(env.database.value(&format!("SELECT count(*) FROM {table}")), rows, "{table} stood before");
    }
}

on_both! {
    fn in_plain_sql_the_one_file_makes_everything_where_nothing_of_it_stands(env) {
        prepare(env);
        for table in ["habits_habit_log", "habits_habit", "journal_line", "finance_journal_entry", "project"] {
            env.database.execute(&format!("DROP TABLE {table}"));
        }
        let index = "DROP INDEX ix_finance_account_type";
        env.database.execute(&format!("{index}; ALTER TABLE finance_account DROP COLUMN account_type; ALTER TABLE finance_account DROP COLUMN created_at"));
        env.database.execute(&env.read(&format!("{STEP}/up.sql")));
        let verify = format!("{STEP}/{}/verify.sql", super::backend(env.database.kind));
        assert_eq!(complaints(env, &verify), Vec::<Vec<String>>::new());
        env.database.execute("DROP INDEX ix_skill_user_name; UPDATE finance_account SET normalized_name = '' WHERE id = 2; DROP TABLE trial_balance_setting");
        assert_eq!(
            complaints(env, &verify),
            [
                ["account 2 (  Cash in Hand ) has no normalized name"],
                ["the table trial_balance_setting is missing"],
                ["the index ix_skill_user_name is missing"]
            ],
            "what goes again is found"
        );
    }

    fn its_question_finds_accounts_that_would_stay_without_a_name(env) {
        prepare(env);
        let question = format!("{STEP}/before.sql");
        assert_eq!(complaints(env, &question), Vec::<Vec<String>>::new());
        env.database.execute("UPDATE finance_account SET name = '   ' WHERE id = 2");
        assert_eq!(complaints(env, &question), [["account 2 of user 1 has no name"]]);
    }

    fn there_and_back_again(env) {
        prepare(env);
        there_and_back(env, "lifeos", everything_is_there);
    }

    fn a_database_where_all_of_it_stands_is_left_alone_also_without_a_history(env) {
        prepare(env);
        tell(env, &["run", "lifeos"]).expect_code(0);
        let end = env.database.dump();
        env.database.execute("DELETE FROM tieout_migration WHERE job = 'lifeos'");
        tell(env, &["run", "lifeos"]).expect_code(0);
        assert_eq!(env.database.dump(), end);
    }

    fn every_table_column_and_index_of_another_shape_is_named_and_nothing_is_made(env) {
        prepare(env);
        env.database.execute(
            "CREATE TABLE skill (id VARCHAR(36) NOT NULL PRIMARY KEY, user_id INTEGER NOT NULL, name VARCHAR(255) NOT NULL, level TEXT);
             ALTER TABLE habits_habit DROP COLUMN name;
             ALTER TABLE finance_account DROP COLUMN created_at;
             ALTER TABLE finance_account ADD COLUMN created_at DATE;
             CREATE INDEX ix_finance_account_user_type ON finance_account (account_type, user_id)",
        );
        let start = env.database.dump();
        let outcome = tell(env, &["run", "lifeos"]).expect_code(4).json();
        let findings = outcome["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "shape-differs");
        let said = findings.map(|f| f["message"].as_str().unwrap()).collect::<Vec<_>>().join("\n");
        for word in ["skill.level", "habits_habit.name is missing", "finance_account.created_at", "ix_finance_account_user_type"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(env.database.dump(), start);
    }

    fn a_difference_is_named_also_where_a_later_statement_cannot_run_because_of_it(env) {
        prepare(env);
        env.database.execute("CREATE TABLE skill (id VARCHAR(36) NOT NULL PRIMARY KEY, label TEXT); ALTER TABLE project DROP COLUMN target_date");
        let start = env.database.dump();
        let run = tell(env, &["run", "lifeos"]).expect_code(4);
        for word in ["shape-differs", "skill.user_id is missing", "project.target_date is missing"] {
            assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
        }
        assert_eq!(env.database.dump(), start);
    }

    fn a_statement_that_takes_away_is_refused(env) {
        for (step, statement) in [
            ("20251219_a", "DROP TABLE platform_outbox;"),
            ("20251219_b", "DELETE FROM platform_outbox WHERE status = 'sent';"),
            ("20251219_c", "ALTER TABLE platform_outbox DROP COLUMN status;"),
            ("20251219_d", "UPDATE platform_outbox SET status = 'sent';"),
        ] {
            let env = job("lifeos", env.database.kind);
            let start = env.database.dump();
            env.write(&format!("lifeos/migrations/{step}/up.sql"), statement);
            let run = tell(&env, &["run", "lifeos"]);
            assert!([2, 4].contains(&run.code) && run.stdout.contains(step), "{statement}: {} {}", run.code, run.stdout);
            assert_eq!(env.database.dump(), start, "{statement}");
        }
    }
}
