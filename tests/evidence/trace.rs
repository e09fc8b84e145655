//! Tracing in both directions, and samples.

use super::three_runs;
use crate::support::on_both;
use serde_json::Value;

on_both! {
    fn a_row_is_traced_to_its_line_and_through_all_its_revisions(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        let file = "rent/electricity_bills_history.txt";
        env.replace(file, "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        env.replace("rent/tieout.toml", "92941", "92942");
        env.run_job(&[]).expect_code(0);
        let url = env.database.url();
        let trace = |key: &[&str]| env.tieout(&[&["trace", "ElectricityBill"], key, &["--database", &url, "--json"]].concat());
        let traced = trace(&["vattenfall, 2025-10-01"]).expect_code(0).json();
        assert_eq!(traced, trace(&["vattenfall", "2025-10-01"]).expect_code(0).json());
        let revisions = traced["revisions"].as_array().unwrap();
        let operations: Vec<&str> = revisions.iter().map(|r| r["operation"].as_str().unwrap()).collect();
        assert_eq!(operations, ["insert", "update"]);
        assert_eq!((&revisions[1]["line"], &revisions[1]["path"]), (&5.into(), &"electricity_bills_history.txt".into()));
        assert_eq!(revisions[1]["quote"], "2025-10-01\t1633 kr");
        assert!(revisions[0]["unquoted"].as_str().unwrap().starts_with("the file is another now: its SHA-256 is"));
        assert!(revisions[1]["before"].as_str().unwrap().contains("1632") && revisions[1]["after"].as_str().unwrap().contains("1633"));
        let text = env.tieout(&["trace", "ElectricityBill", "vattenfall, 2025-10-01", "--database", &url]).expect_code(0).stdout;
        assert!(text.contains("amount  1632 → 1633") && text.contains("> 2025-10-01\t1633 kr"), "{text}");
        let near = trace(&["vattenfall, 2025-10"]).expect_code(2);
        assert!(near.stderr.contains("did you mean one of: vattenfall, 2025-10-01"), "{}", near.stderr);
        let near = env.tieout(&["trace", "ElectricityBil", "x", "--database", &url]).expect_code(2);
        assert!(near.stderr.contains("did you mean ElectricityBill?"), "{}", near.stderr);
        // The second version of the file made one row anew; of the lines that say what they said, it says so.
        let line = |n: usize| env.tieout(&["trace", &format!("electricity_bills_history.txt:{n}"), "--job", "rent", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(line(5)["revisions"].as_array().unwrap().len(), 2);
        assert!(line(6)["why"][0].as_str().unwrap().starts_with("it states what an earlier version of the file had stated"), "{}", line(6));
    }

    fn a_line_is_traced_to_its_rows_or_to_why_it_made_none(env) {
        three_runs(env);
        let url = env.database.url();
        let trace = |what: &str| -> Value { env.tieout(&["trace", what, "--job", "rent", "--database", &url, "--json"]).expect_code(0).json() };
        let why = |what: &str| trace(what)["why"][0].as_str().unwrap_or_default().to_owned();
        let bills = "electricity_bills_history.txt";
        let line = trace(&format!("{bills}:5"));
        assert_eq!(line["quote"], "2025-10-01\t1632 kr");
        assert_eq!((line["revisions"].as_array().unwrap().len(), &line["revisions"][0]["key"]), (1, &"[\"vattenfall\",\"2025-10-01\"]".into()));
        assert_eq!(why(&format!("{bills}:1")), "ignored by the rule: comment");
        assert_eq!(why(&format!("{bills}:4")), "ignored by the rule: section header");
        assert_eq!(why(&format!("{bills}:700")), "the file has no line 700: it has 69");
        let whole = trace(bills);
        assert_eq!((whole["revisions"].as_array().unwrap().len(), &whole["why"][0]), (62, &"69 lines = 62 loaded + 2 ignored (blank line) + 3 ignored (comment) + 2 ignored (section header)".into()));
        assert_eq!(why("data/rent_history/2025_02_v9.json:3"), "the whole file is superseded: a higher version of 2025-02 counts");
        assert!(why("2023_11_v1.json:1").starts_with("the whole file is excluded: "));
        let ledger = trace("data/rent_history/2025_03_v1.json");
        let line = ledger["revisions"][0]["line"].as_u64().unwrap();
        let inside = trace(&format!("data/rent_history/2025_03_v1.json:{line}"));
        assert!(!inside["revisions"].as_array().unwrap().is_empty());
        assert!(env.tieout(&["trace", "electricity_bill_history.txt", "--database", &url]).expect_code(2).stderr.contains("did you mean electricity_bills_history.txt?"));
        let unknown = env.tieout(&["trace", &format!("{bills}:1"), "--database", &url, "--json"]).expect_code(0).json();
        assert!(unknown["why"][0].as_str().unwrap().contains("name the job"), "{unknown}");
    }

    fn a_refused_and_a_repeated_line_say_so(env) {
        env.copy_fixture("rent");
        let bills = "rent/electricity_bills_history.txt";
        env.replace(bills, "2025-10-01\t1632 kr", "2025-10-01\t1632 kr\n2025-10-01\t1632 kr");
        env.run_job(&[]).expect_code(0);
        let url = env.database.url();
        let why = |line: usize| {
            let what = format!("electricity_bills_history.txt:{line}");
            env.tieout(&["trace", &what, "--job", "rent", "--database", &url, "--json"]).expect_code(0).json()["why"][0].as_str().unwrap().to_owned()
        };
        assert!(why(6).starts_with("duplicate: the bill vattenfall, 2025-10-01 stands here a second time"), "{}", why(6));
        env.replace(bills, "2025-09-01\t", "2025-09-31\t");
        env.run_job(&[]).expect_code(3);
        assert!(why(7).starts_with("rejected by run 2: impossible-date: "), "{}", why(7));
    }

    fn a_sample_is_the_same_for_the_same_seed_and_shows_the_source(env) {
        three_runs(env);
        let url = env.database.url();
        let sample = |n: &str, seed: &str| env.tieout(&["report", "1", "--database", &url, "--sample", n, "--seed", seed, "--json"]).expect_code(0).json();
        let drawn = sample("5", "2025");
        let keys = |sample: &Value| -> Vec<String> { sample["rows"].as_array().unwrap().iter().map(|r| format!("{} {}", r["table"].as_str().unwrap(), r["key"].as_str().unwrap())).collect() };
        // The same words on both databases: the draw knows none.
        assert_eq!(keys(&drawn), SAMPLE);
        assert_eq!((drawn["of"].as_u64(), keys(&sample("5", "2025"))), (Some(157), keys(&drawn)));
        assert_ne!(keys(&sample("5", "2026")), keys(&drawn));
        assert_eq!(keys(&sample("3", "2025")), keys(&drawn)[..3], "a smaller sample is the beginning of a larger one");
        assert_eq!(keys(&sample("500", "1")).len(), 157);
        assert!(drawn["rows"].as_array().unwrap().iter().any(|r| r["quote"].is_string()), "{drawn}");
        let text = env.tieout(&["report", "1", "--database", &url, "--sample", "157"]).expect_code(0).stdout;
        assert!(text.starts_with("157 of the 157 rows of run 1, drawn by the seed 1\n") && text.contains("      > 2025-10-01\t1632 kr\n"), "{text}");
        env.tieout(&["report", "3", "--database", &url, "--sample", "5"]).expect_code(2);
    }
}

/// What the seed 2025 draws first.
const SAMPLE: [&str; 5] = [
    "RentConfig [\"el\",\"2024-03-01\"]",
    "RentConfig [\"kallhyra\",\"2024-10-01\"]",
    "ElectricityBill [\"vattenfall\",\"2023-11-30\"]",
    "RentConfig [\"kallhyra\",\"2025-03-01\"]",
    "ElectricityBill [\"vattenfall\",\"2025-01-31\"]",
];
