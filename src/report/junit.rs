//! The outcome as JUnit XML, as Jenkins, GitLab and GitHub read it: a suite a check, a case a group, and one suite for the run
//! and its findings. Nothing that did not run, and no run that failed, comes out green.

use super::{Outcome, clock};
use crate::evidence::{Check, Finding, Severity, Status};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The suite of the run itself and of what was found.
const RUN: &str = "run";

/// Renders an outcome.
pub fn junit(outcome: &Outcome) -> String {
    let suites: Vec<Suite> = check_suites(outcome).into_iter().chain([run_suite(outcome)]).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let sum = |f: fn(&Suite) -> usize| suites.iter().map(f).sum::<usize>();
    let name = attribute("name", &format!("tieout {}", outcome.run.job));
    let counts = counts(sum(|s| s.cases.len()), sum(Suite::failures), sum(Suite::skipped));
    let _ = writeln!(out, "<testsuites{name}{counts} time=\"{}\">", clock::duration(&outcome.run));
    let properties = properties(outcome);
    for suite in &suites {
        suite.render(&mut out, outcome, &properties);
    }
    out.push_str("</testsuites>\n");
    out
}

/// How a case came out.
enum Result {
    Passed,
    Skipped(String),
    /// The message, the type, and all there is to say.
    Failed(String, String, String),
}

struct Case {
    name: String,
    result: Result,
    /// What is worth a look all the same.
    aside: String,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

impl Suite {
    fn failures(&self) -> usize {
        self.cases.iter().filter(|c| matches!(c.result, Result::Failed(..))).count()
    }

    fn skipped(&self) -> usize {
        self.cases.iter().filter(|c| matches!(c.result, Result::Skipped(_))).count()
    }

    fn render(&self, out: &mut String, outcome: &Outcome, properties: &str) {
        let counts = counts(self.cases.len(), self.failures(), self.skipped());
        let begun = attribute("timestamp", outcome.run.started_at.split('.').next().unwrap_or_default());
        // The run has one time; its parts have none of their own.
        let time = if self.name == RUN { clock::duration(&outcome.run) } else { "0".into() };
        let _ = writeln!(out, "  <testsuite{}{counts} time=\"{time}\"{begun}>", attribute("name", &self.name));
        out.push_str(properties);
        let class = attribute("classname", &format!("{}.{}", outcome.run.job, self.name));
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for case in &self.cases {
            // Readers tell cases apart by class and name, and keep one of two that are called the same.
            let n = seen.entry(&case.name).or_default();
            *n += 1;
            let name = if *n == 1 { case.name.clone() } else { format!("{} ({n})", case.name) };
            let _ = write!(out, "    <testcase{}{class} time=\"0\">", attribute("name", &name));
            case.render(out);
            out.push_str("</testcase>\n");
        }
        out.push_str("  </testsuite>\n");
    }
}

impl Case {
    fn render(&self, out: &mut String) {
        let _ = match &self.result {
            Result::Passed => Ok(()),
            Result::Skipped(why) => write!(out, "<skipped{}/>", attribute("message", why)),
            Result::Failed(message, kind, text) => {
                write!(out, "<failure{}{}>{}</failure>", attribute("message", message), attribute("type", kind), escaped(text))
            }
        };
        if !self.aside.is_empty() {
            let _ = write!(out, "<system-out>{}</system-out>", escaped(&self.aside));
        }
    }
}

fn check_suites(outcome: &Outcome) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    for check in &outcome.checks {
        let at = suites.iter().position(|s| s.name == check.name).unwrap_or_else(|| {
            suites.push(Suite { name: check.name.clone(), cases: Vec::new() });
            suites.len() - 1
        });
        suites[at].cases.push(check_case(check));
    }
    for (name, n) in &outcome.alike.counts {
        if let Some(suite) = suites.iter_mut().find(|s| s.name == *name) {
            suite.cases.push(Case { name: format!("{n} more that match"), result: Result::Passed, aside: String::new() });
        }
    }
    for (name, n) in &outcome.tolerated {
        if let Some(suite) = suites.iter_mut().find(|s| s.name == *name) {
            suite.cases.push(Case { name: format!("{n} more within tolerance"), result: Result::Passed, aside: String::new() });
        }
    }
    suites
}

fn check_case(check: &Check) -> Case {
    let why = check.explanation.clone().unwrap_or_else(|| check.status.words().to_owned());
    let (result, aside) = if check.fails() {
        let message = format!("{}: {why}", check.status);
        (Result::Failed(message, check.status.words().to_owned(), figures(check)), String::new())
    } else {
        match check.status {
            Status::Match => (Result::Passed, String::new()),
            Status::NotRun => (Result::Skipped(why), String::new()),
            _ => (Result::Passed, figures(check)),
        }
    };
    Case { name: check.group.clone(), result, aside }
}

