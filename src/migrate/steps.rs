//! Reads the steps of a migrations folder: `NAME/{sqlite,postgres}/up.sql`, or `NAME/up.sql` for both.

use super::guard;
use crate::digest::sha256;
use crate::error::{Result, Stop, io_words};
use std::path::Path;

/// A schema step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The folder's name, `20251004112744_audit_trail`.
    pub name: String,
    /// What it runs.
    pub sql: String,
    /// SHA-256 of the SQL, line ends normalised.
    pub sha256: String,
}

/// The steps for `backend` (`sqlite` or `postgres`), in the order of their numbers, each checked to keep the
/// transaction it will run in.
pub fn read_steps(dir: &Path, backend: &str) -> Result<Vec<Step>> {
    let cannot =
        |path: &Path, e: std::io::Error| Stop::usage(format!("cannot read {}: {}", path.display(), io_words(&e)), "check its permissions");
    let mut steps: Vec<(Rank, Step)> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| cannot(dir, e))? {
        let entry = entry.map_err(|e| cannot(dir, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        if !entry.path().is_dir() || digits.is_empty() {
            continue;
        }
        let candidates = [entry.path().join(backend).join("up.sql"), entry.path().join("up.sql")];
        let Some(path) = candidates.iter().find(|p| p.is_file()) else {
            let message = format!("the step {name} has neither {backend}/up.sql nor up.sql");
            return Err(Stop::usage(message, "every step says how to go up on the database that is migrated"));
        };
        let sql = std::fs::read_to_string(path).map_err(|e| cannot(path, e))?.replace("\r\n", "\n");
        guard::check(&sql, backend).map_err(|(line, what)| {
            let message = format!("{}:{line}: {what} has no place in a step", path.display());
            Stop::usage(message, "the whole run is one transaction, which tieout begins and ends; remove the statement")
        })?;
        let sha256 = sha256(&sql);
        let sql = if guard::is_blank(&sql, backend) { String::new() } else { sql };
        steps.push((rank(&digits), Step { name, sql, sha256 }));
    }
    steps.sort();
    if let Some(pair) = steps.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let message = format!("the steps {} and {} have the same number", pair[0].1.name, pair[1].1.name);
        return Err(Stop::usage(message, "number them apart: their order must be beyond doubt"));
    }
    Ok(steps.into_iter().map(|(_, step)| step).collect())
}

/// What steps are ordered by: counted numbers by their value, then dates and times by what they begin with, so that
/// `20251108` comes behind `20251004112744`.
type Rank = (bool, String);

fn rank(digits: &str) -> Rank {
    if digits.len() >= 8 { (true, format!("{digits:0<20}")) } else { (false, format!("{digits:0>8}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("up.sql"), "CREATE TABLE t (a INT);\r\n").unwrap();
        }
        dir
    }

    #[test]
    fn ten_comes_after_nine() {
        let dir = folder(&["10_c", "9_b", "0008_a", "notes", "20251108_e", "20251004112744_d"]);
        let steps = read_steps(dir.path(), "sqlite").unwrap();
        assert_eq!(steps.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["0008_a", "9_b", "10_c", "20251004112744_d", "20251108_e"]);
        assert!(!steps[0].sql.contains('\r'), "a checkout with CRLF is the same step");
    }

    #[test]
    fn equal_numbers_are_refused() {
        let dir = folder(&["1_a", "001_b"]);
        assert!(read_steps(dir.path(), "sqlite").unwrap_err().message.contains("the same number"));
    }
}
