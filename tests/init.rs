//! A job file from the files in a folder: it runs as it is written, and says what it could not tell.

use crate::rent::finding;
use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};

/// `tieout init DIR`, then two runs: the first commits, the second has nothing to do. Gives the job file.
#[track_caller]
fn ties_out(env: &TestEnv, dir: &str) -> String {
    let url = env.database.url();
    env.tieout(&["init", dir]).expect_code(0);
    let run = || env.tieout(&["run", dir, "--database", &url, "--json"]).expect_code(0).json();
    assert_eq!(run()["run"]["status"], "committed");
    let before = env.database.dump();
    assert_eq!(run()["run"]["status"], "unchanged");
    assert_eq!(env.database.dump(), before);
    env.read(&format!("{dir}/tieout.toml"))
}

fn env() -> TestEnv {
    TestEnv::new(Kind::Sqlite)
}

fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| if c == '€' { 0x80 } else { u8::try_from(u32::from(c)).unwrap() }).collect()
}

/// Every kind of file that is not a workbook, and some that are nothing.
fn mixed(env: &TestEnv) {
    env.write(
        "mixed/konto.csv",
        windows_1252(
            "Datum;Mottagare;Belopp (kr);Öre?\r\n31.01.2025;Åsa;-1 632,50;ja\r\n01.02.2025;\"Bo; Co\";12,00;nej\r\n28.02.2025;Bo;;ja\r\n",
        ),
    );
    env.write("mixed/meters.tsv", "meter_id\tread at\tkWh\nm1\t2025-10-01 11:53\t1,234.5\nm2\t2025-10-01 12:00\t12.25\n");
    env.write(
        "mixed/events.jsonl",
        "{\"id\": 1, \"at\": {\"day\": \"2025-10-01\"}, \"ok\": true}\n{\"id\": 2, \"at\": {\"day\": null}, \"ok\": false}\n",
    );
    env.write("mixed/api.json", r#"{ "page": 1, "data": { "short": [{"x": 1}], "items": [ {"id": "a", "money": {"sum": 1.50}, "tags": [1]}, {"id": "b", "money": {"sum": 20}, "tags": []} ] } }"#);
    env.write("mixed/ledger.txt", "KONTO DATUM           BELOPP TEXT\n----- ---------- ----------- ----\n1930  2025-10-01    -1632,00 Elräkning\n1930  2025-10-03    24530,50 Hyra oktober\n");
    env.write("mixed/bare.csv", "0101,2025-10-01,5\n1930,2025-10-02,6\n");
    env.write("mixed/sums/2025-01.csv", "id,sum\n1,10\n2,20\n");
    env.write("mixed/sums/2025-02.csv", "id,sum\n2,20\n3,30.5\n");
    env.write("mixed/photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01");
    env.write("mixed/empty.csv", "");
    env.write("mixed/letter.txt", "Dear all,\nthe rent is due on Friday, as always.\n\nYours, Bo\n");
    env.write("mixed/torn.csv", "a,b\n1,2\n3,4\n5\n");
    env.write("mixed/node_modules/x.csv", "a,b\n1,2\n");
    env.write("mixed/.hidden.csv", "a,b\n1,2\n");
}

on_both! {
    fn a_bank_export_a_workbook_and_a_ledger_run_without_a_word_written_by_hand(env) {
        env.copy_fixture("bring-your-own");
        std::fs::remove_file(env.path("bring-your-own/tieout.toml")).unwrap();
        insta::assert_snapshot!("init_bring_your_own", ties_out(env, "bring-your-own"));
        let value = |sql: &str| env.database.value(sql);
        assert_eq!(value("SELECT count(*) FROM bank"), "4");
        assert_eq!(value("SELECT sum(belopp) FROM bank"), "23298.5");
        assert_eq!(value("SELECT sum(belopp) FROM ledger"), "23298.5");
        assert_eq!(value("SELECT count(*) FROM ledger"), "4");
        assert_eq!(env.database.rows("SELECT matare, avlast, kwh FROM readings ORDER BY matare")[1], ["m2", "2025-10-01", "17.25"]);
    }

    fn a_mixed_folder_is_imported_whole_and_what_is_not_is_named(env) {
        mixed(env);
        let job = ties_out(env, "mixed");
        assert_eq!(env.database.rows("SELECT datum, mottagare, belopp_kr, ore FROM konto ORDER BY datum"), [
            ["2025-01-31", "Åsa", "-1632.5", "1"],
            ["2025-02-01", "Bo; Co", "12", "0"],
            ["2025-02-28", "Bo", "NULL", "1"],
        ]);
        assert_eq!(env.database.rows("SELECT meter_id, kwh FROM meters ORDER BY 1"), [["m1", "1234.5"], ["m2", "12.25"]]);
        assert_eq!(env.database.rows("SELECT id, at_day, ok FROM events ORDER BY 1"), [["1", "2025-10-01", "1"], ["2", "NULL", "0"]]);
        assert_eq!(env.database.rows("SELECT id, money_sum FROM api ORDER BY 1"), [["a", "1.5"], ["b", "20"]]);
        assert_eq!(env.database.rows("SELECT konto, datum, belopp, text FROM ledger ORDER BY 2")[1], ["1930", "2025-10-03", "24530.5", "Hyra oktober"]);
        assert_eq!(env.database.rows("SELECT column_1, column_2, column_3 FROM bare ORDER BY 1")[0], ["0101", "2025-10-01", "5"], "a leading zero stays");
        assert_eq!(env.database.value("SELECT sum(sum) FROM sums"), "60.5", "a row that both files have is one");
        assert!(job.contains("files = [\"sums/*.csv\"]"), "{job}");
        for (file, why) in [
            ("photo.jpg", "no text, no workbook"),
            ("empty.csv", "empty"),
            ("letter.txt", "text in which no columns can be told apart"),
            ("torn.csv", "line 4 has 1 field parted by `,` where most have 2"),
        ] {
            assert!(job.contains(&format!("#   {file}: {why}")), "{file}: {why}\n{job}");
        }
        for nobody in ["node_modules", "hidden"] {
            assert!(!job.contains(nobody), "{job}");
        }
    }

    fn the_rent_archive_is_recognised(env) {
        env.copy_fixture("rent");
        std::fs::remove_file(env.path("rent/tieout.toml")).unwrap();
        env.tieout(&["init", "rent"]).expect_code(0);
        let job = env.read("rent/tieout.toml");
        for line in [
            "format = \"rent-history-json\"\nfiles = [\"data/rent_history/*.json\"]",
            "format = \"electricity-bills-text\"\nfiles = [\"electricity_bills_history.txt\"]",
            "name = \"tenants\"\nformat = \"csv\"\nfiles = [\"tenants.csv\"]",
            "name = \"rent-config\"\nformat = \"csv\"\nfiles = [\"rent_config.csv\"]",
            "dir = \"migrations\"",
        ] {
            assert!(job.contains(line), "{line}\n{job}");
        }
        // One file says the wrong month: the run finds it, and without it everything ties out.
        finding(&env.run_job(&[]).json(), "mislabelled-file");
        std::fs::remove_file(env.path("rent/data/rent_history/2023_11_v1.json")).unwrap();
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["tables"]["RentLedger"]["inserted"], 31);
    }
}

