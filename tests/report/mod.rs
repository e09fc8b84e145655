//! The report in all its renderings: what it shows, that it is the same wherever it is written, and that nothing from a file
//! comes alive in it.

mod browser;
mod inert;
mod large;
mod safety;
mod schema;

use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use browser::look;
use calamine::{Data, Reader, Xlsx, open_workbook};
use regex_lite::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every file below a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    entries.map(|e| (e.path().strip_prefix(folder).unwrap().display().to_string(), std::fs::read(e.path()).unwrap())).collect()
}

/// A rendering without what is allowed to differ between databases: run identity, times, the database's name and what was
/// asked of the server, and the hashes of schema steps, which are other files.
fn without_identity(name: &str, bytes: &[u8]) -> String {
    let mut text = String::from_utf8(bytes.to_vec()).unwrap();
    if name == "report.json" {
        let mut outcome: Value = serde_json::from_str(&text).unwrap();
        for key in ["run", "preflight", "report", "migrations"] {
            outcome[key] = Value::Null;
        }
        return outcome.to_string();
    }
    if name == "index.html" {
        let around = Regex::new(r#"(?s)<details id="around".*?</details>"#).unwrap();
        text = around.replace(&text, "").into();
        let digest = Regex::new(r#"<pre id="digest">[0-9a-f]{64}</pre>"#).unwrap();
        text = digest.replace(&text, "").into();
        let sealed = Regex::new(r"<dt>Digest of the run( before)?</dt><dd>[^<]*</dd>").unwrap();
        text = sealed.replace_all(&text, "").into();
    }
    for pattern in [r"(sqlite|postgres)(ql)?(:|&#58;)[^<,\s|]*", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"] {
        text = Regex::new(pattern).unwrap().replace_all(&text, "…").into();
    }
    text
}

const ALL: [&str; 2] = ["--format", "xlsx,csv,md"];

#[test]
fn a_run_is_rendered_to_the_same_bytes_twice_and_on_both_databases() {
    let mut by_database = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let env = TestEnv::new(kind);
        env.copy_fixture("rent");
        env.run_job(&ALL).expect_code(0);
        let url = env.database.url();
        let again = |folder: &str| {
            env.tieout(&[&["report", "1", "--database", &url, "--report", folder], &ALL[..]].concat()).expect_code(0);
            files(&env.path(folder))
        };
        let (first, second) = (again("one"), again("two"));
        let names: Vec<&str> = first.keys().map(String::as_str).collect();
        assert!(
            ["index.html", "report.json", "report.txt", "report.md", "report.xlsx", "csv/ledger.csv"].iter().all(|n| names.contains(n)),
            "{names:?}"
        );
        for (name, bytes) in files(&env.path("tieout-reports/rent-1")) {
            assert!(first[&name] == bytes && second[&name] == bytes, "{name} is not the same when it is written again");
        }
        // A later run changes nothing about the report of an earlier one.
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        env.replace("rent/tieout.toml", "\"92941\"", "\"92942\"");
        env.run_job(&[]).expect_code(0);
        for (name, bytes) in again("three") {
            assert!(first[&name] == bytes, "{name} of run 1 is another since run 2");
        }
        let rows = std::fs::read_to_string(env.path("three/csv/bills.csv")).unwrap();
        assert!(rows.contains("1632,") && !rows.contains("1633"));
        by_database.push(first);
    }
    let [sqlite, postgres] = &by_database[..] else { panic!() };
    for (name, bytes) in sqlite.iter().filter(|(name, _)| *name != "report.txt" && *name != "report.xlsx") {
        let (one, other) = (without_identity(name, bytes), without_identity(name, &postgres[name]));
        let differs = one.lines().zip(other.lines()).find(|(a, b)| a != b);
        assert!(one == other, "{name} differs between the databases: {differs:#?}");
    }
    let sheets = |files: &BTreeMap<String, Vec<u8>>| {
        let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(files["report.xlsx"].clone())).unwrap();
        book.worksheets()
            .into_iter()
            .filter(|(name, _)| name != "summary")
            .map(|(name, range)| (name, format!("{range:?}")))
            .collect::<Vec<_>>()
    };
    assert_eq!(sheets(sqlite), sheets(postgres));
}

