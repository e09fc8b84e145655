//! The way back: a backup is restored on the side and looked at, and only then put in the place of a database.

use super::folder::{self, Aside};
use super::programs::{Leave, Programs};
use super::record::{self, Occasion, Record};
use super::scratch::{Place, Scratch};
use super::take::{Wanted, sqlite_restored, take};
use super::{Backup, Verified, comparable, told};
use crate::error::{Result, Stop};
use crate::store::{Fingerprint, Scope, Store, Target, drop_everything};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// A restore that is wanted.
pub struct Restoring<'a> {
    /// The backup.
    pub file: &'a Path,
    /// Where it goes. The caller holds our lock on it.
    pub target: &'a Target,
    /// Whether it may replace what is there.
    pub over: bool,
    /// Whether it may be the backup of another database, or of nobody knows which.
    pub of_another: bool,
    /// An empty PostgreSQL database to try it in, instead of one made for it.
    pub scratch: Option<&'a Target>,
    /// Asked now and then whether the user wants to stop.
    pub stop: &'a dyn Fn() -> bool,
}

/// A restore that is done, and was compared with the backup.
pub struct Restored {
    /// The backup of what was there before, where something was.
    pub before: Option<Verified<Backup>>,
    /// The record of what was restored.
    pub record: Option<Record>,
    /// How many tables there are now.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
}

/// Restores a backup. Until it was found whole, and what is there now was backed up, nothing is touched; then it is put in place
/// at once, all or nothing.
pub fn restore(wanted: &Restoring<'_>) -> Result<Restored> {
    let record = checked(wanted)?;
    let present = present(wanted.target)?;
    if !present.is_empty() && !wanted.over {
        let rows = present.rows();
        let message = format!("{} is not empty: {} tables with {rows} rows", wanted.target, present.tables.len());
        return Err(Stop::usage(message, "name an empty database, or say --over: what is there is backed up first"));
    }
    let scratch = tried(wanted, record.as_ref())?;
    let expected = scratch.fingerprint.clone();
    let unknown = if record.is_none() { scratch.kept().to_vec() } else { Vec::new() };
    let (scratch, before) = if present.is_empty() {
        (scratch, None)
    } else {
        // Of a database that the user named there is only one.
        let scratch = if wanted.scratch.is_some() { drop_of(scratch) } else { Some(scratch) };
        let before = backed_up(wanted, record.as_ref())?;
        (scratch.map_or_else(|| tried(wanted, record.as_ref()), Ok)?, Some(before))
    };
    match wanted.target {
        Target::Sqlite(path) => swap(scratch, path)?,
        Target::Postgres(_) => {
            drop(scratch);
            let kept = expected.extensions();
            let drops = if present.is_empty() { String::new() } else { drop_everything(&kept) };
            let programs = Programs::of(Store::read(wanted.target)?.major()?)?;
            programs.pour(wanted.file, wanted.target, &drops, Leave::Nothing, wanted.stop)?;
        }
    }
    let mut is = comparable(wanted.target, Store::read(wanted.target)?.fingerprint(Scope::Everything)?);
    is.forget_extensions(|e| unknown.iter().any(|kept| kept == e));
    let differences = comparable(wanted.target, expected).differences(&is);
    if !differences.is_empty() {
        let back = before.as_ref().map_or(String::new(), |b| format!("; what was there before is in {}", b.path.display()));
        let message = format!("{} was restored, and is not what the backup holds: {}", wanted.target, told(&differences));
        return Err(Stop::database(message, format!("if an app writes already, that is why{back}")));
    }
    Ok(Restored { before, record, tables: is.tables.len(), rows: is.rows() })
}

fn drop_of(scratch: Scratch) -> Option<Scratch> {
    drop(scratch);
    None
}

/// What can be said of the file without restoring it: its kind, its length, its digest, whose it is.
fn checked(wanted: &Restoring<'_>) -> Result<Option<Record>> {
    let shown = wanted.file.display();
    let mut head = Vec::new();
    let opened = std::fs::File::open(wanted.file).and_then(|file| file.take(16).read_to_end(&mut head));
    opened.map_err(|e| Stop::usage(format!("cannot read {shown}: {}", crate::error::io_words(&e)), "name a backup file"))?;
    let is_sqlite = head.starts_with(b"SQLite format 3\0");
    if head.is_empty() || !(is_sqlite || head.starts_with(b"PGDMP")) {
        let what = if head.is_empty() { "is empty" } else { "is neither an SQLite database nor a dump of pg_dump -Fc" };
        return Err(Stop::database(format!("{shown} {what}"), "name a backup that is whole; nothing was touched"));
    }
    if is_sqlite != matches!(wanted.target, Target::Sqlite(_)) {
        let (of, into) = if is_sqlite { ("SQLite", "PostgreSQL") } else { ("PostgreSQL", "SQLite") };
        return Err(Stop::usage(format!("{shown} is a backup of {of} and cannot go into {into}"), "name the database it was taken from"));
    }
    let record = record::of(wanted.file)?;
    if let Some(record) = &record {
        let (sha256, size) = folder::digest(wanted.file)?;
        let hint = "it is damaged, or another file under this name; take an earlier backup. Nothing was touched";
        if size != record.size {
            return Err(Stop::database(format!("{shown} has {size} bytes, and had {} when it was written", record.size), hint));
        }
        if sha256 != record.sha256 {
            return Err(Stop::database(format!("{shown} is not as it was written: its SHA-256 is another"), hint));
        }
    }
    if !wanted.of_another {
        let ours = identity(wanted.target)?;
        let whose = match &record {
            Some(record) if record.database == ours => return Ok(Some(record.clone())),
            Some(record) => format!("it is a backup of {}, not of {ours}", record.database),
            None => format!("nobody knows whose backup it is: there is no {}", record::beside(wanted.file).display()),
        };
        return Err(Stop::usage(format!("{shown}: {whose}"), "say --of-another if it is to go there all the same"));
    }
    Ok(record)
}

