//! SHA-256 as lower-case hexadecimal text: how files, steps and jobs are known.

use sha2::{Digest, Sha256};
use std::io::Read;

/// The digest of bytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    text(Sha256::digest(bytes))
}

/// The digest of everything a reader gives, and how many bytes that was.
pub fn sha256_of(reader: &mut impl Read) -> std::io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let size = std::io::copy(reader, &mut hash)?;
    Ok((text(hash.finalize()), size))
}

fn text(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