on_both! {
    fn the_workbook_holds_what_the_database_holds_as_numbers_and_days(env) {
        env.copy_fixture("rent");
        env.run_job(&ALL).expect_code(0);
        let mut book: Xlsx<_> = open_workbook(env.path("tieout-reports/rent-1/report.xlsx")).unwrap();
        let names = book.sheet_names();
        for name in ["summary", "controls", "checks", "differences", "ledger", "bills", "files", "rejects", "changes"] {
            assert!(names.iter().any(|n| n == name), "no sheet {name} among {names:?}");
        }
        let bills = book.worksheet_range("bills").unwrap();
        let heads: Vec<String> = bills.rows().next().unwrap().iter().map(ToString::to_string).collect();
        let at = |name: &str| heads.iter().position(|h| h == name).unwrap();
        let mut shown: BTreeSet<(String, String, String)> = BTreeSet::new();
        for row in bills.rows().skip(1) {
            let Data::Float(amount) = row[at("amount")] else { panic!("{:?} is no number", row[at("amount")]) };
            let Data::DateTime(day) = row[at("billDate")] else { panic!("{:?} is no day", row[at("billDate")]) };
            let (year, month, day, ..) = day.to_ymd_hms_milli();
            shown.insert((row[at("provider")].to_string(), format!("{year:04}-{month:02}-{day:02}"), amount.to_string()));
        }
        let held = env.database.rows("SELECT provider, \"billDate\", amount FROM \"ElectricityBill\"");
        let held: BTreeSet<_> = held.into_iter().map(|r| (r[0].clone(), r[1][..10].to_owned(), r[2].clone())).collect();
        assert_eq!(shown, held);
        let ledger = book.worksheet_range("ledger").unwrap();
        assert_eq!(ledger.height(), 32, "31 rows and a heading");
        assert!(ledger.rows().any(|r| r.contains(&Data::String("Adam".into())) && r.contains(&Data::Float(4526.0))));
    }

    fn the_account_goes_from_the_files_to_the_closing_total(env) {
        env.copy_fixture("rent");
        let account = env.run_job(&[]).expect_code(0).json()["account"].clone();
        let control = |account: &Value, table: &str, figure: &str| {
            let all = account["controls"].as_array().unwrap();
            all.iter().find(|c| c["table"] == table && c["figure"] == figure).unwrap_or_else(|| panic!("{table} {figure}: {all:#?}")).clone()
        };
        let stages = |c: &Value| ["stated", "counted", "read_back", "opening", "added", "corrected", "removed", "closing"].map(|k| c[k].as_str().unwrap_or("–").to_owned());
        assert_eq!(stages(&control(&account, "ElectricityBill", "amount")), ["92941", "92941", "92941", "0", "92941", "0", "0", "92941"]);
        assert_eq!(stages(&control(&account, "RentLedger", "rows")), ["31", "31", "31", "0", "31", "0", "0", "31"]);
        assert!(account["controls"].as_array().unwrap().iter().all(|c| c["foots"] == true));
        assert_eq!((&account["from"], &account["to"]), (&"2023-03".into(), &"2025-09".into()));
        let effects: Vec<_> = account["superseded"].as_array().unwrap().iter().map(|s| (s["path"].as_str().unwrap(), s["effect"].as_str().unwrap())).collect();
        assert!(effects.contains(&("data/rent_history/2025_02_v9.json", "3")) && effects.len() == 7, "{effects:?}");
        let quote = account["quotes"]["electricity_bills_history.txt"].as_object().unwrap();
        assert!(quote.values().any(|line| line == "2025-10-01\t1632 kr"), "{quote:#?}");
        assert!(account["by"].as_str().unwrap().contains('@'));

        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        env.replace("rent/tieout.toml", "\"92941\"", "\"92942\"");
        let account = env.run_job(&[]).expect_code(0).json()["account"].clone();
        assert_eq!(stages(&control(&account, "ElectricityBill", "amount")), ["92942", "92942", "92942", "92941", "0", "1", "0", "92942"]);
        let change = &account["changes"]["listed"][0];
        assert_eq!((&change["before"]["amount"], &change["after"]["amount"]), (&"1632".into(), &"1633".into()));
    }

    fn who_writes_behind_our_back_does_not_foot(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        // The trigger leaves our own columns as they are, and adds a row of its own.
        let insert = "INSERT INTO \"ElectricityBill\" (id, provider, \"billDate\", amount, \"billPeriod\", \"updatedAt\") \
                      VALUES ('stowaway', 'nobody', '2020-01-01', 5, '2020-01-01', '2020-01-01')";
        match env.database.kind {
            Kind::Sqlite => env.database.execute(&format!("CREATE TRIGGER more AFTER UPDATE ON \"ElectricityBill\" BEGIN {insert}; END")),
            Kind::Postgres => env.database.execute(&format!(
                "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert}; RETURN NULL; END $$; \
                 CREATE TRIGGER more AFTER UPDATE ON \"ElectricityBill\" FOR EACH ROW EXECUTE FUNCTION more()"
            )),
        }
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        let outcome = env.run_job(&[]).json();
        let found = crate::rent::finding(&outcome, "does-not-foot");
        assert!(found["message"].as_str().unwrap().contains("of ElectricityBill: "), "{found:#}");
    }

    fn a_failed_run_can_be_written_again_in_any_rendering(env) {
        env.copy_fixture("rent");
        env.replace("rent/tieout.toml", "\"92941\"", "\"92940\"");
        env.run_job(&[]).expect_code(1);
        let url = env.database.url();
        env.tieout(&[&["report", "--database", &url, "--report", "again", "--lang", "sv"], &ALL[..]].concat()).expect_code(0);
        let (page, summary) = (env.read("again/index.html"), env.read("again/csv/summary.csv"));
        assert!(page.contains("<html lang=\"sv\">") && page.contains("<h1>Det stämmer inte: inget skrevs</h1>"), "{}", &page[..3000]);
        assert!(summary.contains("Det stämmer inte: inget skrevs"));
        let account: Value = serde_json::from_str(&env.read("again/report.json")).unwrap();
        let bills = account["account"]["controls"].as_array().unwrap().iter().find(|c| c["table"] == "ElectricityBill" && c["figure"] == "amount").unwrap().clone();
        assert_eq!((&bills["counted"], &bills["closing"], &bills["read_back"]), (&"92941".into(), &"0".into(), &Value::Null), "nothing of it stands");
        assert_eq!(account["account"]["changes"]["counts"], serde_json::json!({}));
    }
}

