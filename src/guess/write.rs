//! A guessed job as the text of a job file: what was seen stands in comments, doubts begin with `look here`.

use super::known::TABLES;
use super::{Column, Guess, Known, Source};
use std::fmt::Write;
use tieout_parsers::{FieldKind, OptionValue};

/// How long a line of the job file may become.
const WIDTH: usize = 118;
/// So few rows may be told apart by chance.
const FEW: usize = 20;

impl Guess {
    /// Whether the job runs as it is written: the app's tables must come from somewhere.
    pub fn runs(&self) -> bool {
        self.known.is_empty() || self.migrations
    }

    /// Everything that a person should look at, with the source it is about.
    pub fn doubts(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.sources.iter().flat_map(|s| s.doubts.iter().map(|d| (s.name.as_str(), d.as_str())));
        own.chain(self.known.iter().flat_map(|k| k.doubts.iter().map(|d| (k.name.as_str(), d.as_str()))))
    }

    /// The names of the app's tables, where they must be in the database already.
    pub fn missing_tables(&self) -> Option<String> {
        (!self.runs()).then(|| TABLES.join(", "))
    }
}

/// The text of the job file, for a job of that name.
pub fn job_file(guess: &Guess, name: &str) -> String {
    let mut out = String::new();
    comment(&mut out, "Written by `tieout init` from what the files look like. Read it: what is guessed may be wrong for files to come.");
    comment(
        &mut out,
        "Guesses that the files cannot settle are marked `look here`. The words are explained in the README, \"The job file\".",
    );
    if guess.sources.iter().any(|s| s.columns.iter().any(|c| c.required)) {
        comment(&mut out, "`required` stands at numbers and days that no row lacks; remove it where files to come may lack one.");
    }
    out += "\n[job]\n";
    line(&mut out, &format!("name = {}", quoted(name)));
    if !guess.known.is_empty() || guess.sources.iter().any(|s| s.wall) {
        let text = "look here: times without an offset are read in this zone; write the one they are from, such as \"Europe/Stockholm\"";
        comment(&mut out, text);
        line(&mut out, "timezone = \"UTC\"");
    }
    let database = format!("database = {}", quoted(&format!("sqlite:{name}.db")));
    match guess.missing_tables() {
        None => line(&mut out, &database),
        Some(tables) => {
            comment(
                &mut out,
                &format!(
                    "look here: the sources of the rent archive fill tables of the app ({tables}), which this job does not make. Name a \
                     database that has them, or name the folder of its schema steps under [migrations], `dir = \"migrations\"`."
                ),
            );
            line(&mut out, &format!("# {database}"));
        }
    }
    if guess.migrations {
        // Without the archive they may be another program's business.
        let mark = if guess.known.is_empty() { "# " } else { "" };
        line(&mut out, &format!("\n{mark}[migrations]\n{mark}dir = \"migrations\""));
    }
    guess.known.iter().for_each(|k| known(&mut out, k));
    guess.sources.iter().for_each(|s| source(&mut out, s));
    totals(&mut out, &guess.sources);
    if !guess.left_out.is_empty() {
        out.push('\n');
        comment(&mut out, "Not in the job, and why:");
        guess.left_out.iter().for_each(|l| comment(&mut out, &format!("  {}: {}", l.path, l.reason)));
    }
    out
}

fn known(out: &mut String, known: &Known) {
    out.push('\n');
    doubts(out, &known.doubts);
    line(out, "[[source]]");
    line(out, &format!("name = {}\nformat = {}", quoted(&known.name), quoted(known.format)));
    encoding(out, known.encoding);
    list(out, "files", &known.patterns);
    if known.format == "rent-history-json" {
        line(out, "versions = \"latest\"\nperiod = \"filename\"");
    }
}

fn source(out: &mut String, source: &Source) {
    out.push('\n');
    let rows = counted(source.rows, "row");
    let files = match source.files.len() {
        1 => source.files[0].path.clone(),
        n => format!("{n} files"),
    };
    let part = if source.whole { "" } else { "; only the beginning was looked at, the rest may be different" };
    comment(out, &format!("{files}: {rows}{part}"));
    doubts(out, &source.doubts);
    line(out, "[[table]]");
    line(out, &format!("name = {}", quoted(&source.name)));
    comment(out, &why_key(source));
    list(out, "key", &source.key);
    line(out, "columns = [");
    source.columns.iter().for_each(|c| line(out, &format!("  {},", column(c))));
    if let Some(nth) = &source.nth {
        line(out, &format!("  {{ name = {}, type = \"occurrence\" }},", quoted(nth)));
    }
    line(out, "]");
    line(out, "\n[[source]]");
    line(out, &format!("name = {}\nformat = {}", quoted(&source.name), quoted(source.format)));
    encoding(out, source.encoding);
    line(out, &format!("table = {}", quoted(&source.name)));
    list(out, "files", &source.patterns);
    let columns: Vec<(String, String)> = source.columns.iter().map(|c| (c.name.clone(), quoted(&c.from))).collect();
    let options: Vec<(String, String)> = source.options.iter().map(|(k, v)| (k.clone(), value(v))).collect();
    // An inline table has one line: what is longer becomes a section, and sections come last.
    let inline = |pairs: &[(String, String)]| pairs.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", ");
    let (short, long): (Vec<_>, Vec<_>) =
        [("columns", columns), ("options", options)].into_iter().partition(|(_, pairs)| inline(pairs).chars().count() + 15 <= WIDTH);
    for (name, pairs) in short.iter().filter(|s| !s.1.is_empty()) {
        line(out, &format!("{name} = {{ {} }}", inline(pairs)));
    }
    for (name, pairs) in &long {
        line(out, &format!("\n[source.{name}]"));
        pairs.iter().for_each(|(k, v)| line(out, &format!("{k} = {v}")));
    }
}

