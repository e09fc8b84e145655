//! How texts are laid out: lines, headings, columns, and what is made harmless for a terminal.

use super::Style;
use std::fmt::Write;

pub(super) fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

pub(super) fn heading(out: &mut String, style: Style, text: &str) {
    line(out, "");
    line(out, &style.bold(text));
}

/// Rows of cells in columns, the first to the left, numbers to the right.
pub(super) fn table(out: &mut String, rows: &[Vec<String>]) {
    for row in aligned(rows) {
        line(out, &format!("  {row}"));
    }
}

pub(super) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |text: &str| text.chars().count();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|c| rows.iter().filter_map(|r| r.get(c)).map(|t| width(t)).max().unwrap_or(0)).collect();
    // A column of figures ends in the same place; its first row may be a heading.
    let figure =
        |t: &String| t.is_empty() || t == NOTHING || t.trim_start_matches(['-', '–']).chars().all(|c| c.is_ascii_digit() || c == '.');
    let figures = |c: usize| c > 0 && rows.iter().skip(usize::from(rows.len() > 1)).all(|r| r.get(c).is_none_or(figure));
    let right: Vec<bool> = (0..columns).map(figures).collect();
    rows.iter()
        .map(|row| {
            let mut text = String::new();
            for (c, cell) in row.iter().enumerate().filter(|(c, _)| widths[*c] > 0) {
                let pad = " ".repeat(widths[c] - width(cell));
                let _ = if right[c] { write!(text, "{pad}{cell}  ") } else { write!(text, "{cell}{pad}  ") };
            }
            text.trim_end().to_owned()
        })
        .collect()
}

/// A count, nothing as a dot, so that what is there stands out.
pub(super) fn number(n: usize) -> String {
    if n == 0 { NOTHING.into() } else { n.to_string() }
}

const NOTHING: &str = "·";

/// A text from files or databases, made harmless for a terminal: no control characters, no changes of direction.
pub(super) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() && c != '\t' && c != '\n' || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}
