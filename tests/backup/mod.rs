//! Backups and restores: what counts as a backup, what comes back, and what is refused before anything is touched.

mod fingerprint;
mod postgres;
mod restore;
mod take;

use crate::support::database::Kind;
use crate::support::{Run, TestEnv};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tieout::store::{Fingerprint, Scope, Store, Target};

/// Fills the database with something of every kind.
pub(crate) fn fill(env: &TestEnv) {
    let name = if env.database.kind == Kind::Sqlite { "sqlite" } else { "postgres" };
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/backup/{name}.sql"));
    env.database.execute(&std::fs::read_to_string(sql).unwrap());
}

pub(crate) fn target(env: &TestEnv) -> Target {
    Target::parse(&env.database.url(), Path::new("")).unwrap()
}

pub(crate) fn fingerprint(env: &TestEnv) -> Fingerprint {
    Store::read(&target(env)).unwrap().fingerprint(Scope::Everything).unwrap()
}

/// Takes a backup by the command; gives its path and its JSON.
pub(crate) fn backup(env: &TestEnv, extra: &[&str]) -> (String, Value) {
    let url = env.database.url();
    let json = env.tieout(&[&["backup", "--database", &url, "--json"], extra].concat()).expect_code(0).json();
    (env.path(json["path"].as_str().unwrap()).display().to_string(), json)
}

pub(crate) fn restore(env: &TestEnv, file: &str, extra: &[&str]) -> Run {
    env.tieout(&[&["restore", file, "--database", &env.database.url()], extra].concat())
}

/// The files in a folder by name, our folders for unfinished files too.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A dump without what PostgreSQL spells differently once it has read its own dump.
pub(crate) fn spelled(dump: &str) -> String {
    ["(", ")", "[]", "::text", "::character varying"].iter().fold(dump.to_owned(), |dump, part| dump.replace(part, ""))
}

/// A table of some hundred kilobytes.
pub(crate) fn make_big(env: &TestEnv) {
    env.database.execute("CREATE TABLE big (t TEXT)");
    let noise = (0..20_000u32).map(|n| format!("('{:08x}{:08x}')", n.wrapping_mul(2_654_435_761), n.wrapping_mul(0x85eb_ca6b)));
    env.database.execute(&format!("INSERT INTO big VALUES {}", noise.collect::<Vec<_>>().join(", ")));
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
