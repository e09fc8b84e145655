//! The rules: rows and configuration in, checks and findings out. Pure; never sees a connection.

mod control;
mod residency;
mod shares;
mod sum;

pub use control::{Totals, control_totals};
pub use residency::residency;
pub use shares::shares;
pub use sum::{Item, Target, sum_by_month};