#[test]
fn the_archive_without_its_schema_says_which_tables_must_be_there() {
    let env = env();
    env.copy_fixture("rent");
    std::fs::remove_file(env.path("rent/tieout.toml")).unwrap();
    std::fs::remove_dir_all(env.path("rent/migrations")).unwrap();
    let said = env.tieout(&["init", "rent"]).expect_code(0).stdout;
    assert!(said.contains("tieout run rent --database URL"), "{said}");
    assert!(said.contains("must have the app's tables: Tenant, RentConfig, RentLedger, ElectricityBill"), "{said}");
    assert!(env.read("rent/tieout.toml").contains("\n# database = \"sqlite:rent.db\""));
    env.tieout(&["run", "rent"]).expect_code(2);
}

#[test]
fn a_table_that_looks_like_the_archives_is_a_table_of_its_own_where_there_is_no_archive() {
    let env = env();
    env.write("plain/settings.csv", "key,period,value\nvat,2025-10,25\n");
    ties_out(&env, "plain");
    assert_eq!(env.database.rows("SELECT key, value FROM settings"), [["vat", "25"]]);
}

#[test]
fn days_and_amounts_with_two_readings_are_said() {
    let env = env();
    env.write("dates/a.csv", "id,paid\n1,01/02/2025\n2,03/04/2025\n");
    env.write("dates/b.csv", "id,due,paid\n1,12/31/2025,01/02/2025\n2,03/04/2025,03/04/2025\n");
    env.write("dates/c.csv", "id;amount\n1;1.632\n2;2.000\n");
    env.write("dates/d.csv", "id;amount;what\n1;1.632;x\n2;2.000,50;y\n");
    let job = ties_out(&env, "dates");
    assert!(job.contains("# look here: the days of `paid` fit both %d/%m/%Y and %m/%d/%Y"), "{job}");
    assert!(job.contains("# look here: the numbers of `amount` can be read in two ways"), "{job}");
    assert!(job.contains("come to 3.632; read the other way they would come to 3632"), "{job}");
    assert_eq!(job.matches("look here: the days of").count(), 1, "where another column settles it, there is no doubt");
    assert_eq!(job.matches("look here: the numbers of").count(), 1, "{job}");
    assert_eq!(env.database.rows("SELECT due, paid FROM b ORDER BY 1"), [["2025-03-04", "2025-03-04"], ["2025-12-31", "2025-01-02"]]);
    assert_eq!(env.database.value("SELECT amount FROM d WHERE id = 2"), "2000.5");
}

