//! The place a backup is restored into to see whether it can be: a file, a database made for it, or the empty one that the user
//! names. Gone, or empty again, when it is dropped.

use super::folder::Aside;
use super::told;
use crate::error::{Result, Stop};
use crate::store::{Fingerprint, Lock, Scope, Store, Target};

/// A restored copy of a database. As long as it lives the copy is there for any use; nothing in it reaches the original.
pub struct Scratch {
    /// The copy.
    pub target: Target,
    /// What the copy held when it was restored: all of it, with definitions as this database spells them.
    pub fingerprint: Fingerprint,
    // Dropped in this order: the database goes before the folder.
    place: Place,
    aside: Aside,
}

impl Scratch {
    pub(super) fn new(place: Place, aside: Aside, fingerprint: Fingerprint) -> Scratch {
        Scratch { target: place.target().clone(), fingerprint, place, aside }
    }

    /// The extensions that were in the user's scratch database before.
    pub(super) fn kept(&self) -> &[String] {
        self.place.kept()
    }

    /// Where the copy of an SQLite database lies is not settled before it is put in place of another.
    pub(super) fn release(self) -> Aside {
        self.aside
    }
}

/// An empty database, for one restore.
pub(super) enum Place {
    /// A file in a folder that is removed.
    File(Target),
    /// A database that was made for this, and the session that answers for it.
    Made { name: String, target: Target, session: Box<Store> },
    /// One that the user named, what it had to begin with, and the session that holds its lock.
    Named { target: Target, kept: Vec<String>, session: Box<Store>, _lock: Lock },
}

impl Place {
    /// A place for a copy of `target`. What killed processes left is dropped first.
    pub(super) fn claim(target: &Target, named: Option<&Target>, aside: &Aside) -> Result<Place> {
        match (target, named) {
            (Target::Sqlite(_), None) => Ok(Place::File(Target::Sqlite(aside.join("scratch.sqlite")))),
            (Target::Sqlite(_), Some(_)) => Err(Stop::usage(
                "an SQLite database is copied into a file; it needs no scratch database",
                "leave --scratch and `scratch` out",
            )),
            (Target::Postgres(_), Some(named)) => Place::of_the_user(target, named),
            (Target::Postgres(_), None) => {
                let mut session = Store::read(target)?;
                session.be_patient()?;
                session.sweep_scratches()?;
                let (name, target) = session.create_scratch(target)?;
                Ok(Place::Made { name, target, session: Box::new(session) })
            }
        }
    }

    fn of_the_user(target: &Target, named: &Target) -> Result<Place> {
        if !matches!(named, Target::Postgres(_)) {
            return Err(Stop::usage(format!("{named} is no PostgreSQL database"), "name an empty one of the same server version"));
        }
        let (mut session, lock) = Store::open(named, "backup")?;
        session.be_patient()?;
        if session.identity(named)? == Store::read(target)?.identity(target)? {
            let hint = "name another, empty database: what is restored into it is dropped afterwards";
            return Err(Stop::usage("the scratch database is the database itself", hint));
        }
        let found = session.fingerprint(Scope::Everything)?;
        if !found.is_empty() {
            let has: Vec<String> =
                Fingerprint::default().differences(&found).iter().map(|d| d.replace(" should not be there", "")).collect();
            let message = format!("the scratch database {named} is not empty: {}", told(&has));
            return Err(Stop::usage(message, "name an empty one; if a run was killed and left its copy there, empty it by hand"));
        }
        let kept = found.extensions().into_iter().map(str::to_owned).collect();
        Ok(Place::Named { target: named.clone(), kept, session: Box::new(session), _lock: lock })
    }

    pub(super) fn target(&self) -> &Target {
        match self {
            Place::File(target) | Place::Made { target, .. } | Place::Named { target, .. } => target,
        }
    }

    /// The extensions that were there before.
    pub(super) fn kept(&self) -> &[String] {
        if let Place::Named { kept, .. } = self { kept } else { &[] }
    }

    /// Empties it again, for another try.
    pub(super) fn clear(&mut self) -> Result<()> {
        match self {
            Place::File(Target::Sqlite(path)) => {
                let _ = std::fs::remove_file(path);
                Ok(())
            }
            Place::File(_) => Ok(()),
            Place::Made { target, .. } => Store::read(target)?.empty(&[]),
            Place::Named { kept, session, .. } => session.empty(&kept.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Where this fails the next run drops it, or says that it is not empty.
        let _ = match self {
            Place::File(_) => Ok(()),
            Place::Made { name, session, .. } => session.drop_scratch(name),
            Place::Named { .. } => self.clear(),
        };
    }
}
