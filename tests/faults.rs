//! A sample of the faults that `make mutation` plants: what a user may rely on whatever the fault is.

use crate::mutation::attempt::{Bench, attempts, hidden};
use crate::mutation::page::Page;
use crate::support::{TestEnv, database::Kind};

#[test]
fn a_value_that_changes_after_an_import_never_goes_unnoticed() {
    let bench = Bench::new(1);
    assert_eq!(bench.flaws(), [""; 0], "the archive has no fault yet");
    let attempts = attempts(&bench, bench.faults(3, 12));
    let page = Page { seed: 3, attempts: &attempts };
    println!("{}{}", page.list(), page.markdown());
    assert_eq!(page.json()["faults"].as_array().unwrap().len(), 12);
    assert_eq!(hidden(&attempts), [""; 0]);
}

#[test]
fn both_databases_say_the_same_to_a_fault() {
    let bench = Bench::new(1);
    for fault in bench.faults(4, 3) {
        let [sqlite, postgres] = [Kind::Sqlite, Kind::Postgres].map(|kind| {
            let envs = [0; 3].map(|_| TestEnv::new(kind));
            let urls = envs.each_ref().map(|env| env.database.url());
            bench.import("plain", &urls[0]);
            bench.said(&fault, urls.each_ref().map(String::as_str))
        });
        assert_eq!(sqlite, postgres, "{}", fault.trace);
    }
}
