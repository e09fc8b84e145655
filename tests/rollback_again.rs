//! What later runs make of one that was undone: nothing, as if it had never been.

use crate::rollback::{BILLS, correct_a_bill, import, job, messages, tieout};
use crate::support::{TestEnv, on_both};
use serde_json::Value;

/// The schema of the main job, and no rows at all.
fn empty(env: &TestEnv) {
    job(env);
    env.database.execute("DELETE FROM \"Tenant\"");
}

on_both! {
    fn a_replay_is_undone_and_can_be_made_again(env) {
        crate::quarantine::job(env);
        let run = |args: &[&str]| tieout(env, args, 0);
        run(&["run", "bank"]);
        let first = env.database.dump();
        let text: String = crate::quarantine::BANK.iter().map(|b| if b.is_ascii() { *b as char } else { 'o' }).collect();
        env.write("bank/bank.csv", text.replace("2025-02-30", "2025-02-28"));
        run(&["import", "bank", "--replay", "1"]);
        let second = env.database.dump();
        assert_ne!(first, second);
        run(&["rollback"]);
        assert_eq!(env.database.dump(), first);
        tieout(env, &["import", "bank", "--replay", "2"], 2);
        run(&["import", "bank", "--replay", "1"]);
        assert_eq!(env.database.dump(), second);
    }

    fn balances_open_with_what_stands(env) {
        env.write("shop/a.csv", "id,total\n1,10\n2,20\n");
        env.write("shop/tieout.toml", r#"[job]
name = "shop"
[[table]]
name = "invoice"
key = ["id"]
columns = [{ name = "id", type = "text" }, { name = "total", type = "decimal(9,2)" }]
[[source]]
name = "a"
format = "csv"
table = "invoice"
files = ["a.csv"]
columns = { id = "id", total = "total" }
[[check]]
name = "forward"
kind = "roll-forward"
of = "invoice.total"
"#);
        let run = || {
            let outcome = tieout(env, &["import", "shop"], 0);
            let forward = outcome["checks"].as_array().unwrap().iter().rfind(|c| c["name"] == "forward").unwrap();
            (forward["status"].as_str().unwrap().to_owned(), forward["actual"].as_str().unwrap().to_owned())
        };
        run();
        env.write("shop/a.csv", "id,total\n1,10\n2,25\n3,30\n");
        assert_eq!(run(), ("match".into(), "65".into()));
        assert_eq!(run(), ("match".into(), "65".into()));
        tieout(env, &["rollback"], 0);
        assert_eq!(run(), ("match".into(), "65".into()));
        tieout(env, &["rollback"], 0);
        tieout(env, &["rollback"], 0);
        assert_eq!(run().0, "derived", "there is nothing to open with");
    }

    fn rows_that_refer_to_each_other_go_in_the_right_order(env) {
        empty(env);
        let before = env.database.dump();
        assert_eq!(import(env)["tables"]["Tenant"]["inserted"], 8);
        let outcome = tieout(env, &["rollback"], 0);
        assert_eq!((&outcome["tables"]["Tenant"]["deleted"], &outcome["tables"]["RentLedger"]["deleted"]), (&8.into(), &31.into()));
        assert_eq!(env.database.dump(), before);
    }

    fn rows_that_refer_to_each_other_come_back_in_the_right_order(env) {
        empty(env);
        env.replace("rent/tieout.toml", "[job]\n", "[job]\non_stale = \"delete\"\n");
        import(env);
        let first = env.database.dump();
        // Adam moves out of all files: his share goes to Amanda, whose row is there only in other months.
        let ledger = env.database.value("SELECT count(*) FROM \"RentLedger\" l JOIN \"Tenant\" t ON t.id = l.\"tenantId\" WHERE t.name = 'Adam'");
        for entry in std::fs::read_dir(env.path("rent/data/rent_history")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace("\"Adam\"", "\"Adrian\"")).unwrap();
        }
        env.replace("rent/tenants.csv", "Adam,adam@", "Adrian,adrian@");
        let id = env.database.value("SELECT id FROM \"Tenant\" WHERE name = 'Adam'");
        env.replace("rent/tenants.csv", &id, "another-id");
        let outcome = import(env);
        assert_eq!((&outcome["tables"]["Tenant"]["deleted"], &outcome["tables"]["RentLedger"]["deleted"]), (&1.into(), &ledger.parse::<u64>().unwrap().into()));
        tieout(env, &["rollback"], 0);
        assert_eq!(env.database.dump(), first);
    }

    fn where_rows_came_from_is_what_stands(env) {
        job(env);
        import(env);
        let bills = env.read(BILLS);
        let checks = import(env)["checks"].clone();
        correct_a_bill(env, "7777");
        env.write(BILLS, format!("\n\n{}", env.read(BILLS)));
        import(env);
        tieout(env, &["rollback"], 0);
        env.write(BILLS, bills);
        let again = import(env);
        assert_eq!(again["run"]["status"], "unchanged");
        let lines = |checks: &Value| {
            let operands = checks.as_array().unwrap().iter().flat_map(|c| c["operands"].as_array().into_iter().flatten());
            let mut lines: Vec<String> = operands.filter(|o| o["path"].is_string()).map(Value::to_string).collect();
            lines.sort();
            lines
        };
        assert!(lines(&checks).len() > 60);
        assert_eq!(lines(&again["checks"]), lines(&checks));
    }

    fn what_the_app_writes_after_a_rollback_is_its_own(env) {
        job(env);
        import(env);
        env.database.execute("CREATE TABLE keep AS SELECT * FROM \"RentConfig\" WHERE key NOT IN ('el', 'kallhyra')");
        let id = env.database.value("SELECT max(id) FROM keep");
        tieout(env, &["rollback"], 0);
        env.database.execute(&format!("INSERT INTO \"RentConfig\" SELECT * FROM keep WHERE id = '{id}'; UPDATE \"RentConfig\" SET value = '1'"));
        let outcome = import(env);
        assert_eq!(messages(&outcome, "conflict").len(), 0);
        assert_eq!(messages(&outcome, "config-differs").len(), 1);
        assert_eq!(env.database.value(&format!("SELECT value FROM \"RentConfig\" WHERE id = '{id}'")), "1");
    }

    fn a_table_that_is_no_longer_spoken_of_is_left_alone(env) {
        job(env);
        import(env);
        tieout(env, &["rollback"], 0);
        let toml = env.read("rent/tieout.toml");
        let source = |name: &str| toml.find(&format!("[[source]]\nname = \"{name}\"")).unwrap();
        let (from, to, check) = (source("electricity-bills"), source("rent-history"), toml.find("[[check]]").unwrap());
        env.write("rent/tieout.toml", format!("{}{}", &toml[..from], &toml[to..check]));
        let tables = import(env)["tables"].clone();
        assert!(tables["RentLedger"].is_object() && tables["ElectricityBill"].is_null(), "{tables}");
    }
}
