//! The rules: rows and configuration in, checks and findings out. Pure; never sees a connection.

mod explain;
mod formula;
mod kinds;
pub mod rent;
mod residency;
mod rule;
mod shares;
mod waive;

pub use kinds::ALL as KINDS;
pub use kinds::control::Control;
use residency::residency;
pub use rule::{Cells, Need, Recorded, Rule, World, rules};
use shares::shares;
pub use waive::{passed_on, waive};