#[test]
fn what_an_auditor_asks_is_answered_of_a_run_that_failed_too() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.replace("rent/rent_config.csv", "el,2025-09,2424", "el,2025-09,2400");
    env.run_job(&[]).expect_code(1);
    let page = env.read("tieout-reports/rent-1/index.html");
    for words in [
        "<h1>It does not tie out: nothing was written</h1>",
        "1 of those that do not agree must hold",
        "2023-03 – 2025-09",
        "Job file SHA-256",
        "18 of 18 files foot",
        "Control totals",
        "Mapping and rules",
        "the bills are whole kronor",
        "electricity-vs-config · 2025-09: 2424 / 2400 (24)",
        "2025-10-01\t1632 kr",
        "not netted",
        "Superseded versions",
        "recalculated and equal; the roll-forward foots",
        "Limitations",
        "Preparer",
    ] {
        assert!(page.contains(words), "the page does not say {words}");
    }
    for words in ["id=\"sample\"", "drawn by the seed"] {
        assert!(!page.contains(words), "of a run that wrote nothing there is nothing to draw: {words}");
    }
}

#[test]
fn a_reader_can_work_with_the_page() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    let page = env.path("tieout-reports/rent-1/index.html");
    let seen = look(&page, None);
    holds_up(&seen);
    assert_eq!(seen["heading"], "It ties out, with exceptions to look at");
    let work = |grid: &str, key: &str| seen["work"][grid][key].clone();
    let grid = |title: &str| {
        seen["grids"].as_array().unwrap().iter().find(|g| g[1] == title).unwrap_or_else(|| panic!("no {title}"))[0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let bills = grid("ElectricityBill");
    let amounts =
        |key: &str| -> Vec<u32> { work(&bills, key).as_array().unwrap().iter().map(|t| t.as_str().unwrap().parse().unwrap()).collect() };
    let (up, down) = (amounts("ascending"), amounts("descending"));
    assert!(up.is_sorted() && down.is_sorted_by(|a, b| a >= b) && up[0] == 305 && down[0] == 3624, "{up:?} {down:?}");
    for (_, done) in seen["work"].as_object().unwrap() {
        assert_eq!((&done["expanded"], &done["collapsed"]), (&"true".into(), &0.into()), "{done:#}");
        assert!(done["nothing"].as_str().unwrap().starts_with("0 of "), "{done:#}");
        assert!(done["filtered"].is_null() || done["filtered"][1] == serde_json::json!([true]), "{done:#}");
    }
    let detail = work(&bills, "detail");
    let detail = detail.as_str().unwrap();
    let file = env.read("rent/electricity_bills_history.txt");
    let place = Regex::new(r"electricity_bills_history\.txt:(\d+):1").unwrap();
    let line: usize = place.captures(detail).unwrap()[1].parse().unwrap();
    assert!(detail.contains(file.lines().nth(line - 1).unwrap()), "the quoted line is that of the file: {detail}");
    assert!(detail.contains(&format!("SHA-256 {}", tieout::digest::sha256(&file))));
    assert_eq!(work("g-checks", "paged"), true);
    let card = seen["card"].as_str().unwrap();
    assert!(card.contains("residency") && card.contains("2025_08_v1.json"), "{card}");
    // Everything an auditor looks for, also when nothing but the page's text is read.
    let text = seen["text"].as_str().unwrap().to_owned() + seen["without_script"].as_str().unwrap();
    for words in [
        "106 comparisons were made",
        "not netted",
        "Period",
        "2023-03 – 2025-09",
        "SEK",
        "Run by",
        "Job file SHA-256",
        "Control totals",
        "Read back",
        "Opening",
        "Closing",
        "Foots",
        "18 of 18 files foot",
        "Row to file",
        "Mapping and rules",
        "the highest version of a month counts",
        "sum of ElectricityBill.amount, by billPeriod, equals RentConfig[el]",
        "the bills are whole kronor",
        "Superseded versions",
        "Changes of this run",
        "amountPaid of each",
        "Limitations",
        "Digest of the run",
        "drawn by the seed 1",
        "prove nothing",
        "Preparer",
        "Reviewer",
        "✓",
    ] {
        assert!(text.contains(words), "the page does not say {words}");
    }
    let json = env.read("tieout-reports/rent-1/report.json");
    assert!(text.contains(&tieout::digest::sha256(json)), "the sign-off is bound to the model");
    assert!(seen["pdf_pages"].as_u64().unwrap() >= 3);
}

/// No error, no request, no hurdle, nothing wider than the window, and not slow.
#[track_caller]
fn holds_up(seen: &Value) {
    assert_eq!(seen["errors"], serde_json::json!([]));
    assert_eq!(seen["requests"], serde_json::json!([]));
    assert_eq!(seen["dialogs"], 0);
    for (how, found) in seen["violations"].as_object().unwrap() {
        assert_eq!(*found, serde_json::json!([]), "{how}");
    }
    assert_eq!(seen["violations"].as_object().unwrap().len(), 4);
    for (width, wide) in seen["widths"].as_object().unwrap() {
        assert_eq!(wide.to_string(), *width, "the page is wider than a window of {width} pixels");
    }
}
