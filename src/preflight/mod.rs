//! What is asked of the database before anything is written to it: all that would stop the run later, or that somebody should
//! know, and all at once. A question that cannot be answered is said not to have been; none is taken for well. Here is no SQL,
//! and nothing is changed.

mod rights;

use crate::assemble::tables;
use crate::cache;
use crate::evidence::{Finding, Severity, Subject};
use crate::job::Job;
use crate::store::{Orphans, Store, Target};
use rustix::fs::{Access, access, statvfs};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The oldest PostgreSQL whose catalogue has what is asked of it.
const OLDEST: u32 = 120_000;

/// An SQLite database up to this size is looked through for orphans as a whole: 256 MiB.
const WHOLE: u64 = 256 << 20;

/// A transaction that is open for so many seconds is worth a word.
const LONG: u32 = 60;

/// One question, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What was asked about: `connection`, `privileges` …
    pub name: String,
    /// How it stands.
    pub status: Answer,
    /// The answer in words.
    pub detail: String,
}

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Well.
    Ok,
    /// In a way that somebody should know of.
    Warning,
    /// In a way that stops the run.
    Failed,
    /// Not at all; why is said.
    NotRun,
}

impl Answer {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Answer::Ok => "ok",
            Answer::Warning => "warning",
            Answer::Failed => "failed",
            Answer::NotRun => "not asked",
        }
    }
}

/// What the run is going to do.
pub struct Intent<'a> {
    /// Where.
    pub target: &'a Target,
    /// What for.
    pub job: &'a Job,
    /// Whether rows of the user's tables are written, not only compared.
    pub writes: bool,
    /// Whether schema steps are pending, where that could be found out.
    pub steps: Option<bool>,
}

/// The answers, and what they mean for the run.
#[derive(Default)]
pub struct Preflight {
    /// Every question.
    pub items: Vec<Item>,
    /// What stops the run, or is worth a word.
    pub findings: Vec<Finding>,
}

/// A table that the job fills.
struct Filled {
    name: String,
    /// Whether it is known without reading the files that they fill it.
    certain: bool,
}

/// Asks everything.
pub fn ask(store: &mut Store, intent: &Intent<'_>) -> Preflight {
    let mut asked = Preflight::default();
    let filled = filled(intent.job);
    let names: Vec<&str> = filled.iter().map(|t| t.name.as_str()).collect();
    match intent.target {
        Target::Sqlite(path) => asked.file(store, path, &names),
        Target::Postgres(url) => {
            asked.server(store, intent, &filled, url.contains("sslmode=disable"));
            asked.others(store, intent, &names);
        }
    }
    asked.around(store, intent, &names);
    for cache in intent.job.caches.iter().filter(|c| c.required) {
        let server = cache::server(cache);
        match cache::answers(cache) {
            Ok(()) => asked.ok("cache", format!("{server} answers")),
            Err(why) => {
                let hint = "nothing was written; the job says that the cache must answer first (`required`)";
                asked.say(Answer::Failed, "cache", "cache-unreachable", format!("the cache at {server} does not answer: {why}"), hint);
            }
        }
    }
    asked
}

/// The tables that the job's sources fill.
fn filled(job: &Job) -> Vec<Filled> {
    let mut found: Vec<Filled> = Vec::new();
    let mut add = |name: &str, certain: bool| match found.iter_mut().find(|t| t.name == name) {
        Some(there) => there.certain |= certain,
        None => found.push(Filled { name: name.to_owned(), certain }),
    };
    let [tenant, bill, ledger, config] =
        [tables::tenant(job), tables::electricity_bill(job), tables::ledger(job), tables::config(job)].map(|t| t.name);
    for source in &job.sources {
        match (source.table, source.format.name()) {
            (Some(at), _) => add(&job.tables[at].table.name, true),
            (None, "rent-history-json") => [&ledger, &config].into_iter().for_each(|t| add(t, true)),
            (None, "electricity-bills-text") => add(&bill, true),
            // What its records are is seen when they are read.
            (None, _) => [&tenant, &bill, &config].into_iter().for_each(|t| add(t, false)),
        }
    }
    found
}

impl Preflight {
    fn ok(&mut self, name: &str, detail: impl Into<String>) {
        self.items.push(Item { name: name.to_owned(), status: Answer::Ok, detail: detail.into() });
    }

