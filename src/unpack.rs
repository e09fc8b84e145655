//! Where a file's bytes are: a file, packed or not, a member of a ZIP archive, or standard input. Unpacked in memory and
//! bounded, so that a small archive cannot become an endless file. What the bytes mean is not known here.

use crate::error::{Result, Stop, io_words};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// The most that one file may unpack to: 1 GiB.
const LIMIT: u64 = 1 << 30;

/// Where the bytes of a source file are.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file; packed when its name ends in `.gz` or `.zst`.
    File(PathBuf),
    /// A member of a ZIP archive.
    Member(PathBuf, String),
    /// Standard input, read once.
    Input(Vec<u8>),
}

/// Why bytes cannot be unpacked: code, message, hint.
pub type Broken = (&'static str, String, &'static str);

impl Location {
    /// The bytes as they lie there (a ZIP's member unpacked), for hashing and reading.
    pub fn bytes(&self) -> std::io::Result<Vec<u8>> {
        match self {
            Location::File(path) => std::fs::read(path),
            Location::Input(bytes) => Ok(bytes.clone()),
            Location::Member(archive, name) => {
                let mut archive = zip::ZipArchive::new(File::open(archive)?)?;
                let mut bytes = Vec::new();
                archive.by_name(name)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > LIMIT {
                    return Err(std::io::Error::other("it unpacks to more than 1 GiB"));
                }
                Ok(bytes)
            }
        }
    }
}

/// The members of a ZIP archive that are files, by name.
pub fn members(archive: &Path) -> Result<Vec<String>> {
    let shown = archive.display();
    let cannot = |why: String| Stop::usage(format!("cannot read the archive {shown}: {why}"), "check that it is a whole ZIP archive");
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
pub fn head(file: &Path, limit: u64) -> std::result::Result<(Vec<u8>, bool), String> {
    let name = file.to_string_lossy();
    let opened = File::open(file).map_err(|e| io_words(&e))?;
    let reader = unpacking(&name, opened).map_err(|broken| broken.1)?;
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(|e| io_words(&e))?;
    let more = bytes.len() as u64 > limit;
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((bytes, more))
}

/// Unpacks by the ending of the name.
pub fn unpack(path: &str, bytes: Vec<u8>) -> std::result::Result<Vec<u8>, Broken> {
    if unpacked_name(path) == path {
        return Ok(bytes);
    }
    let reader = unpacking(path, Cursor::new(bytes))?;
    let mut unpacked = Vec::new();
    reader.take(LIMIT + 1).read_to_end(&mut unpacked).map_err(|e| broken(&io_words(&e)))?;
    if unpacked.len() as u64 > LIMIT {
        return Err(("too-large", "the file unpacks to more than 1 GiB".to_owned(), "unpack it and split it, if it really is so large"));
    }
    Ok(unpacked)
}

fn unpacking<'r>(path: &str, packed: impl Read + 'r) -> std::result::Result<Box<dyn Read + 'r>, Broken> {
    Ok(if path.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(packed))
    } else if path.ends_with(".zst") {
        let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
        Box::new(decoder.map_err(|e| broken(&e.to_string()))?)
    } else {
        Box::new(packed)
    })
}

fn broken(why: &str) -> Broken {
    ("bad-archive", format!("the file cannot be unpacked: {why}"), "it is truncated or damaged; restore it from where it came from")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_bomb_is_bounded_and_a_damaged_file_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..1025 {
            packer.write_all(&zeros).unwrap();
        }
        let bomb = packer.finish().unwrap();
        assert!(bomb.len() < 20 << 20);
        assert_eq!(unpack("bomb.gz", bomb.clone()).unwrap_err().0, "too-large");
        assert_eq!(unpack("half.gz", bomb[..bomb.len() / 2].to_vec()).unwrap_err().0, "bad-archive");
        assert_eq!(unpack("none.zst", b"no zstd".to_vec()).unwrap_err().0, "bad-archive");
        assert_eq!(unpack("plain.txt", b"plain".to_vec()).unwrap(), b"plain");
    }
}
