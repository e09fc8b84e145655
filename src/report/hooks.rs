//! What became of the job's hooks: the model, and its section of the text report.

use super::layout::{clean, heading, line};
use super::{Outcome, Style};
use crate::evidence::Severity;
use serde::{Deserialize, Serialize};

/// A hook that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookOutcome {
    /// When, as the job file says it.
    pub when: String,
    /// The program and its arguments, without the database's password.
    pub run: Vec<String>,
    /// How it ended.
    pub status: HookStatus,
    /// Its exit code, where it ended by itself.
    pub exit_code: Option<i32>,
    /// What it printed.
    pub output: HookOutput,
    /// How long it took, `0.012`.
    pub seconds: String,
}

/// How a hook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStatus {
    /// With exit code 0.
    Ok,
    /// With another one, or by a signal.
    Failed,
    /// Stopped, because it took too long.
    TimedOut,
    /// Stopped, because the run was interrupted.
    Interrupted,
    /// The program is not there, or is none.
    NotStarted,
}

/// The first 64 KiB of each output of a hook, without the database's password.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HookOutput {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl HookOutcome {
    /// How it ended, in words.
    pub fn words(&self) -> String {
        match (self.status, self.exit_code) {
            (HookStatus::Ok, _) => "done".to_owned(),
            (HookStatus::Failed, Some(code)) => format!("ended with exit code {code}"),
            (HookStatus::Failed, None) => "was ended by a signal".to_owned(),
            (HookStatus::TimedOut, _) => format!("was stopped after {} seconds: it took too long", self.seconds),
            (HookStatus::Interrupted, _) => "was stopped, because the run was interrupted".to_owned(),
            (HookStatus::NotStarted, _) => "cannot be started".to_owned(),
        }
    }

    /// The last lines of what it said, complaints first.
    pub fn last_lines(&self, most: usize) -> Vec<String> {
        let said = if self.output.stderr.trim().is_empty() { &self.output.stdout } else { &self.output.stderr };
        let lines: Vec<&str> = said.trim_end().lines().collect();
        lines[lines.len().saturating_sub(most)..].iter().map(|l| clean(l)).collect()
    }
}

/// The section of the text report.
pub(super) fn section(out: &mut String, outcome: &Outcome, style: Style) {
    if outcome.hooks.is_empty() {
        return;
    }
    heading(out, style, "Hooks");
    for hook in &outcome.hooks {
        let text = format!("{}  {}  {}", hook.when, clean(&hook.run.join(" ")), hook.words());
        let failed = hook.status != HookStatus::Ok;
        line(out, &format!("  {}", if failed { style.severity(Severity::Warning, &text) } else { text }));
        for (name, said) in [("stdout", &hook.output.stdout), ("stderr", &hook.output.stderr)] {
            if (style.verbose || failed) && !said.is_empty() {
                let most = if style.verbose { usize::MAX } else { 5 };
                let lines: Vec<&str> = said.lines().collect();
                lines[lines.len().saturating_sub(most)..].iter().for_each(|l| line(out, &format!("      {name}: {}", clean(l))));
            }
        }
    }
}
