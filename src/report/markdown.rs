//! The report as Markdown, for a wiki or a pull request: the conclusion, and the tables that the outcome knows, each up to two
//! hundred rows. The rows of the database are not in it.

use super::form::Lang;
use super::sheets::{Cell, Sheets, known};
use super::{Outcome, conclude};
use crate::error::Result;
use std::fmt::Write;

/// How many rows of a table are written.
const ROWS: usize = 200;
/// How many characters of a cell.
const CELL: usize = 300;

#[derive(Default)]
struct Page {
    out: String,
    heads: usize,
    rows: usize,
}

/// Renders an outcome.
pub(super) fn markdown(outcome: &Outcome, lang: Lang) -> Result<String> {
    let mut page = Page { out: format!("# {}\n", lang.say(conclude::title(outcome))), ..Page::default() };
    known(outcome, None, lang, &mut page)?;
    page.end();
    Ok(page.out)
}

impl Page {
    fn end(&mut self) {
        if self.rows > ROWS {
            let _ = writeln!(self.out, "\n… {}", self.rows - ROWS);
        }
        self.rows = 0;
    }

    fn line(&mut self, cells: impl Iterator<Item = String>) {
        let mut cells: Vec<String> = cells.collect();
        cells.resize(self.heads, String::new());
        let _ = writeln!(self.out, "| {} |", cells.join(" | "));
    }
}

impl Sheets for Page {
    fn sheet(&mut self, name: &str, headings: &[&str]) -> Result<()> {
        self.end();
        self.heads = headings.len();
        let _ = writeln!(self.out, "\n## {}\n", plain(name));
        self.line(headings.iter().map(|h| plain(h)));
        self.line(headings.iter().map(|_| "---".to_owned()));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        self.rows += 1;
        if self.rows <= ROWS {
            self.line(cells.iter().map(|cell| match cell {
                Cell::Nothing => String::new(),
                Cell::Text(text) | Cell::Number(text) | Cell::Moment(text) => plain(text),
            }));
        }
        Ok(())
    }
}

/// A text without markup: whatever Markdown or the HTML in it would take for more is escaped, and it stays on its line.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        match c {
            _ if n == CELL => {
                out.push('…');
                break;
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '#' | '~' | '@' => out.extend(['\\', c]),
            // An address would be made a link, wherever it stands.
            ':' if text.contains("://") => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_text_is_no_markup() {
        assert_eq!(plain("<b>*x*</b> | [a](http://b)"), "&lt;b&gt;\\*x\\*&lt;/b&gt; \\| \\[a\\](http&#58;//b)");
        assert_eq!(plain("a\nb"), "a b");
        assert_eq!(plain(&"x".repeat(10_000)).chars().count(), 301);
    }
}
