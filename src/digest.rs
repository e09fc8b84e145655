//! SHA-256 as lower-case hexadecimal text: how files, steps and jobs are known.

use sha2::{Digest, Sha256};
use std::io::{Read, Write};

/// The digest of bytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    text(Sha256::digest(bytes))
}

/// The digest of texts one behind the other.
pub fn sha256_bytes<'t>(texts: impl IntoIterator<Item = &'t str>) -> [u8; 32] {
    texts.into_iter().fold(Sha256::new(), |hash, text| hash.chain_update(text)).finalize().into()
}

/// The first eight bytes of the digest as a number, for totals over many.
pub fn sha256_number(bytes: impl AsRef<[u8]>) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A reader that knows the digest of what it gave.
pub struct Hashing<R> {
    inner: R,
    hash: Sha256,
    /// How many bytes that was.
    pub size: u64,
}

impl<R: Read> Hashing<R> {
    /// Hashes whatever is read through it.
    pub fn new(inner: R) -> Hashing<R> {
        Hashing { inner, hash: Sha256::new(), size: 0 }
    }

    /// The digest of everything, also of what nobody has read yet.
    pub fn finish(mut self) -> std::io::Result<String> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(text(self.hash.finalize()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(into)?;
        self.hash.update(&into[..n]);
        self.size += n as u64;
        Ok(n)
    }
}

/// A writer that knows the digest of what it took.
pub struct Taking<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Taking<W> {
    /// Hashes whatever is written through it.
    pub fn new(inner: W) -> Taking<W> {
        Taking { inner, hash: Sha256::new() }
    }

    /// The digest of everything, when it is written out.
    pub fn finish(mut self) -> std::io::Result<String> {
        self.inner.flush()?;
        Ok(text(self.hash.finalize()))
    }
}

impl<W: Write> Write for Taking<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// A digest over lines that come one by one.
pub struct Running(Sha256);

impl Running {
    /// With a first line.
    pub fn over(first: &str) -> Running {
        let mut running = Running(Sha256::new());
        running.line(first);
        running
    }

    /// Adds a line, and its line feed.
    pub fn line(&mut self, line: &str) {
        self.0.update(line);
        self.0.update(b"\n");
    }

    /// The digest.
    pub fn finish(self) -> String {
        text(self.0.finalize())
    }
}

/// The digest of everything a reader gives, and how many bytes that was.
pub fn sha256_of(reader: &mut dyn Read) -> std::io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let size = std::io::copy(reader, &mut hash)?;
    Ok((text(hash.finalize()), size))
}

/// The first half of the digest of bytes: enough to tell a table's rows apart.
pub fn short(bytes: &[u8]) -> u128 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

fn text(digest: impl AsRef<[u8]>) -> String {
    hex(digest.as_ref())
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
