//! What a job file says of houses: patterns, columns of own tables, sources of one house, and what is refused.

use crate::houses::{check, complaint, run};
use crate::support::TestEnv;
use crate::support::database::Kind;

#[test]
fn patterns_and_sources_that_leave_the_house_open_are_refused() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    let job = env.read("houses/tieout.toml");
    let history = "\"archive/{house}/rent_history/*.json\"";
    for (from, to, want) in [
        (history, "\"archive/{hous}/rent_history/*.json\"", "there is no placeholder `{hous}`"),
        (history, "\"archive/{a,b}/rent_history/*.json\"", "there is no placeholder `{a,b}`"),
        (history, "\"archive/{house/rent_history/*.json\"", "there is no placeholder `{house/rent_history/*.json`"),
        (history, "\"archive/x_{house}/rent_history/*.json\"", "`{house}` stands for a whole folder of the path, and once"),
        (history, "\"archive/{house}\"", "`{house}` stands for a whole folder of the path, and once"),
        (history, "\"{house}/{house}/rent_history/*.json\"", "`{house}` stands for a whole folder of the path, and once"),
        (history, "\"../{house}/rent_history/*.json\"", "patterns are relative to the root and stay below it"),
        (history, "\"archive/{house}/rent_history/*.json\", \"more/*.json\"", "it does not say of which house its files are"),
        (history, "\"archive/*/rent_history/*.json\"", "the source `rent-history` does not say of which house its files are"),
        (
            "\"archive/{house}/electricity_bills_history.txt\"]",
            "\"archive/{house}/electricity_bills_history.txt\"]\nhouse = \"x\"",
            "the house stands here and in the patterns",
        ),
        (
            "\"archive/{house}/meter.csv\"]",
            "\"archive/*/meter.csv\"]\ncolumns = { house = \"{house}\", day = \"day\", kwh = \"kwh\" }",
            "the source says of no house",
        ),
        ("{ name = \"house\", type = \"text\" }", "{ name = \"house\", type = \"integer\" }", "no text column of MeterReading takes it"),
        ("name = \"house\", type", "name = \"building\", type", "there is no column `house`"),
    ] {
        env.write("houses/tieout.toml", &job);
        env.replace("houses/tieout.toml", from, to);
        let said = complaint(&env);
        assert!(said.contains(want), "{to}: {said}");
    }
    // Two patterns that take one file for that of two houses.
    env.write("houses/tieout.toml", &job);
    env.replace("houses/tieout.toml", history, "\"archive/{house}/rent_history/*.json\", \"{house}/*/rent_history/*.json\"");
    let said = complaint(&env);
    assert!(said.contains("leave open which house it is of"), "{said}");
}

#[test]
fn a_column_of_a_table_is_mapped_to_the_house() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    env.replace("houses/tieout.toml", "{ name = \"house\", type = \"text\" }", "{ name = \"building\", type = \"text\" }");
    env.replace("houses/tieout.toml", "key = [\"house\", \"day\"]", "key = [\"building\", \"day\"]");
    env.replace(
        "houses/tieout.toml",
        "table = \"MeterReading\"",
        "table = \"MeterReading\"\ncolumns = { building = \"{house}\", day = \"day\", kwh = \"kwh\" }",
    );
    run(&env).expect_code(0);
    let rows = env.database.rows("SELECT building, day, kwh FROM \"MeterReading\" ORDER BY building, day");
    assert_eq!(rows, [["house_001", "2025-02-01", "100.5"], ["house_001", "2025-03-01", "120"], ["house_002", "2025-02-01", "100.5"]]);
}

#[test]
fn what_a_table_refers_to_is_looked_for_in_its_own_house() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    let job = env.read("houses/tieout.toml");
    let more = r#"
[[table]]
name = "Visit"
key = ["house", "name", "month"]
columns = [{ name = "house", type = "text" }, { name = "name", type = "text" }, { name = "month", type = "month" }, { name = "kr", type = "integer" }]

