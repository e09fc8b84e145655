//! The rules: rows and configuration in, checks and findings out. Pure; never sees a connection.

mod explain;
mod formula;
mod kinds;
mod residency;
mod rule;
mod shares;
mod waive;

pub use kinds::ALL as KINDS;
pub use kinds::control::Control;
pub use residency::residency;
pub use rule::{Cells, Need, Recorded, Rule, World, rules};
pub use shares::shares;
pub use waive::{passed_on, waive};
