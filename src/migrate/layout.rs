//! Finds the steps in a folder, in each layout that is in use: `NAME/up.sql` (ours and Diesel's), `NAME/migration.sql`
//! (Prisma's), and flat files as dbmate, sqlx, goose, drizzle or people make them. What their SQL says is not looked at here.

use crate::error::{Result, Stop, io_words};
use std::path::{Path, PathBuf};

/// The files of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The step's name: its folder, or its file without the ending.
    pub(super) name: String,
    /// What goes up, and its file.
    pub(super) up: Source,
    /// The way back.
    pub(super) down: Option<Source>,
    /// Queries before it.
    pub(super) before: Option<Source>,
    /// Queries behind it.
    pub(super) verify: Option<Source>,
    /// Whether its tool was told to run it outside a transaction.
    pub(super) outside: bool,
    /// Whether the layout is another tool's, whose habits are taken as they are.
    pub(super) foreign: bool,
}

/// SQL and the file it stands in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// The file, as it is shown.
    pub(super) file: PathBuf,
    /// Its text, as it stands there; what is not of this script is blank, so that lines keep their numbers.
    pub(super) text: String,
}

/// What steps are ordered by: counted numbers by their value, then dates and times by what they begin with, so that
/// `20251108` comes behind `20251004112744`.
type Rank = (bool, String);

fn rank(digits: &str) -> Rank {
    if digits.len() >= 8 { (true, format!("{digits:0<20}")) } else { (false, format!("{digits:0>8}")) }
}

/// The steps below `dir` for `backend`, in their order.
pub(super) fn find(dir: &Path, backend: &str) -> Result<Vec<Found>> {
    let mut steps = look(dir, backend)?;
    for own in folders(backend).iter().map(|name| dir.join(name)) {
        if steps.is_empty() && own.is_dir() {
            steps = look(&own, backend)?;
        }
    }
    if steps.is_empty() {
        let hint = "a step is NAME/up.sql, NAME/migration.sql or a file like 0001_name.sql, each also in a folder sqlite or postgres";
        return Err(Stop::usage(format!("{} holds no migration steps", dir.display()), hint));
    }
    let layouts: Vec<Layout> =
        [Layout::Folders, Layout::Prisma, Layout::Flat].into_iter().filter(|l| steps.iter().any(|s| s.0 == *l)).collect();
    if let [one, other, ..] = layouts.as_slice() {
        let of = |layout: &Layout| steps.iter().find(|s| s.0 == *layout).map_or("", |s| s.2.name.as_str());
        let message = format!("{} holds steps of two layouts, such as {} and {}", dir.display(), of(one), of(other));
        return Err(Stop::usage(message, "their order cannot be known; put them into folders of their own"));
    }
    steps.sort_by(|a, b| (&a.1, &a.2.name).cmp(&(&b.1, &b.2.name)));
    if let Some(pair) = steps.windows(2).find(|pair| pair[0].1 == pair[1].1) {
        let message = format!("the steps {} and {} have the same number", pair[0].2.name, pair[1].2.name);
        return Err(Stop::usage(message, "number them apart: their order must be beyond doubt"));
    }
    Ok(steps.into_iter().map(|(_, _, found)| found).collect())
}

/// What people call the folder of a database.
fn folders(backend: &str) -> &'static [&'static str] {
    if backend == "postgres" { &["postgres", "postgresql", "pg"] } else { &["sqlite", "sqlite3"] }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Folders,
    Prisma,
    Flat,
}

/// The order of a Prisma step is its whole name, byte by byte.
type Place = (Rank, String);

fn look(dir: &Path, backend: &str) -> Result<Vec<(Layout, Place, Found)>> {
    let mut steps: Vec<(Layout, Place, Found)> = Vec::new();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect()).map_err(|e| unreadable(dir, &e))?;
    entries.sort();
    for path in entries {
        let Some(name) = path.file_name().and_then(|n| n.to_str()).map(str::to_owned) else { continue };
        if path.is_dir() {
            steps.extend(folder(&path, &name, backend)?);
        } else if let Some((stem, part)) = flat_name(&name) {
            let Some(digits) = digits(stem) else { continue };
            let source = read(&path)?;
            let place = (rank(digits), String::new());
            let at = steps.iter().position(|(layout, _, found)| *layout == Layout::Flat && found.name == stem);
            let at = at.unwrap_or_else(|| {
                steps.push((Layout::Flat, place, Found { name: stem.to_owned(), foreign: true, ..Found::default() }));
                steps.len() - 1
            });
            let found = &mut steps[at].2;
            match part {
                Part::Down => found.down = Some(source),
                Part::Up => sections(found, source),
            }
        }
    }
    steps.retain(|(layout, _, found)| *layout != Layout::Flat || !found.up.file.as_os_str().is_empty());
    Ok(steps)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format!("cannot read {}: {}", path.display(), io_words(error)), "check its permissions, and that it is text in UTF-8")
}

