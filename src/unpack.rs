//! Where a file's bytes are: a file, packed or not, a member of a ZIP archive, or standard input. They are poured out piece
//! by piece, hashed on the way, and bounded, so that a small archive cannot become an endless file. What they mean is not
//! known here.

use crate::digest::Hashing;
use crate::error::{Result, Stop, io_words};
use crate::evidence::Subject;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A packed file may unpack to 1 GiB, or to a hundred times its size if that is more.
const LIMIT: u64 = 1 << 30;
/// See [`LIMIT`].
const RATIO: u64 = 100;
/// How many bytes are read at once, and how many first: most files are small.
const PIECE: usize = 1 << 20;
const FIRST: usize = 1 << 16;

/// Where the bytes of a source file are.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file; packed when its name ends in `.gz` or `.zst`.
    File(PathBuf),
    /// A member of a ZIP archive.
    Member(PathBuf, String),
    /// Standard input, kept in a file without a name.
    Input(Arc<File>),
}

/// Why bytes are not all poured out.
pub enum Dry {
    /// They cannot be unpacked: code, message, hint.
    Broken(&'static str, String, &'static str),
    /// They cannot be read.
    Unread(std::io::Error),
    /// Whoever took them stopped.
    Stopped(Stop),
}

impl From<Stop> for Dry {
    fn from(stop: Stop) -> Dry {
        Dry::Stopped(stop)
    }
}

impl Location {
    /// Keeps standard input where it can be read again.
    pub fn of_input() -> std::io::Result<Location> {
        let mut kept = tempfile::tempfile()?;
        std::io::copy(&mut std::io::stdin().lock(), &mut kept)?;
        Ok(Location::Input(Arc::new(kept)))
    }

    /// Gives the bytes as they lie there (a ZIP's member unpacked) to `reading`.
    pub fn open<T>(&self, reading: impl FnOnce(&mut dyn Read) -> T) -> std::io::Result<T> {
        Ok(match self {
            Location::File(path) => reading(&mut File::open(path)?),
            Location::Input(kept) => {
                let mut kept = kept.as_ref();
                kept.rewind()?;
                reading(&mut kept)
            }
            Location::Member(archive, name) => {
                let mut archive = zip::ZipArchive::new(File::open(archive)?)?;
                let mut member = archive.by_name(name)?;
                reading(&mut member)
            }
        })
    }

