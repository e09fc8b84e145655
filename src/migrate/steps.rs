//! Steps as they are run: read from a folder, cut into statements, and looked at before any of them is run.

use super::guard::{Terms, Vetted, vet};
use super::layout::{Source, find};
use crate::digest::sha256;
use crate::error::{Result, Stop};
use crate::job::Migrations;
use crate::script::{Grammar, Script, Wrong};
use std::path::Path;

/// A schema step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its folder's or file's name, `20251004112744_audit_trail`.
    pub name: String,
    /// What it runs.
    pub up: StepScript,
    /// The way back, where there is one.
    pub down: Option<StepScript>,
    /// Queries that must give no rows before it.
    pub before: Option<StepScript>,
    /// Queries that must give no rows once it stands.
    pub verify: Option<StepScript>,
    /// SHA-256 of the SQL that it runs, line ends normalised.
    pub sha256: String,
}

/// A script of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepScript {
    /// The file, as it is shown.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What was found in it.
    pub(super) vetted: Vetted,
}

impl StepScript {
    /// Whether it runs outside a transaction.
    pub fn is_outside(&self) -> bool {
        self.vetted.outside
    }

    /// Whether foreign keys must be off before its transaction begins.
    pub fn wants_foreign_keys_off(&self) -> bool {
        self.vetted.foreign_keys_off
    }

    /// Whether it adds values to an enumeration, which PostgreSQL lets nobody use before they are committed.
    pub fn adds_enum_values(&self) -> bool {
        self.vetted.script.statements.iter().any(|s| s.begins(&["ALTER", "TYPE"]) && s.has_all(&["ADD", "VALUE"]))
    }

    /// Cuts and looks at a script that stands in a file.
    pub(super) fn read(source: &Source, terms: Terms) -> Result<StepScript> {
        let file = source.file.display().to_string();
        let grammar = if terms.postgres { Grammar::Postgres } else { Grammar::Sqlite };
        let wrong = |w: Wrong| Stop::usage(format!("{file}:{}: {}", w.line, w.message), w.hint);
        let script = Script::read(&source.text, grammar).map_err(wrong)?;
        let vetted = vet(script, terms).map_err(wrong)?;
        Ok(StepScript { text: source.text.clone(), vetted, file })
    }
}

/// The steps of a job for `backend` (`sqlite` or `postgres`), in their order, each looked at.
pub fn read_steps(migrations: &Migrations, backend: &str) -> Result<Vec<Step>> {
    let steps = find(&migrations.dir, backend)?;
    steps
        .into_iter()
        .map(|found| {
            let foreign = migrations.foreign || found.foreign;
            let terms = Terms { postgres: backend == "postgres", foreign, outside: found.outside, additive: migrations.additive };
            let back = Terms { additive: false, ..terms };
            let queries = |source: &Source| questions(StepScript::read(source, Terms { outside: false, ..back })?);
            Ok(Step {
                // A checkout may change the ends of lines; the step is the same.
                sha256: sha256(found.up.text.replace("\r\n", "\n")),
                up: StepScript::read(&found.up, terms)?,
                down: found.down.as_ref().map(|s| StepScript::read(s, back)).transpose()?,
                before: found.before.as_ref().map(queries).transpose()?,
                verify: found.verify.as_ref().map(queries).transpose()?,
                name: found.name,
            })
        })
        .collect()
}

/// A way back that was recorded when its step was applied.
pub(super) fn recorded_down(step: &str, text: &str, postgres: bool) -> Result<StepScript> {
    let source = Source { file: Path::new(step).join("down.sql"), text: text.to_owned() };
    StepScript::read(&source, Terms { postgres, foreign: true, ..Terms::default() })
}

/// `before.sql` and `verify.sql` only ask.
fn questions(script: StepScript) -> Result<StepScript> {
    let asks = |word: &str| ["SELECT", "WITH", "VALUES"].contains(&word);
    match script.vetted.script.statements.iter().find(|s| !asks(s.head().split(' ').next().unwrap_or_default()) || s.change().is_some()) {
        None => Ok(script),
        Some(s) => Err(Stop::usage(
            format!("{}:{}: {} asks nothing", script.file, s.line, s.head()),
            "each statement here is a query that gives a row for everything that is wrong",
        )),
    }
}
