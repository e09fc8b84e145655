//! What a run left, by digests: how the next one knows that nothing has moved.

use crate::store::Content;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// SHA-256 over program, job, files and schema steps.
    pub inputs: String,
    /// SHA-256 over columns and keys of these tables.
    pub shapes: String,
    /// What the tables held that it loaded or looked at.
    pub tables: BTreeMap<String, Content>,
}
