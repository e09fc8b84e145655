//! `tieout parse`: a file's records as JSON or as a table, by a format or as a job reads them, never with a database.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::io::Write;

fn env() -> TestEnv {
    TestEnv::new(Kind::Sqlite)
}

/// The rows of a table, header first.
fn table(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

const JOB: &str = r#"
[job]
name = "notes"

[[table]]
name = "note"
key = ["n"]
columns = [
  { name = "n", type = "integer" },
  { name = "text", type = "text" },
  { name = "amount", type = "decimal(12,2)" },
]

[[source]]
name = "notes"
format = "csv"
table = "note"
files = ["notes/*.csv"]
options = { delimiter = ";" }

[[source]]
name = "all"
format = "csv"
table = "note"
files = ["notes/both.csv", "other.csv"]
"#;

#[test]
fn a_text_that_a_spreadsheet_would_run_is_inert_in_a_table_and_exact_in_json() {
    let env = env();
    env.write("tieout.toml", JOB);
    let texts = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1+2", "=1", "two\nlines, \"quoted\"", "a=1"];
    let rows: String = texts.iter().enumerate().map(|(n, t)| format!("{n};\"{}\";-200\n", t.replace('"', "\"\""))).collect();
    env.write("notes/x.csv", format!("n;text;amount\n{rows}"));
    let run = env.tieout(&["parse", "notes/x.csv", "--job", ".", "--to", "csv"]).expect_code(0);
    let rows = table(&run.stdout);
    assert_eq!(rows[0], ["n", "text", "amount", "file", "line"]);
    for (n, (row, text)) in rows[1..].iter().zip(texts).enumerate() {
        let shown = if n < 5 { format!("'{text}") } else { text.to_owned() };
        assert_eq!(row[..4], [n.to_string(), shown, "-200".into(), "notes/x.csv".into()]);
    }
    assert_eq!((rows[6][4].as_str(), rows[7][4].as_str()), ("7", "9"), "a row of two lines");
    assert!(run.stdout.contains("\"two\nlines, \"\"quoted\"\"\""), "{}", run.stdout);

    let run = env.tieout(&["parse", "notes/x.csv", "--job", "tieout.toml"]).expect_code(0);
    for (line, text) in run.stdout.lines().zip(texts) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&record["table"], &record["values"]["text"], &record["values"]["amount"]),
            (&"note".into(), &text.into(), &"-200".into())
        );
    }

    // A format that keeps the blanks around a text, and a file name that is a formula itself.
    env.write(
        "=x.json",
        r#"{"tenants": [{"name": "\t=1", "email": " =2"}], "rent_configs": [{"key": "\r=3", "value": "-200", "period": "2025-02-01"}]}"#,
    );
    let rows = table(&env.tieout(&["parse", "=x.json", "--to", "csv"]).expect_code(0).stdout);
    assert_eq!(
        rows[0],
        ["record", "id", "name", "email", "start", "departure", "room_adjustment", "key", "period", "value", "file", "line"]
    );
    assert_eq!(rows[1], ["tenant", "", "'\t=1", "' =2", "", "", "", "", "", "", "'=x.json", "1"]);
    assert_eq!(rows[2][7..], ["'\r=3", "2025-02", "-200", "'=x.json", "1"]);
}

#[test]
fn every_kind_of_record_has_its_columns() {
    let env = env();
    env.copy_fixture("rent");
    let head = |path: &str| {
        let rows = table(&env.tieout(&["parse", path, "--to", "csv"]).expect_code(0).stdout);
        (rows.len() - 1, rows[0].join(","), rows[1].join(","))
    };
    let shown = [
        head("rent/electricity_bills_history.txt"),
        head("rent/rent_config.csv"),
        head("rent/tenants.csv"),
        head("rent/data/rent_history/2025_02_v10.json"),
    ];
    insta::assert_snapshot!("parse_tables", shown.map(|(n, header, first)| format!("{n} rows\n{header}\n{first}\n")).join("\n"));
}

