//! Taking a backup: copy, restore into a scratch database, compare, and only then give it its name.

use super::folder::{self, Aside};
use super::programs::{Leave, Programs};
use super::record::{self, Occasion, Record};
use super::scratch::{Place, Scratch};
use super::{Backup, Verified, comparable, go_on, told};
use crate::error::{Result, Stop};
use crate::store::{Fingerprint, Scope, Store, Target};
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

/// How often a copy is made before a difference is believed: an app that writes between two looks makes one, too.
const TRIES: usize = 4;

/// A backup that is wanted.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Of which database.
    pub target: &'a Target,
    /// The folder it goes to; made where there is none.
    pub dir: &'a Path,
    /// The job's name, the first part of the file's; the database's where there is no job.
    pub job: Option<&'a str>,
    /// Why it is taken, the last part of the file's name.
    pub occasion: Occasion,
    /// An empty PostgreSQL database to restore into, instead of one made for it.
    pub scratch: Option<&'a Target>,
    /// Asked now and then whether the user wants to stop.
    pub stop: &'a dyn Fn() -> bool,
}

/// A copy that was proved, in a folder that is removed.
struct Copy {
    file: PathBuf,
    sha256: String,
    size: u64,
    scratch: Scratch,
}

/// Takes a backup. It is one only when it was restored and held the same. The database may be in use meanwhile; the caller may
/// hold our lock on it, but no transaction.
pub fn take(wanted: &Wanted<'_>) -> Result<Verified<Backup>> {
    take_and_keep(wanted).map(|(backup, _)| backup)
}

/// The same, and the scratch copy that it was restored into. It goes when that is dropped.
pub fn take_and_keep(wanted: &Wanted<'_>) -> Result<(Verified<Backup>, Scratch)> {
    let copy = proved(wanted.target, wanted.dir, wanted.scratch, wanted.stop)?;
    let backup = place(wanted, &copy)?;
    Ok((backup, copy.scratch))
}

/// A scratch copy alone, with its files in `dir`; nothing stays there.
pub fn copy_of(target: &Target, dir: &Path, scratch: Option<&Target>, stop: &dyn Fn() -> bool) -> Result<Scratch> {
    let copy = proved(target, dir, scratch, stop)?;
    let _ = std::fs::remove_file(&copy.file);
    Ok(copy.scratch)
}

fn proved(target: &Target, dir: &Path, named: Option<&Target>, stop: &dyn Fn() -> bool) -> Result<Copy> {
    // What is not there is said before anything is made.
    drop(Store::read(target)?);
    folder::make(dir)?;
    let aside = Aside::within(dir)?;
    let mut place = Place::claim(target, named, &aside)?;
    let file = aside.join("backup");
    let mut differences = Vec::new();
    for n in 1..=TRIES {
        go_on(stop)?;
        let (held, mut restored, written) = match target {
            Target::Sqlite(_) => sqlite_copy(target, &file, &place, n == TRIES)?,
            Target::Postgres(_) => postgres_copy(target, &file, &place, stop)?,
        };
        restored.forget_extensions(|e| place.kept().iter().any(|kept| kept == e) && !held.extensions().contains(&e));
        let found = comparable(target, restored.clone());
        differences = comparable(target, held).differences(&found);
        if differences.is_empty() {
            let (sha256, size) = written;
            return Ok(Copy { file, sha256, size, scratch: Scratch::new(place, aside, restored) });
        }
        place.clear()?;
        let _ = std::fs::remove_file(&file);
    }
    let message = format!("the copy of {target}, restored, is not what the database holds: {}", told(&differences));
    Err(Stop::database(message, "so there is no backup; if another program changes tables meanwhile, stop it and try again"))
}

/// What the database held, what the restored copy holds, and the copy's digest and length.
type Proof = (Fingerprint, Fingerprint, (String, u64));

/// Copies an SQLite database, and the copy to where it is looked at. At last with other writers held off.
fn sqlite_copy(target: &Target, file: &Path, place: &Place, alone: bool) -> Result<Proof> {
    let mut writer = Store::read(target)?;
    if alone {
        writer.begin()?;
    }
    let mut source = Store::read(target)?;
    // SQLite makes the file with the rights that it finds.
    drop(folder::private(file).map_err(|e| folder::cannot("write", file, &e))?);
    source.copy_into(file)?;
    source.begin_snapshot()?;
    let (held, copied) = std::thread::scope(|scope| {
        let held = scope.spawn(move || {
            let held = source.fingerprint(Scope::Everything);
            source.rollback();
            writer.rollback();
            held
        });
        let copied = folder::digest(file).and_then(|written| Ok((sqlite_restored(file, place.target(), Some(&written.0))?, written)));
        (joined(held), copied)
    });
    let (restored, written) = copied?;
    Ok((held?, restored, written))
}

