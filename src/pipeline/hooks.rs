//! Runs the job's hooks around a run. What they do changes nothing about what was committed: after a run, one that fails is a
//! warning.

use super::{Request, cache, record_again};
use crate::evidence::{Check, Finding, Severity, Subject};
use crate::exec::{How, Program};
use crate::job::{Hook, When};
use crate::report::{self, HookOutcome, HookOutput, HookStatus, Outcome, RunStatus, seconds};
use crate::store::Store;
use std::path::Path;
use std::sync::atomic::Ordering;

/// So much of each output is kept.
const KEPT: usize = 64 << 10;

/// No password is longer: so much more is read, so that none is cut in two before it is found.
const PASSWORD: usize = 1024;

/// How many lines of a hook's output are said with its failure.
const LINES: usize = 10;

/// The jobs whose hooks have started this program, by name and the outermost first.
const WITHIN: &str = "TIEOUT_HOOK";

/// The hooks before a run. Whether it may go on.
pub(super) fn before(request: &Request<'_>, outcome: &mut Outcome) -> bool {
    if is_nested(request, outcome) {
        return true;
    }
    for hook in request.job.hooks.iter().filter(|h| h.when == When::BeforeRun) {
        let went_well = run(request, outcome, hook, &|| request.interrupted.load(Ordering::Relaxed));
        if !went_well && hook.required {
            return false;
        }
    }
    true
}

/// Whether there are hooks before a run.
pub(super) fn any_before(request: &Request<'_>) -> bool {
    request.job.hooks.iter().any(|h| h.when == When::BeforeRun)
}

/// The caches and the hooks after a run, when its report is written and recorded; both are then written again, with what was
/// done.
pub(super) fn after(request: &Request<'_>, outcome: &mut Outcome, folder: Option<&Path>, store: Option<&mut Store>) {
    let due = due(outcome);
    let due = if is_nested(request, outcome) { Vec::new() } else { due };
    let hooks: Vec<&Hook> = due.iter().flat_map(|when| request.job.hooks.iter().filter(|h| h.when == *when)).collect();
    // What a program shows or warms up afterwards must not come out of an old cache.
    if !cache::after(request, outcome) && hooks.is_empty() {
        return;
    }
    // Who has interrupted the run still wants to be told of it, and to have its leavings swept up.
    let already = request.interrupted.load(Ordering::Relaxed);
    for hook in hooks {
        run(request, outcome, hook, &|| !already && request.interrupted.load(Ordering::Relaxed));
    }
    outcome.recount();
    let mut store = store;
    if let Some(store) = store.as_deref_mut() {
        record_again(outcome, store);
    }
    if let Some(folder) = folder.filter(|_| outcome.report.is_some())
        && let Err(stop) = report::write(folder, outcome, store, None, &request.form)
    {
        outcome.findings.push(Finding { severity: Severity::Warning, ..stop.finding() });
    }
}

/// Whether a hook of the job has started the run: then its hooks keep still, else they would start each other without end.
fn is_nested(request: &Request<'_>, outcome: &mut Outcome) -> bool {
    let nested = !request.job.hooks.is_empty() && within().split(':').any(|name| name == request.job.name);
    if nested && outcome.findings.iter().all(|f| f.code != "hooks-kept-still") {
        let message = format!("this run was started by a hook of the job {}, so none of its hooks was run", request.job.name);
        outcome.findings.push(Finding::warning(
            "hooks-kept-still",
            message,
            "a hook may read the database; let it start another job, or none",
        ));
    }
    nested
}

fn within() -> String {
    std::env::var(WITHIN).unwrap_or_default()
}

/// Which hooks a run calls for, in their order.
fn due(outcome: &Outcome) -> Vec<When> {
    let mut due = match outcome.run.status {
        RunStatus::Committed => vec![When::AfterCommit],
        RunStatus::Unchanged | RunStatus::Planned => Vec::new(),
        RunStatus::Failed => vec![When::AfterRollback],
    };
    if outcome.checks.iter().any(Check::fails) || outcome.has_news() {
        due.push(When::OnDifference);
    }
    due.push(When::AfterRun);
    due
}

/// Runs one; notes what became of it, and gives whether that is well.
fn run(request: &Request<'_>, outcome: &mut Outcome, hook: &Hook, stop: &dyn Fn() -> bool) -> bool {
    request.progress.phase(&format!("{} hook", hook.when.word()), 0);
    let program = Program {
        command: &hook.run,
        folder: &request.job.folder,
        environment: environment(outcome, hook.when).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        input: Box::new(std::io::empty()),
        kept: (KEPT + PASSWORD, KEPT + PASSWORD),
        time: hook.timeout,
        group: true,
        stop,
    };
    let ended = program.run();
    let text = |bytes: &[u8]| shortened(request.redact(&String::from_utf8_lossy(bytes)));
    let (status, exit_code) = match &ended.how {
        How::Exited(status) if status.success() => (HookStatus::Ok, Some(0)),
        How::Exited(status) => (HookStatus::Failed, status.code()),
        How::TimedOut => (HookStatus::TimedOut, None),
        How::Stopped => (HookStatus::Interrupted, None),
        How::NotStarted(_) => (HookStatus::NotStarted, None),
    };
    let mut output = HookOutput { stdout: text(&ended.stdout), stderr: text(&ended.stderr) };
    if let How::NotStarted(why) = ended.how {
        output.stderr = why;
    }
    let done = HookOutcome {
        when: hook.when.word().to_owned(),
        run: hook.run.iter().map(|word| request.redact(word)).collect(),
        status,
        exit_code,
        output,
        seconds: seconds(u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX)),
    };
    let well = status == HookStatus::Ok;
    if !well {
        outcome.findings.push(failure(&done, hook.required));
    }
    outcome.hooks.push(done);
    well
}

fn failure(done: &HookOutcome, required: bool) -> Finding {
    let lines: String = done.last_lines(LINES).iter().map(|l| format!("\n      {l}")).collect();
    let message = format!("the {} hook `{}` {}{lines}", done.when, done.run.join(" "), done.words());
    let (severity, hint) = if required {
        (Severity::Error, "nothing was read or written; the job says that it must go well first (`required`)")
    } else {
        (Severity::Warning, "the run itself is as the report says; run the program by hand in the job's folder")
    };
    Finding::new(severity, Subject::Database, "hook-failed", message, hint)
}

/// What a hook is told. How the run ended is not known before it.
fn environment(outcome: &Outcome, when: When) -> Vec<(&'static str, String)> {
    let own = ["LANG", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    let mut environment: Vec<(&'static str, String)> = own.collect();
    environment.push(("TIEOUT_JOB", outcome.run.job.clone()));
    environment.push((WITHIN, [within(), outcome.run.job.clone()].join(":").trim_start_matches(':').to_owned()));
    environment.extend(outcome.run.id.map(|id| ("TIEOUT_RUN", id.to_string())));
    if when != When::BeforeRun {
        environment.push(("TIEOUT_STATUS", outcome.run.status.word().to_owned()));
        environment.push(("TIEOUT_EXIT_CODE", outcome.exit_code.to_string()));
        // Hooks run in the job's folder, the report's path may start from ours.
        let report = outcome.report.as_ref().and_then(|r| std::path::absolute(r).ok());
        environment.extend(report.map(|r| ("TIEOUT_REPORT", r.display().to_string())));
    }
    environment
}

/// The first of a text, as much as is kept.
fn shortened(mut text: String) -> String {
    let end = (0..=KEPT.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.truncate(end);
    text
}