    /// Unpacks the bytes by the ending of the name and gives them to `each`, piece by piece. Gives the SHA-256 of the bytes
    /// as they lie there.
    pub fn pour(&self, path: &str, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> std::result::Result<String, Dry> {
        self.open(|raw| pour(path, raw, each)).map_err(Dry::Unread)?
    }
}

fn pour(path: &str, raw: &mut dyn Read, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> std::result::Result<String, Dry> {
    let mut hashing = Hashing::new(raw);
    let packed = unpacked_name(path) != path;
    let unread = |error: std::io::Error| if packed { broken(&io_words(&error)) } else { Dry::Unread(error) };
    let mut piece = vec![0; FIRST];
    let mut sum = 0;
    if path.ends_with(".gz") {
        let mut unpacking = flate2::bufread::MultiGzDecoder::new(std::io::BufReader::new(&mut hashing));
        while let Some(bytes) = next(&mut unpacking, &mut piece).map_err(unread)? {
            bounded(&mut sum, bytes, unpacking.get_ref().get_ref().size)?;
            each(bytes)?;
        }
    } else if path.ends_with(".zst") {
        let mut unpacking = ruzstd::decoding::StreamingDecoder::new(&mut hashing).map_err(|e| broken(&e.to_string()))?;
        while let Some(bytes) = next(&mut unpacking, &mut piece).map_err(unread)? {
            bounded(&mut sum, bytes, unpacking.get_ref().size)?;
            each(bytes)?;
        }
    } else {
        while let Some(bytes) = next(&mut hashing, &mut piece).map_err(unread)? {
            let full = bytes.len() == FIRST;
            each(bytes)?;
            if full {
                piece.resize(PIECE, 0);
            }
        }
    }
    hashing.finish().map_err(Dry::Unread)
}

/// The next piece; full but at the end, however little a reader gives at a time.
fn next<'p>(from: &mut dyn Read, piece: &'p mut [u8]) -> std::io::Result<Option<&'p [u8]>> {
    let mut filled = 0;
    while filled < piece.len() {
        match from.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((filled > 0).then_some(&piece[..filled]))
}

fn bounded(sum: &mut u64, bytes: &[u8], packed: u64) -> std::result::Result<(), Dry> {
    *sum += bytes.len() as u64;
    if *sum <= LIMIT.max(packed.saturating_mul(RATIO)) {
        return Ok(());
    }
    let message = "the file unpacks to more than 1 GiB, and to more than a hundred times its size".to_owned();
    Err(Dry::Broken("too-large", message, "unpack it yourself, if it really is so large"))
}

fn broken(why: &str) -> Dry {
    Dry::Broken(
        "bad-archive",
        format!("the file cannot be unpacked: {why}"),
        "it is truncated or damaged; restore it from where it came from",
    )
}

/// The members of a ZIP archive that are files, by name.
pub fn members(archive: &Path) -> Result<Vec<String>> {
    let shown = archive.display();
    let hint = "check that it is a whole ZIP archive";
    let cannot = |why: String| Stop::new(Subject::File, format!("cannot read the archive {shown}: {why}"), hint);
    let file = File::open(archive).map_err(|e| cannot(io_words(&e)))?;
    let archive = zip::ZipArchive::new(file).map_err(|e| cannot(e.to_string()))?;
    let names: std::result::Result<Vec<String>, _> = archive.file_names().map(|n| n.map(|n| n.into_owned())).collect();
    let mut names = names.map_err(|e| cannot(e.to_string()))?;
    names.retain(|n| !n.ends_with('/'));
    names.sort();
    Ok(names)
}

/// The name that a file has once it is unpacked: `2025_02_v1.json.gz` is `2025_02_v1.json`.
pub fn unpacked_name(path: &str) -> &str {
    path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(path)
}

/// The first `limit` bytes of a file, unpacked where it is packed, and whether there are more.
pub fn head(location: &Location, path: &str, limit: usize) -> std::result::Result<(Vec<u8>, bool), String> {
    let mut bytes = Vec::new();
    let poured = location.pour(path, &mut |piece| {
        bytes.extend_from_slice(piece);
        if bytes.len() > limit { Err(Stop::interrupted()) } else { Ok(()) }
    });
    match poured {
        Err(Dry::Broken(_, message, _)) => return Err(message),
        Err(Dry::Unread(error)) => return Err(io_words(&error)),
        Ok(_) | Err(Dry::Stopped(_)) => {}
    }
    let more = bytes.len() > limit;
    bytes.truncate(limit);
    Ok((bytes, more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn poured(path: &str, mut bytes: &[u8]) -> std::result::Result<Vec<u8>, &'static str> {
        let mut all = Vec::new();
        let keep = &mut |bytes: &[u8]| {
            all.extend_from_slice(&bytes[..bytes.len().min(10)]);
            Ok(())
        };
        match pour(path, &mut bytes, keep) {
            Ok(hash) => {
                assert_eq!(hash, crate::digest::sha256(bytes), "{path}");
                Ok(all)
            }
            Err(Dry::Broken(code, ..)) => Err(code),
            Err(_) => Err("unread"),
        }
    }

    #[test]
    fn a_bomb_is_bounded_and_a_damaged_file_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..1025 {
            packer.write_all(&zeros).unwrap();
        }
        let bomb = packer.finish().unwrap();
        assert!(bomb.len() < 20 << 20);
        assert_eq!(poured("bomb.gz", &bomb), Err("too-large"));
        assert_eq!(poured("half.gz", &bomb[..bomb.len() / 2]), Err("bad-archive"));
        assert_eq!(poured("none.zst", b"no zstd"), Err("bad-archive"));
    }
}