[[source]]
name = "visits"
format = "csv"
files = ["archive/{house}/visits.csv"]
table = "Visit"

[[check]]
name = "who"
kind = "reference"
of = "Visit.name"
in = "Tenant.name"

[[check]]
name = "when"
kind = "residency"
of = "Visit.name"
period = "month"
in = "Tenant.name"
from = "startDate"
to = "departureDate"

[[check]]
name = "paid"
kind = "sum"
of = "Visit.kr"
by = "month"
equals = "ElectricityBill.amount"
equals_by = "billPeriod"
severity = "warning"
"#;
    env.write("houses/tieout.toml", job + more);
    // Adam of house_001 came in 2024, Adam of house_002 in May 2023.
    env.write("houses/archive/house_001/visits.csv", "name,month,kr\nAdam,2025-02,1000\n");
    env.write("houses/archive/house_002/visits.csv", "name,month,kr\nAdam,2023-06,1\nDavid,2025-02,1100\n");
    let outcome = run(&env).expect_code(0).json();
    assert_eq!(check(&outcome, "who", "all rows")["status"], "match");
    assert_eq!(check(&outcome, "when", "all rows")["status"], "match");
    for house in ["house_001, 2025-02", "house_002, 2025-02"] {
        assert_eq!(check(&outcome, "paid", house)["status"], "match", "{house}");
    }
    env.write("houses/archive/house_001/visits.csv", "name,month,kr\nAdam,2023-06,1000\nDavid,2025-02,1\n");
    let outcome = run(&env).expect_code(1).json();
    let said = |name: &str| check(&outcome, name, "all rows")["explanation"].as_str().unwrap().to_owned();
    assert!(said("who").ends_with("1 rows of Visit refer to what Tenant.name does not have: house_001, David"), "{}", said("who"));
    assert!(said("when").ends_with(": house_001, Adam in 2023-06, house_001, David in 2025-02"), "{}", said("when"));
    // The visit of Adam stands there still: nothing is taken away unasked.
    assert_eq!(check(&outcome, "paid", "house_001, 2025-02")["difference"], "1");
}

#[test]
fn a_source_may_name_its_one_house() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    env.replace(
        "houses/tieout.toml",
        "files = [\"archive/{house}/electricity_bills_history.txt\"]",
        "files = [\"archive/house_001/electricity_bills_history.txt\"]\nhouse = \"house_001\"",
    );
    let outcome = run(&env).expect_code(0).json();
    assert_eq!(env.database.rows("SELECT DISTINCT house FROM \"ElectricityBill\""), [["house_001"]]);
    assert_eq!(check(&outcome, "electricity-vs-config", "house_002, 2025-02")["status"], "missing_actual");
}

#[test]
fn files_of_one_name_are_left_out_by_their_house() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("houses");
    env.replace(
        "houses/tieout.toml",
        "files = [\"archive/{house}/rent_history/*.json\"]",
        "files = [\"archive/{house}/rent_history/*.json\"]\n\
         exclude = [{ file = \"archive/house_002/rent_history/2025_02_v1.json\", reason = \"not this one\" }]",
    );
    env.replace("houses/tieout.toml", "rows = 9", "rows = 6");
    env.replace(
        "houses/tieout.toml",
        "house = \"house_002\"\nrows = 3\nsum = { amountDue = \"13926\" }",
        "house = \"house_002\"\nrows = 0",
    );
    let outcome = run(&env).expect_code(0).json();
    let excluded: Vec<&str> =
        outcome["sources"].as_array().unwrap().iter().filter(|s| s["status"] == "excluded").map(|s| s["path"].as_str().unwrap()).collect();
    assert_eq!(excluded, ["archive/house_002/rent_history/2025_02_v1.json"]);
    assert_eq!(env.database.value("SELECT count(*) FROM \"RentLedger\" WHERE house = 'Åsgatan 3'"), "4");
}
