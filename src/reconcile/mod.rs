//! The rules: rows and configuration in, checks and findings out. Pure; never sees a connection.

mod control;
pub mod rent;
mod residency;
mod shares;
mod sum;

pub use control::{Totals, control_totals};
use residency::residency;
use shares::shares;
pub use sum::{Item, Target, sum_by_month};