#[test]
fn a_job_says_how_its_files_are_read() {
    let env = env();
    env.copy_fixture("bring-your-own");
    env.copy_fixture("exec");
    let rows = |path: &str, job: &str| table(&env.tieout(&["parse", path, "--job", job, "--to", "csv"]).expect_code(0).stdout);
    let bank = rows("bring-your-own/bank.csv", "bring-your-own");
    assert_eq!(bank[1], ["2025-10-01", "Elräkning; Vattenfall", "-1632", "10368", "bring-your-own/bank.csv", "2"]);
    assert_eq!(rows("bring-your-own/readings.xlsx", "bring-your-own/tieout.toml").len(), 4);
    assert_eq!(rows("bring-your-own/ledger.txt", "bring-your-own").len(), 5);
    assert_eq!(rows("exec/bills.edi", "exec").len(), 3);
    assert!(!env.path("bring-your-own/bring-your-own.db").exists() && !env.path("tieout-reports").exists());
    let json = env.tieout(&["parse", "bring-your-own/ledger.txt", "--job", "bring-your-own", "--json"]).expect_code(0).json();
    assert_eq!(
        (&json["format"], &json["read"], &json["records"][3]["values"]["note"]),
        (&"fixed".into(), &5.into(), &"Hyra oktober".into())
    );

    // Elsewhere, and packed.
    let packed = |to: &str| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&std::fs::read(env.path("bring-your-own/ledger.txt")).unwrap()).unwrap();
        env.write(to, gz.finish().unwrap());
    };
    packed("elsewhere/old.txt.gz");
    let named = ["parse", "elsewhere/old.txt.gz", "--job", "bring-your-own", "--source", "ledger"];
    assert_eq!(env.tieout(&named).expect_code(0).stdout.lines().count(), 4);
    packed("elsewhere/ledger.txt");
    let run = env.tieout(&["parse", "elsewhere/ledger.txt", "--job", "bring-your-own", "--root", "elsewhere"]).expect_code(3);
    assert!(run.stderr.contains("not-decodable"), "{}", run.stderr);
}

#[test]
fn which_source_is_meant_is_never_guessed() {
    let env = env();
    env.write("tieout.toml", JOB);
    for path in ["notes/both.csv", "other.csv", "third.csv"] {
        env.write(path, "n,text,amount\n1,x,2\n");
    }
    let words = |args: &[&str]| env.tieout(&[&["parse"], args].concat()).expect_code(2).normalised();
    insta::assert_snapshot!(
        "parse_which_source",
        [
            words(&["third.csv", "--job", "."]),
            words(&["notes/both.csv", "--job", "."]),
            words(&["notes/both.csv", "--job", ".", "--source", "notess"]),
            words(&["notes/both.csv", "--job", ".", "--root", "notes"]),
            words(&["notes/both.csv", "--source", "notes"]),
            words(&["notes/both.csv", "--job", ".", "--format", "csv"]),
            words(&["other.csv", "--job", "nowhere"]),
        ]
        .join("\n")
    );
    for args in [["notes/both.csv", "--source", "all"], ["third.csv", "--source", "all"], ["other.csv", "--to", "jsonl"]] {
        let run = env.tieout(&[&["parse", "--job", "."], &args[..]].concat()).expect_code(0);
        assert!(run.stdout.contains(r#""values":{"amount":"2","n":"1","text":"x"}"#), "{}", run.stdout);
    }
    let run = env.tieout(&["parse", "other.csv", "--job", ".", "--to", "csv", "--json"]).expect_code(2);
    assert_eq!(run.json()["exit_code"], 2);
}

#[test]
fn a_table_is_written_as_far_as_it_is_read() {
    let env = env();
    env.copy_fixture("rent");
    let bills = env.read("rent/electricity_bills_history.txt");
    env.write("bills.txt", bills.repeat(200));
    for to in ["jsonl", "csv"] {
        let script = format!("{} parse bills.txt --to {to} | head -n 2", env!("CARGO_BIN_EXE_tieout"));
        let output = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &script]).current_dir(env.path("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
        let script = format!("{} parse bills.txt --to {to} > /dev/full", env!("CARGO_BIN_EXE_tieout"));
        let output = std::process::Command::new("bash").args(["-c", &script]).current_dir(env.path("")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
