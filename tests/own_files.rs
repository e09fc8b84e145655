//! Files that a newcomer brings, in tables that the job declares.

use crate::rent::finding;
use crate::support::on_both;

on_both! {
    fn a_bank_export_a_workbook_and_a_fixed_width_ledger_tie_out(env) {
        env.copy_fixture("bring-your-own");
        let url = env.database.url();
        let outcome = env.tieout(&["run", "bring-your-own", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(outcome["run"]["status"], "committed");
        let bank = "SELECT booked, text, amount, nth, balance FROM bank_line ORDER BY balance";
        assert_eq!(env.database.rows(bank)[0], ["2025-10-01", "Elräkning; Vattenfall", "-1632", "1", "10368"]);
        assert_eq!(env.database.rows(bank)[2], ["2025-10-01", "Swish från Åsa", "200", "2", "10768"], "the second of two equal payments");
        assert_eq!(env.database.rows("SELECT meter, read_on, kwh, final FROM reading ORDER BY meter"), [
            ["m1", "2025-10-01", "1234.5", "1"],
            ["m2", "2025-10-01", "17.25", "NULL"],
            ["m3", "2025-10-02", "0.3", "0"],
        ]);
        assert_eq!(env.database.value("SELECT count(*) FROM ledger_line"), "4");
        let before = env.database.dump();
        let outcome = env.tieout(&["run", "bring-your-own", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(outcome["run"]["status"], "unchanged");
        assert_eq!(env.database.dump(), before);
    }

    fn packed_files_and_members_of_archives_are_read_as_what_they_hold(env) {
        use std::io::Write;
        env.copy_fixture("rent");
        let bills = env.read("rent/electricity_bills_history.txt");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(bills.as_bytes()).unwrap();
        let packed = gz.finish().unwrap();
        env.write("rent/bills.txt.gz", &packed);
        let mut archive = zip::ZipWriter::new(std::fs::File::create(env.path("rent/history.zip")).unwrap());
        for entry in std::fs::read_dir(env.path("rent/data/rent_history")).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("rent/{}", path.file_name().unwrap().to_string_lossy());
            archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(&std::fs::read(path).unwrap()).unwrap();
        }
        archive.finish().unwrap();
        std::fs::remove_dir_all(env.path("rent/data")).unwrap();
        std::fs::remove_file(env.path("rent/electricity_bills_history.txt")).unwrap();
        env.replace("rent/tieout.toml", "\"electricity_bills_history.txt\"", "\"bills.txt.gz\"");
        env.replace("rent/tieout.toml", "data/rent_history/", "history.zip/rent/");
        let outcome = env.run_job(&[]).expect_code(0).json();
        assert_eq!(outcome["tables"]["RentLedger"]["inserted"], 31);
        assert_eq!(outcome["tables"]["ElectricityBill"]["inserted"], 62);
        assert!(outcome["sources"].as_array().unwrap().iter().any(|s| s["path"] == "history.zip/rent/2025_02_v10.json"));
        env.write("rent/bills.txt.gz", &packed[..packed.len() - 20]);
        let outcome = env.run_job(&[]).expect_code(3).json();
        assert_eq!(finding(&outcome, "bad-archive")["path"], "bills.txt.gz");
    }

    fn a_program_in_python_reads_what_no_format_does(env) {
        env.copy_fixture("exec");
        let url = env.database.url();
        let run = |code| env.tieout(&["run", "exec", "--database", &url, "--json"]).expect_code(code).json();
        run(0);
        assert_eq!(env.database.rows("SELECT provider, amount FROM bill ORDER BY provider"), [["fortum", "792.5"], ["vattenfall", "1632"]]);
        assert_eq!(run(0)["run"]["status"], "unchanged");
        let before = env.database.dump();
        env.write("exec/bills.edi", "BEGIN*1\nVATTENFALL*20251001*16x\nFORTUM*20251001\n");
        let outcome = run(3);
        let error = finding(&outcome, "exec-error");
        assert_eq!((error["line"].as_i64(), error["column"].as_i64(), error["hint"].as_str()), (Some(2), Some(21), Some("digits only")));
        for (program, code) in [
            ("print('{\"line\": 1, \"ignored\": \"x\"}')", "exec-silent"),
            ("print('hello')", "exec-protocol"),
            ("for i in range(2): print('{\"line\": 1, \"ignored\": \"x\"}')", "exec-protocol"),
            ("import sys; sys.exit('no such thing')", "exec-failed"),
            ("import time; time.sleep(60)", "exec-failed"),
        ] {
            env.write("exec/read.py", program);
            env.write("exec/tieout.toml", env.read("exec/tieout.toml").replace("seconds = 20", "seconds = 1"));
            finding(&run(3), code);
        }
        assert_eq!(env.database.dump(), before);
        env.replace("exec/tieout.toml", "allow_exec = true", "allow_exec = false");
        let run = env.tieout(&["run", "exec", "--database", &url]).expect_code(2);
        assert!(run.stderr.contains("which the job does not allow"), "{}", run.stderr);
    }

    fn keys_that_differ_in_letters_alone_are_different_rows(env) {
        env.copy_fixture("bring-your-own");
        let url = env.database.url();
        let run = || env.tieout(&["run", "bring-your-own", "--database", &url, "--json"]).expect_code(0).json();
        run();
        env.replace("bring-your-own/tieout.toml", "rows = 4\nsum = { amount = \"23298.50\" }", "sum = { amount = \"23299.50\" }");
        env.replace("bring-your-own/ledger.txt", "1930  2025-10-03    24530,50 Hyra oktober\n", "1930  2025-10-03    24530,50 Hyra oktober\n1930  2025-10-04        1,00 x\n");
        let bank = std::fs::read(env.path("bring-your-own/bank.csv")).unwrap();
        env.write("bring-your-own/bank.csv", [&bank[..], b"2025-10-04;x;0,50;1,00\r\n2025-10-04;y;0,50;1,00\r\n"].concat());
        run();
        env.write("bring-your-own/bank.csv", [&bank[..], b"2025-10-04;x;0,50;1,00\r\n2025-10-04;y;0,50;1,00\r\n2025-10-04;X;0,50;1,00\r\n2025-10-04;Z;-0,50;1,00\r\n"].concat());
        assert_eq!(run()["tables"]["bank_line"]["inserted"], 2);
    }

    fn an_existing_table_is_filled_and_a_hand_made_change_is_a_conflict(env) {
        env.copy_fixture("bring-your-own");
        let url = env.database.url();
        env.database.execute("CREATE TABLE reading (meter TEXT, read_on DATE, kwh NUMERIC(12,3), final BOOLEAN, note TEXT)");
        env.database.execute("INSERT INTO reading (meter, read_on, kwh, final, note) VALUES ('m1', '2025-10-01', 1234.5, '1', 'ours')");
        let outcome = env.tieout(&["run", "bring-your-own", "--database", &url, "--json"]).expect_code(0).json();
        assert_eq!(outcome["tables"]["reading"]["unchanged"], 1);
        assert_eq!(outcome["tables"]["reading"]["inserted"], 2);
        env.database.execute("UPDATE reading SET kwh = 1 WHERE meter = 'm2'");
        let outcome = env.tieout(&["run", "bring-your-own", "--database", &url, "--json"]).expect_code(1).json();
        assert!(finding(&outcome, "conflict")["message"].as_str().unwrap().contains("kwh is 1 in the database and 17.25 in the file"));
    }

    fn the_electricity_file_loads_equally_by_patterns(env) {
        env.copy_fixture("rent");
        env.run_job(&[]).expect_code(0);
        env.write("patterns/tieout.toml", r##"
[job]
name = "patterns"

[[table]]
name = "bill"
key = ["provider", "due"]
columns = [
  { name = "provider", type = "text" },
  { name = "due", type = "date" },
  { name = "period", type = "month", required = true },
  { name = "amount", type = "decimal(12,2)", required = true },
]

[[source]]
name = "bills"
format = "lines"
table = "bill"
files = ["electricity_bills_history.txt"]
columns = { provider = "provider", due = "due", period = "due", amount = "amount" }

[source.options]
section = '^# (?<provider>\S+) \((?:elnätsleverantör|elförbrukning)\)$'
record = '^(?<due>\d{4}-\d\d-\d\d)\s+(?<amount>-?\d[\d ]*(?:,\d{1,2})?) kr$'
ignore = '^#'
decimal = ","
thousands = " "
lower = ["provider"]
month_from_day = 25

[[check]]
name = "patterns-against-config"
kind = "sum"
of = "bill.amount"
by = "period"
equals = "RentConfig[el]"
tolerance = 1
because = "the bills are whole kronor"
"##);
        let url = env.database.url();
        let outcome = env.tieout(&["run", "patterns", "--root", "rent", "--database", &url, "--json"]).expect_code(0).json();
        let checks = outcome["checks"].as_array().unwrap().iter().filter(|c| c["name"] == "patterns-against-config").count();
        assert_eq!(checks, 31);
        let theirs = "SELECT provider, substr(CAST(\"billDate\" AS TEXT), 1, 10), substr(CAST(\"billPeriod\" AS TEXT), 1, 10), amount FROM \"ElectricityBill\" ORDER BY 1, 2";
        let ours = "SELECT provider, substr(CAST(due AS TEXT), 1, 10), substr(CAST(period AS TEXT), 1, 10), amount FROM bill ORDER BY 1, 2";
        assert_eq!(env.database.rows(ours), env.database.rows(theirs));
    }
}
