//! What other programs read of a run: JUnit XML and metrics, each held against a strict reader of its own.

use crate::support::database::Kind;
use crate::support::{TestEnv, on_both};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

/// An element of an XML document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    fn count(&self, attribute: &str) -> usize {
        self.attributes[attribute].parse().unwrap()
    }
}

/// Reads the XML that we write: a declaration, elements, texts; everything else is refused.
fn xml(text: &str) -> Element {
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    assert!(rest.chars().all(|c| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)), "a character");
    let mut open = vec![Element::default()];
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, behind) = rest.split_once('<').map_or((rest, rest.len()), |(t, _)| (t, t.len()));
            open.last_mut().unwrap().text += &plain(text);
            rest = &rest[behind..];
            continue;
        };
        let (tag, behind) = tag.split_once('>').expect("an end of the tag");
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            let done = open.pop().unwrap();
            assert_eq!(done.name, name);
            open.last_mut().unwrap().children.push(done);
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut element = Element { name: name.into(), ..Element::default() };
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        while !attributes.is_empty() {
            let (key, after) = attributes.split_once("=\"").expect("an attribute");
            let (value, after) = after.split_once('"').expect("an end of the value");
            assert!(!value.contains(['\n', '\t']), "{value:?} would be read as blanks");
            assert!(element.attributes.insert(key.trim_start().into(), plain(value)).is_none(), "{key} twice");
            attributes = after;
        }
        if closed {
            open.last_mut().unwrap().children.push(element);
        } else {
            open.push(element);
        }
    }
    let mut root = open.pop().unwrap();
    assert!(open.is_empty() && root.children.len() == 1, "one element holds all");
    root.children.remove(0)
}

fn plain(text: &str) -> String {
    assert!(!text.contains(['<', '"']), "{text}");
    let mut out = String::new();
    for (n, part) in text.split('&').enumerate() {
        if n == 0 {
            out += part;
            continue;
        }
        let (entity, after) = part.split_once(';').expect("an entity");
        out += match entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            "#10" => "\n",
            "#9" => "\t",
            "#13" => "\r",
            other => panic!("an unknown entity {other}"),
        };
        out += after;
    }
    out
}

/// Reads JUnit, and holds its counts against what is there. Gives the cases: class, name, how it ended.
fn junit(text: &str) -> Vec<(String, String, &'static str)> {
    let root = xml(text);
    assert_eq!(root.name, "testsuites");
    let (mut cases, mut sums) = (Vec::new(), [0; 4]);
    for suite in root.named("testsuite") {
        let parts: Vec<&str> = suite.children.iter().map(|c| c.name.as_str()).collect();
        assert!(parts[0] == "properties" && parts[1..].iter().all(|p| *p == "testcase"), "{parts:?}");
        let of = |part: &str| suite.named("testcase").filter(|c| c.named(part).count() == 1).count();
        let found = [suite.named("testcase").count(), of("failure"), of("error"), of("skipped")];
        let counts = ["tests", "failures", "errors", "skipped"].map(|a| suite.count(a));
        assert_eq!(found, counts, "{}", suite.attributes["name"]);
        (0..4).for_each(|i| sums[i] += counts[i]);
        for case in suite.named("testcase") {
            assert!(case.attributes.keys().eq(["classname", "name", "time"]), "{case:?}");
            let end = ["failure", "skipped"].into_iter().find(|e| case.named(e).count() == 1).unwrap_or("passed");
            cases.push((case.attributes["classname"].clone(), case.attributes["name"].clone(), end));
        }
    }
    assert_eq!(["tests", "failures", "errors", "skipped"].map(|a| root.count(a)), sums);
    let names: BTreeSet<_> = cases.iter().map(|c| (&c.0, &c.1)).collect();
    assert_eq!(names.len(), cases.len(), "a reader would lose one of two cases of one name");
    cases
}

/// Reads metrics as a strict collector does: HELP and TYPE before the samples of a family, no sample twice, values that are
/// numbers. Gives samples by name and labels.
fn metrics(text: &str) -> BTreeMap<(String, BTreeMap<String, String>), String> {
    assert!(text.ends_with('\n'));
    let name = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let (mut family, mut seen, mut samples) = (String::new(), BTreeSet::new(), BTreeMap::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0.to_owned();
            assert!(name(&family) && seen.insert(family.clone()), "{family}");
            assert_eq!(lines.next(), Some(format!("# TYPE {family} gauge").as_str()));
            continue;
        }
        let (metric, mut rest) = line.split_once('{').unwrap();
        assert_eq!(metric, family);
        let mut labels = BTreeMap::new();
        while let Some((label, value)) = rest.split_once("=\"") {
            assert!(name(label));
            let (mut text, mut chars) = (String::new(), value.char_indices());
            let end = loop {
                match chars.next().expect("an end of the label") {
                    (_, '\\') => text.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("\\{c} is no escape"),
                    }),
                    (at, '"') => break at,
                    (_, c) => text.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), text).is_none());
            rest = value[end + 1..].trim_start_matches(',');
        }
        let value = rest.strip_prefix("} ").expect("a value");
        assert!(value.chars().all(|c| c.is_ascii_digit() || c == '.') && value.parse::<f64>().is_ok(), "{value}");
        assert!(samples.insert((metric.to_owned(), labels), value.to_owned()).is_none(), "{line} twice");
    }
    samples
}

