//! Proof that anybody can check: the chain of runs, what `verify` names, tracing, signatures, bundles and samples.

mod bundle;
mod chain;
mod page;
mod sign;
mod tamper;
mod trace;

use crate::support::TestEnv;
use serde_json::Value;

/// Runs `tieout verify` on the job `rent`; what it gives, after its exit code was compared.
#[track_caller]
fn verified(env: &TestEnv, extra: &[&str], code: i32) -> Value {
    let url = env.database.url();
    let run = env.tieout(&[&["verify", "rent", "--database", &url, "--json"], extra].concat());
    run.expect_code(code).json()
}

/// What was found, as `code: place: message`.
fn said(verified: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let findings = verified["findings"].as_array().unwrap();
    findings.iter().map(|f| format!("{}: {} {}", text(&f["code"]), text(&f["path"]), text(&f["message"]))).collect()
}

/// A part of what was verified.
#[track_caller]
fn part<'v>(verified: &'v Value, name: &str) -> &'v Value {
    verified["parts"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap_or_else(|| panic!("no part {name}"))
}

/// Three runs of `rent`: one that wrote, one that failed, one with nothing to do.
fn three_runs(env: &TestEnv) {
    env.copy_fixture("rent");
    env.run_job(&[]).expect_code(0);
    env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1.632 kr");
    env.run_job(&[]).expect_code(3);
    env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1.632 kr", "2025-10-01\t1632 kr");
    env.run_job(&[]).expect_code(0);
}