fn read(path: &Path) -> Result<Source> {
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))?;
    let text = text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned);
    Ok(Source { file: path.to_owned(), text })
}

/// A step in a folder, where it is one.
fn folder(path: &Path, name: &str, backend: &str) -> Result<Option<(Layout, Place, Found)>> {
    let file = |file: &str| -> Result<Option<Source>> {
        let mut candidates = folders(backend).iter().map(|own| path.join(own).join(file)).chain([path.join(file)]);
        candidates.find(|p| p.is_file()).map(|p| read(&p)).transpose()
    };
    if let Some(up) = file("migration.sql")? {
        let found = Found { name: name.to_owned(), up, down: file("down.sql")?, foreign: true, ..Found::default() };
        return Ok(Some((Layout::Prisma, (Rank::default(), name.to_owned()), found)));
    }
    let Some(digits) = digits(name) else {
        return match file("up.sql")? {
            Some(_) => Err(Stop::usage(
                format!("the step {name} does not begin with a number"),
                "steps run in the order of their numbers: name it like 0001_name or 20251004_name",
            )),
            None => Ok(None),
        };
    };
    let Some(up) = file("up.sql")? else {
        let other = ["sqlite", "postgres"].into_iter().flat_map(folders).any(|own| path.join(own).join("up.sql").is_file());
        if !other && !path.join("down.sql").is_file() {
            return Ok(None);
        }
        let message = format!("the step {name} has neither {backend}/up.sql nor up.sql");
        return Err(Stop::usage(message, "every step says how to go up on the database that is migrated"));
    };
    let outside = diesel_says_outside(&path.join("metadata.toml"))?;
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let found = Found {
        name: name.to_owned(),
        up,
        down: file("down.sql")?,
        before: file("before.sql")?,
        verify: file("verify.sql")?,
        outside,
        foreign: false,
    };
    Ok(Some((Layout::Folders, (rank(&digits), String::new()), found)))
}

/// What stands before the first `_`, where it is digits and dashes.
fn digits(name: &str) -> Option<&str> {
    let name = name.strip_prefix('V').unwrap_or(name);
    let head = name.split('_').next().unwrap_or_default();
    // `0001-name` has no `_`: then the leading digits count.
    let all = |t: &str| t.starts_with(|c: char| c.is_ascii_digit()) && t.chars().all(|c| c.is_ascii_digit() || c == '-');
    if all(head) {
        return Some(head);
    }
    let length = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    (length > 0).then(|| &name[..length])
}

enum Part {
    Up,
    Down,
}

/// The step's name and which part of it a flat file is.
fn flat_name(file: &str) -> Option<(&str, Part)> {
    let stem = file.strip_suffix(".sql")?;
    if let Some(stem) = stem.strip_suffix(".down") {
        return Some((stem, Part::Down));
    }
    Some((stem.strip_suffix(".up").unwrap_or(stem), Part::Up))
}

/// Diesel's `metadata.toml`: only what it says counts, so that a file without the key leaves the step in its transaction.
fn diesel_says_outside(path: &Path) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let text = read(path)?.text;
    let table: toml::Table =
        toml::from_str(&text).map_err(|e| Stop::usage(format!("{} cannot be read: {}", path.display(), e.message()), "it is TOML"))?;
    match table.get("run_in_transaction") {
        None => Ok(false),
        Some(toml::Value::Boolean(inside)) => Ok(!inside),
        Some(_) => Err(Stop::usage(format!("{}: run_in_transaction is true or false", path.display()), "correct it")),
    }
}

