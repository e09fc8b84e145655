//! Moments and durations as other programs want them: in seconds, exact to the millisecond, without a binary float.

use super::RunInfo;

/// How long a run took, `12.034`.
pub(super) fn duration(run: &RunInfo) -> String {
    let took = millis(&run.finished_at).zip(millis(&run.started_at)).map_or(0, |(end, begin)| (end - begin).max(0));
    seconds(took.unsigned_abs())
}

/// When a run ended, in seconds since 1970.
pub(super) fn ended(run: &RunInfo) -> String {
    seconds(millis(&run.finished_at).unwrap_or_default().unsigned_abs())
}

/// Milliseconds as seconds, `0.012`.
pub fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

fn millis(moment: &str) -> Option<i64> {
    Some(moment.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}
