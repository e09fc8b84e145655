//! Bytes to text, piece by piece: byte-order marks, UTF-8, UTF-16, Windows-1252. Never a replacement character. Lines and
//! columns are not known here.

use super::Encoding;
use encoding_rs::DecoderResult;

/// Five bytes mean nothing in Windows-1252.
const MEANINGLESS: [u8; 5] = [0x81, 0x8D, 0x8F, 0x90, 0x9D];

/// Decodes a file whose bytes come in pieces.
pub(crate) struct Decoder {
    declared: Encoding,
    inner: Option<Inner>,
    /// Bytes that are not decided on yet: the beginning of a file, or of a character.
    pending: Vec<u8>,
}

enum Inner {
    Utf8,
    Windows1252,
    Utf16(encoding_rs::Decoder, &'static str),
}

/// The first byte that does not fit, and what it does not fit.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// The encoding's name.
    pub(crate) encoding: &'static str,
    /// The byte, where one byte is to blame.
    pub(crate) byte: Option<u8>,
}

impl Decoder {
    /// A decoder for a file of the declared encoding. UTF-8 with or without byte-order mark, and UTF-16 with one, are
    /// told by their bytes whatever is declared. `utf8` says whether all bytes of the file are UTF-8, for `auto`.
    pub(crate) fn new(declared: Encoding, utf8: bool) -> Decoder {
        let declared = match declared {
            Encoding::Auto if utf8 => Encoding::Utf8,
            Encoding::Auto => Encoding::Windows1252,
            other => other,
        };
        Decoder { declared, inner: None, pending: Vec::new() }
    }

    /// What the bytes are read as; empty before the first of them.
    pub(crate) fn encoding(&self) -> &'static str {
        match &self.inner {
            Some(Inner::Utf8) => "UTF-8",
            Some(Inner::Windows1252) => "windows-1252",
            Some(Inner::Utf16(_, name)) => name,
            None => "",
        }
    }

    /// Decodes the next bytes behind `text`; on an error, `text` ends before the byte that does not fit.
    pub(crate) fn push(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Result<(), Unfit> {
        let joined;
        let mut bytes = bytes;
        if !self.pending.is_empty() {
            joined = [std::mem::take(&mut self.pending).as_slice(), bytes].concat();
            bytes = &joined;
        }
        if self.inner.is_none() {
            if bytes.len() < 3 && !last {
                self.pending = bytes.to_vec();
                return Ok(());
            }
            bytes = self.begin(bytes);
        }
        match self.inner.as_mut() {
            Some(Inner::Utf16(decoder, name)) => {
                text.reserve(decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len()));
                match decoder.decode_to_string_without_replacement(bytes, text, last) {
                    (DecoderResult::InputEmpty, _) => Ok(()),
                    _ => Err(Unfit { encoding: name, byte: None }),
                }
            }
            Some(Inner::Windows1252) => {
                let good = bytes.iter().position(|b| MEANINGLESS.contains(b)).unwrap_or(bytes.len());
                text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes[..good]).0);
                bytes.get(good).map_or(Ok(()), |byte| Err(Unfit { encoding: "Windows-1252", byte: Some(*byte) }))
            }
            _ => match std::str::from_utf8(bytes) {
                Ok(whole) => {
                    text.push_str(whole);
                    Ok(())
                }
                Err(error) => {
                    let (good, rest) = bytes.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(good).unwrap_or_default());
                    if error.error_len().is_none() && !last {
                        self.pending = rest.to_vec();
                        return Ok(());
                    }
                    Err(Unfit { encoding: "UTF-8", byte: rest.first().copied() })
                }
            },
        }
    }

    /// Decides by the first bytes; gives what is behind a byte-order mark.
    fn begin<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let marked = encoding_rs::Encoding::for_bom(bytes);
        self.inner = Some(match (marked, self.declared) {
            (Some((encoding, _)), _) if encoding != encoding_rs::UTF_8 => {
                Inner::Utf16(encoding.new_decoder_without_bom_handling(), encoding.name())
            }
            (None, Encoding::Windows1252) => Inner::Windows1252,
            _ => Inner::Utf8,
        });
        &bytes[marked.map_or(0, |(_, length)| length)..]
    }
}

/// Whether bytes that come in pieces are UTF-8.
#[derive(Debug, Default)]
pub struct Utf8Check {
    pending: Vec<u8>,
    broken: bool,
    /// Whether there was anything but ASCII.
    pub foreign: bool,
}

impl Utf8Check {
    /// Looks at the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken || (self.pending.is_empty() && bytes.is_ascii()) {
            return;
        }
        self.foreign = true;
        let joined = [std::mem::take(&mut self.pending).as_slice(), bytes].concat();
        if let Err(error) = std::str::from_utf8(&joined) {
            self.broken = error.error_len().is_some();
            self.pending = joined[error.valid_up_to()..].to_vec();
        }
    }

    /// Whether all of them were.
    pub fn holds(&self) -> bool {
        !self.broken && self.pending.is_empty()
    }
}
