//! `make mutation`: plants faults, prints what becomes of each, and writes `docs/mutation.md`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the list is what it is run for")]

#[path = "mod.rs"]
mod mutation;

use mutation::attempt::{Bench, attempts, hidden};
use mutation::page::Page;
use std::path::Path;

/// Those of the page. Other faults are printed only, so that looking at them changes no file of the project.
const SEED: u64 = 1;
const FAULTS: usize = 200;

fn main() {
    let given = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| given(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")));
    let seed = number("SEED").unwrap_or(SEED);
    let how_many = number("FAULTS").map_or(FAULTS, |n| usize::try_from(n).unwrap());
    let bench = Bench::new(seed);
    assert_eq!(bench.flaws(), [""; 0], "the archive has no fault yet");
    let attempts = attempts(&bench, bench.faults(seed, how_many));
    let page = Page { seed, attempts: &attempts };
    let table = page.markdown();
    println!("{}\n{table}", page.list());
    assert_eq!(hidden(&attempts), [""; 0]);
    if let Some(path) = given("MUTATION_JSON") {
        std::fs::write(&path, format!("{:#}\n", page.json())).unwrap();
        println!("JSON: {path}");
    }
    if (seed, how_many) == (SEED, FAULTS) {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mutation.md"), table).unwrap();
    }
}