fn value(samples: &BTreeMap<(String, BTreeMap<String, String>), String>, name: &str, labels: &[(&str, &str)]) -> String {
    let labels = [("job", "rent")].iter().chain(labels).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    samples.get(&(name.to_owned(), labels)).unwrap_or_else(|| panic!("no {name} among {samples:#?}")).clone()
}

const FILES: [&str; 4] = ["--junit", "out.xml", "--metrics", "out.prom"];

on_both! {
    fn a_run_that_ties_out_is_green_and_a_broken_one_is_not(env) {
        env.copy_fixture("rent");
        env.run_job(&FILES).expect_code(0);
        for file in ["out.xml", "out.prom"] {
            assert_eq!(env.path(file).metadata().unwrap().permissions().mode() & 0o777, 0o644);
        }
        let text = env.read("out.xml");
        assert!(text.contains("name=\"job_sha256\"") && !text.contains("password="));
        let cases = junit(&text);
        assert!(cases.iter().all(|c| c.2 == "passed"), "{cases:#?}");
        assert!(cases.contains(&("rent.electricity-vs-config".into(), "2025-07".into(), "passed")));
        assert!(text.contains("explanation: unexplained"), "what is tolerated is said");
        let samples = metrics(&env.read("out.prom"));
        for (name, labels, expected) in [
            ("tieout_run_success", &[][..], "1"),
            ("tieout_run_exit_code", &[], "0"),
            ("tieout_rows", &[("table", "RentLedger"), ("what", "inserted")], "31"),
            ("tieout_checks", &[("name", "electricity-vs-config"), ("status", "within_tolerance")], "5"),
            ("tieout_findings", &[("code", "month-off"), ("severity", "warning")], "1"),
            ("tieout_files", &[("source", "rent-history"), ("status", "superseded")], "7"),
        ] {
            assert_eq!(value(&samples, name, labels), expected, "{name}");
        }

        env.replace("rent/tenants.csv", "2023-02-01", "2023-02-30");
        env.run_job(&FILES).expect_code(3);
        let cases = junit(&env.read("out.xml"));
        let ended = |class: &str, name: &str| cases.iter().find(|c| c.0 == class && c.1.starts_with(name)).map(|c| c.2);
        assert_eq!(ended("rent.run", "run"), Some("failure"));
        assert_eq!(ended("rent.run", "impossible-date tenants.csv:"), Some("failure"));
        assert_eq!(ended("rent.electricity-vs-config", "every month"), Some("failure"), "what did not run is not green");
        let samples = metrics(&env.read("out.prom"));
        assert_eq!(value(&samples, "tieout_run_success", &[]) + &value(&samples, "tieout_run_exit_code", &[]), "03");
    }
}

#[test]
fn a_run_that_never_began_is_told_as_well() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.run_job(&FILES).expect_code(0);
    env.replace("rent/tieout.toml", "currency", "curency");
    env.run_job(&FILES).expect_code(2);
    assert!(junit(&env.read("out.xml")).iter().all(|c| c.2 == "failure"));
    let samples = metrics(&env.read("out.prom"));
    assert!(samples.iter().any(|((name, _), value)| name == "tieout_run_success" && value == "0"));
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_only_then_changes_the_exit_code() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let run = env.run_job(&["--junit", "nowhere/out.xml"]).expect_code(2);
    assert!(run.stderr.contains("cannot write nowhere/out.xml"), "{}", run.stderr);
    assert_eq!((&run.json()["exit_code"], &run.json()["run"]["status"]), (&2.into(), &"committed".into()), "the commit stands");
    assert_eq!(env.run_job(&["--metrics", "out.prom"]).expect_code(0).json()["run"]["status"], "unchanged");
    std::fs::create_dir(env.path("folder")).unwrap();
    env.run_job(&["--junit", "folder"]).expect_code(2);
    env.replace("rent/tenants.csv", "2023-02-01", "2023-02-30");
    env.run_job(&["--junit", "nowhere/out.xml"]).expect_code(3);
    assert!(!env.path("nowhere").exists());
    let left: Vec<_> = std::fs::read_dir(env.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with(".tieout")), "{left:?}");
}