    fn not_run(&mut self, name: &str, why: impl Into<String>) {
        self.items.push(Item { name: name.to_owned(), status: Answer::NotRun, detail: why.into() });
    }

    fn say(&mut self, status: Answer, name: &str, code: &str, message: String, hint: &str) {
        let severity = if status == Answer::Failed { Severity::Error } else { Severity::Warning };
        self.items.push(Item { name: name.to_owned(), status, detail: message.clone() });
        self.findings.push(Finding::new(severity, Subject::Database, code, message, hint));
    }

    /// An SQLite file: that it can be written, has room, and is not in somebody's hands.
    fn file(&mut self, store: &mut Store, path: &Path, names: &[&str]) {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let version = store.select(&["sqlite_version()"], "", &[]).ok().and_then(|rows| rows.into_iter().next()?.into_iter().next()?);
        self.ok("connection", format!("SQLite {}, {}", version.unwrap_or_default(), path.display()));
        let closed = [folder, path].into_iter().find(|p| p.exists() && access(*p, Access::WRITE_OK).is_err());
        match closed {
            None => self.ok("writable", "the file and its folder can be written to"),
            Some(closed) => {
                let hint = "the database, and its folder for the journal, must belong to the user who runs this, or be open to them";
                self.say(Answer::Failed, "writable", "not-writable", format!("{} cannot be written to", closed.display()), hint);
            }
        }
        match store.journal() {
            Ok((mode, false)) => self.ok("journal", format!("journal mode {mode}, and nobody is at it")),
            Ok((mode, true)) => {
                let message =
                    format!("another program is at {} at this moment (journal mode {mode}); which one SQLite does not say", path.display());
                self.say(
                    Answer::Warning,
                    "journal",
                    "in-use",
                    message,
                    "the run waits five seconds for it; stop the app, if it keeps on writing",
                );
            }
            Err(stop) => self.not_run("journal", stop.message),
        }
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        let size: u64 = [path, Path::new(&wal)].into_iter().filter_map(|p| p.metadata().ok()).map(|m| m.len()).sum();
        match statvfs(folder) {
            Ok(disk) => self.space(size, disk.f_bavail.saturating_mul(disk.f_frsize)),
            Err(error) => self.not_run("space", format!("the folder's file system does not say: {error}")),
        }
        let (of, which) = if size > WHOLE {
            (names, " of the job's tables; the database is too large to look through for others")
        } else {
            (&names[..0], "")
        };
        let found = store.orphans(of);
        self.orphans(found, &format!("no row points to one that is not there{which}"));
    }

    /// A journal may become as large as the database, and so may a copy of it.
    fn space(&mut self, size: u64, free: u64) {
        let detail = format!("{} free, for a database of {}", megabytes(free), megabytes(size));
        let hint = "a run may need the size of the database again for its journal, and once more for a copy: make room first";
        if free < (1 << 20) {
            self.say(Answer::Failed, "space", "no-space", format!("the disk is full: {detail}"), hint);
        } else if free / 3 < size {
            self.say(Answer::Warning, "space", "little-space", detail, hint);
        } else {
            self.ok("space", detail);
        }
    }

    /// A PostgreSQL server: that it is the right one, takes writes, and lets us.
    fn server(&mut self, store: &mut Store, intent: &Intent<'_>, filled: &[Filled], in_the_clear: bool) {
        let server = match store.server() {
            Ok(server) => server,
            Err(stop) => {
                for name in ["connection", "tls", "writable", "privileges", "space"] {
                    self.not_run(name, &stop.message);
                }
                return;
            }
        };
        let who = format!("PostgreSQL {} as {}", server.version, server.role);
        if server.number < OLDEST {
            let message = format!("this is {who}, and tieout needs PostgreSQL 12 or later");
            self.say(Answer::Failed, "connection", "server-too-old", message, "upgrade the server, or go by way of a copy on a newer one");
        } else {
            self.ok("connection", who);
        }
        match (&server.tls, server.remote) {
            (Some(tls), _) => self.ok("tls", tls.clone()),
            (None, true) if !in_the_clear => {
                let message = "the connection goes over a network and is not encrypted".to_owned();
                let hint = "add sslmode=verify-full and sslrootcert=FILE to the address; sslmode=disable says that it is meant";
                self.say(Answer::Warning, "tls", "not-encrypted", message, hint);
            }
            (None, remote) => {
                self.ok("tls", if remote { "not encrypted, as the address says" } else { "not encrypted, and on this machine" })
            }
        }
        if server.standby {
            let message = "the server is a standby, which follows another one and takes no writes".to_owned();
            self.say(
                Answer::Failed,
                "writable",
                "not-writable",
                message,
                "name the primary; target_session_attrs=primary finds it among several hosts",
            );
        } else if server.read_only {
            let message = "transactions are read-only there (default_transaction_read_only)".to_owned();
            let hint = "somebody has closed the database to writers, or the role: find out why before you open it";
            self.say(Answer::Failed, "writable", "not-writable", message, hint);
        } else {
            self.ok("writable", "a primary that takes writes");
        }
        self.privileges(store, intent, filled, &server);
        let size = megabytes(server.size);
        self.not_run("space", format!("the database has {size}; what room its server has cannot be asked over a connection"));
        let found = store.orphans(&[]);
        self.orphans(found, "every foreign key is validated, or holds");
    }

