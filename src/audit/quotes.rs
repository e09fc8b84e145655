//! The text of source files at the places where rows came from, as long as the files are there and the same.

use crate::discover::located_again;
use std::path::PathBuf;
use tieout_parsers::{Encoding, Span, Text};

/// Larger files, unpacked, are not quoted: 256 MiB.
const MOST: usize = 256 << 20;

/// The files that were looked at, by path and digest. One is kept at a time.
pub(super) struct Quotes {
    root: Option<PathBuf>,
    last: Option<((String, String), Result<Text<'static>, String>)>,
}

impl Quotes {
    /// Of the files below a folder.
    pub(super) fn below(root: Option<PathBuf>) -> Quotes {
        Quotes { root, last: None }
    }

    /// The line at a place of a file that had this digest when it was read; else why there is none.
    pub(super) fn line(&mut self, path: &str, sha256: &str, encoding: &str, span: &Span) -> Result<String, String> {
        let at = (path.to_owned(), sha256.to_owned());
        if self.last.as_ref().is_none_or(|(known, _)| *known != at) {
            let text = self.read(path, sha256, encoding);
            self.last = Some((at, text));
        }
        match self.last.as_ref().map(|(_, text)| text) {
            Some(Ok(text)) => Ok(text.quote(span).0),
            Some(Err(why)) => Err(why.clone()),
            None => Err(String::new()),
        }
    }

    fn read(&self, path: &str, digest: &str, encoding: &str) -> Result<Text<'static>, String> {
        if encoding == "binary" {
            return Err("the file is no text".to_owned());
        }
        let root = self.root.as_ref().ok_or("where the files are is not known (--root DIR)")?;
        let location = located_again(root, path).ok_or_else(|| format!("the file is not in {}", root.display()))?;
        let mut bytes = Vec::new();
        let poured = location.pour(path, &mut |piece| {
            bytes.extend_from_slice(&piece[..piece.len().min(MOST + 1 - bytes.len())]);
            Ok(())
        });
        match poured {
            Ok(now) if now != digest => return Err(format!("the file is another now: its SHA-256 is {now}")),
            Ok(_) if bytes.len() > MOST => return Err("the file is too large to quote".to_owned()),
            Ok(_) => {}
            Err(_) => return Err("the file cannot be read".to_owned()),
        }
        Text::decode(&bytes, Encoding::Auto).map_err(|diagnostic| diagnostic.message)
    }
}
