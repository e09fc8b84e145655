//! Declared hooks (`[[hook]]`): programs that are run before and after a run, read and typed.

use super::read::Place;
use crate::error::Result;
use serde::Deserialize;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// A program that is run before or after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// When.
    pub when: When,
    /// The program and its arguments; no shell.
    pub run: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether the run stops where it fails; of the hooks before a run alone.
    pub required: bool,
}

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything is read.
    BeforeRun,
    /// After something was written.
    AfterCommit,
    /// After a run that failed.
    AfterRollback,
    /// Where a check fails, or something is different that was not in the run before.
    OnDifference,
    /// After every run.
    AfterRun,
}

/// The words of the job file.
const WORDS: [(&str, When); 5] = [
    ("before-run", When::BeforeRun),
    ("after-commit", When::AfterCommit),
    ("after-rollback", When::AfterRollback),
    ("on-difference", When::OnDifference),
    ("after-run", When::AfterRun),
];

impl When {
    /// As the job file has it.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, when)| *when == self).map_or("", |(word, _)| word)
    }
}

/// How long a hook may take that does not say so.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHook {
    when: Spanned<String>,
    run: Spanned<Vec<String>>,
    timeout: Option<Spanned<String>>,
    required: Option<Spanned<bool>>,
}

impl Place<'_> {
    pub(super) fn hooks(&self, raw: Vec<RawHook>, allowed: bool, job: &Range<usize>) -> Result<Vec<Hook>> {
        if !raw.is_empty() && !allowed {
            let hint = "write `allow_exec = true` under [job], if you trust the programs and this file";
            return Err(self.stop(job.clone(), "the job has hooks, which run programs, and does not allow that", hint));
        }
        raw.into_iter().map(|hook| self.hook(hook)).collect()
    }

    fn hook(&self, raw: RawHook) -> Result<Hook> {
        let when = WORDS.iter().find(|(word, _)| word == raw.when.get_ref()).map(|(_, when)| *when).ok_or_else(|| {
            let message = format!("`{}` is no moment of a run", raw.when.get_ref());
            let words: Vec<String> = WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.stop(raw.when.span(), message, format!("write {}", words.join(", ")))
        })?;
        if raw.run.get_ref().first().is_none_or(|program| program.trim().is_empty()) {
            let hint = "write run = [\"PROGRAM\", \"ARGUMENT\"]; there is no shell, so `run = [\"sh\", \"-c\", \"…\"]` where you need one";
            return Err(self.stop(raw.run.span(), "the hook names no program", hint));
        }
        let required = match &raw.required {
            Some(word) if *word.get_ref() && when != When::BeforeRun => {
                let hint = "what is committed stays so: after a run a hook that fails is a warning. Remove `required`";
                return Err(self.stop(word.span(), "only a before-run hook can be required", hint));
            }
            Some(word) => *word.get_ref(),
            None => when == When::BeforeRun,
        };
        let timeout = raw.timeout.as_ref().map_or(Ok(MINUTE), |text| self.duration(text))?;
        Ok(Hook { when, run: raw.run.into_inner(), timeout, required })
    }

    pub(super) fn duration(&self, text: &Spanned<String>) -> Result<Duration> {
        duration(text.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no time from a second to a day", text.get_ref());
            self.stop(text.span(), message, "write it like \"30s\" or \"5min\"")
        })
    }
}

/// `30s` or `5min`, up to a day.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("min") {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s')?, 1),
    };
    let seconds = number.trim_end().parse::<u32>().ok()?.checked_mul(unit)?;
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_minutes() {
        let seconds = |text| duration(text).map(|d| d.as_secs());
        assert_eq!(["30s", "5min", "90 s", "1440min"].map(seconds), [Some(30), Some(300), Some(90), Some(86_400)]);
        assert_eq!(["30", "0s", "1h", "-1s", "1.5s", "1441min", "", "s"].map(seconds), [None; 8]);
    }

    #[test]
    fn every_moment_has_its_word() {
        assert!(WORDS.iter().all(|(word, when)| when.word() == *word));
    }
}
