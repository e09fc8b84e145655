//! docs/evidence.md, carried out to the letter.

use crate::support::TestEnv;
use crate::support::database::Kind;
use std::path::Path;
use std::process::Command;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md")).unwrap()
}

#[test]
fn the_page_about_evidence_can_be_followed_to_the_letter() {
    let env = TestEnv::new(Kind::Sqlite);
    env.copy_fixture("rent");
    let page = page();
    let sql = page.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(sql, include_str!("../../sql/sqlite/run_lines.sql"), "the page shows other queries than are used");
    env.write("rent/run_lines.sql", sql);
    let tieout = Path::new(env!("CARGO_BIN_EXE_tieout")).parent().unwrap().display().to_string();
    let path = format!("{tieout}:{}", std::env::var("PATH").unwrap());
    let mut said = String::new();
    for block in page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()) {
        let mut command = Command::new("sh");
        command.args(["-ec", block]).current_dir(env.path("rent")).env_clear().env("PATH", &path).env("HOME", env.path(""));
        let output = command.output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
        assert!(output.status.success(), "{block}\n{out}{err}");
        said += &out;
    }
    for words in [
        "HOLDS",
        "run 1 holds: ",
        "Good \"tieout\" signature for anna",
        "ignored by the rule: section header",
        "3 of the 157 rows of run 1",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn the_chain_of_a_postgres_database_comes_out_in_psql() {
    let env = TestEnv::new(Kind::Postgres);
    super::three_runs(&env);
    env.write("run_lines.sql", include_str!("../../sql/postgres/run_lines.sql"));
    let line = page().split("`sed \"s").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let script = format!(
        "digest=$(printf '0%.0s' $(seq 64)); for run in 1 2 3; do digest=$({{ echo \"$digest\"; sed \"s{line}; }} | sha256sum | cut -c 1-64); echo \"$digest\"; done"
    );
    let output =
        Command::new("sh").args(["-ec", &script]).current_dir(env.path("")).env("DATABASE_URL", env.database.url()).output().unwrap();
    let digests: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let recorded: Vec<String> = env.database.rows("SELECT digest FROM tieout_run ORDER BY id").concat();
    assert_eq!(digests, recorded, "{}", String::from_utf8_lossy(&output.stderr));
}
