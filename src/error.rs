//! Why a command stops at once. What is found wrong in files or figures is no stop but a finding, so that all is shown.

use crate::evidence::{Finding, Severity, Subject};

/// A stop: what happened, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    /// What it is about; decides the exit code.
    pub subject: Subject,
    /// What happened.
    pub message: String,
    /// What to do; empty when nothing can be said.
    pub hint: String,
    /// Somebody else held a lock: the same may work a moment later.
    pub busy: bool,
}

/// What the operating system said, without its number.
pub fn io_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// What most functions here return.
pub type Result<T> = std::result::Result<T, Stop>;

impl Stop {
    /// A stop for a reason.
    pub fn new(subject: Subject, message: impl Into<String>, hint: impl Into<String>) -> Stop {
        Stop { subject, message: message.into(), hint: hint.into(), busy: false }
    }

    /// Wrong use: command line, job file, paths.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Stop {
        Stop::new(Subject::Usage, message, hint)
    }

    /// The database or a migration.
    pub fn database(message: impl Into<String>, hint: impl Into<String>) -> Stop {
        Stop::new(Subject::Database, message, hint)
    }

    /// The user asked to stop.
    pub fn interrupted() -> Stop {
        Stop::new(Subject::Interrupt, "interrupted; everything was rolled back", "run the same command again")
    }

    /// The same as a finding, for reports.
    pub fn finding(&self) -> Finding {
        let code = match self.subject {
            Subject::Check => "check",
            Subject::File => "file",
            Subject::Usage => "usage",
            Subject::Database => "database",
            Subject::Lock => "locked",
            Subject::Interrupt => "interrupted",
        };
        Finding::new(Severity::Error, self.subject, code, &self.message, &self.hint)
    }
}
