//! One run at a time on one database. A lock dies with its holder, so that a killed run never blocks the next.

use super::Store;
use crate::error::{Result, Stop, io_words};
use crate::evidence::Subject;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a statement waits for a lock that somebody else holds.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

/// How long to wait before a transaction is tried again that waited in vain for a lock: whoever queued behind it gets through
/// meanwhile. When all of them are over, the run stops.
pub const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// How long to wait for the server to notice that a killed run is gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// The advisory lock's number in PostgreSQL: "tieout" in ASCII.
const ADVISORY: i64 = 0x7469_656f_7574;

/// Held as long as this lives. PostgreSQL's lock belongs to the session instead.
pub struct Lock(Option<(File, PathBuf)>);

impl Lock {
    /// Takes the lock of an SQLite database: a file beside it, locked by the operating system.
    pub(super) fn beside(database: &Path) -> Result<Lock> {
        let mut name = database.as_os_str().to_owned();
        name.push(".tieout-lock");
        let path = PathBuf::from(name);
        let cannot = |e: std::io::Error| {
            Stop::database(format!("cannot write {}: {}", path.display(), io_words(&e)), "the database's folder must be there and writable")
        };
        loop {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    return Err(held(holder.trim()));
                }
                Err(TryLockError::Error(e)) => return Err(cannot(e)),
            }
            if !same_file(&file, &path) {
                continue; // The one before us took its file away between our opening and locking it.
            }
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", holder_name()));
            written.map_err(cannot)?;
            return Ok(Lock(Some((file, path))));
        }
    }

    /// Takes the lock of a PostgreSQL database: an advisory lock of the session.
    pub(super) fn of_session(store: &mut Store) -> Result<Lock> {
        store.execute(&format!("SET application_name = '{}'", holder_name().replace('\'', "")))?;
        let begin = Instant::now();
        loop {
            let got = store.select(&["pg_try_advisory_lock($1::bigint)::text"], "", &[Some(&ADVISORY.to_string())])?;
            if got.first().and_then(|row| row[0].as_deref()) == Some("true") {
                return Ok(Lock(None));
            }
            if begin.elapsed() > PATIENCE {
                let from = "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                            WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint";
                let holder = store.select(&["a.application_name"], from, &[Some(&ADVISORY.to_string())])?;
                let holder = holder.into_iter().next().and_then(|mut row| row.remove(0)).unwrap_or_default();
                return Err(held(&holder));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Store {
    /// Who holds locks on tables in an open transaction for longer than we waited, in words; empty where the database does
    /// not tell. To be asked outside a transaction.
    pub fn holders(&mut self) -> String {
        if !self.is_postgres() {
            return String::new();
        }
        let columns = [
            "format('process %s (%s, user %s), in a transaction since %s UTC, %s', a.pid, coalesce(nullif(a.application_name, ''), 'no name'), \
             a.usename, to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS'), a.state)",
        ];
        let from = "FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
                    AND a.xact_start < now() - CAST($1 AS interval) AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.granted \
                    AND l.locktype = 'relation' AND l.relation >= 16384) ORDER BY a.xact_start LIMIT 3";
        let waited = format!("{} ms", LOCK_TIMEOUT.as_millis());
        // Who cannot be told is not worth another failure.
        let rows = self.select(&columns, from, &[Some(&waited)]).unwrap_or_default();
        let words: Vec<String> = rows.into_iter().filter_map(|mut row| row[0].take()).collect();
        words.join("; ")
    }
}

fn held(holder: &str) -> Stop {
    let holder = if holder.is_empty() { "another run" } else { holder };
    Stop::new(
        Subject::Lock,
        format!("the database is in use by {holder}"),
        "wait until it is done; the lock goes with the process that holds it",
    )
}

fn holder_name() -> String {
    format!("tieout (process {})", std::process::id())
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |m: std::fs::Metadata| (m.dev(), m.ino());
    file.metadata().map(id).ok().zip(std::fs::metadata(path).map(id).ok()).is_some_and(|(a, b)| a == b)
}

#[cfg(not(unix))]
fn same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}
