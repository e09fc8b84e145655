//! The command line as a newcomer meets it: wrong paths, typing errors, pipes; true exit codes and one JSON document.

use crate::support::TestEnv;
use crate::support::database::Kind;

fn job() -> TestEnv {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env
}

/// The job with one text replaced; the complaint, for a snapshot.
fn complaint(from: &str, to: &str) -> String {
    let env = job();
    env.replace("rent/tieout.toml", from, to);
    let run = env.tieout(&["run", "rent"]).expect_code(2);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert!(!env.path("rent/rent.db").exists(), "wrong use makes no database");
    run.normalised()
}

#[test]
fn a_typing_error_in_the_job_file_is_named_with_its_place_and_the_nearest_word() {
    insta::assert_snapshot!(
        "job_typos",
        [
            complaint("currency = \"SEK\"", "curency = \"SEK\""),
            complaint("[[source]]\nname = \"tenants\"", "[[sources]]\nname = \"tenants\""),
            complaint("format = \"rent-history-json\"", "format = \"rent-history-jsn\""),
            complaint("due_day_from = 25", "due_day = 25"),
            complaint("due_day_from = 25", "due_day_from = 32"),
            complaint("versions = \"latest\"", "versions = \"last\""),
            complaint("Europe/Stockholm", "Europe/Stokholm"),
            complaint("kind = \"sum\"", "kind = \"sums\""),
            complaint("of = \"ElectricityBill.amount\"", "of = \"ElectricityBill\""),
            complaint("tolerance = \"1\"", "tolerance = 1.5"),
            complaint("because = \"the bills are whole kronor, the configuration has öre\"", "because = \"\""),
            complaint("rows = 8", "rows = \"8\""),
            complaint("name = \"rent\"", "name = \"rent"),
            complaint("dir = \"migrations\"", "dir = \"migration\""),
            complaint("sha256 = \"feef", "sha256 = \"xeef"),
            complaint("currency = \"SEK\"", "currency = \"SEK\"\nmax_downtime = \"5 parsecs\""),
            complaint("data/rent_history/*.json\"]", "../rent/*.json\"]"),
            complaint("data/rent_history/*.json\"]", "data/{hous}/*.json\"]"),
            complaint("data/rent_history/*.json\"]", "data/history/*.json\"]"),
            complaint("database = \"sqlite:rent.db\"", "database = \"mysql:rent\""),
        ]
        .join("\n")
    );
}

#[test]
fn wrong_use_says_what_would_be_right() {
    let env = job();
    let words = |args: &[&str]| env.tieout(args).expect_code(2).normalised();
    insta::assert_snapshot!(
        "wrong_use",
        [
            words(&["run", "rant"]),
            words(&["run", "rent/data"]),
            words(&["run", "rent", "--root", "nowhere"]),
            words(&["run", "rent", "--database", "rent.db"]),
            words(&["parse", "nowhere.json"]),
            words(&["parse", "rent/tieout.toml"]),
            words(&["parse", "rent/tenants.csv", "--format", "cvs"]),
            words(&["report"]),
            words(&["runn", "rent"]),
        ]
        .join("\n")
    );
    let run = env.tieout(&["report", "--database", "sqlite:nowhere.db"]).expect_code(4);
    assert!(run.stderr.contains("there is no database"), "{}", run.stderr);
    assert!(!env.path("nowhere.db").exists());
}

#[test]
fn json_is_one_document_whose_exit_code_is_true() {
    let env = job();
    let url = env.database.url();
    let broken = |path: &str, from: &str, to: &str, code: i32| {
        env.copy_fixture("rent");
        env.replace(path, from, to);
        let json = env.tieout(&["run", "rent", "--database", &url, "--json"]).expect_code(code).json();
        assert_eq!((json["exit_code"].as_i64(), json["run"]["status"].as_str()), (Some(i64::from(code)), Some("failed")));
        assert!(json["findings"].as_array().is_some_and(|f| f.iter().any(|f| f["severity"] == "error")) || code == 1);
    };
    broken("rent/tieout.toml", "currency", "curency", 2);
    broken("rent/tieout.toml", "rows = 31", "rows = 32", 1);
    broken("rent/tenants.csv", "2023-02-01", "2023-02-30", 3);
    broken("rent/migrations/20251004120000_natural_keys/sqlite/up.sql", "CREATE UNIQUE", "CREATE UNIQE", 4);
    env.copy_fixture("rent");
    assert_eq!(env.run_job(&[]).expect_code(0).json()["exit_code"], 0);
}

#[test]
fn json_is_given_even_to_those_who_ask_wrongly() {
    let env = job();
    for args in [&["run", "--json"][..], &["report", "99", "--json"], &["parse", "nowhere.json", "--json"], &["run", "nowhere", "--json"]] {
        let run = env.tieout(args).expect_code(2);
        assert_eq!(run.json()["exit_code"], 2, "{args:?}");
    }
}