/// Restores the backup on the side, and compares it with its record.
fn tried(wanted: &Restoring<'_>, record: Option<&Record>) -> Result<Scratch> {
    let (scratch, major) = match wanted.target {
        Target::Sqlite(path) => {
            // On the file system where it is put in place.
            let aside = Aside::within(&folder::parent(&real(path)))?;
            let place = Place::claim(wanted.target, wanted.scratch, &aside)?;
            let holds = sqlite_restored(wanted.file, place.target(), record.map(|r| r.sha256.as_str()))?;
            (Scratch::new(place, aside, holds), None)
        }
        Target::Postgres(_) => {
            let dir = tempfile::tempdir().map_err(|e| folder::cannot("write into", &std::env::temp_dir(), &e))?;
            let aside = Aside::within(dir.path())?;
            let place = Place::claim(wanted.target, wanted.scratch, &aside)?;
            let mut store = Store::read(place.target())?;
            let major = store.major()?;
            Programs::of(major)?.pour(wanted.file, place.target(), "", Leave::Ownership, wanted.stop)?;
            let mut holds = store.fingerprint(Scope::Everything)?;
            // Without a record nobody knows whether one of these is the backup's, too.
            holds.forget_extensions(|e| {
                place.kept().iter().any(|kept| kept == e) && record.is_none_or(|r| !r.extensions.iter().any(|x| x == e))
            });
            (Scratch::new(place, aside, holds), Some(major))
        }
    };
    let Some(record) = record else { return Ok(scratch) };
    let found = comparable(wanted.target, scratch.fingerprint.clone());
    let stated = Fingerprint { tables: record.tables.clone(), ..Fingerprint::default() };
    let mut differences = stated.differing_contents(&found);
    // Another version of the server spells definitions in its own way.
    let same_server = major.is_none_or(|major| record.server == format!("postgres {major}"));
    if differences.is_empty() && same_server && found.digest() != record.fingerprint {
        differences.push("tables, indexes, functions or sequences are others".to_owned());
    }
    if differences.is_empty() {
        return Ok(scratch);
    }
    let message = format!("{}, restored on the side, is not what its record says: {}", wanted.file.display(), told(&differences));
    Err(Stop::database(message, "take an earlier backup; nothing was touched"))
}

fn backed_up(wanted: &Restoring<'_>, record: Option<&Record>) -> Result<Verified<Backup>> {
    let dir = folder::parent(wanted.file);
    let job = record.map(|r| r.job.as_str());
    let backup = Wanted { target: wanted.target, dir: &dir, job, occasion: Occasion::Restore, scratch: wanted.scratch, stop: wanted.stop };
    take(&backup).map_err(|stop| {
        let hint = "nothing was touched; if the database is damaged, move it away by hand and restore into an empty one";
        Stop { message: format!("what is there now cannot be backed up: {}", stop.message), hint: hint.to_owned(), ..stop }
    })
}

/// What the target holds; nothing where there is none yet.
fn present(target: &Target) -> Result<Fingerprint> {
    match target {
        Target::Sqlite(path) if !path.exists() => Ok(Fingerprint::default()),
        _ => Store::read(target)?.fingerprint(Scope::Everything),
    }
}

fn identity(target: &Target) -> Result<String> {
    match target {
        Target::Sqlite(path) => Ok(format!("sqlite:{}", real(path).display())),
        Target::Postgres(_) => Store::read(target)?.identity(target),
    }
}

/// The file that a path leads to, whether it is there or not.
fn real(path: &Path) -> PathBuf {
    let folder = folder::parent(path);
    let there = folder.canonicalize().ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    path.canonicalize().ok().or(there).unwrap_or_else(|| path.to_owned())
}

/// Puts a restored file in the place of a database. An app that has the old file open and is idle cannot write into it any
/// more: SQLite sees that the file was moved away.
fn swap(scratch: Scratch, path: &Path) -> Result<()> {
    let path = real(path);
    let Target::Sqlite(new) = scratch.target.clone() else { return Ok(()) };
    let aside = scratch.release();
    let cannot = |e: std::io::Error| folder::cannot("replace", &path, &e);
    if !path.exists() {
        folder::put(&new, &path)?;
        drop(aside);
        return Ok(());
    }
    let old = std::fs::metadata(&path).map_err(cannot)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(old.mode() & 0o777)).map_err(cannot)?;
    let is = std::fs::metadata(&new).map_err(cannot)?;
    if (is.uid(), is.gid()) != (old.uid(), old.gid()) {
        chown(&new, Some(old.uid()), Some(old.gid())).map_err(cannot)?;
    }
    let target = Target::Sqlite(path.clone());
    let in_use = |stop: Stop| {
        let message = format!("{target} is in use: {}", stop.message);
        Stop::database(message, "stop the programs that use it, and restore again; nothing was touched")
    };
    let mut holder = Store::read(&target)?;
    let wal = holder.has_wal()?;
    if wal {
        // What is in the log belongs to the old file: it goes in there, and the log with it.
        holder.set_wal(false).map_err(in_use)?;
        Store::read(&Target::Sqlite(new.clone()))?.set_wal(true)?;
    }
    let held = holder.hold_alone().map_err(in_use);
    let placed = held.and_then(|()| folder::put(&new, &path));
    holder.rollback();
    if wal && placed.is_err() {
        holder.set_wal(true)?;
    }
    drop((holder, aside));
    placed
}