/// A check's figures, a line each.
fn figures(check: &Check) -> String {
    let lines = [
        ("status", Some(check.status.words().to_owned())),
        ("expected", check.expected.clone()),
        ("actual", check.actual.clone()),
        ("difference", check.difference.clone()),
        ("tolerance", check.tolerance.clone().filter(|t| t != "0")),
        ("because", check.because.clone()),
        ("explanation", check.explanation.clone()),
    ];
    lines.into_iter().filter_map(|(word, value)| Some(format!("{word}: {}\n", value?))).collect()
}

/// The run as a case of its own, so that there is always one and it fails when the run does; then a case an error.
fn run_suite(outcome: &Outcome) -> Suite {
    let of = |severity| outcome.findings.iter().filter(move |f| f.severity == severity);
    let result = match outcome.exit_code {
        0 => Result::Passed,
        code => {
            let message = format!("the run failed with exit code {code}: nothing was written");
            Result::Failed(message.clone(), outcome.run.status.word().to_owned(), message)
        }
    };
    let warnings: String = of(Severity::Warning).map(|f| format!("{}  {}\n", f.code, said(f))).collect();
    let run = Case { name: RUN.to_owned(), result, aside: warnings };
    let errors = of(Severity::Error).map(|finding| {
        let place = finding.place().map_or(String::new(), |p| format!(" {p}"));
        let result = Result::Failed(finding.message.clone(), finding.code.clone(), said(finding));
        Case { name: format!("{}{place}", finding.code), result, aside: String::new() }
    });
    Suite { name: RUN.to_owned(), cases: std::iter::once(run).chain(errors).collect() }
}

/// A finding with its place, its line and what to do.
fn said(finding: &Finding) -> String {
    let place = finding.place().map_or(String::new(), |p| format!("{p}: "));
    let quote = finding.quote.as_ref().map_or(String::new(), |q| format!("\n    {q}"));
    let hint = if finding.hint.is_empty() { String::new() } else { format!("\n  → {}", finding.hint) };
    format!("{place}{}{quote}{hint}", finding.message)
}

/// What run it was. Every suite bears it, because some readers take the suites apart.
fn properties(outcome: &Outcome) -> String {
    let run = &outcome.run;
    let id = run.id.map_or(String::new(), |id| id.to_string());
    let pairs = [
        ("run", id.as_str()),
        ("job", &run.job),
        ("command", &run.command),
        ("status", run.status.word()),
        ("database", &run.database),
        ("job_sha256", &run.job_sha256),
        ("version", &run.version),
    ];
    let property = |(name, value): (&str, &str)| format!("      <property{}{}/>\n", attribute("name", name), attribute("value", value));
    format!("    <properties>\n{}    </properties>\n", pairs.map(property).concat())
}

fn counts(tests: usize, failures: usize, skipped: usize) -> String {
    format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"")
}

fn attribute(name: &str, value: &str) -> String {
    // A reader makes blanks of bare line ends and tabs in an attribute.
    let value = escaped(value).replace('\n', "&#10;").replace('\t', "&#9;");
    format!(" {name}=\"{value}\"")
}

/// A text as XML: what has a meaning there escaped, and what XML 1.0 cannot have at all replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Stop;

    #[test]
    fn what_xml_cannot_have_is_replaced() {
        assert_eq!(escaped("a<b>&\"c'\u{0}\u{1b}\u{ffff}\r\nå"), "a&lt;b&gt;&amp;&quot;c&apos;\u{fffd}\u{fffd}\u{fffd}&#13;\nå");
        assert_eq!(attribute("n", "a\n\tb"), " n=\"a&#10;&#9;b\"");
    }

    #[test]
    fn a_check_that_did_not_run_is_a_failure_and_a_milder_one_is_skipped() {
        let mut outcome = Outcome::begin("job".into(), "run");
        outcome.checks = vec![Check::new("sums", "a", Severity::Error), Check::new("sums", "b", Severity::Warning)];
        outcome.judge();
        let xml = junit(&outcome);
        assert!(xml.contains("<testsuite name=\"sums\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("<testsuites name=\"tieout job\" tests=\"3\" failures=\"2\" errors=\"0\" skipped=\"1\""), "{xml}");
    }

    #[test]
    fn a_run_that_stopped_is_never_green_and_cases_of_one_name_are_told_apart() {
        let mut outcome = Outcome::begin("job".into(), "run");
        outcome.stop(&Stop::database("no <server>", "start it"));
        outcome.stop(&Stop::database("no \"server\"", ""));
        let xml = junit(&outcome);
        assert!(xml.contains("name=\"database\"") && xml.contains("name=\"database (2)\""), "{xml}");
        assert!(xml.contains("failures=\"3\"") && xml.contains("no &lt;server&gt;\n  → start it"), "{xml}");
    }
}