/// Parts the sections of a flat file, where a tool has marked them.
fn sections(found: &mut Found, source: Source) {
    let marker = |line: &str| {
        let line = line.trim().strip_prefix("--")?.trim();
        let rest = ["migrate:", "+goose ", "+migrate "].iter().find_map(|m| line.strip_prefix(m))?;
        match rest.split_whitespace().next()?.to_lowercase().as_str() {
            "up" => Some(Some(true)),
            "down" => Some(Some(false)),
            _ => Some(None),
        }
    };
    let says_outside = |line: &str| {
        let line = line.trim().to_lowercase();
        line.starts_with("-- no-transaction")
            || line.starts_with("-- +goose no transaction")
            || (line.starts_with("-- migrate:up") && line.contains("transaction:false"))
            || (line.starts_with("-- +migrate up") && line.contains("notransaction"))
    };
    found.outside |= source.text.lines().any(says_outside);
    if !source.text.lines().any(|line| marker(line) == Some(Some(true))) {
        found.up = source;
        return;
    }
    let (mut up, mut down, mut now) = (String::new(), String::new(), true);
    for line in source.text.split_inclusive('\n') {
        if let Some(Some(section)) = marker(line) {
            now = section;
        }
        let (this, other) = if now { (&mut up, &mut down) } else { (&mut down, &mut up) };
        this.push_str(line);
        other.push('\n');
    }
    found.up = Source { file: source.file.clone(), text: up.trim_end().to_owned() + "\n" };
    if !down.trim().is_empty() {
        found.down = Some(Source { file: source.file, text: down });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        find(folder_of(files).path(), "sqlite").unwrap().into_iter().map(|s| s.name).collect()
    }

    fn refused(files: &[(&str, &str)]) -> String {
        find(folder_of(files).path(), "sqlite").unwrap_err().message
    }

    #[test]
    fn folders_run_in_the_order_of_their_numbers() {
        let up = |name: &'static str| (name, "SELECT 1;\r\n");
        let files =
            ["10_c/up.sql", "9_b/up.sql", "0008_a/up.sql", "20251108_e/up.sql", "20251004112744_d/up.sql", "2025-11-07-100000_f/up.sql"];
        assert_eq!(names(&files.map(up)), ["0008_a", "9_b", "10_c", "20251004112744_d", "2025-11-07-100000_f", "20251108_e"]);
        assert!(refused(&[up("1_a/up.sql"), up("001_b/up.sql")]).contains("the same number"));
        assert!(refused(&[up("1_a/postgres/up.sql")]).contains("neither sqlite/up.sql nor up.sql"));
        assert!(refused(&[up("first/up.sql")]).contains("does not begin with a number"));
        assert!(refused(&[("README.md", "x"), ("meta/_journal.json", "{}")]).contains("holds no migration steps"));
        let dir = folder_of(&[up("1_a/up.sql")]);
        assert_eq!(find(dir.path(), "sqlite").unwrap()[0].up.text, "SELECT 1;\r\n", "texts within stay as they are");
    }

    #[test]
    fn prisma_runs_in_the_order_of_its_names() {
        let files = ["20251108_b", "20251108_a", "0_init", "20250101000000_x"].map(|n| (format!("{n}/migration.sql"), "SELECT 1;"));
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), *t)).chain([("migration_lock.toml", "x")]).collect();
        assert_eq!(names(&files), ["0_init", "20250101000000_x", "20251108_a", "20251108_b"]);
        assert!(refused(&[("1_a/up.sql", ""), ("2_b/migration.sql", "")]).contains("two layouts"));
    }

    #[test]
    fn flat_files_and_their_sections() {
        let files = [("10_b.sql", "B"), ("9_a.up.sql", "A"), ("9_a.down.sql", "a"), ("notes.sql", "x"), ("meta/x.json", "{}")];
        let steps = find(folder_of(&files).path(), "sqlite").unwrap();
        assert_eq!(steps.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["9_a", "10_b"]);
        assert_eq!(steps[0].down.as_ref().unwrap().text, "a");
        let dbmate = "-- migrate:up transaction:false\nCREATE TABLE t (a INT);\n\n-- migrate:down\nDROP TABLE t;\n";
        let steps = find(folder_of(&[("1_a.sql", dbmate)]).path(), "sqlite").unwrap();
        assert!(steps[0].outside && !steps[0].up.text.contains("DROP"));
        assert_eq!(steps[0].down.as_ref().unwrap().text, "\n\n\n-- migrate:down\nDROP TABLE t;\n");
        assert!(refused(&[("1_a.sql", ""), ("01_b.sql", "")]).contains("the same number"));
        for (folder, other) in [("postgres", "sqlite"), ("postgresql", "sqlite3")] {
            let own = [(format!("{other}/0001_a.sql"), "S"), (format!("{folder}/0001_a.sql"), "P")];
            let own: Vec<(&str, &str)> = own.iter().map(|(name, text)| (name.as_str(), *text)).collect();
            assert_eq!(find(folder_of(&own).path(), "postgres").unwrap()[0].up.text, "P");
        }
        let goose = "\u{feff}-- +goose Up\r\nSELECT 1;\r\n-- +goose Down\r\nSELECT 2;\r\n";
        let steps = find(folder_of(&[("1_a.sql", goose)]).path(), "sqlite").unwrap();
        assert_eq!(steps[0].up.text, "-- +goose Up\r\nSELECT 1;\n", "a mark at the beginning hides no section");
        assert!(steps[0].down.as_ref().unwrap().text.contains("SELECT 2;\r\n"));
    }

    #[test]
    fn diesel_may_say_that_a_step_lives_outside_a_transaction() {
        for (metadata, outside) in [("run_in_transaction = false", true), ("run_in_transaction = true", false), ("", false)] {
            let dir = folder_of(&[("1_a/up.sql", ""), ("1_a/metadata.toml", metadata)]);
            assert_eq!(find(dir.path(), "sqlite").unwrap()[0].outside, outside, "{metadata}");
        }
    }
}