/// What a thread came to.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
}

/// Copies a backup to where there is nothing, and reads all of it.
pub(super) fn sqlite_restored(file: &Path, scratch: &Target, sha256: Option<&str>) -> Result<Fingerprint> {
    let Target::Sqlite(path) = scratch else { return Err(Stop::database("an SQLite backup goes into a file", "")) };
    let (copied, _) = folder::copy(file, path)?;
    if sha256.is_some_and(|expected| expected != copied) {
        return Err(Stop::database(format!("{} reads differently a second time", file.display()), "its disk is failing"));
    }
    // SQLite's own check takes much longer than reading all rows.
    let (damage, restored) = std::thread::scope(|scope| {
        let restored = scope.spawn(|| Store::read(scratch)?.fingerprint(Scope::Everything));
        (Store::read(scratch).and_then(|mut store| store.damage()), joined(restored))
    });
    if let Some(damage) = damage? {
        return Err(Stop::database(format!("the copy in {} is damaged: {damage}", file.display()), "it is no backup"));
    }
    restored
}

/// Dumps a PostgreSQL database, and restores the dump. What the database held is read in the very state that is dumped.
fn postgres_copy(target: &Target, file: &Path, place: &Place, stop: &dyn Fn() -> bool) -> Result<Proof> {
    let mut source = Store::read(target)?;
    source.be_patient()?;
    let programs = Programs::of(source.major()?)?;
    drop(folder::private(file).map_err(|e| folder::cannot("write", file, &e))?);
    source.begin_snapshot()?;
    let snapshot = source.export_snapshot()?;
    let mut held = source.fingerprint(Scope::Everything)?;
    programs.dump(target, &snapshot, file, stop)?;
    let later = source.positions()?;
    source.rollback();
    drop(source);
    let written = folder::digest(file)?;
    programs.pour(file, place.target(), "", Leave::Ownership, stop)?;
    let restored = Store::read(place.target())?.fingerprint(Scope::Everything)?;
    // A sequence moves on outside all transactions: the dump has it somewhere between its places before and after.
    for (name, position) in &mut held.positions {
        if let Some((after, is)) = later.get(name).zip(restored.positions.get(name)) {
            let (low, high) = (position.last.min(after.last), position.last.max(after.last));
            if position != after && (low..=high).contains(&is.last) {
                *position = *is;
            }
        }
    }
    Ok((held, restored, written))
}

/// Gives the copy its name, its record, and room.
fn place(wanted: &Wanted<'_>, copy: &Copy) -> Result<Verified<Backup>> {
    let mut store = Store::read(wanted.target)?;
    let database = store.identity(wanted.target)?;
    let (kind, major, extension) = match wanted.target {
        Target::Sqlite(_) => ("sqlite", store.major()?, "sqlite"),
        Target::Postgres(_) => ("postgres", store.major()?, "dump"),
    };
    drop(store);
    let own_name = database.rsplit('/').next().unwrap_or_default();
    let own_name = own_name.split('.').next().unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let job: String = wanted.job.unwrap_or(own_name).chars().map(plain).collect();
    let now = jiff::Timestamp::now();
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let stem = format!("{job}-{stamp}-{}", wanted.occasion.word());
    let taken = |path: &Path| path.exists() || record::beside(path).exists();
    let names = std::iter::once(format!("{stem}.{extension}")).chain((2..).map(|n| format!("{stem}-{n}.{extension}")));
    let path = names.map(|name| wanted.dir.join(name)).find(|path| !taken(path)).unwrap_or_default();
    let holds = comparable(wanted.target, copy.scratch.fingerprint.clone());
    let record = Record {
        tieout: env!("CARGO_PKG_VERSION").to_owned(),
        job,
        occasion: wanted.occasion.word(),
        database,
        taken_at: now.to_string(),
        server: format!("{kind} {major}"),
        size: copy.size,
        sha256: copy.sha256.clone(),
        rows: holds.rows(),
        fingerprint: holds.digest(),
        extensions: holds.extensions().into_iter().map(str::to_owned).collect(),
        tables: holds.tables,
    };
    let unfinished = folder::parent(&copy.file).join("record");
    record::write(&record, &unfinished)?;
    // The record first: once a file has a backup's name, all that belongs to it is there.
    folder::put(&unfinished, &record::beside(&path))?;
    folder::put(&copy.file, &path)?;
    let (removed, not_removed) = match wanted.occasion {
        Occasion::Run { keep: Some(keep), .. } => record::make_room(wanted.dir, &record, keep),
        _ => (Vec::new(), Vec::new()),
    };
    Ok(Verified(Backup { path, record, removed, not_removed }))
}
