//! One run at a time on one database. A lock dies with its holder, so that a killed run never blocks the next; and it bears
//! its holder's name, so that who is kept out knows whom to ask.

use super::Store;
use crate::error::{Result, Stop, io_words};
use crate::evidence::Subject;
use rustix::process::{Pid, test_kill_process};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a statement waits for a lock that somebody else holds.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

/// How long to wait before a transaction is tried again that waited in vain for a lock: whoever queued behind it gets through
/// meanwhile. When all of them are over, the run stops.
pub const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// How long to wait for the server to notice that a run is gone whose process is.
const PATIENCE: Duration = Duration::from_secs(3);

/// The advisory lock's number in PostgreSQL: "tieout" in ASCII.
const ADVISORY: i64 = 0x7469_656f_7574;

/// So many bytes of a session's name PostgreSQL keeps.
const NAME: usize = 63;

/// Held as long as this lives. PostgreSQL's lock belongs to the session instead.
pub struct Lock(Option<(File, PathBuf)>);

impl Lock {
    /// Takes the lock of an SQLite database: a file beside it, locked by the operating system.
    pub(super) fn beside(database: &Path, doing: &str) -> Result<Lock> {
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
                    let mut text = String::new();
                    let _ = file.read_to_string(&mut text);
                    let (name, since) = text.split_once('\n').unwrap_or((&text, ""));
                    return Err(held(name.trim(), since.trim(), ""));
                }
                Err(TryLockError::Error(e)) => return Err(cannot(e)),
            }
            if !same_file(&file, &path) {
                continue; // The one before us took its file away between our opening and locking it.
            }
            let since = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
            let text = format!("{}\n{since}\n", Holder::ourselves(doing).name(usize::MAX));
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
            written.map_err(cannot)?;
            return Ok(Lock(Some((file, path))));
        }
    }

    /// Takes the lock of a PostgreSQL database: an advisory lock of the session. Whoever holds it is waited for only where
    /// it looks dead: a run of this machine whose process is gone, which the server has yet to notice.
    pub(super) fn of_session(store: &mut Store, doing: &str) -> Result<Lock> {
        let name = Holder::ourselves(doing).name(NAME);
        store.select(&["set_config('application_name', $1, false)"], "", &[Some(&name)])?;
        let begin = Instant::now();
        loop {
            let got = store.select(&["pg_try_advisory_lock($1::bigint)"], "", &[Some(&ADVISORY.to_string())])?;
            if got.first().and_then(|row| row[0].as_deref()) == Some("true") {
                store.end_the_dead()?;
                return Ok(Lock(None));
            }
            let from = "FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
                        WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                        AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint";
            let since = "to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS UTC')";
            let connected = "'as ' || a.usename || coalesce(' from ' || host(a.client_addr), '')";
            let holder = store.select(&["a.application_name", since, connected], from, &[Some(&ADVISORY.to_string())])?;
            // Nobody there any more: it was given back in between.
            if let Some(row) = holder.into_iter().next() {
                let [name, since, connected] = super::shape::texts(row);
                if begin.elapsed() > PATIENCE || !Holder::read(&name).is_some_and(|holder| holder.is_gone()) {
                    return Err(held(&name, &since, &connected));
                }
            } else if begin.elapsed() > PATIENCE {
                return Err(held("", "", ""));
            }
            std::thread::sleep(Duration::from_millis(50));
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

/// What a session of this process is called, in words that PostgreSQL keeps: whose it is can be told when the process is gone.
pub fn session_name(doing: &str) -> String {
    Holder::ourselves(doing).name(NAME)
}

impl Store {
    /// Ends the sessions that killed runs of this machine left: a dump that goes on without the run it was for holds locks.
    fn end_the_dead(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let from =
                "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'tieout %'";
            let sessions = self.select(&["pid", "application_name"], from, &[])?.into_iter().map(super::shape::texts::<2>);
            let dead: Vec<String> =
                sessions.filter(|[_, name]| Holder::read(name).is_some_and(|h| h.is_gone())).map(|[pid, _]| pid).collect();
            if dead.is_empty() || begin.elapsed() > PATIENCE {
                return Ok(());
            }
            for pid in &dead {
                self.select(&["pg_terminate_backend(CAST($1 AS int))"], "", &[Some(pid)])?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

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

fn held(name: &str, since: &str, connected: &str) -> Stop {
    let who = match Holder::read(name) {
        Some(holder) => holder.words(),
        None if name.is_empty() => "another run".to_owned(),
        None => name.to_owned(),
    };
    let since = if since.is_empty() { String::new() } else { format!(", since {since}") };
    let connected = if connected.is_empty() { String::new() } else { format!(" (connected {connected})") };
    Stop::new(
        Subject::Lock,
        format!("the database is in use by {who}{since}{connected}"),
        "wait until it is done; the lock goes with the process that holds it",
    )
}

/// Who holds a lock, as it is written beside it: `tieout 1234 anna@host run rent`.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    process: i32,
    user: String,
    host: String,
    /// The command and its job.
    doing: String,
}

impl Holder {
    fn ourselves(doing: &str) -> Holder {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        Holder { process, user: word(&this_user(), 10), host: this_host(), doing: doing.to_owned() }
    }

    /// In so many bytes at most: what does not fit of the job's name is cut. PostgreSQL shows nothing but ASCII there.
    fn name(&self, most: usize) -> String {
        let name = format!("tieout {} {}@{} {}", self.process, self.user, self.host, self.doing);
        if most == usize::MAX {
            return name;
        }
        name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(most).collect()
    }

    fn read(name: &str) -> Option<Holder> {
        let mut words = name.strip_prefix("tieout ")?.splitn(3, ' ');
        let (process, (user, host)) = (words.next()?.parse().ok()?, words.next()?.split_once('@')?);
        Some(Holder { process, user: user.to_owned(), host: host.to_owned(), doing: words.next().unwrap_or_default().to_owned() })
    }

    fn words(&self) -> String {
        format!("`tieout {}`: process {} of {} on {}", self.doing, self.process, self.user, self.host)
    }

    /// Whether it was a process of this machine, and is none any more. Of other machines nobody knows.
    fn is_gone(&self) -> bool {
        self.host == this_host() && !is_alive(self.process)
    }
}

/// Who works here, `anna@db1`: as a run records it.
pub fn who() -> String {
    format!("{}@{}", this_user(), rustix::system::uname().nodename().to_string_lossy())
}

fn this_user() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).filter(|user| !user.is_empty());
    user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// A name as one word of the holder's, at most so long.
fn word(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() && c != '@' { c } else { '_' }).take(most).collect()
}

fn this_host() -> String {
    word(&rustix::system::uname().nodename().to_string_lossy(), 16)
}

/// A process that was killed and that nobody has looked after yet has an end, but still a number.
fn is_alive(process: i32) -> bool {
    let Some(pid) = Pid::from_raw(process) else { return false };
    let there = !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    there && !stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with(['Z', 'X']))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_known_by_its_name_however_much_of_it_fits() {
        let job = "x".repeat(200);
        let holder = Holder { doing: format!("reconcile {job}"), ..Holder::ourselves("") };
        let name = holder.name(NAME);
        assert_eq!(name.len(), NAME);
        let read = Holder::read(&name).unwrap();
        assert_eq!((read.process, &read.user, &read.host), (holder.process, &holder.user, &holder.host));
        assert!(read.doing.starts_with("reconcile x"), "{name}");
        assert_eq!(Holder::read(&holder.name(usize::MAX)).unwrap(), holder);
        assert_eq!(Holder::read("psql"), None);
        assert!(Holder { doing: "run hyra_å".into(), ..holder }.name(NAME).is_ascii());
    }

    #[test]
    fn only_a_process_of_this_machine_can_be_known_to_be_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = i32::try_from(child.id()).unwrap();
        let gone = Holder { process, ..Holder::ourselves("run rent") };
        while is_alive(process) {
            std::thread::yield_now();
        }
        assert!(gone.is_gone(), "it has ended, though nobody has waited for it");
        child.wait().unwrap();
        assert!(gone.is_gone() && !Holder::ourselves("run rent").is_gone());
        assert!(!Holder { host: "elsewhere".into(), ..gone }.is_gone());
    }
}
