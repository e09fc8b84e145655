//! The report as one HTML file: nothing is fetched, and no script runs but the page's own, whose hash the page states. The
//! conclusion comes first, in words. What stands in files gets in through `escape` alone. A section is a function in `parts`.

mod cards;
mod charts;
mod data;
mod escape;
mod files;
mod parts;
mod safety;
mod sample;
mod table_rows;

pub(super) use escape::visible;
pub(super) use sample::{place, source, values};
pub use table_rows::PageRows;

use super::Outcome;
use super::form::Lang;
use crate::error::Result;
use data::Grid;
use escape::{escaped, in_script};
use files::Hashes;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use table_rows::Rows;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// A page that is rendered: its parts, by the places that they fill; what is large comes in pieces.
pub(super) struct Page(Vec<(&'static str, String)>);

/// Renders an outcome, with the rows that the database holds of it. `digest` waits for that of the report.json that is signed.
pub(super) fn html(outcome: &Outcome, rows: PageRows, lang: Lang, digest: impl FnOnce() -> Result<String>) -> Result<Page> {
    let (PageRows { tables: rows, mut files }, hashes) = (rows, Hashes::new(outcome));
    let checks = data::checks(outcome, lang, &mut files, &hashes);
    let fixed = [data::sources(outcome, lang), data::findings(outcome, lang), data::superseded(outcome, lang)];
    let more = [data::rejects(outcome, lang), data::changes(outcome, lang)];
    let sections = parts::all(outcome, lang, &rows, &digest()?);
    let mut links = String::new();
    for section in &sections {
        let _ = write!(links, "<li><a href=\"#{}\">{}</a></li>", section.id, escaped(&section.title));
    }
    let body: String = sections.iter().map(parts::Section::html).collect();
    let title = format!("{} · {} {}", outcome.run.job, lang.say("Run"), outcome.run.id.unwrap_or_default());
    let mut scripts = Vec::new();
    let mut grids: Vec<Grid> = [checks].into_iter().chain(fixed).chain(more).collect();
    for (n, rows) in rows.into_iter().enumerate() {
        scripts.push(format!("<script type=\"application/json\" id=\"rows-{n}\">"));
        scripts.extend([in_script(rows.script), "</script>\n".to_owned()]);
        grids.push(rows.grid);
    }
    grids.retain(|grid| grid.count > 0);
    let document = data::document(outcome, lang, &files, &hashes, grids).into_iter().map(in_script).map(|piece| ("data", piece));
    let parts = vec![
        ("lang", lang.code().to_owned()),
        ("version", escaped(&outcome.run.version)),
        ("title", escaped(&title)),
        ("style", STYLE.to_owned()),
        ("script-hash", base64(&Sha256::digest(SCRIPT))),
        ("skip", escaped(lang.say("Differences"))),
        ("contents", escaped(lang.say("Contents"))),
        ("conclusion", parts::conclusion(outcome, lang)),
        ("links", links),
        ("noscript", escaped(lang.say("Without JavaScript this page shows its conclusion, pictures, differences and totals; the searchable tables need it, and are also written by `tieout report --format csv`."))),
        ("sections", body),
        ("footer", escaped(&lang.fill("Figures are exact decimals, with a point, and in {}. Texts from files are quoted as they are; marks that cannot be seen are written as ‹U+…›.", &[&outcome.run.currency]))),
        ("script", SCRIPT.to_owned()),
    ];
    let scripts = scripts.into_iter().map(|piece| ("rows", piece));
    Ok(Page(parts.into_iter().chain(document).chain(scripts).collect()))
}

impl Page {
    /// Writes the page with its parts; what a part says is never taken for a place of the page.
    pub(super) fn write(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let mut rest = PAGE;
        while let Some((before, behind)) = rest.split_once("{{") {
            out.write_all(before.as_bytes())?;
            let Some((name, after)) = behind.split_once("}}") else { break };
            self.0.iter().filter(|(known, _)| *known == name).try_for_each(|(_, part)| out.write_all(part.as_bytes()))?;
            rest = after;
        }
        out.write_all(rest.as_bytes())?;
        out.flush()
    }
}

/// Bytes as a browser wants a script's hash.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let number = chunk.iter().chain([0u8, 0].iter()).take(3).fold(0u32, |n, b| n << 8 | u32::from(*b));
        (0..4).map(move |n| if n <= chunk.len() { char::from(LETTERS[(number >> (18 - 6 * n)) as usize & 63]) } else { '=' })
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_a_browser_reads_it() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn every_place_of_the_page_is_filled() {
        let names: Vec<&str> = PAGE.split("{{").skip(1).map(|p| p.split("}}").next().unwrap()).collect();
        let mut page = Vec::new();
        html(&Outcome::begin("a{{b}}".into(), "run"), PageRows::default(), Lang::Sv, || Ok(String::new()))
            .unwrap()
            .write(&mut page)
            .unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(names.len() > 10 && page.contains("a{{b}}") && names.iter().all(|n| !page.contains(&format!("{{{{{n}}}}}"))));
    }
}
