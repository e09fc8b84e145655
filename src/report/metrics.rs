//! The outcome in Prometheus' text format, for the textfile collector of node_exporter. Figures of one run: the file is
//! replaced by the next.

use super::{Outcome, RunStatus, clock};
use crate::evidence::Status;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Renders an outcome.
pub fn metrics(outcome: &Outcome) -> String {
    let run = &outcome.run;
    let one = |value: String| BTreeMap::from([(Vec::new(), value)]);
    let success = u8::from(run.status != RunStatus::Failed && outcome.exit_code == 0);
    let families = [
        ("tieout_run_success", "Whether the last run tied out (1) or failed (0).", one(success.to_string())),
        ("tieout_run_exit_code", "The exit code of the last run.", one(outcome.exit_code.to_string())),
        ("tieout_run_timestamp_seconds", "When the last run ended, in seconds since 1970.", one(clock::ended(run))),
        ("tieout_run_duration_seconds", "How long the last run took.", one(clock::duration(run))),
        ("tieout_rows", "Rows of the last run, by table and by what became of them.", rows(outcome)),
        ("tieout_checks", "Checks of the last run, by name and by how they came out.", checks(outcome)),
        ("tieout_findings", "Findings of the last run, by kind and severity.", findings(outcome)),
        ("tieout_files", "Source files of the last run, by source and by what became of them.", files(outcome)),
    ];
    let mut out = String::new();
    for (name, help, samples) in families.into_iter().filter(|f| !f.2.is_empty()) {
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in samples {
            let labels = std::iter::once(("job", run.job.clone())).chain(labels);
            let labels: Vec<String> = labels.map(|(label, text)| format!("{label}=\"{}\"", escaped(&text))).collect();
            let _ = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
        }
    }
    out
}

/// Samples by their labels.
type Samples = BTreeMap<Vec<(&'static str, String)>, String>;

fn rows(outcome: &Outcome) -> Samples {
    let of_table = |(table, counts): (&String, &crate::load::Counts)| {
        let figures = [
            ("read", counts.read),
            ("inserted", counts.inserted),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("deleted", counts.deleted),
            ("duplicate", counts.duplicate),
            ("rejected", counts.rejected),
        ];
        let table = table.clone();
        figures.map(move |(what, n)| (vec![("table", table.clone()), ("what", what.to_owned())], n.to_string()))
    };
    outcome.tables.iter().flat_map(of_table).collect()
}

fn checks(outcome: &Outcome) -> Samples {
    let labels = |name: &str, status: Status| vec![("name", name.to_owned()), ("status", word(&status))];
    let alike = outcome.alike.counts.iter().flat_map(|(name, n)| std::iter::repeat_n(labels(name, Status::Match), *n));
    let tolerated = outcome.tolerated.iter().flat_map(|(name, n)| std::iter::repeat_n(labels(name, Status::WithinTolerance), *n));
    counted(outcome.checks.iter().map(|c| labels(&c.name, c.status)).chain(alike).chain(tolerated))
}

fn findings(outcome: &Outcome) -> Samples {
    let label = |kind: &super::FindingKind| vec![("code", kind.code.clone()), ("severity", word(&kind.severity))];
    outcome.kinds.iter().map(|kind| (label(kind), kind.count.to_string())).collect()
}

fn files(outcome: &Outcome) -> Samples {
    counted(outcome.sources.iter().map(|s| vec![("source", s.source.clone()), ("status", s.status.clone())]))
}

fn counted(labels: impl Iterator<Item = Vec<(&'static str, String)>>) -> Samples {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    labels.for_each(|labels| *counts.entry(labels).or_default() += 1);
    counts.into_iter().map(|(labels, n)| (labels, n.to_string())).collect()
}

/// As it is written in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
