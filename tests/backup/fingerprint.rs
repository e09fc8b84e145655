//! What a database holds: every change of it is seen and said, and reading it changes nothing.

use super::{fill, fingerprint, target};
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use tieout::store::{Fingerprint, Scope, Store};

on_both! {
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