    fn orphans(&mut self, found: crate::error::Result<Vec<Orphans>>, none: &str) {
        match found {
            Err(stop) => self.not_run("orphans", stop.message),
            Ok(found) if found.is_empty() => self.ok("orphans", none),
            Ok(found) => found.iter().for_each(|o| {
                let more = if o.count > o.values.len() && !o.values.is_empty() { " …" } else { "" };
                let values = if o.values.is_empty() { String::new() } else { format!(": {}{more}", o.values.join("; ")) };
                let rows = if o.count == 1 { "row points" } else { "rows point" };
                let message = format!("{} {rows} by {}.{} to what is not in {}{values}", o.count, o.table, o.columns, o.parent);
                let hint = "they were there before this run, which neither mends nor needs them; a rebuild of the table would";
                self.say(Answer::Warning, "orphans", "orphans", message, hint);
            }),
        }
    }

    /// Sessions that hold what we need, or that are open for long.
    fn others(&mut self, store: &mut Store, intent: &Intent<'_>, names: &[&str]) {
        match store.others(names, intent.writes, LONG) {
            Err(stop) => self.not_run("sessions", stop.message),
            Ok(sessions) if sessions.is_empty() => {
                self.ok("sessions", "nobody holds the job's tables, and no transaction is open for long")
            }
            Ok(sessions) => {
                for session in sessions {
                    let what = if session.tables.is_empty() {
                        "has had a transaction open".to_owned()
                    } else {
                        format!("holds a lock on {}", session.tables)
                    };
                    let message = format!("{} (pid {}) {what} since {}", session.who, session.pid, session.since);
                    let hint =
                        "the run waits ten seconds for a lock; end the session there, or let the server do it: pg_terminate_backend(PID)";
                    self.say(Answer::Warning, "sessions", "in-use", message, hint);
                }
            }
        }
    }

    /// What acts on the job's tables, or shows them.
    fn around(&mut self, store: &mut Store, intent: &Intent<'_>, names: &[&str]) {
        let together =
            |pairs: Vec<(String, String)>| pairs.into_iter().map(|(of, name)| format!("{name} (on {of})")).collect::<Vec<_>>().join(", ");
        match store.reactions(names) {
            Err(stop) => self.not_run("triggers", stop.message),
            Ok(found) if found.is_empty() => self.ok("triggers", "the job's tables have none"),
            Ok(found) if intent.writes => {
                let message = format!("the load sets off what the app has put there: {}", together(found));
                let hint = "see to it that mails, queues and copies of rows may come of an import; every row is read back all the same";
                self.say(Answer::Warning, "triggers", "triggers", message, hint);
            }
            Ok(found) => self.ok("triggers", format!("{}; nothing is written, so they rest", together(found))),
        }
        match store.views_of(names) {
            Err(stop) => self.not_run("views", stop.message),
            Ok(found) if found.is_empty() => self.ok("views", "none shows the job's tables"),
            Ok(found) => self.ok("views", together(found)),
        }
    }
}

/// A size, in MB.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_measured_by_the_size_of_the_database() {
        let status = |size: u64, free: u64| {
            let mut asked = Preflight::default();
            asked.space(size, free);
            (asked.items[0].status, asked.findings.len())
        };
        assert_eq!(status(100 << 20, 301 << 20), (Answer::Ok, 0));
        assert_eq!(status(100 << 20, 299 << 20), (Answer::Warning, 1));
        assert_eq!(status(0, 1000), (Answer::Failed, 1));
    }
}
