//! The kinds of checks that a job declares: what passes, what fails and in which words, and what could not run.

use crate::support::{TestEnv, on_both};
use serde_json::Value;

const JOB: &str = r#"[job]
name = "shop"

[[table]]
name = "invoice"
key = ["id"]
columns = [
  { name = "id", type = "text" },
  { name = "customer", type = "text" },
  { name = "month", type = "month" },
  { name = "quantity", type = "integer" },
  { name = "price", type = "decimal(12,2)" },
  { name = "vat", type = "decimal(12,2)" },
  { name = "total", type = "decimal(12,2)" },
]

[[source]]
name = "invoices"
format = "csv"
table = "invoice"
files = ["invoices.csv"]

[[table]]
name = "customer"
key = ["id"]
columns = [{ name = "id", type = "text" }, { name = "since", type = "date" }, { name = "until", type = "date" }]

[[source]]
name = "customers"
format = "csv"
table = "customer"
files = ["customers.csv"]

[[table]]
name = "book"
key = ["month"]
columns = [{ name = "month", type = "month" }, { name = "turnover", type = "decimal(12,2)" }]

[[source]]
name = "book"
format = "csv"
table = "book"
files = ["book.csv"]

"#;

const INVOICES: &str = "id,customer,month,quantity,price,vat,total\n\
1,anna,2025-01,2,100.00,50.00,250.00\n2,bo,2025-01,1,80.00,20.00,100.00\n3,anna,2025-02,1,40.00,10.00,50.00\n4,bo,2025-03,3,10.00,7.50,37.50\n";
const CUSTOMERS: &str = "id,since,until\nanna,2024-06-01,\nbo,2025-01-15,2025-03-01\n";
const BOOK: &str = "month,turnover\n2025-01,350\n2025-02,50\n2025-03,37.5\n";

