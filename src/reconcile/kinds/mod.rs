//! The kinds of checks that a job can declare, one file each.

pub(super) mod control;
mod count;
mod coverage;
mod cross_foot;
mod duplicate;
mod recompute;
mod reference;
mod residency;
mod roll_forward;
mod sql;
mod sum;

use super::rule::Kind;

/// Every kind; a new one is a line here.
pub static ALL: &[Kind] = &[
    sum::KIND,
    count::KIND,
    control::KIND,
    coverage::KIND,
    cross_foot::KIND,
    recompute::KIND,
    duplicate::KIND,
    reference::KIND,
    residency::KIND,
    roll_forward::KIND,
    sql::KIND,
];