fn encoding(out: &mut String, encoding: Option<&str>) {
    if let Some(encoding) = encoding {
        line(out, &format!("encoding = {}", quoted(encoding)));
    }
}

fn why_key(source: &Source) -> String {
    let looked = if source.whole { "" } else { " that were looked at" };
    let rows = counted(source.rows, "row");
    if source.rows == 1 {
        return "look here: one row says nothing about what tells rows apart.".to_owned();
    }
    if let Some(nth) = &source.nth {
        return format!(
            "look here: no three columns tell the {rows}{looked} apart, so all that are always filled are the key, and `{nth}` counts \
             equal rows."
        );
    }
    let unique = if source.key.len() == 1 { "This is unique" } else { "These together are unique" };
    let few = if source.rows < FEW { "; so few may be so by chance" } else { "" };
    let amount = |c: &Column| source.key.contains(&c.name) && matches!(c.kind, FieldKind::Decimal { .. });
    match source.columns.iter().find(|c| amount(c)) {
        Some(c) => format!(
            "look here: {}{few}. With `{}` in the key, a row whose amount is corrected becomes another row.",
            lower_first(&format!("{unique} in all {rows}{looked}")),
            c.name
        ),
        None => format!("{unique} in all {rows}{looked}{few}."),
    }
}

fn lower_first(text: &str) -> String {
    text.chars().take(1).flat_map(char::to_lowercase).chain(text.chars().skip(1)).collect()
}

fn column(column: &Column) -> String {
    let required = if column.required { ", required = true" } else { "" };
    format!("{{ name = {}, type = \"{}\"{required} }}", quoted(&column.name), spoken(column.kind))
}

fn spoken(kind: FieldKind) -> String {
    match kind {
        FieldKind::Text => "text".into(),
        FieldKind::Integer => "integer".into(),
        FieldKind::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        FieldKind::Bool => "bool".into(),
        FieldKind::Date => "date".into(),
        FieldKind::Month => "month".into(),
        FieldKind::Timestamp => "timestamp".into(),
    }
}

/// Control totals as they were counted, for the user to replace.
fn totals(out: &mut String, sources: &[Source]) {
    let whole: Vec<&Source> = sources.iter().filter(|s| s.whole).collect();
    if whole.is_empty() {
        return;
    }
    out.push('\n');
    comment(
        out,
        "Control totals. These are counted in the very files, and prove nothing: ask the system that the files come from for its \
         figures, put them here, and remove the marks.",
    );
    for (n, source) in whole.iter().enumerate() {
        let blank = if n == 0 { "" } else { "#\n" };
        line(out, &format!("{blank}# [[expect]]\n# table = {}\n# rows = {}", quoted(&source.name), source.rows));
        let sum = |c: &Column| Some(format!("{} = \"{}\"", c.name, c.sum?));
        let sums: Vec<String> = source.columns.iter().filter_map(sum).collect();
        if !sums.is_empty() {
            line(out, &format!("# sum = {{ {} }}", sums.join(", ")));
        }
    }
}

fn doubts(out: &mut String, doubts: &[String]) {
    doubts.iter().for_each(|doubt| comment(out, &format!("look here: {doubt}.")));
}

/// `1 234 rows`
pub(super) fn counted(n: usize, noun: &str) -> String {
    let digits = n.to_string();
    let mut spaced = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    if n == 1 { format!("{spaced} {noun}") } else { format!("{spaced} {noun}s") }
}

/// A comment, broken into lines; what files say cannot end it.
fn comment(out: &mut String, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let indent = &text[..text.len() - text.trim_start().len()];
    let mut row = String::new();
    for word in text.split_whitespace() {
        if !row.is_empty() && row.chars().count() + word.chars().count() + 3 > WIDTH {
            line(out, &format!("# {indent}{row}"));
            row.clear();
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    line(out, &format!("# {indent}{row}"));
}

fn line(out: &mut String, text: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A list on one line, or an element a line where it is long.
fn list(out: &mut String, name: &str, texts: &[String]) {
    let quoted: Vec<String> = texts.iter().map(|t| quoted(t)).collect();
    let one = format!("{name} = [{}]", quoted.join(", "));
    if one.chars().count() <= WIDTH {
        return line(out, &one);
    }
    line(out, &format!("{name} = ["));
    quoted.iter().for_each(|q| line(out, &format!("  {q},")));
    line(out, "]");
}

fn value(value: &OptionValue) -> String {
    match value {
        OptionValue::Integer(n) => n.to_string(),
        OptionValue::Bool(flag) => flag.to_string(),
        OptionValue::Text(text) => quoted(text),
        OptionValue::Words(words) => format!("[{}]", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", ")),
    }
}

/// A text as TOML writes it, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_say_cannot_break_out_of_a_text_or_a_comment() {
        for text in ["a \"b\" \\ c", "tab\tnew\nline\r\u{1b}", "[[source]]", ""] {
            let read: toml::Table = toml::from_str(&format!("x = {}", quoted(text))).unwrap();
            assert_eq!(read["x"].as_str(), Some(text));
            let mut out = String::new();
            comment(&mut out, text);
            assert!(toml::from_str::<toml::Table>(&out).unwrap().is_empty(), "{out}");
        }
        assert_eq!([counted(1, "row"), counted(999, "row"), counted(1_234_567, "row")], ["1 row", "999 rows", "1 234 567 rows"]);
    }
}
