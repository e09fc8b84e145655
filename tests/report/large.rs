//! A hundred thousand rows: the page still opens at once, and a spreadsheet reads the same rows as the database holds. Asked for
//! by `make report-check`, as it wants LibreOffice and a minute.

use super::browser::look;
use crate::support::TestEnv;
use crate::support::database::Kind;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

const ROWS: usize = 100_000;

#[test]
#[ignore = "wants LibreOffice and a minute; `make report-check` runs it"]
fn a_hundred_thousand_rows_open_at_once_and_are_those_of_the_database() {
    let env = TestEnv::new(Kind::Sqlite);
    let mut bills = String::from("n,day,payee,amount\n");
    for n in 0..ROWS {
        let _ =
            writeln!(bills, "{n},20{:02}-{:02}-{:02},payee {},{}.{:02}", 10 + n % 15, 1 + n % 12, 1 + n % 28, n % 97, n % 5000, n % 100);
    }
    env.write("big/bills.csv", bills);
    env.write(
        "big/tieout.toml",
        "[job]\nname = \"big\"\n[[table]]\nname = \"bill\"\nkey = [\"n\"]\ncreate = true\n\
         columns = [{ name = \"n\", type = \"integer\" }, { name = \"day\", type = \"date\" }, { name = \"payee\", type = \"text\" }, { name = \"amount\", type = \"decimal(12,2)\" }]\n\
         [[source]]\nname = \"bills\"\nformat = \"csv\"\ntable = \"bill\"\nfiles = [\"bills.csv\"]\ncolumns = { n = \"n\", day = \"day\", payee = \"payee\", amount = \"amount\" }\n",
    );
    let url = env.database.url();
    env.tieout(&["run", "big", "--database", &url, "--format", "xlsx,csv"]).expect_code(0);
    let folder = env.path("tieout-reports/big-1");

    let seen = look(&folder.join("index.html"), None);
    super::holds_up(&seen);
    let (opened, work) = (seen["opened_ms"].as_u64().unwrap(), &seen["work"]["g-rows-0"]);
    let size = std::fs::metadata(folder.join("index.html")).unwrap().len();
    eprintln!("{ROWS} rows: {size} bytes of HTML, opened in {opened} ms, searched in {} ms", work["search_ms"]);
    assert!(opened < 2000, "opened in {opened} ms");
    assert!(work["search_ms"].as_u64().unwrap() < 2000, "{work:#}");
    assert_eq!(work["status"], format!("{ROWS} rows"));

    // The sheet is the last of a workbook with many: each comes out as a file of its own.
    let status = Command::new("soffice")
        .args(["--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1", "--outdir"])
        .arg(env.path("office"))
        .arg(folder.join("report.xlsx"))
        .env("HOME", env.path(""))
        .status()
        .expect("soffice starts: `make report-check` installs it");
    assert!(status.success());
    let read: BTreeSet<Vec<String>> = {
        let mut table = csv::Reader::from_path(env.path("office/report-bill.csv")).unwrap();
        let heads: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
        let at = ["n", "day", "payee", "amount"].map(|name| heads.iter().position(|h| h == name).unwrap());
        table.records().map(|r| r.unwrap()).map(|r| at.iter().map(|i| r[*i].to_owned()).collect()).collect()
    };
    let held: BTreeSet<Vec<String>> = env.database.rows("SELECT n, day, payee, amount FROM bill").into_iter().collect();
    assert_eq!(read.len(), ROWS);
    let missing: Vec<_> = held.symmetric_difference(&read).take(3).collect();
    assert!(read == held, "the workbook and the database differ: {missing:?}");
}