#[test]
fn files_of_one_kind_are_one_source_and_others_are_not() {
    let env = env();
    for (month, rows) in [("01", "1,rent,10\n2,el,20\n"), ("02", "3,7,10.5\n4,8,20\n")] {
        env.write(&format!("x/bank-2025-{month}.csv"), format!("id,note,sum\n{rows}"));
    }
    env.write("x/other.csv", "id,note,sum\n1,rent,many\n");
    let job = ties_out(&env, "x");
    assert!(job.contains("files = [\"bank-*.csv\"]") && job.contains("files = [\"other.csv\"]"), "{job}");
    assert_eq!(env.database.rows("SELECT id, note FROM bank WHERE id = 3"), [["3", "7"]]);
    env.write("y/title.csv", "Statement 2025\n\nday;sum\n2025-01-01;1,5\n2025-01-02;2,5\n2025-01-03;2,5\n");
    let none = env.tieout(&["init", "y"]).expect_code(2).stderr;
    assert!(none.contains("title.csv: line 1 has 1 field parted by `;` where most have 2; what stands above"), "{none}");
}

#[test]
fn a_job_file_that_stands_there_is_not_touched() {
    let env = env();
    env.write("x/a.csv", "id,n\n1,2\n2,3\n");
    env.write("x/tieout.toml", "mine");
    let run = env.tieout(&["init", "x"]).expect_code(2);
    assert!(run.stderr.contains("x/tieout.toml is there already") && run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(env.tieout(&["init", "x", "--json"]).expect_code(2).json()["exit_code"], 2);
    assert_eq!(env.read("x/tieout.toml"), "mine");
    env.tieout(&["init", "x", "--force"]).expect_code(0);
    assert!(env.read("x/tieout.toml").contains("[[source]]"));
}

#[test]
fn what_is_said_fits_who_asks() {
    let env = env();
    mixed(&env);
    let said = env.tieout(&["init", "mixed"]).expect_code(0).stdout;
    insta::assert_snapshot!("init_says", said);
    let quiet = env.tieout(&["init", "mixed", "--force", "-q"]).expect_code(0);
    assert_eq!(quiet.stdout + &quiet.stderr, "");
    let json = env.tieout(&["init", "mixed", "--force", "--json"]).expect_code(0).json();
    assert_eq!(
        (json["next"].as_str(), json["files"].as_array().map(Vec::len), json["left_out"].as_array().map(Vec::len)),
        (Some("tieout run mixed"), Some(8), Some(4))
    );
    env.write("nothing/photo.jpg", b"\xff\xd8\0");
    let none = env.tieout(&["init", "nothing"]).expect_code(2);
    assert!(none.stderr.contains("photo.jpg: no text, no workbook"), "{}", none.stderr);
    assert!(!env.path("nothing/tieout.toml").exists());
}

#[test]
fn links_out_of_the_folder_are_left_out_and_said() {
    let env = env();
    env.write("secret.csv", "id,n\n1,2\n2,3\n");
    env.write("x/a.csv", "id,n\n1,2\n2,3\n");
    env.write("x/c.csv", "id,n\n3,4\n4,5\n");
    std::os::unix::fs::symlink(env.path("secret.csv"), env.path("x/b.csv")).unwrap();
    let job = ties_out(&env, "x");
    assert!(job.contains("files = [\"a.csv\", \"c.csv\"]") && job.contains("b.csv: a link to"), "{job}");
}

#[test]
fn a_named_pipe_is_left_out_and_said() {
    let env = env();
    env.write("x/a.csv", "id,n\n1,2\n2,3\n");
    assert!(std::process::Command::new("mkfifo").arg(env.path("x/b.csv")).status().unwrap().success());
    let job = ties_out(&env, "x");
    assert!(job.contains("files = [\"a.csv\"]") && job.contains("b.csv: a named pipe, and no file"), "{job}");
}

#[test]
fn packed_files_odd_names_and_hostile_headers_make_a_job_that_runs() {
    use std::io::Write;
    let env = env();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(b"id,n\n1,2\n2,3\n").unwrap();
    env.write("odd/packed.csv.gz", gz.finish().unwrap());
    env.write("odd/a [1] \"x\".csv", "\"a \"\"b\"\" \\\",select,select,,x'; drop\n1,a,b,,\n2,a,c,,\n");
    env.write(
        "odd/long.csv",
        format!("id,personal,long\n{}", (0..30).map(|n| format!("{n},0{n}0101-1234,12345678901234567{n:02}\n")).collect::<String>()),
    );
    env.write("odd/same.csv", "text,sum\na,1.5\na,1.5\nb,-\n");
    let job = ties_out(&env, "odd");
    assert!(job.contains("unique in all 30 rows.") && job.contains("`select` more than once"), "{job}");
    assert!(job.contains("nulls = [\"\", \"-\"]") && job.contains("key = [\"text\", \"nth\"]"), "{job}");
    assert_eq!(env.database.value("SELECT long FROM long WHERE id = 1"), "1234567890123456701");
}
