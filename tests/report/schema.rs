//! docs/report.schema.json against real outcomes: strictly, so that a key which the page does not know fails.

use crate::support::on_both;
use serde_json::Value;
use std::path::Path;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with a value: of JSON Schema, as much as the page uses. Keys that it does not name are wrong, too.
fn wrong(value: &Value, schema: &Value, root: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return wrong(value, &root["$defs"][name.strip_prefix("#/$defs/").unwrap()], root, at, out);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &Value| {
            let mut found = Vec::new();
            wrong(value, choice, root, at, &mut found);
            found
        };
        let all: Vec<Vec<String>> = choices.iter().map(fits).collect();
        if all.iter().all(|found| !found.is_empty()) {
            out.extend(all.into_iter().next().unwrap());
        }
        return;
    }
    if let Some(choices) = schema["enum"].as_array() {
        if !choices.contains(value) {
            out.push(format!("{at}: {value} is none of {choices:?}"));
        }
        return;
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: the schema has the type {other}"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|k| k.as_str().unwrap()).collect(),
        _ => return, // Anything.
    };
    if !kinds.iter().any(|kind| is(kind)) {
        out.push(format!("{at}: {value} is no {kinds:?}"));
        return;
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong(item, &schema["items"], root, &format!("{at}/{n}"), out);
    }
    let Some(members) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(required.as_str().unwrap()) {
            out.push(format!("{at}: {required} is missing"));
        }
    }
    for (key, member) in members {
        let known = schema["properties"].get(key).or(schema.get("additionalProperties"));
        match known {
            Some(known) => wrong(member, known, root, &format!("{at}/{key}"), out),
            None => out.push(format!("{at}/{key}: docs/report.schema.json does not know it")),
        }
    }
}

#[track_caller]
fn fits(outcome: &Value) {
    let (schema, mut found) = (schema(), Vec::new());
    wrong(outcome, &schema, &schema, "", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

on_both! {
    fn every_outcome_is_as_the_schema_says(env) {
        env.copy_fixture("rent");
        fits(&env.run_job(&[]).expect_code(0).json());
        fits(&env.run_job(&[]).expect_code(0).json());
        let url = env.database.url();
        fits(&env.tieout(&["reconcile", "rent", "--database", &url, "--json"]).expect_code(0).json());
        // A revision, a refused file, a difference, a way back.
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1632 kr", "2025-10-01\t1633 kr");
        env.replace("rent/tieout.toml", "sum = { amount = \"92941\" }", "sum = { amount = \"92942\" }");
        let revised = env.run_job(&[]).expect_code(0).json();
        fits(&revised);
        assert_eq!(revised["account"]["changes"]["listed"][0]["operation"], "update");
        fits(&env.tieout(&["rollback", "--database", &url, "--json"]).json());
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1633 kr", "2025-10-01\t1.633 kr");
        fits(&env.run_job(&[]).expect_code(3).json());
        env.replace("rent/electricity_bills_history.txt", "2025-10-01\t1.633 kr", "2025-10-01\t1999 kr");
        fits(&env.run_job(&[]).expect_code(1).json());
        fits(&serde_json::from_str(&env.read("tieout-reports/rent-1/report.json")).unwrap());
    }
}

#[test]
fn a_key_that_the_schema_does_not_know_is_seen() {
    let schema = schema();
    let mut outcome: Value = serde_json::to_value(tieout::report::Outcome::begin("job".into(), "run")).unwrap();
    let seen = |outcome: &Value| {
        let mut found = Vec::new();
        wrong(outcome, &schema, &schema, "", &mut found);
        found
    };
    assert_eq!(seen(&outcome), Vec::<String>::new());
    outcome["account"]["novelty"] = 1.into();
    assert!(seen(&outcome)[0].starts_with("/account/novelty"));
    outcome["account"].as_object_mut().unwrap().remove("novelty");
    outcome["run"].as_object_mut().unwrap().remove("job");
    assert_eq!(seen(&outcome), ["/run: \"job\" is missing"]);
}