#[test]
fn a_failed_check_is_named_among_the_errors() {
    let env = job();
    env.replace("rent/tieout.toml", "rows = 31", "rows = 32");
    env.replace("rent/rent_config.csv", "1738", "2424");
    let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(1);
    let errors = run.stdout.split("\nErrors\n").nth(1).unwrap().split("\n\n").next().unwrap();
    insta::assert_snapshot!("failed_checks", errors);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let env = job();
    let script = format!("{} run rent --database {} -v | head -n 1", env!("CARGO_BIN_EXE_tieout"), env.database.url());
    let output = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &script]).current_dir(env.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

#[test]
fn quiet_is_quiet_when_all_is_well_and_not_when_it_is_not() {
    let env = job();
    let url = env.database.url();
    let run = env.tieout(&["run", "rent", "--database", &url, "-q"]).expect_code(0);
    assert_eq!(run.stdout + &run.stderr, "");
    env.replace("rent/electricity_bills_history.txt", "1632 kr", "1.632 kr");
    let run = env.tieout(&["run", "rent", "--database", &url, "-q"]).expect_code(3);
    assert!(run.stdout.contains("electricity_bills_history.txt:5:13"), "{}", run.stdout);
}

#[test]
fn parse_prints_records_as_json_lines_without_a_database() {
    let env = job();
    let run = env.tieout(&["parse", "rent/electricity_bills_history.txt"]).expect_code(0);
    let lines: Vec<serde_json::Value> = run.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["amount"], &lines[0]["line"]), (62, &"1632".into(), &5.into()));
    env.write("bad.json", "{\"final_results\": {\"Adam\": \"x\"}}");
    let run = env.tieout(&["parse", "bad.json", "--json"]).expect_code(3);
    assert_eq!(run.json()["findings"][0]["code"], "file-name");
    assert_eq!(run.json()["findings"][1]["pointer"], "/final_results/Adam");
}

#[test]
fn nothing_outside_the_root_is_read() {
    let env = job();
    env.write("secret.json", "{}");
    std::os::unix::fs::symlink(env.path("secret.json"), env.path("rent/data/rent_history/2025_09_v1.json")).unwrap();
    let run = env.tieout(&["run", "rent", "--database", &env.database.url()]).expect_code(2);
    assert!(run.stderr.contains("outside the root") || run.stdout.contains("outside the root"), "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_link_or_a_pipe_among_the_files_is_named_where_the_pattern_means_it_and_passed_by_elsewhere() {
    use std::os::unix::fs::symlink;
    let env = job();
    let url = env.database.url();
    let refused = |words: &[&str]| {
        let run = env.tieout(&["run", "rent", "--database", &url]).expect_code(3);
        assert!(words.iter().all(|w| run.stderr.contains(w)), "{}", run.stderr);
    };
    // Beside the files that the pattern means.
    symlink("nowhere", env.path("rent/data/rent_history/notes.txt")).unwrap();
    symlink("..", env.path("rent/data/rent_history/loop")).unwrap();
    pipe(&env, "rent/data/rent_history/pipe");
    env.tieout(&["run", "rent", "--database", &url]).expect_code(0);
    // Under a name that the pattern means.
    let file = env.path("rent/data/rent_history/2025_12_v1.json");
    symlink("nowhere", &file).unwrap();
    refused(&["data/rent_history/2025_12_v1.json matches `data/rent_history/*.json` and is a link to nowhere: it leads to nowhere"]);
    std::fs::remove_file(&file).unwrap();
    symlink("..", &file).unwrap();
    env.replace("rent/tieout.toml", "data/rent_history/*.json\"", "data/**/*.json\"");
    refused(&["2025_12_v1.json matches", "a link back to the folder data, in which it lies"]);
    env.replace("rent/tieout.toml", "data/**/*.json", "data/rent_history/*.json");
    std::fs::remove_file(&file).unwrap();
    pipe(&env, "rent/data/rent_history/2025_12_v1.json");
    refused(&["2025_12_v1.json matches `data/rent_history/*.json` and is no file but a named pipe"]);
    std::fs::remove_file(&file).unwrap();
    let bills = env.path("rent/electricity_bills_history.txt");
    std::fs::remove_file(&bills).unwrap();
    symlink("nowhere", &bills).unwrap();
    refused(&["electricity_bills_history.txt matches", "a link to nowhere"]);
}

fn pipe(env: &TestEnv, rel: &str) {
    assert!(std::process::Command::new("mkfifo").arg(env.path(rel)).status().unwrap().success());
}

#[test]
fn a_source_file_that_may_not_be_read_is_a_fault_of_the_files() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let env = job();
    let allow = |rel: &str, mode| std::fs::set_permissions(env.path(rel), std::fs::Permissions::from_mode(mode)).unwrap();
    for entry in walkdir::WalkDir::new(env.path("")).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_dir()) {
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let url = env.database.url();
    for (rel, words) in [
        ("rent/tenants.csv", "cannot read tenants.csv: permission denied"),
        ("rent/data", "cannot look for `data/rent_history/*.json` in data"),
    ] {
        allow(rel, 0o000);
        let mut command = env.command(&["run", "rent", "--database", &url]);
        // The administrator may read everything.
        if std::fs::read_dir("/root").is_ok() {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains(words), "{:?}: {said}", output.status);
        allow(rel, 0o777);
    }
}

#[test]
fn a_report_is_never_written_over_another() {
    let env = job();
    let url = env.database.url();
    env.tieout(&["run", "rent", "--database", &url]).expect_code(0);
    env.tieout(&["run", "rent", "--database", "sqlite:other.db"]).expect_code(0);
    assert!(env.path("tieout-reports/rent-1/report.json").exists() && env.path("tieout-reports/rent-1-2/report.json").exists());
    let report: serde_json::Value = serde_json::from_str(&env.read("tieout-reports/rent-1/report.json")).unwrap();
    assert_eq!(report["run"]["database"], url.as_str());
    env.tieout(&["run", "rent", "--database", &url, "--report", "mine"]).expect_code(0);
    assert!(env.read("mine/report.txt").contains("unchanged"));
}

#[test]
fn completions_know_the_commands() {
    let env = TestEnv::new(Kind::Sqlite);
    for shell in ["bash", "zsh", "fish"] {
        assert!(env.tieout(&["completions", shell]).expect_code(0).stdout.contains("import"));
    }
}
