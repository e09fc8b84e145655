//! Runs the program and takes down what it says: the exit code, findings by code, checks by name. No code and no name is
//! known here, so a check that comes later counts without a change.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run says.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) exit: i32,
    /// How many findings there are, by severity, code and file.
    findings: BTreeMap<[String; 3], usize>,
    /// Status and explanation, by check and group.
    checks: BTreeMap<[String; 2], [String; 2]>,
}

/// `tieout run` of a job on an archive, into a database.
pub(crate) fn observe(job: &Path, root: &Path, database: &str) -> Observed {
    let home = root.parent().expect("an archive is in a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command.arg("run").arg(job).arg("--root").arg(root).args(["--database", database, "--json", "--no-progress"]);
    let path = std::env::vars_os().filter(|(name, _)| name == "PATH");
    command.current_dir(home).env_clear().envs(path).env("HOME", home).stdin(Stdio::null());
    let output = command.output().expect("tieout starts");
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON: {error}\n{}", String::from_utf8_lossy(&output.stderr)));
    let list = |key: &str| said[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut findings = BTreeMap::new();
    for finding in list("findings") {
        *findings.entry(["severity", "code", "path"].map(|key| text(&finding, key))).or_default() += 1;
    }
    let checks =
        list("checks").into_iter().map(|c| (["name", "group"].map(|k| text(&c, k)), ["status", "explanation"].map(|k| text(&c, k))));
    Observed { exit: output.status.code().expect("no signal"), findings, checks: checks.collect() }
}

impl Observed {
    /// The codes and names by which this run says what `clean` did not: more findings of a code about a file, or a check of a
    /// group that does not hold. Notes count where revisions are what one looks for.
    pub(crate) fn beyond(&self, clean: &Observed, notes: bool) -> BTreeSet<String> {
        let more = |(key, n): &(&[String; 3], &usize)| (notes || key[0] != "info") && **n > clean.findings.get(*key).copied().unwrap_or(0);
        let mut names: BTreeSet<String> = self.findings.iter().filter(more).map(|(key, _)| key[1].clone()).collect();
        let checks =
            self.checks.iter().filter(|(key, [status, _])| self.alarms(key) && clean.checks.get(*key).is_none_or(|c| c[0] != *status));
        names.extend(checks.map(|(key, _)| key[0].clone()));
        if names.is_empty() && self.exit != clean.exit {
            names.insert(format!("exit code {}", self.exit));
        }
        names
    }

    /// Whether a check shows that something is wrong. What rounding may do is no alarm: the report lists it as in order. That
    /// a check did not run says something only where no error kept it from running.
    fn alarms(&self, check: &[String; 2]) -> bool {
        let [status, explanation] = &self.checks[check];
        match status.as_str() {
            "match" | "derived" | "explained" | "waived" => false,
            "within_tolerance" => !explanation.starts_with("rounding"),
            "not_run" => !self.findings.keys().any(|[severity, _, _]| severity == "error"),
            _ => true,
        }
    }

    /// The checks that looked at some groups, and what they saw; control totals look at everything.
    pub(crate) fn looked(&self, groups: &[String]) -> String {
        let near = |[name, group]: &&[String; 2]| name == "control-total" || groups.contains(group);
        let seen = self.checks.keys().filter(near).map(|key| format!("{} {}", key[0], self.checks[key][0].replace('_', " ")));
        let seen: BTreeSet<String> = seen.collect();
        if seen.is_empty() { "no check".to_owned() } else { seen.into_iter().collect::<Vec<_>>().join(", ") }
    }

    /// Findings that are more than a note, and checks that do not hold: nothing, in an archive without fault.
    pub(crate) fn alarming(&self) -> Vec<String> {
        let findings = self.findings.keys().filter(|key| key[0] != "info").map(|key| key.join(" "));
        findings.chain(self.checks.keys().filter(|c| self.alarms(c)).map(|c| c.join(" "))).collect()
    }
}
