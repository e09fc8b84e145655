//! Bundles: evidence without a database. Whatever is changed in one is named.

use super::{part, said, three_runs};
use crate::support::{TestEnv, on_both};
use serde_json::Value;
use std::io::{Read, Write};

/// What becomes of a member's text; `None`: it is left out.
type Change<'c> = &'c dyn Fn(&str) -> Option<String>;

/// Writes the bundle anew, with one member changed, left out (`None`) or put in.
fn repack(env: &TestEnv, to: &str, name: &str, change: Change<'_>) {
    let mut from = zip::ZipArchive::new(std::fs::File::open(env.path("out.zip")).unwrap()).unwrap();
    let mut into = zip::ZipWriter::new(std::fs::File::create(env.path(to)).unwrap());
    let mut names: Vec<String> = from.file_names().map(|n| n.unwrap().into_owned()).collect();
    names.extend((!names.iter().any(|n| n == name)).then(|| name.to_owned()));
    for member in names {
        let mut bytes = Vec::new();
        if let Ok(mut file) = from.by_name(&member) {
            file.read_to_end(&mut bytes).unwrap();
        }
        if member == name {
            let Some(text) = change(&String::from_utf8(bytes).unwrap()) else { continue };
            bytes = text.into_bytes();
        }
        into.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        into.write_all(&bytes).unwrap();
    }
    into.finish().unwrap();
}

fn verify(env: &TestEnv, bundle: &str, code: i32) -> Value {
    env.tieout(&["verify", "--bundle", bundle, "--json"]).expect_code(code).json()
}

on_both! {
    fn a_bundle_holds_by_itself_and_every_change_in_it_is_named(env) {
        three_runs(env);
        let url = env.database.url();
        let manifest = env.tieout(&["report", "3", "--database", &url, "--bundle", "out.zip", "--json"]).expect_code(0).json();
        assert_eq!((manifest["runs"].as_array().unwrap().len(), manifest["sources"].as_array().unwrap().len()), (3, 18));
        env.tieout(&["report", "1", "--database", &url, "--bundle", "first.zip"]).expect_code(0);
        assert_eq!(verify(env, "first.zip", 0)["head"]["run"], 1);
        // Without database and files.
        std::fs::remove_dir_all(env.path("rent")).unwrap();
        let holds = verify(env, "out.zip", 0);
        assert_eq!((&holds["head"]["run"], part(&holds, "files")["count"].as_u64()), (&3.into(), Some(18)));
        assert_eq!((&part(&holds, "rows")["status"], &part(&holds, "totals")["status"]), (&"not_run".into(), &"holds".into()));
        let lines = "chain/000001.lines";
        let bills = "sources/electricity_bills_history.txt";
        let replaced = |from: &'static str, to: &'static str| move |text: &str| Some(text.replacen(from, to, 1));
        let cases: [(&str, Change<'_>, &str); 9] = [
            (bills, &replaced("1632 kr", "1633 kr"), "file-changed: electricity_bills_history.txt the file is not the one"),
            (bills, &|_| None, "file-missing: electricity_bills_history.txt"),
            (lines, &replaced("\\\"amount\\\":\\\"1632\\\"", "\\\"amount\\\":\\\"1633\\\""), "record-changed:  run 1: the row "),
            (lines, &|text| Some(text.lines().filter(|l| !l.contains("vattenfall\\\",\\\"2025-10-01")).map(|l| format!("{l}\n")).collect()), "record-missing:  run 1: the row "),
            ("chain/000002.lines", &|_| None, "run 2: its row of tieout_run is gone"),
            ("report/report.json", &replaced("\"actual\": \"62\"", "\"actual\": \"63\""), "report-differs"),
            ("report/more.html", &|_| Some("<p>".into()), "bundle-changed:  report/more.html is not in SHA256SUMS"),
            ("SHA256SUMS", &replaced("  manifest.json", "0  manifest.json"), "bundle-changed:  manifest.json is not as it was packed"),
            ("manifest.json", &replaced("\"id\": 2", "\"id\": 4"), "run-missing:  the runs 2 to 3 are missing"),
        ];
        for (n, (name, change, says)) in cases.iter().enumerate() {
            let bundle = format!("changed-{n}.zip");
            repack(env, &bundle, name, *change);
            let found = said(&verify(env, &bundle, 1));
            assert!(found.iter().any(|f| f.contains(says)), "{name}: {says}: {found:#?}");
        }
        let head = format!("{}  run 3\n", holds["head"]["digest"].as_str().unwrap());
        env.write("head.txt", &head);
        env.tieout(&["verify", "--bundle", "out.zip", "--head-file", "head.txt"]).expect_code(0);
        env.write("head.txt", head.replace("run 3", "run 2"));
        env.tieout(&["verify", "--bundle", "out.zip", "--head-file", "head.txt"]).expect_code(1);
        env.write("no.zip", "nothing");
        env.tieout(&["verify", "--bundle", "no.zip"]).expect_code(2);
    }

    fn what_cannot_be_packed_is_said_and_nothing_is_written_over(env) {
        three_runs(env);
        let url = env.database.url();
        env.replace("rent/electricity_bills_history.txt", "1632 kr", "1633 kr");
        let run = env.tieout(&["report", "1", "--database", &url, "--bundle", "out.zip"]).expect_code(0);
        assert!(run.stderr.contains("not packed: electricity_bills_history.txt: the file is another now"), "{}", run.stderr);
        let notes = part(&verify(env, "out.zip", 0), "files")["notes"].to_string();
        assert!(notes.contains("electricity_bills_history.txt was not packed"), "{notes}");
        env.tieout(&["report", "1", "--database", &url, "--bundle", "out.zip"]).expect_code(2);
    }
}
