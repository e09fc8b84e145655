//! Clears the job's caches after a run. What they hold changes nothing about what was committed: one that cannot be cleared is
//! a warning.

use super::Request;
use crate::cache::{CacheOutcome, clear};
use crate::evidence::{Finding, Severity, Subject};
use crate::job::When;
use crate::report::{Outcome, RunStatus, seconds};
use std::time::Instant;

/// Clears those that a run calls for. Whether there were any.
pub(super) fn after(request: &Request<'_>, outcome: &mut Outcome) -> bool {
    let when = match outcome.run.status {
        RunStatus::Committed => When::AfterCommit,
        RunStatus::Failed => When::AfterRollback,
        RunStatus::Unchanged | RunStatus::Planned => return false,
    };
    let due: Vec<_> = request.job.caches.iter().filter(|c| c.when.contains(&when)).collect();
    for cache in &due {
        request.progress.phase("clearing the cache", 0);
        let begin = Instant::now();
        let cleared = clear(cache);
        if let Some(why) = &cleared.error {
            let message = format!("the cache at {} was not cleared: {why}", cleared.server);
            let hint = "the run itself is as the report says, but the app may show what it kept from before: clear these keys by hand";
            outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "cache-failed", message, hint));
        }
        outcome.caches.push(CacheOutcome {
            when: when.word().to_owned(),
            server: cleared.server,
            patterns: cleared.patterns,
            error: cleared.error,
            seconds: seconds(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)),
        });
    }
    !due.is_empty()
}
