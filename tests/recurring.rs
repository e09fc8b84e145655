//! The examples of docs/recurring.md: each is what the page quotes, and what the program that reads it takes.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(folder().join("examples").join(name)).unwrap()
}

#[test]
fn the_page_quotes_every_example_as_it_is() {
    let page = std::fs::read_to_string(folder().join("recurring.md")).unwrap();
    let mut quoted = 0;
    for entry in std::fs::read_dir(folder().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let block = page.split(&format!("<!-- docs/examples/{name} -->\n```")).nth(1).unwrap_or_else(|| panic!("{name} is not quoted"));
        let text = block.split_once('\n').unwrap().1.split("```").next().unwrap();
        assert_eq!(text, example(&name), "docs/recurring.md quotes {name} otherwise than it is");
        quoted += 1;
    }
    assert_eq!(page.matches("<!-- docs/examples/").count(), quoted);
}

/// What a shell says of a line, without running it.
fn shell_takes(script: &str) {
    let output = Command::new("sh").args(["-n", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_crontab_has_five_fields_and_a_line_that_a_shell_takes() {
    let text = example("crontab");
    let line = text.lines().find(|l| l.contains("tieout reconcile")).unwrap();
    let mut rest = line;
    for _ in 0..5 {
        let (field, behind) = rest.split_once(' ').unwrap();
        assert!(!field.is_empty() && field.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c)), "{field}");
        rest = behind;
    }
    assert!(!rest.contains('%'), "cron makes line ends of these");
    shell_takes(rest.trim());
    shell_takes(&example("rent.env"));
}

#[test]
fn systemd_takes_the_units() {
    let env = TestEnv::new(Kind::Sqlite);
    for name in ["tieout-rent.service", "tieout-rent.timer"] {
        // The program must be where the unit says it is.
        env.write(name, example(name).replace("/usr/local/bin/tieout", env!("CARGO_BIN_EXE_tieout")));
    }
    let args = ["verify", "--recursive-errors=no", "--man=no", "./tieout-rent.service", "./tieout-rent.timer"];
    let Ok(output) = Command::new("systemd-analyze").args(args).current_dir(env.path("")).output() else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let about: Vec<&str> = said.lines().filter(|l| l.contains("tieout-rent")).collect();
    assert!(about.is_empty(), "{said}");
}

/// Whether a text is the plain YAML that the examples keep to: mappings and lists by indentation of two, and block texts.
fn is_plain_yaml(text: &str) {
    let key = regex_lite::Regex::new(r#"^[A-Za-z][A-Za-z_-]*:( .+)?$"#).unwrap();
    let (mut depths, mut block): (Vec<usize>, Option<usize>) = (vec![0], None);
    let mut opened = false;
    for line in text.lines() {
        assert!(!line.contains('\t') && line == line.trim_end(), "{line:?}");
        let depth = line.len() - line.trim_start().len();
        if block.is_some_and(|outer| depth > outer) {
            continue;
        }
        let deepest = *depths.last().unwrap();
        assert!(depth <= deepest || opened && depth == deepest + 2, "{line:?} is too deep");
        depths.retain(|d| *d <= depth);
        assert!(depths.last() == Some(&depth) || opened, "{line:?} stands at no level");
        if depths.last() != Some(&depth) {
            depths.push(depth);
        }
        let item = line.trim_start().strip_prefix("- ");
        if item.is_some() {
            depths.push(depth + 2);
        }
        let entry = item.unwrap_or(line.trim_start());
        assert!(item.is_some_and(|i| !i.contains(": ")) || key.is_match(entry), "{line:?} is no entry");
        let value = entry.split_once(": ").map_or("", |(_, v)| v);
        assert!(value.matches('"').count() % 2 == 0 && (value.starts_with('"') || !value.contains(": ")), "{line:?}");
        opened = entry.ends_with(':') || value == "|";
        block = (value == "|").then_some(depth);
    }
}

#[test]
fn the_yaml_can_be_read() {
    for name in ["reconcile.yml", "alerts.yml"] {
        is_plain_yaml(&example(name));
        let program = "import sys, yaml; yaml.safe_load(open(sys.argv[1]))";
        let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output().is_ok_and(|o| o.status.success());
        if has_yaml {
            let output = Command::new("python3").args(["-c", program]).arg(folder().join("examples").join(name)).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(std::panic::catch_unwind(|| is_plain_yaml("a:\n    b: c")).is_err(), "it does see what is wrong");
}

#[test]
fn the_hooks_are_such_as_a_job_may_have() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    env.replace("rent/tieout.toml", "currency = \"SEK\"", "currency = \"SEK\"\nallow_exec = true");
    env.write("rent/tieout.toml", format!("{}\n{}", env.read("rent/tieout.toml"), example("hooks.toml")));
    env.write("rent/fetch-files.sh", "#!/bin/sh\nexit 3\n");

    std::fs::set_permissions(env.path("rent/fetch-files.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = env.run_job(&[]).expect_code(4);
    assert!(run.stdout.contains("`./fetch-files.sh` ended with exit code 3"), "{}", run.stdout);
}
