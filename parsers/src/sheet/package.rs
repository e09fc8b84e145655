//! The ZIP archive that a workbook is, looked over before anything of it is believed: what it unpacks to is measured by
//! unpacking it, and what it says of itself is compared with that.

use super::bad;
use crate::fields::Complaint;
use quick_xml::events::Event;
use std::io::{BufReader, Cursor, Read};
use zip::ZipArchive;

/// The most that the members of a workbook may unpack to together: 256 MiB.
const LIMIT: u64 = 256 << 20;
/// The most that the styles may: each of them takes many times the room that its text does.
const STYLES: u64 = 16 << 20;
/// How many shared texts may be announced, where the member is not large enough for more.
const TEXTS: u64 = 4_000_000;

/// How files begin that Excel wrote before 2007, or with a password.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0";

/// Refuses an archive that is damaged, or that would take more room than a workbook should.
pub(super) fn look_over(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, Complaint> {
    if bytes.starts_with(COMPOUND) {
        return Err(bad("it is protected by a password, or an old .xls"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    let mut left = LIMIT;
    for n in 0..archive.len() {
        let member = archive.by_index(n).map_err(bad)?;
        let name = member.name().map_err(bad)?.to_lowercase();
        // To its end, where the checksum stands.
        let size = std::io::copy(&mut member.take(left + 1), &mut std::io::sink()).map_err(|e| bad(format!("{name}: {e}")))?;
        left = left.checked_sub(size).ok_or_else(|| too_large("the workbook unpacks to more than 256 MiB"))?;
        if name.ends_with("styles.xml") && size > STYLES {
            return Err(too_large("the workbook's styles unpack to more than 16 MiB"));
        }
        if name.ends_with("sharedstrings.xml") {
            let stated = stated_texts(archive.by_index(n).map_err(bad)?)?;
            // Room is made for as many as are announced, before any is read. The shortest takes eight bytes.
            if stated > TEXTS.max(size / 8) {
                return Err(bad(format!("{name} announces {stated} texts and has {size} bytes")));
            }
        }
    }
    Ok(archive)
}

fn too_large(message: &str) -> Complaint {
    ("too-large", message.to_owned(), "save the sheet that is needed as a workbook of its own, or as CSV".to_owned())
}

/// `uniqueCount` of the shared texts.
fn stated_texts(member: impl Read) -> Result<u64, Complaint> {
    let mut xml = quick_xml::Reader::from_reader(BufReader::new(member));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer).map_err(bad)? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == "sst" => {
                let stated = e.try_get_attribute("uniqueCount").map_err(bad)?;
                let digits = stated.map(|a| a.value.trim_start_matches('0').to_owned()).unwrap_or_default();
                return Ok(if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) });
            }
            Event::Eof => return Ok(0),
            _ => {}
        }
    }
}
