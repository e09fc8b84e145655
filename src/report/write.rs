//! Writes a report folder (all from the one model: `index.html`, `report.json`, `report.txt`, and what else is asked for), and
//! files for other programs.

use super::csv::CsvFolder;
use super::form::{Form, Format};
use super::html::{PageRows, html};
use super::markdown::markdown;
use super::xlsx::Book;
use super::{Outcome, Style, sheets, text};
use crate::digest::Taking;
use crate::error::{Result, Stop, io_words};
use crate::store::Store;
use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

/// How much of report.json is hashed and written at once.
const WRITTEN: usize = 1 << 16;

/// Makes the folder for a run's report before anything else is done, so that a run never ends without a place to say
/// how. An earlier run's folder is never written over: the next free name is taken, unless the user named the folder.
pub fn claim_folder(named: Option<&Path>, job: &str, run: i64) -> Result<PathBuf> {
    let cannot = |path: &Path, e: std::io::Error| {
        Stop::usage(
            format!("cannot make the report folder {}: {}", path.display(), io_words(&e)),
            "choose a place that can be written to with --report DIR",
        )
    };
    if let Some(path) = named {
        return std::fs::create_dir_all(path).map_err(|e| cannot(path, e)).map(|()| path.to_owned());
    }
    let parent = Path::new("tieout-reports");
    std::fs::create_dir_all(parent).map_err(|e| cannot(parent, e))?;
    for n in 1.. {
        let name = if n == 1 { format!("{job}-{run}") } else { format!("{job}-{run}-{n}") };
        let path = parent.join(name);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot(&path, e)),
        }
    }
    Err(Stop::usage("there is no free name for a report folder", "choose one with --report DIR"))
}

/// The path of the report for people within a folder.
pub fn report_file(folder: &Path) -> PathBuf {
    folder.join("index.html")
}

/// Writes the reports into a folder; with the rows that the database holds, where it can be asked, or that were read of it already.
pub fn write(folder: &Path, outcome: &Outcome, mut store: Option<&mut Store>, rows: Option<PageRows>, form: &Form) -> Result<()> {
    let begun = |name: &str, fill: &mut dyn FnMut(File) -> std::io::Result<()>| {
        let path = folder.join(name);
        File::create(&path).and_then(fill).map_err(|e| {
            Stop::usage(
                format!("cannot write {}: {}", path.display(), io_words(&e)),
                "the outcome is kept in the database: `tieout report` prints it",
            )
        })
    };
    let put = |name: &str, content: &str| begun(name, &mut |mut file| file.write_all(content.as_bytes()));
    std::thread::scope(|scope| {
        // Of very many files and checks each of them takes a while; the page's rows come from the database, which stays with this thread.
        let digest = scope.spawn(|| {
            let mut digest = String::new();
            begun("report.json", &mut |file| {
                let mut taking = BufWriter::with_capacity(WRITTEN, Taking::new(file));
                serde_json::to_writer_pretty(&mut taking, outcome)?;
                taking.write_all(b"\n")?;
                digest = taking.into_inner().map_err(IntoInnerError::into_error)?.finish()?;
                Ok(())
            })?;
            Ok(digest)
        });
        let words = scope.spawn(|| put("report.txt", &text(outcome, Style::plain())));
        let rows = match (rows, store.as_deref_mut()) {
            (Some(rows), _) => rows,
            (None, Some(store)) => PageRows::read(store, outcome)?,
            (None, None) => PageRows::default(),
        };
        let page = html(outcome, rows, form.lang, || joined(digest))?;
        begun("index.html", &mut |file| page.write(&mut BufWriter::new(file)))?;
        joined(words)
    })?;
    for format in &form.more {
        match format {
            Format::Html | Format::Json | Format::Text => {}
            Format::Md => put("report.md", &markdown(outcome, form.lang)?)?,
            Format::Csv => {
                let mut tables = CsvFolder::new(&folder.join("csv"))?;
                sheets::write(outcome, store.as_deref_mut(), form.lang, &mut tables)?;
                tables.close()?;
            }
            Format::Xlsx => {
                let mut book = Book::new(outcome);
                sheets::write(outcome, store.as_deref_mut(), form.lang, &mut book)?;
                book.close(&folder.join("report.xlsx"))?;
            }
        }
    }
    Ok(())
}

/// What a thread came to.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Stop::usage("the report could not be made", "this is a fault of tieout")))
}

/// The model, as it is written into a file.
pub fn json(outcome: &Outcome) -> String {
    serde_json::to_string_pretty(outcome).unwrap_or_default() + "\n"
}

/// Writes a file that another program reads at any moment: the whole of it or the one before, never a part. Everybody may
/// read it, because the reader is often another user.
pub fn put_in_place(path: &Path, content: &str) -> std::io::Result<()> {
    // Renaming over a device or a pipe would take it away.
    if path.symlink_metadata().is_ok_and(|m| !m.is_file() && !m.is_symlink()) {
        return Err(std::io::Error::other("there is something else that is no file"));
    }
    let path = if path.is_symlink() { path.canonicalize()? } else { path.to_owned() };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".tieout-").tempfile_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(&path).map(drop).map_err(|e| e.error)
}
