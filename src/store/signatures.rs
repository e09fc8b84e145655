//! Signatures of runs, as `tieout_signature` keeps them. What they are over, and whether they hold, is `audit`'s business.

use super::{Store, Texts};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// A signature as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The run.
    pub run: i64,
    /// `preparer` or `reviewer`.
    pub role: String,
    /// Who says to be the signer.
    pub signer: String,
    /// The public key, as OpenSSH writes it.
    pub public_key: String,
    /// The signature, as `ssh-keygen -Y sign` writes it.
    pub signature: String,
    /// When, RFC 3339.
    pub signed_at: String,
}

impl Store {
    /// The signatures of a run, or of all.
    pub fn signatures(&mut self, run: Option<i64>) -> Result<Vec<Signature>> {
        if !self.has_table("tieout_signature")? {
            return Ok(Vec::new());
        }
        let run = run.map(|run| run.to_string());
        let columns = ["run_id", "role", "signer", "public_key", "signature", "signed_at"];
        let from = "FROM tieout_signature WHERE run_id = coalesce(CAST($1 AS BIGINT), run_id) ORDER BY id";
        let rows = self.select(&columns, from, &[run.as_deref()])?;
        let read = |mut row: Texts| {
            let mut take = |i: usize| row[i].take().unwrap_or_default();
            Signature {
                run: take(0).parse().unwrap_or_default(),
                role: take(1),
                signer: take(2),
                public_key: take(3),
                signature: take(4),
                signed_at: take(5),
            }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Keeps a signature.
    pub fn add_signature(&mut self, signature: &Signature) -> Result<()> {
        let Signature { run, role, signer, public_key, signature, signed_at } = signature;
        let run = run.to_string();
        let sql = "INSERT INTO tieout_signature (run_id, role, signer, public_key, signature, signed_at) \
                   VALUES (CAST($1 AS BIGINT), $2, $3, $4, $5, $6)";
        self.change(sql, &[Some(&run), Some(role), Some(signer), Some(public_key), Some(signature), Some(signed_at)]).map(drop)
    }
}
