//! A transaction that waited in vain for somebody else's lock is given up as a whole and tried again, a few times. How long
//! is waited is `store`'s to say.

use super::Request;
use crate::error::{Result, Stop};
use crate::report::Outcome;
use crate::store::{PAUSES, Store};
use std::time::{Duration, Instant};

/// Does a transaction's work, from its begin to its commit or rollback; again from the start where a lock was in the way.
/// What the work put into the outcome before is forgotten then. When patience is at its end, the stop says who holds it.
pub(super) fn patiently<T>(
    request: &Request<'_>,
    outcome: &mut Outcome,
    store: &mut Store,
    mut work: impl FnMut(&mut Outcome, &mut Store) -> Result<T>,
) -> Result<T> {
    let before = outcome.clone();
    for pause in PAUSES {
        match work(outcome, store) {
            Err(stop) if stop.busy => outcome.clone_from(&before),
            done => return done,
        }
        request.progress.phase("waiting for a lock", 0);
        wait(request, pause)?;
    }
    work(outcome, store).map_err(|stop| if stop.busy { in_vain(&stop, store) } else { stop })
}

fn in_vain(stop: &Stop, store: &mut Store) -> Stop {
    let holders = store.holders();
    let holders = if holders.is_empty() { String::new() } else { format!("; locks are held by {holders}") };
    let message = format!("{}; it was tried {} times{holders}", stop.message, PAUSES.len() + 1);
    Stop::database(message, stop.hint.clone())
}

fn wait(request: &Request<'_>, pause: Duration) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < pause {
        request.check_interrupt()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