/// A check that holds over these files, and what breaks it: file, from, to, and words of the explanation.
const KINDS: [(&str, &str, &str, &str, &str); 10] = [
    (
        r#"kind = "sum", of = "invoice.total", by = "month", equals = "book.turnover""#,
        "book.csv",
        "2025-02,50",
        "2025-02,51",
        "unexplained",
    ),
    (
        r#"kind = "sum", of = "invoice.total", by = "month", equals = "book.turnover""#,
        "book.csv",
        "2025-01,350",
        "2025-01,250",
        "one item: the difference is exactly 2, 100",
    ),
    (
        r#"kind = "count", of = "invoice", by = "month", at_least = 1, at_most = 2"#,
        "invoices.csv",
        "3,anna,2025-02",
        "3,anna,2025-01",
        "3 rows of invoice",
    ),
    (r#"kind = "control-total", of = "invoice", rows = 4, sum = { total = "437.50" }"#, "invoices.csv", "37.50\n", "37.40\n", ""),
    (
        r#"kind = "coverage", of = "invoice.month", against = "book.month""#,
        "invoices.csv",
        "3,anna,2025-02",
        "3,anna,2025-01",
        "no row for 2025-02",
    ),
    (r#"kind = "cross-foot", of = "book2", columns = ["a", "b"], equals = "c""#, "book.csv", "", "", ""),
    (
        r#"kind = "recompute", of = "invoice.total", formula = "round(quantity * price * 1.25, 2)""#,
        "invoices.csv",
        "2,100.00,50.00,250.00",
        "2,100.00,50.00,205.00",
        "205 where the formula gives 250",
    ),
    (
        r#"kind = "duplicate", of = "invoice", columns = ["customer", "month"]"#,
        "invoices.csv",
        "2,bo,2025-01",
        "2,anna,2025-01",
        "1 rows repeat another in customer, month: anna, 2025-01",
    ),
    (
        r#"kind = "reference", of = "invoice.customer", in = "customer.id""#,
        "invoices.csv",
        "2,bo,",
        "2,bosse,",
        "refer to what customer.id does not have: bosse",
    ),
    (
        r#"kind = "residency", of = "invoice.customer", period = "month", in = "customer.id", from = "since", to = "until""#,
        "customers.csv",
        "2025-03-01",
        "2025-02-28",
        "bo in 2025-03",
    ),
];

fn write(env: &TestEnv, check: &str) {
    env.write(
        "shop/tieout.toml",
        format!(
            "{JOB}[[check]]\nname = \"the-check\"\n{}\n",
            check
                .replace(", of", "\nof")
                .replace(", by", "\nby")
                .replace(", equals", "\nequals")
                .replace(", at_", "\nat_")
                .replace(", rows", "\nrows")
                .replace(", sum", "\nsum")
                .replace(", against", "\nagainst")
                .replace(", columns", "\ncolumns")
                .replace(", formula", "\nformula")
                .replace(", in ", "\nin ")
                .replace(", period", "\nperiod")
                .replace(", from", "\nfrom")
                .replace(", to ", "\nto ")
                .replace(", query", "\nquery")
        ),
    );
    env.write("shop/invoices.csv", INVOICES);
    env.write("shop/customers.csv", CUSTOMERS);
    env.write("shop/book.csv", BOOK);
}

fn run(env: &TestEnv, code: i32) -> Vec<Value> {
    let url = env.database.url();
    let outcome = env.tieout(&["run", "shop", "--database", &url, "--json"]).expect_code(code).json();
    outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "the-check").cloned().collect()
}

on_both! {
    fn each_kind_holds_on_good_rows_and_names_what_breaks_it(env) {
        for (check, file, from, to, words) in KINDS.iter().filter(|k| !k.2.is_empty()) {
            write(env, check);
            env.replace(&format!("shop/{file}"), from, to);
            let failed: Vec<Value> = run(env, 1).into_iter().filter(|c| c["status"] == "difference").collect();
            assert!(!failed.is_empty(), "{check}");
            let said: Vec<&str> = failed.iter().filter_map(|c| c["explanation"].as_str()).collect();
            assert!(words.is_empty() || said.iter().any(|s| s.contains(words)), "{check}: {said:?}");
            assert!(!env.database.tables().contains(&"invoice".to_owned()), "{check}: nothing stays");
            write(env, check);
            let held = run(env, 0);
            assert!(!held.is_empty() && held.iter().all(|c| c["status"] == "match"), "{check}: {held:?}");
            env.database.execute("DROP TABLE invoice; DROP TABLE customer; DROP TABLE book");
            for table in ["tieout_run", "tieout_file", "tieout_change", "tieout_reject", "tieout_check"] {
                env.database.execute(&format!("DELETE FROM {table}"));
            }
        }
    }

    fn columns_that_do_not_come_to_their_total_are_named(env) {
        let check = r#"kind = "cross-foot", of = "invoice", columns = ["price", "vat"], equals = "total""#;
        write(env, check);
        env.write("shop/invoices.csv", INVOICES.replace("2,100.00", "1,200.00").replace("3,10.00", "1,30.00"));
        assert!(run(env, 0).iter().all(|c| c["status"] == "match"));
        env.replace("shop/invoices.csv", "20.00,100.00", "20.00,101.00");
        let failed = run(env, 1);
        assert_eq!(failed[0]["explanation"], "in 1 rows price + vat does not come to total; the first has 100 against 101");
        assert_eq!((&failed[1]["group"], &failed[1]["difference"]), (&"totals".into(), &"-1".into()));
        assert_eq!(failed[0]["operands"][0]["line"], 3, "down to the line");
    }

    fn a_query_of_the_users_must_give_no_rows_and_changes_nothing(env) {
        write(env, r#"kind = "sql", query = "select id, total from invoice where total > 200""#);
        let failed = run(env, 1);
        assert!(failed[0]["explanation"].as_str().unwrap().starts_with("the query gives 1 rows, the first is: 1, 250"));
        write(env, r#"kind = "sql", query = "select id from invoice where total > 900;""#);
        assert_eq!(run(env, 0)[0]["status"], "match");
        write(env, r#"kind = "sql", query = "delete from invoice""#);
        let refused = run(env, 1);
        assert_eq!(refused[0]["status"], "not_run");
        write(env, r#"kind = "sql", query = "select no_such_column from invoice""#);
        assert_eq!(run(env, 1)[0]["status"], "not_run", "and the transaction goes on to its end");
        assert_eq!(env.database.value("SELECT count(*) FROM invoice"), "4");
        write(env, r#"kind = "sql", query = "select 1 where 1 = 0; delete from invoice""#);
        run(env, 2);
        let one = if env.database.url().starts_with("sqlite") { "postgres" } else { "sqlite" };
        write(env, &format!("kind = \"sql\", query = {{ {one} = \"select 1\" }}"));
        assert_eq!(run(env, 1)[0]["status"], "not_run", "no query for this database is no pass");
    }

    fn what_somebody_else_wrote_shows_in_the_roll_forward(env) {
        write(env, r#"kind = "roll-forward", of = "invoice.total""#);
        let first = run(env, 0);
        assert!(first.iter().all(|c| c["status"] == "derived"), "nothing to open with: {first:?}");
        env.write("shop/invoices.csv", format!("{INVOICES}5,bo,2025-03,1,10.00,2.50,12.50\n").replace("10.00,50.00\n", "10.00,51.00\n"));
        let second = run(env, 0);
        assert!(second.iter().all(|c| c["status"] == "match"), "{second:?}");
        let sum = &second[1];
        assert_eq!((&sum["actual"], &sum["operands"][0]["value"], &sum["operands"][1]["value"], &sum["operands"][2]["value"]), (&"451".into(), &"437.5".into(), &"12.5".into(), &"1".into()));
        let column = if env.database.url().starts_with("sqlite") { "'x', 'bo', '2025-03-01', 1, 1, 1, 7" } else { "'x', 'bo', DATE '2025-03-01', 1, 1, 1, 7" };
        env.database.execute(&format!("INSERT INTO invoice (id, customer, month, quantity, price, vat, total) VALUES ({column})"));
        let third = run(env, 1);
        assert_eq!((&third[0]["difference"], &third[1]["difference"]), (&"1".into(), &"7".into()));
        assert_eq!(third[1]["explanation"], "changed by somebody else since the last run");
    }

    fn a_roll_forward_takes_in_what_somebody_else_changed_once_that_is_settled(env) {
        let sum = |checks: &[Value]| checks.iter().find(|c| c["group"] == "invoice.sum(total)").map(|c| [&c["status"], &c["actual"]].map(|v| v.as_str().unwrap_or_default().to_owned())).unwrap();
        let url = env.database.url();
        write(env, r#"kind = "roll-forward", of = "invoice.total""#);
        run(env, 0);
        let mut last = 1;
        for (change, side, closing) in [
            ("UPDATE invoice SET total = total + 5 WHERE id = '1'", "database", "442.5"),
            ("UPDATE invoice SET total = total + 5 WHERE id = '1'", "file", "437.5"),
            ("DELETE FROM invoice WHERE id = '2'", "file", "437.5"),
            ("UPDATE invoice SET total = total + 7 WHERE id = '1'", "database", "444.5"),
            ("UPDATE invoice SET total = total + 1 WHERE id = '1'", "database", "445.5"),
        ] {
            env.database.execute(change);
            run(env, 1);
            env.tieout(&["resolve", &(last + 1).to_string(), "--accept", side, "--reason", "so it is", "--by", "the treasurer", "--database", &url]).expect_code(0);
            assert_eq!(sum(&run(env, 0)), ["match", closing], "{change}, {side}");
            assert_eq!(sum(&run(env, 0)), ["match", closing], "{change}, {side}: and it stays so");
            last += 3;
        }
    }

    fn a_group_that_one_side_does_not_have_is_no_pass(env) {
        let check = r#"kind = "sum", of = "invoice.total", by = "month", equals = "book.turnover""#;
        for (file, from, status) in [("book.csv", "2025-03,37.5\n", "missing_expected"), ("invoices.csv", "4,bo,2025-03,3,10.00,7.50,37.50\n", "missing_actual")] {
            write(env, check);
            env.replace(&format!("shop/{file}"), from, "");
            let said = run(env, 1);
            let missing: Vec<&Value> = said.iter().filter(|c| c["group"] == "2025-03").collect();
            assert_eq!((&missing[0]["status"], &missing[0]["severity"]), (&status.into(), &"error".into()));
            assert!(!env.database.tables().contains(&"invoice".to_owned()), "nothing stays");
        }
    }

    fn groups_of_several_columns_are_told_apart(env) {
        write(env, r#"kind = "count", of = "invoice", by = ["id", "customer"], equals = 1"#);
        env.write("shop/invoices.csv", "id,customer,month,quantity,price,vat,total\n\"a, b\",c,2025-01,1,1,1,1\na,\"b, c\",2025-01,1,1,1,1\nx,,2025-01,1,1,1,1\ny,none,2025-01,1,1,1,1\n");
        let said = run(env, 0);
        let groups: Vec<&str> = said.iter().filter_map(|c| c["group"].as_str()).collect();
        assert_eq!(groups, ["\"a, b\", c", "a, \"b, c\"", "x, none", "y, \"none\""]);
    }

    fn a_check_that_cannot_run_is_no_pass(env) {
        for check in [
            r#"kind = "sum", of = "nothing.total", by = "month", equals = "book.turnover""#,
            r#"kind = "count", of = "invoice", by = "colour", equals = 2"#,
            r#"kind = "coverage", of = "invoice.month", against = "nowhere.month""#,
            r#"kind = "reference", of = "invoice.customer", in = "customer.name""#,
        ] {
            write(env, check);
            let said = run(env, 1);
            assert_eq!(said[0]["status"], "not_run", "{check}");
            assert!(said[0]["explanation"].as_str().unwrap().starts_with("not run: the "), "{said:?}");
        }
    }
}

#[test]
fn settings_that_mean_nothing_are_refused_with_their_place() {
    let env = TestEnv::new(crate::support::database::Kind::Sqlite);
    for (check, complaint) in [
        (r#"kind = "summ", of = "a.b""#, "did you mean `sum`?"),
        (r#"kind = "sum", formula = "1""#, "unknown key `formula`: the kind `sum` has no such setting"),
        (r#"kind = "sum", by = "month", equals = "book.turnover""#, "does not say `of`"),
        (r#"kind = "sum", of = "invoice", by = "month", equals = "book.turnover""#, "`of` names a table and a column"),
        (r#"kind = "count", of = "invoice""#, "it is not said how many rows there must be"),
        (
            r#"kind = "recompute", of = "invoice.total", formula = "round(quantity * price""#,
            "this is no formula: the bracket of `round` is not closed",
        ),
        (r#"kind = "duplicate", of = "invoice""#, "`columns` names none"),
        (r#"kind = "sql", query = "select 1; select 2""#, "more than one statement"),
    ] {
        write(&env, check);
        let said = env.tieout(&["run", "shop", "--database", "sqlite:x.db"]).expect_code(2).stderr;
        assert!(said.contains(complaint) && said.contains("shop/tieout.toml:"), "{check}: {said}");
    }
}
