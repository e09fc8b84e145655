//! The README's transcripts, to the letter.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::path::Path;

/// The fenced block behind a marker; `make bless` rewrites it.
fn same_as_in_readme(marker: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let from = page.find(marker).unwrap() + marker.len() + "\n```text\n".len();
    let to = from + page[from..].find("```\n").unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, format!("{}{said}{}", &page[..from], &page[to..])).unwrap();
    } else {
        assert_eq!(&page[from..to], said, "the README says something else; `make bless` rewrites it");
    }
}

fn env() -> TestEnv {
    let env = TestEnv::new(Kind::Sqlite);
    std::fs::rename(env.copy_fixture("rent"), env.path("rent-job")).unwrap();
    std::fs::create_dir(env.path("fixtures")).unwrap();
    std::fs::rename(env.path("rent-job"), env.path("fixtures/rent")).unwrap();
    env
}

#[test]
fn the_transcripts_come_out_exactly_so() {
    let first = env();
    let run = first.tieout(&["run", "fixtures/rent"]).expect_code(0);
    same_as_in_readme("<!-- transcript: tieout run fixtures/rent -->", &(run.stdout + &run.stderr));

    let broken = env();
    broken.replace("fixtures/rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1.632 kr");
    broken.replace("fixtures/rent/data/rent_history/2025_03_v1.json", "\"Adam\"", "\"Adan\"");
    let run = broken.tieout(&["run", "fixtures/rent"]).expect_code(3);
    let errors = run.stdout.split("\nErrors\n").nth(1).unwrap().split("\n\n").next().unwrap();
    same_as_in_readme("<!-- transcript-of-errors -->", &format!("Errors\n{errors}\n"));
}

#[test]
fn the_rates_are_those_of_the_page_that_make_mutation_writes() {
    let marker = "<!-- mutation: rates -->";
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mutation.md")).unwrap();
    let (_, rates) = page.split_once(&format!("{marker}\n```text\n")).unwrap();
    same_as_in_readme(marker, rates.split("```\n").next().unwrap());
}

#[test]
fn from_a_folder_of_files_to_a_database_as_the_page_says() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("bring-your-own");
    std::fs::remove_file(env.path("bring-your-own/tieout.toml")).unwrap();
    let shown = |args: &[&str]| {
        let run = env.tieout(args).expect_code(0);
        format!("$ tieout {}\n{}{}", args.join(" "), run.stdout, run.stderr)
    };
    same_as_in_readme("<!-- transcript: tieout init -->", &shown(&["init", "bring-your-own"]));
    same_as_in_readme("<!-- transcript: tieout run of what init wrote -->", &shown(&["run", "bring-your-own"]));
}
