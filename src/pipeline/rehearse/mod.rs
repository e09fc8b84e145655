//! The rehearsal: everything a run does, on a copy of the database; then the way back, and the run once more. Nothing here
//! reaches the database itself.

mod diff;

use super::transaction::{End, transact};
use super::{Request, migrate_back};
use crate::assemble::Archive;
use crate::error::Result;
use crate::evidence::{Check, Severity, Status};
use crate::migrate::Step;
use crate::report::{Outcome, Rehearsal, WayBack};
use crate::store::{Fingerprint, Scope, Store, Target};
use diff::Before;
use std::path::Path;
use std::time::Instant;

/// The check that the run is short enough.
pub(super) const DOWNTIME: &str = "max-downtime";

/// Rehearses a run on `copy`, whose files may lie in `dir`. `outcome` is the run's so far; it comes back with what the copy
/// showed, and `None` where the run failed there.
pub(super) fn rehearse(
    request: &Request<'_>,
    archive: Archive<'_>,
    copy: &Target,
    dir: &Path,
    outcome: &mut Outcome,
    steps: &[Step],
) -> Result<Option<Rehearsal>> {
    request.progress.phase("rehearsing on a copy", 0);
    let clean = outcome.clone();
    let mut store = Store::read(copy)?;
    let held = store.fingerprint(Scope::Users)?;
    let rows = Before::read(&mut store, dir)?;
    let begin = Instant::now();
    if transact(request, archive, &mut store, outcome, steps, false)? != End::Committed {
        return Ok(None);
    }
    let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    outcome.checks.extend(downtime(request, milliseconds));
    let after = store.fingerprint(Scope::Users)?;
    let tables = rows.compare(&mut store)?;
    let mut rehearsal = Rehearsal { milliseconds, schema: definitions(&held, &after), tables, ..Rehearsal::default() };
    rehearsal.way_back = way_back(request, &mut store, outcome, &held)?;
    if rehearsal.way_back.lossless {
        let mut again = clean;
        // The first run and its way back have the two numbers before.
        again.run.id = again.run.id.map(|id| id + 2);
        rehearsal.again = match transact(request, archive, &mut store, &mut again, steps, false) {
            Ok(End::Committed) => alike(&after, &store.fingerprint(Scope::Users)?),
            Ok(_) => vec!["a second run after the way back fails".into()],
            Err(stop) => vec![format!("a second run after the way back fails: {}", stop.message)],
        };
    }
    outcome.judge();
    Ok(Some(rehearsal))
}

/// Whether the run is as short as the job wants it.
fn downtime(request: &Request<'_>, milliseconds: u64) -> Option<Check> {
    let most = request.job.max_downtime?;
    let mut check = Check::new(DOWNTIME, "rehearsal", Severity::Error);
    let took = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    check.expected = Some(most.as_secs().to_string());
    check.actual = Some(took(milliseconds));
    check.status = if u128::from(milliseconds) <= most.as_millis() { Status::Match } else { Status::Difference };
    check.explanation = Some("seconds that schema, rows and checks took on a copy, against the most that the job allows".into());
    Some(check)
}

/// What is defined otherwise: the differences without those in rows.
fn definitions(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let only = |f: &Fingerprint| Fingerprint { objects: f.objects.clone(), ..Fingerprint::default() };
    let said =
        |s: String| s.replace(" is missing", " goes").replace(" should not be there", " comes").replace(" instead of ", ", and was ");
    only(before).differences(&only(after)).into_iter().map(said).collect()
}

/// How a second run's result differs from the first: moments are other ones, so rows are only counted.
fn alike(first: &Fingerprint, second: &Fingerprint) -> Vec<String> {
    let counted = |f: &Fingerprint| {
        let mut f = Fingerprint { positions: std::collections::BTreeMap::new(), ..f.clone() };
        f.tables.values_mut().for_each(|content| content.digest.clear());
        f
    };
    counted(first).differences(&counted(second))
}

/// Takes the rehearsed run back, and looks whether all is as it was.
fn way_back(request: &Request<'_>, store: &mut Store, outcome: &Outcome, held: &Fingerprint) -> Result<WayBack> {
    let run = outcome.run.id.unwrap_or_default();
    let losses = match migrate_back::take_back(store, &request.job.name, run, run + 1, &|| request.check_interrupt()) {
        Err(stop) => {
            request.check_interrupt()?;
            vec![stop.message]
        }
        Ok(back) if back.failed() => back.why(),
        Ok(_) => {
            let is = store.fingerprint(Scope::Users)?;
            // A number that a sequence gave out is not given again, and nobody misses it.
            let compared = |f: &Fingerprint| {
                let f = Fingerprint { positions: std::collections::BTreeMap::new(), ..f.clone() };
                if store.is_postgres() { f } else { f.normal() }
            };
            compared(held).differences(&compared(&is))
        }
    };
    Ok(WayBack { lossless: losses.is_empty(), losses })
}
