//! Nothing from a file comes alive in a rendering: scripts, formulas, marks, and titles without end.

use super::{ALL, files, holds_up, look};
use crate::support::TestEnv;
use crate::support::database::Kind;
use calamine::{Data, Reader, Xlsx, open_workbook};

/// Texts that want to be more than that.
const HOSTILE: [&str; 8] = [
    "<script>window.injected = 1; alert(1)</script>",
    "</script><script>window.injected = 2</script>",
    "<img src=x onerror=\"window.injected = 3\">",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u{202e}evil\u{2066}\u{200b}",
    "{{script}} &lt;b&gt; <!-- ]]>",
    "javascript:alert(1) [x](javascript:alert(1)) http://example.org/",
];

#[test]
fn hostile_texts_are_inert_in_every_output() {
    let env = TestEnv::new(Kind::Sqlite);
    let job = "[job]\nname = \"hostile\"\n[[table]]\nname = \"note\"\nkey = [\"n\"]\ncreate = true\n\
               columns = [{ name = \"n\", type = \"integer\" }, { name = \"title\", type = \"text\" }, { name = \"amount\", type = \"decimal(12,2)\" }]\n\
               [[source]]\nname = \"notes\"\nformat = \"csv\"\ntable = \"note\"\nfiles = [\"*.csv\"]\n\
               columns = { n = \"n\", title = \"title\", amount = \"amount\" }\n\
               [[check]]\nname = \"by-title\"\nkind = \"count\"\nof = \"note\"\nby = \"title\"\nat_most = 0\nseverity = \"warning\"\n";
    env.write("hostile/tieout.toml", job);
    let long = format!("Long {}", "y".repeat(10_000));
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["n", "title", "amount"]).unwrap();
    for (n, title) in HOSTILE.iter().copied().chain([long.as_str()]).enumerate() {
        csv.write_record([(n + 1).to_string().as_str(), title, "-12.50"]).unwrap();
    }
    env.write("hostile/<img src=x onerror='window.injected = 4'> =1+1.csv", csv.into_inner().unwrap());
    let url = env.database.url();
    let run = env.tieout(&[&["run", "hostile", "--database", &url], &ALL[..]].concat());
    assert!([0, 1].contains(&run.code), "{} {}", run.stdout, run.stderr);
    let run = if run.code == 0 { run } else { panic!("{} {}", run.stdout, run.stderr) };
    assert!(!run.stdout.contains('\u{202e}'));
    let folder = env.path("tieout-reports/hostile-1");

    let seen = look(&folder.join("index.html"), None);
    holds_up(&seen);
    assert_eq!(seen["injected"], "undefined");
    assert!(!seen["elements"].as_array().unwrap().iter().any(|e| ["img", "iframe", "object", "form"].contains(&e.as_str().unwrap())));
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(!page.contains('\u{202e}') && page.contains("‹U+202E›evil‹U+2066›"), "marks are made visible");
    assert!(page.contains(&"y".repeat(10_000)), "what is cut is still there");

    let mut book: Xlsx<_> = open_workbook(folder.join("report.xlsx")).unwrap();
    for name in book.sheet_names() {
        let formulas = book.worksheet_formula(&name).unwrap();
        assert!(formulas.rows().flatten().all(String::is_empty), "{name} has a formula");
    }
    let note = book.worksheet_range("note").unwrap();
    let amount = note.rows().next().unwrap().iter().position(|h| *h == "amount").unwrap();
    assert!(note.rows().skip(1).all(|r| r[amount] == Data::Float(-12.5)), "a number below zero is no formula, either");
    assert!(note.rows().flatten().any(|cell| *cell == Data::String(HOSTILE[3].into())));

    for (name, bytes) in files(&folder.join("csv")) {
        for record in csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(&bytes[..]).records() {
            for cell in record.unwrap().iter() {
                let number = cell.strip_prefix('-').is_some_and(|n| n.chars().all(|c| c.is_ascii_digit() || c == '.'));
                assert!(number || !cell.trim_start().starts_with(['=', '+', '-', '@']), "{name}: {cell}");
            }
        }
    }
    let markdown = std::fs::read_to_string(folder.join("report.md")).unwrap();
    let markup = markdown.replace("\\]", "");
    assert!(
        !markup.contains("<script")
            && !markup.contains("<img")
            && !markup.contains("](")
            && !markup.contains("http:")
            && !markup.contains('\u{202e}')
    );
    assert!(markdown.contains("\\[x\\](javascript"), "the text is there, and no link");
}
